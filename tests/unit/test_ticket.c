/* SPDX-License-Identifier: ISC */
/*
 * The two phases: a scripted charge port that answers late, out of order, twice and never. A shared store will
 * stand in its place.
 */
#include "ask_help.h"
#include "policyd/charge.h"
#include "random.h"

#define MINE "limits = ( { name = \"hourly\"; rate = \"5/1h\"; } );"

/* Answers what it is told to; keeps what it was asked and what came back. */
struct script {
	struct charge_port port;
	enum charge_answer answer;
	unsigned asked, cancelled;
	uint64_t last_id, last_cancelled, last_refund;
	uint32_t amount_refunded;
};

static enum charge_answer script_ask(void *ctx, const struct charge *charge, struct now now)
{
	struct script *s = ctx;
	(void)now;
	s->asked++;
	s->last_id = charge->id;
	return s->answer;
}

static void script_cancel(void *ctx, const struct charge *charge, struct now now)
{
	struct script *s = ctx;
	(void)now;
	ck_assert_uint_le(charge->id, s->last_id); /* only what was asked can be cancelled */
	s->cancelled++;
	s->last_cancelled = charge->id;
}

static void script_refund(void *ctx, const struct charge *charge, struct now now)
{
	struct script *s = ctx;
	(void)now;
	ck_assert_uint_gt(charge->id, s->last_id); /* an operation of its own */
	ck_assert_uint_gt(charge->id, s->last_refund);
	s->last_refund = charge->id;
	for (unsigned i = 0; i < charge->n; i++)
		s->amount_refunded += charge->item[i].amount;
}

static struct bench bench_script(struct script *s, const char *text)
{
	*s = (struct script){.answer = CHARGE_PENDING};
	s->port = (struct charge_port){.ask = script_ask,
		.cancel = script_cancel,
		.refund = script_refund,
		.ctx = s,
		.deadline_us = 50000};
	return bench_with(text, &s->port);
}

/* Asks; the engine waits. Returns the ticket. */
static uint64_t wait_for(struct bench *b, const char *instance, const char *recipient)
{
	struct request request = request_of(STAGE_RCPT, instance, recipient);
	enum engine_result r =
		engine_begin(b->engine, b->conn, &request, at_s(b->s), &b->verdict, &b->ticket);
	ck_assert_int_eq((int)r, ENGINE_WAIT);
	return b->ticket;
}

static enum engine_result resume(struct bench *b, uint64_t ticket, enum charge_answer answer)
{
	engine_conn conn = 0;
	enum engine_result r =
		engine_resume(b->engine, ticket, answer, at_s(b->s), &b->verdict, &conn);
	if (r == ENGINE_DONE)
		ck_assert_uint_ne(conn, 0);
	return r;
}

static size_t tickets(struct bench *b)
{
	struct engine_figures figures;
	engine_figures(b->engine, &figures);
	return figures.tickets;
}

START_TEST(answer_at_once_is_the_embedded_case)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	s.answer = CHARGE_GRANTED;
	ck_assert_int_eq(rcpt(&b, "m", "a@x"), ACTION_DUNNO);
	s.answer = CHARGE_REFUSED;
	ck_assert_int_eq(rcpt(&b, "m", "b@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "hourly");
	ck_assert_uint_eq(used(&b, 0), 1);
	ck_assert_uint_eq(tickets(&b), 0);
	bench_end(&b);
}
END_TEST

START_TEST(late_grant_and_late_refusal)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	ck_assert_uint_eq(used(&b, 0), 0);
	b.s += 0.01;
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	ck_assert_int_eq((int)b.verdict.action, ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 1);
	ticket = wait_for(&b, "m", "b@x");
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_REFUSED), ENGINE_DONE);
	ck_assert_int_eq((int)b.verdict.action, ACTION_DEFER_IF_PERMIT);
	ck_assert_uint_eq(used(&b, 0), 1);
	ck_assert_uint_eq(decisions(&b), 1);
	/* Asked again: answered alike without asking the port. */
	unsigned asked = s.asked;
	ck_assert_int_eq(rcpt(&b, "m", "a@x"), ACTION_DUNNO);
	ck_assert_int_eq(rcpt(&b, "m", "b@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_uint_eq(s.asked, asked);
	bench_end(&b);
}
END_TEST

START_TEST(second_answer_is_stale)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_STALE);
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_REFUSED), ENGINE_STALE);
	ck_assert_int_eq((int)resume(&b, 987654321, CHARGE_GRANTED), ENGINE_STALE);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(answers_out_of_order)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket[3];
	engine_conn conn[3];
	for (int i = 0; i < 3; i++) {
		b.conn = conn[i] = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
		ticket[i] = wait_for(&b, (const char *[]){"a", "b", "c"}[i], "r@x");
	}
	for (int i = 2; i >= 0; i--) {
		engine_conn answered;
		ck_assert_int_eq((int)engine_resume(b.engine, ticket[i], CHARGE_GRANTED, at_s(0),
					 &b.verdict, &answered),
			ENGINE_DONE);
		ck_assert_uint_eq(answered, conn[i]);
	}
	ck_assert_uint_eq(used(&b, 0), 3);
	bench_end(&b);
}
END_TEST

