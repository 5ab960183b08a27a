/* SPDX-License-Identifier: MIT */
#include "hostblob/figures.h"

#include <string.h>

#include "hostblob/json_path.h"

const char *figures_kind(struct json_object *report)
{
    static const char prefix[] = "hostblob-";
    const char *program = json_path_text(report, "/program");

    return strncmp(program, prefix, strlen(prefix)) == 0 ? program + strlen(prefix) : program;
}

uint64_t figures_mapped(struct json_object *report)
{
    struct json_object *loans = json_path_get(report, "/device/loans", json_type_array);
    uint64_t bytes = 0;

    for (size_t i = 0; loans != NULL && i < json_object_array_length(loans); i++)
        bytes += json_path_number(json_object_array_get_idx(loans, i), "/size");
    return bytes;
}

uint64_t figures_errors(struct json_object *report)
{
    static const char *const counters[] = {
        "/counters/shmem_refused", "/counters/command_errors",   "/counters/chains_bad",
        "/counters/memory_lost",   "/counters/front_end_errors",
    };
    uint64_t count = 0;

    for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        count += json_path_number(report, counters[i]);
    return count;
}
