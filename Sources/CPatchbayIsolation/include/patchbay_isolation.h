/* patchbay_isolation.h - the handler ABI between two processes: the host's end, and the worker's.
 *
 * A *space* is memory that the host shares with one worker process, with what the host alone knows of it: which calls
 * are open and where their events lie. The host runs calls in it (`pbi_run`) and meanwhile serves what the module asks
 * of the host's services. A *client* is the worker's end: host pointers for modules whose services go through the space.
 *
 * Nothing that the worker wrote is trusted: it is copied, checked, and then passed to the host's own service tables,
 * which check it once more. */
#ifndef PATCHBAY_ISOLATION_H
#define PATCHBAY_ISOLATION_H
#include <stdint.h>

#include "patchbay.h"

/* ---- Both ends --------------------------------------------------------------------------------------------------- */

/* The id under which both ends know the service that a module calls `id`: services that were frozen as they were have
 * one table under two ids, patchbay.emit/0 and patchbay.emit/1. Other ids are returned as they are. [any thread] */
patchbay_str pbi_service_id(patchbay_str id);

/* ---- The host's end --------------------------------------------------------------------------------------------- */

typedef struct pbi_space pbi_space;

/* What becomes of answers to requests that a module sent through patchbay.http or patchbay.mail. [any thread] */
typedef struct pbi_owner {
  void *context;
  void (*retain)(void *context); /* one for each request under way */
  void (*release)(void *context);
  /* Takes `message` over, to be passed on with `pbi_tell` and freed. */
  void (*answered)(void *context, uint8_t *message, uint64_t length);
} pbi_owner;

/* Memory for one worker, and its doorbell; `files` become the descriptors of both, which the space closes. NULL and errno
 * on failure. `host` says what the host is called and which messages its log would keep. */
pbi_space *pbi_space_new(const patchbay_host *host, int32_t files[2], pbi_owner owner);
/* Nobody may be inside any more. Releases the owner once. */
void pbi_space_free(pbi_space *space);

/* The worker is gone: ends every wait. [any thread] */
void pbi_space_bury(pbi_space *space);
/* The process is stopping: `cancelled` says so from now on. [any thread] */
void pbi_space_stop(pbi_space *space);

/* Puts an event into the space for a call of the host; gives the number of its slot, or 0 when there is no room now,
 * PBI_NEVER_FITS when there never is. [any thread] */
#define PBI_NEVER_FITS 0xFFFFFFFFu
uint32_t pbi_open(pbi_space *space, patchbay_call call, const patchbay_event *event);
/* Frees the slot if it is still this call's, which is over and whose handler has returned. [any thread] */
void pbi_close(pbi_space *space, uint32_t slot, patchbay_call call);
/* The call as the module sees it. */
patchbay_call pbi_worker_call(pbi_space *space, uint32_t slot);
/* Whether the host's call is open here. [any thread] */
int32_t pbi_is_open(pbi_space *space, patchbay_call call);
/* `cancelled` answers `why` from now on; gives the call as the module sees it, 0 when it is not open. [any thread] */
patchbay_call pbi_cancel(pbi_space *space, patchbay_call call, int32_t why);

enum { /* how `pbi_run` and `pbi_tell` ended */
  PBI_RAN = 0,
  PBI_DEAD = 1,  /* the worker was buried */
  PBI_BROKEN = 2 /* it said what makes no sense, and has to be killed */
};

/* Has the worker handle `count` (1 to 1024) calls on the thread of `channel`, one after another or, with `batch`, at
 * once, and serves it until it returns. Whoever calls owns the channel. `host` is the handler's own host pointer.
 * `*status` becomes what the last `handle` or the `handle_batch` returned; its message is left with set_error. */
int32_t pbi_run(pbi_space *space, uint32_t channel, uint32_t handler, const patchbay_host *host, uint32_t count,
                const uint32_t *slots, int32_t batch, patchbay_status *status);

