/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into a device's processes: counts the calls that a host in need refuses, and refuses
 * one of them. Who does what is told by the shared page (nth_page.h).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/shortage/nth_page.h"

/* What glibc's own allocator is also called. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *old);

static struct nth_page *page;
static enum nth_role role = NTH_ROLES;
static bool forked;
static uintptr_t linker_begin, linker_end;
static __thread bool inside;

/* ---- deciding ---- */

static void note_frames(void)
{
    void *frames[NTH_FRAMES + 2];
    int n = backtrace(frames, NTH_FRAMES + 2);
    Dl_info info;

    for (int i = 2; i < n; i++) {
        const char *name = "?";
        uintptr_t at = (uintptr_t)frames[i];

        if (dladdr(frames[i], &info) != 0 && info.dli_fname != NULL) {
            name = strrchr(info.dli_fname, '/') != NULL ? strrchr(info.dli_fname, '/') + 1
                                                        : info.dli_fname;
            at -= (uintptr_t)info.dli_fbase;
        }
        snprintf(page->where[i - 2], NTH_FRAME_TEXT, "%s+0x%lx", name, (unsigned long)at);
    }
}

/* Counts a call. True if it is to fail. */
static bool fails(enum nth_kind kind, int error)
{
    uint64_t at, nth;

    if (page == NULL || role == NTH_ROLES || inside)
        return false;
    at = atomic_fetch_add(&page->count[role][kind], 1) + 1;
    nth = atomic_load(&page->nth);
    if (nth == 0 || atomic_load(&page->role) != role || atomic_load(&page->kind) != kind ||
        at < nth || at >= nth + atomic_load(&page->times))
        return false;
    inside = true;
    if (atomic_fetch_add(&page->fired, 1) == 0)
        note_frames();
    inside = false;
    errno = error;
    return true;
}

/* ---- at the beginning ---- */

static int find_linker(struct dl_phdr_info *info, size_t size, void *data)
{
    if (info->dlpi_name == NULL || strstr(info->dlpi_name, "/ld-linux") == NULL)
        return 0;
    linker_begin = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            linker_end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1;
}

static __attribute__((constructor)) void begin(int argc, char **argv)
{
    const char *number = getenv(NTH_PAGE_FD);
    void *frames[2], *at;

    if (number == NULL || argc < 1 || strstr(argv[0], "hostblob-") == NULL)
        return;
    at = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(number), 0);
    if (at == MAP_FAILED)
        return;
    backtrace(frames, 2); /* loads what it needs, once */
    dl_iterate_phdr(find_linker, NULL);
    role = NTH_STARTER;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--worker=", 9) == 0)
            role = NTH_WORKER;
        else if (strncmp(argv[i], "--upgrade=", 10) == 0 && role != NTH_WORKER)
            role = NTH_BESIDE;
    page = at;
    atomic_store(&page->live[role], 0);
}

static void *next(const char *name)
{
    bool was = inside;
    void *found;

    inside = true;
    found = dlsym(RTLD_NEXT, name);
    inside = was;
    if (found == NULL)
        abort();
    return found;
}

