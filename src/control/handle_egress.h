/* SPDX-License-Identifier: ISC */
/* handle_egress.h - what the commands about our own addresses share. */
#ifndef POLICYD_CONTROL_HANDLE_EGRESS_H
#define POLICYD_CONTROL_HANDLE_EGRESS_H

#include "call.h"
#include "orders.h"

/* Room for an address or a name as text; what is longer is none of ours. */
#define SUBJECT_TEXT_SIZE DNS_NAME_SIZE

/* 0; negative: this daemon looks at nothing, and the call has been ended. */
MUST_CHECK int egress_must_be(struct control_call *call);
/*
 * SUBJECT as egress writes it, in buf; empty when it was not given. 0, or -ENOENT: nothing of ours,
 * and err says what there is.
 */
MUST_CHECK int egress_subject_of(const struct control_call *call, char buf[SUBJECT_TEXT_SIZE],
	struct span *ret, struct errbuf *err);
/*
 * The same of an argument that is called otherwise, "address", and of what it may be: an address only, or a
 * name as well.
 */
struct egress_argument {
	const char *name;
	bool is_address;
};
MUST_CHECK int egress_argument_of(const struct control_call *call,
	const struct egress_argument *argument, char buf[SUBJECT_TEXT_SIZE], struct span *ret,
	struct errbuf *err);
/* By name or zone. 0, or -ENOENT: err has the hint that a dead list left, or what may be meant. */
MUST_CHECK int egress_list_of(const struct config *config, struct span typed,
	const struct blocklist **ret, struct errbuf *err);
/* The looks under way. */
struct order_book *call_orders(const struct control_call *call);

#endif
