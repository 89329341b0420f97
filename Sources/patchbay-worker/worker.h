/* worker.h - the parts of the worker program: what it may do, how it dies, whose threads count. */
#ifndef PATCHBAY_WORKER_H
#define PATCHBAY_WORKER_H
#include <pthread.h>
#include <stdint.h>

#include "client.h"
#include "wire.h"

/* The host's word on what this process may use, out of PBI_START. */
typedef struct worker_limits {
  uint64_t memory_bytes; /* 0: no limit; likewise below */
  uint64_t open_files;
  uint64_t threads; /* of the module's own */
  uint64_t cpu_ns;  /* of one call */
  int is_confined;  /* 0: files, network and processes are as open as to the host */
} worker_limits;

enum { /* positive statuses of PBI_START: what the kernel could not be asked for */
  WORKER_WITHOUT_LANDLOCK = 1,
  WORKER_WITHOUT_SECCOMP = 2
};

/* Limits this process for good: memory, files, system calls, and the file system to what `in` lists (readable paths,
 * then writable ones). Negative: it cannot be limited as asked, and `problem` says why. */
int32_t worker_restrict(const worker_limits *limits, wire_in *in, char *problem, uint64_t capacity);

/* From now on a fatal signal, or exit(), leaves a record in `head` before the process dies. */
void worker_watch_crashes(pbi_head *head);
/* A stack for the signal's handler, for this thread: the thread's own may be used up. */
void worker_crash_stack(void);
void worker_crash_stack_end(void);
/* exit() is meant from now on. */
void worker_expect_end(void);

/* Bounds the threads that modules start; 0: no limit. */
void worker_limit_threads(uint64_t most);
/* A thread that does not count. 0 or an errno. */
int32_t worker_thread(void *(*body)(void *), void *context);

/* What a module without a file is: a handler `function` for plain C functions. */
extern const patchbay_module worker_functions;

/* Gives this thread `ns` of processor time for what comes; 0: as much as it wants. Beyond, SIGXCPU ends the process. */
void worker_allow_cpu(uint64_t ns);

#endif
