/* SPDX-License-Identifier: ISC */
/*
 * From an order to its acknowledgement: committed, applied, told. Which orders there are is the
 * handlers' business.
 */
#include "desk.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "peer.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "view.h"

#define FOR_MAX_US (36500 * DAY_US) /* RFC 3339 has years of four digits */

int desk_check_text(const struct control_call *call, const char *option, struct errbuf *err)
{
	struct span text = call_arg(call, option);
	if (span_trim(text).n == 0 || text.n > EVENT_REASON_MAX) {
		err_set(err, "--%s needs 1 to %d bytes of text", option, EVENT_REASON_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f) {
			err_set(err, "--%s holds a control character", option);
			return -EINVAL;
		}
	}
	return 0;
}

int desk_check_reason(const struct control_call *call, struct errbuf *err)
{
	return desk_check_text(call, "reason", err);
}

int desk_until(const struct control_call *call, const struct desk_span *span, wall_t *ret,
	struct errbuf *err)
{
	struct span duration = call_arg(call, "for");
	bool is_given = json_object_get(call->args, "for") != NULL;
	int64_t us = span->preset_us;
	if (is_given ? span_equal(duration, SPAN("permanent")) : us == 0) {
		*ret = WALL_NEVER;
		return 0;
	}
	int r = is_given ? duration_parse(duration, &us, err) : 0;
	if (r != 0)
		return r;
	if (us < SECOND_US || us > FOR_MAX_US) {
		err_set(err, "--for needs at least 1s and at most 36500d, or permanent");
		return -EINVAL;
	}
	ret->us = span->from.us + us;
	return 0;
}

struct desk_work *desk_new(enum event_kind kind, const struct account_name *name, struct now now)
{
	struct desk_work *work = xcalloc(1, sizeof(*work));
	work->event = (struct policy_event){.kind = kind, .at = now.wall};
	work->name = *name;
	work->event.account = account_name_key(&work->name);
	return work;
}

void desk_set_limit(struct desk_work *work, const char *limit)
{
	work->event.limit =
		span_make(work->limit, span_copy(span_of(limit), work->limit, sizeof(work->limit)));
}

/* UTF-8 is cut between characters, or the store would have what nobody can read. */
void desk_set_reason(struct desk_work *work, const char *before, struct span text)
{
	size_t n = span_copy(span_of(before), work->reason, sizeof(work->reason));
	size_t room = sizeof(work->reason) - 1 - n;
	bool is_cut = text.n > room;
	text.n = is_cut ? room : text.n;
	while (is_cut && text.n && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
		text.n--;
	n += span_copy(text, work->reason + n, sizeof(work->reason) - n);
	work->event.reason = span_make(work->reason, n);
}

static void desk_free(void *ctx)
{
	struct desk_work *work = ctx;
	json_decref(work->answer);
	free(work->extra);
	free(work);
}

/* Only what the event has. */
static void desk_log(const struct policy_event *event)
{
	char until[WALL_TEXT_SIZE], rate[RATE_TEXT_SIZE];
	struct log_field field[7];
	size_t n = 0;
	field[n++] = F_SPAN("account", event->account);
	if (event->limit.n)
		field[n++] = F_SPAN("limit", event->limit);
	if (event->kind == EVENT_OVERRIDE_SET)
		field[n++] = F_STR("rate", rate_format(&event->rate, rate));
	if (event->until.us)
		field[n++] = F_STR("until", wall_format(event->until, until));
	field[n++] = F_SPAN("reason", event->reason);
	field[n++] = F_SPAN("author", event->author);
	field[n++] = F_INT("event", event->id);
	log_write(LEVEL_NOTICE, event_rows[event->kind].name, field, n);
}

static void desk_kept(void *ctx, const char *error)
{
	struct control_call *call = ctx;
	struct desk_work *work = call->work;
	if (call_is_void(call))
		call_end(call);
	else if (error)
		call_fail(call, EX_IOERR,
			"it is in force, but a restart would forget it, for it could not be kept: "
			"%s",
			error);
	else
		call_answer(call, json_incref(work->answer));
}

/* Durable before acknowledged. */
static void desk_answer(struct control_call *call, const struct desk_work *work)
{
	const struct control_setup *setup = call->setup;
	if (!work->is_standing || !setup->standing_keep) {
		call_answer(call, json_incref(work->answer));
		return;
	}
	setup->standing_keep(setup->egress_ctx);
	if (store_kept_all(setup->store, desk_kept, call) != 0)
		desk_kept(call, "the store is busy");
}

static void desk_done(void *ctx, int result, int64_t id, const char *error)
{
	struct control_call *call = ctx;
	struct desk_work *work = call->work;
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
	if (work->before)
		work->before(call, work, now);
	engine_apply(call->setup->engine, &work->event, now);
	if (call->setup->applied)
		call->setup->applied(call->setup->applied_ctx, &work->event, now);
	desk_log(&work->event);
	json_object_set_new(work->answer, "event", json_integer(id));
	desk_answer(call, work);
}

void desk_commit(struct control_call *call, struct desk_work *work)
{
	struct span reason = call_arg(call, "reason");
	call->work = work;
	call->work_free = desk_free;
	if (work->event.reason.n == 0)
		work->event.reason = span_make(
			work->reason, span_copy(reason, work->reason, sizeof(work->reason)));
	work->event.author = span_of(peer_format(call->uid, work->author));
	int r = store_event(call->setup->store, &work->event, desk_done, call);
	if (r == -EAGAIN)
		call_fail(call, EX_TEMPFAIL, "nothing was changed: the store is busy; try again");
	else if (r != 0)
		call_fail(call, EX_USAGE,
			"nothing was changed: the account's name has more than %d bytes",
			EVENT_ACCOUNT_MAX);
}
