/* Fault (a warning): exports a helper and a variable beside its entry. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("extra-exports", "count"));

PATCHBAY_EXPORT int helper_that_should_be_hidden(void);
int helper_that_should_be_hidden(void) { return 1; }
PATCHBAY_EXPORT int variable_that_should_be_hidden = 1;

FIXTURE("count", fixture_handle)
