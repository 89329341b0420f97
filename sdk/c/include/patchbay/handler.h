/* patchbay/handler.h - a short way to write handlers in C or C++ over patchbay.h. Header only; no ABI of its own.
 *
 *   #include <patchbay/handler.h>
 *
 *   PATCHBAY_HANDLER(hello) {
 *     patchbay_log(context, PATCHBAY_LOG_INFO, "hello from C", event->subject);
 *     return patchbay_done();
 *   }
 *
 *   PATCHBAY_MODULE((hello),
 *     "name": "greeter", "version": "1.0.0",
 *     "handlers": [{"id": "hello", "accepts": ["com.example.greeting.*"]}])
 *
 *   cc -shared -fPIC -Isdk/c/include greeter.c -o greeter.so
 *
 * Everything here is static, so that such a module exports patchbay_module_v1 and nothing else. Declare your own
 * functions `static` too, or compile with -fvisibility=hidden. The manifest is the one place that says what a handler
 * is; its keys are those of manifest.schema.json without `abi`, `runtime` and `linkage`, which the macro adds.
 */
#ifndef PATCHBAY_HANDLER_H
#define PATCHBAY_HANDLER_H
#include "../patchbay.h"
#include "draft/stream.h"
#include "emit.h"
#include "http.h"
#include "mail.h"
#include "state.h"
#include "timer.h"
#include <stdlib.h>
#include <string.h>

#define PATCHBAY_UNUSED_ __attribute__((unused))

/* ---- Text ------------------------------------------------------------------------------------------------------- */

/* Text of a string literal, counted at compile time. */
#define PATCHBAY_STR(literal) patchbay_text_("" literal, sizeof(literal) - 1)
/* The two arguments of printf's "%.*s". */
#define PATCHBAY_ARGS(text) (int)(text).len, (text).ptr

PATCHBAY_UNUSED_ static inline patchbay_str patchbay_text_(const char *ptr, uint64_t len) {
  patchbay_str text;
  text.ptr = ptr;
  text.len = len;
  return text;
}

/* Text of a zero-terminated string; empty for NULL. Borrows it. */
PATCHBAY_UNUSED_ static inline patchbay_str patchbay_text(const char *string) {
  return patchbay_text_(string, string ? strlen(string) : 0);
}

