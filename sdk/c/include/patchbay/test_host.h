/* patchbay/test_host.h - the part of patchbay/test.h that answers the handler: the host table, its services and what
 * they remember. Include patchbay/test.h instead. */
#ifndef PATCHBAY_TEST_HOST_H
#define PATCHBAY_TEST_HOST_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../patchbay.h"
#include "draft/stream.h"
#include "emit.h"
#include "state.h"
#include "timer.h"

#define PATCHBAY_TEST_ __attribute__((unused)) static

/* ---- What is sent and what is seen ------------------------------------------------------------------------------ */

/* An event as zero-terminated text. Absent members become: id "1", source "/test", attempt 1, no deadline. */
typedef struct patchbay_test_event {
  const char *type, *id, *source, *subject, *time, *datacontenttype, *dataschema, *data, *idempotency_key;
  const char *ext[8]; /* name, value, name, value; ends with NULL */
  uint32_t attempt, max_attempts;
  uint64_t deadline_ns;
} patchbay_test_event;

/* Something that the handler did. Text is zero-terminated and never NULL. */
typedef struct patchbay_test_record {
  enum { PATCHBAY_TEST_LOG, PATCHBAY_TEST_EMIT, PATCHBAY_TEST_SPAN, PATCHBAY_TEST_METRIC } kind;
  char *name;      /* log message, event type, span name, instrument name */
  char *text;      /* log fields as key=value, event data, span attributes as key=json */
  char *subject;   /* of an emitted event */
  int32_t level;   /* of a log line */
  int32_t ok;      /* of a span: -1 still open, 0 failed, 1 fine */
  double value;    /* of a measurement */
  uint64_t not_before_ns;
} patchbay_test_record;

/* A key of the state (value, rev) or a timer (value: type of its event; rev: when, Unix nanoseconds); of a stream an
 * event (value: id, source, type and the whole as JSON, a zero behind each; rev: revision) or a snapshot (value, rev). */
typedef struct patchbay_test_entry {
  char *key;
  uint8_t *value;
  uint64_t len, rev;
  int timer; /* 0: state, 1: timer, 2: event of a stream, 3: snapshot of one, 4: subscription (value: its stream) */
} patchbay_test_entry;

typedef struct patchbay_test {
  patchbay_host host; /* first: the host pointer is the test's */
  const patchbay_handler *handler;
  patchbay_inst *inst;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  patchbay_call call;
  int open, cancelled, in_handle;
  int misbehaved; /* completions of a call that was over, and unknown spans or instruments */
  patchbay_event *event;
  void *event_text;
  int32_t outcome, code;
  uint32_t flags;
  uint64_t retry_after_ns;
  char *reason, *detail, *reply, *error;
  patchbay_test_record *records;
  size_t record_count, record_room;
  patchbay_test_entry *entries, *working; /* committed, and as the open call sees them */
  size_t entry_count, working_count;
  uint64_t revision;
  char *instruments[64];
  uint32_t instrument_count;
} patchbay_test;

/* ---- Small parts ------------------------------------------------------------------------------------------------ */

