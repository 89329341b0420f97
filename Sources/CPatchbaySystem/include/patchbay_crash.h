/* patchbay_crash.h - whose code was running when a fatal signal ends the process.
 *
 * Threads say in a `pbs_crash_site` what they are in, with plain stores; only the handler of the signal reads it. */
#ifndef PATCHBAY_CRASH_H
#define PATCHBAY_CRASH_H
#include <patchbay.h>
#include <stdint.h>

/* Code of a module. Lives as long as the process; `handler` is as routes name it, empty for the module as a whole. */
typedef struct pbs_crash_owner {
  patchbay_str module, version, handler;
} pbs_crash_owner;

/* What one thread is in. `event` or `batch` names a call; `phase` another function of the module, such as "create".
 * All of them NULL: nothing of a module's. `owner` counts only with one of them. */
typedef struct pbs_crash_site {
  const pbs_crash_owner *owner;
  const patchbay_event *event;
  const patchbay_event *const *batch;
  uint64_t batch_count;
  const char *phase;
} pbs_crash_site;

/* The site of this thread: one of its own, or the one given to `use`, which has to outlive its use. NULL: its own. */
pbs_crash_site *pbs_crash_here(void);
void pbs_crash_use(pbs_crash_site *site);

/* Notes a module whose code is in this process, with the addresses of `library` (of dlopen; NULL: not known), for
 * crashes on threads that the host knows nothing of. For good; without memory for it, it is not noted. */
void pbs_crash_module(void *library, const pbs_crash_owner *owner);

/* From here on SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGTRAP say on standard error whose code they met, append
 * the same as one line of JSON to `path` (made absolute now; its folder is made then, if need be), and end the process
 * as they would have without. A second time only changes path and version. 0, or an errno. [one thread] */
int32_t pbs_crash_install(const char *path, const char *version);

/* Gives this thread a stack of its own for signals, so that an overflow of its usual one can be told; for the start
 * and the end of a thread. Threads without one die of an overflow unheard. */
void *pbs_crash_stack_new(void);
void pbs_crash_stack_free(void *stack);

#endif
