/* Nothing wrong: one handler with a schema, drain, reconfigure and a component; counts its control calls. */
#include "fixture.h"

PATCHBAY_MANIFEST(
  "{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"good\", \"version\": \"1.2.3\", \"runtime\": \"c\", "
  "\"description\": \"A correct module\", \"x-unknown\": [1, 2], \"requires\": [\"patchbay.logger/1\"], "
  "\"capabilities\": {\"network\": [\"example.com\"], \"files\": []}, "
  "\"handlers\": [{\"id\": \"count\", \"accepts\": [\"com.acme.*\"], \"concurrency\": 4, \"blocking\": false, "
  "\"config\": {\"type\": \"object\", \"additionalProperties\": false, \"properties\": "
  "{\"step\": {\"type\": \"integer\", \"default\": 7}}}}]}");

static char config_seen[256];
static char order_seen[128];

static void note(const char *what) { strncat(order_seen, what, sizeof order_seen - strlen(order_seen) - 1); }

static void keep(patchbay_str config) {
  size_t length = config.len < sizeof config_seen - 1 ? config.len : sizeof config_seen - 1;
  memcpy(config_seen, config.ptr, length);
  config_seen[length] = 0;
}

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  note("create ");
  keep(config);
  return fixture_create(host, config, out);
}

static patchbay_status reconfigure(patchbay_inst *inst, patchbay_str config) {
  (void)inst;
  note("reconfigure ");
  keep(config);
  return PATCHBAY_OK;
}

static patchbay_status drain(patchbay_inst *inst, uint64_t deadline_ns) {
  (void)inst;
  (void)deadline_ns;
  note("drain ");
  return PATCHBAY_OK;
}

static void destroy(patchbay_inst *inst) {
  (void)inst;
  note("destroy ");
}

static void shut_down(void) { note("shutdown "); }

/* What the test reads back. */
static const void *component(patchbay_str kind) {
  if (kind.len == 6 && memcmp(kind.ptr, "config", 6) == 0) return config_seen;
  if (kind.len == 5 && memcmp(kind.ptr, "order", 5) == 0) return order_seen;
  return NULL;
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"count", 5}, .create = create, .handle = fixture_handle,
  .reconfigure = reconfigure, .drain = drain, .destroy = destroy};
static const patchbay_handler *const handlers[] = {&handler};
static const patchbay_module module = {
  .size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 1, .shutdown = shut_down,
  .component = component};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  *out = &module;
  return host->service(host, STR("patchbay.logger/1")) ? PATCHBAY_OK : PATCHBAY_E_UNSUPPORTED;
}
