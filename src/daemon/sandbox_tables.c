/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "daemon/sandbox_tables.h"

/*
 * Which system calls each role makes, found by following all tests with strace, and by reading what
 * the libraries do. A call that a kernel or libseccomp does not know is left out.
 */
#define ALLOW(name)                                                                                \
    {                                                                                              \
        name, SANDBOX_ALLOW                                                                        \
    }
#define EQUAL(name, argument, value)                                                               \
    {                                                                                              \
        name, SANDBOX_ALLOW_EQUAL, argument, 0, value                                              \
    }
#define MASKED(name, argument, mask, value)                                                        \
    {                                                                                              \
        name, SANDBOX_ALLOW_MASKED, argument, mask, value                                          \
    }
#define REFUSE(name, error)                                                                        \
    {                                                                                              \
        name, SANDBOX_REFUSE, 0, 0, error                                                          \
    }
#define KILL(name)                                                                                 \
    {                                                                                              \
        name, SANDBOX_KILL                                                                         \
    }
/* An ioctl of one kind of devices: the type is the second byte of the number. */
#define IOCTLS(type) MASKED("ioctl", 1, 0xff00, (uint64_t)(type) << 8)
#define NEW_NAMESPACES                                                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* Memory, descriptors that are there, waiting, and ends: every role. */
static const struct sandbox_call common[] = {
    ALLOW("read"),
    ALLOW("readv"),
    ALLOW("write"),
    ALLOW("writev"),
    ALLOW("pread64"),
    ALLOW("pwrite64"),
    ALLOW("close"),
    ALLOW("lseek"),
    ALLOW("fstat"),
    ALLOW("fstatfs"),
    ALLOW("recvmsg"),
    ALLOW("recvfrom"),
    ALLOW("sendmsg"),
    ALLOW("sendto"),
    ALLOW("shutdown"),
    ALLOW("getsockopt"),
    EQUAL("setsockopt", 2, SO_SNDBUF),
    ALLOW("epoll_create1"),
    ALLOW("epoll_ctl"),
    ALLOW("epoll_wait"),
    ALLOW("epoll_pwait"),
    ALLOW("epoll_pwait2"),
    ALLOW("poll"),
    ALLOW("ppoll"),
    ALLOW("eventfd2"),
    ALLOW("timerfd_create"),
    ALLOW("timerfd_settime"),
    ALLOW("signalfd4"),
    ALLOW("munmap"),
    ALLOW("mremap"),
    ALLOW("madvise"),
    ALLOW("brk"),
    ALLOW("memfd_create"),
    ALLOW("ftruncate"),
    ALLOW("fallocate"),
    ALLOW("futex"),
    ALLOW("rt_sigaction"),
    ALLOW("rt_sigprocmask"),
    ALLOW("rt_sigreturn"),
    ALLOW("sigaltstack"),
    ALLOW("restart_syscall"),
    ALLOW("clock_gettime"),
    ALLOW("clock_nanosleep"),
    ALLOW("nanosleep"),
    ALLOW("gettimeofday"),
    ALLOW("time"),
    ALLOW("getrandom"),
    ALLOW("getpid"),
    ALLOW("gettid"),
    ALLOW("getuid"),
    ALLOW("geteuid"),
    ALLOW("sched_yield"),
    ALLOW("sched_getaffinity"),
    /* qsort() asks how much memory there is. */
    ALLOW("sysinfo"),
    ALLOW("exit"),
    ALLOW("exit_group"),
    /* Only one's own, and only to be read. */
    EQUAL("prlimit64", 2, 0),
    ALLOW("getrlimit"),
    /* abort(). */
    {"tgkill", SANDBOX_ALLOW_OWN_PID},
    EQUAL("fcntl", 1, F_DUPFD),
    EQUAL("fcntl", 1, F_DUPFD_CLOEXEC),
    EQUAL("fcntl", 1, F_GETFD),
    EQUAL("fcntl", 1, F_SETFD),
    EQUAL("fcntl", 1, F_GETFL),
    EQUAL("fcntl", 1, F_SETFL),
    EQUAL("fcntl", 1, F_ADD_SEALS),
    EQUAL("fcntl", 1, F_GET_SEALS),
    /* What a terminal, a socket or a pipe is asked: TCGETS, FIONREAD, FIONBIO, TIOCOUTQ. */
    EQUAL("ioctl", 1, 0x5401),
    EQUAL("ioctl", 1, 0x541b),
    EQUAL("ioctl", 1, 0x5421),
    EQUAL("ioctl", 1, 0x5411),
    {NULL},
};

