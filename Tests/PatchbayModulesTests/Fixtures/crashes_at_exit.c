/* Fault: its destructor, which runs when the process exits, uses what `destroy` has freed. */
#include "fixture.h"
#include <stdlib.h>

PATCHBAY_MANIFEST(MANIFEST_OF("crashes-at-exit", "count"));

static int *volatile kept;

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  kept = calloc(1, sizeof *kept);
  return kept ? fixture_create(host, config, out) : PATCHBAY_E_NOMEM;
}

static void destroy(patchbay_inst *inst) {
  (void)inst;
  free(kept);
  kept = NULL;
}

__attribute__((destructor)) static void last(void) { *kept += 1; }

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = destroy};
FIXTURE_ENTRY(handler)
