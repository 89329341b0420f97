/* What runs in the signal handler keeps to what is safe there: its own memory, open, write, mkdir and raise. */
#define _GNU_SOURCE
#include "patchbay_crash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static _Thread_local pbs_crash_site own_site;
static _Thread_local pbs_crash_site *used_site;

pbs_crash_site *pbs_crash_here(void) { return used_site ? used_site : &own_site; }
void pbs_crash_use(pbs_crash_site *site) { used_site = site; }

/* ---- Modules ---------------------------------------------------------------------------------------------------- */

/* In the order of loading; never freed, and appended with one store, so that the handler of a signal may read it. */
static struct module {
  const pbs_crash_owner *owner;
  uintptr_t low, high;
  _Atomic(struct module *) next;
} *_Atomic modules;

struct search {
  uintptr_t base;
  struct module *found;
};

static int measure(struct dl_phdr_info *info, size_t size, void *context) {
  (void)size;
  struct search *search = context;
  if (info->dlpi_addr != search->base) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    uintptr_t low = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr, high = low + info->dlpi_phdr[i].p_memsz;
    if (!search->found->high || low < search->found->low) search->found->low = low;
    if (high > search->found->high) search->found->high = high;
  }
  return 1;
}

void pbs_crash_module(void *library, const pbs_crash_owner *owner) {
  static atomic_flag busy = ATOMIC_FLAG_INIT;
  static struct module *_Atomic *end = &modules;
  struct module *module = calloc(1, sizeof *module);
  struct link_map *map = NULL;
  if (!module) return;
  module->owner = owner;
  if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map) {
    struct search search = {map->l_addr, module};
    dl_iterate_phdr(measure, &search);
  }
  while (atomic_flag_test_and_set(&busy)) {
  }
  atomic_store(end, module);
  end = &module->next;
  atomic_flag_clear(&busy);
}

static const struct module *module_at(uintptr_t address) {
  const struct module *module = atomic_load(&modules);
  while (module && (address < module->low || address >= module->high)) module = atomic_load(&module->next);
  return module;
}

/* ---- Text ------------------------------------------------------------------------------------------------------- */

/* Longer texts of an event are cut. */
enum { text_max = 4096 };

struct out {
  int file;
  int failed;
  size_t length;
  char bytes[1024];
};

static void flush(struct out *out) {
  const char *at = out->bytes;
  while (out->length && !out->failed) {
    ssize_t written = write(out->file, at, out->length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) out->failed = written < 0 ? errno : EIO;
    if (written > 0) at += written, out->length -= (size_t)written;
  }
  out->length = 0;
}

static void put(struct out *out, char byte) {
  if (out->length == sizeof out->bytes) flush(out);
  out->bytes[out->length++] = byte;
}

static void say(struct out *out, const char *text) {
  while (*text) put(out, *text++);
}

static void number(struct out *out, uint64_t value) {
  char digits[20];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10);
  while (value /= 10);
  while (count) put(out, digits[--count]);
}

static void address(struct out *out, uintptr_t value) {
  int shift = 60;
  say(out, "0x");
  while (shift && !(value >> shift & 15)) shift -= 4;
  for (; shift >= 0; shift -= 4) put(out, "0123456789abcdef"[value >> shift & 15]);
}

/* As the inside of a JSON string, which also keeps terminals from obeying it. */
static void text(struct out *out, patchbay_str text) {
  uint64_t length = text.ptr ? text.len : 0;
  if (length > text_max) {
    length = text_max;
    while (length && (text.ptr[length] & 0xC0) == 0x80) length--;
  }
  for (uint64_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)text.ptr[i];
    if (byte < 0x20 || byte == 0x7F) {
      say(out, "\\u00");
      put(out, "0123456789abcdef"[byte >> 4]);
      put(out, "0123456789abcdef"[byte & 15]);
    } else {
      if (byte == '"' || byte == '\\') put(out, '\\');
      put(out, (char)byte);
    }
  }
}

static patchbay_str str(const char *text) { return (patchbay_str){text, strlen(text)}; }

/* ---- What happened ---------------------------------------------------------------------------------------------- */

static const struct known {
  int number;
  const char *name;
} known[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},
             {SIGFPE, "SIGFPE"},   {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}};
enum { known_count = sizeof known / sizeof *known };

static struct sigaction previous[known_count];
static char crash_path[PATH_MAX];
static char host_version[64];

struct crash {
  const char *signal;
  int has_address;
  uintptr_t address, code;
  pid_t sender; /* another process; 0: none */
  char thread[16];
  const pbs_crash_owner *owner; /* NULL: not known */
  const char *phase;            /* NULL: a thread of no call */
  const patchbay_event *const *events;
  uint64_t event_count;
  const struct module *code_module;
};

