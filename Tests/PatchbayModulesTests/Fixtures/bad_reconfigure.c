/* Fault: ends the process when it gets a new configuration. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"bad-reconfigure\", \"version\": \"1.0.0\", "
  "\"runtime\": \"c\", \"handlers\": [{\"id\": \"count\", \"config\": {\"type\": \"object\", \"properties\": "
  "{\"step\": {\"type\": \"integer\"}}}}]}");

static patchbay_status reconfigure(patchbay_inst *inst, patchbay_str config) {
  (void)inst;
  (void)config;
  abort();
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = fixture_create, .handle = fixture_handle,
  .reconfigure = reconfigure, .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
