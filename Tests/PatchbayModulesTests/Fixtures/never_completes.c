/* Fault: returns PENDING and forgets the call. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("never-completes", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)call;
  (void)event;
  return PATCHBAY_PENDING;
}

FIXTURE("count", handle)