static uintptr_t program_counter(const ucontext_t *context) {
#if defined(__x86_64__)
  return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  return (uintptr_t)context->uc_mcontext.pc;
#else
  (void)context;
  return 0;
#endif
}

static void describe(struct crash *crash, unsigned which, const siginfo_t *info, const ucontext_t *context,
                     const pbs_crash_site *site) {
  *crash = (struct crash){.signal = known[which].name};
  prctl(PR_GET_NAME, crash->thread);
  if (info->si_code <= 0) {
    if (info->si_pid != getpid()) crash->sender = info->si_pid;
  } else {
    crash->has_address = 1;
    crash->address = (uintptr_t)info->si_addr;
    crash->code = program_counter(context);
  }
  crash->code_module = module_at(crash->code);
  /* What another process sends is nobody's fault here. */
  if (crash->sender) return;
  if (site->batch) {
    crash->phase = "handle_batch";
    crash->events = site->batch;
    crash->event_count = site->batch_count;
  } else if (site->event) {
    crash->phase = "handle";
    crash->events = &site->event;
    crash->event_count = 1;
  } else {
    crash->phase = site->phase;
  }
  if (crash->phase)
    crash->owner = site->owner;
  else if (crash->code_module)
    crash->owner = crash->code_module->owner;
}

static void say_event(struct out *out, const patchbay_event *event) {
  say(out, "\n    event    ");
  text(out, event->id);
  say(out, " of ");
  text(out, event->source);
  say(out, ", type ");
  text(out, event->type);
  say(out, ", attempt ");
  number(out, event->attempt);
  say(out, ", route ");
  text(out, event->route);
}

static void say_owner(struct out *out, const pbs_crash_owner *owner) {
  if (owner->module.len) {
    text(out, owner->module);
    put(out, ' ');
    text(out, owner->version);
  } else {
    say(out, "none: the host's own");
  }
}

/* For people; `file_error` is 0 when the file has it. */
static void tell(const struct crash *crash, int file_error) {
  struct out out = {.file = STDERR_FILENO};
  say(&out, "\n*** patchbay ");
  say(&out, host_version);
  say(&out, " ends: ");
  say(&out, crash->signal);
  if (crash->has_address) {
    say(&out, ", address ");
    address(&out, crash->address);
  }
  if (crash->sender) {
    say(&out, ", sent by process ");
    number(&out, (uint64_t)crash->sender);
  }
  say(&out, "\n    thread   ");
  text(&out, str(crash->thread));
  if (crash->phase) {
    say(&out, ", in ");
    say(&out, crash->phase);
  } else {
    say(&out, ", in no call of a module");
  }
  if (crash->owner) {
    say(&out, "\n    module   ");
    say_owner(&out, crash->owner);
    if (crash->owner->handler.len) {
      say(&out, "\n    handler  ");
      text(&out, crash->owner->handler);
    }
  }
  for (uint64_t i = 0; i < crash->event_count && i < 16; i++) say_event(&out, crash->events[i]);
  if (crash->event_count > 16) {
    say(&out, "\n    and ");
    number(&out, crash->event_count - 16);
    say(&out, " more events of the same batch");
  }
  if (crash->code) {
    say(&out, "\n    code     at ");
    address(&out, crash->code);
    if (crash->code_module) {
      say(&out, ", in module ");
      say_owner(&out, crash->code_module->owner);
      say(&out, " at offset ");
      address(&out, crash->code - crash->code_module->low);
    }
  }
  if (!crash->owner && !crash->sender) {
    const struct module *module = atomic_load(&modules);
    say(&out, "\n    loaded  ");
    if (!module) say(&out, " no module");
    for (const char *before = " "; module; module = atomic_load(&module->next), before = ", ") {
      say(&out, before);
      say_owner(&out, module->owner);
    }
  }
  say(&out, "\n    record   ");
  text(&out, str(crash_path));
  if (file_error) {
    say(&out, " could not be written: errno ");
    number(&out, (uint64_t)file_error);
  }
  put(&out, '\n');
  flush(&out);
}

static void field(struct out *out, const char *name, patchbay_str value) {
  say(out, ",\"");
  say(out, name);
  say(out, "\":\"");
  text(out, value);
  put(out, '"');
}

static void field_number(struct out *out, const char *name, uint64_t value) {
  say(out, ",\"");
  say(out, name);
  say(out, "\":");
  number(out, value);
}

