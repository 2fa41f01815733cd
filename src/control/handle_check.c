/* SPDX-License-Identifier: ISC */
/*
 * egress check, egress lists test: look now, and tell what was seen. What is asked, and when it is
 * over, egress knows; who shares a look with whom, orders.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "digest.h"
#include "egress_view.h"
#include "handle_egress.h"
#include "message_view.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "standing_view.h"
#include "text.h"

/* ---- waiting for the end of a look ---- */

/* Longer than that nobody waits for the audit: the exit code speaks of listings only (semantics 28). */
#define HOUSE_WAIT_US (10 * SECOND_US)
#define TURN_US       (50 * MSEC_US)
#define TOLD_TURNS    4   /* turns between two lines of progress when there is news */
#define SILENT_TURNS  200 /* and when there is none: the asker gives up after 30 s */

struct wait {
	struct order_book *orders;
	egress_check check;
	struct event *turn;
	mono_t until;
	char subject[SUBJECT_TEXT_SIZE], list[256];
	bool has_house; /* the audit's findings are waited for */
	bool is_seen;   /* the lists have answered: the exit code is known */
	unsigned turns; /* since progress was told last */
	size_t done;    /* as it was told then; SIZE_MAX: it was not */
	/* Answers the call. */
	void (*finish)(struct control_call *call, const struct wait *wait);
};

static void wait_free(void *ctx)
{
	struct wait *wait = ctx;
	orders_leave(wait->orders, wait->check);
	event_free(wait->turn);
	free(wait);
}

static void wait_tell(struct control_call *call, const struct egress_check_state *state)
{
	struct wait *wait = call->work;
	bool is_news = state->done != wait->done && wait->turns >= TOLD_TURNS;
	wait->turns++;
	if (!is_news && wait->turns < SILENT_TURNS)
		return;
	wait->turns = 0;
	wait->done = state->done;
	call_progress(call,
		&(struct control_progress){
			.done = state->done, .total = state->total, .text = "questions answered"});
}

/* Our own house is looked at too, where not one list is meant. */
static bool is_house_open(const struct control_call *call, const struct wait *wait)
{
	return wait->has_house && audit_open(call->setup->audit) > 0;
}

static void wait_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct control_call *call = ctx;
	struct wait *wait = call->work;
	struct egress_check_state state;
	(void)fd;
	(void)what;
	if (call_was_left(call))
		return;
	bool is_there = egress_check_state(call->setup->egress, wait->check, &state);
	int64_t house_us = call_now(call).mono.us + HOUSE_WAIT_US;
	if (is_there && state.is_over && !wait->is_seen && house_us < wait->until.us)
		wait->until.us = house_us;
	wait->is_seen = is_there && state.is_over;
	bool is_over = !is_there || (state.is_over && !is_house_open(call, wait));
	if (is_over || call_now(call).mono.us >= wait->until.us) {
		wait->finish(call, wait);
		return;
	}
	wait_tell(call, &state);
	event_add(wait->turn, &(struct timeval){.tv_usec = TURN_US});
}

static bool house_is_asked(const struct control_call *call, const struct egress_check_query *query)
{
	bool is_meant = query->list.n == 0 || message_is_given(call);
	return call->setup->audit && !query->only_tests && is_meant;
}

static void house_hurry(const struct control_call *call, const struct egress_check_query *query)
{
	if (!house_is_asked(call, query))
		return;
	audit_hurry(call->setup->audit, call_now(call));
	if (call->setup->egress_poke)
		call->setup->egress_poke(call->setup->egress_ctx);
}

/* The call ends with finish, or when the asker has gone. */
static void wait_begin(struct control_call *call, egress_check check,
	const struct egress_check_query *query,
	void (*finish)(struct control_call *call, const struct wait *wait))
{
	struct wait *wait = xcalloc(1, sizeof(*wait));
	wait->orders = call_orders(call);
	wait->check = check;
	wait->turn = evtimer_new(call->setup->base, wait_turn, call);
	wait->until.us = call_now(call).mono.us + CHECK_ANSWER_US;
	wait->done = SIZE_MAX;
	wait->has_house = house_is_asked(call, query);
	wait->finish = finish;
	span_copy(query->subject, wait->subject, sizeof(wait->subject));
	span_copy(query->list, wait->list, sizeof(wait->list));
	call->work = wait;
	call->work_free = wait_free;
	call->gone = call_end;
	event_add(wait->turn, &(struct timeval){.tv_usec = TURN_US});
}

