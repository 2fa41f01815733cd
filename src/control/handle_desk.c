/* SPDX-License-Identifier: ISC */
/*
 * Commands that change an account's standing, and the trail they leave: suspend, release, audit.
 * What is changed is first committed by the store, then applied to memory, then acknowledged.
 */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "call.h"
#include "peer.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "text.h"
#include "view.h"

#define SUSPEND_DEFAULT_US (24 * HOUR_US)
#define SUSPEND_MAX_US     (36500 * DAY_US) /* RFC 3339 has years of four digits */

/* An event on its way to the store, with the texts it points to. */
struct desk_work {
	struct policy_event event;
	wall_t since, until; /* of the suspension */
	struct account_name name;
	char reason[EVENT_REASON_MAX + 1];
	char author[EVENT_AUTHOR_MAX + 1];
};

/* ---- checks ---- */

static int reason_check(struct span reason, struct errbuf *err)
{
	if (span_trim(reason).n == 0 || reason.n > EVENT_REASON_MAX) {
		err_set(err, "--reason needs 1 to %d bytes of text", EVENT_REASON_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < reason.n; i++) {
		if ((unsigned char)reason.p[i] < 0x20 || reason.p[i] == 0x7f) {
			err_set(err, "--reason holds a control character");
			return -EINVAL;
		}
	}
	return 0;
}

/* When a suspension of that duration, as typed, ends. */
static int until_parse(struct span duration, wall_t from, wall_t *ret, struct errbuf *err)
{
	int64_t us = SUSPEND_DEFAULT_US;
	if (span_equal(duration, SPAN("permanent"))) {
		*ret = WALL_NEVER;
		return 0;
	}
	int r = duration.n ? duration_parse(duration, &us, err) : 0;
	if (r != 0)
		return r;
	if (us < SECOND_US || us > SUSPEND_MAX_US) {
		err_set(err, "--for needs at least 1s and at most 36500d, or permanent");
		return -EINVAL;
	}
	ret->us = from.us + us;
	return 0;
}

/* ---- from the request to the acknowledgement ---- */

static void desk_done(void *ctx, int result, int64_t id, const char *error)
{
	struct control_call *call = ctx;
	struct desk_work *work = call->work;
	char until[WALL_TEXT_SIZE];
	if (call_is_void(call)) {
		call_end(call);
		return;
	}
	if (result < 0) {
		call_fail(call, EX_IOERR, "nothing was changed: %s", error);
		return;
	}
	work->event.id = id;
	/* One reading of the clock: a record replays only with the times the engine saw. */
	const struct now now = call_now(call);
	engine_apply(call->setup->engine, &work->event, now);
	if (call->setup->applied)
		call->setup->applied(call->setup->applied_ctx, &work->event, now);
	log_event(LEVEL_NOTICE, event_rows[work->event.kind].name,
		F_SPAN("account", work->event.account),
		F_STR("until", wall_format(work->until, until)),
		F_SPAN("reason", work->event.reason), F_SPAN("author", work->event.author),
		F_INT("event", id));
	call_answer(
		call, json_pack("{s:o, s:o, s:o, s:I}", "account",
			      view_account(work->event.account), "since", text_time(work->since),
			      "until", text_time(work->until), "event", (json_int_t)id));
}

/* Takes work, and ends the call when the store does not take the event. */
static void desk_commit(struct control_call *call, struct desk_work *work)
{
	struct span reason = call_arg(call, "reason");
	call->work = work;
	call->work_free = free;
	work->event.account = span_make(work->name.key, work->name.n);
	work->event.reason =
		span_make(work->reason, span_copy(reason, work->reason, sizeof(work->reason)));
	work->event.author = span_of(peer_format(call->uid, work->author));
	if (store_event(call->setup->store, &work->event, desk_done, call) != 0)
		call_fail(call, EX_TEMPFAIL, "nothing was changed: the store is busy; try again");
}

void handle_suspend(struct control_call *call)
{
	struct engine_account_view view;
	struct errbuf err;
	struct now now = call_now(call);
	wall_t until;
	int r = engine_account(call->setup->engine, call_arg(call, "account"), now, &view, &err);
	if (r == 0)
		r = reason_check(call_arg(call, "reason"), &err);
	if (r == 0)
		r = until_parse(call_arg(call, "for"), now.wall, &until, &err);
	if (r != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	struct desk_work *work = xmalloc(sizeof(*work));
	*work = (struct desk_work){
		.event = {.kind = EVENT_SUSPEND, .at = now.wall, .until = until},
		.since = now.wall,
		.until = until,
		.name = view.name,
	};
	desk_commit(call, work);
}

void handle_release(struct control_call *call)
{
	struct engine_account_view view;
	struct errbuf err;
	struct now now = call_now(call);
	int r = engine_account(call->setup->engine, call_arg(call, "account"), now, &view, &err);
	if (r == 0)
		r = reason_check(call_arg(call, "reason"), &err);
	if (r != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	if (!view.standing) {
		struct span shown = subject_shown(span_make(view.name.key, view.name.n));
		call_fail(call, EXIT_NEGATIVE, "%.*s is not suspended", (int)shown.n, shown.p);
		return;
	}
	struct desk_work *work = xmalloc(sizeof(*work));
	*work = (struct desk_work){
		.event = {.kind = EVENT_RELEASE, .at = now.wall},
		.since = view.standing->since,
		.until = now.wall,
		.name = view.name,
	};
	desk_commit(call, work);
}

/* ---- audit ---- */

#define AUDIT_DEFAULT 100
#define AUDIT_MAX     10000

static void audit_done(void *ctx, json_t *rows, const char *error)
{
	struct control_call *call = ctx;
	if (!rows) {
		call_fail(call, EX_TEMPFAIL, "the store cannot be read: %s", error);
		return;
	}
	view_rename_accounts(rows);
	call_answer(call, rows);
}

static int audit_query(struct control_call *call, struct account_name *name,
	struct store_audit_query *ret, struct errbuf *err)
{
	struct now now = call_now(call);
	struct span account = call_arg(call, "account"), since = call_arg(call, "since");
	struct store_audit_query query = {0};
	int64_t us = 0;
	int r = call_count(call, &(struct call_range){AUDIT_DEFAULT, AUDIT_MAX}, &query.limit, err);
	if (r == 0 && account.n)
		r = subject_parse(account, engine_config(call->setup->engine), name, err);
	if (r == 0 && since.n)
		r = duration_parse(since, &us, err);
	if (r != 0)
		return r;
	if (account.n)
		query.account = span_make(name->key, name->n);
	if (since.n && us < now.wall.us)
		query.since.us = now.wall.us - us;
	*ret = query;
	return 0;
}

void handle_audit(struct control_call *call)
{
	struct store_audit_query query;
	struct account_name name;
	struct errbuf err;
	if (audit_query(call, &name, &query, &err) != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	else if (store_audit(call->setup->store, &query, audit_done, call) != 0)
		call_fail(call, EX_TEMPFAIL, "the store is busy; try again");
}
