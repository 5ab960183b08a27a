/* SPDX-License-Identifier: MIT */
#include "fd_count.h"

#include <string.h>

#include "door/diagnosis.h"
#include "protocol/vhost_user.h"

/* Every row of the table of traps: facts that it applies to, and the nearest to which it does not.
 */
#define F(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define QEMU                                                                                       \
    (F(MQ) | F(REPLY_ACK) | F(BACKEND_REQ) | F(CONFIG) | F(BACKEND_SEND_FD) | F(RESET_DEVICE) |    \
     F(SHARED_OBJECT) | F(SHMEM))
#define LIBKRUN (F(MQ) | F(BACKEND_REQ) | F(CONFIG) | F(BACKEND_SEND_FD) | F(SHMEM))

static const char *const features[] = {"VIRGL", "EDID", NULL};
static const struct diagnosis_queue queues[] = {
    {"control", 128, "it is slow"}, {"cursor", 16, "it lags"}, {NULL}};
static const struct diagnosis_kind kind = {features, queues};

/* QEMU 11.1 with vhost-user-test-device-pci, as the manual has it, with a driver at work. */
static struct diagnosis_facts good(void)
{
    return (struct diagnosis_facts){
        .stage = DIAGNOSIS_RUNS,
        .kind = &kind,
        .features = UINT64_C(1) << 32 | UINT64_C(3) << 28 | 3,
        .protocol_features = QEMU,
        .window_size = UINT64_C(256) << 20,
        .window_usable = true,
        .arena = true,
        .channel = true,
        .queues = 2,
        .called = 2,
        .sizes = {256, 256},
        .regions = 2,
        .bytes = UINT64_C(1) << 30,
    };
}

/* The names of the rows that apply, each with a blank behind it. */
static const char *traps(const struct diagnosis_facts *facts)
{
    static char names[512];
    uint32_t found = diagnosis_traps(facts);
    const struct diagnosis_row *row;

    names[0] = '\0';
    for (unsigned i = 0; (row = diagnosis_row(i)) != NULL; i++)
        if (found >> i & 1) {
            strcat(names, row->name);
            strcat(names, " ");
        }
    return names;
}

static void assert_told(const struct diagnosis_facts *facts, const char *name, const char *words)
{
    char text[DIAGNOSIS_TEXT];
    const struct diagnosis_row *row;

    for (unsigned i = 0; (row = diagnosis_row(i)) != NULL; i++)
        if (strcmp(row->name, name) == 0)
            break;
    assert_non_null(row);
    diagnosis_tell(row, facts, text);
    assert_non_null(strstr(text, words));
    assert_int_equal(text[strlen(text) - 1], '.');
}

static void nothing_is_wrong_with_the_usual_ones(void **state)
{
    struct diagnosis_facts f = good();

    assert_string_equal(traps(&f), "");
    /* crosvm */
    f.protocol_features = F(MQ) | F(REPLY_ACK) | F(BACKEND_REQ) | F(CONFIG) | F(SHMEM);
    f.arena = false;
    f.sizes[0] = f.sizes[1] = 32768;
    assert_string_equal(traps(&f), "");
}

static void an_old_draft(void **state)
{
    struct diagnosis_facts f = good();

    f.stage = DIAGNOSIS_NEGOTIATED;
    f.protocol_features = (QEMU & ~F(SHMEM)) | F(OLD_SHMEM_21);
    assert_string_equal(traps(&f), "shmem-draft ");
    f.protocol_features = (QEMU & ~F(SHMEM)) | F(OLD_SHMEM_20);
    assert_string_equal(traps(&f), "shmem-draft ");
    assert_told(&f, "shmem-draft", "QEMU 11.0 or newer");
    f.protocol_features |= F(SHMEM);
    assert_string_equal(traps(&f), "");
    f.stage = DIAGNOSIS_BEGUN;
    f.protocol_features = 0;
    assert_string_equal(traps(&f), "");
}

static void no_shmem_at_all(void **state)
{
    struct diagnosis_facts f = good();

    f.stage = DIAGNOSIS_NEGOTIATED;
    f.protocol_features = QEMU & ~F(SHMEM);
    assert_string_equal(traps(&f), "no-shmem ");
    assert_told(&f, "no-shmem", "vhost-user-test-device-pci");
}

static void shmem_without_what_it_needs(void **state)
{
    struct diagnosis_facts f = good();

    f.stage = DIAGNOSIS_NEGOTIATED;
    f.protocol_features = QEMU & ~F(REPLY_ACK);
    assert_string_equal(traps(&f), "no-reply-ack ");
    assert_told(&f, "no-reply-ack", "without REPLY_ACK");
    f.protocol_features = QEMU & ~F(BACKEND_REQ);
    assert_string_equal(traps(&f), "no-backend-req ");
    f = good();
    f.channel = false;
    assert_string_equal(traps(&f), "no-channel ");
    f.stage = DIAGNOSIS_ASKED; /* it may come yet */
    assert_string_equal(traps(&f), "");
}

