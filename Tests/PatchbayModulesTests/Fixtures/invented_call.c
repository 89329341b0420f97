/* Fault: completes a call that never existed, and leaves its own to the host. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("invented-call", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)event;
  fixture_host->complete(fixture_host, call + (1ull << 40), NULL);
  return PATCHBAY_OK;
}

FIXTURE("count", handle)
