#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "layout.h"

/* How often a thread looks before it sleeps: about as long as waking it takes. */
enum { SPINS = 150 };

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

/* The futex is between processes, so it is not a private one. The bit says that somebody sleeps. */
#define SLEEPS 0x80000000u

uint32_t pbi_turn(pbi_channel *channel) {
  return atomic_load_explicit(&channel->turn, memory_order_acquire) & ~SLEEPS;
}

void pbi_hand_over(pbi_channel *channel, uint32_t whom) {
  uint32_t before = atomic_exchange_explicit(&channel->turn, whom, memory_order_acq_rel);
  if (before & SLEEPS) syscall(SYS_futex, &channel->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

int pbi_wait_turn(pbi_channel *channel, uint32_t whose, uint64_t timeout_ns) {
  for (int i = 0; i < SPINS; i++) {
    if (pbi_turn(channel) == whose) return 1;
    pause_briefly();
  }
  uint32_t seen = atomic_load_explicit(&channel->turn, memory_order_acquire);
  if ((seen & ~SLEEPS) == whose) return 1;
  if (!(seen & SLEEPS)) {
    if (!atomic_compare_exchange_strong_explicit(&channel->turn, &seen, seen | SLEEPS, memory_order_acq_rel,
                                                 memory_order_acquire))
      return (seen & ~SLEEPS) == whose;
    seen |= SLEEPS;
  }
  struct timespec t = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  syscall(SYS_futex, &channel->turn, FUTEX_WAIT, seen, timeout_ns ? &t : NULL, NULL, 0);
  return pbi_turn(channel) == whose;
}
