/* patchbay/test.h - a test host for handlers: everything in one process, no file, no runtime. Header only.
 *
 *   #include <patchbay/test.h>          // before other headers; link with the handler's own .c file and -pthread
 *
 *   int main(void) {
 *     patchbay_test *t = patchbay_test_open(patchbay_module_v1, "hello", "{}");
 *     EXPECT(patchbay_test_send(t, (patchbay_test_event){.type = "com.example.greeting.sent"}) == PATCHBAY_DONE);
 *     EXPECT(patchbay_test_logged(t, "hello"));
 *     patchbay_test_close(t);
 *     return patchbay_test_finish();
 *   }
 *
 * One event, or batch, at a time; what the handler did with it stays readable until the next one. State, timers and
 * streams last as long as the test host. Effects count only after PATCHBAY_DONE, as in the runtime. An event's memory
 * is freed once its call has ended, so that a memory checker sees a handler that keeps it. Requests and mail get the
 * answers that the test has ready (patchbay_test_answer). For C++ there is patchbay_test.hpp.
 */
#ifndef PATCHBAY_TEST_H
#define PATCHBAY_TEST_H
#include "test_host.h"
#include "test_network.h"
#include "test_stream.h"

/* Fails the test program, with the place, when `condition` is false; the program goes on. */
#define EXPECT(condition) \
  ((condition) ? 1 : \
   (fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition), patchbay_test_failures_++, 0))
static int patchbay_test_failures_;

/* ---- Manifest --------------------------------------------------------------------------------------------------- */

typedef struct patchbay_test_search_ {
  uintptr_t address;
  const char *found;
} patchbay_test_search_;

PATCHBAY_TEST_ int patchbay_test_notes_(struct dl_phdr_info *info, size_t size, void *data) {
  patchbay_test_search_ *search = (patchbay_test_search_ *)data;
  int here = 0;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    here |= info->dlpi_phdr[i].p_type == PT_LOAD && search->address >= start &&
            search->address < start + info->dlpi_phdr[i].p_memsz;
  }
  for (int i = 0; here && i < info->dlpi_phnum; i++) {
    const char *at = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    const char *end = at + info->dlpi_phdr[i].p_memsz;
    if (info->dlpi_phdr[i].p_type != PT_NOTE) continue;
    while (!search->found && at + 12 <= end) {
      uint32_t header[3];
      memcpy(header, at, sizeof header);
      if (header[0] == 4 && header[2] == PATCHBAY_ABI_MAJOR && memcmp(at + 12, "PBY", 4) == 0) search->found = at + 16;
      at += 12 + ((header[0] + 3u) & ~3u) + ((header[1] + 3u) & ~3u);
    }
  }
  return here;
}

/* The manifest of the module that `entry` belongs to, or NULL when it has none. */
PATCHBAY_TEST_ const char *patchbay_test_manifest(patchbay_module_v1_fn entry) {
  patchbay_test_search_ search = {0, NULL};
  memcpy(&search.address, &entry, sizeof entry);
  dl_iterate_phdr(patchbay_test_notes_, &search);
  return search.found;
}

/* Whether the manifest has a member "id" with this value. */
PATCHBAY_TEST_ int patchbay_test_declares_(const char *manifest, patchbay_str id) {
  const char *at = manifest;
  while (at && (at = strstr(at, "\"id\""))) {
    at += 4;
    at += strspn(at, " \t\r\n:");
    if (*at == '"' && strncmp(at + 1, id.ptr, id.len) == 0 && at[1 + id.len] == '"') return 1;
  }
  return 0;
}

/* ---- Services --------------------------------------------------------------------------------------------------- */

