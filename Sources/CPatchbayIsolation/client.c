/* client.c - host pointers of the worker: completion, cancellation, messages; and the calls that the host hands over. */
#define _GNU_SOURCE
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "talk.h"

static _Thread_local int32_t own_channel = -1;
static _Thread_local char error_text[512];
static _Thread_local uint64_t error_length;

void client_own_channel(uint32_t channel) { own_channel = (int32_t)channel; }
int32_t client_channel(void) { return own_channel; }

static void set_error(const patchbay_host *host, patchbay_str message) {
  (void)host;
  error_length = message.ptr ? (message.len < sizeof error_text - 1 ? message.len : sizeof error_text - 1) : 0;
  if (error_length) memcpy(error_text, message.ptr, error_length);
}

uint64_t client_take_error(char *buffer, uint64_t capacity) {
  uint64_t length = error_length < capacity ? error_length : capacity;
  memcpy(buffer, error_text, length);
  error_length = 0;
  return length;
}

/* ---- Talking --------------------------------------------------------------------------------------------------- */

void talk_begin(talk *talk, const patchbay_host *host, uint64_t operation, patchbay_call call) {
  const client_host *own = (const client_host *)host;
  pbi_client *client = own->client;
  talk->client = client;
  talk->is_side = own_channel < 0;
  if (talk->is_side) {
    pthread_mutex_lock(&client->lock);
    while (client->side_busy == (1u << PBI_SIDE_CHANNELS) - 1) pthread_cond_wait(&client->freed, &client->lock);
    uint32_t bit = (uint32_t)__builtin_ctz(~client->side_busy);
    client->side_busy |= 1u << bit;
    pthread_mutex_unlock(&client->lock);
    talk->channel = PBI_CALL_CHANNELS + bit;
  } else {
    talk->channel = (uint32_t)own_channel;
  }
  talk->out = (wire_out){pbi_buffer_of(client->memory, talk->channel), PBI_BUFFER_BYTES, 0, 0};
  wire_put_u64(&talk->out, operation);
  wire_put_u64(&talk->out, own->handler);
  wire_put_u64(&talk->out, call);
}

static void ring(pbi_client *client) {
  uint64_t one = 1;
  ssize_t written = write(client->bell, &one, sizeof one);
  (void)written; /* it can only fail when it rings already */
}

int talk_send(talk *talk) {
  if (talk->out.failed) return 0;
  pbi_channel *channel = pbi_channel_of(talk->client->memory, talk->channel);
  channel->kind = PBI_REQUEST;
  channel->length = talk->out.length;
  pbi_hand_over(channel, PBI_TURN_HOST);
  if (talk->is_side) {
    atomic_fetch_or(&pbi_head_of(talk->client->memory)->requests, 1ull << (talk->channel - PBI_CALL_CHANNELS));
    ring(talk->client);
  }
  while (!pbi_wait_turn(channel, PBI_TURN_WORKER, 0)) {
  }
  const uint8_t *reply = pbi_buffer_of(talk->client->memory, talk->channel);
  talk->in = (wire_in){reply, reply + channel->length, 0};
  return 1;
}

void talk_end(talk *talk) {
  if (!talk->is_side) return;
  pthread_mutex_lock(&talk->client->lock);
  talk->client->side_busy &= ~(1u << (talk->channel - PBI_CALL_CHANNELS));
  pthread_cond_signal(&talk->client->freed);
  pthread_mutex_unlock(&talk->client->lock);
}

patchbay_status talk_status(talk *talk) {
  patchbay_status status = PATCHBAY_E_LIMIT; /* more than a message holds */
  if (talk_send(talk)) status = (patchbay_status)(int64_t)wire_u64(&talk->in);
  talk_end(talk);
  return status;
}

/* ---- Completion ------------------------------------------------------------------------------------------------ */

static pbi_slot *slot_of(pbi_client *client, patchbay_call call) {
  uint32_t index = pbi_slot_index(call);
  return index && index < PBI_SLOTS ? pbi_slot_of(client->memory, index) : NULL;
}

static int is_word_of(uint64_t word, patchbay_call call) {
  return word >> PBI_GENERATION_SHIFT == pbi_generation(call) && word & PBI_OPEN;
}

int client_is_open(pbi_client *client, patchbay_call call) {
  pbi_slot *slot = slot_of(client, call);
  if (!slot) return 0;
  uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
  return is_word_of(word, call) && !(word & PBI_CLAIMED);
}

/* Adds bits to the word of an open call, and gives what it was; 0 when the call is over, or has one of `unless`. */
static uint64_t mark(pbi_slot *slot, patchbay_call call, uint64_t bits, uint64_t unless) {
  uint64_t word = atomic_load_explicit(&slot->word, memory_order_acquire);
  do {
    if (!is_word_of(word, call) || word & unless) return 0;
  } while (!atomic_compare_exchange_weak_explicit(&slot->word, &word, word | bits, memory_order_acq_rel,
                                                  memory_order_acquire));
  return word;
}