PATCHBAY_UNUSED_ static inline int patchbay_equal(patchbay_str a, patchbay_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

PATCHBAY_UNUSED_ static inline int patchbay_is(patchbay_str text, const char *string) {
  return patchbay_equal(text, patchbay_text(string));
}

PATCHBAY_UNUSED_ static inline int patchbay_starts_with(patchbay_str text, const char *prefix) {
  size_t length = strlen(prefix);
  return text.len >= length && (length == 0 || memcmp(text.ptr, prefix, length) == 0);
}

/* The payload as text, for JSON and other text formats. (call) */
PATCHBAY_UNUSED_ static inline patchbay_str patchbay_data(const patchbay_event *event) {
  return patchbay_text_((const char *)event->data, event->data_len);
}

/* The extension attribute `name`; its length is 0 when the event has none. (call) */
PATCHBAY_UNUSED_ static inline patchbay_str patchbay_extension(const patchbay_event *event, const char *name) {
  for (uint64_t i = 0; i < event->ext_count; i++)
    if (patchbay_is(event->ext[i].key, name)) return event->ext[i].value;
  return patchbay_text_(NULL, 0);
}

/* ---- Context ---------------------------------------------------------------------------------------------------- */

/* What a handler is called with beside its event. Valid until the handler returns; an asynchronous handler copies it
 * (by value: everything that it points to lives as long as the instance). Services that the host lacks are NULL. */
typedef struct patchbay_context {
  const patchbay_host *host;
  patchbay_call call;
  void *state; /* what the create function of PATCHBAY_HANDLER_WITH made */
  const patchbay_logger *logger;
  const patchbay_trace *trace;
  const patchbay_meter *meter;
  const patchbay_emit *emit;
  const patchbay_state *store;
  const patchbay_timer *timer;
  const patchbay_stream *stream;
  const patchbay_http *http;
  const patchbay_mail *mail;
} patchbay_context;

/* ---- Results ---------------------------------------------------------------------------------------------------- */

PATCHBAY_UNUSED_ static inline patchbay_result patchbay_outcome(int32_t outcome, patchbay_str reason) {
  patchbay_result result;
  memset(&result, 0, sizeof result);
  result.size = sizeof result;
  result.outcome = outcome;
  result.reason = reason;
  return result;
}

PATCHBAY_UNUSED_ static inline patchbay_result patchbay_done(void) {
  return patchbay_outcome(PATCHBAY_DONE, patchbay_text_(NULL, 0));
}

/* Done, with an answer for whoever waits. Borrows both until the completion. */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_reply(patchbay_str reply, const char *content_type) {
  patchbay_result result = patchbay_done();
  result.reply = reply;
  result.reply_content_type = patchbay_text(content_type);
  return result;
}

/* Try again when the route's policy says so. */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_retry(const char *reason) {
  return patchbay_outcome(PATCHBAY_RETRY, patchbay_text(reason));
}

/* Try again after `nanoseconds`; 1: at once. */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_retry_after(uint64_t nanoseconds, const char *reason) {
  patchbay_result result = patchbay_retry(reason);
  result.retry_after_ns = nanoseconds;
  return result;
}

/* No attempt will ever succeed. */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_fail(const char *reason) {
  return patchbay_outcome(PATCHBAY_FAIL, patchbay_text(reason));
}

/* The event itself is bad: as patchbay_fail, and not counted by the circuit breaker. */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_reject(const char *reason) {
  patchbay_result result = patchbay_fail(reason);
  result.flags = PATCHBAY_R_SPARE_BREAKER;
  return result;
}

PATCHBAY_UNUSED_ static inline patchbay_result patchbay_skip(void) {
  return patchbay_outcome(PATCHBAY_SKIP, patchbay_text_(NULL, 0));
}

PATCHBAY_UNUSED_ static inline patchbay_result patchbay_busy(const char *reason) {
  return patchbay_outcome(PATCHBAY_BUSY, patchbay_text(reason));
}

/* No outcome of the ABI's: what patchbay_pending() says to patchbay_run_. */
#define PATCHBAY_PENDING_OUTCOME_ (-1)

/* Returned by a handler that completes the call later, or has done so already, with patchbay_complete(). */
PATCHBAY_UNUSED_ static inline patchbay_result patchbay_pending(void) {
  return patchbay_outcome(PATCHBAY_PENDING_OUTCOME_, patchbay_text_(NULL, 0));
}

/* Completes a pending call, from any thread. PATCHBAY_E_STALE: it is over already. */
PATCHBAY_UNUSED_ static inline patchbay_status patchbay_complete(const patchbay_context *context,
                                                                 patchbay_result result) {
  return context->host->complete(context->host, context->call, &result);
}

/* Nonzero (PATCHBAY_CANCEL_*) when the handler should finish. */
PATCHBAY_UNUSED_ static inline int32_t patchbay_cancelled(const patchbay_context *context) {
  return context->host->cancelled(context->host, context->call);
}

/* ---- Services --------------------------------------------------------------------------------------------------- */

/* Logs `message` with one field, `detail`; an empty detail is left out. */
PATCHBAY_UNUSED_ static inline void patchbay_log(const patchbay_context *context, int32_t level, const char *message,
                                                 patchbay_str detail) {
  patchbay_kv field;
  if (!context->logger || !context->logger->enabled(context->host, level)) return;
  field.key = PATCHBAY_STR("detail");
  field.value = detail;
  context->logger->write(context->host, context->call, level, patchbay_text(message), &field, detail.len ? 1 : 0);
}

/* Emits an event with JSON data once the call is done. */
PATCHBAY_UNUSED_ static inline patchbay_status patchbay_emit_json(const patchbay_context *context, const char *type,
                                                                  patchbay_str subject, patchbay_str json) {
  patchbay_draft draft;
  if (!context->emit) return PATCHBAY_E_UNSUPPORTED;
  memset(&draft, 0, sizeof draft);
  draft.size = sizeof draft;
  draft.type = patchbay_text(type);
  draft.subject = subject;
  draft.datacontenttype = PATCHBAY_STR("application/json");
  draft.data = (const uint8_t *)json.ptr;
  draft.data_len = json.len;
  return context->emit->add(context->host, context->call, &draft);
}

/* Opens a span below the call's own; pass the result to patchbay_span_end. */
PATCHBAY_UNUSED_ static inline patchbay_span patchbay_span_begin(const patchbay_context *context, const char *name) {
  return context->trace ? context->trace->begin(context->host, context->call, 0, patchbay_text(name)) : 0;
}

PATCHBAY_UNUSED_ static inline void patchbay_span_end(const patchbay_context *context, patchbay_span span, int ok) {
  if (context->trace && span) context->trace->end(context->host, span, ok);
}

/* ---- Handlers --------------------------------------------------------------------------------------------------- */

/* An instance as this header makes it: the context of its calls, but for the call. */
typedef struct patchbay_instance_ {
  patchbay_context context;
} patchbay_instance_;

PATCHBAY_UNUSED_ static inline patchbay_status patchbay_instance_new_(const patchbay_host *host, void *state,
                                                                     patchbay_inst **out) {
  patchbay_instance_ *instance = (patchbay_instance_ *)calloc(1, sizeof *instance);
  patchbay_context *context;
  if (!instance) return PATCHBAY_E_NOMEM;
  context = &instance->context;
  context->host = host;
  context->state = state;
  context->logger = (const patchbay_logger *)host->service(host, PATCHBAY_STR(PATCHBAY_LOGGER));
  context->trace = (const patchbay_trace *)host->service(host, PATCHBAY_STR(PATCHBAY_TRACE));
  context->meter = (const patchbay_meter *)host->service(host, PATCHBAY_STR(PATCHBAY_METER));
  context->emit = (const patchbay_emit *)host->service(host, PATCHBAY_STR(PATCHBAY_EMIT));
  context->store = (const patchbay_state *)host->service(host, PATCHBAY_STR(PATCHBAY_STATE));
  context->timer = (const patchbay_timer *)host->service(host, PATCHBAY_STR(PATCHBAY_TIMER));
  context->stream = (const patchbay_stream *)host->service(host, PATCHBAY_STR(PATCHBAY_STREAM));
  context->http = (const patchbay_http *)host->service(host, PATCHBAY_STR(PATCHBAY_HTTP));
  context->mail = (const patchbay_mail *)host->service(host, PATCHBAY_STR(PATCHBAY_MAIL));
  *out = (patchbay_inst *)instance;
  return PATCHBAY_OK;
}

/* The context of one of an instance's calls, for functions of the ABI that get the instance itself; 0: of none. */
PATCHBAY_UNUSED_ static inline patchbay_context patchbay_context_of(patchbay_inst *inst, patchbay_call call) {
  patchbay_context context = ((patchbay_instance_ *)inst)->context;
  context.call = call;
  return context;
}

/* Always inlined, so that the body is known where it is called: a result that comes back through memory costs more than
 * the rest of a call. */
PATCHBAY_UNUSED_ __attribute__((always_inline)) static inline patchbay_status patchbay_run_(
    patchbay_result (*body)(const patchbay_context *, const patchbay_event *), patchbay_inst *inst, patchbay_call call,
    const patchbay_event *event) {
  patchbay_context context = patchbay_context_of(inst, call);
  patchbay_result result;
  patchbay_status status;
#ifdef __cpp_exceptions /* none may cross into the host */
  try {
    result = body(&context, event);
  } catch (...) {
    context.host->set_error(context.host, PATCHBAY_STR("exception: the handler threw"));
    return PATCHBAY_E_INTERNAL;
  }
#else
  result = body(&context, event);
#endif
  if (result.size == 0) result = patchbay_retry("internal: the handler returned a zeroed result");
  if (result.outcome == PATCHBAY_PENDING_OUTCOME_) return PATCHBAY_PENDING;
  status = context.host->complete(context.host, call, &result);
  if (status >= 0 || status == PATCHBAY_E_STALE) return PATCHBAY_OK;
  context.host->set_error(context.host, PATCHBAY_STR("internal: the host refused the handler's result"));
  return status;
}

/* Defines the handler `name`, without state or configuration. The braces that follow are its body: they see
 * `const patchbay_context *context` and `const patchbay_event *event`, and return a patchbay_result. */
#define PATCHBAY_HANDLER(name) \
  PATCHBAY_HANDLER_(name) \
  static patchbay_status name##_create_(const patchbay_host *host, patchbay_str config, patchbay_inst **out) { \
    (void)config; \
    return patchbay_instance_new_(host, NULL, out); \
  } \
  static void name##_destroy_(patchbay_inst *inst) { free(inst); } \
  PATCHBAY_HANDLER_TABLE_(name, NULL, NULL, NULL, NULL)