enum { PBI_NOT_COMPLETED = 0, PBI_COMPLETED_NOW = 1, PBI_COMPLETED_BEFORE = 2 };
/* Hands what the module completed the host's call with to `host`, once. A slot that is another call's by now is one that
 * was completed before. [any thread] */
int32_t pbi_settle(pbi_space *space, uint32_t slot, patchbay_call call, const patchbay_host *host);
/* Whether the worker was in `handle` or `handle_batch` with it, or had it open behind. Of a dead worker, too. */
int32_t pbi_was_entered(pbi_space *space, uint32_t slot);
/* Whether `handle` or `handle_batch` had not returned with it. Of a dead worker, too. */
int32_t pbi_was_running(pbi_space *space, uint32_t slot);

/* Waits until the worker rings, at most timeout_ms; the descriptor to poll instead. */
int32_t pbi_bell(pbi_space *space);
/* Serves the threads of the module's own: every request that waits. `host_of` gives a handler's host pointer. Returns
 * PBI_RAN or PBI_BROKEN. [one thread] */
typedef const patchbay_host *(*pbi_host_of)(void *context, uint32_t handler);
int32_t pbi_serve_bell(pbi_space *space, pbi_host_of host_of, void *context);
/* The next slot that was completed off the channels, 0 when there is none. [one thread] */
uint32_t pbi_next_completed(pbi_space *space);

/* Messages to the main thread of the worker, each waiting for its return: one at a time, but for those of cancel and
 * answered, which go to another thread and are one at a time among themselves. */
int32_t pbi_tell_start(pbi_space *space, const patchbay_host *host, const uint8_t *message, uint64_t length,
                       patchbay_status *status);
int32_t pbi_tell_create(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_str id,
                        patchbay_str config, patchbay_status *status);
int32_t pbi_tell_reconfigure(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_str config,
                             patchbay_status *status);
int32_t pbi_tell_thread(pbi_space *space, const patchbay_host *host, uint32_t channel, patchbay_status *status);
int32_t pbi_tell_cancel(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_call call,
                        int32_t why);
int32_t pbi_tell_answered(pbi_space *space, const patchbay_host *host, const uint8_t *message, uint64_t length);
int32_t pbi_tell_drain(pbi_space *space, uint32_t handler, const patchbay_host *host, uint64_t deadline_ns,
                       patchbay_status *status);
int32_t pbi_tell_destroy(pbi_space *space, uint32_t handler, const patchbay_host *host);
/* The worker ends by itself: it is not waited for. */
void pbi_tell_end(pbi_space *space);

/* The handler that a message for pbi_tell_answered is for. */
uint32_t pbi_answered_handler(const uint8_t *message, uint64_t length);

/* What is known of a crash: copied, checked. 0 when nothing is. */
typedef struct pbi_crash_report {
  int32_t signal;  /* 0: the module called exit() */
  int32_t channel; /* whose thread was in a call; -1: one that runs none */
  uint64_t address;
} pbi_crash_report;
int32_t pbi_crash_of(pbi_space *space, pbi_crash_report *report);
/* A line for each frame of a crash, innermost first: at most `capacity` bytes; gives how many. */
uint64_t pbi_crash_text(pbi_space *space, char *buffer, uint64_t capacity);

/* ---- The worker's end ------------------------------------------------------------------------------------------- */

typedef struct pbi_client pbi_client;

/* Over the memory of a space, mapped. NULL: it is of another build, or there is no memory. */
pbi_client *pbi_client_new(void *memory, int32_t bell);
/* A host pointer for a handler, for good. NULL: no memory. */
const patchbay_host *pbi_client_host(pbi_client *client, uint32_t handler);
/* The host pointer for the module's entry function. */
const patchbay_host *pbi_client_entry_host(pbi_client *client);

/* Calls the function that waits for an answer, with what `pbi_owner.answered` got. */
void pbi_client_answered(const uint8_t *message, uint64_t length);

/* The memory of a space, for a client in the same process, as tests have it. */
void *pbi_space_memory(pbi_space *space);

#endif
