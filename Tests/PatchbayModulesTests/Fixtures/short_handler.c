/* Fault: the handler's structure is shorter than major 1 ever was. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("short-handler", "count"));

static const patchbay_handler handler = {.size = 32, .id = {"count", 5}};
FIXTURE_ENTRY(handler)
