/* services.c - the host's service tables as modules in the worker get them. Each function asks the host, and checks
 * before only what it has to read itself. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "patchbay/draft/stream.h"
#include "patchbay/emit.h"
#include "patchbay/http.h"
#include "patchbay/mail.h"
#include "patchbay/state.h"
#include "patchbay/timer.h"
#include "talk.h"

#define IS_SHORT(p, last) ((p)->size < offsetof(__typeof__(*(p)), last) + sizeof((p)->last))

static pbi_client *client_of(const patchbay_host *host) { return ((const client_host *)host)->client; }

/* A call that is over here has effects nowhere. */
static int is_over(const patchbay_host *host, patchbay_call call) { return !client_is_open(client_of(host), call); }

static int is_bad(patchbay_str text) { return text.len && !text.ptr; }

/* ---- Logger, trace, meter -------------------------------------------------------------------------------------- */

static int32_t log_enabled(const patchbay_host *host, int32_t level) {
  if (!host) return 0;
  uint32_t bit = level < 1 ? 1 : level > 24 ? 24 : (uint32_t)level;
  return pbi_head_of(client_of(host)->memory)->log_enabled >> bit & 1;
}

static void log_write(const patchbay_host *host, patchbay_call call, int32_t level, patchbay_str message,
                      const patchbay_kv *fields, uint64_t n) {
  if (!log_enabled(host, level)) return;
  talk talk;
  talk_begin(&talk, host, PBI_LOG_WRITE, call);
  wire_put_u64(&talk.out, (uint64_t)(int64_t)level);
  wire_put_str(&talk.out, message);
  wire_put_kvs(&talk.out, fields, n);
  talk_status(&talk);
}

static const patchbay_logger logger = {.size = sizeof logger, .enabled = log_enabled, .write = log_write};

static patchbay_span trace_begin(const patchbay_host *host, patchbay_call call, patchbay_span parent,
                                 patchbay_str name) {
  if (!host || is_over(host, call)) return 0;
  talk talk;
  talk_begin(&talk, host, PBI_TRACE_BEGIN, call);
  wire_put_u64(&talk.out, parent);
  wire_put_str(&talk.out, name);
  patchbay_span span = talk_send(&talk) ? wire_u64(&talk.in) : 0;
  talk_end(&talk);
  return span;
}

static void trace_attr(const patchbay_host *host, patchbay_span span, patchbay_str key, patchbay_str json_value) {
  if (!host || !span) return;
  talk talk;
  talk_begin(&talk, host, PBI_TRACE_ATTR, 0);
  wire_put_u64(&talk.out, span);
  wire_put_str(&talk.out, key);
  wire_put_str(&talk.out, json_value);
  talk_status(&talk);
}

static void trace_event(const patchbay_host *host, patchbay_span span, patchbay_str name, const patchbay_kv *fields,
                        uint64_t n) {
  if (!host || !span) return;
  talk talk;
  talk_begin(&talk, host, PBI_TRACE_EVENT, 0);
  wire_put_u64(&talk.out, span);
  wire_put_str(&talk.out, name);
  wire_put_kvs(&talk.out, fields, n);
  talk_status(&talk);
}

static void trace_end(const patchbay_host *host, patchbay_span span, int32_t ok) {
  if (!host || !span) return;
  talk talk;
  talk_begin(&talk, host, PBI_TRACE_END, 0);
  wire_put_u64(&talk.out, span);
  wire_put_u64(&talk.out, (uint64_t)(int64_t)ok);
  talk_status(&talk);
}

static uint64_t trace_inject(const patchbay_host *host, patchbay_span span, char *buf, uint64_t cap) {
  if (!host || !span) return 0;
  talk talk;
  talk_begin(&talk, host, PBI_TRACE_INJECT, 0);
  wire_put_u64(&talk.out, span);
  uint64_t length = 0;
  if (talk_send(&talk)) {
    patchbay_str text = wire_str(&talk.in);
    length = text.len;
    if (length && length <= cap && buf) memcpy(buf, text.ptr, length);
  }
  talk_end(&talk);
  return length;
}