START_TEST(no_answer_is_decided_here_after_the_deadline)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	struct effect effect;
	uint64_t ticket = wait_for(&b, "m", "a@x");
	ck_assert_int_le(engine_next_due(b.engine).us, at_s(0.05).mono.us);
	b.s = 0.049;
	engine_tick(b.engine, at_s(b.s));
	ck_assert(!engine_effect(b.engine, &effect));
	b.s = 0.05;
	engine_tick(b.engine, at_s(b.s));
	ck_assert(engine_effect(b.engine, &effect));
	ck_assert_int_eq((int)effect.kind, EFFECT_REPLY);
	ck_assert_uint_eq(effect.conn, b.conn);
	ck_assert_int_eq((int)effect.verdict->action, ACTION_DUNNO);
	ck_assert_uint_eq(used(&b, 0), 1);
	/* The late answer must not count twice. */
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_STALE);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(no_answer_and_no_room_here_is_refused_and_cancelled)
{
	struct script s;
	struct bench b = bench_script(&s, "limits = ( { name = \"one\"; rate = \"1/1h\"; } );");
	struct effect effect;
	/* Both fit when they are asked; only one does when nobody answers. */
	wait_for(&b, "m", "a@x");
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	uint64_t second = wait_for(&b, "n", "a@x");
	b.s = 1;
	engine_tick(b.engine, at_s(b.s));
	enum action actions[2];
	int replies = 0;
	while (engine_effect(b.engine, &effect)) {
		if (effect.kind == EFFECT_REPLY)
			actions[replies++] = effect.verdict->action;
	}
	ck_assert_int_eq(replies, 2);
	ck_assert_int_eq((int)actions[0], ACTION_DUNNO);
	ck_assert_int_eq((int)actions[1], ACTION_DEFER_IF_PERMIT);
	ck_assert_uint_eq(used(&b, 0), 1);
	ck_assert_uint_eq(s.cancelled, 1);
	ck_assert_uint_eq(s.last_cancelled, second);
	bench_end(&b);
}
END_TEST

START_TEST(grant_after_the_connection_was_lost_is_cancelled)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	engine_conn_close(b.engine, b.conn, at_s(0));
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_STALE);
	ck_assert_uint_eq(s.cancelled, 1);
	ck_assert_uint_eq(s.last_cancelled, ticket);
	ck_assert_uint_eq(used(&b, 0), 0);
	/* The retry over a second connection is charged on its own. */
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	ticket = wait_for(&b, "m", "a@x");
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(lost_connection_and_no_answer_is_cancelled_too)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	struct effect effect;
	wait_for(&b, "m", "a@x");
	engine_conn_close(b.engine, b.conn, at_s(0));
	engine_tick(b.engine, at_s(1));
	ck_assert(!engine_effect(b.engine, &effect));
	ck_assert_uint_eq(s.cancelled, 1);
	ck_assert_uint_eq(tickets(&b), 0);
	bench_end(&b);
}
END_TEST

START_TEST(message_that_is_over_is_answered_and_cancelled)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	engine_conn first = b.conn;
	b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
	s.answer = CHARGE_GRANTED;
	rcpt(&b, "m", "b@x");
	rcpt(&b, "n", "b@x"); /* ends m, for which the first connection still waits */
	engine_conn answered = 0;
	ck_assert_int_eq((int)engine_resume(
				 b.engine, ticket, CHARGE_GRANTED, at_s(0), &b.verdict, &answered),
		ENGINE_DONE);
	ck_assert_uint_eq(answered, first);
	ck_assert_uint_eq(s.cancelled, 1);
	bench_end(&b);
}
END_TEST

START_TEST(given_up_message_gives_back_to_the_port)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	s.answer = CHARGE_GRANTED;
	learn_data(&b);
	rcpt(&b, "m", "a@x");
	rcpt(&b, "m", "b@x");
	rcpt(&b, "n", "a@x");
	ck_assert_uint_eq(s.amount_refunded, 2);
	/* A shortfall too. */
	rcpt(&b, "n", "b@x");
	rcpt(&b, "n", "c@x");
	data(&b, "n", 1);
	ck_assert_uint_eq(s.amount_refunded, 4);
	bench_end(&b);
}
END_TEST

