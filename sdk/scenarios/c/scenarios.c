/* The scenarios of sdk/scenarios/README.md in C. */
#include <patchbay/handler.h>
#include <patchbay/json.h>
#include <pthread.h>
#include <stdio.h>

static patchbay_status emit(const patchbay_context *context, const char *type, const char *data) {
  return patchbay_emit_json(context, type, patchbay_text(NULL), patchbay_text(data));
}

/* Emits `type` with the text of a format and its arguments as data. */
#define EMIT(type, ...) \
  do { \
    char data_[1024]; \
    snprintf(data_, sizeof data_, __VA_ARGS__); \
    emit(context, type, data_); \
  } while (0)

static void *complete_later(void *raw) {
  patchbay_context *context = (patchbay_context *)raw;
  emit(context, "seen.deferred", "{}");
  patchbay_complete(context, patchbay_done());
  free(context);
  return NULL;
}

static patchbay_result deferred(const patchbay_context *context) {
  pthread_t thread;
  patchbay_context *copy = (patchbay_context *)malloc(sizeof *copy);
  if (!copy) return patchbay_retry("no memory");
  *copy = *context;
  if (pthread_create(&thread, NULL, complete_later, copy) != 0) {
    free(copy);
    return patchbay_retry("no thread");
  }
  pthread_detach(thread);
  return patchbay_pending();
}

/* A number that is kept under `key`, one more with each event. */
static patchbay_result count(const patchbay_context *context) {
  uint8_t bytes[16];
  uint64_t len = sizeof bytes, rev = 0;
  int n = 0;
  if (context->store->get(context->host, context->call, PATCHBAY_STR("n"), bytes, &len, &rev) == PATCHBAY_OK)
    for (uint64_t i = 0; i < len; i++) n = n * 10 + (bytes[i] - '0');
  char text[16];
  int size = snprintf(text, sizeof text, "%d", n + 1);
  patchbay_status stored = context->store->put(context->host, context->call, PATCHBAY_STR("n"), (const uint8_t *)text,
                                               (uint64_t)size, rev, 0);
  patchbay_status again = context->store->put(context->host, context->call, PATCHBAY_STR("n"), (const uint8_t *)text,
                                              (uint64_t)size, 0, 0);
  patchbay_status gone = context->store->del(context->host, context->call, PATCHBAY_STR("none"), PATCHBAY_STATE_ANY);
  EMIT("seen.state", "{\"n\": %d, \"stored\": %d, \"again\": %d, \"gone\": %d}", n + 1, stored, again, gone);
  return patchbay_done();
}

static patchbay_result timer(const patchbay_context *context) {
  patchbay_draft draft;
  memset(&draft, 0, sizeof draft);
  draft.size = sizeof draft;
  draft.type = PATCHBAY_STR("scenario.fired");
  draft.not_before_ns = 1;
  context->timer->set(context->host, context->call, PATCHBAY_STR("soon"), &draft);
  return patchbay_done();
}

/* ---- Streams ---------------------------------------------------------------------------------------------------- */

static patchbay_draft booked(const char *data) {
  patchbay_draft draft;
  memset(&draft, 0, sizeof draft);
  draft.size = sizeof draft;
  draft.type = PATCHBAY_STR("scenario.booked");
  draft.data = (const uint8_t *)data;
  draft.data_len = strlen(data);
  return draft;
}

/* Two events in a stream that does not exist, a third where it ought not to, and a snapshot. */
static patchbay_result append(const patchbay_context *context) {
  const patchbay_str name = PATCHBAY_STR("bookings");
  const patchbay_draft one = booked("{\"n\": 1}"), two = booked("{\"n\": 2}");
  const patchbay_draft *drafts[] = {&one, &two};
  uint64_t first = 99, found = 99;
  const patchbay_stream *stream = context->stream;
  if (stream->append(context->host, context->call, name, drafts, 2, PATCHBAY_STREAM_NONE, &first) < 0)
    return patchbay_fail("append");
  if (stream->append(context->host, context->call, name, drafts, 1, PATCHBAY_STREAM_NONE, &found) !=
      PATCHBAY_E_CONFLICT)
    return patchbay_fail("no conflict");
  if (stream->snapshot_put(context->host, context->call, name, 1, (const uint8_t *)"sum 3", 5) < 0)
    return patchbay_fail("snapshot");
  EMIT("seen.append", "{\"first\": %d, \"found\": %d}", (int)first, (int)found);
  return patchbay_done();
}

