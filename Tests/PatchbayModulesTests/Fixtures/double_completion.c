/* Fault: completes every call twice. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("double-completion", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)event;
  const patchbay_result second = {.size = sizeof second, .outcome = PATCHBAY_FAIL};
  fixture_host->complete(fixture_host, call, NULL);
  fixture_host->complete(fixture_host, call, &second);
  return PATCHBAY_OK;
}

FIXTURE("count", handle)
