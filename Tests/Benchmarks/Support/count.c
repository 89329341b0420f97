/* Three handlers that count, A, B and C of the W1 benchmark, and one that does nothing. */
#include <patchbay/handler.h>
#include <stdatomic.h>

static _Atomic uint64_t seen[3];

PATCHBAY_HANDLER(a) {
  atomic_fetch_add_explicit(&seen[0], 1, memory_order_relaxed);
  return patchbay_done();
}

PATCHBAY_HANDLER(b) {
  atomic_fetch_add_explicit(&seen[1], 1, memory_order_relaxed);
  return patchbay_done();
}

PATCHBAY_HANDLER(c) {
  atomic_fetch_add_explicit(&seen[2], 1, memory_order_relaxed);
  return patchbay_done();
}

/* Nothing but the call itself. */
PATCHBAY_HANDLER(noop) { return patchbay_done(); }

PATCHBAY_MODULE((a, b, c, noop), "name": "count", "version": "1.0.0", "handlers": [
  {"id": "a", "blocking": false}, {"id": "b", "blocking": false}, {"id": "c", "blocking": false},
  {"id": "noop", "blocking": false}])
