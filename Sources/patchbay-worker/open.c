/* open.c - this program's open comes before the C library's, for one file: the state of a thread of this process.
 *
 * Rationale: libdispatch, on which Swift's tasks run, watches its threads through /proc/TID/stat and ends the process when
 * it cannot open that. A confined module may read /proc/self alone, where the same file is /proc/self/task/TID/stat. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

/* Where `path` is below /proc/self if it is the state of a thread; 0: it is something else. */
static int is_state_of_thread(const char *path, char *own, size_t room) {
  static const char folder[] = "/proc/";
  if (strncmp(path, folder, sizeof folder - 1) != 0) return 0;
  const char *thread = path + sizeof folder - 1;
  size_t digits = strspn(thread, "0123456789");
  if (digits == 0 || digits > 10 || strcmp(thread + digits, "/stat") != 0) return 0;
  snprintf(own, room, "/proc/self/task/%.*s/stat", (int)digits, thread);
  return 1;
}

__attribute__((visibility("default"))) int open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  char own[64];
  int file = openat(AT_FDCWD, path, flags, mode);
  if (file >= 0 || errno != EACCES || !is_state_of_thread(path, own, sizeof own)) return file;
  return openat(AT_FDCWD, own, flags, mode);
}
