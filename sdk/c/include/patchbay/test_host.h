/* patchbay/test_host.h - the part of patchbay/test.h that answers the handler: the host's functions, logger, trace,
 * meter, emit, state and timer, and what they remember. Include patchbay/test.h instead. */
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

enum { PATCHBAY_TEST_BATCH_MAX = 64 }; /* events of one batch */

enum { /* what a record is of */
  PATCHBAY_TEST_LOG,
  PATCHBAY_TEST_EMIT,
  PATCHBAY_TEST_SPAN,
  PATCHBAY_TEST_METRIC,
  PATCHBAY_TEST_HTTP,
  PATCHBAY_TEST_MAIL
};

/* Something that the handler did. Text is zero-terminated and never NULL. */
typedef struct patchbay_test_record {
  int kind;
  patchbay_call call; /* that emitted it; 0 for the rest */
  char *name;    /* log message, event type, span name, instrument name, `POST https://…`, mail server */
  char *text;    /* log fields as key=value, event data, span attributes as key=json, body, content of a mail */
  char *subject; /* of an emitted event; headers of a request as key=value; sender and recipients of a mail */
  int32_t level; /* of a log line */
  int32_t ok;    /* of a span: -1 still open, 0 failed, 1 fine */
  patchbay_span span;
  double value;  /* of a measurement */
  uint64_t not_before_ns;
} patchbay_test_record;

enum { /* what an entry is of */
  PATCHBAY_TEST_STATE_,    /* value, rev */
  PATCHBAY_TEST_TIMER_,    /* value: type of its event; rev: when, Unix nanoseconds */
  PATCHBAY_TEST_EVENT_,    /* of a stream: id, source, type and the whole as JSON, a zero behind each; rev: revision */
  PATCHBAY_TEST_SNAPSHOT_, /* of a stream: value, rev */
  PATCHBAY_TEST_SUBSCRIPTION_ /* value: its stream */
};

typedef struct patchbay_test_entry {
  int kind;
  patchbay_call call; /* that holds it until it is done; 0: committed */
  int removed;        /* the call removes it */
  char *key;
  uint8_t *value;
  uint64_t len, rev;
} patchbay_test_entry;

/* One of the calls that were sent last. */
typedef struct patchbay_test_call {
  patchbay_event *event; /* NULL once it is over */
  void *text;
  int open;
  int32_t outcome;
} patchbay_test_call;

/* An answer that the test has ready. */
typedef struct patchbay_test_reply {
  const char *url; /* for a request whose URL, or a mail whose server, begins so; NULL: any */
  int32_t fault;   /* PATCHBAY_FAULT_*; 0: a response */
  int32_t status;
  const char *headers[8]; /* name, value, name, value; ends with NULL */
  const char *body;
  uint64_t retry_after_ns;
  const char *message;
  uint32_t flags; /* PATCHBAY_ANSWER_* */
} patchbay_test_reply;

