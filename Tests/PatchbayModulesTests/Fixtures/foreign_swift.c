/* Fault: claims a Swift compiler of another version. Linked with a library named like the Swift runtime. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"foreign-swift\", \"version\": \"1.0.0\", "
  "\"runtime\": \"swift\", \"runtimeVersion\": \"5.9.2\", \"linkage\": \"shared\", "
  "\"handlers\": [{\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
