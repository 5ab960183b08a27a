/* SPDX-License-Identifier: MIT */
/*
 * What a worker's death leaves may have been written by whoever broke into that worker. A device
 * that goes on with it must hold out: it takes over what is possible, answers what its driver asks
 * then, and has nothing left when a driver begins anew.
 */
#include "stranger_store.h"

#include "../unit/back_end_peer.h"
#include "../unit/gpu_2d.h"
#include "gpu/estate.h"
#include "guest/guest_pins.h"

#define STEPS 32u

static const size_t sizes[] = {
    sizeof(struct estate_resource), 2 * sizeof(struct guest_piece),   16,
    sizeof(struct estate_context),  sizeof(struct estate_attachment), sizeof(struct estate_scanout),
    sizeof(struct estate_cursor),   sizeof(struct estate_outputs),    sizeof(struct death_note),
};

/* A device over the store, which takes all of it over. */
static struct gpu_fixture *go_on(struct stranger_store *s, enum exporter_kind kind)
{
    static const struct gpu_options options = {.output_count = 2};
    struct gpu_fixture *f = gpu_fixture_create(&options, kind);

    f->device->impl->destroy(f->device);
    f->host.store = &s->store;
    f->host.shelf = &s->shelf;
    f->host.running = &s->running;
    f->host.life = 7;
    f->arena.shelf = &s->shelf;
    f->device = gpu_device_create(&f->host, &options);
    RING_DRIVER_MUST(f->device != NULL);
    f->device->impl->reset(f->device);
    f->device->impl->set_features(f->device, ALL_FEATURES);
    f->device->impl->resume(f->device);
    return f;
}

/* The driver goes on with its ids; any answer will do. */
static void ask(struct gpu_fixture *f, struct reader *r)
{
    uint32_t id = reader_u8(r) % 4u, other = reader_u8(r) % 4u;

    switch (reader_u8(r) % 9) {
    case 0:
        gpu_unref(f, id);
        break;
    case 1:
        gpu_map(f, id, (uint64_t)other * STRANGER_PAGE);
        break;
    case 2:
        gpu_unmap(f, id);
        break;
    case 3:
        gpu_attach(f, other, id);
        break;
    case 4:
        gpu_detach(f, other, id);
        break;
    case 5:
        gpu_context(f, id, 0);
        break;
    case 6:
        gpu_create_blob(f, other, id, STRANGER_PAGE);
        break;
    case 7:
        gpu_flush(f, id, (struct virtio_gpu_rect){0, 0, htole32(16), htole32(16)});
        break;
    default:
        gpu_loop(f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned fds = peer_open_fds();
    struct stranger_store s;
    struct gpu_fixture *f;
    struct reader r;
    uint8_t setup;

    log_init("fuzz", NULL, LOG_LEVEL_ERROR);
    reader_init(&r, data, size);
    setup = reader_u8(&r);
    stranger_store_init(&s);
    stranger_store_write(&s, &r, sizes, ESTATE_DEATH);
    if (store_attach(&s.store, s.memory) == 0) {
        f = go_on(&s, setup & 1 ? EXPORTER_ARENA : EXPORTER_MEMFD);
        for (unsigned i = 0; i < STEPS && r.left > 0; i++)
            ask(f, &r);
        store_clear(&s.store);
        fake_port_reset(&f->port);
        f->device->impl->reset(f->device);
        RING_DRIVER_MUST(f->census.resources == 0 && f->census.mapped == 0);
        RING_DRIVER_MUST(f->shared_count == 0);
        gpu_fixture_destroy(f);
    }
    stranger_store_finish(&s);
    PEER_MUST(peer_open_fds() == fds);
    return 0;
}

void fuzz_shape(uint8_t *data, size_t size, uint64_t (*next)(void))
{
    if (size > 2) {
        data[1] = (uint8_t)(1 + next() % 16);
        data[2] = (uint8_t)(next() % 4 == 0 ? next() : 0); /* mostly no odd words */
    }
}
