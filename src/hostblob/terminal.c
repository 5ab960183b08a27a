/* SPDX-License-Identifier: MIT */
#include "hostblob/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"

#define OTHER_SCREEN "\033[?1049h\033[?25l"
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_BELOW "\033[J"
#define NS_PER_MS UINT64_C(1000000)

static volatile sig_atomic_t asked; /* to end */
static sigset_t outside;            /* the signal mask while it waits */
static bool has_screen, has_keys;
static struct termios before;

static void on_signal(int number)
{
    asked = 1;
}

/* They come only while it waits: no moment is missed in between. */
static void take_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = on_signal};
    sigset_t mask;

    sigemptyset(&mask);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        sigaddset(&mask, numbers[i]);
        sigaction(numbers[i], &action, NULL);
    }
    sigprocmask(SIG_BLOCK, &mask, &outside);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigdelset(&outside, numbers[i]);
}

void terminal_begin(bool plain)
{
    struct termios now;

    take_signals();
    has_screen = !plain && isatty(STDOUT_FILENO);
    has_keys = has_screen && tcgetattr(STDIN_FILENO, &before) == 0;
    if (has_keys) {
        now = before;
        now.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        now.c_cc[VMIN] = 0;
        now.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &now);
    }
    if (has_screen)
        fputs(OTHER_SCREEN, stdout);
}

void terminal_end(void)
{
    if (has_screen)
        fputs(FIRST_SCREEN, stdout);
    fflush(stdout);
    if (has_keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    has_screen = has_keys = false;
}

void terminal_clear(void)
{
    if (has_screen)
        fputs(HOME CLEAR_BELOW, stdout);
}

/* Whether a key says that it is enough. The end of the keyboard says so too. */
static bool is_enough(void)
{
    char key;
    ssize_t n = read(STDIN_FILENO, &key, 1);

    return n == 0 || (n == 1 && (key == 'q' || key == 'Q'));
}

bool terminal_wait(unsigned ms)
{
    uint64_t end = units_now_ns() + ms * NS_PER_MS, now;

    while (!asked && (now = units_now_ns()) < end) {
        struct pollfd keys = {.fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN};
        const struct timespec left = {(time_t)((end - now) / 1000000000),
                                      (long)((end - now) % 1000000000)};

        if (ppoll(&keys, 1, &left, &outside) > 0 && is_enough())
            return false;
    }
    return !asked;
}
