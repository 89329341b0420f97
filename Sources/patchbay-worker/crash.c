/* crash.c - what is left of a worker that dies: the signal, whose call it was, where it happened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#ifndef SIGEV_THREAD_ID
#define SIGEV_THREAD_ID 4
#endif

static const int FATAL[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
/* A machine under load is slow; only a lock that is never let go takes longer. */
enum { PATIENCE_SECONDS = 10, STACK_BYTES = 64 << 10, FATAL_COUNT = sizeof FATAL / sizeof *FATAL };

static pbi_head *head;
static int end_is_expected;

/* Only what is safe in a signal's handler: no memory, no locks, no stdio. */
static void put(pbi_crash *crash, const char *text) {
  uint64_t length = strlen(text), room = sizeof crash->text - crash->text_length;
  if (length > room) length = room;
  memcpy(crash->text + crash->text_length, text, length);
  crash->text_length += (uint32_t)length;
}

static void put_hex(pbi_crash *crash, uint64_t value) {
  char digits[19] = "0x";
  int count = 1;
  while (count < 16 && value >> (4 * count)) count++;
  for (int i = 0; i < count; i++) digits[2 + i] = "0123456789abcdef"[value >> (4 * (count - 1 - i)) & 15];
  digits[2 + count] = 0;
  put(crash, digits);
}

/* `libbilling.so charge+0x1c`; dladdr takes no lock that a thread of ours may hold for long, and an alarm ends the
 * process where it does. */
static void put_frame(pbi_crash *crash, void *frame) {
  Dl_info info;
  if (!dladdr(frame, &info) || !info.dli_fname) {
    put_hex(crash, (uint64_t)(uintptr_t)frame);
  } else {
    const char *slash = strrchr(info.dli_fname, '/');
    put(crash, slash ? slash + 1 : info.dli_fname);
    put(crash, " ");
    put(crash, info.dli_sname ? info.dli_sname : "");
    put(crash, "+");
    const void *base = info.dli_sname ? info.dli_saddr : info.dli_fbase;
    put_hex(crash, (uint64_t)((uintptr_t)frame - (uintptr_t)base));
  }
  put(crash, "\n");
}

static int begin(int signal, uint64_t address) {
  pbi_crash *crash = &head->crash;
  uint32_t none = 0;
  /* The first thread that crashes is the one that counts. */
  if (!atomic_compare_exchange_strong(&crash->stage, &none, 1)) return 0;
  crash->signal = signal;
  crash->channel = client_channel();
  crash->address = address;
  return 1;
}

static void on_crash(int number, siginfo_t *info, void *context) {
  (void)context;
  /* Another thread was first, and is still writing. */
  if (!begin(number, (uint64_t)(uintptr_t)info->si_addr)) {
    alarm(PATIENCE_SECONDS);
    while (1) pause();
  }
  pbi_crash *crash = &head->crash;
  signal(SIGALRM, SIG_DFL);
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
  alarm(PATIENCE_SECONDS);
  void *frames[PBI_FRAMES];
  int count = backtrace(frames, PBI_FRAMES);
  /* The handler's own, and the kernel's frame beneath it. */
  int skipped = count > 2 ? 2 : 0;
  for (int i = skipped; i < count; i++) put_frame(crash, frames[i]);
  atomic_store(&crash->stage, 2);
  signal(number, SIG_DFL);
  raise(number);
}

static void on_exit_called(void) {
  if (!end_is_expected) begin(0, 0);
}

void worker_expect_end(void) { end_is_expected = 1; }

void worker_watch_crashes(pbi_head *where) {
  head = where;
  /* The first use of `backtrace` loads a library. */
  void *frame;
  backtrace(&frame, 1);
  struct sigaction action = {0};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < FATAL_COUNT; i++) sigaction(FATAL[i], &action, NULL);
  atexit(on_exit_called);
}

void worker_crash_stack(void) {
  void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) return;
  stack_t alternate = {.ss_sp = stack, .ss_size = STACK_BYTES};
  sigaltstack(&alternate, NULL);
}

void worker_crash_stack_end(void) {
  stack_t none = {.ss_flags = SS_DISABLE}, was;
  if (sigaltstack(&none, &was) == 0 && was.ss_sp && was.ss_size == STACK_BYTES) munmap(was.ss_sp, STACK_BYTES);
}

void worker_allow_cpu(uint64_t ns) {
  static _Thread_local timer_t timer;
  static _Thread_local int has_timer;
  if (!has_timer) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGXCPU};
    event._sigev_un._tid = gettid();
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) return;
    has_timer = 1;
  }
  struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};
  timer_settime(timer, 0, &when, NULL);
}
