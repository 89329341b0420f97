/* Fault: ends the process when it gets more than one event at once. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"bad-batch\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\", \"batch\": {\"max\": 64}}]}");

static patchbay_status handle_batch(patchbay_inst *inst, uint64_t n, const patchbay_call *calls,
                                    const patchbay_event *const *events) {
  if (n > 1) abort();
  return fixture_handle(inst, calls[0], events[0]);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = fixture_create, .handle = fixture_handle,
  .handle_batch = handle_batch, .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
