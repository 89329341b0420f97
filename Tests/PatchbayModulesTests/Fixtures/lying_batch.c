/* Fault: the manifest offers batches, the code has no handle_batch. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"lying-batch\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\", \"batch\": {\"max\": 64}}]}");

FIXTURE("count", fixture_handle)
