/* Correct: subscribes while its handlers are created. The second one refuses to start after that. */
#include "fixture.h"
#include "patchbay/draft/stream.h"

PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"subscribes\", \"version\": \"1.0.0\", "
                  "\"runtime\": \"c\", \"handlers\": [{\"id\": \"count\"}, {\"id\": \"fails\"}]}");

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  const patchbay_stream *stream = host->service(host, STR(PATCHBAY_STREAM));
  patchbay_status status = fixture_create(host, config, out);
  return status < 0 ? status : stream->subscribe(host, 0, STR("all"), STR("account"), NULL);
}

static patchbay_status create_and_fail(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  patchbay_status status = create(host, config, out);
  return status < 0 ? status : PATCHBAY_E_INTERNAL;
}

static const patchbay_handler count = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .destroy = fixture_destroy};
static const patchbay_handler fails = {
  .size = sizeof(patchbay_handler), .id = {"fails", 5}, .create = create_and_fail, .handle = fixture_handle,
  .destroy = fixture_destroy};
static const patchbay_handler *const handlers[] = {&count, &fails};
static const patchbay_module module = {.size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 2};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)host;
  *out = &module;
  return PATCHBAY_OK;
}
