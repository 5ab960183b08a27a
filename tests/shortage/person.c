/* SPDX-License-Identifier: MIT */
#include "tests/shortage/person.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"

void person_ask(struct person *person, const struct daemon_process *daemon, const char *line,
                int file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *person = (struct person){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    memcpy(address.sun_path, daemon->control_path, strlen(daemon->control_path) + 1);
    if (connect(person->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        fd_send(person->fd, line, strlen(line), &file, file >= 0 ? 1 : 0) < 0)
        person_finish(person);
}

bool person_hears(struct person *person, int milliseconds)
{
    struct pollfd readable = {.fd = person->fd, .events = POLLIN};
    ssize_t n;

    while (person->fd >= 0 && poll(&readable, 1, milliseconds) > 0) {
        n = read(person->fd, person->text + person->have, PERSON_TEXT - 1 - person->have);
        if (n <= 0)
            person_finish(person);
        else
            person->have += (size_t)n;
    }
    return person->fd < 0;
}

void person_finish(struct person *person)
{
    fd_close(&person->fd);
}

bool person_is_content(const struct person *person)
{
    return strstr(person->text, "\"ok\":true") != NULL;
}

bool person_is_refused(const struct person *person)
{
    return strstr(person->text, "\"ok\":false,\"error\":\"") != NULL &&
           strstr(person->text, "\"error\":\"\"") == NULL;
}
