/* Fault: returns PENDING, and completes two seconds after it was asked to cancel: long after the host closed the call. */
#include "fixture.h"
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

PATCHBAY_MANIFEST(MANIFEST_OF("late-completion", "count"));

static void *complete_late(void *call) {
  sleep(2);
  fixture_host->complete(fixture_host, (patchbay_call)(uintptr_t)call, NULL);
  return NULL;
}

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)call;
  (void)event;
  return PATCHBAY_PENDING;
}

static void cancel(patchbay_inst *inst, patchbay_call call, int32_t why) {
  (void)inst;
  (void)why;
  pthread_t thread;
  if (pthread_create(&thread, NULL, complete_late, (void *)(uintptr_t)call) == 0) pthread_detach(thread);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = fixture_create, .handle = handle, .cancel = cancel,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
