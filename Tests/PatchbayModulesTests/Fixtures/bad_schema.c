/* Fault: the configuration's schema is none. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"bad-schema\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\", \"config\": {\"type\": 7}}]}");

FIXTURE("count", fixture_handle)
