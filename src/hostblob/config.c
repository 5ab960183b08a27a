/* SPDX-License-Identifier: MIT */
#include "hostblob/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostblob/config_text.h"

/* A file that is being read; 'up' is the one that includes it. */
struct config_file {
    struct config *config;
    const char *path;
    const struct config_file *up;
    dev_t device;
    ino_t inode;
    bool begun;                     /* a section has come */
    struct config_section *section; /* NULL: none has, or it is wrong */
};

void config_init(struct config *c)
{
    *c = (struct config){0};
    TAILQ_INIT(&c->sections);
}

static void free_entry(struct config_entry *entry)
{
    if (entry == NULL)
        return;
    free(entry->key);
    free(entry->value);
    free(entry->where);
    free(entry);
}

static void finish_section(struct config_section *section)
{
    struct config_entry *entry;

    while ((entry = TAILQ_FIRST(&section->entries)) != NULL) {
        TAILQ_REMOVE(&section->entries, entry, link);
        free_entry(entry);
    }
    free(section->kind);
    free(section->name);
    free(section->where);
    free(section);
}

void config_finish(struct config *c)
{
    struct config_section *section;

    while ((section = TAILQ_FIRST(&c->sections)) != NULL) {
        TAILQ_REMOVE(&c->sections, section, link);
        finish_section(section);
    }
    for (unsigned i = 0; i < c->error_count; i++)
        free(c->errors[i].text);
    c->error_count = 0;
}

/* A sentence that ends with a question has its full stop. */
static char *join(const char *where, const char *sentence)
{
    size_t length = strlen(sentence);
    bool ends = length > 0 && sentence[length - 1] == '?';
    char *text;

    return asprintf(&text, "%s: %s%s", where, sentence, ends ? "" : ".") < 0 ? NULL : text;
}

void config_wrong(struct config *c, const char *where, const char *format, ...)
{
    struct config_error *error = &c->errors[c->error_count];
    const char *colon = strrchr(where, ':');
    char *sentence = NULL;
    va_list args;

    if (c->error_count > CONFIG_MAX_ERRORS)
        return;
    va_start(args, format);
    if (vasprintf(&sentence, format, args) < 0)
        sentence = NULL;
    va_end(args);
    *error = (struct config_error){.file = strlen(where), .line = 0};
    if (colon != NULL && colon[1 + strspn(colon + 1, "0123456789")] == '\0') {
        error->file = (size_t)(colon - where);
        error->line = (unsigned)strtoul(colon + 1, NULL, 10);
    }
    if (c->error_count == CONFIG_MAX_ERRORS)
        error->text = strdup("There is more that is wrong.");
    else
        error->text = join(where, sentence != NULL ? sentence : "there is no memory");
    c->error_count++;
    free(sentence);
}

static bool of_same_file(const struct config_error *a, const struct config_error *b)
{
    return a->text != NULL && b->text != NULL && a->file == b->file &&
           strncmp(a->text, b->text, a->file) == 0;
}

void config_sort(struct config *c)
{
    for (unsigned i = 1; i < c->error_count; i++)
        for (unsigned j = i; j > 0; j--) {
            struct config_error *a = &c->errors[j - 1], *b = &c->errors[j], swap = *a;

            if (!of_same_file(a, b) || a->line <= b->line)
                break;
            *a = *b;
            *b = swap;
        }
}

const struct config_entry *config_find(const struct config_section *section, const char *key)
{
    const struct config_entry *entry;

    TAILQ_FOREACH(entry, &section->entries, link)
    if (strcmp(entry->key, key) == 0)
        return entry;
    return NULL;
}

/* "FILE:LINE"; the caller owns it. */
static char *place(const struct config_file *f, unsigned line)
{
    char *where;

    return asprintf(&where, "%s:%u", f->path, line) < 0 ? NULL : where;
}

/* ---- sections ---- */

static bool is_kind(const char *word)
{
    return strcmp(word, "gpu") == 0 || strcmp(word, "media") == 0;
}

static const char *judge_name(const char *name)
{
    if (strlen(name) > CONFIG_NAME)
        return "is longer than 40 characters";
    if (!isalnum((unsigned char)name[0]))
        return "does not begin with a letter or a digit";
    for (const char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr("-_.", *at) == NULL)
            return "has something else than letters, digits, '-', '_' and '.'";
    return NULL;
}

