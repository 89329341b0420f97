/* layout.h - the memory that the host shares with one worker process, and who may write what.
 *
 * The host makes it (a memfd), the worker inherits it. Only the host's own tables, which are not in it, say which slots
 * and blocks are in use: whatever the host reads here may have been written by a handler gone wild, so it is copied and
 * checked before it is used. The worker trusts the host.
 *
 *   head      what the worker has to know, doorbells, what is known of its crash
 *   channels  one for each thread of the worker that runs calls (0: its main thread), then those for threads of modules
 *   slots     one for each open call
 *   buffers   one for each channel: its messages
 *   arena     the events of open calls
 *
 * A channel belongs to one side at a time (`turn`): that side writes a message into the buffer and hands it over. */
#ifndef PATCHBAY_ISOLATION_LAYOUT_H
#define PATCHBAY_ISOLATION_LAYOUT_H
#include <stdatomic.h>
#include <stdint.h>

#include "patchbay.h"

#define PBI_LAYOUT 4u /* of this file and of the messages; grows with each change of either */

#define PBI_CALL_CHANNELS 64u /* 0 is the main thread's, the last one the thread's for errands */
#define PBI_ERRAND_CHANNEL (PBI_CALL_CHANNELS - 1)
#define PBI_SIDE_CHANNELS 8u
#define PBI_CHANNELS (PBI_CALL_CHANNELS + PBI_SIDE_CHANNELS)
#define PBI_SLOTS 4096u /* 0 is not used */
#define PBI_BATCH_MAX 1024u
#define PBI_TEXT_BYTES 960u /* of a result that needs no message */
#define PBI_BUFFER_BYTES (40ull << 20)
#define PBI_ARENA_BYTES (1ull << 30)
#define PBI_FRAMES 32u
#define PBI_NAME_BYTES 128u

/* Where a descriptor lies in a worker when it starts. */
#define PBI_MEMORY_FILE 3
#define PBI_BELL_FILE 4

enum { PBI_TURN_HOST = 0, PBI_TURN_WORKER = 1 };

enum { /* pbi_channel.kind: what a message is */
  /* to the worker */
  PBI_START = 1, /* path, reach and limits: restrict yourself, load the module (none: functions)  */
  PBI_CREATE,    /* handler, id, configuration                                                  */
  PBI_THREAD,    /* channel: run calls from there, on a thread of its own                       */
  PBI_CALLS,     /* handler, slots: `handle` for one after another                              */
  PBI_BATCH,     /* handler, slots: `handle_batch`                                              */
  PBI_CANCEL,    /* handler, call, why                                                          */
  PBI_ANSWERED,  /* function, context, answer                                                   */
  PBI_RECONFIGURE,
  PBI_DRAIN,
  PBI_DESTROY,
  PBI_END, /* shut down and end */
  PBI_REPLY,
  /* to the host */
  PBI_REQUEST, /* operation, handler, call, arguments */
  PBI_RETURN   /* status, message */
};

enum { /* operations of PBI_REQUEST, by the service's function */
  PBI_COMPLETE = 1,
  PBI_LOG_WRITE,
  PBI_TRACE_BEGIN,
  PBI_TRACE_ATTR,
  PBI_TRACE_EVENT,
  PBI_TRACE_END,
  PBI_TRACE_INJECT,
  PBI_METER_DECLARE,
  PBI_METER_RECORD,
  PBI_EMIT_ADD,
  PBI_STATE_GET,
  PBI_STATE_DEL,
  PBI_STATE_PUT,
  PBI_TIMER_SET,
  PBI_TIMER_CANCEL,
  PBI_STREAM_APPEND,
  PBI_STREAM_HEAD,
  PBI_STREAM_READ,
  PBI_STREAM_SNAPSHOT_GET,
  PBI_STREAM_SNAPSHOT_PUT,
  PBI_STREAM_QUERY,
  PBI_STREAM_SUBSCRIBE,
  PBI_STREAM_UNSUBSCRIBE,
  PBI_HTTP_SEND,
  PBI_MAIL_SEND
};

typedef struct pbi_channel {
  _Atomic uint32_t turn; /* a futex */
  _Atomic uint32_t kind;
  _Atomic uint64_t length;
  uint8_t pad[48];
} pbi_channel;

