/* fixture.h - a correct module in pieces; each fixture replaces the one piece that it gets wrong. */
#ifndef FIXTURE_H
#define FIXTURE_H
#include "patchbay.h"

#include <string.h>

#define UNUSED __attribute__((unused))
#define STR(text) ((patchbay_str){text, sizeof(text) - 1})

#define MANIFEST_OF(name, handler) \
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"" name "\", \"version\": \"1.0.0\", \"runtime\": \"c\", " \
  "\"handlers\": [{\"id\": \"" handler "\"}]}"

static const patchbay_host *fixture_host;

UNUSED static patchbay_status fixture_create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  (void)config;
  fixture_host = host;
  *out = (patchbay_inst *)&fixture_host;
  return PATCHBAY_OK;
}

UNUSED static patchbay_status fixture_handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)inst;
  (void)event;
  return fixture_host->complete(fixture_host, call, NULL);
}

UNUSED static void fixture_destroy(patchbay_inst *inst) { (void)inst; }

/* One handler `id` with a handle function, and the entry. */
#define FIXTURE(id_text, handle_function) \
  static const patchbay_handler fixture_handler = { \
    .size = sizeof(patchbay_handler), .id = {id_text, sizeof(id_text) - 1}, .create = fixture_create, \
    .handle = handle_function, .destroy = fixture_destroy}; \
  FIXTURE_ENTRY(fixture_handler)

#define FIXTURE_ENTRY(handler) \
  static const patchbay_handler *const fixture_handlers[] = {&handler}; \
  static const patchbay_module fixture_module = { \
    .size = sizeof(patchbay_module), .handlers = fixture_handlers, .handler_count = 1}; \
  PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) { \
    (void)host; \
    *out = &fixture_module; \
    return PATCHBAY_OK; \
  }
#endif
