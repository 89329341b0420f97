/* serve.c - what a module in a worker asks of the host's services, carried out in the host.
 *
 * A request is copied out of the shared memory before it is looked at. Its arguments are the module's, as inline: the
 * services check them. */
#include <stdlib.h>
#include <string.h>

#include "space.h"
#include "wire.h"

enum { COPY_ON_STACK = 16 << 10, KV_BYTES = 16, DRAFT_BYTES = 64 }; /* at least, on the wire */

/* One request: its arguments, and room for what is made of them. */
typedef struct request {
  pbi_space *space;
  const patchbay_host *host;
  wire_in in;
  wire_out out;
  patchbay_call call; /* the host's */
  uint32_t slot;
  void *kept[8]; /* freed at the end */
  uint32_t kept_count;
} request;

typedef int (*serve)(request *r);

static void *keep(request *r, uint64_t count, uint64_t size) {
  if (r->kept_count == sizeof r->kept / sizeof *r->kept) return NULL;
  void *memory = calloc(count ? count : 1, size);
  if (memory) r->kept[r->kept_count++] = memory;
  return memory;
}

static const patchbay_kv *read_kvs(request *r, uint64_t *count) {
  *count = wire_count(&r->in, KV_BYTES);
  if (*count > WIRE_PAIRS_MAX) {
    r->in.failed = 1;
    *count = 0;
    return NULL;
  }
  patchbay_kv *pairs = keep(r, *count, sizeof *pairs);
  if (!pairs) {
    r->in.failed = 1;
    *count = 0;
    return NULL;
  }
  for (uint64_t i = 0; i < *count; i++) {
    pairs[i].key = wire_str(&r->in);
    pairs[i].value = wire_str(&r->in);
  }
  return pairs;
}

/* The host's call for the worker's. One that is over stays over there; what the worker made up is nobody's. */
static patchbay_call host_call(pbi_space *space, patchbay_call call, uint32_t *slot) {
  *slot = 0;
  if (!call) return 0;
  uint32_t index = pbi_slot_index(call);
  if (!index || index >= PBI_SLOTS) return ~0ull;
  pthread_mutex_lock(&space->lock);
  int known = space->slots[index].generation == pbi_generation(call);
  patchbay_call host = known ? space->slots[index].call : ~0ull;
  if (known && atomic_load(&space->slots[index].in_use)) *slot = index;
  pthread_mutex_unlock(&space->lock);
  return host;
}

static int answer(request *r, patchbay_status status) {
  wire_put_u64(&r->out, (uint64_t)(int64_t)status);
  return r->out.failed;
}

/* ---- Core, logger, trace, meter -------------------------------------------------------------------------------- */

static int complete(request *r) {
  patchbay_result result = {.size = sizeof result};
  uint64_t has_result = wire_u64(&r->in);
  result.outcome = (int32_t)wire_u64(&r->in);
  result.flags = (uint32_t)wire_u64(&r->in);
  result.code = (int32_t)wire_u64(&r->in);
  result.retry_after_ns = wire_u64(&r->in);
  result.reason = wire_str(&r->in);
  result.detail_json = wire_str(&r->in);
  result.reply = wire_str(&r->in);
  result.reply_content_type = wire_str(&r->in);
  if (r->in.failed) return 1;
  /* A completion that waits in the slot came first. */
  if (r->slot) pbi_settle(r->space, r->slot, r->call, r->host);
  patchbay_status status = r->host->complete(r->host, r->call, has_result ? &result : NULL);
  if (r->slot && status == PATCHBAY_OK) {
    pthread_mutex_lock(&r->space->lock);
    if (r->space->slots[r->slot].call == r->call) atomic_store(&r->space->slots[r->slot].settled, 1);
    pthread_mutex_unlock(&r->space->lock);
  }
  return answer(r, status);
}

static int log_write(request *r) {
  int32_t level = (int32_t)wire_u64(&r->in);
  patchbay_str message = wire_str(&r->in);
  uint64_t count;
  const patchbay_kv *fields = read_kvs(r, &count);
  if (r->in.failed || !r->space->logger) return 1;
  r->space->logger->write(r->host, r->call, level, message, fields, count);
  return answer(r, PATCHBAY_OK);
}

