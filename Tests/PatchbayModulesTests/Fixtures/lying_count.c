/* Fault: the code claims more handlers than the manifest, and than there are. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("lying-count", "count"));

static const patchbay_handler *const handlers[] = {NULL};
static const patchbay_module module = {
  .size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 1000000};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)host;
  *out = &module;
  return PATCHBAY_OK;
}
