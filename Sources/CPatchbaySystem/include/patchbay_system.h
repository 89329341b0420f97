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

/* Sixteen lower-case hexadecimal digits, all at once in two registers. */
static inline void pbs_hex16(char *out, uint64_t value) {
  uint64_t half[2] = {value >> 32, value & 0xffffffffu};
  for (int i = 0; i < 2; i++) {
    uint64_t x = half[i];
    x = ((x & 0x00000000ffff0000u) << 16) | (x & 0x000000000000ffffu);
    x = ((x & 0x0000ff000000ff00u) << 8) | (x & 0x000000ff000000ffu);
    x = ((x & 0x00f000f000f000f0u) << 4) | (x & 0x000f000f000f000fu);
    uint64_t letters = ((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    x = x + 0x3030303030303030u + letters * 0x27u;
    x = __builtin_bswap64(x);
    __builtin_memcpy(out + 8 * i, &x, 8);
  }
}

/* CRC32C (Castagnoli; RFC 3720, appendix B.4) of `length` more bytes after those that gave `crc`; 0 to begin with. */
uint32_t pbs_crc32c(uint32_t crc, const void *bytes, uint64_t length);
/* The same without the processor's instruction for it, as on machines that lack it. */
uint32_t pbs_crc32c_by_tables(uint32_t crc, const void *bytes, uint64_t length);

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

/* Starts a named thread (15 characters) that blocks every signal but those of crashes, which have a stack of their own
 * there; returns 0 or an errno. `handle` takes the pthread_t. */
int32_t pbs_thread_start(uint64_t *handle, const char *name, void (*body)(void *), void *context);
void pbs_thread_join(uint64_t handle);
void pbs_thread_detach(uint64_t handle);

/* A flag that ends waits in poll: an eventfd. -1 on failure. */
int32_t pbs_event_new(void);
void pbs_event_set(int32_t event);
/* Waits until `file` can be read (1), `event` is set (0), or for an error (-errno). */
int32_t pbs_wait_readable(int32_t file, int32_t event);

/* A pipe whose ends are closed on exec: where to read, where to write. 0 or -1 and errno. */
int32_t pbs_pipe(int32_t *ends);

/* A descriptor that can be read once a child has ended, closed on exec; -1 and errno where the kernel is too old. */
int32_t pbs_child(pid_t child);
/* Sends a signal to the child behind such a descriptor, and to no other process. */
void pbs_child_signal(int32_t child, int32_t signal);

/* The next connection of a listening socket, closed on exec; -1 and errno on failure. */
int32_t pbs_accept(int32_t listener);

/* Blocks SIGINT, SIGTERM and SIGHUP for this thread and those it starts, and ignores SIGPIPE; for main, before any
 * thread. */
void pbs_signals_block(void);
/* The next of SIGINT and SIGTERM. */
int32_t pbs_signal_wait(void);
/* The same, but waits at most timeout_ns (0: not at all); 0 when none came. */
int32_t pbs_signal_wait_for(uint64_t timeout_ns);

/* fork(2), for a program that has no other thread yet; the child ends with its parent, and a crash ends it
 * at once, without a backtrace. 0 in the child, -1 and errno on failure. */
int32_t pbs_fork(void);

/* Bytes of this process's heap that are in use, of all threads together. */
uint64_t pbs_heap_bytes(void);

/* The message that a module left on this thread for its next negative status (set_error of the ABI): at most 511 bytes
 * are kept. `take` gives the length and clears it. */
void pbs_error_set(const char *text, uint64_t length);
uint64_t pbs_error_take(char *buffer, uint64_t capacity);

/* Resident set of this process in bytes, now and at its highest; 0 where /proc is missing. */
uint64_t pbs_resident_bytes(void);
uint64_t pbs_resident_bytes_peak(void);

#endif