static int trace_begin(request *r) {
  patchbay_span parent = wire_u64(&r->in);
  patchbay_str name = wire_str(&r->in);
  if (r->in.failed || !r->space->trace) return 1;
  wire_put_u64(&r->out, r->space->trace->begin(r->host, r->call, parent, name));
  return r->out.failed;
}

static int trace_attr(request *r) {
  patchbay_span span = wire_u64(&r->in);
  patchbay_str key = wire_str(&r->in);
  patchbay_str value = wire_str(&r->in);
  if (r->in.failed || !r->space->trace) return 1;
  r->space->trace->attr(r->host, span, key, value);
  return answer(r, PATCHBAY_OK);
}

static int trace_event(request *r) {
  patchbay_span span = wire_u64(&r->in);
  patchbay_str name = wire_str(&r->in);
  uint64_t count;
  const patchbay_kv *fields = read_kvs(r, &count);
  if (r->in.failed || !r->space->trace) return 1;
  r->space->trace->event(r->host, span, name, fields, count);
  return answer(r, PATCHBAY_OK);
}

static int trace_end(request *r) {
  patchbay_span span = wire_u64(&r->in);
  int32_t ok = (int32_t)wire_u64(&r->in);
  if (r->in.failed || !r->space->trace) return 1;
  r->space->trace->end(r->host, span, ok);
  return answer(r, PATCHBAY_OK);
}

static int trace_inject(request *r) {
  patchbay_span span = wire_u64(&r->in);
  if (r->in.failed || !r->space->trace) return 1;
  char text[256];
  uint64_t length = r->space->trace->inject(r->host, span, text, sizeof text);
  wire_put_bytes(&r->out, text, length <= sizeof text ? length : 0);
  return r->out.failed;
}

static int meter_declare(request *r) {
  int32_t kind = (int32_t)wire_u64(&r->in);
  patchbay_str name = wire_str(&r->in);
  patchbay_str unit = wire_str(&r->in);
  patchbay_str help = wire_str(&r->in);
  if (r->in.failed || !r->space->meter) return 1;
  uint32_t id = 0;
  answer(r, r->space->meter->declare(r->host, kind, name, unit, help, &id));
  wire_put_u64(&r->out, id);
  return r->out.failed;
}

static int meter_record(request *r) {
  uint32_t id = (uint32_t)wire_u64(&r->in);
  double value = wire_f64(&r->in);
  uint64_t count;
  const patchbay_kv *attributes = read_kvs(r, &count);
  if (r->in.failed || !r->space->meter) return 1;
  r->space->meter->record(r->host, id, value, attributes, count);
  return answer(r, PATCHBAY_OK);
}

/* ---- Emit, state, timer ---------------------------------------------------------------------------------------- */

static void read_draft(request *r, patchbay_draft *draft) {
  memset(draft, 0, sizeof *draft);
  draft->size = sizeof *draft;
  draft->type = wire_str(&r->in);
  draft->source = wire_str(&r->in);
  draft->subject = wire_str(&r->in);
  draft->id = wire_str(&r->in);
  draft->datacontenttype = wire_str(&r->in);
  draft->ext = read_kvs(r, &draft->ext_count);
  patchbay_str data = wire_str(&r->in);
  draft->data = (const uint8_t *)data.ptr;
  draft->data_len = data.len;
  draft->not_before_ns = wire_u64(&r->in);
}

static int emit_add(request *r) {
  patchbay_draft draft;
  read_draft(r, &draft);
  if (r->in.failed || !r->space->emit) return 1;
  return answer(r, r->space->emit->add(r->host, r->call, &draft));
}

/* Where a value of at most `room` bytes goes in the reply, behind three numbers. */
static uint8_t *value_room(request *r, uint64_t *room) {
  uint64_t most = r->out.capacity - 3 * sizeof(uint64_t);
  if (*room > most) *room = most;
  return r->out.base + 3 * sizeof(uint64_t);
}