/* ---- which list ---- */

static const char *list_near(
	const struct config *config, struct span typed, char buf[SUGGEST_TEXT_SIZE])
{
	struct suggestion near = {0};
	size_t n;
	const struct blocklist *list = config_blocklists(config, &n);
	for (size_t i = 0; i < n; i++)
		suggest_offer(typed, list[i].name, &near);
	return suggest_text(&near, buf);
}

int egress_list_of(const struct config *config, struct span typed, const struct blocklist **ret,
	struct errbuf *err)
{
	char near[SUGGEST_TEXT_SIZE];
	const struct blocklist *list = config_blocklist_of(config, typed);
	const char *dead = list ? NULL : config_dead_list_of(config, typed);
	int shown = (int)(typed.n < 80 ? typed.n : 80);
	if (list) {
		*ret = list;
		return 0;
	}
	if (dead)
		err_set(err, "%.*s is no more: %s", shown, typed.p, dead);
	else
		err_set(err, "%.*s is no list that is known%s: egress lists shows them all", shown,
			typed.p, list_near(config, typed, near));
	return -ENOENT;
}

/* --list of a check, which asks only what is asked anyhow. */
static int list_enabled(
	const struct control_call *call, struct span typed, struct span *ret, struct errbuf *err)
{
	const struct blocklist *list;
	*ret = SPAN("");
	if (typed.n == 0)
		return 0;
	int r = egress_list_of(engine_config(call->setup->engine), typed, &list, err);
	if (r != 0)
		return r;
	if (!list->is_enabled) {
		err_set(err,
			"%s is known, and not enabled: { name = \"%s\"; } in blocklists of "
			"policyd.conf does it; egress lists test %s asks its test points",
			list->name, list->name, list->name);
		return -ENOENT;
	}
	*ret = span_of(list->name);
	return 0;
}

static void begin_refuse(struct control_call *call, int r, const struct errbuf *err)
{
	call_fail(call, r == -EAGAIN ? EX_TEMPFAIL : EX_USAGE, "%s", err->text);
}

/* ---- egress check ---- */

/* "CRITICAL: 192.0.2.10 is LISTED ...", as monitoring plug-ins say it in their first line. */
static json_t *result_json(const struct digest *digest)
{
	const char *line = json_string_value(digest->headline);
	return json_sprintf("%s: %s", digest_status_name(digest->status), line ? line : "");
}

/* Told, and no more: the exit code speaks of listings (semantics 28). */
static void put_house(const struct control_call *call, struct span subject, json_t *data)
{
	size_t left_out, open = audit_open(call->setup->audit);
	json_t *summary = json_object_get(data, "summary");
	json_t *findings = standing_view_findings(call->setup, subject, call_now(call), &left_out);
	standing_say(summary, NULL, findings, NULL);
	if (open)
		json_array_append_new(summary,
			json_sprintf(
				"our own house: %zu checks had no answer in time; what is told "
				"of them is older",
				open));
	json_object_set_new(data, "findings", findings);
	json_object_set_new(data, "findings_left_out", json_integer((json_int_t)left_out));
}

static void check_finish(struct control_call *call, const struct wait *wait)
{
	const struct digest_query query = {.setup = call->setup,
		.check = wait->check,
		.subject = span_of(wait->subject),
		.is_one_list = wait->list[0] != '\0',
		.now = call_now(call)};
	struct egress_check_state state = {0};
	struct digest digest;
	(void)egress_check_state(call->setup->egress, wait->check, &state);
	digest_make(&query, &digest);
	json_t *data = json_pack("{s:o, s:s, s:I, s:I, s:O, s:O, s:O}", "result",
		result_json(&digest), "status", digest_status_name(digest.status), "questions",
		(json_int_t)state.total, "left_out", (json_int_t)digest.left_out, "summary",
		digest.summary, "listings", digest.listings, "lists_not_ok", digest.lists_not_ok);
	int exit = (int)digest.status;
	digest_deinit(&digest);
	if (wait->has_house)
		put_house(call, query.subject, data);
	if (message_is_given(call))
		message_put(call, data);
	call_answer_exit(call, data, exit);
}

