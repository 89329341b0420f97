/* Fault: calls a function that no library defines. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("undefined-symbol", "count"));

extern patchbay_status nobody_defines_this(patchbay_inst *, patchbay_call, const patchbay_event *);

FIXTURE("count", nobody_defines_this)