/* The same with state. `make` is patchbay_status (const patchbay_host *host, patchbay_str config_json, void **state):
 * reads the configuration, a JSON object that its schema has approved; a negative status refuses it, explained by
 * host->set_error. `unmake` is void (void *state). The body finds the state in context->state; it is shared by
 * calls on several threads unless the manifest says `"concurrency": 1`. */
#define PATCHBAY_HANDLER_WITH(name, make, unmake) \
  PATCHBAY_HANDLER_FULL(name, make, unmake, NULL, NULL, NULL, NULL)

/* The same with the optional functions of the ABI, or NULL: handle_batch, cancel, reconfigure, drain. They are declared
 * before, and get at their context and state with patchbay_context_of(). */
#define PATCHBAY_HANDLER_FULL(name, make, unmake, batch, cancel, reconfigure, drain) \
  PATCHBAY_HANDLER_(name) \
  static patchbay_status name##_create_(const patchbay_host *host, patchbay_str config, patchbay_inst **out) { \
    void *state = NULL; \
    patchbay_status status = make(host, config, &state); \
    if (status < 0) return status; \
    status = patchbay_instance_new_(host, state, out); \
    if (status < 0) unmake(state); \
    return status; \
  } \
  static void name##_destroy_(patchbay_inst *inst) { \
    unmake(((patchbay_instance_ *)inst)->context.state); \
    free(inst); \
  } \
  PATCHBAY_HANDLER_TABLE_(name, batch, cancel, reconfigure, drain)

