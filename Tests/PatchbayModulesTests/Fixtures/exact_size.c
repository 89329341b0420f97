/* Fault: takes a host only whose table is exactly as long as the header's. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("exact-size", "count"));

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  if (host->size != sizeof *host) return PATCHBAY_E_UNSUPPORTED;
  return fixture_create(host, config, out);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
