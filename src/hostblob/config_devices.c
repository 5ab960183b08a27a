/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostblob/config.h"
#include "hostblob/device_program.h"
#include "hostblob/run_directory.h"

#define SAID 16384u /* bytes of a program's complaints */

static const char *const kinds[] = {"gpu", "media"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* What is known while devices are made of sections. */
struct making {
    struct config *config;
    struct device_set *set;
    struct option_set options[KINDS]; /* empty: its program cannot be asked */
    int asked[KINDS];                 /* what came of asking */
    bool has_directory;
    char directory[RUN_DIRECTORY_PATH];
};

static const struct option_set *options_of(const struct making *m, const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(kinds[i], kind) == 0)
            return &m->options[i];
    return NULL;
}

static void ask_programs(struct making *m)
{
    for (size_t i = 0; i < KINDS; i++) {
        char *program = device_program_path(kinds[i]);

        m->asked[i] = program != NULL ? device_program_options(program, &m->options[i]) : -1;
        if (m->asked[i] < 0)
            m->options[i].count = 0;
        free(program);
    }
}

/* ---- keys ---- */

static bool is_own(const char *key)
{
    return strcmp(key, "socket") == 0 || strcmp(key, "control-path") == 0;
}

static void wrong_key(struct making *m, const struct config_entry *entry, const char *kind)
{
    const char *nearest = option_set_nearest(options_of(m, kind), entry->key);

    if (nearest != NULL)
        config_wrong(m->config, entry->where, "a %s device has no option '%s': did you mean '%s'?",
                     kind, entry->key, nearest);
    else
        config_wrong(m->config, entry->where,
                     "a %s device has no option '%s' ('hostblob-%s --help' has a list)", kind,
                     entry->key, kind);
}

/* A key is given once, but for those whose options repeat. */
static void check_repeated(struct making *m, const struct config_section *section,
                           const struct config_entry *entry, const struct option_set_row *row)
{
    const struct config_entry *other;

    if (row->repeats)
        return;
    TAILQ_FOREACH(other, &section->entries, link)
    {
        if (other == entry)
            return;
        if (strcmp(other->key, entry->key) != 0)
            continue;
        config_wrong(m->config, entry->where, "'%s' is given twice: at %s first", entry->key,
                     other->where);
        return;
    }
}

/* Whether it is an option of that kind; says so if not. */
static const struct option_set_row *find_row(struct making *m, const struct config_entry *entry,
                                             const char *kind)
{
    const struct option_set *options = options_of(m, kind);
    const struct option_set_row *row = option_set_find(options, entry->key);

    if (row == NULL && options->count > 0)
        wrong_key(m, entry, kind);
    return row;
}

/* What is in [defaults] is for all; that one kind only has it is worth another sentence. */
static const struct option_set_row *find_common(struct making *m, const struct config_entry *entry)
{
    const struct option_set_row *rows[KINDS];
    size_t has = 0;

    for (size_t i = 0; i < KINDS; i++) {
        rows[i] = option_set_find(&m->options[i], entry->key);
        has += rows[i] != NULL || m->options[i].count == 0;
    }
    for (size_t i = 0; i < KINDS && has == KINDS; i++)
        if (rows[i] != NULL)
            return rows[i];
    for (size_t i = 0; i < KINDS; i++) {
        if (rows[i] == NULL)
            continue;
        config_wrong(m->config, entry->where,
                     "only %s devices have an option '%s': put it into [defaults %s]", kinds[i],
                     entry->key, kinds[i]);
        return NULL;
    }
    for (size_t i = 0; i < KINDS; i++)
        if (m->options[i].count > 0) {
            wrong_key(m, entry, kinds[i]);
            break;
        }
    return NULL;
}

static void check_entry(struct making *m, const struct config_section *section,
                        const struct config_entry *entry)
{
    const struct option_set_row *row =
        section->kind != NULL ? find_row(m, entry, section->kind) : find_common(m, entry);

    if (row == NULL)
        return;
    if (section->defaults && is_own(entry->key))
        config_wrong(m->config, entry->where, "'%s' cannot be a default: each device has its own",
                     entry->key);
    else if (!row->argument && strcmp(entry->value, "yes") != 0 && strcmp(entry->value, "no") != 0)
        config_wrong(m->config, entry->where, "'%s' must be 'yes' or 'no'", entry->key);
    check_repeated(m, section, entry, row);
}

/* ---- devices ---- */

/* Where the values of an option are: in the device's section, or what the last of the defaults says
 * that says something. NULL: nowhere. */
static const struct config_section *settle(const struct config *c,
                                           const struct config_section *device, const char *key)
{
    const struct config_section *section, *of_kind = NULL, *of_all = NULL;

    if (config_find(device, key) != NULL)
        return device;
    TAILQ_FOREACH(section, &c->sections, link)
    {
        if (!section->defaults || config_find(section, key) == NULL)
            continue;
        if (section->kind == NULL)
            of_all = section;
        else if (strcmp(section->kind, device->kind) == 0)
            of_kind = section;
    }
    return of_kind != NULL ? of_kind : of_all;
}

static void too_much(struct making *m, const struct config_section *section)
{
    config_wrong(m->config, section->where, "the device has too many words, or there is no memory");
}

static void add_option(struct making *m, const struct config_section *device,
                       struct device_spec *spec, const struct option_set_row *row)
{
    const struct config_section *from = settle(m->config, device, row->name);
    const struct config_entry *entry;
    bool well = true;

    if (from == NULL)
        return;
    TAILQ_FOREACH(entry, &from->entries, link)
    {
        if (strcmp(entry->key, row->name) != 0 ||
            (!row->argument && strcmp(entry->value, "yes") != 0))
            continue;
        well = well &&
               device_spec_add(spec, row->name, row->argument ? entry->value : NULL, entry->where);
    }
    if (!well)
        too_much(m, device);
}

