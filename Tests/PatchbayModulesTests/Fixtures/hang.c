/* Fault: handle never returns. */
#include "fixture.h"
#include <unistd.h>

PATCHBAY_MANIFEST(MANIFEST_OF("hang", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)call;
  (void)event;
  for (volatile int forever = 1; forever;) pause();
  return PATCHBAY_OK;
}

FIXTURE("count", handle)