static void put_text(pbi_slot *slot, uint64_t *at, uint32_t *length, patchbay_str text) {
  *length = (uint32_t)text.len;
  if (text.len) memcpy(slot->text + *at, text.ptr, text.len);
  *at += text.len;
}

static void write_result(pbi_slot *slot, const patchbay_result *result) {
  slot->outcome = result->outcome;
  slot->flags = result->flags;
  slot->code = result->code;
  slot->retry_after_ns = result->retry_after_ns;
  uint64_t at = 0;
  put_text(slot, &at, &slot->reason_length, result->reason);
  put_text(slot, &at, &slot->detail_length, result->detail_json);
  put_text(slot, &at, &slot->reply_length, result->reply);
  put_text(slot, &at, &slot->type_length, result->reply_content_type);
}

/* As far as its size says; what is beyond is zero. */
static patchbay_result whole(const patchbay_result *given) {
  patchbay_result result = {.outcome = PATCHBAY_DONE};
  if (!given) return result;
  memset(&result, 0, sizeof result);
  memcpy(&result, given, given->size < sizeof result ? given->size : sizeof result);
  return result;
}

/* Ends a claimed call. Where no run will return with it, the host has to be told. */
static void finish(pbi_client *client, pbi_slot *slot, patchbay_call call) {
  uint64_t before = mark(slot, call, PBI_COMPLETED, 0);
  if (!before || before & PBI_RUNNING) return;
  uint32_t index = pbi_slot_index(call);
  atomic_fetch_or(&pbi_head_of(client->memory)->completed[index / 64], 1ull << (index % 64));
  ring(client);
}

static patchbay_status complete_by_message(const patchbay_host *host, patchbay_call call,
                                           const patchbay_result *result, const patchbay_result *given) {
  talk talk;
  talk_begin(&talk, host, PBI_COMPLETE, call);
  wire_put_u64(&talk.out, given != NULL);
  wire_put_u64(&talk.out, (uint64_t)(int64_t)result->outcome);
  wire_put_u64(&talk.out, result->flags);
  wire_put_u64(&talk.out, (uint64_t)(int64_t)result->code);
  wire_put_u64(&talk.out, result->retry_after_ns);
  wire_put_str(&talk.out, result->reason);
  wire_put_str(&talk.out, result->detail_json);
  wire_put_str(&talk.out, result->reply);
  wire_put_str(&talk.out, result->reply_content_type);
  return talk_status(&talk);
}

patchbay_status client_complete(const patchbay_host *host, patchbay_call call, const patchbay_result *given) {
  if (!host || (given && given->size < 8)) return PATCHBAY_E_ARG;
  pbi_client *client = ((const client_host *)host)->client;
  patchbay_result result = whole(given);
  pbi_slot *slot = slot_of(client, call);
  /* What comes too late is refused, and counted, by the host. */
  if (!slot || !mark(slot, call, PBI_CLAIMED, PBI_CLAIMED)) return complete_by_message(host, call, &result, given);
  uint64_t bytes =
    result.reason.len + result.detail_json.len + result.reply.len + result.reply_content_type.len;
  patchbay_status status = PATCHBAY_OK;
  if (bytes <= sizeof slot->text)
    write_result(slot, &result);
  else
    status = complete_by_message(host, call, &result, given);
  /* More than a message holds: a failure like others. */
  if (status == PATCHBAY_E_LIMIT)
    write_result(slot, &(patchbay_result){.outcome = PATCHBAY_RETRY, .reason = {"limit: reply too large", 22}});
  finish(client, slot, call);
  return status;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int32_t cancelled(const patchbay_host *host, patchbay_call call) {
  if (!host) return PATCHBAY_CANCEL_SHUTDOWN;
  pbi_client *client = ((const client_host *)host)->client;
  int stopping = atomic_load_explicit(&pbi_head_of(client->memory)->stopping, memory_order_relaxed) != 0;
  if (!client_is_open(client, call)) return stopping ? PATCHBAY_CANCEL_SHUTDOWN : PATCHBAY_CANCEL_TIMEOUT;
  pbi_slot *slot = slot_of(client, call);
  const patchbay_event *event = (const patchbay_event *)((char *)client->memory + slot->block);
  if (event->deadline_ns && now() >= event->deadline_ns) return PATCHBAY_CANCEL_TIMEOUT;
  if (stopping) return PATCHBAY_CANCEL_SHUTDOWN;
  return atomic_load_explicit(&slot->cancel, memory_order_relaxed);
}

/* ---- Host pointers --------------------------------------------------------------------------------------------- */

pbi_client *pbi_client_new(void *memory, int32_t bell) {
  if (pbi_head_of(memory)->layout != PBI_LAYOUT) return NULL;
  pbi_client *client = calloc(1, sizeof *client);
  if (!client) return NULL;
  client->memory = memory;
  client->bell = bell;
  pthread_mutex_init(&client->lock, NULL);
  pthread_cond_init(&client->freed, NULL);
  return client;
}

const patchbay_host *pbi_client_host(pbi_client *client, uint32_t handler) {
  client_host *host = calloc(1, sizeof *host);
  if (!host) return NULL;
  pbi_head *head = pbi_head_of(client->memory);
  host->table = (patchbay_host){.size = sizeof host->table,
                                .abi_minor = head->abi_minor,
                                .name = {head->host_name, strlen(head->host_name)},
                                .version = {head->host_version, strlen(head->host_version)},
                                .service = client_service,
                                .complete = client_complete,
                                .cancelled = cancelled,
                                .set_error = set_error};
  host->client = client;
  host->handler = handler;
  return &host->table;
}

const patchbay_host *pbi_client_entry_host(pbi_client *client) { return pbi_client_host(client, CLIENT_ENTRY); }

/* ---- Calls ----------------------------------------------------------------------------------------------------- */

static void lift(uint8_t *base, patchbay_str *text) {
  if (text->len) text->ptr = (const char *)base + (uintptr_t)text->ptr;
}

/* Distances from the event become pointers. */
static const patchbay_event *lifted(uint8_t *base) {
  patchbay_event *event = (patchbay_event *)base;
  patchbay_str *texts[] = {&event->id,      &event->source,          &event->type,       &event->subject,
                           &event->time,    &event->datacontenttype, &event->dataschema, &event->route,
                           &event->idempotency_key, &event->traceparent, &event->tracestate};
  for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++) lift(base, texts[i]);
  patchbay_kv *pairs = (patchbay_kv *)(base + sizeof *event);
  for (uint64_t i = 0; i < event->ext_count; i++) {
    lift(base, &pairs[i].key);
    lift(base, &pairs[i].value);
  }
  event->ext = event->ext_count ? pairs : NULL;
  if (event->data_len) event->data = base + (uintptr_t)event->data;
  return event;
}

