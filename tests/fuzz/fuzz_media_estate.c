/* SPDX-License-Identifier: MIT */
/*
 * What a worker's death leaves may have been written by whoever broke into that worker. Here it is
 * what a device with a camera that streams has left, with changes. A device that goes on with it
 * must hold out: it takes over what is possible, streams, answers what its driver asks, and has
 * nothing left when a driver begins anew.
 */
#include "stranger_store.h"

#include "media/estate.h"
#include "tests/unit/back_end_peer.h"
#include "tests/unit/media_fixture.h"

#define STEPS 24u
#define CELLS STRANGER_CELLS

static const size_t sizes[] = {
    sizeof(struct estate_device),       sizeof(struct estate_session),
    sizeof(struct estate_subscription), CONTEXT_MAX_ESTATE,
    2 * sizeof(struct estate_control),  sizeof(struct estate_queue),
    sizeof(struct estate_buffer),       sizeof(struct estate_mapping),
    sizeof(struct estate_answer),       sizeof(struct death_note),
};

static const struct media_options options = {0};

/* A device over the store. */
static struct media_fixture *device(struct stranger_store *s, uint64_t life)
{
    struct media_fixture *f = media_fixture_create(&options, EXPORTER_ARENA);

    f->device->impl->destroy(f->device);
    f->numbers[MEDIA_QUOTA_SESSIONS].limit = 3;
    f->host.store = &s->store;
    f->host.shelf = &s->shelf;
    f->host.running = &s->running;
    f->host.life = life;
    f->device = media_device_create(&f->host, &options);
    RING_DRIVER_MUST(f->device != NULL);
    f->media = (struct media *)(void *)f->device;
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, 0);
    return f;
}

/* What a device leaves that has a session with four buffers, two of them mapped, and streams. */
static void leave(struct stranger_store *s, struct store_cell *left)
{
    struct media_fixture *f = device(s, 1);
    struct virtio_media_resp_mmap at;
    struct media_buffer_payload b;
    uint32_t session, count = 4;

    store_clear(&s->store); /* a driver begins */
    f->device->impl->reset(f->device);
    RING_DRIVER_MUST(media_open(f, &session) == 0 && media_reqbufs(f, session, &count) == 0);
    for (uint32_t i = 0; i < 2; i++) {
        RING_DRIVER_MUST(media_querybuf(f, session, i, &b) == 0);
        RING_DRIVER_MUST(media_mmap(f, session, b.buffer.m.offset, &at) == 0);
    }
    for (uint32_t i = 0; i < 3; i++)
        RING_DRIVER_MUST(media_qbuf(f, session, i) == 0);
    RING_DRIVER_MUST(media_streamon(f, session) == 0);
    memcpy(left, s->memory, CELLS * sizeof(*left));
    media_fixture_destroy(f);
}

/* The driver goes on with its session; any answer will do. */
static void ask(struct media_fixture *f, struct reader *r)
{
    struct virtio_media_event_dqbuf event;
    struct virtio_media_resp_mmap at;
    struct media_buffer_payload b;
    uint32_t session = reader_u8(r) % 3u, other = reader_u8(r) % 5u;

    switch (reader_u8(r) % 8) {
    case 0:
        media_open(f, &session);
        break;
    case 1:
        media_close(f, session);
        break;
    case 2:
        media_qbuf(f, session, other);
        break;
    case 3:
        if (media_querybuf(f, session, other, &b) == 0)
            media_mmap(f, session, b.buffer.m.offset, &at);
        break;
    case 4:
        media_munmap(f, (uint64_t)other * STRANGER_PAGE);
        break;
    case 5:
        media_streamoff(f, session);
        break;
    case 6:
        media_post_events(f, 1, 608);
        break;
    default:
        media_loop_for(f, 1);
        media_event(f, &event);
    }
}

static void go_on(struct stranger_store *s, struct reader *r, bool unchanged)
{
    struct media_fixture *f = device(s, 7);

    f->device->impl->resume(f->device);
    if (unchanged)
        RING_DRIVER_MUST(f->census.sessions == 1 && f->census.mapped == 2);
    for (unsigned i = 0; i < STEPS && r->left > 0; i++)
        ask(f, r);
    store_clear(&s->store);
    media_fixture_reboot(f);
    RING_DRIVER_MUST(f->census.sessions == 0 && f->census.mapped == 0);
    media_fixture_destroy(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct store_cell left[CELLS];
    unsigned fds = peer_open_fds();
    struct stranger_store s;
    struct reader r;

    log_init("fuzz", NULL, LOG_LEVEL_ERROR);
    reader_init(&r, data, size);
    if (left[0].kind == 0 && left[0].size == 0) {
        stranger_store_init(&s);
        leave(&s, left);
        stranger_store_finish(&s);
    }
    stranger_store_init(&s);
    memcpy(s.memory, left, sizeof(left));
    RING_DRIVER_MUST(store_attach(&s.store, s.memory) == 0);
    stranger_store_write(&s, &r, sizes, ESTATE_DEATH);
    if (store_attach(&s.store, s.memory) == 0)
        go_on(&s, &r, size > 1 && data[0] % STRANGER_RECORDS == 0 && data[1] % STRANGER_WORDS == 0);
    stranger_store_finish(&s);
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    if (size > 1) {
        data[0] = (uint8_t)(next() % 6); /* few new records */
        data[1] = (uint8_t)(next() % 8); /* and few odd words */
    }
}
