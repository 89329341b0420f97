#define _GNU_SOURCE
#include "patchbay_crash.h"
#include "patchbay_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

void pbs_futex_wait(const void *word, uint32_t expected, uint64_t timeout_ns) {
  struct timespec t = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, timeout_ns ? &t : NULL, NULL, 0);
}

void pbs_futex_wake(const void *word, int32_t count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void *pbs_reserve(uint64_t bytes) {
  void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return base == MAP_FAILED ? NULL : base;
}

void pbs_release(void *base, uint64_t bytes) { munmap(base, bytes); }

struct start {
  void (*body)(void *);
  void *context;
  char name[16];
};

/* What code does to itself: blocked, it would end the process unheard. */
static const int crashes[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  pthread_setname_np(pthread_self(), start.name);
  void *stack = pbs_crash_stack_new();
  start.body(start.context);
  pbs_crash_stack_free(stack);
  return NULL;
}

int32_t pbs_thread_start(uint64_t *handle, const char *name, void (*body)(void *), void *context) {
  struct start *start = calloc(1, sizeof *start);
  if (!start) return ENOMEM;
  start->body = body;
  start->context = context;
  snprintf(start->name, sizeof start->name, "%s", name);
  // A new thread inherits the mask: signals stay with the thread that waits for them.
  sigset_t all, before;
  sigfillset(&all);
  for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++) sigdelset(&all, crashes[i]);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, NULL, run, start);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error) {
    free(start);
    return error;
  }
  *handle = (uint64_t)thread;
  return 0;
}

void pbs_thread_join(uint64_t handle) { pthread_join((pthread_t)handle, NULL); }
void pbs_thread_detach(uint64_t handle) { pthread_detach((pthread_t)handle); }

int32_t pbs_event_new(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void pbs_event_set(int32_t event) {
  uint64_t one = 1;
  ssize_t written = write(event, &one, sizeof one);
  (void)written; /* it can only fail when it is set already */
}

int32_t pbs_wait_readable(int32_t file, int32_t event) {
  struct pollfd files[2] = {{file, POLLIN, 0}, {event, POLLIN, 0}};
  while (poll(files, 2, -1) < 0)
    if (errno != EINTR) return -errno;
  return files[1].revents ? 0 : 1;
}

int32_t pbs_pipe(int32_t *ends) { return pipe2(ends, O_CLOEXEC); }

int32_t pbs_child(pid_t child) { return (int32_t)syscall(SYS_pidfd_open, child, 0); }

void pbs_child_signal(int32_t child, int32_t signal) { syscall(SYS_pidfd_send_signal, child, signal, NULL, 0); }

int32_t pbs_accept(int32_t listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

void pbs_signals_block(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
}

int32_t pbs_signal_wait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  int number = 0;
  while (sigwait(&set, &number) != 0) {
  }
  return number;
}

int32_t pbs_signal_wait_for(uint64_t timeout_ns) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  struct timespec t = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  int number = sigtimedwait(&set, NULL, &t);
  return number > 0 ? number : 0;
}

int32_t pbs_fork(void) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child == 0) {
    for (unsigned i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have ended before that took effect.
    if (getppid() != parent) _exit(1);
  }
  return (int32_t)child;
}

static _Thread_local char error_text[512];
static _Thread_local uint64_t error_length;

void pbs_error_set(const char *text, uint64_t length) {
  error_length = text ? (length < sizeof error_text - 1 ? length : sizeof error_text - 1) : 0;
  if (error_length) memcpy(error_text, text, error_length);
}

uint64_t pbs_error_take(char *buffer, uint64_t capacity) {
  uint64_t length = error_length < capacity ? error_length : capacity;
  memcpy(buffer, error_text, length);
  error_length = 0;
  return length;
}

static uint64_t status_kib(const char *key) {
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return 0;
  char line[256];
  unsigned long kib = 0;
  size_t length = strlen(key);
  while (fgets(line, sizeof line, file))
    if (strncmp(line, key, length) == 0 && sscanf(line + length, "%lu", &kib) == 1) break;
  fclose(file);
  return kib;
}

uint64_t pbs_resident_bytes(void) { return status_kib("VmRSS:") * 1024; }
uint64_t pbs_resident_bytes_peak(void) { return status_kib("VmHWM:") * 1024; }

uint64_t pbs_heap_bytes(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
