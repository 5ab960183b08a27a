/* SPDX-License-Identifier: MIT */
#include "blob_card.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "blob_abi.h"

void blob_card_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("@@ bad\nbad: ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
    _exit(1);
}

uint64_t blob_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

const char *blob_card_path(void)
{
    static char path[32];

    for (int number = 128; number < 136; number++) {
        char name[32] = "";
        struct abi_version version = {.name_size = sizeof(name) - 1, .name = name};
        snprintf(path, sizeof(path), "/dev/dri/renderD%d", number);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        int rc = ioctl(fd, ABI_VERSION, &version);
        close(fd);
        if (rc == 0 && strcmp(name, "virtio_gpu") == 0)
            return path;
    }
    return NULL;
}

static uint64_t parameter(const struct blob_card *card, uint64_t number)
{
    uint64_t value = 0;
    struct abi_getparam ask = {.param = number, .value = (uintptr_t)&value};

    return ioctl(card->fd, ABI_GETPARAM, &ask) == 0 ? value : 0;
}

static void make_context(struct blob_card *card)
{
    struct abi_context_param param = {ABI_CONTEXT_CAPSET, MEMORY_STREAM_CAPSET};
    struct abi_context_init init = {.count = 1, .params = (uintptr_t)&param};

    if (!parameter(card, ABI_PARAM_BLOB) || !parameter(card, ABI_PARAM_HOST_VISIBLE))
        blob_card_fail("the driver has no blobs or no window");
    if (!(parameter(card, ABI_PARAM_CAPSETS) >> MEMORY_STREAM_CAPSET & 1))
        blob_card_fail("the device lacks the memory renderer's capset");
    if (ioctl(card->fd, ABI_CONTEXT_INIT, &init) != 0)
        blob_card_fail("CONTEXT_INIT: %s", strerror(errno));
}

void blob_card_open(struct blob_card *card)
{
    const char *path = NULL;

    for (int tries = 0; tries < 100 && !(path = blob_card_path()); tries++)
        usleep(50000);
    if (!path)
        blob_card_fail("there is no render node of virtio_gpu");
    memset(card, 0, sizeof(*card));
    card->fd = open(path, O_RDWR | O_CLOEXEC);
    if (card->fd < 0)
        blob_card_fail("%s: %s", path, strerror(errno));
    make_context(card);
    int rc = blob_create(card, &card->result, 4096);
    if (rc != 0)
        blob_card_fail("the result blob: %s", strerror(-rc));
    blob_map(card, &card->result);
}

void blob_card_close(struct blob_card *card)
{
    blob_destroy(card, &card->result);
    close(card->fd);
    card->fd = -1;
}

static int create_blob(struct blob_card *card, struct blob *blob, size_t size, uint32_t flags)
{
    struct abi_create_blob create = {
        .memory = ABI_BLOB_HOST3D,
        .flags = flags,
        .size = size,
    };

    memset(blob, 0, sizeof(*blob));
    if (ioctl(card->fd, ABI_CREATE_BLOB, &create) != 0)
        return -errno;
    blob->handle = create.handle;
    blob->resource = create.resource;
    blob->size = size;
    return 0;
}

int blob_create(struct blob_card *card, struct blob *blob, size_t size)
{
    return create_blob(card, blob, size, ABI_BLOB_MAPPABLE);
}

int blob_create_shared(struct blob_card *card, struct blob *blob, size_t size)
{
    return create_blob(card, blob, size,
                       ABI_BLOB_MAPPABLE | ABI_BLOB_SHAREABLE | ABI_BLOB_CROSS_DEVICE);
}

void blob_map(struct blob_card *card, struct blob *blob)
{
    struct abi_map map = {.handle = blob->handle};

    if (ioctl(card->fd, ABI_MAP, &map) != 0)
        blob_card_fail("MAP of %zu bytes: %s", blob->size, strerror(errno));
    void *at =
        mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_SHARED, card->fd, (off_t)map.offset);
    if (at == MAP_FAILED)
        blob_card_fail("mmap of resource %u, %zu bytes: %s", blob->resource, blob->size,
                       strerror(errno));
    blob->words = at;
}

