/* Fault: JSON, but five keys are wrong. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"Wrong Manifest\", \"version\": \"1\", \"runtime\": \"c\", "
  "\"linkage\": \"loose\", \"handlers\": [{\"id\": \"count\", \"concurrency\": -1}, {\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
