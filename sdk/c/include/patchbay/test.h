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
 * One event at a time; what the handler did with it stays readable until the next one. State and timers last as long
 * as the test host. Emitted events, state and timers count only after PATCHBAY_DONE, as in the runtime. An event's
 * memory is freed once its call has ended, so that a memory checker sees a handler that keeps it.
 */
#ifndef PATCHBAY_TEST_H
#define PATCHBAY_TEST_H
#include "test_host.h"

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

/* ---- Use -------------------------------------------------------------------------------------------------------- */

PATCHBAY_TEST_ void patchbay_test_close(patchbay_test *t) {
  if (!t) return;
  if (t->inst) {
    if (t->handler->drain) t->handler->drain(t->inst, 0);
    t->handler->destroy(t->inst);
  }
  patchbay_test_forget_(t, -1);
  patchbay_test_drop_entries_(t->entries, t->entry_count);
  patchbay_test_drop_entries_(t->working, t->working_count);
  for (uint32_t i = 0; i < t->instrument_count; i++) free(t->instruments[i]);
  free(t->records);
  free(t->reason);
  free(t->detail);
  free(t->reply);
  free(t->error);
  free(t->event);
  free(t->event_text);
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
  const patchbay_module *module = NULL;
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
  else if (entry(&t->host, &module) < 0 || !module) problem = "patchbay_module_v1 refused";
  for (uint64_t i = 0; !problem && i < module->handler_count; i++) {
    patchbay_str name = module->handlers[i]->id;
    if (!patchbay_test_declares_(manifest, name)) problem = "a registered handler is not in the manifest";
    if (strlen(id) == name.len && memcmp(id, name.ptr, name.len) == 0) t->handler = module->handlers[i];
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

/* Sends an event and returns when handle() has; the outcome may be pending. */
PATCHBAY_TEST_ void patchbay_test_start(patchbay_test *t, patchbay_test_event from) {
  const char *texts[] = {from.id ? from.id : "1", from.source ? from.source : "/test", from.type, from.subject,
                         from.time, from.datacontenttype, from.dataschema, from.data, from.idempotency_key};
  patchbay_str views[9];
  patchbay_kv *ext;
  size_t bytes = 4 * sizeof(patchbay_kv), used = bytes;
  patchbay_status status;
  int still_open;
  patchbay_event *event = (patchbay_event *)patchbay_test_memory_(NULL, sizeof *event);
  for (int i = 0; i < 9; i++) bytes += texts[i] ? strlen(texts[i]) : 0;
  for (int i = 0; i < 8 && from.ext[i]; i++) bytes += strlen(from.ext[i]);
  free(t->event);
  free(t->event_text);
  t->event = event;
  t->event_text = patchbay_test_memory_(NULL, bytes);
  ext = (patchbay_kv *)t->event_text;
  for (int i = 0; i < 9; i++) {
    views[i] = patchbay_test_text_(texts[i]);
    if (views[i].len) memcpy((char *)t->event_text + used, texts[i], views[i].len);
    views[i].ptr = (char *)t->event_text + used;
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
  for (int i = 0; i + 1 < 8 && from.ext[i] && from.ext[i + 1]; i += 2) {
    patchbay_str pair[2];
    for (int k = 0; k < 2; k++) {
      pair[k] = patchbay_test_text_(from.ext[i + k]);
      memcpy((char *)t->event_text + used, pair[k].ptr, pair[k].len);
      pair[k].ptr = (char *)t->event_text + used;
      used += pair[k].len;
    }
    ext[event->ext_count].key = pair[0];
    ext[event->ext_count++].value = pair[1];
  }
  event->attempt = from.attempt ? from.attempt : 1;
  event->max_attempts = from.max_attempts;
  event->deadline_ns = from.deadline_ns;

  pthread_mutex_lock(&t->lock);
  patchbay_test_forget_(t, -1);
  t->call++;
  t->open = t->in_handle = 1;
  t->cancelled = t->outcome = t->code = 0;
  t->flags = 0;
  t->retry_after_ns = 0;
  patchbay_test_set_(&t->reason, patchbay_test_text_(""));
  patchbay_test_set_(&t->detail, patchbay_test_text_(""));
  patchbay_test_set_(&t->reply, patchbay_test_text_(""));
  patchbay_test_set_(&t->error, patchbay_test_text_(""));
  for (size_t i = 0; i < t->entry_count; i++)
    patchbay_test_put_(&t->working, &t->working_count, t->entries[i].timer, t->entries[i].key, t->entries[i].value,
                       t->entries[i].len, t->entries[i].rev);
  pthread_mutex_unlock(&t->lock);

  status = t->handler->handle(t->inst, t->call, event);
  pthread_mutex_lock(&t->lock);
  t->in_handle = 0;
  still_open = t->open;
  pthread_mutex_unlock(&t->lock);
  if (still_open && status != PATCHBAY_PENDING) {
    patchbay_result result;
    memset(&result, 0, sizeof result);
    result.size = sizeof result;
    result.outcome = status < 0 ? PATCHBAY_RETRY : PATCHBAY_DONE;
    result.reason = patchbay_test_text_(status < 0 ? t->error : "");
    patchbay_test_complete_(&t->host, t->call, &result);
  }
}

/* Cancels the open call, as the runtime does at a deadline or before it stops. */
PATCHBAY_TEST_ void patchbay_test_cancel(patchbay_test *t, int32_t why) {
  pthread_mutex_lock(&t->lock);
  t->cancelled = why;
  pthread_mutex_unlock(&t->lock);
  if (t->handler->cancel) t->handler->cancel(t->inst, t->call, why);
}

/* Waits at most `seconds` for the completion. Returns the outcome, or 0 when none came. */
PATCHBAY_TEST_ int32_t patchbay_test_wait(patchbay_test *t, int seconds) {
  struct timespec until;
  int32_t outcome;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += seconds;
  pthread_mutex_lock(&t->lock);
  while (t->open && pthread_cond_timedwait(&t->changed, &t->lock, &until) == 0) continue;
  outcome = t->open ? 0 : t->outcome;
  pthread_mutex_unlock(&t->lock);
  if (outcome) {
    free(t->event);
    free(t->event_text);
    t->event = NULL;
    t->event_text = NULL;
  }
  return outcome;
}

/* Sends an event and waits for its outcome, five seconds at most. */
PATCHBAY_TEST_ int32_t patchbay_test_send(patchbay_test *t, patchbay_test_event event) {
  patchbay_test_start(t, event);
  return patchbay_test_wait(t, 5);
}

/* The `index`-th record of a kind, or NULL. */
PATCHBAY_TEST_ const patchbay_test_record *patchbay_test_at(const patchbay_test *t, int kind, size_t index) {
  for (size_t i = 0; i < t->record_count; i++)
    if ((int)t->records[i].kind == kind && index-- == 0) return &t->records[i];
  return NULL;
}

/* How many records of a kind have this name; NULL counts all. */
PATCHBAY_TEST_ int patchbay_test_count(const patchbay_test *t, int kind, const char *name) {
  int count = 0;
  for (size_t i = 0; i < t->record_count; i++)
    count += (int)t->records[i].kind == kind && (!name || strcmp(t->records[i].name, name) == 0);
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
  patchbay_test_entry *entry = patchbay_test_find_(t->entries, t->entry_count, 0, patchbay_test_text_(key));
  return entry ? (const char *)entry->value : NULL;
}

/* The committed event of a stream at a revision, as JSON, or NULL. */
PATCHBAY_TEST_ const char *patchbay_test_appended(const patchbay_test *t, const char *stream, uint64_t revision) {
  const patchbay_test_entry *entry =
    patchbay_test_in_stream_(t->entries, t->entry_count, 2, patchbay_test_text_(stream), revision);
  const char *text = entry ? (const char *)entry->value : NULL;
  for (int i = 0; text && i < 3; i++) text += strlen(text) + 1;
  return text;
}

/* When the timer of this key fires, in Unix nanoseconds; 0: none is set. */
PATCHBAY_TEST_ uint64_t patchbay_test_timer(const patchbay_test *t, const char *key) {
  patchbay_test_entry *entry = patchbay_test_find_(t->entries, t->entry_count, 1, patchbay_test_text_(key));
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
