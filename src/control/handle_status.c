/* SPDX-License-Identifier: ISC */
/* Commands about the daemon as a whole: status, metrics, top. They change nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "call.h"
#include "egress_view.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "score_view.h"
#include "text.h"
#include "view.h"

/* ---- status ---- */

#define FIGURE_NAME_SIZE 64

/* policyd_decisions_total{kind="refused"} is "decisions_refused" here. */
static void figure_name(const struct metric_row *row, char buf[FIGURE_NAME_SIZE])
{
	struct span name = span_of(row->name), prefix = SPAN("policyd_"), suffix = SPAN("_total");
	const char *value = strchr(row->labels, '"');
	if (span_starts(name, prefix))
		name = span_make(name.p + prefix.n, name.n - prefix.n);
	if (span_ends(name, suffix))
		name.n -= suffix.n;
	size_t n = span_copy(name, buf, FIGURE_NAME_SIZE - 1);
	if (!value)
		return;
	buf[n++] = '_';
	span_copy(span_make(value + 1, strcspn(value + 1, "\"")), buf + n, FIGURE_NAME_SIZE - n);
}

/*
 * From here on the metrics are what the daemon's tick read off the modules up to a second ago:
 * status asks those themselves.
 */
#define FIGURES_COUNTED METRIC_ACCOUNTS_LOGIN

/* All of that kind: a loss that is counted must not need a line here to be seen. */
static json_t *figures_json(enum metric_kind kind)
{
	json_t *object = json_object();
	for (unsigned i = 0; i < FIGURES_COUNTED; i++) {
		char name[FIGURE_NAME_SIZE];
		if (metric_rows[i].kind != kind)
			continue;
		figure_name(&metric_rows[i], name);
		json_object_set_new(
			object, name, json_integer((json_int_t)metric_get((enum metric)i)));
	}
	return object;
}

static json_t *now_json(const struct engine_figures *figures)
{
	json_t *object = figures_json(METRIC_KIND_gauge);
	json_object_set_new(object, "open_messages", json_integer((json_int_t)figures->messages));
	json_object_set_new(object, "waiting", json_integer((json_int_t)figures->tickets));
	return object;
}

static json_t *store_json(const struct store *store)
{
	const char *error = NULL;
	bool is_failing = store_is_failing(store, &error);
	return json_pack("{s:s, s:o}", "state", is_failing ? "failing" : "ok", "error",
		is_failing ? text_json(span_of(error)) : json_null());
}

static json_t *listeners_json(const struct config *config)
{
	json_t *list = json_array();
	for (size_t i = 0; i < config->listen_n; i++)
		json_array_append_new(list, text_json(span_of(config->listen[i].address)));
	return list;
}

static json_t *accounts_json(const struct accounts_figures *figures)
{
	size_t names = 0;
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		names += kind_rows[i].sends ? 0 : figures->count[i];
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "logins",
		(json_int_t)figures->count[ACCOUNT_LOGIN], "certificates",
		(json_int_t)figures->count[ACCOUNT_CERT], "addresses",
		(json_int_t)figures->count[ACCOUNT_ADDR], "senders",
		(json_int_t)figures->count[ACCOUNT_SENDER], "names_counted_by", (json_int_t)names,
		"suspended", (json_int_t)figures->suspended, "evicted",
		(json_int_t)figures->evicted, "table_bytes", (json_int_t)figures->bytes);
}

/* "ok", or what holds while lost state is being counted anew (semantics 14b). */
static json_t *state_text(const struct engine *engine, struct now now)
{
	const struct rate *rate = &engine_config(engine)->emergency_rate;
	mono_t until = engine_emergency_until(engine);
	char text[RATE_TEXT_SIZE], time[WALL_TEXT_SIZE];
	if (until.us <= now.mono.us || rate->n == RATE_UNLIMITED)
		return json_string("ok");
	return json_sprintf("lost: emergency_rate %s until %s", rate_format(rate, text),
		wall_format(wall_of_mono(until, now), time));
}

/* The counters on disk; null where the daemon keeps none. */
static json_t *snapshot_json(const struct control_state *state, struct now now)
{
	bool is_there = state->snapshot_at.us != 0;
	int64_t age_us = now.wall.us - state->snapshot_at.us;
	return json_pack("{s:o, s:o, s:o, s:b, s:o}", "at",
		is_there ? text_time(state->snapshot_at) : json_null(), "age_s",
		is_there ? json_integer(age_us > 0 ? age_us / SECOND_US : 0) : json_null(), "bytes",
		state->snapshot_bytes ? text_count(state->snapshot_bytes) : json_null(), "brief",
		state->snapshot_is_brief, "error",
		state->snapshot_error ? text_json(span_of(state->snapshot_error)) : json_null());
}

static void state_put(json_t *data, const struct control_setup *setup, struct now now)
{
	struct control_state state = {0};
	if (setup->state)
		setup->state(setup->state_ctx, &state);
	json_object_set_new(data, "state", state_text(setup->engine, now));
	json_object_set_new(
		data, "state_lost", state.lost ? text_json(span_of(state.lost)) : json_null());
	json_object_set_new(
		data, "snapshot", setup->state ? snapshot_json(&state, now) : json_null());
}

/* Those given at run time that hold. */
struct override_tally {
	mono_t mono;
	uint64_t n;
};

static bool override_count(void *ctx, struct span key, const struct override *override)
{
	struct override_tally *tally = ctx;
	(void)key;
	tally->n += override->ends.us > tally->mono.us;
	return true;
}