#define PATCHBAY_HANDLER_(name) \
  static patchbay_result name##_body_(const patchbay_context *context, const patchbay_event *event); \
  static patchbay_status name##_handle_(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) { \
    return patchbay_run_(name##_body_, inst, call, event); \
  }

#define PATCHBAY_HANDLER_TABLE_(name, batch, cancel, reconfigure, drain) \
  static const patchbay_handler name##_handler = { \
    sizeof(patchbay_handler), 0, {#name, sizeof(#name) - 1}, name##_create_, name##_handle_, \
    batch, cancel, reconfigure, drain, name##_destroy_}; \
  static patchbay_result name##_body_(PATCHBAY_UNUSED_ const patchbay_context *context, \
                                      PATCHBAY_UNUSED_ const patchbay_event *event)

/* ---- Module ----------------------------------------------------------------------------------------------------- */

#ifdef __cplusplus
#define PATCHBAY_RUNTIME_ "cpp"
#define PATCHBAY_EXTERN_ extern "C"
#else
#define PATCHBAY_RUNTIME_ "c"
#define PATCHBAY_EXTERN_
#endif

/* The module: its handlers, up to sixteen, and the members of its manifest as plain JSON. Once, at the end of the file.
 * For each name in `handlers` there is a `static const patchbay_handler <name>_handler`: PATCHBAY_HANDLER makes one.
 * Ids with a '-' need a table that is written by hand. */
