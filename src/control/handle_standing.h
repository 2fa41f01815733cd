/* SPDX-License-Identifier: ISC */
/* handle_standing.h - what the commands about our standing share. */
#ifndef POLICYD_CONTROL_HANDLE_STANDING_H
#define POLICYD_CONTROL_HANDLE_STANDING_H

#include "desk.h"
#include "handle_egress.h"

/* 0; negative: this daemon keeps none of that, and the call has been ended. */
MUST_CHECK int standing_must_be(struct control_call *call);
/* A change that is told of a subject of ours: "egress:192.0.2.10", "domain:example.org", or of "programme:snds". */
struct desk_work *standing_work(
	enum event_kind kind, const char *sort, struct span subject, struct now now);
/* "egress" or "domain". */
const char *standing_sort(struct span subject);
/* The address that an argument "address" names. 0, or the call has been ended. */
MUST_CHECK int standing_address_of(struct control_call *call, char buf[SUBJECT_TEXT_SIZE],
	struct span *ret, struct ip *ret_ip);

#endif