/* "3d 4h 5m 6s", for people; scripts have uptime_s. */
static json_t *uptime_text(int64_t us)
{
	int64_t s = us / SECOND_US;
	return json_sprintf("%lldd %lldh %lldm %llds", (long long)(s / 86400),
		(long long)(s / 3600 % 24), (long long)(s / 60 % 60), (long long)(s % 60));
}

void handle_status(struct control_call *call)
{
	const struct control_setup *setup = call->setup;
	const struct config *config = engine_config(setup->engine);
	struct engine_figures figures;
	const struct now now = call_now(call);
	int64_t uptime_us = now.mono.us - setup->started.mono.us;
	struct override_tally overrides = {.mono = now.mono};
	engine_figures(setup->engine, &figures);
	engine_overrides(setup->engine, override_count, &overrides);
	json_t *data = json_pack("{s:s, s:i, s:o, s:o, s:I, s:o, s:o, s:I}", "version",
		setup->version, "pid", (int)getpid(), "started", text_time(setup->started.wall),
		"uptime", uptime_text(uptime_us), "uptime_s", (json_int_t)(uptime_us / SECOND_US),
		"config", text_json(span_of(setup->config_path)), "listeners",
		listeners_json(setup->started_with), "limits", (json_int_t)config->limits_n);
	json_object_set_new(data, "overrides", text_count(overrides.n));
	state_put(data, setup, now);
	json_object_set_new(data, "accounts", accounts_json(&figures.accounts));
	json_object_set_new(data, "ladder", score_view_status(&figures.signals, config));
	json_object_set_new(data, "now", now_json(&figures));
	json_object_set_new(data, "since_start", figures_json(METRIC_KIND_counter));
	json_object_set_new(data, "store", store_json(setup->store));
	json_object_set_new(data, "egress", egress_view_status(setup));
	call_answer(call, data);
}

/* ---- metrics ---- */

void handle_metrics(struct control_call *call)
{
	char *text = metric_render();
	call_answer(call, json_pack("{s:s}", "text", text));
	free(text);
}

/* ---- top ---- */

#define TOP_DEFAULT 20

struct top_work {
	struct engine_top top;
	struct event *again;
};

static void top_work_free(void *ctx)
{
	struct top_work *work = ctx;
	event_free(work->again);
	free(work);
}

/* What speaks most against it. It may have gone since it was looked at. */
static json_t *evidence_json(struct engine *engine, struct span key, struct now now)
{
	struct signals_view view = {0};
	struct errbuf err;
	int r = engine_signals(engine, key, now, &view, &err);
	return r == 0 ? score_view_top(&view) : json_null();
}

static json_t *scores_json(struct engine *engine, const struct engine_top *top, struct now now)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < top->n; i++) {
		const struct engine_top_row *row = &top->row[i];
		struct span key = engine_account_key(engine, row->account);
		if (key.n == 0)
			continue;
		json_array_append_new(
			rows, json_pack("{s:o, s:o, s:s, s:o, s:b}", "account", view_account(key),
				      "score", score_json(row->score), "step", step_name(row->step),
				      "evidence", evidence_json(engine, key, now), "suspended",
				      row->suspended));
	}
	return rows;
}

static json_t *top_json(struct engine *engine, const struct engine_top *top)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < top->n; i++) {
		const struct engine_top_row *row = &top->row[i];
		struct span key = engine_account_key(engine, row->account);
		if (key.n == 0)
			continue;
		json_array_append_new(
			rows, json_pack("{s:o, s:o, s:o, s:b}", "account", view_account(key),
				      "used", text_count(row->used), "limit",
				      row->limit ? text_count(row->limit) : json_null(),
				      "suspended", row->suspended));
	}
	return rows;
}

/* One slice at a time, so that requests are answered in between. */
static void top_step(evutil_socket_t fd, short what, void *ctx)
{
	struct control_call *call = ctx;
	struct top_work *work = call->work;
	(void)fd;
	(void)what;
	struct engine *engine = call->setup->engine;
	const struct now now = call_now(call);
	if (!engine_top_step(engine, &work->top, now))
		event_add(work->again, &(struct timeval){0});
	else if (work->top.by_score)
		call_answer(call, scores_json(engine, &work->top, now));
	else
		call_answer(call, top_json(engine, &work->top));
}

static int unit_parse(struct span word, enum unit *ret, struct errbuf *err)
{
	*ret = UNIT_RECIPIENTS;
	for (unsigned i = 0; word.n && i < UNIT_COUNT; i++) {
		if (span_equal(word, span_of(unit_name((enum unit)i)))) {
			*ret = (enum unit)i;
			return 0;
		}
	}
	if (word.n == 0)
		return 0;
	err_set(err, "--by needs score, or a unit: messages, recipients, external-recipients, "
		     "new-recipients, bytes or rejected-recipients");
	return -EINVAL;
}

void handle_top(struct control_call *call)
{
	struct errbuf err;
	enum unit unit;
	uint32_t count;
	struct top_work *work = xcalloc(1, sizeof(*work));
	const struct call_range range = {
		.preset = TOP_DEFAULT, .max = sizeof(work->top.row) / sizeof(work->top.row[0])};
	bool by_score = span_equal(call_arg(call, "by"), SPAN("score"));
	int r = unit_parse(by_score ? SPAN("") : call_arg(call, "by"), &unit, &err);
	if (r == 0)
		r = call_count(call, &range, &count, &err);
	if (r != 0) {
		free(work);
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	work->top = (struct engine_top){.unit = unit, .by_score = by_score, .max = count};
	work->again = evtimer_new(call->setup->base, top_step, call);
	call->work = work;
	call->work_free = top_work_free;
	call->gone = call_end;
	top_step(-1, 0, call);
}
