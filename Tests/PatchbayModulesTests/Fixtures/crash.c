/* Fault: dereferences NULL in handle. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("crash", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)call;
  (void)event;
  volatile int *nowhere = NULL;
  *nowhere = 1;
  return PATCHBAY_OK;
}

FIXTURE("count", handle)
