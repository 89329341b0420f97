/* Preloaded into a host: writes down what a power cut would leave of its data folder.
 *
 * Under CRASH_ROOT the shim follows POSIX to the letter. The bytes and the length of a file are safe after fsync or
 * fdatasync of that file; a name (made, renamed, removed) is safe after fsync of its folder. In CRASH_SHADOW it keeps
 *   pins/<inode>    a hard link to every file, so that removed ones can be read and no inode number comes twice
 *   files/<inode>   the bytes that are safe; missing: none
 *   names/<inode>   of a folder: its operations in their order, one a line, and "S" for each fsync
 * Everything is written with plain system calls before the intercepted one returns, so it survives kill -9. disk.py
 * makes the data folder anew from it.
 *
 * CRASH_SKIP=<pattern>     syncs of what matches (fnmatch) are not written down: a host without that sync
 * CRASH_KILL=<pattern>=<n> the process kills itself at the n-th operation that matches
 * What patterns are matched with: "<operation> <path below the root>", such as "sync data/log/0000000000000001.seg",
 * "write …", "make …", "rename …" (of the new name), "remove …", "cut …", "syncfolder data/log"; "resync …" instead of
 * "sync …" for the first sync of a file that an earlier process left, and "resyncfolder …" likewise. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 4096
#define INODES_MAX 65536
#define PATH_BYTES 512

/* An open file or folder below the root. */
typedef struct {
  int is_open;
  int is_folder;
  ino_t inode;
  char path[PATH_BYTES]; /* below the root; "" is the root itself */
} entry;

/* What was written to a file since its last sync. */
typedef struct {
  ino_t inode;
  off_t lower, upper; /* lower < upper when something was */
  int is_known;       /* 0: an earlier process may have left bytes that are not safe */
  int is_cut;
} dirt;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry files[FILES_MAX];
static dirt dirts[INODES_MAX];
static char root[PATH_BYTES];
static size_t root_length;
static int shadow = -1, pins = -1, safe = -1, names = -1;
static const char *skip;
static char kill_pattern[PATH_BYTES];
static long kill_left;

/* The system's own. */
#define REAL(name) ((__typeof__(&name))real_(#name))
static void *real_(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static int sys_open(int folder, const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, folder, path, flags | O_CLOEXEC, mode);
}
static void sys_close(int file) { syscall(SYS_close, file); }

static void fail(const char *what) {
  dprintf(2, "crash shim: %s: %s\n", what, strerror(errno));
  _exit(99);
}

__attribute__((constructor)) static void start(void) {
  const char *base = getenv("CRASH_ROOT"), *at = getenv("CRASH_SHADOW"), *end = getenv("CRASH_KILL");
  if (!base || !at) return;
  snprintf(root, sizeof root, "%s", base);
  root_length = strlen(root);
  shadow = sys_open(AT_FDCWD, at, O_RDONLY | O_DIRECTORY, 0);
  if (shadow < 0) fail(at);
  pins = sys_open(shadow, "pins", O_RDONLY | O_DIRECTORY, 0);
  safe = sys_open(shadow, "files", O_RDONLY | O_DIRECTORY, 0);
  names = sys_open(shadow, "names", O_RDONLY | O_DIRECTORY, 0);
  if (pins < 0 || safe < 0 || names < 0) fail("its folders");
  skip = getenv("CRASH_SKIP");
  if (end) {
    const char *number = strrchr(end, '=');
    if (!number) fail("CRASH_KILL has no number");
    snprintf(kill_pattern, sizeof kill_pattern, "%.*s", (int)(number - end), end);
    kill_left = atol(number + 1);
  }
}

static int is_on(void) { return shadow >= 0; }

/* Before the operation: the process may end here. */
static void moment(const char *operation, const char *path) {
  char text[PATH_BYTES + 32];
  if (kill_left <= 0) return;
  snprintf(text, sizeof text, "%s %s", operation, path);
  if (fnmatch(kill_pattern, text, 0) == 0 && --kill_left == 0) kill(getpid(), SIGKILL);
}

