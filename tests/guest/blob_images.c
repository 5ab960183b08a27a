/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fourcc.h"
#include "blob_abi.h"
#include "blob_card.h"
#include "blob_jobs.h"
#include "protocol/cross_domain.h"

/* Images, allocated as minigbm does it: by the cross-domain capset, in a context of its own, with a
 * page of the guest that the host answers in. The 'memory' context of another opening of the card
 * then uses them as well, which is how a program shows what another has drawn. */
#define CAPSET 5u

struct allocator {
    int fd;
    uint32_t ring; /* the kernel's handle */
    struct cross_domain_image_requirements *answer;
};

static void must(int fd, unsigned long request, void *argument, const char *what)
{
    if (ioctl(fd, request, argument) != 0)
        blob_card_fail("%s: %s", what, strerror(errno));
}

static void check_caps(const struct allocator *allocator)
{
    struct cross_domain_capset caps = {0};
    struct abi_get_caps ask = {.id = CAPSET, .address = (uintptr_t)&caps, .size = sizeof(caps)};

    must(allocator->fd, ABI_GET_CAPS, &ask, "GET_CAPS");
    printf("@@ version=%u channels=%u dmabuf=%u external=%u\n", caps.version,
           caps.supported_channels, caps.supports_dmabuf, caps.supports_external_gpu_memory);
}

static void run(const struct allocator *allocator, const void *command, uint32_t size)
{
    struct abi_execbuffer exec = {
        .flags = ABI_EXEC_RING_IDX,
        .size = size,
        .command = (uintptr_t)command,
        .handles = (uintptr_t)&allocator->ring,
        .handle_count = 1,
    };
    struct abi_wait wait = {.handle = allocator->ring};

    must(allocator->fd, ABI_EXECBUFFER, &exec, "EXECBUFFER");
    must(allocator->fd, ABI_WAIT, &wait, "WAIT");
}

static void allocator_open(struct allocator *allocator)
{
    struct abi_context_param params[] = {{ABI_CONTEXT_CAPSET, CAPSET}, {ABI_CONTEXT_RINGS, 1}};
    struct abi_context_init init = {.count = 2, .params = (uintptr_t)params};
    struct abi_create_blob create = {
        .memory = ABI_BLOB_GUEST, .flags = ABI_BLOB_MAPPABLE, .size = 4096};
    struct abi_map map = {0};
    struct cross_domain_init hello = {
        .header = {.command = CROSS_DOMAIN_INIT, .size = CROSS_DOMAIN_INIT_SECOND}};

    allocator->fd = open(blob_card_path(), O_RDWR | O_CLOEXEC);
    if (allocator->fd < 0)
        blob_card_fail("the card does not open again: %s", strerror(errno));
    check_caps(allocator);
    must(allocator->fd, ABI_CONTEXT_INIT, &init, "CONTEXT_INIT");
    must(allocator->fd, ABI_CREATE_BLOB, &create, "the ring");
    allocator->ring = map.handle = create.handle;
    must(allocator->fd, ABI_MAP, &map, "MAP");
    allocator->answer =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, allocator->fd, (off_t)map.offset);
    if (allocator->answer == MAP_FAILED)
        blob_card_fail("mmap of the ring: %s", strerror(errno));
    hello.query_ring = create.resource;
    run(allocator, &hello, CROSS_DOMAIN_INIT_SECOND);
}

static void allocator_close(struct allocator *allocator)
{
    munmap(allocator->answer, 4096);
    close(allocator->fd);
}

/* Makes the image, and gives the card a handle to it. */
static void make_image(struct allocator *allocator, struct blob_card *card, struct blob *blob,
                       uint32_t width, uint32_t height, uint32_t format)
{
    struct cross_domain_get_image_requirements ask = {
        .header = {.command = CROSS_DOMAIN_GET_IMAGE_REQUIREMENTS, .size = sizeof(ask)},
        .width = width,
        .height = height,
        .drm_format = format,
    };
    struct abi_create_blob create = {.memory = ABI_BLOB_HOST3D,
                                     .flags = ABI_BLOB_MAPPABLE | ABI_BLOB_SHAREABLE};
    struct abi_prime prime = {.flags = O_CLOEXEC | O_RDWR};
    struct abi_gem_close gone;

    memset(allocator->answer, 0, sizeof(*allocator->answer));
    run(allocator, &ask, sizeof(ask));
    create.size = allocator->answer->size;
    create.blob_id = allocator->answer->blob_id;
    must(allocator->fd, ABI_CREATE_BLOB, &create, "the image");
    prime.handle = gone.handle = create.handle;
    must(allocator->fd, ABI_PRIME_EXPORT, &prime, "PRIME export");
    must(card->fd, ABI_PRIME_IMPORT, &prime, "PRIME import");
    close(prime.fd);
    must(allocator->fd, ABI_GEM_CLOSE, &gone, "GEM_CLOSE");
    *blob = (struct blob){
        .handle = prime.handle, .resource = create.resource, .size = (size_t)create.size};
}

int blob_job_images(int argc, char **argv)
{
    static const struct {
        uint32_t width, height, format;
    } images[] = {
        {1920, 1080, FOURCC_XRGB8888}, {333, 77, FOURCC_ABGR8888}, {100, 100, FOURCC_RGB565},
        {320, 240, FOURCC_NV12},       {322, 242, FOURCC_YVU420},  {32768, 1, FOURCC_R8},
    };
    unsigned count = sizeof(images) / sizeof(images[0]), good = 0;
    struct allocator allocator;
    struct blob_card card;
    struct blob blob;

    (void)argc;
    (void)argv;
    blob_card_open(&card);
    allocator_open(&allocator);
    for (unsigned i = 0; i < count; i++) {
        make_image(&allocator, &card, &blob, images[i].width, images[i].height, images[i].format);
        blob_map(&card, &blob);
        unsigned stale = blob_dirty_words(&blob, 0) != 0;
        blob_write(&blob, i);
        bool up = blob_host_sum(&card, &blob, blob.size) == blob_expected_sum(i, blob.size / 8);
        blob_host_fill(&card, &blob, ~(uint64_t)i);
        bool down = blob_wrong_words(&blob, ~(uint64_t)i) == 0;
        printf("@@ image=%u stride=%u bytes=%zu stale=%u up=%d down=%d\n", i,
               allocator.answer->strides[0], blob.size, stale, up, down);
        good += !stale && up && down;
        blob_destroy(&card, &blob);
    }
    allocator_close(&allocator);
    blob_card_settle(&card);
    blob_card_close(&card);
    printf("@@ images=%u good=%u\n", count, good);
    return good != count;
}
