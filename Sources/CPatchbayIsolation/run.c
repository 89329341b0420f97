/* run.c - conversations: a message to the worker, its requests meanwhile, its return. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "space.h"
#include "wire.h"

enum { RETURN_BYTES_MAX = 4096 };
static const uint64_t LOOK_NS = 500000000; /* a wake-up is never lost; this is for the day when one is */

static wire_out begin(pbi_space *space, uint32_t channel) {
  wire_out out = {pbi_buffer_of(space->memory, channel), PBI_BUFFER_BYTES, 0, 0};
  return out;
}

static int32_t take_return(pbi_space *space, uint32_t index, const patchbay_host *host, patchbay_status *status) {
  uint8_t copy[RETURN_BYTES_MAX];
  uint64_t length = pbi_channel_of(space->memory, index)->length;
  if (length > sizeof copy) return PBI_BROKEN;
  memcpy(copy, pbi_buffer_of(space->memory, index), length);
  wire_in in = {copy, copy + length, 0};
  patchbay_status given = (patchbay_status)(int64_t)wire_u64(&in);
  patchbay_str message = wire_str(&in);
  if (in.failed) return PBI_BROKEN;
  if (given < 0 && message.len) host->set_error(host, message);
  if (status) *status = given;
  return PBI_RAN;
}

/* Hands the message over and serves the worker until it returns. */
static int32_t converse(pbi_space *space, uint32_t index, uint32_t kind, uint64_t length, const patchbay_host *host,
                        patchbay_status *status) {
  pbi_channel *channel = pbi_channel_of(space->memory, index);
  channel->kind = kind;
  channel->length = length;
  pbi_hand_over(channel, PBI_TURN_WORKER);
  while (1) {
    while (!atomic_load(&space->dead) && !pbi_wait_turn(channel, PBI_TURN_HOST, LOOK_NS)) {
    }
    if (atomic_load(&space->dead)) return PBI_DEAD;
    uint32_t said = channel->kind;
    if (said == PBI_RETURN) return take_return(space, index, host, status);
    if (said != PBI_REQUEST) return PBI_BROKEN;
    if (space_serve(space, index, host) != PBI_RAN) return PBI_BROKEN;
    channel->kind = PBI_REPLY;
    pbi_hand_over(channel, PBI_TURN_WORKER);
  }
}

int32_t pbi_run(pbi_space *space, uint32_t channel, uint32_t handler, const patchbay_host *host, uint32_t count,
                const uint32_t *slots, int32_t batch, patchbay_status *status) {
  if (atomic_load(&space->dead)) return PBI_DEAD;
  wire_out out = begin(space, channel);
  wire_put_u64(&out, handler);
  wire_put_u64(&out, count);
  for (uint32_t i = 0; i < count; i++) wire_put_u64(&out, pbi_worker_call(space, slots[i]));
  return converse(space, channel, batch ? PBI_BATCH : PBI_CALLS, out.length, host, status);
}

/* ---- Threads of the module's own ------------------------------------------------------------------------------- */

int32_t pbi_serve_bell(pbi_space *space, pbi_host_of host_of, void *context) {
  uint64_t rung;
  /* Never blocks, whatever the worker has made of the descriptor that both have. */
  struct iovec room = {&rung, sizeof rung};
  ssize_t count = preadv2(space->files[1], &room, 1, -1, RWF_NOWAIT);
  (void)count; /* nothing to read when it was not rung */
  uint64_t waiting = atomic_exchange(&pbi_head_of(space->memory)->requests, 0);
  for (uint32_t i = 0; i < PBI_SIDE_CHANNELS; i++) {
    if (!(waiting >> i & 1)) continue;
    uint32_t index = PBI_CALL_CHANNELS + i;
    pbi_channel *channel = pbi_channel_of(space->memory, index);
    if (pbi_turn(channel) != PBI_TURN_HOST) continue;
    const patchbay_host *host = host_of(context, space_request_handler(space, index));
    if (!host || channel->kind != PBI_REQUEST || space_serve(space, index, host) != PBI_RAN) return PBI_BROKEN;
    channel->kind = PBI_REPLY;
    pbi_hand_over(channel, PBI_TURN_WORKER);
  }
  return PBI_RAN;
}