#define NEXT(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (real == NULL)                                                                              \
    real = next(#name)

/* ---- memory ---- */

/* The linker ends the program where it gets none: that is not ours to judge. */
static bool memory_fails(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;

    return (at < linker_begin || at >= linker_end) && fails(NTH_MEMORY, ENOMEM);
}

static void *counted(void *memory)
{
    if (memory != NULL && page != NULL && role != NTH_ROLES)
        atomic_fetch_add(&page->live[role], 1);
    return memory;
}

void *malloc(size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    void *memory;

    if (size != 0 && memory_fails(__builtin_return_address(0)))
        return NULL;
    memory = __libc_realloc(old, size);
    return old == NULL ? counted(memory) : memory;
}

void *reallocarray(void *old, size_t count, size_t size)
{
    void *memory;

    if (memory_fails(__builtin_return_address(0)) || __builtin_mul_overflow(count, size, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    memory = __libc_realloc(old, size);
    return old == NULL ? counted(memory) : memory;
}

void *memalign(size_t align, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
    return memory_fails(__builtin_return_address(0)) ? NULL : counted(__libc_memalign(align, size));
}

int posix_memalign(void **to, size_t align, size_t size)
{
    void *memory;

    if (memory_fails(__builtin_return_address(0)))
        return ENOMEM;
    memory = counted(__libc_memalign(align, size));
    if (memory == NULL)
        return ENOMEM;
    *to = memory;
    return 0;
}

void free(void *old)
{
    if (old != NULL && page != NULL && role != NTH_ROLES)
        atomic_fetch_sub(&page->live[role], 1);
    __libc_free(old);
}

/* ---- maps and files without a name ---- */

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t offset)
{
    NEXT(mmap);
    return fails(NTH_MAP, ENOMEM) ? MAP_FAILED : real(at, size, access, flags, fd, offset);
}

void *mmap64(void *at, size_t size, int access, int flags, int fd, off64_t offset)
{
    return mmap(at, size, access, flags, fd, offset);
}

int mprotect(void *at, size_t size, int access)
{
    NEXT(mprotect);
    return fails(NTH_MAP, ENOMEM) ? -1 : real(at, size, access);
}

int memfd_create(const char *name, unsigned flags)
{
    NEXT(memfd_create);
    return fails(NTH_MAP, ENOMEM) || fails(NTH_OPEN, EMFILE) ? -1 : real(name, flags);
}

int ftruncate(int fd, off_t size)
{
    NEXT(ftruncate);
    return fails(NTH_MAP, ENOSPC) ? -1 : real(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    NEXT(fallocate);
    return fails(NTH_MAP, ENOSPC) ? -1 : real(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    return fallocate(fd, mode, offset, size);
}

/* ---- descriptors ---- */

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(args, int) : 0;
}

int open(const char *path, int flags, ...)
{
    NEXT(open);
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    NEXT(openat);
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return openat(at, path, flags, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open(path, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return open(path, flags);
}

int __openat_2(int at, const char *path, int flags);
int __openat_2(int at, const char *path, int flags)
{
    return openat(at, path, flags);
}

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen);
    return fails(NTH_OPEN, EMFILE) ? NULL : real(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return fopen(path, mode);
}

DIR *opendir(const char *path)
{
    NEXT(opendir);
    return fails(NTH_OPEN, EMFILE) ? NULL : real(path);
}

int socket(int family, int type, int protocol)
{
    NEXT(socket);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(family, type, protocol);
}

int socketpair(int family, int type, int protocol, int pair[2])
{
    NEXT(socketpair);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(family, type, protocol, pair);
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    NEXT(accept4);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(fd, address, size, flags);
}

int accept(int fd, struct sockaddr *address, socklen_t *size)
{
    NEXT(accept);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(fd, address, size);
}

int pipe2(int pair[2], int flags)
{
    NEXT(pipe2);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(pair, flags);
}

int eventfd(unsigned value, int flags)
{
    NEXT(eventfd);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(value, flags);
}

int epoll_create1(int flags)
{
    NEXT(epoll_create1);

    /* The one child of the starter's that has a loop, and is no other program. */
    if (forked && role == NTH_STARTER) {
        role = NTH_DOOR;
        atomic_store(&page->live[role], 0);
    }
    return fails(NTH_OPEN, EMFILE) ? -1 : real(flags);
}

int timerfd_create(int clock, int flags)
{
    NEXT(timerfd_create);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(clock, flags);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
    NEXT(signalfd);
    return fd < 0 && fails(NTH_OPEN, EMFILE) ? -1 : real(fd, set, flags);
}

int inotify_init1(int flags)
{
    NEXT(inotify_init1);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(flags);
}

int pidfd_open(pid_t pid, unsigned flags)
{
    NEXT(pidfd_open);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(pid, flags);
}

int dup(int fd)
{
    NEXT(dup);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(fd);
}

int dup3(int fd, int to, int flags)
{
    NEXT(dup3);
    return fails(NTH_OPEN, EMFILE) ? -1 : real(fd, to, flags);
}

int fcntl(int fd, int command, ...)
{
    NEXT(fcntl);
    va_list args;
    void *argument;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && fails(NTH_OPEN, EMFILE))
        return -1;
    return real(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
    va_list args;
    void *argument;

    va_start(args, command);
    argument = va_arg(args, void *);
    va_end(args);
    return fcntl(fd, command, argument);
}

/* ---- sockets ---- */

ssize_t send(int fd, const void *bytes, size_t size, int flags)
{
    NEXT(send);
    return fails(NTH_SEND, ENOBUFS) ? -1 : real(fd, bytes, size, flags);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to,
               socklen_t length)
{
    NEXT(sendto);
    return fails(NTH_SEND, ENOBUFS) ? -1 : real(fd, bytes, size, flags, to, length);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    NEXT(sendmsg);
    return fails(NTH_SEND, ENOBUFS) ? -1 : real(fd, message, flags);
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
    NEXT(recv);
    return fails(NTH_RECEIVE, ENOMEM) ? -1 : real(fd, to, size, flags);
}

ssize_t recvfrom(int fd, void *to, size_t size, int flags, struct sockaddr *from, socklen_t *length)
{
    NEXT(recvfrom);
    return fails(NTH_RECEIVE, ENOMEM) ? -1 : real(fd, to, size, flags, from, length);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    NEXT(recvmsg);
    return fails(NTH_RECEIVE, ENOMEM) ? -1 : real(fd, message, flags);
}

int epoll_ctl(int fd, int what, int other, struct epoll_event *event)
{
    NEXT(epoll_ctl);
    return what == EPOLL_CTL_ADD && fails(NTH_WATCH, ENOSPC) ? -1 : real(fd, what, other, event);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    NEXT(inotify_add_watch);
    return fails(NTH_WATCH, ENOSPC) ? -1 : real(fd, path, mask);
}

/* ---- processes and threads ---- */

pid_t fork(void)
{
    NEXT(fork);
    pid_t pid;

    if (fails(NTH_CLONE, EAGAIN))
        return -1;
    pid = real();
    forked = forked || pid == 0;
    return pid;
}

int execv(const char *path, char *const argv[])
{
    NEXT(execv);
    return fails(NTH_CLONE, ENOMEM) ? -1 : real(path, argv);
}

/* Other calls have functions. */
long syscall(long number, ...)
{
    NEXT(syscall);
    va_list args;
    long a[6];

    va_start(args, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_execveat && fails(NTH_CLONE, ENOMEM))
        return -1;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *data)
{
    NEXT(pthread_create);
    return fails(NTH_CLONE, EAGAIN) ? EAGAIN : real(thread, attributes, run, data);
}
