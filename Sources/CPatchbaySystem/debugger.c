#include "patchbay_debugger.h"

__attribute__((noinline)) int32_t pbs_call_stopped(int32_t (*handle)(void *, uint64_t, const void *), void *instance,
                                                   uint64_t call, const void *event) {
  /* Step from here: the next call is the handler's. */
  __builtin_debugtrap();
  return handle(instance, call, event);
}
