/* Fault: says that any number of calls may run at once, and cannot bear two. */
#include "fixture.h"
#include <sched.h>

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"not-thread-safe\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\", \"concurrency\": 0}]}");

static volatile int inside;

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  if (__atomic_exchange_n(&inside, 1, __ATOMIC_ACQ_REL)) __builtin_trap();
  for (int i = 0; i < 100; i++) sched_yield();
  __atomic_store_n(&inside, 0, __ATOMIC_RELEASE);
  return fixture_handle(inst, call, event);
}

FIXTURE("count", handle)
