/* restrict.c - what a worker may not do: bounds of the system, a filter of system calls, and the parts of the file
 * system that it may see. All of it before any code of the module runs, and for good. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker.h"

static int32_t bound(int resource, uint64_t value, const char *name, char *problem, uint64_t capacity) {
  if (!value) return 0;
  struct rlimit limit = {value, value};
  if (setrlimit(resource, &limit) == 0) return 0;
  snprintf(problem, capacity, "its %s cannot be limited to %llu: %s", name, (unsigned long long)value,
           strerror(errno));
  return -1;
}

/* ---- Landlock (Documentation/userspace-api/landlock.rst) --------------------------------------------------------- */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

/* The kernel's structure, whose later fields older headers do not have. */
struct ruleset {
  uint64_t fs, net, scoped;
};
struct __attribute__((packed)) path_rule {
  uint64_t allowed;
  int32_t parent;
};
enum {
  EXECUTE = 1 << 0,
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_DIR = 1 << 3,
  MAKE_CHAR = 1 << 6,
  MAKE_BLOCK = 1 << 11,
  REFER = 1 << 13,
  TRUNCATE = 1 << 14,
  IOCTL_DEVICE = 1 << 15,
  FIRST_RIGHTS = (1 << 13) - 1,
  SEES_TRUNCATION = 3, /* the version from which on it does */
  TCP = 3,
  SCOPES = 3
};

static uint64_t rights_of(int version) {
  uint64_t rights = FIRST_RIGHTS;
  if (version >= 2) rights |= REFER;
  if (version >= SEES_TRUNCATION) rights |= TRUNCATE;
  if (version >= 5) rights |= IOCTL_DEVICE;
  return rights;
}

/* What does not exist is not allowed either. */
static void allow(int ruleset, const char *path, uint64_t rights) {
  int file = open(path, O_PATH | O_CLOEXEC);
  if (file < 0) return;
  struct stat status;
  if (fstat(file, &status) == 0) {
    if (!S_ISDIR(status.st_mode)) rights &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE;
    struct path_rule rule = {rights, file};
    syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0);
  }
  close(file);
}

static void allow_all(int ruleset, wire_in *in, uint64_t rights) {
  uint64_t count = wire_count(in, sizeof(uint64_t));
  for (uint64_t i = 0; i < count; i++) {
    char path[4096];
    patchbay_str given = wire_str(in);
    if (!given.len || given.len >= sizeof path) continue;
    memcpy(path, given.ptr, given.len);
    path[given.len] = 0;
    if (ruleset >= 0) allow(ruleset, path, rights);
  }
}

/* 1: this kernel has no Landlock. */
static int32_t restrict_files(wire_in *in, int version) {
  if (version < 1) return 1;
  uint64_t rights = rights_of(version);
  struct ruleset wanted = {rights, version >= 4 ? TCP : 0, version >= 6 ? SCOPES : 0};
  uint64_t size = version >= 6 ? sizeof wanted : version >= 4 ? offsetof(struct ruleset, scoped) : sizeof wanted.fs;
  int ruleset = (int)syscall(SYS_landlock_create_ruleset, &wanted, size, 0);
  if (ruleset < 0) return 1;
  uint64_t reading = READ_FILE | READ_DIR;
  static const char *const readable[] = {"/lib",           "/lib64",          "/usr/lib",
                                         "/usr/lib64",     "/usr/local/lib",  "/etc/ld.so.cache",
                                         "/etc/localtime", "/usr/share/zoneinfo", "/proc/self",
                                         "/sys/devices/system/cpu", "/dev/urandom", "/dev/random"};
  for (uint32_t i = 0; i < sizeof readable / sizeof *readable; i++) allow(ruleset, readable[i], reading);
  allow(ruleset, "/dev/null", READ_FILE | WRITE_FILE);
  allow(ruleset, "/dev/zero", READ_FILE);
  allow_all(ruleset, in, reading);
  allow_all(ruleset, in, rights & ~(uint64_t)(EXECUTE | MAKE_CHAR | MAKE_BLOCK));
  int failed = syscall(SYS_landlock_restrict_self, ruleset, 0) != 0;
  close(ruleset);
  return failed;
}