static int is_skipped(const char *operation, const char *path) {
  char text[PATH_BYTES + 32];
  if (!skip) return 0;
  snprintf(text, sizeof text, "%s %s", operation, path);
  return fnmatch(skip, text, 0) == 0;
}

/* ---- Files ------------------------------------------------------------------------------------------------------ */

static entry *known(int file) {
  return file >= 0 && file < FILES_MAX && files[file].is_open ? &files[file] : NULL;
}

static dirt *dirt_of(ino_t inode) {
  size_t at = (size_t)(inode * 0x9E3779B97F4A7C15ull >> 40) % INODES_MAX;
  for (size_t tries = 0; tries < INODES_MAX; tries++, at = (at + 1) % INODES_MAX) {
    if (dirts[at].inode == 0) dirts[at].inode = inode;
    if (dirts[at].inode == inode) return &dirts[at];
  }
  errno = ENOMEM;
  fail("too many files");
  return NULL;
}

static void touched(entry *of, off_t lower, off_t upper) {
  dirt *dirt = dirt_of(of->inode);
  if (dirt->lower >= dirt->upper) {
    dirt->lower = lower;
    dirt->upper = upper;
    return;
  }
  if (lower < dirt->lower) dirt->lower = lower;
  if (upper > dirt->upper) dirt->upper = upper;
}

/* The path below the root of `name` in `folder`, or 0 when it is not below it. */
static int place(int folder, const char *name, char *path) {
  char full[PATH_BYTES];
  if (name[0] == '/' || folder == AT_FDCWD) {
    if (name[0] == '/') {
      snprintf(full, sizeof full, "%s", name);
    } else {
      char cwd[PATH_BYTES];
      if (!getcwd(cwd, sizeof cwd)) return 0;
      if (snprintf(full, sizeof full, "%s/%s", cwd, name[0] == '.' && name[1] == '/' ? name + 2 : name) >= PATH_BYTES)
        return 0;
    }
    if (strncmp(full, root, root_length) != 0) return 0;
    if (full[root_length] == 0) {
      path[0] = 0;
      return 1;
    }
    if (full[root_length] != '/') return 0;
    snprintf(path, PATH_BYTES, "%s", full + root_length + 1);
    return 1;
  }
  entry *in = known(folder);
  if (!in || !in->is_folder) return 0;
  if (strcmp(name, ".") == 0) {
    snprintf(path, PATH_BYTES, "%s", in->path);
    return 1;
  }
  if (strcmp(name, "..") == 0) {
    if (!in->path[0]) return 0;
    snprintf(path, PATH_BYTES, "%s", in->path);
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = 0;
    return 1;
  }
  return snprintf(path, PATH_BYTES, "%s%s%s", in->path, in->path[0] ? "/" : "", name) < PATH_BYTES;
}

static const char *last_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static ino_t folder_of(const char *path) {
  char full[2 * PATH_BYTES];
  struct stat status;
  const char *slash = strrchr(path, '/');
  snprintf(full, sizeof full, "%s%s%.*s", root, slash ? "/" : "", slash ? (int)(slash - path) : 0, path);
  if (stat(full, &status) != 0) fail(full);
  return status.st_ino;
}

/* Adds a line to a folder's operations. */
static void note(ino_t folder, const char *line) {
  char name[32];
  snprintf(name, sizeof name, "%llu", (unsigned long long)folder);
  int file = sys_open(names, name, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file < 0 || syscall(SYS_write, file, line, strlen(line)) != (long)strlen(line)) fail("names");
  sys_close(file);
}

