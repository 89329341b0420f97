/* Fault: the manifest names another handler than the code has. */
#include "fixture.h"

PATCHBAY_MANIFEST(MANIFEST_OF("lying-manifest", "charge"));

FIXTURE("count", fixture_handle)
