/* patchbay/emit.h - patchbay.emit/1: new events from a handler. */
#ifndef PATCHBAY_SERVICE_EMIT_H
#define PATCHBAY_SERVICE_EMIT_H
#include "../patchbay.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_EMIT "patchbay.emit/1"

/* An event to be. The host copies it before the function that takes it returns. */
typedef struct patchbay_draft {
  uint32_t size;
  uint32_t flags; /* none defined */

  patchbay_str type;   /* required */
  patchbay_str source; /* empty: the handler's own, `//patchbay/<module>/<handler>` */
  patchbay_str subject;

  /* Empty: derived from the event being handled, the handler and the number of drafts before this one.
   *
   * Rationale: a rerun of the same attempt then repeats the same ids, and deduplication drops what was sent before.
   * An id of the author's own must be as repeatable. */
  patchbay_str id;

  /* Empty: application/json when there is data. */
  patchbay_str datacontenttype;

  /* Extension attributes: names of a-z and 0-9. Trace, causation and correlation are filled in by the host, unless
   * given here. */
  const patchbay_kv *ext;
  uint64_t ext_count;

  const uint8_t *data;
  uint64_t data_len;

  /* Held back until then, in nanoseconds since the Unix epoch. 0: at once. */
  uint64_t not_before_ns;
} patchbay_draft;

typedef struct patchbay_emit {
  uint32_t size;
  uint32_t reserved;

  /* Adds an event to the call. Held until the call completes PATCHBAY_DONE and committed together with its state and
   * timers; dropped after any other outcome. PATCHBAY_E_ARG: no type, or a malformed attribute; PATCHBAY_E_LIMIT: too
   * large, too many, or more pending in the log than it may keep: emit later; PATCHBAY_E_STALE: the call is over. (in) [any] */
  patchbay_status (*add)(const patchbay_host *host, patchbay_call call, const patchbay_draft *draft);
} patchbay_emit;

#ifdef __cplusplus
}
#endif
#endif