/* ---- The main thread ------------------------------------------------------------------------------------------- */

static int32_t tell(pbi_space *space, uint32_t channel, uint32_t kind, wire_out *out, const patchbay_host *host,
                    patchbay_status *status) {
  if (atomic_load(&space->dead)) return PBI_DEAD;
  return out->failed ? PBI_BROKEN : converse(space, channel, kind, out->length, host, status);
}

int32_t pbi_tell_start(pbi_space *space, const patchbay_host *host, const uint8_t *message, uint64_t length,
                       patchbay_status *status) {
  wire_out out = begin(space, 0);
  wire_put(&out, message, length);
  return tell(space, 0, PBI_START, &out, host, status);
}

int32_t pbi_tell_create(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_str id,
                        patchbay_str config, patchbay_status *status) {
  wire_out out = begin(space, 0);
  wire_put_u64(&out, handler);
  wire_put_str(&out, id);
  wire_put_str(&out, config);
  return tell(space, 0, PBI_CREATE, &out, host, status);
}

int32_t pbi_tell_reconfigure(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_str config,
                             patchbay_status *status) {
  wire_out out = begin(space, 0);
  wire_put_u64(&out, handler);
  wire_put_str(&out, config);
  return tell(space, 0, PBI_RECONFIGURE, &out, host, status);
}

int32_t pbi_tell_thread(pbi_space *space, const patchbay_host *host, uint32_t channel, patchbay_status *status) {
  wire_out out = begin(space, 0);
  wire_put_u64(&out, channel);
  return tell(space, 0, PBI_THREAD, &out, host, status);
}

int32_t pbi_tell_cancel(pbi_space *space, uint32_t handler, const patchbay_host *host, patchbay_call call,
                        int32_t why) {
  wire_out out = begin(space, PBI_ERRAND_CHANNEL);
  wire_put_u64(&out, handler);
  wire_put_u64(&out, call);
  wire_put_u64(&out, (uint64_t)why);
  return tell(space, PBI_ERRAND_CHANNEL, PBI_CANCEL, &out, host, NULL);
}

uint32_t pbi_answered_handler(const uint8_t *message, uint64_t length) {
  wire_in in = {message, message + length, 0};
  return (uint32_t)wire_u64(&in);
}

int32_t pbi_tell_answered(pbi_space *space, const patchbay_host *host, const uint8_t *message, uint64_t length) {
  wire_out out = begin(space, PBI_ERRAND_CHANNEL);
  wire_put(&out, message, length);
  return tell(space, PBI_ERRAND_CHANNEL, PBI_ANSWERED, &out, host, NULL);
}

int32_t pbi_tell_drain(pbi_space *space, uint32_t handler, const patchbay_host *host, uint64_t deadline_ns,
                       patchbay_status *status) {
  wire_out out = begin(space, 0);
  wire_put_u64(&out, handler);
  wire_put_u64(&out, deadline_ns);
  return tell(space, 0, PBI_DRAIN, &out, host, status);
}

int32_t pbi_tell_destroy(pbi_space *space, uint32_t handler, const patchbay_host *host) {
  wire_out out = begin(space, 0);
  wire_put_u64(&out, handler);
  return tell(space, 0, PBI_DESTROY, &out, host, NULL);
}

void pbi_tell_end(pbi_space *space) {
  if (atomic_load(&space->dead)) return;
  pbi_channel *channel = pbi_channel_of(space->memory, 0);
  channel->kind = PBI_END;
  channel->length = 0;
  pbi_hand_over(channel, PBI_TURN_WORKER);
}
