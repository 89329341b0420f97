/* client.h - the worker's end, as the worker program uses it. */
#ifndef PATCHBAY_ISOLATION_CLIENT_H
#define PATCHBAY_ISOLATION_CLIENT_H
#include <pthread.h>

#include "include/patchbay_isolation.h"
#include "layout.h"

struct pbi_client {
  void *memory;
  int32_t bell;
  pthread_mutex_t lock; /* of side_busy */
  pthread_cond_t freed;
  uint32_t side_busy; /* bit n: channel PBI_CALL_CHANNELS + n is taken */
  void (*before_call)(void); /* may be NULL */
};

/* What a host pointer of the worker points at. */
typedef struct client_host {
  patchbay_host table;
  pbi_client *client;
  uint32_t handler;
} client_host;

enum { CLIENT_ENTRY = 0xFFFFFF }; /* the handler of the entry function's host pointer */

/* This thread talks through `channel`, and through none of the side's. */
void client_own_channel(uint32_t channel);
/* The channel that this thread has, -1 for a thread of the module's own. */
int32_t client_channel(void);
/* The message that was left on this thread, and none from now on; at most `capacity` bytes. */
uint64_t client_take_error(char *buffer, uint64_t capacity);

/* Runs what a message of PBI_CALLS or PBI_BATCH names; gives the last status. `at` is the message behind the handler's
 * number. */
typedef struct client_instance {
  const patchbay_handler *functions;
  patchbay_inst *instance;
} client_instance;
patchbay_status client_run(pbi_client *client, const client_instance *instance, const uint8_t *at, const uint8_t *end,
                           int batch);

const void *client_service(const patchbay_host *host, patchbay_str id);
patchbay_status client_complete(const patchbay_host *host, patchbay_call call, const patchbay_result *result);

/* Whether the call is open, as far as this side knows. */
int client_is_open(pbi_client *client, patchbay_call call);

#endif
