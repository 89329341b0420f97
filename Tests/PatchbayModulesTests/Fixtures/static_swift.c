/* Fault: says that it brings a Swift runtime of its own. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"static-swift\", \"version\": \"1.0.0\", "
  "\"runtime\": \"swift\", \"runtimeVersion\": \"6.3\", \"linkage\": \"static\", "
  "\"handlers\": [{\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
