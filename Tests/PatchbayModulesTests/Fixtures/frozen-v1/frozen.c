/* A module of ABI 1.0 as its author built it once: frozen.so beside this file. It is never built again, because it is
 * what a host of today has to load without its author's help. It was made, with gcc 12 on Debian 12, by
 *
 *   cc -std=c11 -Os -s -shared -fPIC -fvisibility=hidden -Wl,--hash-style=gnu,--build-id=none,-z,noseparate-code
 *      -I<the header of 1.0> frozen.c -o frozen.so
 *
 * It uses everything that is frozen: all functions of a handler and of a module, and the services logger, trace and
 * meter. What it was told it says again through component("seen"). */
#include "patchbay.h"

#include <stdio.h>
#include <string.h>

#define STR(text) ((patchbay_str){text, sizeof(text) - 1})
#define ARGS(text) (int)(text).len, (text).ptr

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"frozen\", \"version\": \"1.0.0\", \"runtime\": \"c\", "
  "\"requires\": [\"patchbay.logger/1\", \"patchbay.trace/1\", \"patchbay.meter/1\"], "
  "\"handlers\": [{\"id\": \"count\", \"accepts\": [\"com.acme.*\"], \"concurrency\": 2, \"blocking\": false, "
  "\"batch\": {\"max\": 8}, \"config\": {\"type\": \"object\", \"additionalProperties\": false, "
  "\"properties\": {\"step\": {\"type\": \"integer\", \"default\": 7}}}}]}");

static char seen[1024];

static void note(const char *what, patchbay_str detail) {
  size_t length = strlen(seen);
  snprintf(seen + length, sizeof seen - length, "%s(%.*s) ", what, ARGS(detail));
}

/* The one instance. */
struct patchbay_inst {
  const patchbay_host *host;
  const patchbay_logger *logger;
  const patchbay_trace *trace;
  const patchbay_meter *meter;
  uint32_t counter;
};
static struct patchbay_inst instance;

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  note("create", config);
  instance.host = host;
  instance.logger = host->service(host, STR(PATCHBAY_LOGGER));
  instance.trace = host->service(host, STR(PATCHBAY_TRACE));
  instance.meter = host->service(host, STR(PATCHBAY_METER));
  if (!instance.logger || !instance.trace || !instance.meter) {
    host->set_error(host, STR("a service of ABI 1.0 is missing"));
    return PATCHBAY_E_UNSUPPORTED;
  }
  patchbay_status declared = instance.meter->declare(host, PATCHBAY_METER_COUNTER, STR("frozen.seen"), STR("{event}"),
                                                     STR("events seen"), &instance.counter);
  if (declared != PATCHBAY_OK) return declared;
  *out = &instance;
  return PATCHBAY_OK;
}

/* Says in its reply what it was shown; an event about "refused" is a permanent failure, "later" a negative status. */
static patchbay_status handle(patchbay_inst *self, patchbay_call call, const patchbay_event *event) {
  const patchbay_host *host = self->host;
  const patchbay_kv type = {STR("type"), event->type};
  self->meter->record(host, self->counter, 1, &type, 1);

  patchbay_span span = self->trace->begin(host, call, 0, STR("work"));
  self->trace->attr(host, span, STR("attempt"), STR("1"));
  self->trace->event(host, span, STR("seen"), &type, 1);
  char traceparent[64];
  uint64_t injected = self->trace->inject(host, span, traceparent, sizeof traceparent);
  self->trace->end(host, span, 1);

  if (self->logger->enabled(host, PATCHBAY_LOG_INFO))
    self->logger->write(host, call, PATCHBAY_LOG_INFO, STR("seen"), &type, 1);

  if (event->subject.len == 5 && memcmp(event->subject.ptr, "later", 5) == 0) {
    host->set_error(host, STR("not_now: come again"));
    return PATCHBAY_E_INTERNAL;
  }
  patchbay_result result = {.size = sizeof result, .outcome = PATCHBAY_DONE};
  char reply[512];
  int length = snprintf(reply, sizeof reply, "%.*s|%.*s|%.*s|%.*s|%u|%d|%llu", ARGS(event->id), ARGS(event->source),
                        ARGS(event->type), ARGS(event->subject), (unsigned)event->attempt,
                        (int)host->cancelled(host, call), (unsigned long long)injected);
  result.reply = (patchbay_str){reply, (uint64_t)length};
  result.reply_content_type = STR("text/plain");
  if (event->subject.len == 7 && memcmp(event->subject.ptr, "refused", 7) == 0) {
    result.outcome = PATCHBAY_FAIL;
    result.flags = PATCHBAY_R_SPARE_BREAKER;
    result.code = 51;
    result.reason = STR("refused: by its subject");
    result.detail_json = STR("{\"why\":\"refused\"}");
  }
  patchbay_status completed = host->complete(host, call, &result);
  note("again", host->complete(host, call, NULL) == PATCHBAY_E_STALE ? STR("stale") : STR("taken"));
  return completed;
}

static patchbay_status handle_batch(patchbay_inst *self, uint64_t n, const patchbay_call *calls,
                                    const patchbay_event *const *events) {
  patchbay_result later = {.size = sizeof later, .outcome = PATCHBAY_RETRY, .retry_after_ns = 5000000};
  for (uint64_t i = 0; i < n; i++) {
    note("batch", events[i]->id);
    if (i == 0) self->host->complete(self->host, calls[i], &later);
  }
  return PATCHBAY_OK; /* the rest is done */
}

static void cancel(patchbay_inst *self, patchbay_call call, int32_t why) {
  (void)self;
  (void)call;
  note("cancel", why == PATCHBAY_CANCEL_TIMEOUT ? STR("timeout") : STR("other"));
}

static patchbay_status reconfigure(patchbay_inst *self, patchbay_str config) {
  (void)self;
  note("reconfigure", config);
  return PATCHBAY_OK;
}

static patchbay_status drain(patchbay_inst *self, uint64_t deadline_ns) {
  (void)self;
  (void)deadline_ns;
  note("drain", STR(""));
  return PATCHBAY_OK;
}

static void destroy(patchbay_inst *self) {
  (void)self;
  note("destroy", STR(""));
}

static void shut_down(void) { note("shutdown", STR("")); }

static const void *component(patchbay_str kind) {
  return kind.len == 4 && memcmp(kind.ptr, "seen", 4) == 0 ? seen : NULL;
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = handle,
  .handle_batch = handle_batch, .cancel = cancel, .reconfigure = reconfigure, .drain = drain, .destroy = destroy};
static const patchbay_handler *const handlers[] = {&handler};
static const patchbay_module module = {
  .size = sizeof(patchbay_module), .abi_minor = PATCHBAY_ABI_MINOR, .handlers = handlers, .handler_count = 1,
  .shutdown = shut_down, .component = component};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  if (host->size < sizeof(patchbay_host)) return PATCHBAY_E_ARG;
  *out = &module;
  return PATCHBAY_OK;
}