static int32_t note(void *text, const patchbay_stream_event *event) {
  sprintf((char *)text + strlen((char *)text), "%d %c", (int)event->revision, event->json.ptr[0]);
  return 0;
}

static patchbay_result read_back(const patchbay_context *context) {
  const patchbay_str name = PATCHBAY_STR("bookings");
  const patchbay_stream *stream = context->stream;
  char forward[64] = "", backward[64] = "", asked[64] = "";
  uint8_t value[64];
  uint64_t next = 0, len = sizeof value, at = 0;
  patchbay_stream_filter filter;
  memset(&filter, 0, sizeof filter);
  filter.size = sizeof filter;
  filter.from = 1;
  filter.type = PATCHBAY_STR("scenario.*");
  stream->head(context->host, context->call, name, NULL, &next);
  stream->read(context->host, context->call, name, 0, 10, 0, note, forward);
  stream->read(context->host, context->call, name, next - 1, 10, PATCHBAY_STREAM_BACKWARD, note, backward);
  stream->query(context->host, context->call, name, &filter, 10, note, asked, NULL);
  if (stream->snapshot_get(context->host, context->call, name, PATCHBAY_STREAM_ANY, value, &len, &at) < 0) len = 0;
  int none = stream->head(context->host, context->call, PATCHBAY_STR("none"), NULL, NULL) == PATCHBAY_E_NOT_FOUND;
  EMIT("seen.read",
       "{\"next\": %d, \"forward\": \"%s\", \"backward\": \"%s\", \"asked\": \"%s\", \"snapshot\": \"%.*s\", "
       "\"at\": %d, \"none\": %s}",
       (int)next, forward, backward, asked, (int)len, (const char *)value, (int)at, none ? "true" : "false");
  return patchbay_done();
}

/* ---- HTTP -------------------------------------------------------------------------------------------------------- */

/* A call that waits for an answer. */
typedef struct sent {
  patchbay_context context;
  uint32_t attempt;
  int is_echo;
} sent;

static patchbay_result judged(const patchbay_context *context, const sent *of, const patchbay_answer *answer) {
  if (answer->fault == PATCHBAY_FAULT_DENIED) return patchbay_fail("denied: by the configuration");
  if (answer->fault) return patchbay_retry("fault: no answer");
  if (of->is_echo) {
    patchbay_str header = {NULL, 0};
    for (uint64_t i = 0; i < answer->header_count; i++)
      if (patchbay_is(answer->headers[i].key, "x-answer")) header = answer->headers[i].value;
    EMIT("seen.http", "{\"status\": %d, \"body\": \"%.*s\", \"header\": \"%.*s\"}", answer->status,
         (int)answer->body_len, (const char *)answer->body, PATCHBAY_ARGS(header));
  } else if (of->attempt > 1) {
    EMIT("seen.busy", "{\"attempt\": %u}", of->attempt);
  }
  return answer->status / 100 == 2 ? patchbay_done() : patchbay_retry("http: not now");
}

static void answered(void *raw, const patchbay_answer *answer) {
  sent *of = (sent *)raw;
  patchbay_complete(&of->context, judged(&of->context, of, answer));
  free(of);
}