static const patchbay_trace trace = {.size = sizeof trace,
                                     .begin = trace_begin,
                                     .attr = trace_attr,
                                     .event = trace_event,
                                     .end = trace_end,
                                     .inject = trace_inject};

static patchbay_status meter_declare(const patchbay_host *host, int32_t kind, patchbay_str name, patchbay_str unit,
                                     patchbay_str help, uint32_t *id) {
  if (!host || !id || is_bad(name) || is_bad(unit) || is_bad(help)) return PATCHBAY_E_ARG;
  talk talk;
  talk_begin(&talk, host, PBI_METER_DECLARE, 0);
  wire_put_u64(&talk.out, (uint64_t)(int64_t)kind);
  wire_put_str(&talk.out, name);
  wire_put_str(&talk.out, unit);
  wire_put_str(&talk.out, help);
  patchbay_status status = PATCHBAY_E_LIMIT;
  if (talk_send(&talk)) {
    status = (patchbay_status)(int64_t)wire_u64(&talk.in);
    uint32_t number = (uint32_t)wire_u64(&talk.in);
    if (status >= 0) *id = number;
  }
  talk_end(&talk);
  return status;
}

static void meter_record(const patchbay_host *host, uint32_t id, double value, const patchbay_kv *attributes,
                         uint64_t n) {
  if (!host) return;
  talk talk;
  talk_begin(&talk, host, PBI_METER_RECORD, 0);
  wire_put_u64(&talk.out, id);
  wire_put_f64(&talk.out, value);
  wire_put_kvs(&talk.out, attributes, n);
  talk_status(&talk);
}

static const patchbay_meter meter = {.size = sizeof meter, .declare = meter_declare, .record = meter_record};

/* ---- Emit, state, timer ---------------------------------------------------------------------------------------- */

static int is_bad_draft(const patchbay_draft *draft) {
  return !draft || IS_SHORT(draft, not_before_ns) || is_bad(draft->type) || is_bad(draft->source) ||
         is_bad(draft->subject) || is_bad(draft->id) || is_bad(draft->datacontenttype) ||
         (draft->data_len && !draft->data) || (draft->ext_count && !draft->ext);
}

static void put_draft(wire_out *out, const patchbay_draft *draft) {
  wire_put_str(out, draft->type);
  wire_put_str(out, draft->source);
  wire_put_str(out, draft->subject);
  wire_put_str(out, draft->id);
  wire_put_str(out, draft->datacontenttype);
  wire_put_kvs(out, draft->ext, draft->ext_count);
  wire_put_bytes(out, draft->data, draft->data_len);
  wire_put_u64(out, draft->not_before_ns);
}

static patchbay_status emit_add(const patchbay_host *host, patchbay_call call, const patchbay_draft *draft) {
  if (!host || is_bad_draft(draft)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_EMIT_ADD, call);
  put_draft(&talk.out, draft);
  return talk_status(&talk);
}

static const patchbay_emit emit = {.size = sizeof emit, .add = emit_add};

/* Reads a reply of status, length, number and value. */
static patchbay_status take_value(talk *talk, uint8_t *buf, uint64_t *len, uint64_t *number) {
  patchbay_status status = PATCHBAY_E_LIMIT;
  if (talk_send(talk)) {
    status = (patchbay_status)(int64_t)wire_u64(&talk->in);
    uint64_t length = wire_u64(&talk->in), found = wire_u64(&talk->in);
    if (status == PATCHBAY_OK && length && buf) memcpy(buf, talk->in.at, length);
    if (status == PATCHBAY_OK && length && !buf) status = PATCHBAY_E_ARG;
    if (status != PATCHBAY_E_ARG && status != PATCHBAY_E_STALE && status != PATCHBAY_E_STATE) {
      *len = length;
      if (number) *number = found;
    }
  }
  talk_end(talk);
  return status;
}

