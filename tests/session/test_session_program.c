/* SPDX-License-Identifier: MIT */
#include "gpu_story.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subject.h"

static void prints_its_capabilities(void **state)
{
    bool gpu = strcmp(story(state)->cast.program, STORY_GPU) == 0;
    struct json_object *json, *type, *features;
    char output[8192], help[16384];

    story(state)->ended = true;
    assert_int_equal(story_run(story(state), "--help", help, sizeof(help)), 0);
    assert_int_equal(story_run(story(state), "--print-capabilities", output, sizeof(output)), 0);
    json = json_tokener_parse(output);
    assert_non_null(json);
    assert_true(json_object_object_get_ex(json, "type", &type));
    assert_string_equal(json_object_get_string(type), gpu ? "gpu" : "media");
    /* Each is an option that libvirt may use. */
    assert_true(json_object_object_get_ex(json, "features", &features));
    for (size_t i = 0; i < json_object_array_length(features); i++) {
        const char *word = json_object_get_string(json_object_array_get_idx(features, i));
        char option[64];

        snprintf(option, sizeof(option), "--%s", word);
        assert_non_null(strstr(help, option));
    }
    json_object_put(json);
    /* The rest of the command line is of no account then. */
    assert_int_equal(
        story_run(story(state), "--print-capabilities --fd=99", output, sizeof(output)), 0);
}

static void explains_its_options(void **state)
{
    char output[16384];

    story(state)->ended = true;
    assert_int_equal(story_run(story(state), "--help", output, sizeof(output)), 0);
    assert_non_null(strstr(output, "--socket-path"));
    assert_non_null(strstr(output, "--window"));
}

static void refuses_nonsense_with_a_sentence(void **state)
{
    const char *const nonsense[] = {
        "",
        "--no-such-option",
        "--socket-path=/nonexistent/folder/socket",
        "--fd=99",
        "--fd=x",
        "--socket-path=none --fd=3",
        "--socket-path=none --window=0",
        "--socket-path=none --window=100",
        "--socket-path=none --window=3M",
        "--socket-path=none --window=many",
        "--socket-path=none --window=-1",
        "--socket-path=none --window=99999999999999999999",
        "--socket-path=none --mapping=some",
        "--socket-path=none --output=big",
        "--socket-path=none --output=1280x800,name=",
        "--socket-path=none --output=1280x800 --output=none",
        "--socket-path=none --output=none --output=1280x800",
        "--socket-path=none --display=window",
        "--socket-path=none --pointer=front",
        "--socket-path=none --display=file:",
    };
    char output[8192];

    story(state)->ended = true;
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        int status = story_run(story(state), nonsense[i], output, sizeof(output));

        if (status == 0 || status >= 124 || strlen(output) < 10)
            fail_msg("'%s' gives status %d and says: %s", nonsense[i], status, output);
    }
}

/* Whoever insists on what is not to be had here is told so at once, not only in a log for ever. */
static void ends_when_it_cannot_be_what_was_asked_for(void **state)
{
    static const struct {
        const char *path, *arguments;
    } kinds[] = {
        {"/dev/udmabuf", "--socket-path=none --exporter=udmabuf"},
        {"/dev/dma_heap/system", "--socket-path=none --exporter=dma_heap"},
        {"/dev/dri", "--socket-path=none --exporter=gbm"},
    };
    char output[8192];

    story(state)->ended = true;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (access(kinds[i].path, F_OK) == 0)
            continue;
        assert_int_equal(story_run(story(state), kinds[i].arguments, output, sizeof(output)), 1);
        if (strstr(output, kinds[i].path) == NULL || strstr(output, "--exporter=auto") == NULL)
            fail_msg("'%s' says: %s", kinds[i].arguments, output);
    }
}

static const char *text_at(struct json_object *json, const char *path)
{
    struct json_object *value;

    return json_pointer_get(json, path, &value) == 0 ? json_object_get_string(value) : "";
}

/* Without EGL and a render server there is neither OpenGL nor Vulkan: the check says so, and so
 * does the program to who asks for them by name. */
static void renderers_that_do_not_work_are_refused(void **state)
{
    static const char *const names[] = {"virgl", "venus"};
    struct json_object *json;
    char output[16384];

    story(state)->ended = true;
    setenv("__EGL_VENDOR_LIBRARY_DIRS", "/nonexistent", 1);
    setenv("RENDER_SERVER_EXEC_PATH", "/nonexistent", 1);
    assert_int_equal(story_run(story(state), "--check 2>/dev/null", output, sizeof(output)), 0);
    json = json_tokener_parse(output);
    assert_non_null(json);
    assert_string_equal(text_at(json, "/auto"), "memory");
    assert_string_equal(text_at(json, "/renderers/memory/in"), "true");
    for (unsigned i = 0; i < 2; i++) {
        char path[64], arguments[128];
        char why[26]; /* a process that dies may end with words of its own */

        snprintf(path, sizeof(path), "/renderers/%s/in", names[i]);
        assert_string_equal(text_at(json, path), "false");
        snprintf(path, sizeof(path), "/renderers/%s/why", names[i]);
        snprintf(why, sizeof(why), "%s", text_at(json, path));
        assert_true(strlen(why) > 10);
        snprintf(arguments, sizeof(arguments), "--socket-path=none --renderer=%s", names[i]);
        assert_int_equal(story_run(story(state), arguments, output, sizeof(output)), 1);
        if (strstr(output, why) == NULL || strstr(output, "--renderer=auto") == NULL)
            fail_msg("'%s' says: %s, and not: %s", arguments, output, why);
    }
    unsetenv("__EGL_VENDOR_LIBRARY_DIRS");
    unsetenv("RENDER_SERVER_EXEC_PATH");
    json_object_put(json);
}

