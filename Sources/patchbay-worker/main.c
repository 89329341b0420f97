/* patchbay-worker - the process that runs one isolated module.
 *
 * Started by a Patchbay host, which shares memory with it (descriptor 3) and listens to its bell (4). The main thread
 * takes messages from channel 0; each further channel has a thread of its own that runs calls. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker.h"

enum { HANDLERS_MAX = 256, PROBLEM_BYTES = 400 };

static void *memory;
static pbi_client *client;
static worker_limits limits;
static const patchbay_module *module;

static client_instance instances[HANDLERS_MAX];

static patchbay_status refuse(patchbay_status status, const char *what, const char *why) {
  char text[PROBLEM_BYTES];
  int length = snprintf(text, sizeof text, "%s%s%s", what, why ? ": " : "", why ? why : "");
  const patchbay_host *host = pbi_client_entry_host(client);
  if (host) host->set_error(host, (patchbay_str){text, length < PROBLEM_BYTES ? (uint64_t)length : PROBLEM_BYTES - 1});
  return status;
}

static void allow_cpu(void) { worker_allow_cpu(limits.cpu_ns); }
static void *obey_host(void *context);

/* ---- What the host asks of the main thread --------------------------------------------------------------------- */

static patchbay_status load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return refuse(PATCHBAY_E_INTERNAL, "cannot be loaded", dlerror());
  patchbay_module_v1_fn entry = (patchbay_module_v1_fn)dlsym(library, "patchbay_module_v1");
  if (!entry) return refuse(PATCHBAY_E_INTERNAL, "does not export patchbay_module_v1", NULL);
  const patchbay_host *host = pbi_client_entry_host(client);
  if (!host) return PATCHBAY_E_NOMEM;
  patchbay_status status = entry(host, &module);
  if (status < 0) return status;
  if (!module || module->size < offsetof(patchbay_module, component))
    return refuse(PATCHBAY_E_INTERNAL, "its entry gave no patchbay_module", NULL);
  return PATCHBAY_OK;
}

static patchbay_status start(wire_in *in) {
  char path[4096];
  patchbay_str given = wire_str(in); /* empty: the worker's own */
  if (given.len >= sizeof path) return refuse(PATCHBAY_E_ARG, "the module's path is too long", NULL);
  if (given.len) memcpy(path, given.ptr, given.len);
  path[given.len] = 0;
  limits.memory_bytes = wire_u64(in);
  limits.open_files = wire_u64(in);
  limits.threads = wire_u64(in);
  limits.cpu_ns = wire_u64(in);
  limits.is_confined = wire_u64(in) != 0;
  char problem[PROBLEM_BYTES];
  int32_t restricted = worker_restrict(&limits, in, problem, sizeof problem);
  if (restricted < 0) return refuse(PATCHBAY_E_UNSUPPORTED, problem, NULL);
  worker_limit_threads(limits.threads);
  if (limits.cpu_ns) client->before_call = allow_cpu;
  /* Answers and cancellations come while this thread is in a function of the module. */
  int error = worker_thread(obey_host, (void *)(uintptr_t)PBI_ERRAND_CHANNEL);
  if (error) return refuse(PATCHBAY_E_NOMEM, "no thread for answers", strerror(error));
  if (!path[0]) {
    module = &worker_functions;
    return restricted;
  }
  patchbay_status status = load(path);
  return status < 0 ? status : restricted;
}

static const patchbay_handler *functions_of(patchbay_str id) {
  for (uint64_t i = 0; module && i < module->handler_count; i++) {
    const patchbay_handler *handler = module->handlers[i];
    if (handler && handler->size >= offsetof(patchbay_handler, destroy) + sizeof handler->destroy &&
        handler->id.len == id.len && memcmp(handler->id.ptr, id.ptr, id.len) == 0)
      return handler->create && handler->handle && handler->destroy ? handler : NULL;
  }
  return NULL;
}

static patchbay_status create(wire_in *in) {
  uint64_t index = wire_u64(in);
  patchbay_str id = wire_str(in), config = wire_str(in);
  const patchbay_handler *functions = functions_of(id);
  if (index >= HANDLERS_MAX || !functions)
    return refuse(PATCHBAY_E_NOT_FOUND, "its code does not offer this handler, or not all functions of it", NULL);
  const patchbay_host *host = pbi_client_host(client, (uint32_t)index);
  if (!host) return PATCHBAY_E_NOMEM;
  patchbay_inst *made = NULL;
  patchbay_status status = functions->create(host, config, &made);
  if (status >= 0) instances[index] = (client_instance){functions, made};
  return status;
}

static client_instance *instance_of(wire_in *in) {
  uint64_t index = wire_u64(in);
  return index < HANDLERS_MAX && instances[index].functions ? &instances[index] : NULL;
}

static patchbay_status reconfigure(wire_in *in) {
  client_instance *instance = instance_of(in);
  if (!instance) return PATCHBAY_E_NOT_FOUND;
  if (!instance->functions->reconfigure) return PATCHBAY_E_UNSUPPORTED;
  return instance->functions->reconfigure(instance->instance, wire_str(in));
}

static patchbay_status cancel(wire_in *in) {
  client_instance *instance = instance_of(in);
  patchbay_call call = wire_u64(in);
  int32_t why = (int32_t)wire_u64(in);
  if (instance && instance->functions->cancel && client_is_open(client, call))
    instance->functions->cancel(instance->instance, call, why);
  return PATCHBAY_OK;
}

