/* Fault: its schema admits a size of 0, and it divides by it. */
#define _GNU_SOURCE
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"bad-config\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\", \"config\": {\"type\": \"object\", \"properties\": "
  "{\"size\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 9}}}}]}");

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  const char *found = memmem(config.ptr, config.len, "\"size\":", 7);
  volatile int share = found ? 100 / atoi(found + 7) : 100;
  return share < 0 ? PATCHBAY_E_ARG : fixture_create(host, config, out);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