/* What a return means for a call that the handler has not completed. */
static void conclude(pbi_slot *slot, patchbay_call call, patchbay_status status) {
  if (status != PATCHBAY_PENDING && mark(slot, call, PBI_CLAIMED, PBI_CLAIMED)) {
    patchbay_result result = {.outcome = status < 0 ? PATCHBAY_RETRY : PATCHBAY_DONE};
    char message[sizeof error_text];
    if (status < 0) {
      result.reason.len = client_take_error(message, sizeof message);
      result.reason.ptr = message;
    }
    write_result(slot, &result);
    mark(slot, call, PBI_COMPLETED, 0);
  }
  atomic_fetch_and(&slot->word, ~(uint64_t)PBI_RUNNING);
}

static patchbay_status run_batch(pbi_client *client, const client_instance *instance, uint64_t count,
                                 const patchbay_call *calls, const patchbay_event *const *events) {
  for (uint64_t i = 0; i < count; i++) mark(slot_of(client, calls[i]), calls[i], PBI_ENTERED | PBI_RUNNING, 0);
  if (client->before_call) client->before_call();
  patchbay_status status = instance->functions->handle_batch(instance->instance, count, calls, events);
  char message[sizeof error_text];
  uint64_t length = status < 0 ? client_take_error(message, sizeof message) : 0;
  for (uint64_t i = 0; i < count; i++) {
    set_error(NULL, (patchbay_str){message, length});
    conclude(slot_of(client, calls[i]), calls[i], status);
  }
  return status;
}

/* A call that was cancelled before its turn came is not entered. */
static int is_given_up(pbi_slot *slot, patchbay_call call) {
  if (!atomic_load_explicit(&slot->cancel, memory_order_relaxed) || !mark(slot, call, PBI_CLAIMED, PBI_CLAIMED)) return 0;
  write_result(slot, &(patchbay_result){.outcome = PATCHBAY_CANCELLED});
  mark(slot, call, PBI_COMPLETED, 0);
  return 1;
}

patchbay_status client_run(pbi_client *client, const client_instance *instance, const uint8_t *at, const uint8_t *end,
                           int batch) {
  wire_in in = {at, end, 0};
  uint64_t count = wire_count(&in, sizeof(uint64_t));
  if (count > PBI_BATCH_MAX) return PATCHBAY_E_INTERNAL;
  patchbay_call calls[PBI_BATCH_MAX];
  const patchbay_event *events[PBI_BATCH_MAX];
  for (uint64_t i = 0; i < count; i++) {
    calls[i] = wire_u64(&in);
    events[i] = lifted((uint8_t *)client->memory + slot_of(client, calls[i])->block);
  }
  error_length = 0;
  patchbay_status status = PATCHBAY_OK;
  if (batch && instance->functions->handle_batch)
    return run_batch(client, instance, count, calls, events);
  for (uint64_t i = 0; i < count; i++) {
    pbi_slot *slot = slot_of(client, calls[i]);
    if (is_given_up(slot, calls[i])) continue;
    if (client->before_call) client->before_call();
    mark(slot, calls[i], PBI_ENTERED | PBI_RUNNING, 0);
    status = instance->functions->handle(instance->instance, calls[i], events[i]);
    conclude(slot, calls[i], status);
    error_length = 0;
  }
  return status;
}