static patchbay_status drain(wire_in *in) {
  client_instance *instance = instance_of(in);
  uint64_t deadline = wire_u64(in);
  if (!instance || !instance->functions->drain) return PATCHBAY_OK;
  return instance->functions->drain(instance->instance, deadline);
}

static patchbay_status destroy(wire_in *in) {
  client_instance *instance = instance_of(in);
  if (!instance) return PATCHBAY_OK;
  instance->functions->destroy(instance->instance);
  *instance = (client_instance){0};
  return PATCHBAY_OK;
}

/* ---- Channels -------------------------------------------------------------------------------------------------- */

static void give_back(uint32_t index, patchbay_status status) {
  char message[512];
  uint64_t length = client_take_error(message, sizeof message);
  wire_out out = {pbi_buffer_of(memory, index), PBI_BUFFER_BYTES, 0, 0};
  wire_put_u64(&out, (uint64_t)(int64_t)status);
  wire_put_bytes(&out, message, status < 0 ? length : 0);
  pbi_channel *channel = pbi_channel_of(memory, index);
  channel->kind = PBI_RETURN;
  channel->length = out.length;
  pbi_hand_over(channel, PBI_TURN_HOST);
}

static void *run_calls(void *context) {
  uint32_t index = (uint32_t)(uintptr_t)context;
  client_own_channel(index);
  worker_crash_stack();
  char name[16];
  snprintf(name, sizeof name, "pb-calls-%u", index);
  pthread_setname_np(pthread_self(), name);
  pbi_channel *channel = pbi_channel_of(memory, index);
  while (1) {
    while (!pbi_wait_turn(channel, PBI_TURN_WORKER, 0)) {
    }
    const uint8_t *at = pbi_buffer_of(memory, index);
    wire_in in = {at, at + channel->length, 0};
    client_instance *instance = instance_of(&in);
    patchbay_status status = PATCHBAY_E_NOT_FOUND;
    if (instance) {
      status = client_run(client, instance, in.at, in.end, channel->kind == PBI_BATCH);
      if (limits.cpu_ns) worker_allow_cpu(0);
    }
    give_back(index, status);
  }
  return NULL;
}

static patchbay_status add_thread(wire_in *in) {
  uint64_t index = wire_u64(in);
  if (index == 0 || index >= PBI_ERRAND_CHANNEL) return PATCHBAY_E_ARG;
  int error = worker_thread(run_calls, (void *)(uintptr_t)index);
  return error ? refuse(PATCHBAY_E_NOMEM, "no thread for calls", strerror(error)) : PATCHBAY_OK;
}

static patchbay_status obey(uint32_t kind, wire_in *in) {
  switch (kind) {
  case PBI_START:
    return start(in);
  case PBI_CREATE:
    return create(in);
  case PBI_RECONFIGURE:
    return reconfigure(in);
  case PBI_THREAD:
    return add_thread(in);
  case PBI_CANCEL:
    return cancel(in);
  case PBI_ANSWERED:
    pbi_client_answered(in->at, (uint64_t)(in->end - in->at));
    return PATCHBAY_OK;
  case PBI_DRAIN:
    return drain(in);
  case PBI_DESTROY:
    return destroy(in);
  default:
    return PATCHBAY_E_UNSUPPORTED;
  }
}

static void end(void) {
  if (module && module->size >= offsetof(patchbay_module, shutdown) + sizeof module->shutdown && module->shutdown)
    module->shutdown();
  worker_expect_end();
  exit(0);
}

static void *obey_host(void *context) {
  uint32_t index = (uint32_t)(uintptr_t)context;
  client_own_channel(index);
  worker_crash_stack();
  pbi_channel *channel = pbi_channel_of(memory, index);
  while (1) {
    while (!pbi_wait_turn(channel, PBI_TURN_WORKER, 0)) {
    }
    if (channel->kind == PBI_END) end();
    /* What is asked of the host meanwhile goes over the same buffer. */
    uint64_t length = channel->length;
    uint8_t *copy = malloc(length ? length : 1);
    patchbay_status status = PATCHBAY_E_NOMEM;
    if (copy) {
      memcpy(copy, pbi_buffer_of(memory, index), length);
      wire_in in = {copy, copy + length, 0};
      status = obey(channel->kind, &in);
    }
    free(copy);
    give_back(index, status);
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count != 3 || strcmp(arguments[1], "--of") != 0) {
    fputs("patchbay-worker runs one isolated module for a Patchbay host, which starts it: see `isolation: process`.\n",
          stderr);
    return 64;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* The host may have ended before that took effect. */
  if (getppid() != atoi(arguments[2])) return 1;
  syscall(SYS_close_range, PBI_BELL_FILE + 1, ~0u, 0);
  memory = mmap(NULL, PBI_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, PBI_MEMORY_FILE, 0);
  if (memory == MAP_FAILED) {
    perror("patchbay-worker: cannot map the host's memory");
    return 1;
  }
  madvise(memory, PBI_MEMORY_BYTES, MADV_DONTDUMP);
  close(PBI_MEMORY_FILE);
  client = pbi_client_new(memory, PBI_BELL_FILE);
  if (!client) {
    fputs("patchbay-worker: the host is of another build\n", stderr);
    return 1;
  }
  worker_watch_crashes(pbi_head_of(memory));
  obey_host((void *)0);
}
