/* SPDX-License-Identifier: MIT */
#include "guest/guest_fault.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/units.h"

/* The handler reads these at any moment, in any thread: a place counts while its end is not 0. */
struct guest_fault_place {
    uintptr_t start, end;
    bool lost;
};

unsigned guest_fault_count;

static struct guest_fault_place places[GUEST_FAULT_PLACES];
static unsigned used; /* no place at or above this one was ever taken */
static unsigned free_hint;
static uintptr_t page_mask;
static int wake_fd = -1;

static struct guest_fault_place *find(uintptr_t at)
{
    unsigned count = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < count; i++) {
        uintptr_t end = __atomic_load_n(&places[i].end, __ATOMIC_ACQUIRE);

        if (at < end && at >= __atomic_load_n(&places[i].start, __ATOMIC_RELAXED))
            return &places[i];
    }
    return NULL;
}

static bool put_zeros(uintptr_t start, uintptr_t end)
{
    return mmap((void *)start, end - start, PROT_READ | PROT_WRITE,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* What was cut off is the end of the file. Huge pages cannot be replaced in part. */
static bool replace(const struct guest_fault_place *place, uintptr_t at)
{
    uintptr_t page = at & page_mask;

    return put_zeros(page > place->start ? page : place->start, place->end) ||
           put_zeros(place->start, place->end);
}

/* Only what may be called in the middle of anything: mmap and write are bare system calls. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    struct guest_fault_place *place = info->si_code > 0 ? find(at) : NULL;
    uint64_t one = 1;
    int saved_errno = errno;

    if (place == NULL || !replace(place, at)) {
        signal(SIGBUS, SIG_DFL); /* and the access is tried again */
    } else if (!__atomic_exchange_n(&place->lost, true, __ATOMIC_RELAXED)) {
        __atomic_add_fetch(&guest_fault_count, 1, __ATOMIC_RELEASE);
        if (write(wake_fd, &one, sizeof(one)) < 0)
            errno = saved_errno; /* it can be read already */
    }
    errno = saved_errno;
}

int guest_fault_init(int *wake)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART};

    page_mask = ~(uintptr_t)(units_page_size() - 1);
    if (wake_fd < 0)
        wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return -errno;
    *wake = wake_fd;
    return sigaction(SIGBUS, &action, NULL) < 0 ? -errno : 0;
}

struct guest_fault_place *guest_fault_watch(void *start, size_t size)
{
    for (unsigned n = 0; n < GUEST_FAULT_PLACES; n++) {
        struct guest_fault_place *place = &places[(free_hint + n) % GUEST_FAULT_PLACES];

        if (place->end != 0)
            continue;
        free_hint = (unsigned)(place - places);
        place->lost = false;
        __atomic_store_n(&place->start, (uintptr_t)start, __ATOMIC_RELAXED);
        __atomic_store_n(&place->end, (uintptr_t)start + size, __ATOMIC_RELEASE);
        if (used <= free_hint)
            __atomic_store_n(&used, free_hint + 1, __ATOMIC_RELEASE);
        return place;
    }
    errno = ENOMEM;
    return NULL;
}

void guest_fault_forget(struct guest_fault_place *place)
{
    if (place == NULL)
        return;
    __atomic_store_n(&place->end, 0, __ATOMIC_RELEASE);
    if (place < &places[free_hint])
        free_hint = (unsigned)(place - places);
}

bool guest_fault_lost(const struct guest_fault_place *place)
{
    return place != NULL && __atomic_load_n(&place->lost, __ATOMIC_RELAXED);
}
