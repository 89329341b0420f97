/* Fault: requires a service that this host lacks. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"unknown-service\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"requires\": [\"patchbay.logger/1\", \"patchbay.emit/0\", \"com.acme.teleport/3\"], \"handlers\": [{\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
