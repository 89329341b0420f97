/* Fault: closes what is not its own, and then create never returns. */
#include "fixture.h"
#include <unistd.h>

PATCHBAY_MANIFEST(MANIFEST_OF("closes-files", "count"));

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  for (int file = 3; file < 1024; file++) close(file);
#ifndef RETURNS
  for (volatile int forever = 1; forever;) pause();
#endif
  return fixture_create(host, config, out);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
