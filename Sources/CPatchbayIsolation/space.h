/* space.h - what the host alone knows of a space. */
#ifndef PATCHBAY_ISOLATION_SPACE_H
#define PATCHBAY_ISOLATION_SPACE_H
#include <pthread.h>

#include "include/patchbay_isolation.h"
#include "layout.h"
#include "patchbay/draft/stream.h"
#include "patchbay/emit.h"
#include "patchbay/http.h"
#include "patchbay/mail.h"
#include "patchbay/state.h"
#include "patchbay/timer.h"

/* Blocks of the arena: powers of two from 1 KiB to 64 MiB. */
#define CLASS_MIN 10u
#define CLASSES 17u

typedef struct space_slot {
  patchbay_call call; /* the host's */
  uint64_t generation;
  uint64_t block;
  uint32_t size_class;
  uint32_t next; /* of the free ones, or of the same bucket while in use */
  _Atomic uint32_t in_use;
  _Atomic uint32_t settled;
} space_slot;

struct pbi_space {
  void *memory;
  int32_t files[2];
  pbi_owner owner;
  _Atomic uint32_t dead;

  const patchbay_logger *logger;
  const patchbay_trace *trace;
  const patchbay_meter *meter;
  const patchbay_emit *emit;
  const patchbay_state *state;
  const patchbay_timer *timer;
  const patchbay_stream *stream;
  const patchbay_http *http;
  const patchbay_mail *mail;

  pthread_mutex_t lock; /* of all below */
  space_slot slots[PBI_SLOTS];
  uint32_t free_slots;
  uint64_t arena_used; /* blocks beyond were never given out */
  uint64_t free_blocks[CLASSES];
  uint64_t *next_block; /* by block number (of 1 KiB): the next free one of its class */
  uint64_t open_bytes;
  uint32_t buckets[1024]; /* slots by the host's call */
};

/* Serves one request that the worker has written into `channel`. PBI_RAN with the reply in place, or PBI_BROKEN. */
int32_t space_serve(pbi_space *space, uint32_t channel, const patchbay_host *host);
/* The handler that the request on this channel is for. */
uint32_t space_request_handler(pbi_space *space, uint32_t channel);

#endif