/* Memory that is never a program. */
static const struct sandbox_call no_code[] = {
    MASKED("mmap", 2, PROT_EXEC, 0),
    MASKED("mprotect", 2, PROT_EXEC, 0),
    {NULL},
};

/* No file is opened; what a library tries in passing is told so. */
static const struct sandbox_call no_files[] = {
    EQUAL("newfstatat", 3, AT_EMPTY_PATH),
    EQUAL("statx", 2, AT_EMPTY_PATH),
    REFUSE("open", EACCES),
    REFUSE("openat", EACCES),
    REFUSE("access", EACCES),
    REFUSE("faccessat", EACCES),
    REFUSE("faccessat2", EACCES),
    REFUSE("readlink", EACCES),
    REFUSE("readlinkat", EACCES),
    REFUSE("stat", EACCES),
    REFUSE("lstat", EACCES),
    {NULL},
};

/* Files of the plan: landlock and the root say which. */
static const struct sandbox_call files[] = {
    ALLOW("openat"),     ALLOW("newfstatat"),
    ALLOW("statx"),      ALLOW("stat"),
    ALLOW("lstat"),      ALLOW("statfs"),
    ALLOW("access"),     ALLOW("faccessat"),
    ALLOW("faccessat2"), ALLOW("readlink"),
    ALLOW("readlinkat"), ALLOW("getdents64"),
    ALLOW("pread64"),    {NULL},
};

/* Threads of this process. clone3 hides its flags from us: without it libc takes clone. */
static const struct sandbox_call threads[] = {
    MASKED("clone", 0, CLONE_THREAD | CLONE_VM | NEW_NAMESPACES, CLONE_THREAD | CLONE_VM),
    REFUSE("clone3", ENOSYS),
    ALLOW("set_robust_list"),
    ALLOW("rseq"),
    ALLOW("futex_waitv"),
    ALLOW("sched_setaffinity"),
    ALLOW("sched_getparam"),
    ALLOW("sched_getscheduler"),
    ALLOW("sched_get_priority_max"),
    ALLOW("sched_get_priority_min"),
    REFUSE("sched_setscheduler", EPERM),
    REFUSE("sched_setattr", EPERM),
    REFUSE("setpriority", EPERM),
    REFUSE("get_mempolicy", EPERM),
    REFUSE("set_mempolicy", EPERM),
    REFUSE("mbind", EPERM),
    EQUAL("prctl", 0, 15),         /* PR_SET_NAME */
    EQUAL("prctl", 0, 16),         /* PR_GET_NAME */
    EQUAL("prctl", 0, 0x53564d41), /* PR_SET_VMA: glibc and Mesa name their memory */
    ALLOW("membarrier"),
    {NULL},
};

static const struct sandbox_call door[] = {
    ALLOW("getppid"),
    ALLOW("accept4"),
    EQUAL("socketpair", 0, AF_UNIX),
    {NULL},
};

/* Buffers: udmabuf, dma_heap, dma-buf and the DRM node, which were opened before. */
static const struct sandbox_call exporters[] = {
    IOCTLS('u'), IOCTLS('H'), IOCTLS('b'), IOCTLS('d'), {NULL},
};

/* Pictures that are kept (--display=file), in the one folder that the plan has. */
static const struct sandbox_call gpu_pictures[] = {
    ALLOW("openat"), ALLOW("renameat"), ALLOW("renameat2"), ALLOW("unlinkat"), {NULL},
};

static const struct sandbox_call media_file[] = {
    EQUAL("fcntl", 1, F_SETPIPE_SZ),
    ALLOW("inotify_init1"),
    ALLOW("inotify_add_watch"),
    ALLOW("inotify_rm_watch"),
    EQUAL("socket", 0, AF_UNIX),
    ALLOW("connect"),
    {NULL},
};

static const struct sandbox_call media_v4l2[] = {
    IOCTLS('V'),
    {NULL},
};

static const struct sandbox_call opener[] = {ALLOW("openat"), {NULL}};