START_TEST(drain_answers_everything_that_waits)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	for (int i = 0; i < 4; i++) {
		b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
		wait_for(&b, (const char *[]){"a", "b", "c", "d"}[i], "r@x");
	}
	engine_drain(b.engine, at_s(0));
	ck_assert_uint_eq(effects(&b, EFFECT_REPLY), 4);
	ck_assert_uint_eq(tickets(&b), 0);
	bench_end(&b);
}
END_TEST

START_TEST(hold_waits_for_the_port_and_is_told_once_granted)
{
	struct script s;
	struct bench b = bench_script(&s, "suspension = { action = \"HOLD\"; }; limits = ( { name "
					  "= \"h\"; rate = \"9/1h\"; } );");
	suspend(&b, WALL_NEVER);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	ck_assert_uint_eq(decisions(&b), 0);
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	ck_assert_int_eq((int)b.verdict.action, ACTION_HOLD);
	ck_assert_uint_eq(decisions(&b), 1);
	bench_end(&b);
}
END_TEST

START_TEST(refused_elsewhere_can_be_looked_up)
{
	struct script s;
	struct effect effect;
	struct bench b = bench_script(&s, "limits = ( { name = \"wide\"; rate = \"50/1d\"; },"
					  " { name = \"tight\"; rate = \"5/1h\"; } );");
	s.answer = CHARGE_REFUSED;
	ck_assert_int_eq(rcpt(&b, "m", "a@x"), ACTION_DEFER_IF_PERMIT);
	ck_assert_str_eq(b.verdict.rule, "tight");
	ck_assert(engine_effect(b.engine, &effect));
	ck_assert_int_eq((int)effect.kind, EFFECT_DECISION);
	ck_assert(effect.keep);
	ck_assert_str_eq(effect.decision->account, "login:alice@example.org");
	ck_assert_str_eq(effect.decision->recipient, "a@x");
	ck_assert_str_eq(effect.decision->reference, b.verdict.reference);
	bench_end(&b);
}
END_TEST

/* A shared store goes down: everybody who waits gets an answer, however many they are. */
START_TEST(every_waiting_connection_is_answered)
{
	enum { MANY = 3000 };
	struct script s;
	char instance[16];
	struct bench b = bench_script(&s, "limits = ( { name = \"a\"; rate = \"9000/1h\"; } );");
	for (int i = 0; i < MANY; i++) {
		snprintf(instance, sizeof(instance), "i%d", i);
		b.conn = engine_conn_open(b.engine, SPAN("unix:/p"), NULL);
		wait_for(&b, instance, "r@x");
	}
	engine_tick(b.engine, at_s(1));
	ck_assert_uint_eq(effects(&b, EFFECT_REPLY), MANY);
	bench_end(&b);
}
END_TEST

START_TEST(nameless_request_that_waited_leaves_nothing)
{
	struct script s;
	struct engine_figures figures;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "", "a@x");
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	engine_figures(b.engine, &figures);
	ck_assert_uint_eq(figures.messages, 0);
	ck_assert_uint_eq(used(&b, 0), 1);
	bench_end(&b);
}
END_TEST

START_TEST(reload_while_waiting)
{
	struct script s;
	struct bench b = bench_script(&s, MINE);
	uint64_t ticket = wait_for(&b, "m", "a@x");
	struct config *config = config_of("limits = ( { name = \"z\"; rate = \"7/1d\"; },"
					  " { name = \"hourly\"; rate = \"4/1h\"; } );");
	engine_configure(b.engine, config);
	config_unref(config);
	ck_assert_int_eq((int)resume(&b, ticket, CHARGE_GRANTED), ENGINE_DONE);
	ck_assert_uint_eq(used(&b, 1), 1);
	ck_assert_uint_eq(used(&b, 0), 0);
	bench_end(&b);
}
END_TEST

/*
 * 100,000 steps of chance: connections come and go, answers come late, twice, never. The ring here must
 * hold exactly what was granted to somebody.
 */
#define CONNS 16
#define STEPS 100000

struct chaos {
	struct script script;
	struct bench b;
	engine_conn conn[CONNS];
	uint64_t ticket[CONNS]; /* 0: does not wait */
	uint64_t old_ticket;
	uint32_t granted, instance;
};