#define PATCHBAY_MODULE(handlers, ...) \
  PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"runtime\": \"" PATCHBAY_RUNTIME_ \
                    "\", \"runtimeVersion\": \"\", \"linkage\": \"shared\", " #__VA_ARGS__ "}"); \
  static const patchbay_handler *const patchbay_handlers_[] = {PATCHBAY_EACH_ handlers}; \
  static const patchbay_module patchbay_module_ = { \
    sizeof(patchbay_module), PATCHBAY_ABI_MINOR, PATCHBAY_UNLOAD_NEVER, 0, patchbay_handlers_, \
    sizeof patchbay_handlers_ / sizeof patchbay_handlers_[0], NULL, NULL}; \
  PATCHBAY_EXTERN_ PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, \
                                                                      const patchbay_module **out) { \
    (void)host; \
    *out = &patchbay_module_; \
    return PATCHBAY_OK; \
  }

#define PATCHBAY_EACH_(...) \
  PATCHBAY_PICK_(__VA_ARGS__, PATCHBAY_16_, PATCHBAY_15_, PATCHBAY_14_, PATCHBAY_13_, PATCHBAY_12_, PATCHBAY_11_, \
                 PATCHBAY_10_, PATCHBAY_9_, PATCHBAY_8_, PATCHBAY_7_, PATCHBAY_6_, PATCHBAY_5_, PATCHBAY_4_, \
                 PATCHBAY_3_, PATCHBAY_2_, PATCHBAY_1_, )(__VA_ARGS__)
#define PATCHBAY_PICK_(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, macro, ...) macro
#define PATCHBAY_1_(a) &a##_handler
#define PATCHBAY_2_(a, ...) &a##_handler, PATCHBAY_1_(__VA_ARGS__)
#define PATCHBAY_3_(a, ...) &a##_handler, PATCHBAY_2_(__VA_ARGS__)
#define PATCHBAY_4_(a, ...) &a##_handler, PATCHBAY_3_(__VA_ARGS__)
#define PATCHBAY_5_(a, ...) &a##_handler, PATCHBAY_4_(__VA_ARGS__)
#define PATCHBAY_6_(a, ...) &a##_handler, PATCHBAY_5_(__VA_ARGS__)
#define PATCHBAY_7_(a, ...) &a##_handler, PATCHBAY_6_(__VA_ARGS__)
#define PATCHBAY_8_(a, ...) &a##_handler, PATCHBAY_7_(__VA_ARGS__)
#define PATCHBAY_9_(a, ...) &a##_handler, PATCHBAY_8_(__VA_ARGS__)
#define PATCHBAY_10_(a, ...) &a##_handler, PATCHBAY_9_(__VA_ARGS__)
#define PATCHBAY_11_(a, ...) &a##_handler, PATCHBAY_10_(__VA_ARGS__)
#define PATCHBAY_12_(a, ...) &a##_handler, PATCHBAY_11_(__VA_ARGS__)
#define PATCHBAY_13_(a, ...) &a##_handler, PATCHBAY_12_(__VA_ARGS__)
#define PATCHBAY_14_(a, ...) &a##_handler, PATCHBAY_13_(__VA_ARGS__)
#define PATCHBAY_15_(a, ...) &a##_handler, PATCHBAY_14_(__VA_ARGS__)
#define PATCHBAY_16_(a, ...) &a##_handler, PATCHBAY_15_(__VA_ARGS__)

#endif