/* Sockets of the desktop; libspa's modules and their memory. */
static const struct sandbox_call media_pipewire[] = {
    EQUAL("socket", 0, AF_UNIX),
    ALLOW("connect"),
    ALLOW("setsockopt"),
    ALLOW("getsockname"),
    ALLOW("getpeername"),
    ALLOW("mlock"),
    ALLOW("munlock"),
    ALLOW("mmap"),
    ALLOW("mprotect"),
    ALLOW("uname"),
    ALLOW("getgid"),
    ALLOW("getegid"),
    ALLOW("dup"),
    ALLOW("pipe2"),
    ALLOW("timerfd_gettime"),
    ALLOW("fadvise64"),
    {NULL},
};

/* What drivers of OpenGL and Vulkan do: they compile programs, and speak to their devices. */
static const struct sandbox_call drivers[] = {
    ALLOW("mmap"),
    ALLOW("mprotect"),
    ALLOW("mlock"),
    ALLOW("munlock"),
    ALLOW("msync"),
    ALLOW("mincore"),
    ALLOW("ioctl"),
    ALLOW("dup"),
    ALLOW("dup2"),
    ALLOW("dup3"),
    ALLOW("fcntl"),
    ALLOW("kcmp"),
    ALLOW("pipe2"),
    EQUAL("socketpair", 0, AF_UNIX),
    ALLOW("setsockopt"),
    ALLOW("getsockname"),
    ALLOW("uname"),
    ALLOW("getgid"),
    ALLOW("getegid"),
    ALLOW("getppid"),
    ALLOW("getrusage"),
    ALLOW("times"),
    ALLOW("clock_getres"),
    ALLOW("timerfd_gettime"),
    ALLOW("getcwd"),
    ALLOW("fadvise64"),
    ALLOW("flock"),
    ALLOW("fsync"),
    ALLOW("inotify_init1"),
    ALLOW("inotify_add_watch"),
    ALLOW("inotify_rm_watch"),
    ALLOW("close_range"),
    {NULL},
};

/* A render server: landlock says what may be started (nothing but it), and whom signals reach. */
static const struct sandbox_call servers[] = {
    ALLOW("kill"),
    ALLOW("rt_sigtimedwait"),
    ALLOW("setsid"),
    {NULL},
};

static const struct sandbox_call processes[] = {
    MASKED("clone", 0, NEW_NAMESPACES, 0),
    ALLOW("fork"),
    ALLOW("vfork"),
    ALLOW("execve"),
    ALLOW("arch_prctl"),
    ALLOW("set_tid_address"),
    ALLOW("wait4"),
    ALLOW("waitid"),
    ALLOW("pidfd_open"),
    ALLOW("pidfd_send_signal"),
    ALLOW("setpgid"),
    ALLOW("getpgid"),
    ALLOW("prlimit64"),
    EQUAL("prctl", 0, 1),  /* PR_SET_PDEATHSIG */
    EQUAL("prctl", 0, 36), /* PR_SET_CHILD_SUBREAPER */
    {NULL},
};

/* Installs the render server's own list. */
static const struct sandbox_call filters[] = {ALLOW("seccomp"), {NULL}};

/* Never made in good faith: where the rest is refused, these are death. */
static const struct sandbox_call hostile[] = {
    KILL("ptrace"),
    KILL("process_vm_readv"),
    KILL("process_vm_writev"),
    KILL("process_madvise"),
    KILL("kill"),
    KILL("tkill"),
    KILL("rt_sigqueueinfo"),
    KILL("rt_tgsigqueueinfo"),
    KILL("bpf"),
    KILL("perf_event_open"),
    KILL("userfaultfd"),
    KILL("kexec_load"),
    KILL("kexec_file_load"),
    KILL("init_module"),
    KILL("finit_module"),
    KILL("delete_module"),
    KILL("reboot"),
    KILL("swapon"),
    KILL("swapoff"),
    KILL("acct"),
    KILL("setns"),
    KILL("open_by_handle_at"),
    KILL("add_key"),
    KILL("request_key"),
    KILL("keyctl"),
    KILL("iopl"),
    KILL("ioperm"),
    KILL("modify_ldt"),
    KILL("io_uring_setup"),
    KILL("settimeofday"),
    KILL("clock_settime"),
    KILL("mknod"),
    KILL("mknodat"),
    KILL("quotactl"),
    KILL("sethostname"),
    {NULL},
};

/* Who starts no program. */
static const struct sandbox_call no_programs[] = {KILL("execve"), KILL("execveat"), {NULL}};