/* The reply of a function that gives a value: status, length, number; the value lies behind already. */
static int give_value(request *r, patchbay_status status, uint64_t length, uint64_t room, uint64_t number) {
  answer(r, status);
  wire_put_u64(&r->out, length);
  wire_put_u64(&r->out, number);
  if (status == PATCHBAY_OK && length <= room) r->out.length += length;
  return r->out.failed;
}

static int state_get(request *r) {
  patchbay_str key = wire_str(&r->in);
  uint64_t room = wire_u64(&r->in);
  if (r->in.failed || !r->space->state) return 1;
  uint8_t *value = value_room(r, &room);
  uint64_t length = room, revision = 0;
  patchbay_status status = r->space->state->get(r->host, r->call, key, value, &length, &revision);
  return give_value(r, status, length, room, revision);
}

static int state_del(request *r) {
  patchbay_str key = wire_str(&r->in);
  uint64_t revision = wire_u64(&r->in);
  if (r->in.failed || !r->space->state) return 1;
  return answer(r, r->space->state->del(r->host, r->call, key, revision));
}

static int state_put(request *r) {
  patchbay_str key = wire_str(&r->in);
  patchbay_str value = wire_str(&r->in);
  uint64_t revision = wire_u64(&r->in);
  uint64_t ttl = wire_u64(&r->in);
  if (r->in.failed || !r->space->state) return 1;
  return answer(r, r->space->state->put(r->host, r->call, key, (const uint8_t *)value.ptr, value.len, revision, ttl));
}

static int timer_set(request *r) {
  patchbay_str key = wire_str(&r->in);
  patchbay_draft draft;
  read_draft(r, &draft);
  if (r->in.failed || !r->space->timer) return 1;
  return answer(r, r->space->timer->set(r->host, r->call, key, &draft));
}

static int timer_cancel(request *r) {
  patchbay_str key = wire_str(&r->in);
  if (r->in.failed || !r->space->timer) return 1;
  return answer(r, r->space->timer->cancel(r->host, r->call, key));
}

/* ---- Streams --------------------------------------------------------------------------------------------------- */

static int stream_append(request *r) {
  patchbay_str stream = wire_str(&r->in);
  uint64_t expected = wire_u64(&r->in);
  uint64_t count = wire_count(&r->in, DRAFT_BYTES);
  patchbay_draft *drafts = keep(r, count, sizeof *drafts);
  const patchbay_draft **pointers = keep(r, count, sizeof *pointers);
  /* Extensions of all drafts in one piece: `keep` has room for few. */
  patchbay_kv *pairs = keep(r, (uint64_t)(r->in.end - r->in.at) / KV_BYTES + 1, sizeof *pairs);
  if (!drafts || !pointers || !pairs || !r->space->stream) return 1;
  for (uint64_t i = 0; i < count && !r->in.failed; i++) {
    patchbay_draft *draft = &drafts[i];
    pointers[i] = draft;
    draft->size = sizeof *draft;
    draft->type = wire_str(&r->in);
    draft->source = wire_str(&r->in);
    draft->subject = wire_str(&r->in);
    draft->id = wire_str(&r->in);
    draft->datacontenttype = wire_str(&r->in);
    draft->ext = pairs;
    draft->ext_count = wire_count(&r->in, KV_BYTES);
    for (uint64_t j = 0; j < draft->ext_count; j++, pairs++) {
      pairs->key = wire_str(&r->in);
      pairs->value = wire_str(&r->in);
    }
    patchbay_str data = wire_str(&r->in);
    draft->data = (const uint8_t *)data.ptr;
    draft->data_len = data.len;
    draft->not_before_ns = wire_u64(&r->in);
  }
  if (r->in.failed) return 1;
  uint64_t revision = 0;
  answer(r, r->space->stream->append(r->host, r->call, stream, pointers, count, expected, &revision));
  wire_put_u64(&r->out, revision);
  return r->out.failed;
}

