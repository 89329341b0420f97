/* Fault: no handle function. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("null-handle", "count"));

FIXTURE("count", NULL)
