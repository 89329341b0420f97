/* The module of swap.py, which gives each copy a version of its own. Each instance says at its end how many calls it had. */
#include <fcntl.h>
#include <patchbay.h>
#include <patchbay/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION "1.0.10000"

PATCHBAY_MANIFEST("{\"abi\": {\"major\": 1, \"minor\": 0}, \"name\": \"shop\", \"version\": \"" VERSION "\", "
                  "\"runtime\": \"c\", \"handlers\": [{\"id\": \"charge\", \"blocking\": false, \"config\": {}}]}");

static const char version[] = "version " VERSION;

typedef struct {
  char path[512];
  atomic_ullong calls;
} shop;

static patchbay_status create(const patchbay_host *host, patchbay_str config, patchbay_inst **out) {
  shop *made = calloc(1, sizeof *made);
  (void)host;
  if (!made) return PATCHBAY_E_NOMEM;
  patchbay_json_string(config, "path", made->path, sizeof made->path);
  *out = (patchbay_inst *)made;
  return PATCHBAY_OK;
}

static patchbay_status handle(patchbay_inst *inst, patchbay_call call, const patchbay_event *event) {
  (void)call;
  (void)event;
  atomic_fetch_add_explicit(&((shop *)inst)->calls, 1, memory_order_relaxed);
  return PATCHBAY_OK;
}

static void destroy(patchbay_inst *inst) {
  shop *gone = (shop *)inst;
  char line[128];
  int length = snprintf(line, sizeof line, "%s %llu\n", version, atomic_load(&gone->calls));
  int file = open(gone->path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file >= 0) {
    if (write(file, line, (size_t)length) < 0) perror("write");
    close(file);
  }
  free(gone);
}

static const patchbay_handler handler = {
  .size = sizeof(patchbay_handler), .id = {"charge", 6}, .create = create, .handle = handle, .destroy = destroy};
static const patchbay_handler *const handlers[] = {&handler};
static const patchbay_module module = {
  .size = sizeof(patchbay_module), .handlers = handlers, .handler_count = 1};

PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *host, const patchbay_module **out) {
  (void)host;
  *out = &module;
  return PATCHBAY_OK;
}
