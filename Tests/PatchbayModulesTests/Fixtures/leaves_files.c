/* Fault: opens a file in every instance and closes none. */
#include "fixture.h"
#include <fcntl.h>

PATCHBAY_MANIFEST(MANIFEST_OF("leaves-files", "count"));

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return PATCHBAY_E_INTERNAL;
  return fixture_create(host, config, out);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
FIXTURE_ENTRY(handler)