/* Without --wait: that it has begun. */
static void check_begun(struct control_call *call, egress_check check)
{
	struct egress_check_state state = {0};
	(void)egress_check_state(call->setup->egress, check, &state);
	json_t *data = json_pack("{s:s, s:I, s:s}", "result", "begun", "questions",
		(json_int_t)state.total, "see", "policyctl egress");
	if (message_is_given(call))
		message_put(call, data);
	call_answer(call, data);
}

/* Nothing to look at is nothing known. */
static bool was_without_subjects(struct control_call *call)
{
	struct egress_figures figures;
	const char *note = egress_addresses_note(call->setup->egress);
	egress_figures(call->setup->egress, &figures);
	if (figures.addresses + figures.domains)
		return false;
	call_fail(call, (int)DIGEST_UNKNOWN,
		"no address and no domain of ours is known, so there is nothing to look up: set "
		"egress.addresses in policyd.conf%s%s",
		note && *note ? "; " : "", note ? note : "");
	return true;
}

void handle_egress_check(struct control_call *call)
{
	struct egress_check_query query = {0};
	struct errbuf err;
	char buf[SUBJECT_TEXT_SIZE];
	egress_check check;
	bool waits = json_is_true(json_object_get(call->args, "wait"));
	if (egress_must_be(call) != 0 || was_without_subjects(call))
		return;
	int r = egress_subject_of(call, buf, &query.subject, &err);
	if (r == 0)
		r = list_enabled(call, call_arg(call, "list"), &query.list, &err);
	if (r == 0 && message_is_given(call) && message_take(call) != 0)
		return;
	if (r == 0)
		r = orders_join(call_orders(call), &query, waits, &check, &err);
	if (r != 0) {
		begin_refuse(call, r, &err);
		return;
	}
	house_hurry(call, &query);
	if (waits)
		wait_begin(call, check, &query, check_finish);
	else
		check_begun(call, check);
}

/* ---- egress lists test ---- */

struct points {
	json_t *rows;
	enum list_state state;
};

static bool point_add(void *ctx, const struct check_test *test)
{
	struct points *points = ctx;
	json_array_append_new(points->rows, egress_view_test(test));
	points->state = test->state;
	return true;
}

static void test_finish(struct control_call *call, const struct wait *wait)
{
	struct points points = {.rows = json_array()};
	const struct blocklist *list =
		config_blocklist_of(engine_config(call->setup->engine), span_of(wait->list));
	egress_check_tests(call->setup->egress, wait->check, point_add, &points);
	bool is_ok = points.state == LIST_OK;
	json_t *data = json_pack("{s:s, s:o, s:o, s:b, s:s, s:o}", "list", wait->list, "title",
		list ? text_json(span_of(list->title)) : json_null(), "zone",
		list ? text_json(span_of(list->zone)) : json_null(), "enabled",
		list && list->is_enabled, "state", list_state_name(points.state), "points",
		points.rows);
	call_answer_exit(call, data, is_ok ? EX_OK : EXIT_NEGATIVE);
}

void handle_egress_lists_test(struct control_call *call)
{
	struct errbuf err;
	const struct blocklist *list;
	egress_check check;
	if (egress_must_be(call) != 0)
		return;
	int r = egress_list_of(
		engine_config(call->setup->engine), span_trim(call_arg(call, "zone")), &list, &err);
	if (r == 0 && list->has_key_missing) {
		err_set(&err, "%s wants a key: set key_file of { name = \"%s\"; } in blocklists",
			list->name, list->name);
		r = -ENOKEY;
	}
	if (r != 0) {
		begin_refuse(call, r, &err);
		return;
	}
	const struct egress_check_query query = {.list = span_of(list->name), .only_tests = true};
	r = orders_join(call_orders(call), &query, true, &check, &err);
	if (r != 0)
		begin_refuse(call, r, &err);
	else
		wait_begin(call, check, &query, test_finish);
}
