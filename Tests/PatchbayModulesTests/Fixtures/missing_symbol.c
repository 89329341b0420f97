/* Fault: the entry function has another name. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("missing-symbol", "count"));

PATCHBAY_EXPORT int entry_by_another_name(void);
int entry_by_another_name(void) { return 0; }
