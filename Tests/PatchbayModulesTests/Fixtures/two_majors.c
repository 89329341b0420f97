/* Fault: the note says major 1, the manifest inside says 2. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 2, \"minor\": 0}, \"name\": \"two-majors\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"handlers\": [{\"id\": \"count\"}]}");

FIXTURE("count", fixture_handle)