/* Two devices of one name would have one control socket. */
static const struct config_section *find_device(const struct config *c, const char *name)
{
    const struct config_section *section;

    TAILQ_FOREACH(section, &c->sections, link)
    if (!section->defaults && strcmp(section->name, name) == 0)
        return section;
    return NULL;
}

/* Whether the section's words make sense; 'kind' and 'name' are its first ones, or NULL. */
static bool judge_section(struct config *c, const char *where, const char *kind, const char *name,
                          const char *more)
{
    bool defaults = kind != NULL && strcmp(kind, "defaults") == 0;
    const struct config_section *other;
    const char *reason;

    if (kind == NULL)
        config_wrong(c, where, "the section is empty: write [gpu NAME] or [media NAME]");
    else if (!defaults && !is_kind(kind))
        config_wrong(
            c, where,
            "there is no kind of device '%s': write [gpu NAME], [media NAME] or [defaults]", kind);
    else if (defaults && name != NULL && !is_kind(name))
        config_wrong(c, where,
                     "there is no kind of device '%s': write [defaults], [defaults gpu] or "
                     "[defaults media]",
                     name);
    else if (!defaults && name == NULL)
        config_wrong(c, where, "the device needs a name: write [%s NAME]", kind);
    else if (more != NULL)
        config_wrong(c, where, "there is a word too many, '%s': a name has no white space", more);
    else if (!defaults && (reason = judge_name(name)) != NULL)
        config_wrong(c, where, "the name '%s' %s", name, reason);
    else if (!defaults && (other = find_device(c, name)) != NULL)
        config_wrong(c, where, "there is a device '%s' at %s already: choose another name", name,
                     other->where);
    else
        return true;
    return false;
}

static void no_memory(const struct config_file *f)
{
    config_wrong(f->config, f->path, "there is no memory to read it");
}

static char *copy_of(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

static void add_section(struct config_file *f, const char *where, const char *kind,
                        const char *name)
{
    struct config_section *section = calloc(1, sizeof(*section));

    if (section == NULL) {
        no_memory(f);
        return;
    }
    TAILQ_INIT(&section->entries);
    section->defaults = strcmp(kind, "defaults") == 0;
    section->kind = copy_of(section->defaults ? name : kind);
    section->name = copy_of(section->defaults ? NULL : name);
    section->where = strdup(where);
    if (section->where == NULL || (!section->defaults && section->name == NULL) ||
        (section->kind == NULL && (!section->defaults || name != NULL))) {
        finish_section(section);
        no_memory(f);
        return;
    }
    f->section = section;
    TAILQ_INSERT_TAIL(&f->config->sections, section, link);
}

static void on_section(void *data, unsigned line, const char *text)
{
    static const char white[] = " \t";
    struct config_file *f = data;
    char *copy = strdup(text), *where = place(f, line), *rest = NULL;
    const char *kind, *name, *more;

    f->begun = true;
    f->section = NULL;
    if (copy == NULL || where == NULL) {
        no_memory(f);
    } else {
        kind = strtok_r(copy, white, &rest);
        name = strtok_r(NULL, white, &rest);
        more = strtok_r(NULL, white, &rest);
        if (judge_section(f->config, where, kind, name, more))
            add_section(f, where, kind, name);
    }
    free(copy);
    free(where);
}

/* ---- files ---- */

static void read_file(struct config *c, const char *path, const struct config_file *up,
                      const char *where);

/* A path that is given relative to the folder of the file; the caller owns it. */
static char *beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    char *joined;

    if (*path == '/' || slash == NULL)
        return strdup(path);
    return asprintf(&joined, "%.*s/%s", (int)(slash - file), file, path) < 0 ? NULL : joined;
}

