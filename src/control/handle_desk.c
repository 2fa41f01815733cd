/* SPDX-License-Identifier: ISC */
/*
 * Commands that change where an account stands: suspend, release, reset. Overrides are
 * handle_override.c's.
 */
#include <errno.h>
#include <sysexits.h>

#include "desk.h"
#include "score_view.h"
#include "text.h"
#include "view.h"

#define SUSPEND_DEFAULT_US (24 * HOUR_US)

/* The account named by the arguments, when there is a reason too. 0, or the call has been ended. */
static int order_look(struct control_call *call, struct engine_account_view *ret)
{
	struct errbuf err;
	int r = engine_account(
		call->setup->engine, call_arg(call, "account"), call_now(call), ret, &err);
	if (r == 0)
		r = desk_check_reason(call, &err);
	if (r != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	return r;
}

/* What can be suspended sends. 0, or the call has been ended. */
static int sender_look(struct control_call *call, struct engine_account_view *ret)
{
	int r = order_look(call, ret);
	if (r != 0 || kind_rows[ret->name.kind].sends)
		return r;
	struct span shown = subject_shown(account_name_key(&ret->name));
	call_fail(call, EX_USAGE,
		"%.*s is a name that limits count by, and sends nothing: name a login, "
		"addr:ADDRESS, cert:FINGERPRINT or sender:ADDRESS",
		(int)shown.n, shown.p);
	return -EINVAL;
}

static json_t *standing_answer(const struct desk_work *work, wall_t since, wall_t until)
{
	return json_pack("{s:o, s:o, s:o}", "account", view_account(work->event.account), "since",
		text_time(since), "until", text_time(until));
}

void handle_suspend(struct control_call *call)
{
	struct engine_account_view view;
	struct errbuf err;
	wall_t until;
	if (sender_look(call, &view) != 0)
		return;
	struct now now = call_now(call);
	const struct desk_span span = {.from = now.wall, .preset_us = SUSPEND_DEFAULT_US};
	if (desk_until(call, &span, &until, &err) != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	struct desk_work *work = desk_new(EVENT_SUSPEND, &view.name, now);
	work->event.until = until;
	work->answer = standing_answer(work, now.wall, until);
	desk_commit(call, work);
}

/* ---- release ---- */

static int verdict_parse(struct span word, const char **ret, struct errbuf *err)
{
	static const char *const words[] = {"", VERDICT_FALSE_POSITIVE, VERDICT_CONFIRMED};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal(word, span_of(words[i]))) {
			*ret = words[i];
			return 0;
		}
	}
	err_set(err, "--verdict needs " VERDICT_FALSE_POSITIVE " or " VERDICT_CONFIRMED);
	return -EINVAL;
}

/* A suspension, a step of the ladder; a verdict is worth something by itself. */
static bool may_release(struct control_call *call, const struct engine_account_view *view,
	const struct signals_view *story, const char *verdict)
{
	bool is_worth_a_word = verdict[0] && view->is_known;
	if (view->standing || score_is_flagged(story) || is_worth_a_word)
		return true;
	struct span shown = subject_shown(account_name_key(&view->name));
	call_fail(call, EXIT_NEGATIVE, "%.*s is not suspended, and at no step of the ladder",
		(int)shown.n, shown.p);
	return false;
}

static json_t *release_answer(const struct desk_work *work, const struct standing *standing,
	const struct signals_view *story, const char *verdict)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o}", "account",
		view_account(work->event.account), "since",
		standing ? text_time(standing->since) : json_null(), "until",
		text_time(work->event.at), "step_was", step_name(story->step), "score_was",
		score_json(story->score), "verdict",
		verdict[0] ? json_string(verdict) : json_null());
}

void handle_release(struct control_call *call)
{
	struct engine_account_view view;
	struct signals_view story = {0};
	struct errbuf err;
	const char *verdict = "";
	struct now now = call_now(call);
	if (sender_look(call, &view) != 0)
		return;
	int r = verdict_parse(call_arg(call, "verdict"), &verdict, &err);
	if (r == 0)
		r = engine_signals(
			call->setup->engine, account_name_key(&view.name), now, &story, &err);
	if (r != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	if (!may_release(call, &view, &story, verdict))
		return;
	struct desk_work *work = desk_new(EVENT_RELEASE, &view.name, now);
	desk_set_limit(work, verdict);
	work->answer = release_answer(work, view.standing, &story, verdict);
	desk_commit(call, work);
}

/* ---- reset ---- */

/* What counts until the very moment it is forgotten. */
static void reset_before(struct control_call *call, struct desk_work *work, struct now now)
{
	struct engine_account_view view;
	struct errbuf err;
	struct engine *engine = call->setup->engine;
	if (engine_account(engine, work->event.account, now, &view, &err) != 0)
		return;
	json_object_set_new(work->answer, "before", view_used(&view, engine_config(engine), now));
}

void handle_reset(struct control_call *call)
{
	struct engine_account_view view;
	if (order_look(call, &view) != 0)
		return;
	struct span shown = subject_shown(account_name_key(&view.name));
	if (view.name.kind == ACCOUNT_DOMAIN) {
		call_fail(call, EX_USAGE,
			"%.*s only has overrides, nothing is counted for it: name an account, or "
			"from_domain:DOMAIN or to_domain:DOMAIN",
			(int)shown.n, shown.p);
		return;
	}
	if (!view.is_known) {
		call_fail(
			call, EXIT_NEGATIVE, "nothing is counted for %.*s", (int)shown.n, shown.p);
		return;
	}
	struct desk_work *work = desk_new(EVENT_RESET, &view.name, call_now(call));
	work->answer =
		json_pack("{s:o, s:[]}", "account", view_account(work->event.account), "before");
	work->before = reset_before;
	desk_commit(call, work);
}