typedef struct patchbay_test {
  patchbay_host host; /* first: the host pointer is the test's */
  const patchbay_module *module;
  const patchbay_handler *handler;
  patchbay_inst *inst;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  patchbay_call first; /* the calls that were sent last: first, first + 1, … */
  patchbay_test_call calls[PATCHBAY_TEST_BATCH_MAX];
  size_t call_count, open_count;
  int drained;
  int32_t cancelled;
  int misbehaved; /* completions of a call that was over, and unknown spans or instruments */
  /* What became of the call that was completed last. */
  int32_t outcome, code;
  uint32_t flags;
  uint64_t retry_after_ns;
  char *reason, *detail, *reply, *error;
  patchbay_test_record *records;
  size_t record_count, record_room;
  patchbay_test_entry *entries;
  size_t entry_count;
  uint64_t revision;
  patchbay_span span_count;
  char *instruments[64];
  uint32_t instrument_count;
  patchbay_test_reply replies[64]; /* not used up yet */
  size_t reply_count;
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
  record->kind = kind;
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

/* Forgets all records, or what a call has emitted. */
PATCHBAY_TEST_ void patchbay_test_forget_(patchbay_test *t, patchbay_call call) {
  size_t kept = 0;
  for (size_t i = 0; i < t->record_count; i++) {
    if (!call || t->records[i].call == call) {
      free(t->records[i].name);
      free(t->records[i].text);
      free(t->records[i].subject);
    } else {
      t->records[kept++] = t->records[i];
    }
  }
  t->record_count = kept;
}

/* The open call of this number, or NULL. */
PATCHBAY_TEST_ patchbay_test_call *patchbay_test_open_(patchbay_test *t, patchbay_call call) {
  if (call < t->first || call >= t->first + t->call_count || !t->calls[call - t->first].open) return NULL;
  return &t->calls[call - t->first];
}

/* ---- Entries ---------------------------------------------------------------------------------------------------- */

PATCHBAY_TEST_ int patchbay_test_is_(const patchbay_test_entry *entry, int kind, patchbay_str key) {
  return entry->kind == kind && strlen(entry->key) == key.len && memcmp(entry->key, key.ptr, key.len) == 0;
}

PATCHBAY_TEST_ patchbay_test_entry *patchbay_test_put_(patchbay_test *t, patchbay_call call, int kind, patchbay_str key,
                                                       const void *value, uint64_t len, uint64_t rev) {
  patchbay_test_entry *entry;
  t->entries = (patchbay_test_entry *)patchbay_test_memory_(t->entries, (t->entry_count + 1) * sizeof *t->entries);
  entry = &t->entries[t->entry_count++];
  memset(entry, 0, sizeof *entry);
  entry->kind = kind;
  entry->call = call;
  entry->key = patchbay_test_copy_(key);
  entry->value = (uint8_t *)patchbay_test_memory_(NULL, len + 1);
  if (len) memcpy(entry->value, value, len);
  entry->value[len] = 0;
  entry->len = len;
  entry->rev = rev;
  return entry;
}

/* What a call sees under a key: what it did last itself, or what is committed. Call 0 sees what is committed. */
PATCHBAY_TEST_ patchbay_test_entry *patchbay_test_find_(const patchbay_test *t, patchbay_call call, int kind,
                                                        patchbay_str key) {
  for (int own = call != 0; own >= 0; own--)
    for (size_t i = t->entry_count; i > 0; i--) {
      patchbay_test_entry *entry = &t->entries[i - 1];
      if (entry->call != (own ? call : 0) || !patchbay_test_is_(entry, kind, key)) continue;
      return entry->removed ? NULL : entry;
    }
  return NULL;
}

/* What a stream has of a kind at a revision, as a call sees it. */
PATCHBAY_TEST_ patchbay_test_entry *patchbay_test_in_stream_(const patchbay_test *t, patchbay_call call, int kind,
                                                             patchbay_str stream, uint64_t revision) {
  for (size_t i = t->entry_count; i > 0; i--) {
    patchbay_test_entry *entry = &t->entries[i - 1];
    if ((entry->call == 0 || entry->call == call) && entry->rev == revision && patchbay_test_is_(entry, kind, stream))
      return entry;
  }
  return NULL;
}

/* The revision that comes next in a stream, as a call sees it. */
PATCHBAY_TEST_ uint64_t patchbay_test_next_(const patchbay_test *t, patchbay_call call, patchbay_str stream) {
  uint64_t next = 0;
  while (patchbay_test_in_stream_(t, call, PATCHBAY_TEST_EVENT_, stream, next)) next++;
  return next;
}

PATCHBAY_TEST_ void patchbay_test_drop_(patchbay_test *t, size_t index) {
  free(t->entries[index].key);
  free(t->entries[index].value);
  t->entry_count--;
  memmove(&t->entries[index], &t->entries[index + 1], (t->entry_count - index) * sizeof *t->entries);
}

/* Commits what a call holds, in its order, or drops it. */
PATCHBAY_TEST_ void patchbay_test_settle_(patchbay_test *t, patchbay_call call, int is_done) {
  for (size_t i = 0; i < t->entry_count;) {
    patchbay_test_entry entry = t->entries[i];
    patchbay_str key = patchbay_test_text_(entry.key);
    if (entry.call != call) {
      i++;
      continue;
    }
    for (size_t k = 0; is_done && entry.kind != PATCHBAY_TEST_EVENT_ && k < i; k++) {
      const patchbay_test_entry *old = &t->entries[k];
      if (old->call || !patchbay_test_is_(old, entry.kind, key)) continue;
      if (entry.kind == PATCHBAY_TEST_SNAPSHOT_ && old->rev != entry.rev) continue;
      patchbay_test_drop_(t, k);
      i--;
      break;
    }
    if (!is_done || entry.removed) {
      patchbay_test_drop_(t, i);
      continue;
    }
    if (entry.kind == PATCHBAY_TEST_EVENT_) t->entries[i].rev = patchbay_test_next_(t, 0, key);
    t->entries[i++].call = 0;
  }
}

/* ---- Host functions --------------------------------------------------------------------------------------------- */

PATCHBAY_TEST_ patchbay_status patchbay_test_complete_(const patchbay_host *host, patchbay_call call,
                                                       const patchbay_result *result) {
  patchbay_test *t = patchbay_test_of_(host);
  patchbay_test_call *open;
  patchbay_status status = PATCHBAY_OK;
  pthread_mutex_lock(&t->lock);
  open = patchbay_test_open_(t, call);
  if (!open) {
    t->misbehaved++;
    status = PATCHBAY_E_STALE;
  } else if (result && result->size < 8) {
    status = PATCHBAY_E_ARG;
  } else {
    patchbay_str none = patchbay_test_text_("");
    t->outcome = result ? result->outcome : PATCHBAY_DONE;
    if (t->outcome < PATCHBAY_DONE || t->outcome > PATCHBAY_BUSY) t->outcome = PATCHBAY_RETRY;
    t->code = result ? result->code : 0;
    t->flags = result ? result->flags : 0;
    t->retry_after_ns = result ? result->retry_after_ns : 0;
    patchbay_test_set_(&t->reason, result ? result->reason : none);
    patchbay_test_set_(&t->detail, result ? result->detail_json : none);
    patchbay_test_set_(&t->reply, result ? result->reply : none);
    open->open = 0;
    open->outcome = t->outcome;
    t->open_count--;
    patchbay_test_settle_(t, call, t->outcome == PATCHBAY_DONE);
    if (t->outcome != PATCHBAY_DONE) patchbay_test_forget_(t, call);
    pthread_cond_broadcast(&t->changed);
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ int32_t patchbay_test_cancelled_(const patchbay_host *host, patchbay_call call) {
  patchbay_test *t = patchbay_test_of_(host);
  int32_t why;
  pthread_mutex_lock(&t->lock);
  why = patchbay_test_open_(t, call) ? t->cancelled : PATCHBAY_CANCEL_SHUTDOWN;
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
  if (patchbay_test_open_(t, call)) {
    patchbay_test_record *record = patchbay_test_add_(t, PATCHBAY_TEST_SPAN, name);
    record->ok = -1;
    record->span = span = ++t->span_count;
  }
  pthread_mutex_unlock(&t->lock);
  return span;
}

PATCHBAY_TEST_ patchbay_test_record *patchbay_test_span_(patchbay_test *t, patchbay_span span) {
  for (size_t i = 0; span && i < t->record_count; i++)
    if (t->records[i].span == span) return &t->records[i];
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
  for (uint32_t i = 0; i < t->instrument_count; i++)
    if (strlen(t->instruments[i]) == name.len && memcmp(t->instruments[i], name.ptr, name.len) == 0) {
      *id = i;
      return PATCHBAY_OK;
    }
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
  if (!patchbay_test_open_(t, call)) {
    status = PATCHBAY_E_STALE;
  } else {
    patchbay_str data = {(const char *)draft->data, draft->data_len};
    patchbay_test_record *record = patchbay_test_add_(t, PATCHBAY_TEST_EMIT, draft->type);
    record->call = call;
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
  if (!patchbay_test_open_(t, call)) status = PATCHBAY_E_STALE;
  else if (!(entry = patchbay_test_find_(t, call, PATCHBAY_TEST_STATE_, key))) status = PATCHBAY_E_NOT_FOUND;
  *len = entry ? entry->len : 0;
  if (rev) *rev = entry ? entry->rev : 0;
  if (entry && entry->len > room) status = PATCHBAY_E_LIMIT;
  else if (entry && entry->len) memcpy(buf, entry->value, entry->len);
  pthread_mutex_unlock(&t->lock);
  return status;
}

/* Stores (`value` set) or removes an entry of an open call. */
PATCHBAY_TEST_ patchbay_status patchbay_test_change_(patchbay_test *t, patchbay_call call, int kind, patchbay_str key,
                                                     const void *value, uint64_t len, uint64_t expected, uint64_t rev) {
  patchbay_status status = PATCHBAY_OK;
  patchbay_test_entry *entry;
  pthread_mutex_lock(&t->lock);
  entry = patchbay_test_find_(t, call, kind, key);
  if (!patchbay_test_open_(t, call)) status = PATCHBAY_E_STALE;
  else if (!value && !entry) status = PATCHBAY_E_NOT_FOUND;
  else if (expected != PATCHBAY_STATE_ANY && expected != (entry ? entry->rev : 0)) status = PATCHBAY_E_CONFLICT;
  if (status == PATCHBAY_OK) {
    if (value && kind == PATCHBAY_TEST_STATE_) rev = ++t->revision;
    patchbay_test_put_(t, call, kind, key, value, len, rev)->removed = !value;
  }
  pthread_mutex_unlock(&t->lock);
  return status;
}

PATCHBAY_TEST_ patchbay_status patchbay_test_del_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                  uint64_t rev) {
  return patchbay_test_change_(patchbay_test_of_(host), call, PATCHBAY_TEST_STATE_, key, NULL, 0, rev, 0);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_store_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                    const uint8_t *value, uint64_t len, uint64_t rev, uint64_t ttl_ns) {
  (void)ttl_ns;
  return patchbay_test_change_(patchbay_test_of_(host), call, PATCHBAY_TEST_STATE_, key,
                               value ? value : (const uint8_t *)"", len, rev, 0);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_timer_set_(const patchbay_host *host, patchbay_call call, patchbay_str key,
                                                        const patchbay_draft *draft) {
  if (draft->type.len == 0 || draft->not_before_ns == 0 || key.len == 0) return PATCHBAY_E_ARG;
  return patchbay_test_change_(patchbay_test_of_(host), call, PATCHBAY_TEST_TIMER_, key, draft->type.ptr,
                               draft->type.len, PATCHBAY_STATE_ANY, draft->not_before_ns);
}

PATCHBAY_TEST_ patchbay_status patchbay_test_timer_cancel_(const patchbay_host *host, patchbay_call call,
                                                           patchbay_str key) {
  return patchbay_test_change_(patchbay_test_of_(host), call, PATCHBAY_TEST_TIMER_, key, NULL, 0,
                               PATCHBAY_STATE_ANY, 0);
}

#endif
