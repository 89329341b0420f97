/* The scenarios of sdk/scenarios/README.md in C. */
#include <patchbay/handler.h>
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

PATCHBAY_HANDLER(run) {
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
  return patchbay_fail("unknown scenario");
}

PATCHBAY_MODULE((run), "name": "scenarios", "version": "1.0.0",
  "handlers": [{"id": "run", "accepts": ["scenario.*"], "emits": ["seen.*"]}])
