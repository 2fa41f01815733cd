/* SPDX-License-Identifier: ISC */
/*
 * A file of requests through the real engine in virtual time: the clock is that of each line. What
 * is printed for people is the program's business; what is counted, summary.c's.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"
#include "policyd/metric.h"

#define PROGRESS_LINES 20000

/* A fixed seed where a stream brings none: two runs give the same decisions, references too. */
static const uint64_t default_seed[2] = {
	UINT64_C(0x706f6c6963796401), UINT64_C(0x73696d756c617465)};

void replay_engine(struct replay *r, const uint64_t seed[2])
{
	engine_free(r->engine);
	r->engine = engine_new(&(struct engine_setup){
		.config = r->setup->config,
		.charge = &charge_local,
		.seed = {seed[0], seed[1]},
	});
	for (size_t i = 0; i < r->conns; i++)
		r->conn[i] = 0;
}

engine_conn *replay_conn(struct replay *r, uint32_t number)
{
	size_t at = number;
	if (number == 0)
		return NULL;
	if (at >= r->conns) {
		size_t n = at * 2;
		r->conn = xrealloc(r->conn, n, sizeof(*r->conn));
		memset(r->conn + r->conns, 0, (n - r->conns) * sizeof(*r->conn));
		r->conns = n;
	}
	return &r->conn[at];
}

/* ---- requests ---- */

static void fetch_effects(struct replay *r)
{
	struct effect effect;
	while (engine_effect(r->engine, &effect)) {
		if (effect.kind == EFFECT_DECISION)
			tally_decision(r->tally, effect.decision);
		else if (effect.kind == EFFECT_EVENT)
			tally_step(r->tally, effect.event, effect.score);
	}
}

static void put_decision(
	const struct replay *r, const struct request *request, const struct verdict *verdict)
{
	char buf[JSONL_DECISION_MAX];
	FILE *out = r->setup->decisions;
	if (!out)
		return;
	struct jsonl_decision decision = {r->now.wall, request->instance, verdict};
	size_t n = jsonl_decision(&decision, buf);
	/* Whoever opened the file looks at ferror(). */
	if (n > 0) {
		(void)fwrite_unlocked(buf, 1, n, out);
		return;
	}
	json_t *line = json_object();
	json_object_set_new(line, "ts", json_real((double)r->now.wall.us / 1e6));
	jsonl_put_text(line, "instance", request->instance);
	jsonl_put_verdict(line, verdict);
	json_dumpf(line, out, JSON_COMPACT | JSON_REAL_PRECISION(16));
	(void)fputc('\n', out);
	json_decref(line);
}

/* Only of clients that send for an account: looking one up costs as much as reading the line. */
static void look_up(const struct replay *r, struct request *request)
{
	struct ip ip;
	if (engine_wants_place(r->engine, request) && ip_parse(request->client_address, &ip) == 0)
		r->setup->geo(r->setup->geo_ctx, &ip, &request->geo);
}

static void on_request(struct replay *r, struct jsonl_line *line)
{
	struct verdict verdict;
	uint64_t ticket;
	struct request *request = &line->request;
	const engine_conn *slot = replay_conn(r, line->conn);
	uint64_t outbound = metric_get(METRIC_REQUESTS_OUTBOUND);
	if (!line->has_geo && r->setup->geo)
		look_up(r, request);
	enum engine_result answered =
		engine_begin(r->engine, slot ? *slot : 0, request, r->now, &verdict, &ticket);
	/* charge_local never lets a request wait. */
	assert(answered == ENGINE_DONE);
	r->summary->requests++;
	if (metric_get(METRIC_REQUESTS_OUTBOUND) != outbound) {
		r->summary->outbound++;
		tally_request(r->tally, request, &verdict, r->now.wall);
	}
	r->summary->by_action[verdict.action]++;
	accepted_note(r->accepted, request, verdict.action, r->now.wall);
	put_decision(r, request, &verdict);
	fetch_effects(r);
}

/* ---- lines ---- */

static void note_bad(struct replay *r, const char *path, uint64_t number, const char *why)
{
	if (r->summary->bad_lines++)
		return;
	int n = snprintf(r->summary->first_bad, sizeof(r->summary->first_bad), "%s:%" PRIu64 ": %s",
		path, number, why);
	if (n < 0)
		r->summary->first_bad[0] = '\0';
}

/* Reads the events file ahead by one line. */
static int event_advance(struct replay *r, struct now *ret_at, struct errbuf *err)
{
	struct span text;
	struct errbuf bad;
	struct jsonl_line line;
	json_decref(r->next_event);
	r->next_event = NULL;
	for (;;) {
		int got = r->events ? input_line(r->events, &text, err) : 0;
		if (got <= 0)
			return got;
		if (span_trim(text).n == 0)
			continue;
		if (jsonl_read_any(r->event_room, text, &line, &r->next_event, &bad) == 0) {
			*ret_at = line.now;
			return 1;
		}
		note_bad(r, r->setup->events, input_number(r->events), bad.text);
	}
}