static patchbay_status state_get(const patchbay_host *host, patchbay_call call, patchbay_str key, uint8_t *buf,
                                 uint64_t *len, uint64_t *rev) {
  if (!host || !len || is_bad(key)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STATE_GET, call);
  wire_put_str(&talk.out, key);
  wire_put_u64(&talk.out, *len);
  return take_value(&talk, buf, len, rev);
}

static patchbay_status state_del(const patchbay_host *host, patchbay_call call, patchbay_str key, uint64_t rev) {
  if (!host || is_bad(key)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STATE_DEL, call);
  wire_put_str(&talk.out, key);
  wire_put_u64(&talk.out, rev);
  return talk_status(&talk);
}

static patchbay_status state_put(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                 const uint8_t *value, uint64_t len, uint64_t rev, uint64_t ttl_ns) {
  if (!host || is_bad(key) || (len && !value)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STATE_PUT, call);
  wire_put_str(&talk.out, key);
  wire_put_bytes(&talk.out, value, len);
  wire_put_u64(&talk.out, rev);
  wire_put_u64(&talk.out, ttl_ns);
  return talk_status(&talk);
}

static const patchbay_state state = {.size = sizeof state, .get = state_get, .del = state_del, .put = state_put};

static patchbay_status timer_set(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                 const patchbay_draft *draft) {
  if (!host || is_bad(key) || is_bad_draft(draft)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_TIMER_SET, call);
  wire_put_str(&talk.out, key);
  put_draft(&talk.out, draft);
  return talk_status(&talk);
}

static patchbay_status timer_cancel(const patchbay_host *host, patchbay_call call, patchbay_str key) {
  if (!host || is_bad(key)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_TIMER_CANCEL, call);
  wire_put_str(&talk.out, key);
  return talk_status(&talk);
}

static const patchbay_timer timer = {.size = sizeof timer, .set = timer_set, .cancel = timer_cancel};

/* ---- Streams --------------------------------------------------------------------------------------------------- */

static patchbay_status stream_append(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                                     const patchbay_draft *const *drafts, uint64_t count, uint64_t expected,
                                     uint64_t *revision) {
  if (!host || is_bad(stream) || (count && !drafts)) return PATCHBAY_E_ARG;
  for (uint64_t i = 0; i < count; i++)
    if (is_bad_draft(drafts[i])) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_APPEND, call);
  wire_put_str(&talk.out, stream);
  wire_put_u64(&talk.out, expected);
  wire_put_u64(&talk.out, count);
  for (uint64_t i = 0; i < count; i++) put_draft(&talk.out, drafts[i]);
  patchbay_status status = PATCHBAY_E_LIMIT;
  if (talk_send(&talk)) {
    status = (patchbay_status)(int64_t)wire_u64(&talk.in);
    uint64_t first = wire_u64(&talk.in);
    if (revision && (status == PATCHBAY_OK || status == PATCHBAY_E_CONFLICT)) *revision = first;
  }
  talk_end(&talk);
  return status;
}

static patchbay_status stream_head(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                                   uint64_t *first, uint64_t *next) {
  if (!host || is_bad(stream)) return PATCHBAY_E_ARG;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_HEAD, call);
  wire_put_str(&talk.out, stream);
  patchbay_status status = PATCHBAY_E_LIMIT;
  if (talk_send(&talk)) {
    status = (patchbay_status)(int64_t)wire_u64(&talk.in);
    uint64_t begin = wire_u64(&talk.in), end = wire_u64(&talk.in);
    if (first && (status == PATCHBAY_OK || status == PATCHBAY_E_NOT_FOUND)) *first = begin;
    if (next && (status == PATCHBAY_OK || status == PATCHBAY_E_NOT_FOUND)) *next = end;
  }
  talk_end(&talk);
  return status;
}

/* A page out of the channel, which the visitor may need for questions of its own. */
typedef struct page {
  patchbay_status status;
  uint64_t count, cut, last, next;
  uint8_t *bytes;
  wire_in in;
} page;