/* The bits of pbi_slot.word: generation (40) | unused (8) | flags (8). */
enum {
  PBI_OPEN = 1,
  PBI_CLAIMED = 2,
  PBI_COMPLETED = 4,
  PBI_ENTERED = 8,
  PBI_RUNNING = 16 /* the host looks at the slot when this run returns */
};
#define PBI_GENERATION_SHIFT 16

typedef struct pbi_slot {
  _Atomic uint64_t word;
  uint64_t block;         /* of its event, from the beginning of the memory */
  _Atomic int32_t cancel; /* PATCHBAY_CANCEL_*, 0 while it should go on; written by the host */
  int32_t outcome;        /* written by the worker, like all below */
  uint32_t flags;
  int32_t code;
  uint32_t reason_length, detail_length, reply_length, type_length;
  uint64_t retry_after_ns;
  char text[PBI_TEXT_BYTES];
} pbi_slot;

typedef struct pbi_crash {
  _Atomic uint32_t stage; /* 0 none, 1 begun, 2 the text is there */
  int32_t signal;         /* 0: the module called exit() */
  int32_t channel;        /* whose thread; -1: a thread of the module's own */
  uint32_t text_length;
  uint64_t address;
  char text[6144]; /* a line for each frame */
} pbi_crash;

typedef struct pbi_head {
  uint32_t layout;
  uint32_t abi_minor;
  char host_name[PBI_NAME_BYTES], host_version[PBI_NAME_BYTES];
  uint32_t log_enabled; /* bit n: level n would be kept */
  _Atomic uint32_t stopping;

  _Atomic uint64_t completed[PBI_SLOTS / 64]; /* slots completed off the channels; a bell rings */
  _Atomic uint64_t requests;                  /* side channels with a message for the host; a bell rings */
  pbi_crash crash;
} pbi_head;

#define PBI_ROUND(bytes) (((bytes) + 4095ull) & ~4095ull)
#define PBI_CHANNELS_OFFSET PBI_ROUND(sizeof(pbi_head))
#define PBI_SLOTS_OFFSET (PBI_CHANNELS_OFFSET + PBI_ROUND(sizeof(pbi_channel) * PBI_CHANNELS))
#define PBI_BUFFERS_OFFSET (PBI_SLOTS_OFFSET + PBI_ROUND(sizeof(pbi_slot) * PBI_SLOTS))
#define PBI_ARENA_OFFSET (PBI_BUFFERS_OFFSET + PBI_BUFFER_BYTES * PBI_CHANNELS)
#define PBI_MEMORY_BYTES (PBI_ARENA_OFFSET + PBI_ARENA_BYTES)

static inline pbi_head *pbi_head_of(void *memory) { return (pbi_head *)memory; }
static inline pbi_channel *pbi_channel_of(void *memory, uint32_t index) {
  return (pbi_channel *)((char *)memory + PBI_CHANNELS_OFFSET) + index;
}
static inline pbi_slot *pbi_slot_of(void *memory, uint32_t index) {
  return (pbi_slot *)((char *)memory + PBI_SLOTS_OFFSET) + index;
}
static inline uint8_t *pbi_buffer_of(void *memory, uint32_t channel) {
  return (uint8_t *)memory + PBI_BUFFERS_OFFSET + PBI_BUFFER_BYTES * channel;
}

/* A call as the module sees it: generation and slot. */
static inline patchbay_call pbi_call(uint64_t generation, uint32_t slot) { return generation << 24 | slot; }
static inline uint32_t pbi_slot_index(patchbay_call call) { return (uint32_t)(call & 0xFFFFFF); }
static inline uint64_t pbi_generation(patchbay_call call) { return call >> 24; }

uint32_t pbi_turn(pbi_channel *channel);
/* Gives the channel to `whom` and wakes whoever waits for it there. */
void pbi_hand_over(pbi_channel *channel, uint32_t whom);
/* Waits until the channel is `whose`, at most timeout_ns; 1 when it is. */
int pbi_wait_turn(pbi_channel *channel, uint32_t whose, uint64_t timeout_ns);
#endif