PATCHBAY_TEST_ void *patchbay_test_memory_(void *old, size_t bytes) {
  void *memory = realloc(old, bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}

PATCHBAY_TEST_ char *patchbay_test_copy_(patchbay_str text) {
  char *copy = (char *)patchbay_test_memory_(NULL, text.len + 1);
  if (text.len) memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  return copy;
}

PATCHBAY_TEST_ patchbay_str patchbay_test_text_(const char *string) {
  patchbay_str text = {string, string ? strlen(string) : 0};
  return text;
}

PATCHBAY_TEST_ void patchbay_test_set_(char **slot, patchbay_str text) {
  free(*slot);
  *slot = patchbay_test_copy_(text);
}

PATCHBAY_TEST_ patchbay_test *patchbay_test_of_(const patchbay_host *host) { return (patchbay_test *)(uintptr_t)host; }

PATCHBAY_TEST_ patchbay_test_record *patchbay_test_add_(patchbay_test *t, int kind, patchbay_str name) {
  patchbay_test_record *record;
  if (t->record_count == t->record_room) {
    t->record_room = t->record_room ? t->record_room * 2 : 16;
    t->records = (patchbay_test_record *)patchbay_test_memory_(t->records, t->record_room * sizeof *t->records);
  }
  record = &t->records[t->record_count++];
  memset(record, 0, sizeof *record);
  *(int *)&record->kind = kind;
  record->name = patchbay_test_copy_(name);
  record->text = patchbay_test_copy_(patchbay_test_text_(""));
  record->subject = patchbay_test_copy_(patchbay_test_text_(""));
  return record;
}

PATCHBAY_TEST_ void patchbay_test_append_(char **text, patchbay_str key, patchbay_str value) {
  size_t old = strlen(*text), add = key.len + value.len + 2;
  char *out = (char *)patchbay_test_memory_(*text, old + add + 1);
  snprintf(out + old, add + 1, "%s%.*s=%.*s", old ? " " : "", (int)key.len, key.ptr, (int)value.len, value.ptr);
  *text = out;
}

PATCHBAY_TEST_ void patchbay_test_forget_(patchbay_test *t, int kind) {
  size_t kept = 0;
  for (size_t i = 0; i < t->record_count; i++) {
    if (kind < 0 || (int)t->records[i].kind == kind) {
      free(t->records[i].name);
      free(t->records[i].text);
      free(t->records[i].subject);
    } else {
      t->records[kept++] = t->records[i];
    }
  }
  t->record_count = kept;
}

PATCHBAY_TEST_ void patchbay_test_drop_entries_(patchbay_test_entry *entries, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(entries[i].key);
    free(entries[i].value);
  }
  free(entries);
}

PATCHBAY_TEST_ void patchbay_test_put_(patchbay_test_entry **entries, size_t *count, int timer, const char *key,
                                       const uint8_t *value, uint64_t len, uint64_t rev) {
  patchbay_test_entry *entry;
  *entries = (patchbay_test_entry *)patchbay_test_memory_(*entries, (*count + 1) * sizeof **entries);
  entry = &(*entries)[(*count)++];
  entry->key = patchbay_test_copy_(patchbay_test_text_(key));
  entry->value = (uint8_t *)patchbay_test_memory_(NULL, len + 1);
  if (len) memcpy(entry->value, value, len);
  entry->value[len] = 0;
  entry->len = len;
  entry->rev = rev;
  entry->timer = timer;
}

PATCHBAY_TEST_ patchbay_test_entry *patchbay_test_find_(patchbay_test_entry *entries, size_t count, int timer,
                                                        patchbay_str key) {
  for (size_t i = 0; i < count; i++)
    if (entries[i].timer == timer && strlen(entries[i].key) == key.len && memcmp(entries[i].key, key.ptr, key.len) == 0)
      return &entries[i];
  return NULL;
}

PATCHBAY_TEST_ void patchbay_test_remove_(patchbay_test *t, patchbay_test_entry *entry) {
  free(entry->key);
  free(entry->value);
  *entry = t->working[--t->working_count];
}

/* ---- Host functions --------------------------------------------------------------------------------------------- */

PATCHBAY_TEST_ patchbay_status patchbay_test_complete_(const patchbay_host *host, patchbay_call call,
                                                       const patchbay_result *result) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_status status = PATCHBAY_OK;
  pthread_mutex_lock(&t->lock);
  if (!t->open || call != t->call) {
    t->misbehaved++;
    status = PATCHBAY_E_STALE;
  } else if (result && result->size < 8) {
    status = PATCHBAY_E_ARG;
  } else {
    t->outcome = result ? result->outcome : PATCHBAY_DONE;
    if (t->outcome < PATCHBAY_DONE || t->outcome > PATCHBAY_BUSY) t->outcome = PATCHBAY_RETRY;
    if (result) {
      t->code = result->code;
      t->flags = result->flags;
      t->retry_after_ns = result->retry_after_ns;
      patchbay_test_set_(&t->reason, result->reason);
      patchbay_test_set_(&t->detail, result->detail_json);
      patchbay_test_set_(&t->reply, result->reply);
    }
    t->open = 0;
    if (t->outcome == PATCHBAY_DONE) {
      patchbay_test_drop_entries_(t->entries, t->entry_count);
      t->entries = t->working;
      t->entry_count = t->working_count;
    } else {
      patchbay_test_drop_entries_(t->working, t->working_count);
      patchbay_test_forget_(t, PATCHBAY_TEST_EMIT);
    }
    t->working = NULL;
    t->working_count = 0;
    pthread_cond_broadcast(&t->changed);
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ int32_t patchbay_test_cancelled_(const patchbay_host *host, patchbay_call call) {
  patchbay_test *t = patchbay_test_of_(host);
  int32_t why;
  pthread_mutex_lock(&t->lock);
  why = call == t->call && t->open ? t->cancelled : PATCHBAY_CANCEL_SHUTDOWN;
  pthread_mutex_unlock(&t->lock);
  return why;
}

PATCHBAY_TEST_ void patchbay_test_set_error_(const patchbay_host *host, patchbay_str message) {
  patchbay_test *t = patchbay_test_of_(host);
  pthread_mutex_lock(&t->lock);
  patchbay_test_set_(&t->error, message);
  pthread_mutex_unlock(&t->lock);
}

PATCHBAY_TEST_ int32_t patchbay_test_enabled_(const patchbay_host *host, int32_t level) { return host && level > 0; }

PATCHBAY_TEST_ void patchbay_test_write_(const patchbay_host *host, patchbay_call call, int32_t level,
                                         patchbay_str message, const patchbay_kv *fields, uint64_t n) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_record *record;
  (void)call;
  pthread_mutex_lock(&t->lock);
  record = patchbay_test_add_(t, PATCHBAY_TEST_LOG, message);
  record->level = level;
  for (uint64_t i = 0; i < n; i++) patchbay_test_append_(&record->text, fields[i].key, fields[i].value);
  pthread_mutex_unlock(&t->lock);
}

