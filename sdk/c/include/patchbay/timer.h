/* patchbay/timer.h - patchbay.timer/1: events to oneself, later. */
#ifndef PATCHBAY_SERVICE_TIMER_H
#define PATCHBAY_SERVICE_TIMER_H
#include "emit.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_TIMER "patchbay.timer/1"

/* Extension attribute of the event that a timer delivers: the timer's key. */
#define PATCHBAY_TIMER_ATTRIBUTE "timerkey"

/* Timers belong to (module instance, handler, tenant) and have a key there. Setting and cancelling is held until the
 * call completes PATCHBAY_DONE and committed together with its emitted events and state; dropped after any other
 * outcome. A call sees its own settings. */
typedef struct patchbay_timer {
  uint32_t size;
  uint32_t reserved;

  /* At `draft->not_before_ns` (Unix time; what lies in the past fires at once) delivers the drafted event to this very
   * handler and to no other, whatever the routes say. Replaces a timer of the same key that has not fired. The event
   * carries PATCHBAY_TIMER_ATTRIBUTE; `draft->id` empty derives an id that a rerun repeats. PATCHBAY_E_ARG: no type, no
   * time or an empty key; PATCHBAY_E_LIMIT: too many; PATCHBAY_E_STALE: the call is over. (in) [any]
   *
   * Rationale: a timer is delivered like every event, so it is retried, traced and dead-lettered as they are. */
  patchbay_status (*set)(const patchbay_host *host, patchbay_call call, patchbay_str key, const patchbay_draft *draft);

  /* Cancels the timer of this key. PATCHBAY_E_NOT_FOUND: none is set. An event that has fired already is not taken
   * back: it may be running or waiting for its next attempt. (in) [any] */
  patchbay_status (*cancel)(const patchbay_host *host, patchbay_call call, patchbay_str key);
} patchbay_timer;

#ifdef __cplusplus
}
#endif
#endif
