/* Fault: the manifest is cut off. */
#include "fixture.h"

PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"corrupt");

FIXTURE("count", fixture_handle)
