/* SPDX-License-Identifier: MIT */
#include "protocol/vhost_user_gpu.h"

#include <stddef.h>
#include <string.h>

#define OF(type) sizeof(struct vhost_user_gpu_##type), sizeof(struct vhost_user_gpu_##type)
#define PICTURE sizeof(struct vhost_user_gpu_update), UINT32_MAX
#define F(name) VHOST_USER_GPU_F_##name
#define ROW(name, ...) [VHOST_USER_GPU_##name] = {#name, __VA_ARGS__}
#define DISPLAY_INFO sizeof(struct virtio_gpu_resp_display_info)
#define EDID sizeof(struct virtio_gpu_resp_edid)

/* clang-format off */
static const struct vhost_user_gpu_rule rules[VHOST_USER_GPU_REQUESTS] = {
    /*  message               payload              fds  answer              needs */
    ROW(GET_PROTOCOL_FEATURES, 0, 0,                0,  true, 8,            0),
    ROW(SET_PROTOCOL_FEATURES, 8, 8,                0,  false, 0,           0),
    ROW(GET_DISPLAY_INFO,      0, 0,                0,  true, DISPLAY_INFO, 0),
    ROW(CURSOR_POS,            OF(cursor_pos),      0,  false, 0,           0),
    ROW(CURSOR_POS_HIDE,       OF(cursor_pos),      0,  false, 0,           0),
    ROW(CURSOR_UPDATE,         OF(cursor_update),   0,  false, 0,           0),
    ROW(SCANOUT,               OF(scanout),         0,  false, 0,           0),
    ROW(UPDATE,                PICTURE,             0,  false, 0,           0),
    ROW(DMABUF_SCANOUT,        OF(dmabuf_scanout),  1,  false, 0,           0),
    ROW(DMABUF_UPDATE,         OF(update),          0,  true, 0,            0),
    ROW(GET_EDID,              OF(edid_request),    0,  true, EDID,         F(EDID)),
    ROW(DMABUF_SCANOUT2,       OF(dmabuf_scanout2), 1,  false, 0,           F(DMABUF2)),
};
/* clang-format on */

const struct vhost_user_gpu_rule *vhost_user_gpu_rule(uint32_t request)
{
    if (request >= VHOST_USER_GPU_REQUESTS || rules[request].name == NULL)
        return NULL;
    return &rules[request];
}

const char *vhost_user_gpu_request_name(uint32_t request)
{
    const struct vhost_user_gpu_rule *rule = vhost_user_gpu_rule(request);
    return rule != NULL ? rule->name : "?";
}

const char *vhost_user_gpu_check_reply(const struct vhost_user_gpu_header *header)
{
    const struct vhost_user_gpu_rule *rule = vhost_user_gpu_rule(header->request);

    if ((header->flags & VHOST_USER_GPU_FLAG_REPLY) == 0)
        return "it is no answer";
    if (rule == NULL)
        return "it answers a request that does not exist";
    if (!rule->replied)
        return "it answers a request that has no answer";
    if (header->size != rule->reply)
        return "its payload has the wrong size";
    return NULL;
}

/* Whether as many bytes follow as the picture has. */
static bool update_is_whole(const struct vhost_user_gpu_header *header, const void *payload)
{
    struct vhost_user_gpu_update update;
    uint64_t pixels;

    memcpy(&update, payload, sizeof(update));
    pixels = (uint64_t)update.width * update.height;
    return pixels <= UINT32_MAX / 4 && header->size == sizeof(update) + pixels * 4;
}

const char *vhost_user_gpu_check_request(const struct vhost_user_gpu_header *header,
                                         const void *payload, unsigned fds, uint64_t features)
{
    const struct vhost_user_gpu_rule *rule = vhost_user_gpu_rule(header->request);

    if (rule == NULL)
        return "there is no such request";
    if (header->flags != 0)
        return "it has flags";
    if (header->size < rule->min_size || header->size > rule->max_size)
        return "its payload has the wrong size";
    if (fds > rule->max_fds)
        return "it carries descriptors that it should not";
    if ((features & rule->needs) != rule->needs)
        return "the protocol feature that it needs was not taken";
    if (header->request == VHOST_USER_GPU_UPDATE && !update_is_whole(header, payload))
        return "its pixels are not as many as its size says";
    return NULL;
}
