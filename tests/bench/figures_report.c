/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/figures.h"

/* The folder of --report: figures.jsonl, table.txt, and the plots, which the script 'report' draws
 * that lies beside this program. */

static char json_path[4096];

static int trouble(const char *what, const char *path, int error)
{
    fprintf(stderr, "hostblob-bench: %s %s: %s\n", path, what, strerror(error));
    return -error;
}

int figures_begin_report(struct options *options)
{
    if (options->report == NULL)
        return 0;
    if (mkdir(options->report, 0777) < 0 && errno != EEXIST)
        return trouble("cannot be made", options->report, errno);
    if (options->json != NULL)
        return 0;
    if ((size_t)snprintf(json_path, sizeof(json_path), "%s/figures.jsonl", options->report) >=
        sizeof(json_path))
        return trouble("is too long", options->report, ENAMETOOLONG);
    unlink(json_path);
    options->json = json_path;
    return 0;
}

static int write_table(struct figures *figures)
{
    char path[4200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/table.txt", figures->options->report);
    file = fopen(path, "we");
    if (file == NULL)
        return trouble("cannot be written", path, errno);
    figures_print(figures, file);
    return fclose(file) == 0 ? 0 : trouble("cannot be written", path, errno);
}

static int draw(const struct options *options)
{
    char path[4096 + 16] = "";
    ssize_t size = readlink("/proc/self/exe", path, 4095);
    char *slash = size > 0 ? strrchr(path, '/') : NULL;
    int status = 0;
    pid_t pid;

    if (slash == NULL)
        return trouble("cannot be found", "report", ENOENT);
    strcpy(slash, "/report");
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        execl(path, path, options->json, options->report, (char *)NULL);
        perror(path);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return trouble("cannot be run", path, errno);
    return status == 0 ? 0 : trouble("has failed", path, EIO);
}

int figures_report(struct figures *figures)
{
    int r;

    if (figures->options->report == NULL)
        return 0;
    r = write_table(figures);
    return r == 0 ? draw(figures->options) : r;
}
