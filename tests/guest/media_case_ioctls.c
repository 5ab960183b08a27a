/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media_case.h"
#include "media_ioctl_table.h"
#include "media_story.h"

/* One row of the table: an ioctl with a payload of zeros, or what 'index' says. */
static void try_row(struct media_story *s, const struct media_ioctl_row *row)
{
    uint8_t payload[2200] = {0};
    uint32_t size = _IOC_SIZE(row->code), word = row->first;
    int rc;

    if (size > sizeof(payload))
        size = sizeof(payload);
    if (size >= 4)
        memcpy(payload, &word, 4);
    rc = media_client_ioctl(s->client, s->session, row->code, payload, size);
    s->tried++;
    if (row->answer == MEDIA_IOCTL_ENOTTY) {
        media_story_expect(s, row->name, rc, -ENOTTY);
    } else if (rc && rc != -ENOTTY && rc != -EINVAL) {
        fprintf(stderr, "media: %s: %s\n", row->name, strerror(-rc));
        s->bad++;
    } else {
        s->optional += !rc;
        printf("@@ optional=%s answer=%d\n", row->name, -rc);
    }
}

/* Numbers that are no ioctl. */
static void try_unknown(struct media_story *s)
{
    static const uint8_t holes[] = {1, 3, 6, 7, 12, 13, 20, 31, 32, 35, 42, 43, 44, 45, 51, 52, 53};
    uint8_t payload[64] = {0};

    for (unsigned i = 0; i < sizeof(holes); i++)
        media_story_expect(s, "a number without an ioctl",
                           media_client_ioctl(s->client, s->session, _IOWR('V', holes[i], int[16]),
                                              payload, sizeof(payload)),
                           -ENOTTY);
    for (unsigned nr = 105; nr < 256; nr += 10)
        media_story_expect(s, "a number past the table",
                           media_client_ioctl(s->client, s->session, _IOWR('V', nr, int[16]),
                                              payload, sizeof(payload)),
                           -ENOTTY);
}

int media_case_ioctls(struct media_case *c)
{
    static struct media_story story;
    struct media_client client;
    struct media_state state;
    const struct media_ioctl_row *rows;
    unsigned count;

    if (media_case_client(c, 0, &client))
        return 1;
    if (media_story_begin(&story, c, &client))
        return 1;
    rows = media_ioctl_rows(&count);
    for (unsigned i = 0; i < count; i++)
        try_row(&story, &rows[i]);
    try_unknown(&story);
    media_story_formats(&story);
    media_story_inputs(&story);
    media_story_queue(&story);
    media_story_create(&story);
    media_story_controls(&story);
    media_story_mapping(&story);
    media_story_wire(&story);
    media_story_end(&story);
    if (media_client_state(&client, &state))
        return 1;
    media_story_expect(&story, "sessions left", (int)state.sessions, 0);
    media_story_expect(&story, "mappings left", (int)state.mappings, 0);
    media_client_finish(&client);
    printf("@@ tried=%u bad=%u optional=%u\n", story.tried, story.bad, story.optional);
    if (story.bad)
        fprintf(stderr, "media: %u of %u answers are not what they should be\n", story.bad,
                story.tried);
    return story.bad != 0;
}
