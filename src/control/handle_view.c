/* SPDX-License-Identifier: ISC */
/*
 * Commands that look at one account or one decision: show, explain, why. They make nothing and
 * change nothing.
 */
#include <string.h>
#include <sysexits.h>

#include "call.h"
#include "policyd/reference.h"
#include "score_view.h"
#include "text.h"
#include "view.h"

/* The account named by the arguments. 0, or negative: the call has been ended. */
static int account_look(struct control_call *call, struct engine_account_view *ret)
{
	struct errbuf err;
	int r = engine_account(
		call->setup->engine, call_arg(call, "account"), call_now(call), ret, &err);
	if (r != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	return r;
}

static struct span view_key(const struct engine_account_view *view)
{
	return span_make(view->name.key, view->name.n);
}

/* ---- show ---- */

#define SHOW_DECISIONS 10

struct decisions_of {
	struct span account;
	json_t *rows; /* newest first */
};

static bool decision_keep(void *ctx, const struct decision *decision)
{
	struct decisions_of *found = ctx;
	if (span_equal(span_of(decision->account), found->account))
		json_array_append_new(found->rows, view_decision(decision));
	return json_array_size(found->rows) < SHOW_DECISIONS;
}

/* It is a name by now: looking at it again cannot fail. */
static struct signals_view story_of(
	struct engine *engine, const struct engine_account_view *view, struct now now)
{
	struct signals_view story = {0};
	struct errbuf err;
	int r = engine_signals(engine, view_key(view), now, &story, &err);
	return r == 0 ? story : (struct signals_view){0};
}

static json_t *show_json(
	struct engine *engine, const struct engine_account_view *view, struct now now)
{
	const struct signals_view story = story_of(engine, view, now);
	struct decisions_of found = {.account = view_key(view), .rows = json_array()};
	engine_decisions(engine, decision_keep, &found);
	json_t *answer = json_pack("{s:o, s:s, s:o, s:o, s:o, s:i, s:o, s:o}", "account",
		view_account(found.account), "kind", kind_rows[view->name.kind].text, "class",
		text_json(span_of(view->class->name)), "suspended", view_standing(view->standing),
		"last_seen",
		view->last_seen.us ? text_time(wall_of_mono(view->last_seen, now)) : json_null(),
		"open_messages", (int)view->open_messages, "limits", view_limits(view, now),
		"decisions", found.rows);
	score_view_story(answer, &story, now);
	return answer;
}

void handle_show(struct control_call *call)
{
	struct engine_account_view view;
	if (account_look(call, &view) != 0)
		return;
	struct span shown = subject_shown(view_key(&view));
	if (!kind_rows[view.name.kind].sends)
		call_fail(call, EX_USAGE,
			"%.*s is a name that limits count by, and sends nothing: explain shows the "
			"limits that count by it",
			(int)shown.n, shown.p);
	else if (view.is_known || view.standing)
		call_answer(call, show_json(call->setup->engine, &view, call_now(call)));
	else
		call_fail(call, EX_NOUSER,
			"%.*s is not known: no mail seen from it since the start, and no "
			"suspension",
			(int)shown.n, shown.p);
}

/* ---- explain ---- */

/* A name that limits count by: what they are, and what is used of them. */
static void name_explain(struct control_call *call, const struct engine_account_view *view)
{
	struct span shown = subject_shown(view_key(view));
	json_t *limits = view_own_limits(view, engine_config(call->setup->engine), call_now(call));
	if (json_array_size(limits)) {
		call_answer(
			call, json_pack("{s:o, s:s, s:o}", "account", view_account(view_key(view)),
				      "kind", kind_rows[view->name.kind].text, "limits", limits));
		return;
	}
	json_decref(limits);
	if (view->name.kind == ACCOUNT_DOMAIN)
		call_fail(call, EX_USAGE,
			"%.*s has no limits of its own: override list --account %.*s shows its "
			"overrides; explain one of its accounts for what holds there",
			(int)shown.n, shown.p, (int)shown.n, shown.p);
	else
		call_fail(call, EXIT_NEGATIVE, "no limit counts by %s",
			kind_rows[view->name.kind].text);
}

void handle_explain(struct control_call *call)
{
	struct engine_account_view view;
	if (account_look(call, &view) != 0)
		return;
	if (!kind_rows[view.name.kind].sends) {
		name_explain(call, &view);
		return;
	}
	struct now now = call_now(call);
	const struct signals_view story = story_of(call->setup->engine, &view, now);
	call_answer(call,
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:{s:s, s:o, s:o, s:o}, s:o}", "account",
			view_account(view_key(&view)), "kind", kind_rows[view.name.kind].text,
			"class", text_json(span_of(view.class->name)), "suspended",
			view_standing(view.standing), "ladder",
			score_view_rule(&story, engine_config(call->setup->engine)), "next",
			"action", action_rows[view.next.action].word, "reply",
			text_reply(view.next.code), "rule", text_json(span_of(view.next.rule)),
			"text", text_json(span_of(view.next.text)), "limits",
			view_limits(&view, now)));
}

/* ---- why ---- */

#define WHY_ROWS 100

struct decisions_named {
	char reference[REFERENCE_SIZE];
	json_t *rows; /* newest last */
};

static bool decision_match(void *ctx, const struct decision *decision)
{
	struct decisions_named *named = ctx;
	if (strcmp(decision->reference, named->reference) == 0)
		json_array_insert_new(named->rows, 0, view_decision(decision));
	/* As many as the store gives; a reference stands for a whole message. */
	return json_array_size(named->rows) < WHY_ROWS;
}

static void why_done(void *ctx, json_t *rows, const char *error)
{
	struct control_call *call = ctx;
	if (!rows) {
		call_fail(call, EX_TEMPFAIL, "the store cannot be read: %s", error);
	} else if (json_array_size(rows) == 0) {
		json_decref(rows);
		call_fail(call, EXIT_NEGATIVE, "no decision with that reference is on record");
	} else {
		view_rename_accounts(rows);
		view_rename_codes(rows);
		call_answer(call, rows);
	}
}

void handle_why(struct control_call *call)
{
	struct decisions_named named;
	if (reference_normalise(call_arg(call, "reference"), named.reference) != REFERENCE_LENGTH) {
		call_fail(
			call, EX_USAGE, "a reference has %d letters and digits", REFERENCE_LENGTH);
		return;
	}
	named.rows = json_array();
	engine_decisions(call->setup->engine, decision_match, &named);
	if (json_array_size(named.rows)) {
		call_answer(call, named.rows);
		return;
	}
	json_decref(named.rows);
	if (store_why(call->setup->store, span_of(named.reference), why_done, call) != 0)
		call_fail(call, EX_TEMPFAIL, "the store is busy; try again");
}
