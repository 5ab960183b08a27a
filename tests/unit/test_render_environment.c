/* SPDX-License-Identifier: MIT */
#include "tests/unit/fd_count.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpu/render_environment.h"

/* What is found is kept for the process's life: each case has a process of its own. */
static bool in_child(bool (*check)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(check() ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

static char folder[] = "/tmp/hostblob-test-XXXXXX";
static char manifest[sizeof(folder) + 32], library[sizeof(folder) + 32];

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fclose(file);
}

static int make_folder(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(manifest, sizeof(manifest), "%s/VkLayer_hostblob.json", folder);
    snprintf(library, sizeof(library), "%s/libVkLayer_hostblob.so", folder);
    make_file(manifest);
    make_file(library);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(manifest);
    unlink(library);
    rmdir(folder);
    return 0;
}

static bool is_empty(void)
{
    return render_environment_layer() == NULL && render_environment()[0] == NULL;
}

static void none_may_be_wanted(void **state)
{
    setenv("HOSTBLOB_VULKAN_LAYER", "", 1);
    assert_true(in_child(is_empty));
    setenv("HOSTBLOB_VULKAN_LAYER", "/nonexistent", 1);
    assert_true(in_child(is_empty));
    /* A library that was not built. */
    setenv("HOSTBLOB_VULKAN_LAYER", folder, 1);
    unlink(library);
    assert_true(in_child(is_empty));
    make_file(library);
}

static bool is_there(void)
{
    const char *const *list = render_environment();
    char path[128];

    snprintf(path, sizeof(path), "VK_ADD_LAYER_PATH=%s", folder);
    return list[0] != NULL && list[1] != NULL && list[2] == NULL && strcmp(list[0], path) == 0 &&
           strcmp(list[1], "VK_INSTANCE_LAYERS=VK_LAYER_HOSTBLOB_memory") == 0 &&
           strcmp(render_environment_layer(), folder) == 0 && render_environment() == list;
}

static void the_loader_is_told(void **state)
{
    setenv("HOSTBLOB_VULKAN_LAYER", folder, 1);
    unsetenv("VK_INSTANCE_LAYERS");
    unsetenv("VK_ADD_LAYER_PATH");
    assert_true(in_child(is_there));
}

static bool is_added(void)
{
    render_environment_apply();
    render_environment_apply();
    return strcmp(getenv("VK_INSTANCE_LAYERS"), "one:VK_LAYER_HOSTBLOB_memory") == 0 &&
           strncmp(getenv("VK_ADD_LAYER_PATH"), "/two:", 5) == 0;
}

static void others_layers_stay(void **state)
{
    setenv("HOSTBLOB_VULKAN_LAYER", folder, 1);
    setenv("VK_INSTANCE_LAYERS", "one", 1);
    setenv("VK_ADD_LAYER_PATH", "/two", 1);
    assert_true(in_child(is_added));
    unsetenv("VK_INSTANCE_LAYERS");
    unsetenv("VK_ADD_LAYER_PATH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(none_may_be_wanted),
        FD_TEST(the_loader_is_told),
        FD_TEST(others_layers_stay),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
