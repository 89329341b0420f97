/* patchbay/state.h - patchbay.state/1: a small key-value store per handler. */
#ifndef PATCHBAY_SERVICE_STATE_H
#define PATCHBAY_SERVICE_STATE_H
#include "../patchbay.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_STATE "patchbay.state/1"

/* `rev` of put and del that is not compared. */
#define PATCHBAY_STATE_ANY 0xFFFFFFFFFFFFFFFFull

/* Keys belong to (module instance, handler, tenant). A call reads its own writes. Writes are held until the call
 * completes PATCHBAY_DONE and committed together with its emitted events and timers; dropped after any other outcome.
 *
 * Rationale: revisions are compared when a write is made and again at the commit. When another call committed in
 * between, the host runs this call again without charging an attempt, so the outcome never rests on stale state. */
typedef struct patchbay_state {
  uint32_t size;
  uint32_t reserved;

  /* Reads the value of `key` into `buf`. `*len` is the room in `buf` before, and the value's length after. When the
   * room is too small nothing is copied and the status is PATCHBAY_E_LIMIT. `*rev` becomes the value's revision, never
   * 0; `rev` may be NULL. PATCHBAY_E_NOT_FOUND: no such key, `*len` and `*rev` become 0. (in) [any] */
  patchbay_status (*get)(const patchbay_host *host, patchbay_call call, patchbay_str key, uint8_t *buf, uint64_t *len,
                         uint64_t *rev);

  /* Removes `key` if its revision is `rev`, or PATCHBAY_STATE_ANY. PATCHBAY_E_CONFLICT: it has another one;
   * PATCHBAY_E_NOT_FOUND: no such key. (in) [any] */
  patchbay_status (*del)(const patchbay_host *host, patchbay_call call, patchbay_str key, uint64_t rev);

  /* Stores `len` bytes if the revision is `rev`: 0 only creates, PATCHBAY_STATE_ANY always stores. `ttl_ns` after the
   * commit the key is gone; 0: it stays. PATCHBAY_E_CONFLICT: another revision; PATCHBAY_E_LIMIT: key or value too
   * large, too much in one call, or the store is full. (in) [any] */
  patchbay_status (*put)(const patchbay_host *host, patchbay_call call, patchbay_str key, const uint8_t *value,
                         uint64_t len, uint64_t rev, uint64_t ttl_ns);
} patchbay_state;

#ifdef __cplusplus
}
#endif
#endif
