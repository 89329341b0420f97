/* Fault: keeps a little memory of every call. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(MANIFEST_OF("leaks", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  char *volatile kept = malloc(100);
  if (kept) kept[0] = 1;
  return fixture_handle(inst, call, event);
}

FIXTURE("count", handle)
