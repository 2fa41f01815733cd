/* SPDX-License-Identifier: ISC */
/* Commands about the daemon as a whole: status, top. They change nothing. */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "call.h"
#include "policyd/mem.h"
#include "policyd/metric.h"
#include "text.h"
#include "view.h"

/* ---- status ---- */

struct figure {
	const char *name;
	enum metric metric;
};

static json_t *figures_json(const struct figure *figure, size_t n)
{
	json_t *object = json_object();
	for (size_t i = 0; i < n; i++)
		json_object_set_new(object, figure[i].name,
			json_integer((json_int_t)metric_get(figure[i].metric)));
	return object;
}

static json_t *since_start_json(void)
{
	static const struct figure figures[] = {
		{"requests", METRIC_REQUESTS},
		{"outbound", METRIC_REQUESTS_OUTBOUND},
		{"repeated", METRIC_REPEATED},
		{"refused", METRIC_DECISION_REFUSED},
		{"held", METRIC_DECISION_HELD},
		{"other", METRIC_DECISION_OTHER},
		{"observed", METRIC_DECISION_OBSERVED},
		{"bad_requests", METRIC_REQUESTS_BAD},
		{"connections", METRIC_CONNECTIONS_TOTAL},
		{"connections_capped", METRIC_CONNECTIONS_CAPPED},
	};
	return figures_json(figures, sizeof(figures) / sizeof(figures[0]));
}

static json_t *store_json(const struct store *store)
{
	static const struct figure figures[] = {
		{"commits", METRIC_STORE_COMMITS},
		{"errors", METRIC_STORE_ERRORS},
		{"dropped", METRIC_STORE_DROPPED},
		{"thinned", METRIC_STORE_THINNED},
	};
	const char *error = NULL;
	bool is_failing = store_is_failing(store, &error);
	json_t *object = json_pack("{s:s, s:o}", "state", is_failing ? "failing" : "ok", "error",
		is_failing ? text_json(span_of(error)) : json_null());
	json_t *counts = figures_json(figures, sizeof(figures) / sizeof(figures[0]));
	json_object_update(object, counts);
	json_decref(counts);
	return object;
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
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "logins",
		(json_int_t)figures->count[ACCOUNT_LOGIN], "certificates",
		(json_int_t)figures->count[ACCOUNT_CERT], "addresses",
		(json_int_t)figures->count[ACCOUNT_ADDR], "suspended",
		(json_int_t)figures->suspended, "evicted", (json_int_t)figures->evicted);
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
	int64_t uptime_us = call_now(call).mono.us - setup->started.mono.us;
	engine_figures(setup->engine, &figures);
	json_t *data = json_pack("{s:s, s:i, s:o, s:o, s:I, s:o, s:o, s:I}", "version",
		setup->version, "pid", (int)getpid(), "started", text_time(setup->started.wall),
		"uptime", uptime_text(uptime_us), "uptime_s", (json_int_t)(uptime_us / SECOND_US),
		"config", text_json(span_of(setup->config_path)), "listeners",
		listeners_json(config), "limits", (json_int_t)config->limits_n);
	json_object_set_new(data, "accounts", accounts_json(&figures.accounts));
	json_object_set_new(data, "now",
		json_pack("{s:I, s:I, s:I}", "connections", (json_int_t)figures.connections,
			"open_messages", (json_int_t)figures.messages, "waiting",
			(json_int_t)figures.tickets));
	json_object_set_new(data, "since_start", since_start_json());
	json_object_set_new(data, "store", store_json(setup->store));
	call_answer(call, data);
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

static json_t *top_json(struct engine *engine, const struct engine_top *top)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < top->n; i++) {
		const struct engine_top_row *row = &top->row[i];
		struct span key = engine_account_key(engine, row->account);
		if (key.n == 0)
			continue;
		json_array_append_new(
			rows, json_pack("{s:o, s:I, s:o, s:b}", "account", view_account(key),
				      "used", (json_int_t)row->used, "limit",
				      row->limit ? json_integer(row->limit) : json_null(),
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
	if (engine_top_step(call->setup->engine, &work->top, call_now(call)))
		call_answer(call, top_json(call->setup->engine, &work->top));
	else
		event_add(work->again, &(struct timeval){0});
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
	err_set(err, "--by needs recipients or messages");
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
	int r = unit_parse(call_arg(call, "by"), &unit, &err);
	if (r == 0)
		r = call_count(call, &range, &count, &err);
	if (r != 0) {
		free(work);
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	work->top = (struct engine_top){.unit = unit, .max = count};
	work->again = evtimer_new(call->setup->base, top_step, call);
	call->work = work;
	call->work_free = top_work_free;
	call->gone = call_end;
	top_step(-1, 0, call);
}
