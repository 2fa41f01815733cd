/* SPDX-License-Identifier: ISC */
/*
 * A file of requests through the real engine in virtual time: the clock is that of each line. What
 * is printed for people is the program's business; what is counted, summary.c's.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/replay.h"
#include "summary.h"

/* A recording's connection numbers are small: they are used again. */
#define CONNS_MAX      (1u << 20)
#define PROGRESS_LINES 20000

struct replay {
	const struct replay_setup *setup;
	struct engine *engine;
	struct tally *tally;
	struct replay_summary *summary;
	engine_conn *conn; /* by the recording's number; 0: not open */
	size_t conns;
	struct input *events;
	json_t *next_event; /* read ahead */
	struct now now;
	struct jsonl_room room;
};

/* A fixed seed where a stream brings none: two runs give the same decisions, references too. */
static const uint64_t default_seed[2] = {
	UINT64_C(0x706f6c6963796401), UINT64_C(0x73696d756c617465)};

static struct span text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_string(value)
		       ? span_make(json_string_value(value), json_string_length(value))
		       : span_make(NULL, 0);
}

static void engine_make(struct replay *r, const uint64_t seed[2])
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

/* ---- a restart in a recording ---- */

/*
 * As the daemon does it: what outlives a process goes through blocks of records. After a crash it
 * went on with older counters than these, which no recording knows.
 */
static void engine_restart(struct replay *r, const uint64_t seed[2])
{
	struct engine_save save = {0};
	struct engine_save_input input = {
		.boot_id = SPAN("replay"), .places = SIZE_MAX, .bytes = SIZE_MAX};
	struct bytes block = {0};
	while (engine_save_step(r->engine, &save, &input, r->now, &block) == SAVE_MORE)
		;
	engine_make(r, seed);
	struct engine_load load = {.boot_id = SPAN("replay"), .now = r->now};
	int loaded = engine_load_block(r->engine, &load, span_make(block.p, block.n));
	assert(loaded == 0);
	bytes_free(&block);
}

/* ---- connections of a recording ---- */

static engine_conn *conn_slot(struct replay *r, const json_t *line)
{
	json_int_t number = json_integer_value(json_object_get(line, "conn"));
	if (number <= 0 || number >= CONNS_MAX)
		return NULL;
	size_t at = (size_t)number;
	if (at >= r->conns) {
		size_t n = at * 2;
		r->conn = xrealloc(r->conn, n, sizeof(*r->conn));
		memset(r->conn + r->conns, 0, (n - r->conns) * sizeof(*r->conn));
		r->conns = n;
	}
	return &r->conn[at];
}

static int on_open(struct replay *r, const json_t *line, struct errbuf *err)
{
	(void)err;
	struct ip ip;
	engine_conn *slot = conn_slot(r, line);
	struct span peer = text_of(line, "peer");
	if (!slot)
		return 0;
	if (*slot)
		engine_conn_close(r->engine, *slot, r->now);
	bool has_peer = peer.n && ip_parse(peer, &ip) == 0;
	*slot = engine_conn_open(r->engine, text_of(line, "listener"), has_peer ? &ip : NULL);
	return 0;
}

static int on_close(struct replay *r, const json_t *line, struct errbuf *err)
{
	(void)err;
	engine_conn *slot = conn_slot(r, line);
	if (!slot || !*slot)
		return 0;
	engine_conn_close(r->engine, *slot, r->now);
	*slot = 0;
	return 0;
}

/* ---- events ---- */