static page take_page(talk *talk) {
  page page = {.status = PATCHBAY_E_LIMIT};
  if (talk_send(talk)) {
    page.status = (patchbay_status)(int64_t)wire_u64(&talk->in);
    page.count = wire_u64(&talk->in);
    page.cut = wire_u64(&talk->in);
    page.last = wire_u64(&talk->in);
    page.next = wire_u64(&talk->in);
    uint64_t length = (uint64_t)(talk->in.end - talk->in.at);
    page.bytes = malloc(length ? length : 1);
    if (page.bytes) {
      memcpy(page.bytes, talk->in.at, length);
      page.in = (wire_in){page.bytes, page.bytes + length, 0};
    } else {
      page.status = PATCHBAY_E_NOMEM;
    }
  }
  talk_end(talk);
  return page;
}

/* Shows the page; 0 when the visitor has had enough. */
static int show(page *page, patchbay_stream_visit visit, void *context) {
  for (uint64_t i = 0; i < page->count; i++) {
    patchbay_stream_event event = {.size = sizeof event};
    event.revision = wire_u64(&page->in);
    event.appended_ns = wire_u64(&page->in);
    event.id = wire_str(&page->in);
    event.source = wire_str(&page->in);
    event.type = wire_str(&page->in);
    event.json = wire_str(&page->in);
    if (visit(context, &event) != 0) return 0;
  }
  return 1;
}

/* Where a page that was cut short goes on; 0 when there is nothing beyond. */
static int go_on(const page *page, uint32_t flags, uint64_t *from) {
  if (!page->cut || !page->count) return 0;
  int backward = (flags & PATCHBAY_STREAM_BACKWARD) != 0;
  if (backward && page->last == 0) return 0;
  *from = backward ? page->last - 1 : page->last + 1;
  return 1;
}

static patchbay_status stream_read(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t from,
                                   uint64_t count, uint32_t flags, patchbay_stream_visit visit, void *context) {
  if (!host || !visit || is_bad(stream)) return PATCHBAY_E_ARG;
  while (1) {
    talk talk;
    talk_begin(&talk, host, PBI_STREAM_READ, call);
    wire_put_str(&talk.out, stream);
    wire_put_u64(&talk.out, from);
    wire_put_u64(&talk.out, count);
    wire_put_u64(&talk.out, flags);
    page page = take_page(&talk);
    int more = page.status == PATCHBAY_OK && show(&page, visit, context) && go_on(&page, flags, &from);
    free(page.bytes);
    count -= page.count;
    if (!more || !count) return page.status;
  }
}

static int is_bad_filter(const patchbay_stream_filter *filter) {
  return IS_SHORT(filter, correlation) || is_bad(filter->type) || is_bad(filter->correlation);
}

static void put_filter(wire_out *out, const patchbay_stream_filter *filter, uint64_t from) {
  wire_put_u64(out, filter->flags);
  wire_put_u64(out, from);
  wire_put_u64(out, filter->since_ns);
  wire_put_u64(out, filter->as_of_ns);
  wire_put_str(out, filter->type);
  wire_put_str(out, filter->correlation);
}

static patchbay_status stream_subscribe(const patchbay_host *host, patchbay_call call, patchbay_str name,
                                        patchbay_str stream, const patchbay_stream_filter *filter) {
  static const patchbay_stream_filter everything = {.size = sizeof everything};
  if (!host || is_bad(name) || is_bad(stream) || (filter && is_bad_filter(filter))) return PATCHBAY_E_ARG;
  if (call && is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_SUBSCRIBE, call);
  wire_put_str(&talk.out, name);
  wire_put_str(&talk.out, stream);
  wire_put_u64(&talk.out, filter != NULL);
  put_filter(&talk.out, filter ? filter : &everything, filter ? filter->from : 0);
  return talk_status(&talk);
}

static patchbay_status stream_unsubscribe(const patchbay_host *host, patchbay_call call, patchbay_str name) {
  if (!host || is_bad(name)) return PATCHBAY_E_ARG;
  if (call && is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_UNSUBSCRIBE, call);
  wire_put_str(&talk.out, name);
  return talk_status(&talk);
}

