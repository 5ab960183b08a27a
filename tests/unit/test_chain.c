/* SPDX-License-Identifier: MIT */
#include "guest_ring.h"

static struct guest_ring ring;
static struct chain_piece pieces[600];

/* A header of one byte per piece, as a hostile driver cuts it. */
static void one_byte_pieces_are_gathered(void **state)
{
    struct chain chain = {.readable = 256, .writable = 256, .pieces = pieces};
    uint8_t in[256], out[256];

    guest_ring_memory(&ring);
    for (unsigned i = 0; i < 256; i++) {
        pieces[i] = (struct chain_piece){.gpa = GUEST_BYTES + i * 3, .size = 1};
        pieces[256 + i] = (struct chain_piece){.gpa = GUEST_BYTES + 1 + i * 3, .size = 1};
        *(uint8_t *)guest_ring_at(&ring, GUEST_BYTES + i * 3) = (uint8_t)i;
        out[i] = (uint8_t)~i;
    }
    assert_int_equal(chain_read(&chain, &ring.memory, 0, in, 256), 256);
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(in[i], i);
    assert_int_equal(chain_read(&chain, &ring.memory, 250, in, 256), 6);
    assert_int_equal(in[0], 250);
    assert_int_equal(chain_write(&chain, &ring.memory, 0, out, 256), 256);
    for (unsigned i = 0; i < 256; i++) {
        assert_int_equal(*(uint8_t *)guest_ring_at(&ring, GUEST_BYTES + i * 3), i);
        assert_int_equal(*(uint8_t *)guest_ring_at(&ring, GUEST_BYTES + i * 3 + 1), (uint8_t)~i);
    }
    guest_ring_finish(&ring);
}

static void a_chain_ends_where_it_ends(void **state)
{
    struct chain chain = {.readable = 2, .writable = 1, .pieces = pieces};
    uint8_t bytes[64] = {0};

    guest_ring_memory(&ring);
    pieces[0] = (struct chain_piece){.gpa = GUEST_BYTES, .size = 10};
    pieces[1] = (struct chain_piece){.gpa = GUEST_SPLIT - 5, .size = 10}; /* over both regions */
    pieces[2] = (struct chain_piece){.gpa = GUEST_BYTES + 100, .size = 7};
    memset(guest_ring_at(&ring, GUEST_BYTES), 0x11, 10);
    memset(guest_ring_at(&ring, GUEST_SPLIT - 5), 0x22, 10);
    assert_int_equal(chain_read(&chain, &ring.memory, 0, bytes, 64), 20);
    assert_int_equal(bytes[9], 0x11);
    assert_int_equal(bytes[19], 0x22);
    assert_int_equal(chain_read(&chain, &ring.memory, 20, bytes, 64), 0);
    assert_int_equal(chain_read(&chain, &ring.memory, UINT64_MAX, bytes, 64), 0);
    assert_int_equal(chain_read(&chain, &ring.memory, 15, bytes, 2), 2);
    assert_int_equal(chain_write(&chain, &ring.memory, 0, bytes, 64), 7);
    assert_int_equal(chain_write(&chain, &ring.memory, 6, bytes, 64), 1);
    assert_int_equal(chain_write(&chain, &ring.memory, 7, bytes, 64), 0);
    chain.writable = 0;
    assert_int_equal(chain_write(&chain, &ring.memory, 0, bytes, 64), 0);
    guest_ring_finish(&ring);
}

static void a_piece_outside_memory_ends_the_copy(void **state)
{
    struct chain chain = {.readable = 3, .pieces = pieces};
    uint8_t bytes[64];

    guest_ring_memory(&ring);
    pieces[0] = (struct chain_piece){.gpa = GUEST_BYTES, .size = 10};
    pieces[1] = (struct chain_piece){.gpa = GUEST_HOLE, .size = 10};
    pieces[2] = (struct chain_piece){.gpa = GUEST_BYTES, .size = 10};
    assert_int_equal(chain_read(&chain, &ring.memory, 0, bytes, 30), 10);
    assert_int_equal(chain_read(&chain, &ring.memory, 20, bytes, 30), 10); /* past it */
    pieces[0] = (struct chain_piece){.gpa = GUEST_RAM + GUEST_RAM_SIZE - 4, .size = UINT32_MAX};
    assert_int_equal(chain_read(&chain, &ring.memory, 0, bytes, 30), 0);
    assert_int_equal(chain_read(&chain, &ring.memory, 0, bytes, 4), 4);
    guest_ring_finish(&ring);
}

static void sums_over_32_bits_are_right(void **state)
{
    struct chain chain = {.readable = 4, .pieces = pieces};
    uint8_t byte = 0;

    guest_ring_memory(&ring);
    for (unsigned i = 0; i < 3; i++)
        pieces[i] = (struct chain_piece){.gpa = GUEST_HOLE, .size = UINT32_MAX};
    pieces[3] = (struct chain_piece){.gpa = GUEST_BYTES, .size = 1};
    *(uint8_t *)guest_ring_at(&ring, GUEST_BYTES) = 77;
    assert_int_equal(chain_read(&chain, &ring.memory, 3 * UINT64_C(0xffffffff), &byte, 1), 1);
    assert_int_equal(byte, 77);
    guest_ring_finish(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(one_byte_pieces_are_gathered),
        FD_TEST(a_chain_ends_where_it_ends),
        FD_TEST(a_piece_outside_memory_ends_the_copy),
        FD_TEST(sums_over_32_bits_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
