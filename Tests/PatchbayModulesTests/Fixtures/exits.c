/* Fault: ends the process in handle. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(MANIFEST_OF("exits", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)call;
  (void)event;
  exit(42);
}

FIXTURE("count", handle)
