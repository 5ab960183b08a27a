/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <dlfcn.h>
#include <stdbool.h>

#include "gpu/keep_loaded.h"

/* Two of the C library's that nobody needs. */
static const char *const names[] = {"libanl.so.1", "libutil.so.1"};

static bool is_loaded(const char *name)
{
    void *handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);

    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

static void what_is_kept_stays(void **state)
{
    void *handles[2];

    for (unsigned i = 0; i < 2; i++) {
        handles[i] = dlopen(names[i], RTLD_LAZY);
        if (handles[i] == NULL)
            skip();
    }
    keep_loaded("/of-no-library.so");
    keep_loaded("anl.so.1");
    for (unsigned i = 0; i < 2; i++)
        dlclose(handles[i]);
    assert_true(is_loaded(names[0]));
    assert_false(is_loaded(names[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(what_is_kept_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