/* ---- seccomp --------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE
/* No network, no other programs or processes, nothing of the system's own. */
static const int DENIED[] = {
  SYS_socket,         SYS_connect,      SYS_bind,          SYS_listen,
  SYS_accept,         SYS_accept4,      SYS_execve,        SYS_execveat,
  SYS_ptrace,         SYS_process_vm_readv, SYS_process_vm_writev, SYS_mount,
  SYS_umount2,        SYS_pivot_root,   SYS_chroot,        SYS_reboot,
  SYS_kexec_load,     SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
  SYS_delete_module,  SYS_bpf,          SYS_perf_event_open, SYS_userfaultfd,
  SYS_io_uring_setup, SYS_unshare,      SYS_setns,         SYS_keyctl,
  SYS_add_key,        SYS_request_key,  SYS_open_by_handle_at, SYS_swapon,
  SYS_swapoff,        SYS_acct,         SYS_quotactl,      SYS_settimeofday,
  SYS_clock_settime,  SYS_sethostname,  SYS_setdomainname, SYS_pidfd_getfd,
  SYS_pidfd_send_signal, SYS_tkill,      SYS_setpriority,   SYS_ioprio_set,
  SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setaffinity,
  SYS_process_madvise, SYS_migrate_pages, SYS_move_pages,   SYS_kcmp,
  SYS_fchmod,         SYS_fchmodat,      SYS_fchown,        SYS_fchownat,
  SYS_utimensat,      SYS_setxattr,      SYS_lsetxattr,     SYS_fsetxattr,
  SYS_removexattr,    SYS_lremovexattr,  SYS_fremovexattr,  SYS_clock_adjtime,
  SYS_adjtimex,       SYS_syslog,        SYS_mknodat,       SYS_fsopen,
  SYS_fsmount,        SYS_open_tree,     SYS_move_mount,    SYS_vhangup,
  SYS_process_mrelease,
  /* What other processes could find, and what would outlive this one, within no limit of its own. */
  SYS_shmget,         SYS_msgget,        SYS_semget,        SYS_mq_open,
  SYS_mq_unlink,
#ifdef SYS_chmod
  SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat, SYS_mknod, SYS_iopl, SYS_ioperm,
#endif
  442 /* mount_setattr */, 443 /* quotactl_fd */, 452 /* fchmodat2 */, 460 /* lsm_set_self_attr */,
#ifdef SYS_fork
  SYS_fork,
#endif
#ifdef SYS_vfork
  SYS_vfork,
#endif
};
enum { DENIED_COUNT = sizeof DENIED / sizeof *DENIED };
/* The newest call that was looked at for this list: mseal. */
enum { NEWEST = 462 };

/* As <linux/fs.h> has them, which does not go with <fcntl.h>. */
enum { SET_FLAGS = _IOW('f', 2, long), SET_FLAGS_32 = _IOW('f', 2, int), SET_ATTRIBUTES = _IOW('X', 32, char[28]) };

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, what)
#define ERRNO(number) (SECCOMP_RET_ERRNO | (number))

/* Without `sees_truncation` Landlock lets files be emptied that it does not let be written. 1: this kernel has no
 * filters. */
