/* Fault: built for ABI major 2. */
#undef PATCHBAY_ABI_MAJOR
#include "fixture.h"
#undef PATCHBAY_ABI_MAJOR
#define PATCHBAY_ABI_MAJOR 2

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 2, \"minor\": 0}, \"name\": \"wrong-major\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
