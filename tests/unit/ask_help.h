/* SPDX-License-Identifier: ISC */
/* ask_help.h - a bench: an engine, a clock, one connection, and requests as Postfix asks them. */
#ifndef POLICYD_TEST_ASK_HELP_H
#define POLICYD_TEST_ASK_HELP_H

#include "engine_help.h"
#include "policyd/engine.h"

struct bench {
	struct engine *engine;
	engine_conn conn;
	const char *login, *port;
	double s; /* the time */
	struct verdict verdict;
	uint64_t ticket;
};

static inline struct bench bench_with(const char *text, const struct charge_port *port)
{
	struct config *config = config_of(text);
	struct bench b = {.login = "alice@example.org", .port = "587"};
	b.engine = engine_new(
		&(struct engine_setup){.config = config, .charge = port, .seed = {1, 2}});
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	config_unref(config);
	return b;
}

static inline struct bench bench_new(const char *text)
{
	return bench_with(text, &charge_local);
}

static inline void bench_end(struct bench *b)
{
	engine_free(b->engine);
}

static inline struct request request_of(
	enum stage stage, const char *instance, const char *recipient)
{
	struct request request = {
		.stage = stage,
		.instance = span_of(instance),
		.recipient = span_of(recipient),
		.sasl_username = SPAN("alice@example.org"),
		.sender = SPAN("alice@example.org"),
		.client_address = SPAN("192.0.2.7"),
		.server_port = SPAN("587"),
	};
	return request;
}

static inline enum action ask(struct bench *b, const struct request *request)
{
	enum engine_result r =
		engine_begin(b->engine, b->conn, request, at_s(b->s), &b->verdict, &b->ticket);
	ck_assert_int_eq((int)r, ENGINE_DONE);
	return b->verdict.action;
}

static inline enum action ask_stage(struct bench *b, enum stage stage, const char *instance,
	const char *recipient, uint32_t count)
{
	struct request request = request_of(stage, instance, recipient);
	request.sasl_username = span_of(b->login);
	request.server_port = span_of(b->port);
	request.recipients = count;
	return ask(b, &request);
}

static inline enum action rcpt(struct bench *b, const char *instance, const char *recipient)
{
	return ask_stage(b, STAGE_RCPT, instance, recipient, 0);
}

static inline enum action data(struct bench *b, const char *instance, uint32_t count)
{
	return ask_stage(b, STAGE_DATA, instance, "", count);
}

static inline enum action eom(struct bench *b, const char *instance, uint32_t count)
{
	return ask_stage(b, STAGE_EOM, instance, "", count);
}

/* One message of one recipient that comes to DATA: the place in Postfix is known to ask there. */
static inline void learn_data(struct bench *b)
{
	ck_assert_int_eq(rcpt(b, "learn", "l@x"), ACTION_DUNNO);
	ck_assert_int_eq(data(b, "learn", 1), ACTION_DUNNO);
}

static inline void fill_open(struct bench *b, const char *instance, int n)
{
	char recipient[24];
	for (int i = 0; i < n; i++) {
		snprintf(recipient, sizeof(recipient), "fill%d@x", i);
		ck_assert_int_eq(rcpt(b, instance, recipient), ACTION_DUNNO);
	}
}

/* A message of n recipients that goes through. */
static inline void fill(struct bench *b, const char *instance, int n)
{
	fill_open(b, instance, n);
	ck_assert_int_eq(data(b, instance, (uint32_t)n), ACTION_DUNNO);
}

static inline struct engine_limit_view limit_view(struct bench *b, size_t rule)
{
	struct engine_account_view view;
	struct errbuf err;
	ck_assert_int_eq(engine_account(b->engine, span_of(b->login), at_s(b->s), &view, &err), 0);
	ck_assert_uint_lt(rule, view.limits);
	return view.limit[rule];
}

static inline uint64_t used(struct bench *b, size_t rule)
{
	return limit_view(b, rule).used;
}

static inline uint64_t reserved(struct bench *b, size_t rule)
{
	return limit_view(b, rule).reserved;
}

/* Effects of a kind that are waiting; fetches all. */
static inline size_t effects(struct bench *b, int kind)
{
	struct effect effect;
	size_t n = 0;
	while (engine_effect(b->engine, &effect))
		n += (int)effect.kind == kind;
	return n;
}

static inline size_t decisions(struct bench *b)
{
	return effects(b, EFFECT_DECISION);
}

static inline size_t notes(struct bench *b)
{
	return effects(b, EFFECT_NOTE);
}

static inline void suspend(struct bench *b, wall_t until)
{
	struct policy_event event = {
		.kind = EVENT_SUSPEND,
		.at = at_s(b->s).wall,
		.account = SPAN("login:alice@example.org"),
		.until = until,
		.reason = SPAN("test"),
		.author = SPAN("test"),
	};
	engine_apply(b->engine, &event, at_s(b->s));
}

#endif
