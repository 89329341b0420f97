/* Fault: no create function. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("null-create", "count"));

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .handle = fixture_handle, .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