static void note_made(const char *path, ino_t inode, char kind) {
  char line[2 * PATH_BYTES];
  snprintf(line, sizeof line, "+ %s %llu %c\n", last_of(path), (unsigned long long)inode, kind);
  note(folder_of(path), line);
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_BYTES], full[2 * PATH_BYTES];
  struct stat before, status;
  pthread_mutex_lock(&lock);
  if (!is_on() || !place(folder, name, path)) {
    int file = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (file >= 0 && file < FILES_MAX) files[file].is_open = 0;
    pthread_mutex_unlock(&lock);
    return file;
  }
  snprintf(full, sizeof full, "%s/%s", root, path);
  int is_new = (flags & O_CREAT) && stat(full, &before) != 0;
  if (is_new) moment("make", path);
  int file = (int)syscall(SYS_openat, folder, name, flags, mode);
  int code = errno;
  if (file >= FILES_MAX) fail("too many open files");
  if (file >= 0) {
    if (fstat(file, &status) != 0) fail("fstat");
    entry *of = &files[file];
    of->is_open = 1;
    of->is_folder = S_ISDIR(status.st_mode);
    of->inode = status.st_ino;
    snprintf(of->path, sizeof of->path, "%s", path);
    if (is_new) {
      char pin[32];
      snprintf(pin, sizeof pin, "%llu", (unsigned long long)status.st_ino);
      if (linkat(AT_FDCWD, full, pins, pin, 0) != 0) fail("pins");
      note_made(path, status.st_ino, 'f');
      dirt_of(status.st_ino)->is_known = 1;
    } else if (flags & O_TRUNC) {
      dirt_of(status.st_ino)->is_cut = 1;
    }
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return file;
}

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list list; \
    va_start(list, flags); \
    mode = va_arg(list, mode_t); \
    va_end(list); \
  }

int open(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE_OF(flags)
  return opened(folder, path, flags | O_LARGEFILE, mode);
}

static void forget(int file) {
  pthread_mutex_lock(&lock);
  if (file >= 0 && file < FILES_MAX) files[file].is_open = 0;
  pthread_mutex_unlock(&lock);
}
int close(int file) {
  forget(file);
  return (int)syscall(SYS_close, file);
}
int closedir(DIR *folder) {
  forget(dirfd(folder));
  return REAL(closedir)(folder);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

/* Runs a write of any kind; `offset` -1 is the file's own position. */
#define WRITE(file, offset, call) \
  pthread_mutex_lock(&lock); \
  entry *of = known(file); \
  if (!of || of->is_folder) { \
    pthread_mutex_unlock(&lock); \
    return call; \
  } \
  moment("write", of->path); \
  off_t at = (offset) >= 0 ? (off_t)(offset) : lseek(file, 0, SEEK_CUR); \
  ssize_t count = call; \
  int code = errno; \
  if (count > 0) touched(of, at, at + count); \
  pthread_mutex_unlock(&lock); \
  errno = code; \
  return count;

ssize_t write(int file, const void *bytes, size_t length) { WRITE(file, -1, syscall(SYS_write, file, bytes, length)) }
ssize_t writev(int file, const struct iovec *parts, int n) { WRITE(file, -1, syscall(SYS_writev, file, parts, n)) }
ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
  WRITE(file, offset, syscall(SYS_pwrite64, file, bytes, length, offset))
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
  WRITE(file, offset, syscall(SYS_pwrite64, file, bytes, length, offset))
}

static int cut(int file, off_t length) {
  pthread_mutex_lock(&lock);
  entry *of = known(file);
  if (of) moment("cut", of->path);
  int result = (int)syscall(SYS_ftruncate, file, length), code = errno;
  if (of && result == 0) dirt_of(of->inode)->is_cut = 1;
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}
int ftruncate(int file, off_t length) { return cut(file, length); }
int ftruncate64(int file, off64_t length) { return cut(file, length); }

/* Brings the safe copy of a file up to date. */
static void keep(int file, entry *of) {
  static char buffer[1 << 16];
  dirt *dirt = dirt_of(of->inode);
  struct stat status;
  char name[32];
  if (dirt->is_known && !dirt->is_cut && dirt->lower >= dirt->upper) return;
  if (fstat(file, &status) != 0) fail("fstat");
  snprintf(name, sizeof name, "%llu", (unsigned long long)of->inode);
  int copy = sys_open(safe, name, O_WRONLY | O_CREAT, 0600);
  if (copy < 0) fail("files");
  int whole = !dirt->is_known || dirt->is_cut;
  off_t at = whole ? 0 : dirt->lower, end = whole ? status.st_size : dirt->upper;
  if (whole && syscall(SYS_ftruncate, copy, status.st_size) != 0) fail("files");
  while (at < end) {
    size_t most = (size_t)(end - at) < sizeof buffer ? (size_t)(end - at) : sizeof buffer;
    ssize_t count = syscall(SYS_pread64, file, buffer, most, at);
    if (count <= 0) break;
    if (syscall(SYS_pwrite64, copy, buffer, count, at) != count) fail("files");
    at += count;
  }
  sys_close(copy);
  dirt->is_known = 1;
  dirt->is_cut = 0;
  dirt->lower = dirt->upper = 0;
}