/* What the events file has up to now. */
static int events_until(struct replay *r, struct now until, struct now *at, struct errbuf *err)
{
	while (r->next_event && at->wall.us <= until.wall.us) {
		struct errbuf bad;
		r->now = *at;
		if (replay_event(r, r->next_event, 0, &bad) != 0)
			note_bad(r, r->setup->events, input_number(r->events), bad.text);
		int got = event_advance(r, at, err);
		if (got < 0)
			return got;
	}
	return 0;
}

static void one_line(struct replay *r, struct jsonl_line *line, uint64_t number)
{
	struct errbuf err;
	r->now = line->now;
	if (r->summary->requests + r->summary->events == 0)
		r->summary->first = r->now.wall;
	r->summary->last = r->now.wall;
	if (engine_next_due(r->engine).us <= r->now.mono.us)
		engine_tick(r->engine, r->now);
	if (!line->event)
		on_request(r, line);
	else if (replay_event(r, line->event, line->conn, &err) != 0)
		note_bad(r, r->setup->input, number, err.text);
}

/* What a line of a log amounts to. */
static int log_said(
	struct replay *r, const struct log_said *said, struct now *event_at, struct errbuf *err)
{
	struct jsonl_line line = {.now = said->now, .request = said->rcpt};
	int got = events_until(r, said->now, event_at, err);
	if (got < 0)
		return got;
	if (said->has_rcpt)
		one_line(r, &line, 0);
	if (said->has_bounce)
		replay_came_back(r, said);
	line.request = said->end;
	if (said->has_end)
		one_line(r, &line, 0);
	return 0;
}

/* A line of a Postfix log. */
static int log_line(struct replay *r, struct span text, uint64_t number, struct now *event_at,
	struct errbuf *err)
{
	struct log_said said;
	uint64_t unread = r->summary->log.kind[LOG_UNREAD];
	bool has_said = postfix_log_read(r->log, text, &said);
	postfix_log_figures(r->log, &r->summary->log);
	if (r->summary->log.kind[LOG_UNREAD] != unread)
		note_bad(r, r->setup->input, number, "a line of Postfix that makes no sense");
	return has_said ? log_said(r, &said, event_at, err) : 0;
}

/* A line of JSON. */
static int jsonl_line(struct replay *r, struct span text, uint64_t number, struct now *event_at,
	struct errbuf *err)
{
	struct jsonl_line line;
	struct errbuf bad;
	json_t *object;
	if (jsonl_read(r->scan, text, &line, &object, &bad) != 0) {
		note_bad(r, r->setup->input, number, bad.text);
		return 0;
	}
	int got = events_until(r, line.now, event_at, err);
	if (got >= 0)
		one_line(r, &line, number);
	json_decref(object);
	return got;
}

static void show_progress(const struct replay *r, const struct input *in)
{
	uint64_t done, total;
	if (!r->setup->progress || r->summary->lines % PROGRESS_LINES != 0)
		return;
	input_where(in, &done, &total);
	r->setup->progress(r->setup->progress_ctx, r->summary->lines, done, total);
}

static int run(struct replay *r, struct input *in, struct errbuf *err)
{
	struct span text;
	struct now event_at;
	int got = event_advance(r, &event_at, err);
	while (got >= 0 && (got = input_line(in, &text, err)) > 0) {
		if (span_trim(text).n == 0)
			continue;
		r->summary->lines++;
		got = (r->log ? log_line : jsonl_line)(r, text, input_number(in), &event_at, err);
		show_progress(r, in);
	}
	return got;
}

int replay_run(const struct replay_setup *setup, struct replay_summary *ret, struct errbuf *err)
{
	struct input *in = NULL;
	struct replay *r = xcalloc(1, sizeof(*r));
	r->setup = setup;
	r->summary = ret;
	*ret = (struct replay_summary){0};
	replay_engine(r, default_seed);
	r->tally = tally_new(ret, setup->config);
	r->accepted = accepted_new();
	r->scan = xcalloc(1, sizeof(*r->scan));
	r->event_room = xcalloc(1, sizeof(*r->event_room));
	if (setup->format == REPLAY_POSTFIX_LOG)
		r->log = postfix_log_new(setup->wall);
	ret->is_log = r->log != NULL;
	int got = input_open(setup->input, &in, err);
	if (got == 0 && setup->events)
		got = input_open(setup->events, &r->events, err);
	if (got == 0)
		got = run(r, in, err);
	tally_finish(r->tally);
	summary_learnt(ret, r->engine);
	json_decref(r->next_event);
	input_close(in);
	input_close(r->events);
	engine_free(r->engine);
	ret->forgotten = accepted_lost(r->accepted);
	accepted_free(r->accepted);
	postfix_log_free(r->log);
	free(r->scan);
	free(r->event_room);
	free(r->conn);
	free(r);
	return got;
}
