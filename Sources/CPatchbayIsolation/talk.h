/* talk.h - a request of the worker to the host: begun, filled in, sent, its reply read, ended. */
#ifndef PATCHBAY_ISOLATION_TALK_H
#define PATCHBAY_ISOLATION_TALK_H
#include "client.h"
#include "wire.h"

typedef struct talk {
  pbi_client *client;
  uint32_t channel;
  int is_side;
  wire_out out;
  wire_in in; /* the reply, where it lies */
} talk;

/* Takes this thread's channel, or waits for one of the side's. */
void talk_begin(talk *talk, const patchbay_host *host, uint64_t operation, patchbay_call call);
/* Sends and waits for the reply; 0: it is larger than a message may be, nothing was sent. */
int talk_send(talk *talk);
void talk_end(talk *talk);
/* Sends, takes a status out of the reply, ends. */
patchbay_status talk_status(talk *talk);

#endif