/* A path in the run directory, NAME and the suffix. False: there is no such path. */
static bool in_directory(const struct making *m, const char *name, const char *suffix,
                         char path[static RUN_DIRECTORY_PATH])
{
    int n = snprintf(path, RUN_DIRECTORY_PATH, "%s/%s%s", m->directory, name, suffix);

    return m->has_directory && n > 0 && (unsigned)n < RUN_DIRECTORY_PATH;
}

static void add_sockets(struct making *m, const struct config_section *device,
                        struct device_spec *spec)
{
    char path[RUN_DIRECTORY_PATH];
    bool well = true;

    if (device_spec_value(spec, "socket-path") == NULL) {
        if (in_directory(m, device->name, ".sock", path))
            well = device_spec_add(spec, "socket", path, NULL);
        else if (m->has_directory)
            config_wrong(m->config, device->where,
                         "%s/%s.sock is too long for a socket's path: give socket=PATH",
                         m->directory, device->name);
        else
            config_wrong(m->config, device->where,
                         "it needs socket=PATH: there is no run directory for a socket "
                         "(XDG_RUNTIME_DIR is not set)");
    }
    /* Without a control socket it runs all the same. */
    if (!spec->has_control && in_directory(m, device->name, ".control", path))
        well = well && device_spec_add(spec, "control-path", path, NULL);
    if (!well)
        too_much(m, device);
}

static void make_device(struct making *m, const struct config_section *device)
{
    const struct option_set *options = options_of(m, device->kind);
    struct device_spec *spec = device_set_add(m->set);
    const char *reason;

    if (spec == NULL) {
        config_wrong(m->config, device->where, "there are more than %u devices, or no memory",
                     DEVICE_SPEC_MAX);
        return;
    }
    reason = device_spec_begin(spec, device->kind);
    spec->name = strdup(device->name);
    spec->place = strdup(device->where);
    if (reason == NULL && (spec->name == NULL || spec->place == NULL))
        reason = "there is no memory";
    if (reason == NULL && options->count == 0)
        reason = "its program does not say which options it has: is it of this version?";
    if (reason != NULL) {
        config_wrong(m->config, device->where, "the %s device '%s' cannot be: %s", device->kind,
                     device->name, reason);
        return;
    }
    for (unsigned i = 0; i < options->count; i++)
        add_option(m, device, spec, &options->rows[i]);
    add_sockets(m, device, spec);
}

/* ---- what the programs say ---- */

/* The place of the option that a complaint is about: it begins with it. */
static const char *place_of(const struct device_spec *spec, const char *complaint)
{
    for (unsigned i = 1; i < spec->argc; i++) {
        size_t length = strlen(spec->argv[i]);

        if (strncmp(complaint, spec->argv[i], length) == 0 && complaint[length] == ' ' &&
            spec->where[i] != NULL)
            return spec->where[i];
    }
    return spec->place;
}

/* "hostblob-gpu: --window=1 cannot be: it must be..." */
static void take_complaint(struct config *c, const struct device_spec *spec, char *line)
{
    char *sentence = strstr(line, ": ");
    size_t length;

    if (sentence == NULL || strncmp(line, "hostblob-", 9) != 0)
        return; /* how to get help */
    sentence += 2;
    length = strlen(sentence);
    if (length > 0 && sentence[length - 1] == '.')
        sentence[length - 1] = '\0';
    config_wrong(c, place_of(spec, sentence), "%s", sentence);
}

static void check_device(struct config *c, const struct device_spec *spec)
{
    static char said[SAID];
    unsigned errors = c->error_count;
    char *rest = said, *line;
    int r = device_program_check(spec->argv, said, sizeof(said));

    if (r == 0)
        return;
    while (r > 0 && (line = strsep(&rest, "\n")) != NULL)
        take_complaint(c, spec, line);
    if (c->error_count == errors)
        config_wrong(c, spec->place, "the %s device '%s' cannot be checked: %s", spec->kind,
                     spec->name, r < 0 ? strerror(-r) : said);
}

/* Two devices cannot listen at one path. */
static void check_paths(struct config *c, const struct device_set *set, unsigned index)
{
    static const char *const keys[] = {"socket-path", "control-path"};
    const struct device_spec *spec = set->all[index];

    for (unsigned i = 0; i < index * 4; i++) {
        const struct device_spec *other = set->all[i / 4];
        const char *key = keys[i % 2];
        const char *path = device_spec_value(spec, key);
        const char *others = device_spec_value(other, keys[i / 2 % 2]);

        if (path != NULL && others != NULL && strcmp(path, others) == 0)
            config_wrong(c, spec->place, "the device '%s' at %s has the socket %s already",
                         other->name, other->place, path);
    }
}

void config_devices(struct config *c, struct device_set *set)
{
    struct making m = {.config = c, .set = set};
    const struct config_section *section;
    const struct config_entry *entry;

    m.has_directory = run_directory_path(m.directory);
    ask_programs(&m);
    TAILQ_FOREACH(section, &c->sections, link)
    {
        TAILQ_FOREACH(entry, &section->entries, link)
        check_entry(&m, section, entry);
        if (!section->defaults)
            make_device(&m, section);
    }
    for (unsigned i = 0; i < set->count && c->error_count == 0; i++)
        check_paths(c, set, i);
    for (unsigned i = 0; i < set->count; i++)
        if (set->all[i]->name != NULL && set->all[i]->place != NULL)
            check_device(c, set->all[i]);
    config_sort(c);
}