/* The starter's children still have to make these, to shut themselves in. */
static const struct sandbox_call hostile_later[] = {
    KILL("mount"),    KILL("umount2"), KILL("move_mount"), KILL("pivot_root"),
    KILL("chroot"),   KILL("unshare"), KILL("setuid"),     KILL("setresuid"),
    KILL("setreuid"), KILL("setgid"),  KILL("setresgid"),  KILL("setgroups"),
    {NULL},
};

/* Starting a program, and all that a worker does until it has shut itself in. */
static const struct sandbox_call starter[] = {
    ALLOW("mmap"),
    ALLOW("mprotect"),
    ALLOW("ioctl"),
    ALLOW("fcntl"),
    ALLOW("prctl"),
    ALLOW("prlimit64"),
    ALLOW("setrlimit"),
    ALLOW("clone"),
    ALLOW("clone3"),
    ALLOW("execveat"),
    ALLOW("open"),
    ALLOW("mkdir"),
    ALLOW("mkdirat"),
    ALLOW("unlink"),
    ALLOW("chdir"),
    ALLOW("fchdir"),
    ALLOW("getresuid"),
    ALLOW("getresgid"),
    ALLOW("getgroups"),
    ALLOW("sched_setscheduler"),
    ALLOW("sched_setattr"),
    ALLOW("setpriority"),
    ALLOW("get_mempolicy"),
    ALLOW("set_mempolicy"),
    ALLOW("mbind"),
    ALLOW("unshare"),
    ALLOW("mount"),
    ALLOW("umount2"),
    ALLOW("fsopen"),
    ALLOW("fsconfig"),
    ALLOW("fsmount"),
    ALLOW("open_tree"),
    ALLOW("move_mount"),
    ALLOW("mount_setattr"),
    ALLOW("pivot_root"),
    ALLOW("chroot"),
    ALLOW("landlock_create_ruleset"),
    ALLOW("landlock_add_rule"),
    ALLOW("landlock_restrict_self"),
    ALLOW("capset"),
    ALLOW("capget"),
    EQUAL("socket", 0, AF_UNIX),
    ALLOW("connect"),
    ALLOW("pkey_alloc"),
    ALLOW("set_mempolicy_home_node"),
    {NULL},
};

/* In each, what comes first counts where two lists speak of the same call in different ways. */
static const struct sandbox_call *const roles[SANDBOX_ROLES][12] = {
    [SANDBOX_STARTER] = {hostile, starter, processes, drivers, media_pipewire, filters, common,
                         files, threads, door, gpu_pictures},
    [SANDBOX_STARTER_VENUS] = {servers, hostile, starter, processes, drivers, filters, common,
                               files, threads, door, gpu_pictures},
    [SANDBOX_DOOR] = {common, no_code, no_files, door},
    [SANDBOX_GPU_MEMORY] = {common, exporters, no_code, no_files, threads},
    [SANDBOX_GPU_PICTURES] = {common, exporters, gpu_pictures, no_code, no_files, threads},
    [SANDBOX_GPU_3D] = {no_programs, hostile, hostile_later, drivers, common, files, gpu_pictures,
                        threads},
    [SANDBOX_GPU_VENUS] = {servers, hostile, hostile_later, drivers, processes, common, files,
                           gpu_pictures, threads, filters},
    [SANDBOX_RENDER_SERVER] = {servers, hostile, hostile_later, drivers, processes, common, files,
                               threads},
    [SANDBOX_MEDIA] = {common, exporters, no_code, no_files, threads},
    [SANDBOX_MEDIA_FILE] = {common, exporters, no_code, files, threads, media_file},
    [SANDBOX_MEDIA_V4L2] = {common, exporters, no_code, no_files, threads, media_v4l2},
    [SANDBOX_OPENER] = {common, no_code, opener},
    [SANDBOX_MEDIA_PIPEWIRE] = {no_programs, hostile, hostile_later, media_pipewire, common,
                                exporters, files, threads},
};

const struct sandbox_call *const *sandbox_tables(enum sandbox_role role)
{
    return roles[role];
}

bool sandbox_is_closed(enum sandbox_role role)
{
    return role != SANDBOX_STARTER && role != SANDBOX_STARTER_VENUS && role != SANDBOX_GPU_3D &&
           role != SANDBOX_GPU_VENUS && role != SANDBOX_RENDER_SERVER &&
           role != SANDBOX_MEDIA_PIPEWIRE;
}
