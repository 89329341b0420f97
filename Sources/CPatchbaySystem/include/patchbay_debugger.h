/* patchbay_debugger.h - where a debugger is to stop. */
#ifndef PATCHBAY_DEBUGGER_H
#define PATCHBAY_DEBUGGER_H
#include <stdint.h>

/* Calls `handle` of a module, and has a debugger stop right before. Without a debugger it ends the process. */
int32_t pbs_call_stopped(int32_t (*handle)(void *instance, uint64_t call, const void *event), void *instance,
                         uint64_t call, const void *event);

#endif