static patchbay_result request(const patchbay_context *context, const patchbay_event *event, const char *base,
                               const char *path) {
  static const patchbay_kv header = {{"x-scenario", 10}, {"yes", 3}};
  char url[128];
  patchbay_http_request request;
  sent *of = (sent *)malloc(sizeof *of);
  if (!of) return patchbay_retry("no memory");
  of->context = *context;
  of->attempt = event->attempt;
  of->is_echo = strcmp(path, "/echo") == 0;
  snprintf(url, sizeof url, "%s%s", base, path);
  memset(&request, 0, sizeof request);
  request.size = sizeof request;
  request.url = patchbay_text(url);
  if (of->is_echo) {
    request.headers = &header;
    request.header_count = 1;
    request.body = (const uint8_t *)"ping";
    request.body_len = 4;
  }
  if (context->http->send(context->host, context->call, &request, answered, of) < 0) {
    free(of);
    return patchbay_retry("not sent");
  }
  return patchbay_pending();
}

static void mailed(void *raw, const patchbay_answer *answer) {
  patchbay_context *context = (patchbay_context *)raw;
  if (!answer->fault) emit(context, "seen.mail", "{}");
  patchbay_complete(context, answer->fault ? patchbay_retry("fault: not sent") : patchbay_done());
  free(context);
}

static patchbay_result mail(const patchbay_context *context, const char *server) {
  const patchbay_str recipients[] = {PATCHBAY_STR("ada@example.com"), PATCHBAY_STR("bob@example.com")};
  patchbay_mail_message message;
  patchbay_context *copy = (patchbay_context *)malloc(sizeof *copy);
  if (!copy) return patchbay_retry("no memory");
  *copy = *context;
  memset(&message, 0, sizeof message);
  message.size = sizeof message;
  message.flags = PATCHBAY_MAIL_TLS_OPTIONAL;
  message.server = patchbay_text(server);
  message.from = PATCHBAY_STR("shop@example.com");
  message.recipients = recipients;
  message.recipient_count = 2;
  message.content = (const uint8_t *)"Subject: paid\r\n\r\nthank you\r\n";
  message.content_len = 28;
  if (context->mail->send(context->host, context->call, &message, mailed, copy) < 0) {
    free(copy);
    return patchbay_retry("not sent");
  }
  return patchbay_pending();
}

/* ---- The handlers ----------------------------------------------------------------------------------------------- */

typedef struct run_state {
  char url[64], denied[64], greeting[64], mail[64];
  pthread_mutex_t lock;
  uint32_t events;
} run_state;

static void copy(char *into, patchbay_str config, const char *name) {
  patchbay_str text = patchbay_json_get(config, name);
  snprintf(into, 64, "%.*s", text.len > 2 ? (int)text.len - 2 : 0, text.len > 2 ? text.ptr + 1 : "");
}

static void say(const patchbay_host *host, const char *message) {
  const patchbay_logger *logger = (const patchbay_logger *)host->service(host, PATCHBAY_STR(PATCHBAY_LOGGER));
  if (logger) logger->write(host, 0, PATCHBAY_LOG_INFO, patchbay_text(message), NULL, 0);
}

static patchbay_status make(const patchbay_host *host, patchbay_str config, void **out) {
  const patchbay_meter *meter = (const patchbay_meter *)host->service(host, PATCHBAY_STR(PATCHBAY_METER));
  const patchbay_stream *stream = (const patchbay_stream *)host->service(host, PATCHBAY_STR(PATCHBAY_STREAM));
  run_state *state = (run_state *)calloc(1, sizeof *state);
  if (!state) return PATCHBAY_E_NOMEM;
  copy(state->url, config, "url");
  copy(state->denied, config, "denied");
  copy(state->greeting, config, "greeting");
  copy(state->mail, config, "mail");
  pthread_mutex_init(&state->lock, NULL);
  meter->declare(host, PATCHBAY_METER_COUNTER, PATCHBAY_STR("scenario.events"), PATCHBAY_STR("{event}"),
                 PATCHBAY_STR("events seen"), &state->events);
  stream->subscribe(host, 0, PATCHBAY_STR("own"), PATCHBAY_STR("bookings"), NULL);
  say(host, "made by the host");
  *out = state;
  return PATCHBAY_OK;
}

