/* patchbay_system.h - the few system calls that Swift on Linux does not show, or shows too slowly. */
#ifndef PATCHBAY_SYSTEM_H
#define PATCHBAY_SYSTEM_H
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

static inline uint64_t pbs_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
/* Nanoseconds of CLOCK_MONOTONIC: exact (about 28 ns), and coarse (a tick of 1 to 4 ms, about 6 ns). */
static inline uint64_t pbs_now(void) { return pbs_clock(CLOCK_MONOTONIC); }
static inline uint64_t pbs_now_coarse(void) { return pbs_clock(CLOCK_MONOTONIC_COARSE); }
/* Nanoseconds since 1970. */
static inline uint64_t pbs_unix_now(void) { return pbs_clock(CLOCK_REALTIME); }

/* Tells the core that this is a spin loop. */
static inline void pbs_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

/* Sleeps while *word == expected, at most timeout_ns (0: no limit). Returns early on a signal. */
void pbs_futex_wait(const void *word, uint32_t expected, uint64_t timeout_ns);
void pbs_futex_wake(const void *word, int32_t count);

/* Address space that takes memory only where it is touched; never moves. NULL when there is none left. */
void *pbs_reserve(uint64_t bytes);
void pbs_release(void *base, uint64_t bytes);

/* Starts a named thread (15 characters) that blocks every signal; returns 0 or an errno. `handle` takes the pthread_t. */
int32_t pbs_thread_start(uint64_t *handle, const char *name, void (*body)(void *), void *context);
void pbs_thread_join(uint64_t handle);
void pbs_thread_detach(uint64_t handle);

/* Resident set of this process in bytes, now and at its highest; 0 where /proc is missing. */
uint64_t pbs_resident_bytes(void);
uint64_t pbs_resident_bytes_peak(void);

#endif