/* 16 hex digits. 0 or -EINVAL. */
static int hex_word(const char *p, uint64_t *ret)
{
	char digits[17], *end;
	span_copy(span_make(p, 16), digits, sizeof(digits));
	uint64_t value = strtoull(digits, &end, 16);
	if (*end)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* The recording's seed: hashes, and so references, come out as they did. */
static int on_start(struct replay *r, const json_t *line, struct errbuf *err)
{
	(void)err;
	uint64_t seed[2];
	struct span text = text_of(line, "seed");
	if (text.n != 32 || hex_word(text.p, &seed[0]) != 0 || hex_word(text.p + 16, &seed[1]) != 0)
		return 0;
	if (json_is_true(json_object_get(line, "restored")))
		engine_restart(r, seed);
	else
		engine_make(r, seed);
	return 0;
}

/* What an operator did. account is its key, as the engine knows it. */
static void apply(struct replay *r, struct policy_event *event)
{
	event->at = r->now.wall;
	event->reason = SPAN("replayed");
	event->author = SPAN("replay");
	engine_apply(r->engine, event, r->now);
}

/* What an override is about. 0 or -EINVAL. */
static int override_read(struct replay *r, const json_t *line, struct policy_event *event)
{
	int got = jsonl_get_text(line, "limit", &r->room, &event->limit);
	if (got == 0 && (event->limit.n == 0 || event->limit.n >= RULE_SIZE))
		got = -EINVAL;
	if (got == 0 && event->kind == EVENT_OVERRIDE_SET)
		got = rate_parse(text_of(line, "rate"), &event->rate, NULL);
	return got;
}

static int on_command(struct replay *r, const json_t *line, struct errbuf *err)
{
	struct policy_event event = {.until = WALL_NEVER};
	const json_t *until = json_object_get(line, "until");
	/* One that a newer policyd may have written. */
	if (event_kind_of(text_of(line, "verb"), &event.kind) != 0)
		return 0;
	if (json_is_number(until) && json_number_value(until) < 9e9)
		event.until.us = (int64_t)(json_number_value(until) * 1e6 + 0.5);
	r->room.n = 0;
	int got = jsonl_get_text(line, "account", &r->room, &event.account);
	bool is_override = event.kind == EVENT_OVERRIDE_SET || event.kind == EVENT_OVERRIDE_UNSET;
	if (got == 0 &&
		(kind_of_key(event.account) == ACCOUNT_KINDS || event.account.n > ACCOUNT_KEY_MAX))
		got = -EINVAL;
	if (got == 0 && is_override)
		got = override_read(r, line, &event);
	if (got == 0)
		apply(r, &event);
	else
		err_set(err, "a command whose account, \"limit\" or \"rate\" is none");
	return got;
}

/* Of an events file, which knows logins as people write them, and much that is not for us. */
static int on_release(struct replay *r, const json_t *line, struct errbuf *err)
{
	struct account_name name;
	struct span login = text_of(line, "sasl_username");
	if (subject_parse(login, r->setup->config, &name, err) == 0)
		apply(r, &(struct policy_event){
				 .kind = EVENT_RELEASE, .account = account_name_key(&name)});
	return 0;
}

static int on_event(struct replay *r, const json_t *line, struct errbuf *err)
{
	static const struct {
		const char *event;
		int (*run)(struct replay *r, const json_t *line, struct errbuf *err);
	} rows[] = {
		{"start", on_start},
		{"open", on_open},
		{"close", on_close},
		{"command", on_command},
		{"release", on_release},
	};
	struct span event = text_of(line, "event");
	r->summary->events++;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (span_equal(event, span_of(rows[i].event)))
			return rows[i].run(r, line, err);
	}
	return 0;
}

/* ---- requests ---- */

static void fetch_effects(struct replay *r)
{
	struct effect effect;
	while (engine_effect(r->engine, &effect)) {
		if (effect.kind == EFFECT_DECISION)
			tally_decision(r->tally, effect.decision);
	}
}

static void put_decision(
	struct replay *r, const struct request *request, const struct verdict *verdict)
{
	if (!r->setup->decisions)
		return;
	json_t *line = json_object();
	json_object_set_new(line, "ts", json_real((double)r->now.wall.us / 1e6));
	jsonl_put_text(line, "instance", request->instance);
	jsonl_put_verdict(line, verdict);
	json_dumpf(line, r->setup->decisions, JSON_COMPACT | JSON_REAL_PRECISION(16));
	/* Whoever opened the file looks at ferror(). */
	(void)fputc('\n', r->setup->decisions);
	json_decref(line);
}