static void chaos_effects(struct chaos *c)
{
	struct effect effect;
	while (engine_effect(c->b.engine, &effect)) {
		if (effect.kind != EFFECT_REPLY)
			continue;
		for (int i = 0; i < CONNS; i++) {
			if (c->conn[i] == effect.conn)
				c->ticket[i] = 0;
		}
		c->granted += effect.verdict->action == ACTION_DUNNO;
	}
}

static void chaos_ask(struct chaos *c, int i)
{
	char instance[32];
	snprintf(instance, sizeof(instance), "i%u", c->instance++);
	struct request request = request_of(STAGE_RCPT, instance, "r@x");
	enum engine_result r = engine_begin(
		c->b.engine, c->conn[i], &request, at_s(c->b.s), &c->b.verdict, &c->ticket[i]);
	if (r == ENGINE_DONE) {
		c->ticket[i] = 0;
		c->granted += c->b.verdict.action == ACTION_DUNNO;
	}
}

static void chaos_answer(struct chaos *c, int i, enum charge_answer answer)
{
	engine_conn conn;
	c->old_ticket = c->ticket[i];
	enum engine_result r = engine_resume(
		c->b.engine, c->ticket[i], answer, at_s(c->b.s), &c->b.verdict, &conn);
	ck_assert_int_eq((int)r, ENGINE_DONE);
	ck_assert_uint_eq(conn, c->conn[i]);
	c->granted += c->b.verdict.action == ACTION_DUNNO;
	c->ticket[i] = 0;
}

static void chaos_step(struct chaos *c, struct chance *chance)
{
	int i = (int)chance_below(chance, CONNS);
	engine_conn ignored;
	switch (chance_below(chance, 8)) {
	case 0:
		engine_conn_close(c->b.engine, c->conn[i], at_s(c->b.s));
		c->conn[i] = engine_conn_open(c->b.engine, SPAN("unix:/p"), NULL);
		c->ticket[i] = 0;
		break;
	case 1: /* time passes: deadlines */
		c->b.s += 0.02;
		engine_tick(c->b.engine, at_s(c->b.s));
		chaos_effects(c);
		break;
	case 2: /* an answer twice */
		ck_assert_int_eq((int)engine_resume(c->b.engine, c->old_ticket, CHARGE_GRANTED,
					 at_s(c->b.s), &c->b.verdict, &ignored),
			ENGINE_STALE);
		break;
	default:
		c->script.answer = chance_below(chance, 4) ? CHARGE_PENDING : CHARGE_GRANTED;
		if (c->ticket[i])
			chaos_answer(
				c, i, chance_below(chance, 2) ? CHARGE_GRANTED : CHARGE_REFUSED);
		else
			chaos_ask(c, i);
		break;
	}
}

START_TEST(chaos_charges_what_was_granted)
{
	struct chance chance = chance_new("ticket chaos");
	struct chaos c = {.instance = 0};
	/* The script must not move once the port points to it. */
	c.b = bench_script(&c.script, "limits = ( { name = \"a\"; rate = \"4000000/31d\"; } );");
	for (int i = 0; i < CONNS; i++)
		c.conn[i] = engine_conn_open(c.b.engine, SPAN("unix:/p"), NULL);
	for (int i = 0; i < STEPS; i++) {
		chaos_step(&c, &chance);
		chaos_effects(&c);
		if (i % 10000 == 0)
			ck_assert_uint_eq(used(&c.b, 0), c.granted);
	}
	ck_assert_uint_eq(used(&c.b, 0), c.granted);
	ck_assert_uint_gt(c.granted, STEPS / 8);
	bench_end(&c.b);
}
END_TEST

int main(void)
{
#define ROW(test)                                                                                  \
	{                                                                                          \
#test, test, 0                                                                     \
	}
	const struct suite_row rows[] = {
		ROW(answer_at_once_is_the_embedded_case),
		ROW(late_grant_and_late_refusal),
		ROW(second_answer_is_stale),
		ROW(answers_out_of_order),
		ROW(no_answer_is_decided_here_after_the_deadline),
		ROW(no_answer_and_no_room_here_is_refused_and_cancelled),
		ROW(grant_after_the_connection_was_lost_is_cancelled),
		ROW(lost_connection_and_no_answer_is_cancelled_too),
		ROW(message_that_is_over_is_answered_and_cancelled),
		ROW(given_up_message_gives_back_to_the_port),
		ROW(drain_answers_everything_that_waits),
		ROW(hold_waits_for_the_port_and_is_told_once_granted),
		ROW(refused_elsewhere_can_be_looked_up),
		ROW(every_waiting_connection_is_answered),
		ROW(nameless_request_that_waited_leaves_nothing),
		ROW(reload_while_waiting),
		ROW(chaos_charges_what_was_granted),
	};
	return SUITE_RUN("ticket", rows);
}
