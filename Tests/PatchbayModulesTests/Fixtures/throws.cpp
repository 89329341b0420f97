/* Fault: an exception leaves handle. */
#include "patchbay.h"

#include <stdexcept>

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"throws\", \"version\": \"1.0.0\", \"runtime\": \"cpp\", "
  "\"handlers\": [{\"id\": \"count\"}]}");

static patchbay_status create(const patchbay_host *, patchbay_str, patchbay_inst **out) {
  *out = nullptr;
  return PATCHBAY_OK;
}

static patchbay_status handle(patchbay_inst *, patchbay_call, const patchbay_event *) {
  throw std::runtime_error("nobody catches this");
}

static void destroy(patchbay_inst *) {}

static const patchbay_handler handler = {
  sizeof(patchbay_handler), 0, {"count", 5}, create, handle, nullptr, nullptr, nullptr, nullptr, destroy};
static const patchbay_handler *const handlers[] = {&handler};
static const patchbay_module module = {
  sizeof(patchbay_module), 0, PATCHBAY_UNLOAD_NEVER, 0, handlers, 1, nullptr, nullptr};

extern "C" PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *, const patchbay_module **out) {
  *out = &module;
  return PATCHBAY_OK;
}
