/* patchbay/draft/stream.h - patchbay.stream/0: append to streams of events, and read them.
 *
 * Draft. Modules in processes of their own pass the same tests as those in the host's, and what is here is meant to keep
 * its place and its meaning; but subscriptions are new, and whoever uses them first may still find what is missing. The id
 * becomes patchbay.stream/1 when a release has carried them. */
#ifndef PATCHBAY_DRAFT_STREAM_H
#define PATCHBAY_DRAFT_STREAM_H
#include "../emit.h"
#ifdef __cplusplus
extern "C" {
#endif

#define PATCHBAY_STREAM "patchbay.stream/0"

/* `expected` of append that is no revision: not compared; the stream exists; it does not. */
#define PATCHBAY_STREAM_ANY 0xFFFFFFFFFFFFFFFFull
#define PATCHBAY_STREAM_EXISTS 0xFFFFFFFFFFFFFFFEull
#define PATCHBAY_STREAM_NONE 0xFFFFFFFFFFFFFFFDull

/* `from` of subscribe that is no revision: what is appended from the commit on. */
#define PATCHBAY_STREAM_END 0xFFFFFFFFFFFFFFFCull

/* Extension attributes of the events that a subscription delivers: the stream, the event's revision there as a decimal
 * number, and the subscription's name. */
#define PATCHBAY_STREAM_NAME_ATTRIBUTE "streamname"
#define PATCHBAY_STREAM_REVISION_ATTRIBUTE "streamrevision"
#define PATCHBAY_SUBSCRIPTION_ATTRIBUTE "subscription"

/* Flag of read and query: from the given revision down. */
#define PATCHBAY_STREAM_BACKWARD 1u

/* An event of a stream as it is read. (in) */
typedef struct patchbay_stream_event {
  uint32_t size;
  uint32_t reserved;
  uint64_t revision;
  uint64_t appended_ns; /* when it was appended, nanoseconds since the Unix epoch */
  patchbay_str id;
  patchbay_str source;
  patchbay_str type;
  patchbay_str json; /* all of it: a structured CloudEvent */
} patchbay_stream_event;

/* Gets one event; anything but 0 ends the reading. It may call the host's other functions. */
typedef int32_t (*patchbay_stream_visit)(void *context, const patchbay_stream_event *event);

/* Which events a query shows: those for which all of this holds. What is 0, or an empty text, is no condition. (in) */
typedef struct patchbay_stream_filter {
  uint32_t size;
  uint32_t flags;           /* PATCHBAY_STREAM_BACKWARD */
  uint64_t from;            /* begin with this revision; with PATCHBAY_STREAM_BACKWARD go down from it */
  uint64_t since_ns;        /* appended then or later, nanoseconds since the Unix epoch */
  uint64_t as_of_ns;        /* appended then or before: the stream as it was, but for what was truncated since */
  patchbay_str type;        /* a pattern as routes have it: `*` is one token, `**` the rest */
  patchbay_str correlation; /* the event's `correlationid` */
} patchbay_stream_filter;

/* Streams are shared by all handlers of a host: a name with events in order, whose revisions count from 0. Appends and
 * snapshots are held until the call completes PATCHBAY_DONE and committed together with its emitted events, state and
 * timers; dropped after any other outcome. Reading shows what is committed.
 *
 * Rationale: revisions are compared when an append is made and again at the commit. When somebody else appended in
 * between, the host runs this call again without charging an attempt, so the outcome never rests on an old stream. */
typedef struct patchbay_stream {
  uint32_t size;
  uint32_t reserved;

  /* Appends `count` events to `stream`, after those that this call has appended to it before, if its last revision is
   * `expected` (those of this call included), or one of the constants above holds. `drafts` are as in patchbay.emit,
   * whose `not_before_ns` has to be 0; an empty id is derived, and trace, causation and correlation are filled in, as
   * there. `*revision` (may be NULL) becomes the first event's revision, with PATCHBAY_STREAM_ANY and _EXISTS unless
   * somebody else appends before the commit; after PATCHBAY_E_CONFLICT the revision that the stream has, or
   * PATCHBAY_STREAM_NONE. Events that are in the stream already when the call is committed, in this order and where they
   * are expected, change nothing. PATCHBAY_E_CONFLICT: another revision; PATCHBAY_E_STATE: the stream is deleted;
   * PATCHBAY_E_ARG: no event, or a malformed name or draft; PATCHBAY_E_LIMIT: too many or too large;
   * PATCHBAY_E_STALE: the call is over. (in) [any] */
  patchbay_status (*append)(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                            const patchbay_draft *const *drafts, uint64_t count, uint64_t expected,
                            uint64_t *revision);

  /* The first revision of `stream` that is not truncated, and the one that comes next, as they are committed. Either
   * pointer may be NULL. PATCHBAY_E_NOT_FOUND: no such stream, both become 0; PATCHBAY_E_STATE: it is deleted. [any] */
  patchbay_status (*head)(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t *first,
                          uint64_t *next);

  /* Shows at most `count` events of `stream` to `visit`, from the revision `from` on, or down with
   * PATCHBAY_STREAM_BACKWARD; what is truncated is passed over. A page has at most 1000 events; the next one begins behind
   * the last revision. May read from disk. PATCHBAY_E_NOT_FOUND: no such stream; PATCHBAY_E_STATE: it is deleted;
   * PATCHBAY_E_INTERNAL: the disk failed. [any] */
  patchbay_status (*read)(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t from,
                          uint64_t count, uint32_t flags, patchbay_stream_visit visit, void *context);

  /* Reads the latest snapshot of `stream` at the revision `at` or before into `buf`, as patchbay_state.get does;
   * `*revision` becomes the last one that it includes. PATCHBAY_E_NOT_FOUND: there is none, `*len` becomes 0;
   * PATCHBAY_E_LIMIT: the room is too small, `*len` says how much is needed. [any] */
  patchbay_status (*snapshot_get)(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t at,
                                  uint8_t *buf, uint64_t *len, uint64_t *revision);

  /* Keeps `len` bytes as what the events up to `revision` amount to; events that this call appends count. The newest 16
   * of a stream are kept. PATCHBAY_E_NOT_FOUND: the stream has no such revision; PATCHBAY_E_LIMIT: too large. (in) [any] */
  patchbay_status (*snapshot_put)(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t revision,
                                  const uint8_t *bytes, uint64_t len);

  /* Like read, for what `filter` takes: shows at most `count` events, 1000 at most, and looks at no more than 10000.
   * `*next` (may be NULL) becomes the `from` with which the next query goes on, or PATCHBAY_STREAM_NONE when it has seen
   * all. PATCHBAY_E_ARG: a malformed name or pattern; the rest as with read. (in) [any] */
  patchbay_status (*query)(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                           const patchbay_stream_filter *filter, uint64_t count, patchbay_stream_visit visit,
                           void *context, uint64_t *next);

  /* From now on delivers the events of `stream` to this very handler and to no other, whatever the routes say: those
   * that are there from `filter->from` on, then each as it is appended, in their order and one at a time. Each is tried
   * by the default policies until it is done or a dead letter; then the next one comes. Delivered is the event as it was
   * appended, with the three attributes above; what is truncated is passed over, a stream that is not there is waited
   * for. Held until the call completes PATCHBAY_DONE, like the call's other effects. With `call` 0 within `create`: the
   * handler has it from its start.
   *
   * `name` is the handler's own, 1 to 256 bytes. A subscription that is there and reads this stream keeps its place,
   * which is kept with the log, so subscribing is repeatable; of another stream, it begins anew. `filter` (NULL: all
   * from revision 0) chooses by `from`, `type` and `correlation` (1,024 bytes each); its `flags`, `since_ns` and
   * `as_of_ns` have to be 0.
   * PATCHBAY_E_ARG: a malformed name, filter or pattern; PATCHBAY_E_LIMIT: too many, or too long a text;
   * PATCHBAY_E_STALE: the call is over. (in) [any]
   *
   * Rationale: the place moves together with the acceptance of what it stands for, so nothing is left out and the
   * ledger knows every delivery; no more than 256 events of a subscription are delivered and not settled. */
  patchbay_status (*subscribe)(const patchbay_host *host, patchbay_call call, patchbay_str name, patchbay_str stream,
                               const patchbay_stream_filter *filter);

  /* Ends the handler's subscription of this name and forgets its place. What is delivered already is not taken back.
   * PATCHBAY_E_NOT_FOUND: there is none; within `create`, with `call` 0, that is PATCHBAY_OK. (in) [any] */
  patchbay_status (*unsubscribe)(const patchbay_host *host, patchbay_call call, patchbay_str name);
} patchbay_stream;

#ifdef __cplusplus
}
#endif
#endif
