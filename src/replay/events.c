/* SPDX-License-Identifier: ISC */
/*
 * Lines that are no requests: what an operator did, connections of a recording, a restart, and what
 * was learnt after the answer: bounces, complaints, reports of other programs.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

struct event_line {
	const json_t *json;
	uint32_t conn;
};

static struct span text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_string(value)
		       ? span_make(json_string_value(value), json_string_length(value))
		       : span_make(NULL, 0);
}

/* ---- connections of a recording ---- */

static int on_open(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	(void)err;
	struct ip ip;
	engine_conn *slot = replay_conn(r, line->conn);
	struct span peer = text_of(line->json, "peer");
	if (!slot)
		return 0;
	if (*slot)
		engine_conn_close(r->engine, *slot, r->now);
	bool has_peer = peer.n && ip_parse(peer, &ip) == 0;
	*slot = engine_conn_open(r->engine, text_of(line->json, "listener"), has_peer ? &ip : NULL);
	return 0;
}

static int on_close(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	(void)err;
	engine_conn *slot = replay_conn(r, line->conn);
	if (!slot || !*slot)
		return 0;
	engine_conn_close(r->engine, *slot, r->now);
	*slot = 0;
	return 0;
}

/* ---- a restart in a recording ---- */

/* What one block of a state file holds at most, as the daemon writes it. */
#define BLOCK_BYTES (256 * 1024)

struct blocks {
	struct bytes *block;
	size_t n;
};

static void blocks_free(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->n; i++)
		bytes_free(&blocks->block[i]);
	free(blocks->block);
}

static struct blocks engine_blocks(const struct replay *r)
{
	struct blocks blocks = {0};
	struct engine_save save = {0};
	struct engine_save_input input = {
		.boot_id = SPAN("replay"), .places = SIZE_MAX, .bytes = BLOCK_BYTES};
	enum engine_save_step step;
	do {
		blocks.block = xrealloc(blocks.block, blocks.n + 1, sizeof(*blocks.block));
		blocks.block[blocks.n] = (struct bytes){0};
		step = engine_save_step(
			r->engine, &save, &input, r->now, &blocks.block[blocks.n++]);
	} while (step == SAVE_MORE);
	return blocks;
}

/*
 * As the daemon does it: what outlives a process goes through blocks of records. After a crash it
 * went on with older counters than these, which no recording knows.
 */
static void engine_restart(struct replay *r, const uint64_t seed[2])
{
	struct blocks blocks = engine_blocks(r);
	replay_engine(r, seed);
	struct engine_load load = {.boot_id = SPAN("replay"), .now = r->now};
	for (size_t i = 0; i < blocks.n; i++) {
		struct span block = span_make(blocks.block[i].p, blocks.block[i].n);
		int loaded = engine_load_block(r->engine, &load, block);
		assert(loaded == 0);
	}
	blocks_free(&blocks);
}

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
static int on_start(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	(void)err;
	uint64_t seed[2];
	struct span text = text_of(line->json, "seed");
	if (text.n != 32 || hex_word(text.p, &seed[0]) != 0 || hex_word(text.p + 16, &seed[1]) != 0)
		return 0;
	if (json_is_true(json_object_get(line->json, "restored")))
		engine_restart(r, seed);
	else
		replay_engine(r, seed);
	return 0;
}

/* ---- what an operator did ---- */

/* account is its key, as the engine knows it. */
static void apply(struct replay *r, struct policy_event *event)
{
	event->at = r->now.wall;
	if (event->reason.n == 0)
		event->reason = SPAN("replayed");
	if (event->author.n == 0)
		event->author = SPAN("replay");
	engine_apply(r->engine, event, r->now);
	tally_command(r->tally, event);
}

/* What an override is about, what was found out. 0 or -EINVAL. */
static int limit_read(struct replay *r, const json_t *line, struct policy_event *event)
{
	bool is_override = event->kind == EVENT_OVERRIDE_SET || event->kind == EVENT_OVERRIDE_UNSET;
	int got = jsonl_get_text(line, "limit", r->event_room, &event->limit);
	if (got == 0 && (event->limit.n >= RULE_SIZE || (is_override && event->limit.n == 0)))
		got = -EINVAL;
	if (got == 0 && event->kind == EVENT_OVERRIDE_SET)
		got = rate_parse(text_of(line, "rate"), &event->rate, NULL);
	return got;
}

static int command_read(struct replay *r, const json_t *line, struct policy_event *event)
{
	struct jsonl_room *room = r->event_room;
	const json_t *until = json_object_get(line, "until");
	if (json_is_number(until) && json_number_value(until) < 9e9 &&
		json_number_value(until) > -9e9)
		event->until.us = (int64_t)(json_number_value(until) * 1e6 + 0.5);
	room->n = 0;
	int got = jsonl_get_text(line, "account", room, &event->account);
	if (got == 0 && (kind_of_key(event->account) == ACCOUNT_KINDS ||
				event->account.n > ACCOUNT_KEY_MAX))
		got = -EINVAL;
	if (got == 0)
		got = jsonl_get_text(line, "reason", room, &event->reason);
	if (got == 0)
		got = jsonl_get_text(line, "author", room, &event->author);
	return got == 0 ? limit_read(r, line, event) : got;
}