PATCHBAY_TEST_ patchbay_span patchbay_test_begin_(const patchbay_host *host, patchbay_call call, patchbay_span parent,
                                                  patchbay_str name) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_span span = 0;
  (void)parent;
  pthread_mutex_lock(&t->lock);
  if (t->open && call == t->call) {
    patchbay_test_add_(t, PATCHBAY_TEST_SPAN, name)->ok = -1;
    span = t->record_count;
  }
  pthread_mutex_unlock(&t->lock);
  return span;
}

PATCHBAY_TEST_ patchbay_test_record *patchbay_test_span_(patchbay_test *t, patchbay_span span) {
  if (span >= 1 && span <= t->record_count && t->records[span - 1].kind == PATCHBAY_TEST_SPAN)
    return &t->records[span - 1];
  t->misbehaved += span != 0;
  return NULL;
}

PATCHBAY_TEST_ void patchbay_test_attr_(const patchbay_host *host, patchbay_span span, patchbay_str key,
                                        patchbay_str json) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_record *record;
  pthread_mutex_lock(&t->lock);
  record = patchbay_test_span_(t, span);
  if (record) patchbay_test_append_(&record->text, key, json);
  pthread_mutex_unlock(&t->lock);
}

PATCHBAY_TEST_ void patchbay_test_span_event_(const patchbay_host *host, patchbay_span span, patchbay_str name,
                                              const patchbay_kv *fields, uint64_t n) {
  (void)fields;
  (void)n;
  patchbay_test_attr_(host, span, patchbay_test_text_("event"), name);
}

PATCHBAY_TEST_ void patchbay_test_end_(const patchbay_host *host, patchbay_span span, int32_t ok) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_record *record;
  pthread_mutex_lock(&t->lock);
  record = patchbay_test_span_(t, span);
  if (record) record->ok = ok != 0;
  pthread_mutex_unlock(&t->lock);
}

