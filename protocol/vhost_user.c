/* SPDX-License-Identifier: MIT */
#include "protocol/vhost_user.h"

#include <stddef.h>

#define F(name) VHOST_USER_BIT(VHOST_USER_PROTOCOL_F_##name)
#define EMPTY 0, 0
#define EXACT(size) (size), (size)
#define STATE EXACT(sizeof(struct vhost_user_vring_state))
#define ADDR EXACT(sizeof(struct vhost_user_vring_addr))
#define TABLE 8, 8 + VHOST_USER_MAX_REGIONS * sizeof(struct vhost_user_region)
#define REGION EXACT(sizeof(struct vhost_user_mem_reg))
#define CONFIG VHOST_USER_CONFIG_HEADER_SIZE, sizeof(struct vhost_user_config)
#define UUID 0, 16 /* QEMU 11.1 forgets to send it */
#define IDLE VHOST_USER_IDLE
#define ANY VHOST_USER_ANY
#define ACK VHOST_USER_ANSWER_ACK
#define OWN VHOST_USER_ANSWER_OWN
#define ROW(name, ...) [VHOST_USER_##name] = {#name, __VA_ARGS__}

/* clang-format off */
static const struct vhost_user_rule rules[VHOST_USER_REQUESTS] = {
    /*  message               payload     fds    needs                   when  answer */
    ROW(GET_FEATURES,          EMPTY,      0, 0,  0,                      ANY,  OWN),
    ROW(SET_FEATURES,          EXACT(8),   0, 0,  0,                      ANY,  ACK),
    ROW(SET_OWNER,             EMPTY,      0, 0,  0,                      ANY,  ACK),
    ROW(RESET_OWNER,           EMPTY,      0, 0,  0,                      ANY,  ACK),
    ROW(SET_MEM_TABLE,         TABLE,      0, 32, 0,                      ANY,  ACK),
    ROW(SET_VRING_NUM,         STATE,      0, 0,  0,                      ANY,  ACK),
    ROW(SET_VRING_ADDR,        ADDR,       0, 0,  0,                      ANY,  ACK),
    ROW(SET_VRING_BASE,        STATE,      0, 0,  0,                      ANY,  ACK),
    ROW(GET_VRING_BASE,        STATE,      0, 0,  0,                      ANY,  OWN),
    ROW(SET_VRING_KICK,        EXACT(8),   0, 1,  0,                      ANY,  ACK),
    ROW(SET_VRING_CALL,        EXACT(8),   0, 1,  0,                      ANY,  ACK),
    ROW(SET_VRING_ERR,         EXACT(8),   0, 1,  0,                      ANY,  ACK),
    ROW(GET_PROTOCOL_FEATURES, EMPTY,      0, 0,  0,                      ANY,  OWN),
    ROW(SET_PROTOCOL_FEATURES, EXACT(8),   0, 0,  0,                      IDLE, ACK),
    ROW(GET_QUEUE_NUM,         EMPTY,      0, 0,  F(MQ),                  ANY,  OWN),
    ROW(SET_VRING_ENABLE,      STATE,      0, 0,  0,                      ANY,  ACK),
    ROW(SET_BACKEND_REQ_FD,    EMPTY,      1, 1,  F(BACKEND_REQ),         ANY,  ACK),
    ROW(GET_CONFIG,            CONFIG,     0, 0,  F(CONFIG),              ANY,  OWN),
    ROW(SET_CONFIG,            CONFIG,     0, 0,  F(CONFIG),              ANY,  ACK),
    ROW(GPU_SET_SOCKET,        EMPTY,      1, 1,  0,                      ANY,  ACK),
    ROW(RESET_DEVICE,          EMPTY,      0, 0,  F(RESET_DEVICE),        ANY,  ACK),
    ROW(GET_MAX_MEM_SLOTS,     EMPTY,      0, 0,  F(CONFIGURE_MEM_SLOTS), ANY,  OWN),
    ROW(ADD_MEM_REG,           REGION,     1, 1,  F(CONFIGURE_MEM_SLOTS), ANY,  ACK),
    ROW(REM_MEM_REG,           REGION,     0, 1,  F(CONFIGURE_MEM_SLOTS), ANY,  ACK),
    ROW(GET_SHARED_OBJECT,     UUID,       0, 0,  F(SHARED_OBJECT),       ANY,  OWN),
    ROW(GET_SHMEM_CONFIG,      EMPTY,      0, 0,  F(SHMEM),               ANY,  OWN),
};
/* clang-format on */

const struct vhost_user_rule *vhost_user_rule(uint32_t request)
{
    if (request >= VHOST_USER_REQUESTS || rules[request].name == NULL)
        return NULL;
    return &rules[request];
}

const char *vhost_user_request_name(uint32_t request)
{
    const struct vhost_user_rule *rule = vhost_user_rule(request);
    return rule != NULL ? rule->name : "?";
}

const char *vhost_user_check_header(const struct vhost_user_header *header)
{
    if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
        return "its protocol version is not 1";
    if (header->flags & VHOST_USER_FLAG_REPLY)
        return "it is flagged as a reply, but nothing was asked";
    if (header->size > VHOST_USER_MAX_PAYLOAD)
        return "its payload is larger than any message's";
    return NULL;
}

const char *vhost_user_check(const struct vhost_user_header *header, unsigned fds, uint64_t acked,
                             unsigned state)
{
    const struct vhost_user_rule *rule = vhost_user_rule(header->request);

    if (rule == NULL)
        return "this back-end does not know the request";
    if (header->size < rule->min_size || header->size > rule->max_size)
        return "its payload has the wrong size";
    if (fds < rule->min_fds)
        return "a descriptor is missing";
    if (fds > rule->max_fds)
        return "it carries descriptors that it should not";
    if ((acked & rule->needs) != rule->needs)
        return "the protocol feature that it needs was not negotiated";
    if ((rule->states & state) == 0)
        return "it is not allowed while a ring runs";
    return NULL;
}
