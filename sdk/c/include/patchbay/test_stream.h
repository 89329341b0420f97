/* patchbay/test_stream.h - streams of the test host: in memory, for one handler. Include patchbay/test.h instead. */
#ifndef PATCHBAY_TEST_STREAM_H
#define PATCHBAY_TEST_STREAM_H
#include "draft/stream.h"
#include "test_host.h"

typedef struct patchbay_test_parts { char *bytes; size_t len; } patchbay_test_parts;

PATCHBAY_TEST_ void patchbay_test_part_(patchbay_test_parts *parts, patchbay_str text) {
  parts->bytes = (char *)patchbay_test_memory_(parts->bytes, parts->len + text.len + 1);
  if (text.len) memcpy(parts->bytes + parts->len, text.ptr, text.len);
  parts->len += text.len;
  parts->bytes[parts->len] = 0;
}

PATCHBAY_TEST_ void patchbay_test_member_(patchbay_test_parts *parts, const char *name, patchbay_str value,
                                          int is_json) {
  if (!value.len) return;
  patchbay_test_part_(parts, patchbay_test_text_(",\""));
  patchbay_test_part_(parts, patchbay_test_text_(name));
  patchbay_test_part_(parts, patchbay_test_text_(is_json ? "\":" : "\":\""));
  patchbay_test_part_(parts, value);
  if (!is_json) patchbay_test_part_(parts, patchbay_test_text_("\""));
}

/* An event as its entry keeps it; `cause` is the id of the event that it comes of. Data that is not JSON is left out.
 * */