static int on_command(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	struct policy_event event = {.until = WALL_NEVER};
	/* One that a newer policyd may have written. */
	if (event_kind_of(text_of(line->json, "verb"), &event.kind) != 0) {
		err_set(err, "a command whose \"verb\" is none that this policyd knows");
		return -EINVAL;
	}
	/* The ladder climbs by itself here too. */
	if (event.kind == EVENT_LADDER)
		return 0;
	int got = command_read(r, line->json, &event);
	if (got == 0)
		apply(r, &event);
	else
		err_set(err, "a command whose account, \"limit\" or \"rate\" is none");
	return got;
}

/* ---- an events file: logins as people write them, and much that is not for us ---- */

/* "account" is a key, "sasl_username" a login. False: neither. */
static bool account_read(struct replay *r, const json_t *line, struct account_name *ret)
{
	struct span key = text_of(line, "account");
	struct span login = text_of(line, "sasl_username");
	struct errbuf err;
	if (key.n == 0)
		return login.n && subject_parse(login, r->setup->config, ret, &err) == 0;
	ret->kind = kind_of_key(key);
	ret->n = span_copy(key, ret->key, sizeof(ret->key));
	return ret->kind != ACCOUNT_KINDS && ret->n == key.n;
}

static int on_release(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	struct account_name name;
	if (!account_read(r, line->json, &name)) {
		err_set(err, "a release whose \"sasl_username\" (or \"account\") is none");
		return -EINVAL;
	}
	apply(r, &(struct policy_event){.kind = EVENT_RELEASE,
			 .account = account_name_key(&name),
			 .limit = text_of(line->json, "verdict")});
	return 0;
}

/* n of what the signal counts, of an account. */
static void feed(struct replay *r, const struct account_name *name, enum signal signal, double n)
{
	engine_feed(r->engine, account_name_key(name), signal, n, r->now);
	r->summary->fed++;
}

/* Of a recipient that was let through; nobody else's mail can come back. */
static int came_back(struct replay *r, const json_t *line, enum signal signal, struct errbuf *err)
{
	struct account_name name;
	struct span instance = text_of(line, "instance"), recipient = text_of(line, "recipient");
	if (instance.n == 0 || recipient.n == 0 || !account_read(r, line, &name)) {
		err_set(err, "it needs \"instance\", \"recipient\" and \"sasl_username\"");
		return -EINVAL;
	}
	if (signal != SIGNAL_COUNT && accepted_has(r->accepted, instance, recipient))
		feed(r, &name, signal, 1);
	return 0;
}

enum signal replay_signal_of_status(struct span dsn)
{
	if (span_starts(dsn, SPAN("5.7.")))
		return SIGNAL_BLOCKS;
	bool is_nobody = span_starts(dsn, SPAN("5.1.")) || span_equal(dsn, SPAN("5.2.1"));
	return is_nobody ? SIGNAL_BOUNCES : SIGNAL_COUNT;
}

static int on_bounce(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	struct span dsn = text_of(line->json, "dsn");
	/* Who tells of a bounce without its status has looked at that. */
	return came_back(r, line->json, dsn.n ? replay_signal_of_status(dsn) : SIGNAL_BOUNCES, err);
}

void replay_came_back(struct replay *r, const struct log_said *said)
{
	struct account_name name;
	struct errbuf err;
	r->now = said->now;
	if (accepted_has(r->accepted, said->instance, said->recipient) &&
		subject_parse(said->login, r->setup->config, &name, &err) == 0)
		feed(r, &name, replay_signal_of_status(said->dsn), 1);
}

static int on_complaint(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	return came_back(r, line->json, SIGNAL_COMPLAINTS, err);
}

/* What another program found out: n of what the signal counts. */
static int on_signal(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	struct account_name name;
	const json_t *n = json_object_get(line->json, "n");
	enum signal signal = signal_of(text_of(line->json, "signal"));
	double count = n ? json_number_value(n) : 1;
	if (signal == SIGNAL_COUNT || !account_read(r, line->json, &name) || !isfinite(count) ||
		count <= 0) {
		err_set(err, "a signal whose \"account\", \"signal\" or \"n\" is none");
		return -EINVAL;
	}
	feed(r, &name, signal, count);
	return 0;
}

static int on_egresses(struct replay *r, const struct event_line *line, struct errbuf *err)
{
	return replay_egresses(r, line->json, err);
}

int replay_event(struct replay *r, const json_t *line, uint32_t conn, struct errbuf *err)
{
	static const struct {
		const char *event;
		int (*run)(struct replay *r, const struct event_line *line, struct errbuf *err);
	} rows[] = {
		{"start", on_start},
		{"open", on_open},
		{"close", on_close},
		{"command", on_command},
		{"release", on_release},
		{"bounce", on_bounce},
		{"complaint", on_complaint},
		{"signal", on_signal},
		{"egresses", on_egresses},
	};
	struct span event = text_of(line, "event");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!span_equal(event, span_of(rows[i].event)))
			continue;
		int got = rows[i].run(r, &(struct event_line){line, conn}, err);
		r->summary->events += got == 0;
		return got;
	}
	err_set(err, "an event that is none of start, open, close, command, release, bounce, "
		     "complaint, signal and egresses");
	return -EINVAL;
}
