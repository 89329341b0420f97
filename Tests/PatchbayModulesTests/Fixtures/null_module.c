/* Fault: the entry succeeds and hands out nothing. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("null-module", "count"));

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)host;
  (void)out;
  return PATCHBAY_OK;
}
