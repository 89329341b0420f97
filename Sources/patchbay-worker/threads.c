/* threads.c - a bound on the threads that a module starts: this program's pthread_create comes before the C library's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "worker.h"

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static uint64_t most;
static _Atomic uint64_t running;

static create_fn real_create(void) {
  static _Atomic(create_fn) found;
  create_fn create = atomic_load(&found);
  if (!create) {
    create = (create_fn)dlsym(RTLD_NEXT, "pthread_create");
    atomic_store(&found, create);
  }
  return create;
}

struct start {
  void *(*body)(void *);
  void *argument;
};

static void ended(void *nothing) {
  (void)nothing;
  worker_crash_stack_end();
  atomic_fetch_sub(&running, 1);
}

static void *counted(void *context) {
  struct start start = *(struct start *)context;
  free(context);
  worker_crash_stack();
  void *result;
  pthread_cleanup_push(ended, NULL);
  result = start.body(start.argument);
  pthread_cleanup_pop(1);
  return result;
}

void worker_limit_threads(uint64_t count) { most = count; }

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                                          void *(*body)(void *), void *argument) {
  if (atomic_fetch_add(&running, 1) >= most && most) {
    atomic_fetch_sub(&running, 1);
    return EAGAIN;
  }
  struct start *start = malloc(sizeof *start);
  int error = ENOMEM;
  if (start) {
    *start = (struct start){body, argument};
    error = real_create()(thread, attributes, counted, start);
  }
  if (error) {
    free(start);
    atomic_fetch_sub(&running, 1);
  }
  return error;
}

int32_t worker_thread(void *(*body)(void *), void *context) {
  pthread_t thread;
  int error = real_create()(&thread, NULL, body, context);
  if (!error) pthread_detach(thread);
  return error;
}
