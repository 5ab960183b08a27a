/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/guest_mapping.h"
#include "guest/guest_memory.h"
#include "guest/guest_view.h"

#define PAGE 4096u
#define SIZE (64u * PAGE)
#define GPA 0x100000u

static int wake = -1;

/* cmocka takes SIGBUS for itself before each test. */
static int memory_file(void)
{
    int fd = memfd_create("guest", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(guest_fault_init(&wake), 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    return fd;
}

static uint64_t woken(void)
{
    uint64_t count = 0;

    return read(wake, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void bytes_that_are_gone_are_zeros(void **state)
{
    int fd = memory_file();
    struct guest_mapping *mapping = guest_mapping_create(fd, PAGE, SIZE - PAGE);
    volatile uint8_t *data;

    assert_non_null(mapping);
    data = mapping->data;
    memset(mapping->data, 0x5a, SIZE - PAGE);
    assert_int_equal(ftruncate(fd, 8 * PAGE), 0);
    assert_int_equal(data[0], 0x5a);
    assert_false(guest_fault_lost(mapping->place));
    assert_int_equal(data[20 * PAGE + 7], 0);
    assert_true(guest_fault_lost(mapping->place));
    assert_int_equal(woken(), 1);
    /* One page before is another fault, one behind is not; it is told once. */
    assert_int_equal(data[8 * PAGE], 0);
    data[40 * PAGE] = 3;
    assert_int_equal(data[40 * PAGE], 3);
    assert_int_equal(woken(), 0);
    assert_int_equal(data[6 * PAGE], 0x5a); /* what is there still is */
    guest_mapping_unref(mapping);
    close(fd);
}

/* Several, as many processors run into it at once, with every other signal blocked. */
static void *touch_all(void *data)
{
    volatile uint8_t *bytes = data;

    for (unsigned page = 64; page-- > 0;)
        bytes[page * PAGE] = (uint8_t)(bytes[page * PAGE] + 1);
    return NULL;
}

static void threads_survive_too(void **state)
{
    struct guest_mapping *mapping;
    pthread_t threads[4];
    sigset_t all, before;
    int fd = memory_file();

    sigfillset(&all);
    sigdelset(&all, SIGBUS);
    for (unsigned n = 0; n < 50; n++) {
        mapping = guest_mapping_create(fd, 0, SIZE);
        assert_non_null(mapping);
        assert_int_equal(ftruncate(fd, n % 3 * PAGE), 0);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, touch_all, mapping->data), 0);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        for (unsigned i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        assert_true(guest_fault_lost(mapping->place));
        guest_mapping_unref(mapping);
        assert_int_equal(ftruncate(fd, SIZE), 0);
    }
    assert_int_equal(woken(), 50);
    close(fd);
}

/* A region that lost bytes is no memory until it is told anew. */
static void a_region_that_is_cut_is_gone(void **state)
{
    const struct guest_region_spec spec = {.gpa = GPA, .size = SIZE, .user = GPA};
    struct guest_memory memory;
    int fd = memory_file(), fds[1];
    uint64_t word = 7;

    guest_memory_init(&memory);
    fds[0] = fd_duplicate(fd);
    assert_int_equal(guest_memory_set(&memory, &spec, fds, 1), 0);
    assert_true(guest_memory_write(&memory, GPA + PAGE, &word, sizeof(word)));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_true(guest_memory_read(&memory, GPA + PAGE, &word, sizeof(word)));
    assert_true(word == 0);
    assert_false(guest_memory_read(&memory, GPA + PAGE, &word, sizeof(word)));
    assert_null(guest_memory_at(&memory, GPA, 8));
    fds[0] = fd_duplicate(fd);
    assert_int_equal(guest_memory_set(&memory, &spec, fds, 1), -EINVAL);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    fds[0] = fd_duplicate(fd);
    assert_int_equal(guest_memory_set(&memory, &spec, fds, 1), 0);
    word = 9;
    assert_true(guest_memory_write(&memory, GPA, &word, sizeof(word)));
    assert_int_equal(pread(fd, &word, sizeof(word), 0), sizeof(word));
    assert_true(word == 9); /* in the file again */
    assert_int_equal(woken(), 1);
    guest_memory_finish(&memory);
    close(fd);
}

static void pages_in_disorder_may_go_as_well(void **state)
{
    const struct guest_region_spec spec = {.gpa = GPA, .size = SIZE, .user = GPA};
    const struct guest_piece pieces[] = {{GPA + 5 * PAGE, PAGE}, {GPA + 2 * PAGE, PAGE}};
    struct guest_memory memory;
    struct guest_view *view;
    int fd = memory_file(), fds[1];

    guest_memory_init(&memory);
    fds[0] = fd_duplicate(fd);
    assert_int_equal(guest_memory_set(&memory, &spec, fds, 1), 0);
    view = guest_view_create(&memory, pieces, 2);
    assert_non_null(view);
    assert_true(guest_view_shows(view, &memory, pieces, 2));
    assert_int_equal(ftruncate(fd, 0), 0);
    memset(view->data, 1, 2 * PAGE);
    assert_int_equal(woken(), 1);
    assert_false(guest_view_shows(view, &memory, pieces, 2));
    guest_view_destroy(view);
    guest_memory_finish(&memory);
    close(fd);
}

/* Elsewhere a fault is what it was: it ends the process. */
static void other_faults_are_not_hidden(void **state)
{
    int status, fd = memory_file();
    volatile uint8_t *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child;

    assert_ptr_not_equal(data, MAP_FAILED);
    assert_int_equal(ftruncate(fd, 0), 0);
    child = fork();
    if (child == 0) {
        data[0] = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    munmap((void *)(uintptr_t)data, SIZE);
    close(fd);
}

static int begin(void **state)
{
    return guest_fault_init(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(bytes_that_are_gone_are_zeros),        FD_TEST(threads_survive_too),
        FD_TEST(a_region_that_is_cut_is_gone),         FD_TEST(pages_in_disorder_may_go_as_well),
        cmocka_unit_test(other_faults_are_not_hidden),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
