/* SPDX-License-Identifier: ISC */
/*
 * desk.h - a durable change on its way: what it is, who ordered it and why, committed by the store,
 * then applied to memory, then acknowledged.
 *
 *	struct desk_work *work = desk_new(EVENT_SUSPEND, &view.name, now);
 *	work->event.until = until;
 *	work->answer = json_pack(...);
 *	desk_commit(call, work);
 */
#ifndef POLICYD_CONTROL_DESK_H
#define POLICYD_CONTROL_DESK_H

#include "call.h"

/* The event's texts point in here. */
struct desk_work {
	struct policy_event event;
	struct account_name name;
	char limit[RULE_SIZE];
	char reason[EVENT_REASON_MAX + 1];
	char author[EVENT_AUTHOR_MAX + 1];
	json_t *answer; /* what is said in the end, with the event's number added */
	void *extra;    /* for before; freed with the work */
	/* Called when it is committed and not applied yet, to add to the answer; may be NULL. */
	void (*before)(struct control_call *call, struct desk_work *work, struct now now);
	bool is_standing; /* it changes postures or the ledger: told when they are on disk, too */
};

/* --reason, which every change needs. 0 or -EINVAL. */
MUST_CHECK int desk_check_reason(const struct control_call *call, struct errbuf *err);
/* The same of an option that is called otherwise: "note". */
MUST_CHECK int desk_check_text(
	const struct control_call *call, const char *option, struct errbuf *err);
/*
 * --for: when what begins at a time ends. preset_us when it is not given, 0 for WALL_NEVER. 0 or
 * -EINVAL.
 */
struct desk_span {
	wall_t from;
	int64_t preset_us;
};
MUST_CHECK int desk_until(const struct control_call *call, const struct desk_span *span,
	wall_t *ret, struct errbuf *err);

/* To be filled in, and handed to desk_commit(). */
struct desk_work *desk_new(enum event_kind kind, const struct account_name *name, struct now now);
void desk_set_limit(struct desk_work *work, const char *limit);
/* In place of --reason: "requested: " and the text. What is too long is cut. */
void desk_set_reason(struct desk_work *work, const char *before, struct span text);
/* Takes work; ends the call when the change is done, or refused. */
void desk_commit(struct control_call *call, struct desk_work *work);

#endif
