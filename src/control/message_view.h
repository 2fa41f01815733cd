/* SPDX-License-Identifier: ISC */
/*
 * message_view.h - a message of ours as it was received elsewhere (egress check --message): who signed it, for
 * whom that speaks, what the receiver found, and what the audit finds of those keys.
 */
#ifndef POLICYD_CONTROL_MESSAGE_VIEW_H
#define POLICYD_CONTROL_MESSAGE_VIEW_H

#include <jansson.h>

#include "call.h"

/* True: the call has such a header. Its fields are foreign. */
bool message_is_given(const struct control_call *call);
/*
 * The keys of its signatures are looked at from now on. 0; negative: it is no header of a signed message, or who
 * asks may not, and the call has been ended.
 */
MUST_CHECK int message_take(struct control_call *call);
/* Adds "message", "signatures" and "results" to an answer, and a sentence to its summary where it has one. */
void message_put(const struct control_call *call, json_t *data);

#endif