/* A pattern that nothing fits is no mistake: the folder is empty yet. */
static void include(struct config_file *f, const char *where, const char *value)
{
    char *pattern = *value != '\0' ? beside(f->path, value) : NULL;
    glob_t found = {0};
    int r;

    if (pattern == NULL) {
        config_wrong(f->config, where, "'include' needs a file, such as conf.d/*.conf");
        return;
    }
    r = glob(pattern, 0, NULL, &found);
    if (r == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            read_file(f->config, found.gl_pathv[i], f, where);
    else if (r != GLOB_NOMATCH)
        config_wrong(f->config, where, "%s cannot be looked for: %s", pattern, strerror(errno));
    else if (strpbrk(value, "*?[") == NULL)
        config_wrong(f->config, where, "there is no file %s", pattern);
    globfree(&found);
    free(pattern);
}

static void add_entry(struct config_file *f, const char *where, const char *key, const char *value)
{
    struct config_entry *entry = calloc(1, sizeof(*entry));

    if (entry != NULL) {
        entry->key = strdup(strcmp(key, "socket-path") == 0 ? "socket" : key);
        entry->value = strdup(value);
        entry->where = strdup(where);
    }
    if (entry != NULL && entry->key != NULL && entry->value != NULL && entry->where != NULL) {
        TAILQ_INSERT_TAIL(&f->section->entries, entry, link);
        return;
    }
    free_entry(entry);
    no_memory(f);
}

static void on_entry(void *data, unsigned line, const char *key, const char *value)
{
    struct config_file *f = data;
    char *where = place(f, line);

    if (where == NULL)
        no_memory(f);
    else if (!f->begun && strcmp(key, "include") == 0)
        include(f, where, value);
    else if (!f->begun)
        config_wrong(f->config, where,
                     "'%s' is in no section: only 'include' may come before the first one", key);
    else if (strcmp(key, "include") == 0)
        config_wrong(f->config, where, "'include' is in a section: put it before the first one");
    else if (f->section != NULL)
        add_entry(f, where, key, value);
    free(where);
}

static void on_wrong(void *data, unsigned line, const char *sentence)
{
    struct config_file *f = data;
    char *where = place(f, line);

    config_wrong(f->config, where != NULL ? where : f->path, "%s", sentence);
    free(where);
}

static const struct config_text_handler text_handler = {on_section, on_entry, on_wrong};

/* Opened, and known to be a file that ends. NULL with errno set. */
static FILE *open_file(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error = 0;
    FILE *file;

    if (fd < 0)
        return NULL;
    if (fstat(fd, st) < 0)
        error = errno;
    else if (!S_ISREG(st->st_mode))
        error = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
    else if (st->st_size > CONFIG_MAX_BYTES)
        error = EFBIG;
    file = error == 0 ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        close(fd);
        errno = error != 0 ? error : ENOMEM;
    }
    return file;
}

/* Whether it may be read once more, or by so many. */
static bool may_include(struct config *c, const struct config_file *f, const char *where)
{
    unsigned depth = 1;

    for (const struct config_file *up = f->up; up != NULL; up = up->up) {
        depth++;
        if (up->device != f->device || up->inode != f->inode)
            continue;
        config_wrong(c, where, "%s includes itself", f->path);
        return false;
    }
    if (depth > CONFIG_MAX_DEPTH)
        config_wrong(c, where, "more than %u files include each other", CONFIG_MAX_DEPTH);
    else if (c->files == CONFIG_MAX_FILES)
        config_wrong(c, where, "there are more than %u files", CONFIG_MAX_FILES);
    else
        return true;
    return false;
}

static void read_file(struct config *c, const char *path, const struct config_file *up,
                      const char *where)
{
    struct config_file f = {.config = c, .path = path, .up = up};
    struct stat st;
    FILE *file = open_file(path, &st);
    int r;

    if (file == NULL) {
        config_wrong(c, where, "%s cannot be read: %s", up != NULL ? path : "it",
                     errno == EFBIG    ? "it is larger than 1 MiB"
                     : errno == EINVAL ? "it is no ordinary file"
                                       : strerror(errno));
        return;
    }
    f.device = st.st_dev;
    f.inode = st.st_ino;
    if (may_include(c, &f, where)) {
        c->files++;
        r = config_text_read(file, &text_handler, &f);
        if (r < 0)
            config_wrong(c, path, "it cannot be read: %s", strerror(-r));
    }
    fclose(file);
}

void config_read(struct config *c, const char *path)
{
    read_file(c, path, NULL, path);
}