static patchbay_status stream_query(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                                    const patchbay_stream_filter *filter, uint64_t count, patchbay_stream_visit visit,
                                    void *context, uint64_t *next) {
  if (!host || !visit || !filter || is_bad_filter(filter) || is_bad(stream)) return PATCHBAY_E_ARG;
  uint64_t from = filter->from;
  while (1) {
    talk talk;
    talk_begin(&talk, host, PBI_STREAM_QUERY, call);
    wire_put_str(&talk.out, stream);
    put_filter(&talk.out, filter, from);
    wire_put_u64(&talk.out, count);
    page page = take_page(&talk);
    int more = page.status == PATCHBAY_OK && show(&page, visit, context) && go_on(&page, filter->flags, &from);
    free(page.bytes);
    count -= page.count;
    if (!more && next && page.status == PATCHBAY_OK) *next = page.next;
    if (more && !count && next) *next = from;
    if (!more || !count) return page.status;
  }
}

static patchbay_status snapshot_get(const patchbay_host *host, patchbay_call call, patchbay_str stream, uint64_t at,
                                    uint8_t *buf, uint64_t *len, uint64_t *revision) {
  if (!host || !len || is_bad(stream)) return PATCHBAY_E_ARG;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_SNAPSHOT_GET, call);
  wire_put_str(&talk.out, stream);
  wire_put_u64(&talk.out, at);
  wire_put_u64(&talk.out, *len);
  return take_value(&talk, buf, len, revision);
}

static patchbay_status snapshot_put(const patchbay_host *host, patchbay_call call, patchbay_str stream,
                                    uint64_t revision, const uint8_t *bytes, uint64_t len) {
  if (!host || is_bad(stream) || (len && !bytes)) return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_STREAM_SNAPSHOT_PUT, call);
  wire_put_str(&talk.out, stream);
  wire_put_u64(&talk.out, revision);
  wire_put_bytes(&talk.out, bytes, len);
  return talk_status(&talk);
}

static const patchbay_stream stream = {.size = sizeof stream,
                                       .append = stream_append,
                                       .head = stream_head,
                                       .read = stream_read,
                                       .snapshot_get = snapshot_get,
                                       .snapshot_put = snapshot_put,
                                       .query = stream_query,
                                       .subscribe = stream_subscribe,
                                       .unsubscribe = stream_unsubscribe};

/* ---- HTTP and mail --------------------------------------------------------------------------------------------- */

/* The answer comes as a message to the main thread, with both pointers as they are here. */
static void put_receiver(wire_out *out, const patchbay_host *host, patchbay_answered answered, void *context) {
  wire_put_u64(out, ((const client_host *)host)->handler);
  wire_put_u64(out, (uint64_t)(uintptr_t)answered);
  wire_put_u64(out, (uint64_t)(uintptr_t)context);
}

static patchbay_status http_send(const patchbay_host *host, patchbay_call call, const patchbay_http_request *request,
                                 patchbay_answered answered, void *context) {
  if (!host || !request || !answered || IS_SHORT(request, response_max) || is_bad(request->method) ||
      is_bad(request->url) || (request->header_count && !request->headers) || (request->body_len && !request->body))
    return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_HTTP_SEND, call);
  put_receiver(&talk.out, host, answered, context);
  wire_put_u64(&talk.out, request->size);
  wire_put_str(&talk.out, request->method);
  wire_put_str(&talk.out, request->url);
  wire_put_kvs(&talk.out, request->headers, request->header_count);
  wire_put_bytes(&talk.out, request->body, request->body_len);
  wire_put_u64(&talk.out, request->timeout_ns);
  wire_put_u64(&talk.out, request->response_max);
  return talk_status(&talk);
}

static const patchbay_http http = {.size = sizeof http, .send = http_send};