static int stream_head(request *r) {
  patchbay_str stream = wire_str(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  uint64_t first = 0, next = 0;
  answer(r, r->space->stream->head(r->host, r->call, stream, &first, &next));
  wire_put_u64(&r->out, first);
  wire_put_u64(&r->out, next);
  return r->out.failed;
}

/* A page of events in the reply: as many as fit. The worker asks on where it was cut short. */
typedef struct page {
  wire_out *out;
  uint64_t count, last;
  int cut;
} page;

static int32_t visit(void *context, const patchbay_stream_event *event) {
  page *page = context;
  wire_out trial = *page->out;
  wire_put_u64(&trial, event->revision);
  wire_put_u64(&trial, event->appended_ns);
  wire_put_str(&trial, event->id);
  wire_put_str(&trial, event->source);
  wire_put_str(&trial, event->type);
  wire_put_str(&trial, event->json);
  if (trial.failed) {
    page->cut = 1;
    return 1;
  }
  *page->out = trial;
  page->count++;
  page->last = event->revision;
  return 0;
}

enum { PAGE_NUMBERS = 5 };

/* Status, count, whether it was cut, last revision, next revision; the events lie behind already. */
static int give_page(request *r, patchbay_status status, const page *page, uint64_t next) {
  uint64_t events = r->out.length;
  r->out.length = 0;
  answer(r, status);
  wire_put_u64(&r->out, page->count);
  wire_put_u64(&r->out, (uint64_t)page->cut);
  wire_put_u64(&r->out, page->last);
  wire_put_u64(&r->out, next);
  r->out.length = events;
  return r->out.failed;
}

static int stream_read(request *r) {
  patchbay_str stream = wire_str(&r->in);
  uint64_t from = wire_u64(&r->in), count = wire_u64(&r->in);
  uint32_t flags = (uint32_t)wire_u64(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  r->out.length = PAGE_NUMBERS * sizeof(uint64_t);
  page page = {&r->out, 0, 0, 0};
  patchbay_status status = r->space->stream->read(r->host, r->call, stream, from, count, flags, visit, &page);
  return give_page(r, status, &page, 0);
}

static patchbay_stream_filter read_filter(request *r) {
  patchbay_stream_filter filter = {.size = sizeof filter};
  filter.flags = (uint32_t)wire_u64(&r->in);
  filter.from = wire_u64(&r->in);
  filter.since_ns = wire_u64(&r->in);
  filter.as_of_ns = wire_u64(&r->in);
  filter.type = wire_str(&r->in);
  filter.correlation = wire_str(&r->in);
  return filter;
}

static int stream_subscribe(request *r) {
  patchbay_str name = wire_str(&r->in), stream = wire_str(&r->in);
  uint64_t has_filter = wire_u64(&r->in);
  patchbay_stream_filter filter = read_filter(r);
  if (r->in.failed || !r->space->stream) return 1;
  return answer(r, r->space->stream->subscribe(r->host, r->call, name, stream, has_filter ? &filter : NULL));
}

static int stream_unsubscribe(request *r) {
  patchbay_str name = wire_str(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  return answer(r, r->space->stream->unsubscribe(r->host, r->call, name));
}

static int stream_query(request *r) {
  patchbay_str stream = wire_str(&r->in);
  patchbay_stream_filter filter = read_filter(r);
  uint64_t count = wire_u64(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  r->out.length = PAGE_NUMBERS * sizeof(uint64_t);
  page page = {&r->out, 0, 0, 0};
  uint64_t next = 0;
  patchbay_status status =
    r->space->stream->query(r->host, r->call, stream, &filter, count, visit, &page, &next);
  return give_page(r, status, &page, next);
}

static int snapshot_get(request *r) {
  patchbay_str stream = wire_str(&r->in);
  uint64_t at = wire_u64(&r->in), room = wire_u64(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  uint8_t *value = value_room(r, &room);
  uint64_t length = room, revision = 0;
  patchbay_status status = r->space->stream->snapshot_get(r->host, r->call, stream, at, value, &length, &revision);
  return give_value(r, status, length, room, revision);
}

static int snapshot_put(request *r) {
  patchbay_str stream = wire_str(&r->in);
  uint64_t revision = wire_u64(&r->in);
  patchbay_str bytes = wire_str(&r->in);
  if (r->in.failed || !r->space->stream) return 1;
  return answer(r, r->space->stream->snapshot_put(r->host, r->call, stream, revision, (const uint8_t *)bytes.ptr,
                                                   bytes.len));
}

/* ---- HTTP and mail --------------------------------------------------------------------------------------------- */

/* Whom an answer is for. */
typedef struct ticket {
  pbi_owner owner;
  uint64_t handler, function, context;
} ticket;

static void answered(void *context, const patchbay_answer *answer) {
  ticket *ticket = context;
  uint64_t bytes = 12 * sizeof(uint64_t) + answer->body_len + answer->message.len;
  for (uint64_t i = 0; i < answer->header_count; i++)
    bytes += 2 * sizeof(uint64_t) + answer->headers[i].key.len + answer->headers[i].value.len;
  wire_out out = {malloc(bytes), bytes, 0, 0};
  if (out.base) {
    wire_put_u64(&out, ticket->handler);
    wire_put_u64(&out, ticket->function);
    wire_put_u64(&out, ticket->context);
    wire_put_u64(&out, answer->flags);
    wire_put_u64(&out, (uint64_t)(int64_t)answer->fault);
    wire_put_u64(&out, (uint64_t)(int64_t)answer->status);
    wire_put_kvs(&out, answer->headers, answer->header_count);
    wire_put_bytes(&out, answer->body, answer->body_len);
    wire_put_u64(&out, answer->retry_after_ns);
    wire_put_str(&out, answer->message);
    ticket->owner.answered(ticket->owner.context, out.base, out.length);
  }
  ticket->owner.release(ticket->owner.context);
  free(ticket);
}

static ticket *new_ticket(request *r, uint64_t handler, uint64_t function, uint64_t context) {
  ticket *ticket = malloc(sizeof *ticket);
  if (!ticket) return NULL;
  *ticket = (struct ticket){r->space->owner, handler, function, context};
  ticket->owner.retain(ticket->owner.context);
  return ticket;
}

static int sent(request *r, ticket *ticket, patchbay_status status) {
  if (status < 0) {
    ticket->owner.release(ticket->owner.context);
    free(ticket);
  }
  return answer(r, status);
}

static int http_send(request *r) {
  uint64_t handler = wire_u64(&r->in), function = wire_u64(&r->in), context = wire_u64(&r->in);
  patchbay_http_request wanted = {.size = (uint32_t)wire_u64(&r->in)};
  if (wanted.size > sizeof wanted) wanted.size = sizeof wanted;
  wanted.method = wire_str(&r->in);
  wanted.url = wire_str(&r->in);
  wanted.headers = read_kvs(r, &wanted.header_count);
  patchbay_str body = wire_str(&r->in);
  wanted.body = (const uint8_t *)body.ptr;
  wanted.body_len = body.len;
  wanted.timeout_ns = wire_u64(&r->in);
  wanted.response_max = wire_u64(&r->in);
  if (r->in.failed || !r->space->http) return 1;
  ticket *ticket = new_ticket(r, handler, function, context);
  if (!ticket) return answer(r, PATCHBAY_E_NOMEM);
  return sent(r, ticket, r->space->http->send(r->host, r->call, &wanted, answered, ticket));
}

static int mail_send(request *r) {
  uint64_t handler = wire_u64(&r->in), function = wire_u64(&r->in), context = wire_u64(&r->in);
  patchbay_mail_message mail = {.size = (uint32_t)wire_u64(&r->in)};
  if (mail.size > sizeof mail) mail.size = sizeof mail;
  mail.flags = (uint32_t)wire_u64(&r->in);
  mail.server = wire_str(&r->in);
  mail.user = wire_str(&r->in);
  mail.password = wire_str(&r->in);
  mail.from = wire_str(&r->in);
  mail.recipient_count = wire_count(&r->in, sizeof(uint64_t));
  patchbay_str *recipients = keep(r, mail.recipient_count, sizeof *recipients);
  if (!recipients) return 1;
  for (uint64_t i = 0; i < mail.recipient_count; i++) recipients[i] = wire_str(&r->in);
  mail.recipients = recipients;
  patchbay_str content = wire_str(&r->in);
  mail.content = (const uint8_t *)content.ptr;
  mail.content_len = content.len;
  mail.timeout_ns = wire_u64(&r->in);
  if (r->in.failed || !r->space->mail) return 1;
  ticket *ticket = new_ticket(r, handler, function, context);
  if (!ticket) return answer(r, PATCHBAY_E_NOMEM);
  return sent(r, ticket, r->space->mail->send(r->host, r->call, &mail, answered, ticket));
}

/* ---- Every request --------------------------------------------------------------------------------------------- */

static const serve operations[] = {
  [PBI_COMPLETE] = complete,
  [PBI_LOG_WRITE] = log_write,
  [PBI_TRACE_BEGIN] = trace_begin,
  [PBI_TRACE_ATTR] = trace_attr,
  [PBI_TRACE_EVENT] = trace_event,
  [PBI_TRACE_END] = trace_end,
  [PBI_TRACE_INJECT] = trace_inject,
  [PBI_METER_DECLARE] = meter_declare,
  [PBI_METER_RECORD] = meter_record,
  [PBI_EMIT_ADD] = emit_add,
  [PBI_STATE_GET] = state_get,
  [PBI_STATE_DEL] = state_del,
  [PBI_STATE_PUT] = state_put,
  [PBI_TIMER_SET] = timer_set,
  [PBI_TIMER_CANCEL] = timer_cancel,
  [PBI_STREAM_APPEND] = stream_append,
  [PBI_STREAM_HEAD] = stream_head,
  [PBI_STREAM_READ] = stream_read,
  [PBI_STREAM_SNAPSHOT_GET] = snapshot_get,
  [PBI_STREAM_SNAPSHOT_PUT] = snapshot_put,
  [PBI_STREAM_QUERY] = stream_query,
  [PBI_STREAM_SUBSCRIBE] = stream_subscribe,
  [PBI_STREAM_UNSUBSCRIBE] = stream_unsubscribe,
  [PBI_HTTP_SEND] = http_send,
  [PBI_MAIL_SEND] = mail_send,
};

uint32_t space_request_handler(pbi_space *space, uint32_t channel) {
  if (pbi_channel_of(space->memory, channel)->length < 2 * sizeof(uint64_t)) return UINT32_MAX;
  uint64_t handler;
  memcpy(&handler, pbi_buffer_of(space->memory, channel) + sizeof(uint64_t), sizeof handler);
  return handler < UINT32_MAX ? (uint32_t)handler : UINT32_MAX;
}

int32_t space_serve(pbi_space *space, uint32_t channel, const patchbay_host *host) {
  pbi_channel *shared = pbi_channel_of(space->memory, channel);
  uint8_t *buffer = pbi_buffer_of(space->memory, channel);
  uint64_t length = shared->length;
  if (length > PBI_BUFFER_BYTES) return PBI_BROKEN;
  uint8_t on_stack[COPY_ON_STACK];
  uint8_t *copy = length <= sizeof on_stack ? on_stack : malloc(length);
  if (!copy) return PBI_BROKEN;
  memcpy(copy, buffer, length);
  request r = {.space = space, .host = host, .in = {copy, copy + length, 0}, .out = {buffer, PBI_BUFFER_BYTES, 0, 0}};
  uint64_t operation = wire_u64(&r.in);
  wire_u64(&r.in); /* the handler, which the channel or `space_request_handler` has said */
  r.call = host_call(space, wire_u64(&r.in), &r.slot);
  int failed = r.in.failed || operation == 0 || operation >= sizeof operations / sizeof *operations ||
               operations[operation](&r);
  for (uint32_t i = 0; i < r.kept_count; i++) free(r.kept[i]);
  if (copy != on_stack) free(copy);
  shared->length = r.out.length;
  return failed ? PBI_BROKEN : PBI_RAN;
}
