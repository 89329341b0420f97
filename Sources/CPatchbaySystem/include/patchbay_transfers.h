#ifndef PATCHBAY_TRANSFERS_H
#define PATCHBAY_TRANSFERS_H
/* patchbay_transfers.h - many requests and mails on one thread: a thin face over libcurl's multi handle. */
#include "patchbay_http.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pbx_loop pbx_loop;
typedef struct pbx_transfer pbx_transfer;

/* NULL when memory is short. A loop belongs to one thread, but for pbx_wake, and keeps connections alive. [any] */
pbx_loop *pbx_loop_new(void);
/* No transfer is under way. [loop's thread, or after it] */
void pbx_loop_free(pbx_loop *);

/* Begins a transfer; everything is copied. NULL: the URL is malformed, or memory is short. [loop's thread]
 * What may have changed something at the server is never sent a second time; GET, HEAD and OPTIONS may be, when an old
 * connection ends. `cancelled` of a request is not asked. */
pbx_transfer *pbx_request(pbx_loop *, const pbh_request *, uint64_t tag);
pbx_transfer *pbx_mail(pbx_loop *, const pbh_mail *, uint64_t tag);
/* Ends a transfer that is under way, and releases it. [loop's thread] */
void pbx_cancel(pbx_loop *, pbx_transfer *);

/* Moves what can be moved, without waiting; 0: memory is short. [loop's thread] */
int pbx_perform(pbx_loop *);
/* Waits for sockets, a wake-up, or the time; 0: memory is short. [loop's thread] */
int pbx_poll(pbx_loop *, int timeout_ms);
/* Ends a wait, the present one or the next. [any] */
void pbx_wake(pbx_loop *);
/* A transfer that is over, or NULL. Its outcome is valid until it is released. [loop's thread] */
pbx_transfer *pbx_next(pbx_loop *, uint64_t *tag, pbh_outcome *outcome);
void pbx_release(pbx_loop *, pbx_transfer *);

#ifdef __cplusplus
}
#endif
#endif