PATCHBAY_TEST_ uint64_t patchbay_test_inject_(const patchbay_host *host, patchbay_span span, char *buf, uint64_t cap) {
  static const char text[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  if (!host || !span) return 0;
  if (cap >= sizeof text - 1) memcpy(buf, text, sizeof text - 1);
  return sizeof text - 1;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_declare_(const patchbay_host *host, int32_t kind, patchbay_str name,
                                                      patchbay_str unit, patchbay_str help, uint32_t *id) {
  patchbay_test *t = patchbay_test_of_(host);
  (void)unit;
  (void)help;
  if (kind < PATCHBAY_METER_COUNTER || kind > PATCHBAY_METER_HISTOGRAM) return PATCHBAY_E_UNSUPPORTED;
  if (t->inst) return PATCHBAY_E_STATE;
  if (t->instrument_count == 64) return PATCHBAY_E_LIMIT;
  *id = t->instrument_count;
  t->instruments[t->instrument_count++] = patchbay_test_copy_(name);
  return PATCHBAY_OK;
}

PATCHBAY_TEST_ void patchbay_test_measure_(const patchbay_host *host, uint32_t id, double value,
                                           const patchbay_kv *fields, uint64_t n) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_record *record;
  pthread_mutex_lock(&t->lock);
  if (id < t->instrument_count) {
    record = patchbay_test_add_(t, PATCHBAY_TEST_METRIC, patchbay_test_text_(t->instruments[id]));
    record->value = value;
    for (uint64_t i = 0; i < n; i++) patchbay_test_append_(&record->text, fields[i].key, fields[i].value);
  } else {
    t->misbehaved++;
  }
  pthread_mutex_unlock(&t->lock);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_emit_(const patchbay_host *host, patchbay_call call,
                                                   const patchbay_draft *draft) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_status status = PATCHBAY_OK;
  if (draft->type.len == 0) return PATCHBAY_E_ARG;
  pthread_mutex_lock(&t->lock);
  if (!t->open || call != t->call) {
    status = PATCHBAY_E_STALE;
  } else {
    patchbay_str data = {(const char *)draft->data, draft->data_len};
    patchbay_test_record *record = patchbay_test_add_(t, PATCHBAY_TEST_EMIT, draft->type);
    patchbay_test_set_(&record->text, data);
    patchbay_test_set_(&record->subject, draft->subject);
    record->not_before_ns = draft->not_before_ns;
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_get_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                  uint8_t *buf, uint64_t *len, uint64_t *rev) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_entry *entry = NULL;
  patchbay_status status = PATCHBAY_OK;
  uint64_t room = *len;
  pthread_mutex_lock(&t->lock);
  if (!t->open || call != t->call) status = PATCHBAY_E_STALE;
  else if (!(entry = patchbay_test_find_(t->working, t->working_count, 0, key))) status = PATCHBAY_E_NOT_FOUND;
  *len = entry ? entry->len : 0;
  if (rev) *rev = entry ? entry->rev : 0;
  if (entry && entry->len > room) status = PATCHBAY_E_LIMIT;
  else if (entry && entry->len) memcpy(buf, entry->value, entry->len);
  pthread_mutex_unlock(&t->lock);
  return status;
}

/* Stores (`value` set) or removes an entry of the open call. */
PATCHBAY_TEST_ patchbay_status patchbay_test_change_(patchbay_test *t, patchbay_call call, int timer, patchbay_str key,
                                                     const uint8_t *value, uint64_t len, uint64_t expected,
                                                     uint64_t rev) {
  patchbay_status status = PATCHBAY_OK;
  patchbay_test_entry *entry;
  pthread_mutex_lock(&t->lock);
  entry = patchbay_test_find_(t->working, t->working_count, timer, key);
  if (!t->open || call != t->call) status = PATCHBAY_E_STALE;
  else if (!value && !entry) status = PATCHBAY_E_NOT_FOUND;
  else if (expected != PATCHBAY_STATE_ANY && expected != (entry ? entry->rev : 0)) status = PATCHBAY_E_CONFLICT;
  if (status == PATCHBAY_OK && entry) patchbay_test_remove_(t, entry);
  if (status == PATCHBAY_OK && value) {
    char *name = patchbay_test_copy_(key);
    patchbay_test_put_(&t->working, &t->working_count, timer, name, value, len, timer ? rev : ++t->revision);
    free(name);
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_del_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                  uint64_t rev) {
  return patchbay_test_change_(patchbay_test_of_(host), call, 0, key, NULL, 0, rev, 0);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_store_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                    const uint8_t *value, uint64_t len, uint64_t rev, uint64_t ttl_ns) {
  (void)ttl_ns;
  return patchbay_test_change_(patchbay_test_of_(host), call, 0, key, value ? value : (const uint8_t *)"", len, rev, 0);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_timer_set_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                        const patchbay_draft *draft) {
  if (draft->type.len == 0 || draft->not_before_ns == 0 || key.len == 0) return PATCHBAY_E_ARG;
  return patchbay_test_change_(patchbay_test_of_(host), call, 1, key, (const uint8_t *)draft->type.ptr, draft->type.len,
                               PATCHBAY_STATE_ANY, draft->not_before_ns);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_timer_cancel_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str key) {
  return patchbay_test_change_(patchbay_test_of_(host), call, 1, key, NULL, 0, PATCHBAY_STATE_ANY, 0);
}

/* What a stream has of a kind (2: events, 3: snapshots) at a revision. */
PATCHBAY_TEST_ patchbay_test_entry *patchbay_test_in_stream_(patchbay_test_entry *entries, size_t count, int kind,
                                                             patchbay_str stream, uint64_t revision) {
  for (size_t i = 0; i < count; i++)
    if (entries[i].rev == revision && patchbay_test_find_(&entries[i], 1, kind, stream)) return &entries[i];
  return NULL;
}

/* The revision that comes next. */
PATCHBAY_TEST_ uint64_t patchbay_test_next_(patchbay_test_entry *entries, size_t count, patchbay_str stream) {
  uint64_t next = 0;
  while (patchbay_test_in_stream_(entries, count, 2, stream, next)) next++;
  return next;
}

typedef struct patchbay_test_parts { char *bytes; size_t len; } patchbay_test_parts;

PATCHBAY_TEST_ void patchbay_test_part_(patchbay_test_parts *parts, patchbay_str text) {
  parts->bytes = (char *)patchbay_test_memory_(parts->bytes, parts->len + text.len + 1);
  if (text.len) memcpy(parts->bytes + parts->len, text.ptr, text.len);
  parts->len += text.len;
  parts->bytes[parts->len] = 0;
}

PATCHBAY_TEST_ void patchbay_test_member_(patchbay_test_parts *parts, const char *name, patchbay_str value, int is_json) {
  if (!value.len) return;
  patchbay_test_part_(parts, patchbay_test_text_(",\""));
  patchbay_test_part_(parts, patchbay_test_text_(name));
  patchbay_test_part_(parts, patchbay_test_text_(is_json ? "\":" : "\":\""));
  patchbay_test_part_(parts, value);
  if (!is_json) patchbay_test_part_(parts, patchbay_test_text_("\""));
}

/* An event as `value` keeps it. Data that is not JSON is left out. */
PATCHBAY_TEST_ patchbay_test_parts patchbay_test_stored_(patchbay_test *t, patchbay_str stream, uint64_t revision,
                                                         const patchbay_draft *draft) {
  static const patchbay_str end = {"", 1};
  patchbay_test_parts parts = {NULL, 0};
  patchbay_str id = draft->id, source = draft->source, data = {(const char *)draft->data, draft->data_len};
  char derived[64];
  if (!id.len) {
    snprintf(derived, sizeof derived, "%.*s-%.*s-%llu", (int)(t->event->id.len > 20 ? 20 : t->event->id.len),
             t->event->id.ptr, (int)(stream.len > 20 ? 20 : stream.len), stream.ptr, (unsigned long long)revision);
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
  char *name;
  if (!stream.len || !count) return PATCHBAY_E_ARG;
  for (uint64_t i = 0; i < count; i++)
    if (!drafts[i]->type.len || drafts[i]->not_before_ns) return PATCHBAY_E_ARG;
  pthread_mutex_lock(&t->lock);
  next = patchbay_test_next_(t->working, t->working_count, stream);
  if (!t->open || call != t->call) status = PATCHBAY_E_STALE;
  else if (expected == PATCHBAY_STREAM_EXISTS ? !next : expected == PATCHBAY_STREAM_NONE ? next > 0
           : expected != PATCHBAY_STREAM_ANY && (!next || expected != next - 1)) status = PATCHBAY_E_CONFLICT;
  if (revision) *revision = status == PATCHBAY_OK ? next : next ? next - 1 : PATCHBAY_STREAM_NONE;
  name = patchbay_test_copy_(stream);
  for (uint64_t i = 0; status == PATCHBAY_OK && i < count; i++) {
    patchbay_test_parts stored = patchbay_test_stored_(t, stream, next + i, drafts[i]);
    patchbay_test_put_(&t->working, &t->working_count, 2, name, (const uint8_t *)stored.bytes, stored.len, next + i);
    free(stored.bytes);
  }
  free(name);
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_stream_head_(const patchbay_host *host, patchbay_call call,
                                                          patchbay_str stream, uint64_t *first, uint64_t *next) {
  patchbay_test *t = patchbay_test_of_(host);
  uint64_t count;
  int is_open;
  pthread_mutex_lock(&t->lock);
  is_open = t->open && call == t->call;
  count = is_open ? patchbay_test_next_(t->entries, t->entry_count, stream) : 0;
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
    patchbay_stream_event event = {sizeof event, 0, at, at + 1, {0}, {0}, {0}, {0}};
    patchbay_test_entry *entry;
    const char *text;
    if (at >= next) break;
    /* What is committed stays where it is until this call is over. */
    pthread_mutex_lock(&t->lock);
    entry = patchbay_test_in_stream_(t->entries, t->entry_count, 2, stream, at);
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
    entry = patchbay_test_in_stream_(t->entries, t->entry_count, 3, stream, i - 1);
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
  patchbay_test_entry *old;
  patchbay_status status = PATCHBAY_OK;
  char *name = patchbay_test_copy_(stream);
  pthread_mutex_lock(&t->lock);
  if (!t->open || call != t->call) status = PATCHBAY_E_STALE;
  else if (revision >= patchbay_test_next_(t->working, t->working_count, stream)) status = PATCHBAY_E_NOT_FOUND;
  else {
    old = patchbay_test_in_stream_(t->working, t->working_count, 3, stream, revision);
    if (old) patchbay_test_remove_(t, old);
    patchbay_test_put_(&t->working, &t->working_count, 3, name, bytes, len, revision);
  }
  pthread_mutex_unlock(&t->lock);
  free(name);
  return status;
}

/* Subscriptions are kept and bring nothing: a test hands their events in itself. With call 0 only before the first call. */
PATCHBAY_TEST_ patchbay_status patchbay_test_subscription_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str name, const patchbay_str *stream) {
  patchbay_test *t = patchbay_test_of_(host);
  const int creating = !call && !t->open;
  patchbay_test_entry *old;
  patchbay_status status = PATCHBAY_OK;
  char *key;
  if (!name.len || (stream && !stream->len)) return PATCHBAY_E_ARG;
  key = patchbay_test_copy_(name);
  pthread_mutex_lock(&t->lock);
  old = creating ? patchbay_test_find_(t->entries, t->entry_count, 4, name)
                 : patchbay_test_find_(t->working, t->working_count, 4, name);
  if (!creating && (!t->open || call != t->call)) status = PATCHBAY_E_STALE;
  else if (!stream && !old) status = creating ? PATCHBAY_OK : PATCHBAY_E_NOT_FOUND;
  else if (stream && creating && !old)
    patchbay_test_put_(&t->entries, &t->entry_count, 4, key, (const uint8_t *)stream->ptr, stream->len, 0);
  else if (!creating) {
    if (old) patchbay_test_remove_(t, old);
    if (stream)
      patchbay_test_put_(&t->working, &t->working_count, 4, key, (const uint8_t *)stream->ptr, stream->len, 0);
  }
  pthread_mutex_unlock(&t->lock);
  free(key);
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

PATCHBAY_TEST_ const void *patchbay_test_service_(const patchbay_host *host, patchbay_str id) {
  static const patchbay_logger logger = {sizeof logger, 0, patchbay_test_enabled_, patchbay_test_write_};
  static const patchbay_trace trace = {sizeof trace, 0, patchbay_test_begin_, patchbay_test_attr_,
                                       patchbay_test_span_event_, patchbay_test_end_, patchbay_test_inject_};
  static const patchbay_meter meter = {sizeof meter, 0, patchbay_test_declare_, patchbay_test_measure_};
  static const patchbay_emit emit = {sizeof emit, 0, patchbay_test_emit_};
  static const patchbay_state state = {sizeof state, 0, patchbay_test_get_, patchbay_test_del_, patchbay_test_store_};
  static const patchbay_timer timer = {sizeof timer, 0, patchbay_test_timer_set_, patchbay_test_timer_cancel_};
  static const patchbay_stream stream = {sizeof stream, 0, patchbay_test_stream_append_, patchbay_test_stream_head_,
                                         patchbay_test_stream_read_, patchbay_test_snapshot_get_,
                                         patchbay_test_snapshot_put_, patchbay_test_stream_query_,
                                         patchbay_test_subscribe_, patchbay_test_unsubscribe_};
  static const struct { const char *id; const void *table; } services[] = {
    {PATCHBAY_LOGGER, &logger}, {PATCHBAY_TRACE, &trace}, {PATCHBAY_METER, &meter},
    {PATCHBAY_EMIT, &emit},     {PATCHBAY_STATE, &state}, {PATCHBAY_TIMER, &timer},
    {PATCHBAY_STREAM, &stream}};
  (void)host;
  for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
    if (strlen(services[i].id) == id.len && memcmp(services[i].id, id.ptr, id.len) == 0) return services[i].table;
  return NULL;
}

#endif
