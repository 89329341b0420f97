/* One of many correct modules; its constructor shows whether the host ran any of its code. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(MANIFEST_OF("numbered-" NUMBER, "count"));

__attribute__((constructor)) static void constructor(void) { setenv("PATCHBAY_FIXTURE_RAN", "1", 1); }

FIXTURE("count", fixture_handle)