static void unmake(void *raw) {
  run_state *state = (run_state *)raw;
  pthread_mutex_destroy(&state->lock);
  free(state);
}

static patchbay_status reconfigure(patchbay_inst *inst, patchbay_str config) {
  run_state *state = (run_state *)patchbay_context_of(inst, 0).state;
  pthread_mutex_lock(&state->lock);
  copy(state->greeting, config, "greeting");
  pthread_mutex_unlock(&state->lock);
  return PATCHBAY_OK;
}

static patchbay_status drain(patchbay_inst *inst, uint64_t deadline_ns) {
  (void)deadline_ns;
  say(patchbay_context_of(inst, 0).host, "drained by the host");
  return PATCHBAY_OK;
}

PATCHBAY_HANDLER_FULL(run, make, unmake, NULL, NULL, reconfigure, drain) {
  run_state *state = (run_state *)context->state;
  const patchbay_kv kind = {PATCHBAY_STR("type"), event->type};
  context->meter->record(context->host, state->events, 1, &kind, 1);
  if (patchbay_is(event->type, "scenario.echo")) {
    patchbay_str region = patchbay_extension(event, "region");
    EMIT("seen.echo",
         "{\"id\": \"%.*s\", \"source\": \"%.*s\", \"subject\": \"%.*s\", \"time\": \"%.*s\", \"region\": \"%.*s\", "
         "\"bytes\": %d, \"route\": \"%.*s\", \"attempt\": %u, \"most\": %u, \"key\": %s}",
         PATCHBAY_ARGS(event->id), PATCHBAY_ARGS(event->source), PATCHBAY_ARGS(event->subject),
         PATCHBAY_ARGS(event->time), PATCHBAY_ARGS(region), (int)event->data_len, PATCHBAY_ARGS(event->route),
         event->attempt, event->max_attempts, event->idempotency_key.len > 0 ? "true" : "false");
    return patchbay_done();
  }
  if (patchbay_is(event->type, "scenario.retry")) {
    if (event->attempt == 1) return patchbay_retry_after(1, "later: soon");
    EMIT("seen.retry", "{\"attempt\": %u}", event->attempt);
    return patchbay_done();
  }
  if (patchbay_is(event->type, "scenario.fail")) {
    emit(context, "seen.never", "{}");
    patchbay_result result = patchbay_fail("declined: no funds");
    result.code = 7;
    result.detail_json = PATCHBAY_STR("{\"a\": 1}");
    return result;
  }
  if (patchbay_is(event->type, "scenario.reject")) return patchbay_reject("invalid: no amount");
  if (patchbay_is(event->type, "scenario.skip")) return patchbay_skip();
  if (patchbay_is(event->type, "scenario.throw")) return patchbay_retry("went wrong");
  if (patchbay_is(event->type, "scenario.state")) return count(context);
  if (patchbay_is(event->type, "scenario.timer")) return timer(context);
  if (patchbay_is(event->type, "scenario.fired")) {
    EMIT("seen.fired", "{\"key\": \"%.*s\"}", PATCHBAY_ARGS(patchbay_extension(event, "timerkey")));
    return patchbay_done();
  }
  if (patchbay_is(event->type, "scenario.log")) {
    patchbay_log(context, PATCHBAY_LOG_WARN, "noted by the handler", PATCHBAY_STR("with a detail"));
    patchbay_span_end(context, patchbay_span_begin(context, "inner"), 1);
    return patchbay_done();
  }
  if (patchbay_is(event->type, "scenario.deferred")) return deferred(context);
  if (patchbay_is(event->type, "scenario.append")) return append(context);
  if (patchbay_is(event->type, "scenario.read")) return read_back(context);
  if (patchbay_is(event->type, "scenario.booked")) {
    EMIT("seen.booked", "{\"revision\": \"%.*s\"}", PATCHBAY_ARGS(patchbay_extension(event, "streamrevision")));
    return patchbay_done();
  }
  if (patchbay_is(event->type, "scenario.http")) return request(context, event, state->url, "/echo");
  if (patchbay_is(event->type, "scenario.busy")) return request(context, event, state->url, "/busy");
  if (patchbay_is(event->type, "scenario.denied")) return request(context, event, state->denied, "");
  if (patchbay_is(event->type, "scenario.mail")) return mail(context, state->mail);
  if (patchbay_is(event->type, "scenario.life")) {
    pthread_mutex_lock(&state->lock);
    EMIT("seen.life", "{\"greeting\": \"%s\"}", state->greeting);
    pthread_mutex_unlock(&state->lock);
    return patchbay_done();
  }
  return patchbay_fail("unknown scenario");
}

