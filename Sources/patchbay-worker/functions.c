/* functions.c - the handler that the worker has itself: a plain C function of any library, for `modules.functions`.
 *
 * Its configuration is three texts, each with a zero behind it: signature, library, symbol. An event's data is the
 * function's arguments and its reply what the function gave, both in the bytes of patchbay_ffi.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "patchbay_ffi.h"
#include "worker.h"

struct patchbay_inst {
  const patchbay_host *host;
  pbf_signature *signature;
  pbf_function *function;
};

static void free_instance(patchbay_inst *instance) {
  if (instance->function) pbf_function_free(instance->function);
  if (instance->signature) pbf_signature_free(instance->signature);
  free(instance);
}

/* The host tells from the first word what of the configuration is wrong. */
static patchbay_status refuse(const patchbay_host *host, const pbf_error *error) {
  const char *part = error->code == PBF_LIBRARY  ? "library"
                     : error->code == PBF_SYMBOL ? "symbol"
                                                 : "signature";
  char text[sizeof error->message + 16];
  int length = snprintf(text, sizeof text, "%s: %s", part, error->message);
  host->set_error(host, (patchbay_str){text, length < (int)sizeof text ? (uint64_t)length : sizeof text - 1});
  return PATCHBAY_E_ARG;
}

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  const char *texts[3];
  const char *at = config.ptr, *end = at + config.len;
  for (int i = 0; i < 3; i++) {
    const char *zero = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
    if (!zero) return PATCHBAY_E_ARG;
    texts[i] = at;
    at = zero + 1;
  }
  patchbay_inst *instance = calloc(1, sizeof *instance);
  if (!instance) return PATCHBAY_E_NOMEM;
  instance->host = host;
  pbf_error error = {0};
  instance->signature = pbf_parse(texts[0], &error);
  if (instance->signature) instance->function = pbf_bind(instance->signature, texts[1], texts[2], &error);
  if (!instance->function) {
    free_instance(instance);
    return refuse(host, &error);
  }
  *out = instance;
  return PATCHBAY_OK;
}

static patchbay_status handle(patchbay_inst *instance, patchbay_call call, const patchbay_event *event) {
  uint64_t length = 0;
  uint8_t *given = pbf_call(instance->function, event->data, event->data_len, &length);
  patchbay_result result = {.size = sizeof result, .outcome = given ? PATCHBAY_DONE : PATCHBAY_RETRY};
  if (given)
    result.reply = (patchbay_str){(const char *)given, length};
  else
    result.reason = (patchbay_str){"function: no memory for the call", 32};
  patchbay_status status = instance->host->complete(instance->host, call, &result);
  free(given);
  return status < 0 ? status : PATCHBAY_PENDING;
}

static const patchbay_handler function = {
  .size = sizeof function,
  .id = {"function", 8},
  .create = create,
  .handle = handle,
  .destroy = free_instance,
};
static const patchbay_handler *const handlers[] = {&function};

const patchbay_module worker_functions = {.size = sizeof worker_functions, .handler_count = 1, .handlers = handlers};