PATCHBAY_TEST_ const void *patchbay_test_service_(const patchbay_host *host, patchbay_str id) {
  static const patchbay_logger logger = {sizeof logger, 0, patchbay_test_enabled_, patchbay_test_write_};
  static const patchbay_trace trace = {sizeof trace, 0, patchbay_test_begin_, patchbay_test_attr_,
                                       patchbay_test_span_event_, patchbay_test_end_, patchbay_test_inject_};
  static const patchbay_meter meter = {sizeof meter, 0, patchbay_test_declare_, patchbay_test_measure_};
  static const patchbay_emit emit = {sizeof emit, 0, patchbay_test_emit_};
  static const patchbay_state state = {sizeof state, 0, patchbay_test_get_, patchbay_test_del_, patchbay_test_store_};
  static const patchbay_timer timer = {sizeof timer, 0, patchbay_test_timer_set_, patchbay_test_timer_cancel_};
  static const struct { const char *id; const void *table; } services[] = {
    {PATCHBAY_LOGGER, &logger}, {PATCHBAY_TRACE, &trace}, {PATCHBAY_METER, &meter},
    {PATCHBAY_EMIT, &emit},     {PATCHBAY_STATE, &state}, {PATCHBAY_TIMER, &timer},
    {PATCHBAY_STREAM, &patchbay_test_stream_}, {PATCHBAY_HTTP, &patchbay_test_http_table_},
    {PATCHBAY_MAIL, &patchbay_test_mail_table_}};
  (void)host;
  for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
    if (strlen(services[i].id) == id.len && memcmp(services[i].id, id.ptr, id.len) == 0) return services[i].table;
  return NULL;
}

/* ---- Use -------------------------------------------------------------------------------------------------------- */

/* No new call will come: what the runtime says before it replaces an instance or stops. Once; closing does it, too. */
PATCHBAY_TEST_ patchbay_status patchbay_test_drain(patchbay_test *t, uint64_t deadline_ns) {
  if (t->drained || !t->handler->drain) return PATCHBAY_OK;
  t->drained = 1;
  return t->handler->drain(t->inst, deadline_ns);
}

/* Gives the instance another configuration; PATCHBAY_E_UNSUPPORTED: it takes none, a host makes a second instance. */
PATCHBAY_TEST_ patchbay_status patchbay_test_reconfigure(patchbay_test *t, const char *config) {
  if (!t->handler->reconfigure) return PATCHBAY_E_UNSUPPORTED;
  return t->handler->reconfigure(t->inst, patchbay_test_text_(config));
}

/* The table of the module's component of this kind, or NULL. */
PATCHBAY_TEST_ const void *patchbay_test_component(const patchbay_test *t, const char *kind_id) {
  return t->module->component ? t->module->component(patchbay_test_text_(kind_id)) : NULL;
}

/* Frees the events of calls that are over. */
PATCHBAY_TEST_ void patchbay_test_free_events_(patchbay_test *t, int also_open) {
  for (size_t i = 0; i < t->call_count; i++) {
    if (t->calls[i].open && !also_open) continue;
    free(t->calls[i].event);
    free(t->calls[i].text);
    t->calls[i].event = NULL;
    t->calls[i].text = NULL;
  }
}

PATCHBAY_TEST_ void patchbay_test_close(patchbay_test *t) {
  if (!t) return;
  if (t->inst) {
    patchbay_test_drain(t, 0);
    t->handler->destroy(t->inst);
  }
  patchbay_test_forget_(t, 0);
  while (t->entry_count) patchbay_test_drop_(t, t->entry_count - 1);
  free(t->entries);
  for (uint32_t i = 0; i < t->instrument_count; i++) free(t->instruments[i]);
  free(t->records);
  free(t->reason);
  free(t->detail);
  free(t->reply);
  free(t->error);
  patchbay_test_free_events_(t, 1);
  pthread_mutex_destroy(&t->lock);
  pthread_cond_destroy(&t->changed);
  free(t);
}

/* Creates an instance of the handler `id` with this configuration. Ends the program with a message when the module,
 * its manifest or the handler refuses; `patchbay_test_try` returns NULL instead, with the message in `*why`, which the
 * caller frees. */