PATCHBAY_TEST_ patchbay_test_parts patchbay_test_stored_(patchbay_str cause, patchbay_str stream, uint64_t revision,
                                                         const patchbay_draft *draft) {
  static const patchbay_str end = {"", 1};
  patchbay_test_parts parts = {NULL, 0};
  patchbay_str id = draft->id, source = draft->source, data = {(const char *)draft->data, draft->data_len};
  char derived[64];
  if (!id.len) {
    snprintf(derived, sizeof derived, "%.*s-%.*s-%llu", (int)(cause.len > 20 ? 20 : cause.len), cause.ptr,
             (int)(stream.len > 20 ? 20 : stream.len), stream.ptr, (unsigned long long)revision);
    id = patchbay_test_text_(derived);
  }
  if (!source.len) source = patchbay_test_text_("//patchbay/test");
  if (draft->datacontenttype.len && !memchr(draft->datacontenttype.ptr, 'j', draft->datacontenttype.len)) data.len = 0;
  patchbay_str heads[] = {id, end, source, end, draft->type, end};
  for (size_t i = 0; i < 6; i++) patchbay_test_part_(&parts, heads[i]);
  patchbay_test_part_(&parts, patchbay_test_text_("{\"specversion\":\"1.0\""));
  patchbay_test_member_(&parts, "id", id, 0);
  patchbay_test_member_(&parts, "source", source, 0);
  patchbay_test_member_(&parts, "type", draft->type, 0);
  patchbay_test_member_(&parts, "subject", draft->subject, 0);
  patchbay_test_member_(&parts, "data", data, 1);
  patchbay_test_part_(&parts, patchbay_test_text_("}"));
  return parts;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_stream_append_(const patchbay_host *host, patchbay_call call,
                                                            patchbay_str stream, const patchbay_draft *const *drafts,
                                                            uint64_t count, uint64_t expected, uint64_t *revision) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_status status = PATCHBAY_OK;
  uint64_t next;
  patchbay_test_call *open;
  if (!stream.len || !count) return PATCHBAY_E_ARG;
  for (uint64_t i = 0; i < count; i++)
    if (!drafts[i]->type.len || drafts[i]->not_before_ns) return PATCHBAY_E_ARG;
  pthread_mutex_lock(&t->lock);
  open = patchbay_test_open_(t, call);
  next = patchbay_test_next_(t, call, stream);
  if (!open) status = PATCHBAY_E_STALE;
  else if (expected == PATCHBAY_STREAM_EXISTS ? !next : expected == PATCHBAY_STREAM_NONE ? next > 0
           : expected != PATCHBAY_STREAM_ANY && (!next || expected != next - 1)) status = PATCHBAY_E_CONFLICT;
  if (revision) *revision = status == PATCHBAY_OK ? next : next ? next - 1 : PATCHBAY_STREAM_NONE;
  for (uint64_t i = 0; status == PATCHBAY_OK && i < count; i++) {
    patchbay_test_parts stored = patchbay_test_stored_(open->event->id, stream, next + i, drafts[i]);
    patchbay_test_put_(t, call, PATCHBAY_TEST_EVENT_, stream, stored.bytes, stored.len, next + i);
    free(stored.bytes);
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_stream_head_(const patchbay_host *host, patchbay_call call,
                                                          patchbay_str stream, uint64_t *first, uint64_t *next) {
  patchbay_test *t = patchbay_test_of_(host);
  uint64_t count;
  int is_open;
  pthread_mutex_lock(&t->lock);
  is_open = patchbay_test_open_(t, call) != NULL;
  count = is_open ? patchbay_test_next_(t, 0, stream) : 0;
  pthread_mutex_unlock(&t->lock);
  if (first) *first = 0;
  if (next) *next = count;
  return !is_open ? PATCHBAY_E_STALE : count ? PATCHBAY_OK : PATCHBAY_E_NOT_FOUND;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_stream_read_(const patchbay_host *host, patchbay_call call,
                                                          patchbay_str stream, uint64_t from, uint64_t count,
                                                          uint32_t flags, patchbay_stream_visit visit, void *context) {
  patchbay_test *t = patchbay_test_of_(host);
  uint64_t next;
  patchbay_status status = patchbay_test_stream_head_(host, call, stream, NULL, &next);
  int is_over = status < 0;
  if (flags & PATCHBAY_STREAM_BACKWARD && from >= next) from = next - 1;
  for (uint64_t i = 0; !is_over && i < count && i < 1000; i++) {
    uint64_t at = flags & PATCHBAY_STREAM_BACKWARD ? from - i : from + i;
    patchbay_stream_event event = {sizeof event, 0, at, at + 1, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    patchbay_test_entry *entry;
    const char *text;
    if (at >= next) break;
    /* What is committed stays where it is until this call is over. */
    pthread_mutex_lock(&t->lock);
    entry = patchbay_test_in_stream_(t, 0, PATCHBAY_TEST_EVENT_, stream, at);
    text = (const char *)entry->value;
    pthread_mutex_unlock(&t->lock);
    event.id = patchbay_test_text_(text);
    event.source = patchbay_test_text_(text += event.id.len + 1);
    event.type = patchbay_test_text_(text += event.source.len + 1);
    event.json = patchbay_test_text_(text + event.type.len + 1);
    is_over = visit(context, &event) != 0;
  }
  return status;
}

/* Whether a pattern as routes have it takes a type: `*` is one token, `**` the rest. */
PATCHBAY_TEST_ int patchbay_test_takes_(patchbay_str pattern, patchbay_str type) {
  size_t p = 0, t = 0;
  while (p < pattern.len) {
    int is_token = pattern.ptr[p] == '*' && (p == 0 || pattern.ptr[p - 1] == '.');
    if (is_token && t >= type.len) return 0;
    if (is_token && p + 1 < pattern.len && pattern.ptr[p + 1] == '*') return 1;
    if (is_token) {
      while (t < type.len && type.ptr[t] != '.') t++;
      p++;
    } else if (t >= type.len || pattern.ptr[p++] != type.ptr[t++]) {
      return 0;
    }
  }
  return t == type.len;
}

typedef struct patchbay_test_query {
  const patchbay_stream_filter *filter;
  patchbay_stream_visit visit;
  void *context;
  uint64_t left, looked_at, next;
  int is_over;
} patchbay_test_query;

PATCHBAY_TEST_ int32_t patchbay_test_asked_(void *asked, const patchbay_stream_event *event) {
  patchbay_test_query *query = (patchbay_test_query *)asked;
  const patchbay_stream_filter *filter = query->filter;
  char member[300];
  query->looked_at++;
  if (!(filter->flags & PATCHBAY_STREAM_BACKWARD)) query->next = event->revision + 1;
  else query->next = event->revision ? event->revision - 1 : PATCHBAY_STREAM_NONE;
  if (filter->since_ns && event->appended_ns < filter->since_ns) return 0;
  if (filter->as_of_ns && event->appended_ns > filter->as_of_ns) return 0;
  if (filter->type.len && !patchbay_test_takes_(filter->type, event->type)) return 0;
  snprintf(member, sizeof member, "\"correlationid\":\"%.*s\"", (int)filter->correlation.len, filter->correlation.ptr);
  if (filter->correlation.len && !strstr(event->json.ptr, member)) return 0;
  query->is_over = query->visit(query->context, event) != 0 || --query->left == 0;
  return query->is_over;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_stream_query_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str stream, const patchbay_stream_filter *filter,
                                                           uint64_t count, patchbay_stream_visit visit, void *context,
                                                           uint64_t *next) {
  patchbay_test_query query = {filter, visit, context, count < 1000 ? count : 1000, 0, 0, !count};
  patchbay_status status;
  if (!filter || filter->size < sizeof *filter || !visit) return PATCHBAY_E_ARG;
  query.next = filter->from;
  status = patchbay_test_stream_read_(host, call, stream, filter->from, count ? 1000 : 0, filter->flags,
                                      patchbay_test_asked_, &query);
  if (next && status >= 0) *next = query.is_over || query.looked_at == 1000 ? query.next : PATCHBAY_STREAM_NONE;
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_snapshot_get_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str stream, uint64_t at, uint8_t *buf,
                                                           uint64_t *len, uint64_t *revision) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_entry *entry = NULL;
  uint64_t next, room = *len;
  patchbay_status status = patchbay_test_stream_head_(host, call, stream, NULL, &next);
  *len = 0;
  if (status < 0) return status;
  pthread_mutex_lock(&t->lock);
  for (uint64_t i = at < next ? at + 1 : next; !entry && i > 0; i--)
    entry = patchbay_test_in_stream_(t, 0, PATCHBAY_TEST_SNAPSHOT_, stream, i - 1);
  if (!entry) status = PATCHBAY_E_NOT_FOUND;
  else if (revision) *revision = entry->rev;
  if (entry) *len = entry->len;
  if (entry && entry->len > room) status = PATCHBAY_E_LIMIT;
  else if (entry && entry->len) memcpy(buf, entry->value, entry->len);
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_snapshot_put_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str stream, uint64_t revision,
                                                           const uint8_t *bytes, uint64_t len) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_status status = PATCHBAY_OK;
  pthread_mutex_lock(&t->lock);
  if (!patchbay_test_open_(t, call)) status = PATCHBAY_E_STALE;
  else if (revision >= patchbay_test_next_(t, call, stream)) status = PATCHBAY_E_NOT_FOUND;
  else patchbay_test_put_(t, call, PATCHBAY_TEST_SNAPSHOT_, stream, bytes, len, revision);
  pthread_mutex_unlock(&t->lock);
  return status;
}

/* Subscriptions are kept and bring nothing: a test hands their events in itself. With call 0 only within create. */
PATCHBAY_TEST_ patchbay_status patchbay_test_subscription_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str name, const patchbay_str *stream) {
  patchbay_test *t = patchbay_test_of_(host);
  const int creating = !call && !t->inst;
  patchbay_test_entry *old;
  patchbay_status status = PATCHBAY_OK;
  if (!name.len || (stream && !stream->len)) return PATCHBAY_E_ARG;
  pthread_mutex_lock(&t->lock);
  old = patchbay_test_find_(t, call, PATCHBAY_TEST_SUBSCRIPTION_, name);
  if (!creating && !patchbay_test_open_(t, call)) status = PATCHBAY_E_STALE;
  else if (!stream && !old) status = creating ? PATCHBAY_OK : PATCHBAY_E_NOT_FOUND;
  else if (stream || !creating)
    patchbay_test_put_(t, call, PATCHBAY_TEST_SUBSCRIPTION_, name, stream ? stream->ptr : NULL,
                       stream ? stream->len : 0, 0)->removed = !stream;
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_subscribe_(const patchbay_host *host, patchbay_call call,
                                                        patchbay_str name, patchbay_str stream,
                                                        const patchbay_stream_filter *filter) {
  if (filter && (filter->flags || filter->since_ns || filter->as_of_ns)) return PATCHBAY_E_ARG;
  return patchbay_test_subscription_(host, call, name, &stream);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_unsubscribe_(const patchbay_host *host, patchbay_call call,
                                                          patchbay_str name) {
  return patchbay_test_subscription_(host, call, name, NULL);
}

static const patchbay_stream patchbay_test_stream_ = {sizeof(patchbay_stream),      0,
                                                      patchbay_test_stream_append_, patchbay_test_stream_head_,
                                                      patchbay_test_stream_read_,   patchbay_test_snapshot_get_,
                                                      patchbay_test_snapshot_put_,  patchbay_test_stream_query_,
                                                      patchbay_test_subscribe_,     patchbay_test_unsubscribe_};

/* ---- For tests --------------------------------------------------------------------------------------------------- */

/* Appends an event with JSON data to a stream, as somebody else would; gives its revision. */
PATCHBAY_TEST_ uint64_t patchbay_test_append(patchbay_test *t, const char *stream, const char *type, const char *data) {
  patchbay_str name = patchbay_test_text_(stream), text = patchbay_test_text_(data);
  patchbay_test_parts stored;
  patchbay_draft draft;
  uint64_t next;
  memset(&draft, 0, sizeof draft);
  draft.size = sizeof draft;
  draft.type = patchbay_test_text_(type);
  draft.data = (const uint8_t *)text.ptr;
  draft.data_len = text.len;
  pthread_mutex_lock(&t->lock);
  next = patchbay_test_next_(t, 0, name);
  stored = patchbay_test_stored_(patchbay_test_text_("test"), name, next, &draft);
  patchbay_test_put_(t, 0, PATCHBAY_TEST_EVENT_, name, stored.bytes, stored.len, next);
  pthread_mutex_unlock(&t->lock);
  free(stored.bytes);
  return next;
}

/* The committed event of a stream at a revision, as JSON, or NULL. */
PATCHBAY_TEST_ const char *patchbay_test_appended(const patchbay_test *t, const char *stream, uint64_t revision) {
  const patchbay_test_entry *entry =
    patchbay_test_in_stream_(t, 0, PATCHBAY_TEST_EVENT_, patchbay_test_text_(stream), revision);
  const char *text = entry ? (const char *)entry->value : NULL;
  for (int i = 0; text && i < 3; i++) text += strlen(text) + 1;
  return text;
}

/* The committed snapshot of a stream at a revision as text, or NULL. */
PATCHBAY_TEST_ const char *patchbay_test_snapshot(const patchbay_test *t, const char *stream, uint64_t revision) {
  const patchbay_test_entry *entry =
    patchbay_test_in_stream_(t, 0, PATCHBAY_TEST_SNAPSHOT_, patchbay_test_text_(stream), revision);
  return entry ? (const char *)entry->value : NULL;
}

/* The stream that the handler's subscription of this name reads, or NULL. */
PATCHBAY_TEST_ const char *patchbay_test_subscribed(const patchbay_test *t, const char *name) {
  const patchbay_test_entry *entry =
    patchbay_test_find_(t, 0, PATCHBAY_TEST_SUBSCRIPTION_, patchbay_test_text_(name));
  return entry ? (const char *)entry->value : NULL;
}

#endif