static void libkrun(void **state)
{
    struct diagnosis_facts f = good();

    f.protocol_features = LIBKRUN;
    f.mute = true;
    assert_string_equal(traps(&f), "mute ");
    f.window_size = DIAGNOSIS_MUTE_WINDOW;
    assert_string_equal(traps(&f), "mute ");
    f.window_size *= 2;
    f.window_usable = false;
    assert_string_equal(traps(&f), "mute-window ");
    assert_told(&f, "mute-window", "--window=4G");
}

static void a_window_that_nobody_asks_for(void **state)
{
    struct diagnosis_facts f = good();

    f.window_usable = false;
    assert_string_equal(traps(&f), "window-not-asked ");
    assert_told(&f, "window-not-asked", "vhost-user-gpu-pci has not");
    f.stage = DIAGNOSIS_PATIENT;
    assert_string_equal(traps(&f), "");
}

static void memory_slots(void **state)
{
    struct diagnosis_facts f = good();

    f.protocol_features |= F(CONFIGURE_MEM_SLOTS);
    assert_string_equal(traps(&f), "mem-slots ");
    f.protocol_features &= ~F(SHARED_OBJECT); /* it is not QEMU */
    assert_string_equal(traps(&f), "");
    f = good();
    f.arena = false;
    assert_string_equal(traps(&f), "few-slots ");
    assert_told(&f, "few-slots", "--mem-slots");
    f.window_usable = false;
    assert_string_equal(traps(&f), "window-not-asked ");
}

static void queues_that_are_too_small_or_too_few(void **state)
{
    struct diagnosis_facts f = good();

    f.sizes[0] = 128;
    f.sizes[1] = 16;
    assert_string_equal(traps(&f), "");
    f.sizes[0] = 64;
    assert_string_equal(traps(&f), "small-queue ");
    assert_told(&f, "small-queue", "Queue 0 (control) has only 64 entries: it is slow.");
    assert_told(&f, "small-queue", "vq_size=128");
    f.sizes[0] = 0; /* not said */
    f.sizes[1] = 8;
    assert_told(&f, "small-queue", "Queue 1 (cursor)");
    f.kind = NULL;
    assert_string_equal(traps(&f), "");
    f = good();
    f.stage = DIAGNOSIS_ASKED;
    f.called = 1;
    assert_string_equal(traps(&f), "few-queues ");
    assert_told(&f, "few-queues", "num_vqs=2");
    f.called = 0; /* it tells them later */
    assert_string_equal(traps(&f), "");
}

static void memory_that_is_not_shared(void **state)
{
    struct diagnosis_facts f = good();

    f.stage = DIAGNOSIS_PATIENT;
    f.regions = 0;
    assert_string_equal(traps(&f), "memory-not-shared ");
    assert_told(&f, "memory-not-shared", "share=on");
    f.stage = DIAGNOSIS_ASKED;
    assert_string_equal(traps(&f), "");
    f = good();
    f.memory_empty = true;
    assert_string_equal(traps(&f), "memory-private ");
    f = good();
    f.outside = true;
    assert_string_equal(traps(&f), "memory-partial ");
    f.regions = 0;
    f.protocol_features &= ~F(SHARED_OBJECT);
    assert_string_equal(traps(&f), "");
}

static void every_row_can_be_told(void **state)
{
    const struct diagnosis_facts f = good();
    char text[DIAGNOSIS_TEXT];
    const struct diagnosis_row *row;

    for (unsigned i = 0; (row = diagnosis_row(i)) != NULL; i++) {
        diagnosis_tell(row, &f, text);
        assert_true(strlen(text) > 40 && strlen(text) < DIAGNOSIS_TEXT - 1);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(row->name, diagnosis_row(j)->name);
    }
}

static void all_is_described_by_name(void **state)
{
    struct diagnosis_facts f = good();
    char text[DIAGNOSIS_TEXT];

    diagnosis_describe(&f, text);
    assert_string_equal(text,
                        "device features VIRGL EDID; ring INDIRECT_DESC EVENT_IDX VERSION_1; "
                        "protocol MQ REPLY_ACK BACKEND_REQ CONFIG BACKEND_SEND_FD RESET_DEVICE "
                        "SHARED_OBJECT SHMEM; 2 queues of 256 256 entries; window of 256M; a "
                        "back-end channel; guest memory of 1G in 2 regions");
    f.features = VHOST_USER_BIT(5);
    f.protocol_features = VHOST_USER_BIT(60);
    f.regions = 1;
    f.window_usable = f.channel = false;
    diagnosis_describe(&f, text);
    assert_string_equal(text, "device features bit 5; ring none; protocol bit 60; 2 queues of 256 "
                              "256 entries; window of 256M unused; no back-end channel; guest "
                              "memory of 1G in 1 region");
    f.features = f.protocol_features = UINT64_MAX; /* whatever comes has its end */
    diagnosis_describe(&f, text);
    assert_true(strlen(text) < DIAGNOSIS_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(nothing_is_wrong_with_the_usual_ones),
        FD_TEST(an_old_draft),
        FD_TEST(no_shmem_at_all),
        FD_TEST(shmem_without_what_it_needs),
        FD_TEST(libkrun),
        FD_TEST(a_window_that_nobody_asks_for),
        FD_TEST(memory_slots),
        FD_TEST(queues_that_are_too_small_or_too_few),
        FD_TEST(memory_that_is_not_shared),
        FD_TEST(every_row_can_be_told),
        FD_TEST(all_is_described_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
