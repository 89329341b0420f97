/* Fault: ends the process when a call is cancelled. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(MANIFEST_OF("bad-cancel", "count"));

static void cancel(patchbay_inst *inst, patchbay_call call, int32_t why) {
  (void)inst;
  (void)call;
  (void)why;
  abort();
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = fixture_create, .handle = fixture_handle,
  .cancel = cancel, .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
