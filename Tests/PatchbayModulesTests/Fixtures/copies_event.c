/* Fault: copies as much of an event as it says it has into room for what the header knows. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("copies-event", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  struct {
    patchbay_event copy;
    volatile uint64_t behind;
  } room = {.behind = 0x5AFE};
  char *to = (char *)&room.copy;
  for (uint32_t i = 0; i < event->size; i++) to[i] = ((const char *)event)[i];
  if (room.behind != 0x5AFE) __builtin_trap();
  return fixture_handle(inst, call, event);
}

FIXTURE("count", handle)