static int synced(int file, long number) {
  static ino_t seen[64];
  static size_t seen_count;
  pthread_mutex_lock(&lock);
  entry *of = known(file);
  if (!of) {
    pthread_mutex_unlock(&lock);
    return (int)syscall(number, file);
  }
  const char *operation = dirt_of(of->inode)->is_known ? "sync" : "resync";
  if (of->is_folder) {
    size_t at = 0;
    while (at < seen_count && seen[at] != of->inode) at++;
    operation = at < seen_count ? "syncfolder" : "resyncfolder";
    if (at == seen_count && seen_count < 64) seen[seen_count++] = of->inode;
  }
  moment(operation, of->path);
  int result = (int)syscall(number, file), code = errno;
  if (result == 0) {
    if (is_skipped(operation, of->path)) {
      dirt_of(of->inode)->is_known = 1;
    } else if (of->is_folder) {
      note(of->inode, "S\n");
    } else {
      keep(file, of);
    }
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}
int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

/* ---- Names ------------------------------------------------------------------------------------------------------ */

static int renamed(int folder, const char *name, int to, const char *other) {
  char path[PATH_BYTES], target[PATH_BYTES], full[2 * PATH_BYTES], line[3 * PATH_BYTES];
  struct stat status;
  pthread_mutex_lock(&lock);
  int is_ours = is_on() && place(folder, name, path) && place(to, other, target);
  if (is_ours) {
    moment("rename", target);
    snprintf(full, sizeof full, "%s/%s", root, path);
    /* A socket means nothing without its process: it is not on the disk. */
    if (stat(full, &status) != 0 || S_ISSOCK(status.st_mode)) is_ours = 0;
    if (is_ours && folder_of(path) != folder_of(target)) fail("a rename into another folder");
  }
  int result = (int)syscall(SYS_renameat, folder, name, to, other), code = errno;
  if (is_ours && result == 0) {
    snprintf(line, sizeof line, "R %s %s %llu\n", last_of(path), last_of(target), (unsigned long long)status.st_ino);
    note(folder_of(target), line);
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}
int rename(const char *path, const char *other) { return renamed(AT_FDCWD, path, AT_FDCWD, other); }
int renameat(int folder, const char *name, int to, const char *other) { return renamed(folder, name, to, other); }

static int removed(int folder, const char *name, int flags) {
  char path[PATH_BYTES], line[PATH_BYTES + 8];
  pthread_mutex_lock(&lock);
  int is_ours = is_on() && place(folder, name, path);
  if (is_ours) moment("remove", path);
  int result = (int)syscall(SYS_unlinkat, folder, name, flags), code = errno;
  if (is_ours && result == 0) {
    snprintf(line, sizeof line, "- %s\n", last_of(path));
    note(folder_of(path), line);
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *name, int flags) { return removed(folder, name, flags); }

static int made_folder(int folder, const char *name, mode_t mode) {
  char path[PATH_BYTES], full[2 * PATH_BYTES];
  struct stat status;
  pthread_mutex_lock(&lock);
  int is_ours = is_on() && place(folder, name, path);
  if (is_ours) moment("makefolder", path);
  int result = (int)syscall(SYS_mkdirat, folder, name, mode), code = errno;
  if (is_ours && result == 0) {
    snprintf(full, sizeof full, "%s/%s", root, path);
    if (stat(full, &status) != 0) fail(full);
    note_made(path, status.st_ino, 'd');
  }
  pthread_mutex_unlock(&lock);
  errno = code;
  return result;
}
int mkdir(const char *path, mode_t mode) { return made_folder(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *name, mode_t mode) { return made_folder(folder, name, mode); }
