/* Fault: takes it for granted that there is a logger, which its manifest does not require. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("trusts-services", "count"));

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  const patchbay_logger *logger = fixture_host->service(fixture_host, STR(PATCHBAY_LOGGER));
  logger->write(fixture_host, call, PATCHBAY_LOG_INFO, STR("counted"), NULL, 0);
  return fixture_handle(inst, call, event);
}

FIXTURE("count", handle)