PATCHBAY_TEST_ patchbay_test *patchbay_test_try(patchbay_module_v1_fn entry, const char *id, const char *config,
                                                char **why) {
  patchbay_test *t = (patchbay_test *)patchbay_test_memory_(NULL, sizeof *t);
  const char *manifest = patchbay_test_manifest(entry);
  const char *problem = NULL;
  pthread_condattr_t clock;
  memset(t, 0, sizeof *t);
  t->host.size = sizeof t->host;
  t->host.abi_minor = PATCHBAY_ABI_MINOR;
  t->host.name = patchbay_test_text_("patchbay-test");
  t->host.version = patchbay_test_text_("1.0.0");
  t->host.service = patchbay_test_service_;
  t->host.complete = patchbay_test_complete_;
  t->host.cancelled = patchbay_test_cancelled_;
  t->host.set_error = patchbay_test_set_error_;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&t->changed, &clock);
  pthread_condattr_destroy(&clock);
  pthread_mutex_init(&t->lock, NULL);
  t->error = patchbay_test_copy_(patchbay_test_text_(""));
  if (!manifest) problem = "the module has no manifest";
  else if (entry(&t->host, &t->module) < 0 || !t->module) problem = "patchbay_module_v1 refused";
  for (uint64_t i = 0; !problem && i < t->module->handler_count; i++) {
    patchbay_str name = t->module->handlers[i]->id;
    if (!patchbay_test_declares_(manifest, name)) problem = "a registered handler is not in the manifest";
    if (strlen(id) == name.len && memcmp(id, name.ptr, name.len) == 0) t->handler = t->module->handlers[i];
  }
  if (!problem && !t->handler) problem = "the module has no such handler";
  if (!problem && t->handler->create(&t->host, patchbay_test_text_(config), &t->inst) < 0) {
    t->inst = NULL;
    problem = "create refused";
  }
  if (!problem) return t;
  if (why) {
    size_t room = strlen(problem) + strlen(id) + strlen(t->error) + 8;
    *why = (char *)patchbay_test_memory_(NULL, room);
    snprintf(*why, room, "%s: %s%s%s", id, problem, *t->error ? ": " : "", t->error);
  }
  patchbay_test_close(t);
  return NULL;
}

PATCHBAY_TEST_ patchbay_test *patchbay_test_open(patchbay_module_v1_fn entry, const char *id, const char *config) {
  char *why = NULL;
  patchbay_test *t = patchbay_test_try(entry, id, config, &why);
  if (t) return t;
  fprintf(stderr, "%s\n", why);
  exit(1);
}

/* An event in memory of its own, for a call. */
PATCHBAY_TEST_ void patchbay_test_lend_(patchbay_test_call *call, const patchbay_test_event *from) {
  const char *texts[] = {from->id ? from->id : "1", from->source ? from->source : "/test", from->type, from->subject,
                         from->time, from->datacontenttype, from->dataschema, from->data, from->idempotency_key};
  patchbay_str views[9];
  size_t bytes = 4 * sizeof(patchbay_kv), used = bytes;
  patchbay_event *event = (patchbay_event *)patchbay_test_memory_(NULL, sizeof *event);
  patchbay_kv *ext;
  for (int i = 0; i < 9; i++) bytes += texts[i] ? strlen(texts[i]) : 0;
  for (int i = 0; i < 8 && from->ext[i]; i++) bytes += strlen(from->ext[i]);
  call->event = event;
  call->text = patchbay_test_memory_(NULL, bytes);
  ext = (patchbay_kv *)call->text;
  for (int i = 0; i < 9; i++) {
    views[i] = patchbay_test_text_(texts[i]);
    if (views[i].len) memcpy((char *)call->text + used, texts[i], views[i].len);
    views[i].ptr = (char *)call->text + used;
    used += views[i].len;
  }
  memset(event, 0, sizeof *event);
  event->size = sizeof *event;
  event->id = views[0];
  event->source = views[1];
  event->type = views[2];
  event->subject = views[3];
  event->time = views[4];
  event->datacontenttype = views[5];
  event->dataschema = views[6];
  event->data = (const uint8_t *)views[7].ptr;
  event->data_len = views[7].len;
  event->idempotency_key = views[8];
  event->route = patchbay_test_text_("test");
  event->ext = ext;
  for (int i = 0; i + 1 < 8 && from->ext[i] && from->ext[i + 1]; i += 2) {
    patchbay_str pair[2];
    for (int k = 0; k < 2; k++) {
      pair[k] = patchbay_test_text_(from->ext[i + k]);
      memcpy((char *)call->text + used, pair[k].ptr, pair[k].len);
      pair[k].ptr = (char *)call->text + used;
      used += pair[k].len;
    }
    ext[event->ext_count].key = pair[0];
    ext[event->ext_count++].value = pair[1];
  }
  event->attempt = from->attempt ? from->attempt : 1;
  event->max_attempts = from->max_attempts;
  event->deadline_ns = from->deadline_ns;
}

