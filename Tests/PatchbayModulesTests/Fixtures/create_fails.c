/* Fault: create refuses, with a message. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("create-fails", "count"));

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  (void)config;
  (void)out;
  host->set_error(host, STR("cannot reach db.example.com"));
  return PATCHBAY_E_INTERNAL;
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
