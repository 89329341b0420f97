/* Fault: the module's structure is shorter than major 1 ever was. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("short-module", "count"));

static const patchbay_module module = {.size = 16};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)host;
  *out = &module;
  return PATCHBAY_OK;
}