static int on_request(struct replay *r, const json_t *line, struct errbuf *err)
{
	struct request request;
	struct verdict verdict;
	uint64_t ticket;
	const engine_conn *slot = conn_slot(r, line);
	int got = jsonl_get_request(line, &r->room, &request, err);
	if (got != 0)
		return got;
	uint64_t outbound = metric_get(METRIC_REQUESTS_OUTBOUND);
	enum engine_result answered =
		engine_begin(r->engine, slot ? *slot : 0, &request, r->now, &verdict, &ticket);
	/* charge_local never lets a request wait. */
	assert(answered == ENGINE_DONE);
	r->summary->requests++;
	r->summary->outbound += metric_get(METRIC_REQUESTS_OUTBOUND) - outbound;
	r->summary->by_action[verdict.action]++;
	put_decision(r, &request, &verdict);
	fetch_effects(r);
	return 0;
}

/* ---- lines ---- */

static int parse_line(struct span text, json_t **ret, struct now *ret_now, struct errbuf *err)
{
	json_error_t error;
	json_t *line = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(line)) {
		err_set(err, line ? "no JSON object" : "no JSON: %s", error.text);
		json_decref(line);
		return -EINVAL;
	}
	int r = jsonl_get_now(line, ret_now, err);
	if (r != 0) {
		json_decref(line);
		return r;
	}
	*ret = line;
	return 0;
}

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
	json_decref(r->next_event);
	r->next_event = NULL;
	for (;;) {
		int got = r->events ? input_line(r->events, &text, err) : 0;
		if (got <= 0)
			return got;
		if (parse_line(text, &r->next_event, ret_at, &bad) == 0)
			return 1;
		note_bad(r, r->setup->events, input_number(r->events), bad.text);
	}
}

/* What the events file has up to now. */
static int events_until(struct replay *r, struct now until, struct now *at, struct errbuf *err)
{
	while (r->next_event && at->wall.us <= until.wall.us) {
		struct errbuf bad;
		r->now = *at;
		if (on_event(r, r->next_event, &bad) != 0)
			note_bad(r, r->setup->events, input_number(r->events), bad.text);
		int got = event_advance(r, at, err);
		if (got < 0)
			return got;
	}
	return 0;
}

static void one_line(struct replay *r, const json_t *line, struct now now, uint64_t number)
{
	struct errbuf err;
	r->now = now;
	if (r->summary->requests + r->summary->events == 0)
		r->summary->first = now.wall;
	r->summary->last = now.wall;
	if (engine_next_due(r->engine).us <= now.mono.us)
		engine_tick(r->engine, now);
	int got = json_object_get(line, "event") ? on_event(r, line, &err)
						 : on_request(r, line, &err);
	if (got != 0)
		note_bad(r, r->setup->input, number, err.text);
}

static int run(struct replay *r, struct input *in, struct errbuf *err)
{
	struct span text;
	struct errbuf bad;
	struct now now, event_at;
	uint64_t done, total;
	json_t *line;
	int got = event_advance(r, &event_at, err);
	while (got >= 0 && (got = input_line(in, &text, err)) > 0) {
		if (span_trim(text).n == 0)
			continue;
		r->summary->lines++;
		if (parse_line(text, &line, &now, &bad) != 0) {
			note_bad(r, r->setup->input, input_number(in), bad.text);
			continue;
		}
		got = events_until(r, now, &event_at, err);
		one_line(r, line, now, input_number(in));
		json_decref(line);
		if (r->setup->progress && r->summary->lines % PROGRESS_LINES == 0) {
			input_where(in, &done, &total);
			r->setup->progress(r->setup->progress_ctx, r->summary->lines, done, total);
		}
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
	engine_make(r, default_seed);
	r->tally = tally_new(ret);
	int got = input_open(setup->input, &in, err);
	if (got == 0 && setup->events)
		got = input_open(setup->events, &r->events, err);
	if (got == 0)
		got = run(r, in, err);
	tally_finish(r->tally);
	json_decref(r->next_event);
	input_close(in);
	input_close(r->events);
	engine_free(r->engine);
	free(r->conn);
	free(r);
	return got;
}