/* Opens a call for each event; what the last ones left is forgotten, but for what is committed. */
PATCHBAY_TEST_ void patchbay_test_begin_calls_(patchbay_test *t, const patchbay_test_event *events, size_t count) {
  if (!count || count > PATCHBAY_TEST_BATCH_MAX) abort();
  pthread_mutex_lock(&t->lock);
  patchbay_test_forget_(t, 0);
  for (size_t i = 0; i < t->call_count; i++) patchbay_test_settle_(t, t->first + i, 0);
  patchbay_test_free_events_(t, 1);
  t->first += t->call_count ? t->call_count : 1;
  t->call_count = t->open_count = count;
  t->cancelled = t->outcome = t->code = 0;
  t->flags = 0;
  t->retry_after_ns = 0;
  patchbay_test_set_(&t->reason, patchbay_test_text_(""));
  patchbay_test_set_(&t->detail, patchbay_test_text_(""));
  patchbay_test_set_(&t->reply, patchbay_test_text_(""));
  patchbay_test_set_(&t->error, patchbay_test_text_(""));
  for (size_t i = 0; i < count; i++) {
    patchbay_test_lend_(&t->calls[i], &events[i]);
    t->calls[i].open = 1;
    t->calls[i].outcome = 0;
  }
  pthread_mutex_unlock(&t->lock);
}

/* What a status of handle() or handle_batch() means for `count` calls from the one at `from` on that are still open. */
PATCHBAY_TEST_ void patchbay_test_returned_(patchbay_test *t, patchbay_status status, size_t from, size_t count) {
  for (size_t i = from; status != PATCHBAY_PENDING && i < from + count; i++) {
    patchbay_result result;
    int open;
    pthread_mutex_lock(&t->lock);
    open = t->calls[i].open;
    pthread_mutex_unlock(&t->lock);
    if (!open) continue;
    memset(&result, 0, sizeof result);
    result.size = sizeof result;
    result.outcome = status < 0 ? PATCHBAY_RETRY : PATCHBAY_DONE;
    result.reason = patchbay_test_text_(status < 0 ? t->error : "");
    patchbay_test_complete_(&t->host, t->first + i, &result);
  }
}

/* Sends an event and returns when handle() has; the outcome may be pending. */
PATCHBAY_TEST_ void patchbay_test_start(patchbay_test *t, patchbay_test_event event) {
  patchbay_test_begin_calls_(t, &event, 1);
  patchbay_test_returned_(t, t->handler->handle(t->inst, t->first, t->calls[0].event), 0, 1);
}

/* Cancels the open calls, as the runtime does at a deadline or before it stops. */
PATCHBAY_TEST_ void patchbay_test_cancel(patchbay_test *t, int32_t why) {
  pthread_mutex_lock(&t->lock);
  t->cancelled = why;
  pthread_mutex_unlock(&t->lock);
  for (size_t i = 0; t->handler->cancel && i < t->call_count; i++) t->handler->cancel(t->inst, t->first + i, why);
}

/* Waits at most `seconds` for the completion of all that was sent. Returns the outcome, of a batch the last one, or 0
 * when one is missing. */
PATCHBAY_TEST_ int32_t patchbay_test_wait(patchbay_test *t, int seconds) {
  struct timespec until;
  int32_t outcome;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += seconds;
  pthread_mutex_lock(&t->lock);
  while (t->open_count && pthread_cond_timedwait(&t->changed, &t->lock, &until) == 0) continue;
  outcome = t->open_count ? 0 : t->calls[t->call_count - 1].outcome;
  if (outcome) patchbay_test_free_events_(t, 0);
  pthread_mutex_unlock(&t->lock);
  return outcome;
}

/* Sends an event and waits for its outcome, a minute at most. */
PATCHBAY_TEST_ int32_t patchbay_test_send(patchbay_test *t, patchbay_test_event event) {
  patchbay_test_start(t, event);
  return patchbay_test_wait(t, 60);
}

