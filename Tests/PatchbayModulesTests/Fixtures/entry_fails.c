/* Fault: the entry refuses, with a message. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("entry-fails", "count"));

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)out;
  host->set_error(host, STR("licence expired"));
  return PATCHBAY_E_STATE;
}
