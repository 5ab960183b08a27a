/* SPDX-License-Identifier: MIT */
#ifndef DOOR_SESSION_DIAGNOSIS_H
#define DOOR_SESSION_DIAGNOSIS_H

#include "door/diagnosis.h"
#include "door/session.h"

/* Says in the log what was negotiated, once a connection, and each trap that lies in it, once as
 * well: as early as it can be told. */

/* The conversation has come so far. */
void session_diagnosis_reach(struct session *s, enum diagnosis_stage stage);
/* A driver took its features: memory has to come now. */
void session_diagnosis_driver(struct session *s);
/* Another process has said it all. */
void session_diagnosis_known(struct session *s);
void session_diagnosis_finish(struct session *s);

/* What is so just now. */
void session_diagnosis_facts(const struct session *s, struct diagnosis_facts *facts);

#endif