static void a_second_client_is_refused(void **state)
{
    struct story *s = story(state);

    story_start(s, NULL);
    story_join(s);
    subject_bind(s);
    for (unsigned i = 0; i < 10; i++) {
        struct pollfd second = {.fd = daemon_process_connect(&s->daemon), .events = POLLIN};
        char byte;

        if (second.fd == -ECONNREFUSED)
            continue;
        assert_true(second.fd >= 0);
        assert_int_equal(poll(&second, 1, 5000), 1);
        assert_true(recv(second.fd, &byte, 1, 0) <= 0);
        close(second.fd);
        subject_serves(s);
    }
    story_end(s);
}

/* Who may open the socket may read guest memory. */
static void its_sockets_are_private(void **state)
{
    struct story *s = story(state);
    struct stat st;

    story_start(s, NULL);
    assert_int_equal(stat(s->daemon.socket_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07, 0);
    assert_int_equal(stat(s->daemon.control_path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0);
    story_end(s);
}

/* In a folder that everybody may look into. */
static void others_cannot_connect(void **state)
{
    struct story *s = story(state);
    int status;
    pid_t other;

    story_start(s, NULL);
    if (geteuid() != 0) {
        print_message("only root can be somebody else\n");
        skip();
    }
    assert_int_equal(chmod(s->daemon.dir, 0755), 0);
    other = fork();
    if (other == 0) {
        struct daemon_process control = s->daemon;

        memcpy(control.socket_path, control.control_path, sizeof(control.socket_path));
        if (setresuid(65534, 65534, 65534) < 0)
            _exit(3);
        _exit((daemon_process_connect(&s->daemon) == -EACCES ? 0 : 1) +
              (daemon_process_connect(&control) == -EACCES ? 0 : 2));
    }
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(status, 0);
    story_join(s);
    subject_bind(s);
    subject_serves(s);
    story_end(s);
}

static void ends_while_a_guest_uses_it(void **state)
{
    struct story *s = story(state);
    pid_t worker;

    story_start(s, NULL);
    story_join(s);
    subject_bind(s);
    assert_true(subject_map(s));
    worker = story_worker(s);
    assert_int_equal(daemon_process_stop(&s->daemon, 1000), 0);
    assert_false(daemon_process_alive(worker));
    assert_int_not_equal(access(s->daemon.socket_path, F_OK), 0);
    assert_int_not_equal(access(s->daemon.control_path, F_OK), 0);
    assert_int_equal(frontend_await_close(&s->frontend, 1000), 0);
    s->ended = true;
}

/* --fd=N with a connected socket, as libvirt and QEMU's tests start a back-end. */
static void serves_an_inherited_socket(void **state)
{
    struct story *s = story(state);
    struct frontend_plan plan;
    int socket, status;

    const char *const arguments[] = {"--window=64M", s->cast.mapping, NULL};

    assert_int_equal(daemon_process_start_fd(&s->daemon, s->cast.program, arguments, &socket), 0);
    frontend_plan_init(&plan, s->cast.habit);
    s->joined = true;
    assert_int_equal(frontend_init(&s->frontend, &plan, socket), 0);
    assert_int_equal(frontend_negotiate(&s->frontend), 0);
    assert_int_equal(frontend_start(&s->frontend), 0);
    gpu_story_bind(s);
    gpu_story_create_mapped(s, 1, MIB, MIB);
    gpu_story_verify_up(s, 1, MIB, MIB, 5);
    story_assert_clean(s);
    frontend_finish(&s->frontend);
    s->joined = false;
    /* Nobody can come again. */
    status = daemon_process_wait(&s->daemon, 5000);
    assert_true(status >= 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    s->ended = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(prints_its_capabilities, gpu_qemu_arena),
        STORY(prints_its_capabilities, media_qemu),
        STORY(explains_its_options, gpu_qemu_arena),
        STORY(explains_its_options, media_qemu),
        STORY(refuses_nonsense_with_a_sentence, gpu_qemu_arena),
        STORY(refuses_nonsense_with_a_sentence, media_qemu),
        STORY(ends_when_it_cannot_be_what_was_asked_for, gpu_qemu_arena),
        STORY(ends_when_it_cannot_be_what_was_asked_for, media_qemu),
        STORY(renderers_that_do_not_work_are_refused, gpu_qemu_arena),
        STORY(a_second_client_is_refused, gpu_qemu_arena),
        STORY(a_second_client_is_refused, media_qemu),
        STORY(its_sockets_are_private, gpu_qemu_arena),
        STORY(its_sockets_are_private, media_qemu),
        STORY(others_cannot_connect, gpu_qemu_arena),
        STORY(others_cannot_connect, media_qemu),
        STORY(ends_while_a_guest_uses_it, gpu_qemu_arena),
        STORY(ends_while_a_guest_uses_it, media_qemu),
        STORY(ends_while_a_guest_uses_it, gpu_crosvm_single),
        STORY(serves_an_inherited_socket, gpu_qemu_arena),
        STORY(serves_an_inherited_socket, gpu_crosvm_single),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
