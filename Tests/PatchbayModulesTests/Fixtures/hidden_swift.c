/* Fault: has a section that only the Swift compiler writes, and says runtime C. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("hidden-swift", "count"));

__attribute__((section("swift5_protocols"), used)) static const int record = 1;

FIXTURE("count", fixture_handle)
