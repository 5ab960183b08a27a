/* SPDX-License-Identifier: MIT */
#include "media/media.h"

#include <malloc.h>

#include "media/subscription.h"

void media_show_sessions(const struct media *media)
{
    __atomic_store_n(&media->device.host->census->sessions, media->sessions.map.count,
                     __ATOMIC_RELAXED);
}

void media_session_opened(struct media *media, struct session *session)
{
    estate_session(media, session);
    if (session->context->id == 0)
        return;
    estate_context(session->context);
    if (session->context->controls != NULL)
        estate_controls(session->context->controls);
}

void media_close_session(struct media *media, struct session *session)
{
    if (session == NULL)
        return;
    subscription_clear(session, &media->events);
    context_forsake(session->context, session->id.id);
    if (session->context->id != 0)
        estate_context_gone(session->context);
    estate_session_gone(media, session);
    media->kind->ops->close(media->kind, session->context);
    session_close(&media->sessions, session);
    /* What many sessions' codecs leave behind in the heaps of the threads is of use to nobody:
     * tens of MB. */
    if (media->sessions.map.count == 0)
        malloc_trim(0);
    media_show_sessions(media);
}