/* Sends up to 64 events as one batch and waits for their outcomes, a minute at most; nonzero when all came. A handler
 * without handle_batch is called for one after the other. */
PATCHBAY_TEST_ int patchbay_test_send_batch(patchbay_test *t, const patchbay_test_event *events, size_t count) {
  patchbay_call calls[PATCHBAY_TEST_BATCH_MAX];
  const patchbay_event *views[PATCHBAY_TEST_BATCH_MAX];
  patchbay_test_begin_calls_(t, events, count);
  for (size_t i = 0; i < count; i++) {
    calls[i] = t->first + i;
    views[i] = t->calls[i].event;
  }
  if (t->handler->handle_batch)
    patchbay_test_returned_(t, t->handler->handle_batch(t->inst, count, calls, views), 0, count);
  for (size_t i = 0; !t->handler->handle_batch && i < count; i++)
    patchbay_test_returned_(t, t->handler->handle(t->inst, calls[i], views[i]), i, 1);
  return patchbay_test_wait(t, 60) != 0;
}

/* What became of the event at `index` of what was sent last; 0: still open. */
PATCHBAY_TEST_ int32_t patchbay_test_outcome(patchbay_test *t, size_t index) {
  int32_t outcome;
  pthread_mutex_lock(&t->lock);
  outcome = index < t->call_count ? t->calls[index].outcome : 0;
  pthread_mutex_unlock(&t->lock);
  return outcome;
}

/* The `index`-th record of a kind, or NULL. */
PATCHBAY_TEST_ const patchbay_test_record *patchbay_test_at(const patchbay_test *t, int kind, size_t index) {
  for (size_t i = 0; i < t->record_count; i++)
    if (t->records[i].kind == kind && index-- == 0) return &t->records[i];
  return NULL;
}

/* How many records of a kind have this name; NULL counts all. */
PATCHBAY_TEST_ int patchbay_test_count(const patchbay_test *t, int kind, const char *name) {
  int count = 0;
  for (size_t i = 0; i < t->record_count; i++)
    count += t->records[i].kind == kind && (!name || strcmp(t->records[i].name, name) == 0);
  return count;
}

/* How many log lines contain `part`. */
PATCHBAY_TEST_ int patchbay_test_logged(const patchbay_test *t, const char *part) {
  int count = 0;
  for (size_t i = 0; i < t->record_count; i++)
    count += t->records[i].kind == PATCHBAY_TEST_LOG && strstr(t->records[i].name, part) != NULL;
  return count;
}

/* How many events of this type are emitted; NULL counts all. */
PATCHBAY_TEST_ int patchbay_test_emitted(const patchbay_test *t, const char *type) {
  return patchbay_test_count(t, PATCHBAY_TEST_EMIT, type);
}

/* The committed value of a state key as text, or NULL. */
PATCHBAY_TEST_ const char *patchbay_test_state(const patchbay_test *t, const char *key) {
  patchbay_test_entry *entry = patchbay_test_find_(t, 0, PATCHBAY_TEST_STATE_, patchbay_test_text_(key));
  return entry ? (const char *)entry->value : NULL;
}

/* When the timer of this key fires, in Unix nanoseconds; 0: none is set. */
PATCHBAY_TEST_ uint64_t patchbay_test_timer(const patchbay_test *t, const char *key) {
  patchbay_test_entry *entry = patchbay_test_find_(t, 0, PATCHBAY_TEST_TIMER_, patchbay_test_text_(key));
  return entry ? entry->rev : 0;
}

/* How often the handler misbehaved: completed a call that was over, or used an unknown span or instrument. */
PATCHBAY_TEST_ int patchbay_test_stale(patchbay_test *t) {
  int count;
  pthread_mutex_lock(&t->lock);
  count = t->misbehaved;
  pthread_mutex_unlock(&t->lock);
  return count;
}

/* What main() returns: 0 when every EXPECT held. */
PATCHBAY_TEST_ int patchbay_test_finish(void) {
  if (patchbay_test_failures_) fprintf(stderr, "%d failed\n", patchbay_test_failures_);
  else printf("all passed\n");
  return patchbay_test_failures_ != 0;
}

#endif
