/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What a new user gets wrong, and what is said to him: each sentence names the thing, the reason
 * and the way out. The lines are those of a shell in an empty folder.
 */
struct mistake {
    const char *line;
    int status;
    const char *thing, *reason, *way_out;
    const char *only_without; /* a path: on a host that has it there is no mistake */
};

static const struct mistake mistakes[] = {
    /* Where the device is to be found. */
    {"$GPU", 1, "socket", "There is no socket", "--socket-path=PATH"},
    {"$GPU --socket-path=gone/gpu.sock", 1, "gone/gpu.sock", "no folder gone.", "Make it"},
    {"$GPU --socket-path=$(printf %0120d 0)", 1, "0000", "too long", "a shorter one"},
    {"touch file; $GPU --socket-path=file", 1, "file is there", "no socket", "another path"},
    {"$GPU --socket-path=a & sleep 0.5; $GPU --socket-path=a; r=$?; kill $!; wait; exit $r", 1,
     "the socket a.", "Another program has", "another path, or stop it"},
    {"$GPU --fd=77", 1, "Descriptor 77", "no unix stream socket", "--socket-path=PATH"},
    {"$GPU --socket-path=a --fd=3", 2, "--socket-path", "exclude each other", "one of them"},
    {"$GPU --socket-path=a --socket-group=no-such", 1, "no-such", "There is no group",
     "getent group"},
    /* What it is to be. */
    {"$GPU --socket-path=a --window=300M", 2, "--window=300M", "power of two", "--help"},
    {"$GPU --socket-path=a --window=256", 2, "--window=256", "at least 64K", "256M is 256 MiB"},
    {"$GPU --socket-path=a --window=256X", 2, "--window=256X", "must be a size", "256M or 1G"},
    {"$GPU --socket-path=a --renderer=opengl", 2, "--renderer=opengl", "must be", "virgl"},
    {"$GPU --socket-path=a --renderer=virgl --render-node=/dev/dri/renderD199", 1,
     "/dev/dri/renderD199", "No such file", "ls /dev/dri", "/dev/dri/renderD199"},
    {"$GPU --socket-path=a --exporter=udmabuf", 1, "udmabuf", "cannot open /dev/udmabuf",
     "--exporter=auto", "/dev/udmabuf"},
    {"$GPU --socket-path=a --output=1920x", 2, "--output=1920x", "WIDTHxHEIGHT", "@HZ"},
    {"$GPU --socket-path=a --limit=memry=4G", 2, "memry", "must be NAME=NUMBER", "memory"},
    {"$GPU --socket-path=a --log-level=loud", 2, "--log-level=loud", "must be", "'debug'"},
    {"$MEDIA --socket-path=a --kind=webcam", 2, "--kind=webcam", "must be one of", "v4l2"},
    {"$MEDIA --socket-path=a --kind=file", 1, "--kind=file", "nothing to read", "--file=PATH"},
    {"$MEDIA --socket-path=a --kind=file --file=gone.mp4", 1, "gone.mp4", "no such file", "mkfifo"},
    {"$MEDIA --socket-path=a --kind=v4l2", 1, "--kind=v4l2", "must say which", "--node=/dev/video"},
    {"$MEDIA --socket-path=a --kind=v4l2 --node=/dev/video199", 1, "/dev/video199", "No such file",
     "this host has:", "/dev/video199"},
    {"$MEDIA --socket-path=a --kind=v4l2 --node=/dev/null", 1, "/dev/null", "no video node",
     "this host has:"},
    {"$MEDIA --socket-path=a --size=5x5", 2, "--size=5x5", "two even numbers", "1280x720"},
    {"$GPU --socket-path=a --windw=256M", 2, "--windw", "There is no option", "--window"},
    {"$GPU --socket-path=a --window", 2, "--window", "needs an argument", "--help"},
    /* A configuration. */
    {"echo \"[gpu a]\" > c; echo windw=1G >> c; $HOSTBLOB run c", 1, "c:2: ", "no option",
     "window"},
    {"echo \"[gpu a]\" > c; echo window=300M >> c; $HOSTBLOB run c", 1, "c:2: ", "power of two",
     "window"},
    {"echo \"[video a]\" > c; $HOSTBLOB run c", 1, "c:1: ", "video", "gpu"},
    {"echo window=1G > c; $HOSTBLOB run c", 1, "c:1: ", "window", "include"},
    {"echo include=gone.conf > c; $HOSTBLOB run c", 1, "c:1: ", "gone.conf", "no file"},
    {"$HOSTBLOB run gone.conf", 1, "gone.conf", "No such file", ""},
    {"(echo \"[gpu a]\"; echo \"[media a]\") > c; $HOSTBLOB run c", 1, "c:2: ", "a", "name"},
    /* Asking and starting. */
    {"$HOSTBLOB lst", 2, "lst", "no command", "list"},
    {"$HOSTBLOB run --devices gpu", 2, "--devices", "not understood", "--help"},
    {"$HOSTBLOB run", 2, "run", "no FILE and no --device", "--help"},
    {"$HOSTBLOB", 2, "hostblob:", "Say what to do", "hostblob --help"},
    {"$HOSTBLOB run --device gpu", 2, "--device gpu", "it needs", "socket=PATH"},
    {"$HOSTBLOB run --device video,socket=a", 2, "video", "the kind must be", "'gpu' or 'media'"},
    {"$HOSTBLOB maps desktop", 1, "'desktop'", "There is no device", "hostblob list"},
    {"$HOSTBLOB screenshot gpu", 2, "screenshot", "something is missing", "FILE.png"},
};

/* The shell's line, in a folder of its own, with the programs by name. */
static int make(const struct mistake *m, char *said, size_t size)
{
    return story_shell(said, size,
                       "d=$(mktemp -d); cd \"$d\"; export GPU=\"$HOSTBLOB_GPU\" "
                       "MEDIA=\"$HOSTBLOB_MEDIA\" HOSTBLOB_RUN_DIR=\"$d/run\"; "
                       "timeout 20 sh -c '%s' 2>&1; r=$?; cd /; rm -rf \"$d\"; exit $r",
                       m->line);
}

static void each_mistake_is_explained(void **state)
{
    static char said[16384];
    unsigned bad = 0;

    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        const struct mistake *m = &mistakes[i];
        const char *const words[] = {m->thing, m->reason, m->way_out};
        int status;

        if (m->only_without != NULL && access(m->only_without, F_OK) == 0)
            continue;
        status = make(m, said, sizeof(said));
        if (status != m->status)
            bad++, print_error("%s: status %d, not %d: %s\n", m->line, status, m->status, said);
        for (size_t k = 0; k < 3; k++)
            if (strstr(said, words[k]) == NULL)
                bad++, print_error("%s: there is no \"%s\" in: %s\n", m->line, words[k], said);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