static patchbay_status mail_send(const patchbay_host *host, patchbay_call call, const patchbay_mail_message *message,
                                 patchbay_answered answered, void *context) {
  if (!host || !message || !answered || IS_SHORT(message, timeout_ns) || !message->recipients ||
      (message->content_len && !message->content))
    return PATCHBAY_E_ARG;
  if (is_over(host, call)) return PATCHBAY_E_STALE;
  talk talk;
  talk_begin(&talk, host, PBI_MAIL_SEND, call);
  put_receiver(&talk.out, host, answered, context);
  wire_put_u64(&talk.out, message->size);
  wire_put_u64(&talk.out, message->flags);
  wire_put_str(&talk.out, message->server);
  wire_put_str(&talk.out, message->user);
  wire_put_str(&talk.out, message->password);
  wire_put_str(&talk.out, message->from);
  wire_put_u64(&talk.out, message->recipient_count);
  for (uint64_t i = 0; i < message->recipient_count; i++) wire_put_str(&talk.out, message->recipients[i]);
  wire_put_bytes(&talk.out, message->content, message->content_len);
  wire_put_u64(&talk.out, message->timeout_ns);
  return talk_status(&talk);
}

static const patchbay_mail mail = {.size = sizeof mail, .send = mail_send};

void pbi_client_answered(const uint8_t *message, uint64_t length) {
  wire_in in = {message, message + length, 0};
  wire_u64(&in); /* the handler, for the host */
  patchbay_answered function = (patchbay_answered)(uintptr_t)wire_u64(&in);
  void *context = (void *)(uintptr_t)wire_u64(&in);
  patchbay_answer answer = {.size = sizeof answer};
  answer.flags = (uint32_t)wire_u64(&in);
  answer.fault = (int32_t)wire_u64(&in);
  answer.status = (int32_t)wire_u64(&in);
  answer.header_count = wire_count(&in, 2 * sizeof(uint64_t));
  patchbay_kv *headers = calloc(answer.header_count ? answer.header_count : 1, sizeof *headers);
  if (!headers) answer.header_count = 0;
  for (uint64_t i = 0; i < answer.header_count; i++) {
    headers[i].key = wire_str(&in);
    headers[i].value = wire_str(&in);
  }
  answer.headers = headers;
  patchbay_str body = wire_str(&in);
  answer.body = (const uint8_t *)body.ptr;
  answer.body_len = body.len;
  answer.retry_after_ns = wire_u64(&in);
  answer.message = wire_str(&in);
  function(context, &answer);
  free(headers);
}

/* ---- By id ----------------------------------------------------------------------------------------------------- */

patchbay_str pbi_service_id(patchbay_str id) {
  static const char *const frozen[] = {PATCHBAY_EMIT, PATCHBAY_HTTP, PATCHBAY_MAIL, PATCHBAY_STATE, PATCHBAY_TIMER};
  if (!id.len || !id.ptr || id.ptr[id.len - 1] != '0') return id;
  for (uint32_t i = 0; i < sizeof frozen / sizeof *frozen; i++)
    if (id.len == strlen(frozen[i]) && memcmp(id.ptr, frozen[i], id.len - 1) == 0)
      return (patchbay_str){frozen[i], id.len};
  return id;
}

const void *client_service(const patchbay_host *host, patchbay_str id) {
  (void)host;
  id = pbi_service_id(id);
  static const struct {
    const char *id;
    const void *table;
  } services[] = {
    {PATCHBAY_LOGGER, &logger}, {PATCHBAY_TRACE, &trace}, {PATCHBAY_METER, &meter},
    {PATCHBAY_EMIT, &emit},     {PATCHBAY_STATE, &state}, {PATCHBAY_TIMER, &timer},
    {PATCHBAY_STREAM, &stream}, {PATCHBAY_HTTP, &http},   {PATCHBAY_MAIL, &mail},
  };
  if (!id.ptr) return NULL;
  for (uint32_t i = 0; i < sizeof services / sizeof *services; i++)
    if (id.len == strlen(services[i].id) && memcmp(id.ptr, services[i].id, id.len) == 0) return services[i].table;
  return NULL;
}