static int32_t restrict_calls(int sees_truncation) {
  struct sock_filter filter[DENIED_COUNT * 2 + 120];
  unsigned short at = 0;
  uint32_t own = (uint32_t)getpid();
#define ADD(...)                                              \
  do {                                                        \
    struct sock_filter step = __VA_ARGS__;                    \
    filter[at++] = step;                                      \
  } while (0)
/* To empty a file, but not to write it: access mode 0, or 3, which is neither. */
#define ADD_EMPTYING()                                        \
  do {                                                        \
    ADD(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_TRUNC | O_ACCMODE)); \
    ADD(IS(O_TRUNC, 1, 0));                                   \
    ADD(IS(O_TRUNC | O_ACCMODE, 0, 1));                       \
    ADD(ANSWER(ERRNO(EPERM)));                                \
    ADD(ANSWER(SECCOMP_RET_ALLOW));                           \
  } while (0)
  ADD(LOAD(arch));
  ADD(IS(ARCHITECTURE, 1, 0));
  ADD(ANSWER(SECCOMP_RET_KILL_PROCESS));
  ADD(LOAD(nr));
  /* Nobody knows what they do. Those of the x32 ABI, another way to the same calls, are among them. */
  ADD(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1));
  ADD(ANSWER(ERRNO(ENOSYS)));
  for (int i = 0; i < DENIED_COUNT; i++) {
    ADD(IS((uint32_t)DENIED[i], 0, 1));
    ADD(ANSWER(ERRNO(EPERM)));
  }
  /* Threads only: the C library falls back from clone3, whose flags a filter cannot see. */
  ADD(IS(SYS_clone3, 0, 1));
  ADD(ANSWER(ERRNO(ENOSYS)));
  ADD(IS(SYS_clone, 0, 4));
  ADD(LOAD(args[0]));
  ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  /* Signals, and limits, of nobody else. */
  ADD(IS(SYS_kill, 3, 0));
  ADD(IS(SYS_tgkill, 2, 0));
  ADD(IS(SYS_rt_tgsigqueueinfo, 1, 0));
  ADD(IS(SYS_rt_sigqueueinfo, 0, 4));
  ADD(LOAD(args[0]));
  ADD(IS(own, 1, 0));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  /* It ends with the host. */
  ADD(IS(SYS_prctl, 0, 4));
  ADD(LOAD(args[0]));
  ADD(IS(PR_SET_PDEATHSIG, 0, 1));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  /* Signals for what happens to a file, to whom one likes. */
  ADD(IS(SYS_fcntl, 0, 6));
  ADD(LOAD(args[1]));
  ADD(IS(F_SETOWN, 2, 0));
  ADD(IS(F_SETSIG, 1, 0));
  ADD(IS(F_SETOWN_EX, 0, 1));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  /* Flags of a file, which take no right to write it. */
  ADD(IS(SYS_ioctl, 0, 6));
  ADD(LOAD(args[1]));
  ADD(IS((uint32_t)SET_FLAGS, 2, 0));
  ADD(IS((uint32_t)SET_FLAGS_32, 1, 0));
  ADD(IS((uint32_t)SET_ATTRIBUTES, 0, 1));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  if (!sees_truncation) {
    /* A file that may be written is emptied through its descriptor. */
    ADD(IS(SYS_truncate, 0, 1));
    ADD(ANSWER(ERRNO(EPERM)));
    /* Its flags cannot be seen; programs do without. */
    ADD(IS(SYS_openat2, 0, 1));
    ADD(ANSWER(ERRNO(ENOSYS)));
#ifdef SYS_open
    ADD(IS(SYS_open, 0, 6));
    ADD(LOAD(args[1]));
    ADD_EMPTYING();
#endif
    ADD(IS(SYS_openat, 0, 6));
    ADD(LOAD(args[2]));
    ADD_EMPTYING();
  }
  ADD(IS(SYS_prlimit64, 0, 4));
  ADD(LOAD(args[0]));
  ADD(IS(0, 1, 0));
  ADD(ANSWER(ERRNO(EPERM)));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
  ADD(ANSWER(SECCOMP_RET_ALLOW));
#undef ADD_EMPTYING
#undef ADD
  struct sock_fprog program = {at, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0;
}
#else
static int32_t restrict_calls(int sees_truncation) { return (void)sees_truncation, 1; }
#endif

/* What root may do beyond others. */
static void drop_capabilities(void) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability < 64; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  syscall(SYS_capset, &header, none);
}

int32_t worker_restrict(const worker_limits *limits, wire_in *in, char *problem, uint64_t capacity) {
  /* Private memory: the host's shared memory does not count. */
  if (bound(RLIMIT_DATA, limits->memory_bytes, "memory", problem, capacity) < 0 ||
      bound(RLIMIT_NOFILE, limits->open_files, "number of open files", problem, capacity) < 0)
    return -1;
  if (!limits->is_confined) return 0;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    snprintf(problem, capacity, "its privileges cannot be dropped: %s", strerror(errno));
    return -1;
  }
  drop_capabilities();
  int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
  int32_t without = restrict_files(in, version) ? WORKER_WITHOUT_LANDLOCK : 0;
  if (restrict_calls(version >= SEES_TRUNCATION)) without |= WORKER_WITHOUT_SECCOMP;
  return without;
}
