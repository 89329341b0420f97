/* Fault: a thread of its own outlives its instance. */
#include "fixture.h"
#include <pthread.h>
#include <unistd.h>

PATCHBAY_MANIFEST(MANIFEST_OF("leaves-threads", "count"));

static void *stay(void *unused) {
  for (volatile int forever = 1; forever;) pause();
  return unused;
}

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, stay, NULL) != 0) return PATCHBAY_E_NOMEM;
  pthread_detach(thread);
  return fixture_create(host, config, out);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