static void write_line(struct out *out, const struct crash *crash) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  say(out, "{\"time\":");
  number(out, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
  field_number(out, "pid", (uint64_t)getpid());
  field(out, "host", str(host_version));
  field(out, "signal", str(crash->signal));
  if (crash->has_address) {
    say(out, ",\"address\":\"");
    address(out, crash->address);
    put(out, '"');
  }
  if (crash->sender) field_number(out, "sender", (uint64_t)crash->sender);
  field(out, "thread", str(crash->thread));
  if (crash->phase) field(out, "phase", str(crash->phase));
  if (crash->owner) {
    field(out, "module", crash->owner->module);
    field(out, "version", crash->owner->version);
    field(out, "handler", crash->owner->handler);
  }
  if (crash->code_module) {
    field(out, "code", crash->code_module->owner->module);
    field_number(out, "offset", crash->code - crash->code_module->low);
  }
  say(out, ",\"events\":[");
  for (uint64_t i = 0; i < crash->event_count; i++) {
    const patchbay_event *event = crash->events[i];
    say(out, i ? ",{\"attempt\":" : "{\"attempt\":");
    number(out, event->attempt);
    field(out, "source", event->source);
    field(out, "id", event->id);
    field(out, "type", event->type);
    field(out, "route", event->route);
    if (event->source.len > text_max || event->id.len > text_max) say(out, ",\"cut\":true");
    put(out, '}');
  }
  say(out, "]}\n");
}

/* 0 or an errno. */
static int keep(const struct crash *crash) {
  int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
  int file = open(crash_path, flags, 0600);
  if (file < 0 && errno == ENOENT) {
    char folder[PATH_MAX];
    memcpy(folder, crash_path, sizeof folder);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) *slash = 0;
    mkdir(folder, 0700);
    file = open(crash_path, flags, 0600);
  }
  if (file < 0) return errno;
  struct out out = {.file = file};
  write_line(&out, crash);
  flush(&out);
  close(file);
  return out.failed;
}

static void on_signal(int number, siginfo_t *info, void *context) {
  static atomic_int first;
  int expected = 0, self = (int)syscall(SYS_gettid);
  unsigned which = 0;
  while (which < known_count - 1 && known[which].number != number) which++;
  if (atomic_compare_exchange_strong(&first, &expected, self)) {
    struct crash crash;
    describe(&crash, which, info, context, pbs_crash_here());
    tell(&crash, keep(&crash));
  } else if (expected != self) {
    /* Another thread is at it, and takes the process along. */
    for (;;) pause();
  }
  /* Who had the signal before may have more to say, such as a backtrace. */
  if (previous[which].sa_flags & SA_SIGINFO)
    previous[which].sa_sigaction(number, info, context);
  else if (previous[which].sa_handler != SIG_DFL && previous[which].sa_handler != SIG_IGN)
    previous[which].sa_handler(number);
  /* An instruction that faults does it again, where a core dump looks for it; the rest is raised. */
  signal(number, SIG_DFL);
  if (info->si_code <= 0 || number == SIGTRAP || number == SIGABRT) raise(number);
}

/* ---- Setting up ------------------------------------------------------------------------------------------------- */

enum { stack_bytes = 64 << 10 };

void *pbs_crash_stack_new(void) {
  stack_t stack = {0};
  if (sigaltstack(NULL, &stack) != 0 || !(stack.ss_flags & SS_DISABLE)) return NULL;
  void *memory = mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return NULL;
  stack = (stack_t){.ss_sp = memory, .ss_size = stack_bytes};
  if (sigaltstack(&stack, NULL) == 0) return memory;
  munmap(memory, stack_bytes);
  return NULL;
}

void pbs_crash_stack_free(void *memory) {
  if (!memory) return;
  stack_t none = {.ss_flags = SS_DISABLE};
  sigaltstack(&none, NULL);
  munmap(memory, stack_bytes);
}

int32_t pbs_crash_install(const char *path, const char *version) {
  static int installed;
  size_t used = 0;
  if (path[0] != '/') {
    if (!getcwd(crash_path, sizeof crash_path)) return errno;
    used = strlen(crash_path);
    if (used + 1 < sizeof crash_path) crash_path[used++] = '/';
  }
  if (used + strlen(path) >= sizeof crash_path) return ENAMETOOLONG;
  strcpy(crash_path + used, path);
  strncpy(host_version, version, sizeof host_version - 1);
  if (installed) return 0;
  pbs_crash_stack_new(); /* of the thread that calls; it is never freed */
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  sigemptyset(&action.sa_mask);
  for (unsigned i = 0; i < known_count; i++)
    if (sigaction(known[i].number, &action, &previous[i]) != 0) return errno;
  installed = 1;
  return 0;
}