/* A call of a batch that is completed later. */
typedef struct owed {
  patchbay_context context;
  char id[16];
} owed;

static void *settle_later(void *raw) {
  owed *of = (owed *)raw;
  const patchbay_context *context = &of->context;
  EMIT("seen.owed", "{\"id\": \"%s\"}", of->id);
  patchbay_complete(context, patchbay_done());
  free(of);
  return NULL;
}

static int settles_later(const patchbay_context *context, const patchbay_event *event) {
  pthread_t thread;
  owed *of = (owed *)malloc(sizeof *of);
  if (!of) return 0;
  of->context = *context;
  snprintf(of->id, sizeof of->id, "%.*s", PATCHBAY_ARGS(event->id));
  if (pthread_create(&thread, NULL, settle_later, of) != 0) {
    free(of);
    return 0;
  }
  pthread_detach(thread);
  return 1;
}

static patchbay_status bulk_batch(patchbay_inst *inst, uint64_t n, const patchbay_call *calls,
                                  const patchbay_event *const *events) {
  for (uint64_t i = 0; i < n; i++) {
    const patchbay_context own = patchbay_context_of(inst, calls[i]), *context = &own;
    EMIT("seen.bulk", "{\"id\": \"%.*s\", \"of\": %d}", PATCHBAY_ARGS(events[i]->id), (int)n);
    if (patchbay_is(events[i]->type, "bulk.bad"))
      patchbay_complete(context, patchbay_reject("invalid: bad"));
    else if (!patchbay_is(events[i]->type, "bulk.later") || !settles_later(context, events[i]))
      patchbay_complete(context, patchbay_done());
  }
  return PATCHBAY_PENDING;
}

static patchbay_status make_nothing(const patchbay_host *host, patchbay_str config, void **state) {
  (void)host, (void)config, (void)state;
  return PATCHBAY_OK;
}

static void unmake_nothing(void *state) { (void)state; }

/* An instance takes a configuration when all of its handlers do. */
static patchbay_status keep_nothing(patchbay_inst *inst, patchbay_str config) {
  (void)inst, (void)config;
  return PATCHBAY_OK;
}

PATCHBAY_HANDLER_FULL(bulk, make_nothing, unmake_nothing, bulk_batch, NULL, keep_nothing, NULL) {
  volatile int *volatile nowhere = NULL;
  if (patchbay_is(event->type, "bulk.crash")) *nowhere = 1;
  return patchbay_fail("alone: not in a batch");
}

PATCHBAY_MODULE((run, bulk), "name": "scenarios", "version": "1.0.0",
  "requires": ["patchbay.meter/1", "patchbay.emit/1", "patchbay.state/1",
              "patchbay.timer/1", "patchbay.http/1", "patchbay.mail/1", "patchbay.stream/0"],
  "capabilities": {"network": ["127.0.0.1"]},
  "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"], "config": {"type": "object"}},
               {"id": "bulk", "accepts": ["bulk.*"], "emits": ["seen.*"], "config": {"type": "object"},
                "batch": {"max": 8}}])