void blob_destroy(struct blob_card *card, struct blob *blob)
{
    struct abi_gem_close gone = {.handle = blob->handle};

    if (blob->words)
        munmap(blob->words, blob->size);
    if (ioctl(card->fd, ABI_GEM_CLOSE, &gone) != 0)
        blob_card_fail("GEM_CLOSE: %s", strerror(errno));
    memset(blob, 0, sizeof(*blob));
}

/* Sends the command and waits for its fence, 30 s at most. */
static void submit(struct blob_card *card, const struct memory_stream_command *command,
                   uint32_t handle)
{
    uint32_t handles[2] = {card->result.handle, handle};
    struct abi_execbuffer exec = {
        .flags = ABI_EXEC_FENCE_FD_OUT,
        .size = sizeof(*command),
        .command = (uintptr_t)command,
        .handles = (uintptr_t)handles,
        .handle_count = handle == card->result.handle ? 1 : 2,
        .fence_fd = -1,
    };

    if (ioctl(card->fd, ABI_EXECBUFFER, &exec) != 0)
        blob_card_fail("EXECBUFFER: %s", strerror(errno));
    struct pollfd wait = {.fd = exec.fence_fd, .events = POLLIN};
    if (poll(&wait, 1, 30000) != 1)
        blob_card_fail("no fence within 30 s of command %u", command->opcode);
    close(exec.fence_fd);
}

uint64_t blob_host_sum(struct blob_card *card, const struct blob *blob, size_t size)
{
    /* A refused stream is not told to user space; a mark that stays where the sum should be is. */
    static const uint64_t mark = 0x756e746f75636865ull;
    volatile uint64_t *result = card->result.words;
    struct memory_stream_command command = {
        .opcode = MEMORY_STREAM_SUM,
        .resource = blob->resource,
        .size = size,
        .result_resource = card->result.resource,
    };

    result[0] = mark;
    result[1] = mark;
    submit(card, &command, blob->handle);
    if (result[0] == mark)
        blob_card_fail("the host gave no sum of resource %u", blob->resource);
    if (result[1] != mark)
        blob_card_fail("the host wrote more than its sum");
    return result[0];
}

void blob_host_fill(struct blob_card *card, const struct blob *blob, uint64_t seed)
{
    struct memory_stream_command command = {
        .opcode = MEMORY_STREAM_FILL,
        .resource = blob->resource,
        .size = blob->size,
        .seed = seed,
    };

    submit(card, &command, blob->handle);
}

void blob_card_settle(struct blob_card *card)
{
    blob_host_sum(card, &card->result, 8);
    /* The kernel gives some objects back in a work item of its own. */
    usleep(20000);
    blob_host_sum(card, &card->result, 8);
}

void blob_write(struct blob *blob, uint64_t seed)
{
    volatile uint64_t *words = blob->words;

    for (size_t i = 0; i < blob->size / 8; i++)
        words[i] = memory_stream_word(seed, i);
}

uint64_t blob_expected_sum(uint64_t seed, size_t words)
{
    /* The sum is defined once, over memory; so the pattern is laid out for it. */
    uint64_t *all = malloc(words * 8);

    if (!all)
        blob_card_fail("no memory");
    for (size_t i = 0; i < words; i++)
        all[i] = memory_stream_word(seed, i);
    uint64_t sum = memory_stream_sum(all, words);
    free(all);
    return sum;
}

size_t blob_wrong_words(const struct blob *blob, uint64_t seed)
{
    const volatile uint64_t *words = blob->words;
    size_t wrong = 0;

    for (size_t i = 0; i < blob->size / 8; i++)
        wrong += words[i] != memory_stream_word(seed, i);
    return wrong;
}

size_t blob_dirty_words(const struct blob *blob, size_t from)
{
    const volatile uint64_t *words = blob->words;
    size_t dirty = 0;

    for (size_t i = from; i < blob->size / 8; i++)
        dirty += words[i] != 0;
    return dirty;
}
