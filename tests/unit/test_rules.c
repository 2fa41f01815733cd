/* SPDX-License-Identifier: ISC */
/*
 * What must hold for whatever rules and whatever traffic: random configurations, random messages
 * with aborts, retries, duplicates, shortfalls, lost connections, reloads and restarts. What was let
 * through is kept in a log of the test's own, which knows nothing of rings.
 */
#include "policyd/bytes.h"
#include "policyd/siphash.h"
#include "rules_help.h"

/* ---- what is in the engine ---- */

/* The records of its state that rings are in; as src/engine/state.c has them. */
enum { RECORD_ENTRY = 4, RECORD_MESSAGE = 5, RECORD_RINGS = 0x11 };

static uint64_t hash_of(struct span text)
{
	static const struct siphash_key key = {.k0 = 7, .k1 = 9};
	return siphash24(&key, text);
}

/* Rings alone: what is refused teaches what an account does, and costs nothing. */
static uint64_t entry_digest(struct reader *entry)
{
	uint64_t sum = hash_of(reader_span(entry));
	struct reader part;
	unsigned type;
	(void)reader_number(entry);
	while (reader_record(entry, &type, &part)) {
		if (type == RECORD_RINGS)
			sum += hash_of(span_make(part.p, part.n));
	}
	ck_assert(!entry->is_bad);
	return sum;
}

/* Without how many recipients were looked at, which stands above the flags. */
static uint64_t message_digest(struct reader *message)
{
	uint64_t sum = hash_of(reader_span(message)) + hash_of(reader_span(message)) * 3;
	sum += reader_number(message) * 5 + hash_of(reader_span(message)) * 7;
	sum += (uint64_t)reader_signed(message) * 11;
	for (unsigned i = 0; i < 5; i++)
		sum = sum * 31 + reader_number(message);
	sum = sum * 31 + (reader_number(message) & 0xff);
	ck_assert(!message->is_bad);
	return sum + hash_of(span_make(message->p, message->n)) * 13;
}

/* All that is counted and reserved, but not when who was last seen. */
static uint64_t state_digest(const struct world *w)
{
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {
		.boot_id = SPAN("b"), .places = 100000, .bytes = 1 << 20};
	struct bytes bytes = {.n = 0};
	uint64_t sum = 0;
	unsigned type;
	while (engine_save_step(w->engine, &save, &input, now_of(w), &bytes) == SAVE_MORE)
		;
	struct reader in = reader_of(span_make(bytes.p, bytes.n)), record;
	while (reader_record(&in, &type, &record)) {
		if (type == RECORD_ENTRY)
			sum += entry_digest(&record);
		if (type == RECORD_MESSAGE)
			sum += message_digest(&record) * type;
	}
	ck_assert(!in.is_bad);
	bytes_free(&bytes);
	return sum;
}

/* ---- requests ---- */

static bool passes(const struct verdict *verdict)
{
	return action_rows[verdict->action].accepts;
}

static void digest_add(struct world *w, const struct verdict *v)
{
	const char *help = strstr(v->text, "; reference ");
	size_t n = help ? (size_t)(help - v->text) : strlen(v->text);
	uint64_t hash = hash_of(span_make(v->text, n)) + hash_of(span_of(v->rule));
	w->digest = w->digest * 31 + hash + (unsigned)v->action * 1000 + v->code;
}

struct asking {
	enum stage stage;
	const char *recipient;
	uint32_t recipients;
	uint64_t bytes;
};

static void ask(struct world *w, unsigned c, const struct asking *asking, struct verdict *ret)
{
	const struct message *m = &w->message[c];
	char instance[16];
	uint64_t ticket;
	(void)snprintf(instance, sizeof(instance), "m%u", m->number);
	struct request request = {
		.stage = asking->stage,
		.instance = span_of(instance),
		.recipient = span_of(asking->recipient),
		.sasl_username = span_of(logins[m->login]),
		.sender = span_of(senders[m->sender]),
		.client_address = span_of(clients[m->client]),
		.server_port = SPAN("587"),
		.recipients = asking->recipients,
		.bytes = asking->bytes,
	};
	enum engine_result r =
		engine_begin(w->engine, w->conn[c], &request, now_of(w), ret, &ticket);
	ck_assert_int_eq((int)r, ENGINE_DONE);
	effects_drop(w);
	digest_add(w, ret);
	w->refused += !passes(ret);
	w->held += ret->action == ACTION_HOLD;
}

static void message_begin(struct world *w, unsigned c)
{
	w->message[c] = (struct message){
		.number = ++w->messages,
		.login = chance_below(&w->chance, LOGINS),
		.sender = chance_below(&w->chance, SENDERS),
		.client = chance_below(&w->chance, CLIENTS),
	};
}

/* A cap that refuses: what the message may have at most in that unit. */
static void caps_check(const struct world *w, const struct message *m)
{
	unsigned external = 0;
	for (unsigned i = 0; i < m->n; i++)
		external += is_external(m->to[i]);
	for (unsigned i = 0; i < w->rules; i++) {
		const struct rule *rule = &w->rule[i];
		bool applies = !rule->is_for_news || m->login == LOGIN_NEWS;
		if (!rule->is_cap || rule->is_observe || !actions[rule->action].refuses || !applies)
			continue;
		if (rule->unit == UNIT_RECIPIENTS)
			ck_assert_uint_le(m->n, rule->n);
		if (rule->unit == UNIT_EXTERNAL_RECIPIENTS)
			ck_assert_uint_le(external, rule->n);
	}
}

static void rcpt_ask(
	struct world *w, unsigned c, unsigned number, unsigned domain, struct verdict *ret)
{
	char recipient[64];
	(void)snprintf(recipient, sizeof(recipient), "r%u@%s", number, domains[domain]);
	ask(w, c, &(struct asking){.stage = STAGE_RCPT, .recipient = recipient}, ret);
}

static void rcpt_log(struct world *w, const struct message *m, unsigned domain)
{
	struct entry entry = entry_of(w, m);
	entry.to[domain] = 1;
	/* By recipient a message counts once for each name: whoever has had it, has had it. */
	entry.messages = m->n == 0;
	log_add(w, &entry);
}

/* One recipient more. */
static void step_rcpt(struct world *w, unsigned c)
{
	struct message *m = &w->message[c];
	if (m->number == 0)
		message_begin(w, c);
	if (m->n == RCPTS_MAX - 8 || m->asked == RCPTS_MAX)
		return;
	unsigned domain = chance_below(&w->chance, DOMAINS);
	bool is_first = m->asked == 0;
	engine_tick(w->engine, now_of(w));
	uint64_t before = state_digest(w);
	struct verdict *verdict = &m->answer[m->asked];
	rcpt_ask(w, c, m->asked, domain, verdict);
	m->at[m->asked++] = domain;
	/* All or none: but the first may have ended another message. */
	if (!passes(verdict) && !is_first)
		ck_assert(state_digest(w) == before);
	if (!passes(verdict))
		return;
	if (w->commit == AT_RCPT)
		rcpt_log(w, m, domain);
	m->to[m->n++] = domain;
	caps_check(w, m);
}

/* Postfix asks about one of them again: the first answer, word for word, at no cost. */
static void step_repeat(struct world *w, unsigned c)
{
	struct message *m = &w->message[c];
	struct verdict verdict;
	if (m->asked == 0)
		return;
	unsigned i = chance_below(&w->chance, m->asked);
	const struct verdict *first = &m->answer[i];
	if (first->action == ACTION_COUNT)
		return;
	engine_tick(w->engine, now_of(w));
	uint64_t before = state_digest(w);
	rcpt_ask(w, c, i, m->at[i], &verdict);
	ck_assert_int_eq((int)verdict.action, (int)first->action);
	ck_assert_uint_eq(verdict.code, first->code);
	ck_assert_str_eq(verdict.rule, first->rule);
	ck_assert_str_eq(verdict.would, first->would);
	ck_assert_str_eq(verdict.text, first->text);
	ck_assert(state_digest(w) == before);
}

/* Postfix refused some of them, or takes a duplicate that it did not ask about. */
static unsigned count_random(struct world *w, struct message *m)
{
	unsigned how = chance_below(&w->chance, 6), n = chance_below(&w->chance, 3) + 1;
	unsigned place = UNKNOWN_OURS;
	for (unsigned i = 0; i < m->n; i++)
		place = is_external(m->to[i]) ? UNKNOWN : place;
	if (how == 0 && m->n > n)
		m->n -= n;
	else if (how == 1 && w->commit != AT_RCPT)
		for (unsigned i = 0; i < n; i++)
			m->to[m->n++] = place;
	return m->n;
}

static void message_log(struct world *w, const struct message *m, uint32_t bytes)
{
	struct entry entry = entry_of(w, m);
	for (unsigned i = 0; i < m->n; i++)
		entry.to[m->to[i]]++;
	entry.messages = 1;
	entry.bytes = bytes;
	log_add(w, &entry);
}

/* DATA, and END-OF-MESSAGE where it is asked; the message is over, sent or not. */
static void step_send(struct world *w, unsigned c)
{
	struct message *m = &w->message[c];
	struct verdict verdict = {.action = ACTION_DUNNO};
	if (m->n == 0)
		return;
	unsigned before = m->n, count = count_random(w, m);
	uint32_t bytes = chance_below(&w->chance, 4000);
	struct asking asking = {
		.stage = STAGE_DATA, .recipient = "", .recipients = count, .bytes = bytes / 2};
	if (w->commit >= AT_DATA)
		ask(w, c, &asking, &verdict);
	asking.stage = STAGE_EOM;
	asking.bytes = bytes;
	if (w->commit == AT_EOM && passes(&verdict))
		ask(w, c, &asking, &verdict);
	if (passes(&verdict) && count > before)
		caps_check(w, m);
	if (passes(&verdict) && w->commit != AT_RCPT)
		message_log(w, m, w->commit == AT_EOM ? bytes : 0);
	m->number = 0;
	m->n = m->asked = 0;
}

/* ---- what happens beside ---- */

static void step_time(struct world *w)
{
	static const int64_t most[] = {
		5 * SECOND_US, MINUTE_US, 10 * MINUTE_US, HOUR_US, 5 * HOUR_US};
	int64_t us = most[chance_below(&w->chance, chance_below(&w->chance, 8) ? 3 : 5)];
	w->at_us += (int64_t)(chance_next(&w->chance) % (uint64_t)us);
	if (chance_below(&w->chance, 2))
		engine_tick(w->engine, now_of(w));
}

/* It comes back at once, or never. */
static void come_back(struct world *w, unsigned c)
{
	struct message *m = &w->message[c];
	if (m->number && chance_below(&w->chance, 2) && m->asked < RCPTS_MAX && m->n)
		step_rcpt(w, c);
	else
		m->number = m->n = m->asked = 0;
}

static void step_lost(struct world *w, unsigned c)
{
	engine_conn_close(w->engine, w->conn[c], now_of(w));
	w->at_us += (int64_t)(chance_next(&w->chance) % (uint64_t)(GRACE_US / 2));
	w->conn[c] = engine_conn_open(w->engine, SPAN("unix:/p"), NULL);
	come_back(w, c);
}

/* Rules stay what they are, but for their order of actions and other rules beside them. */
static void step_reload(struct world *w)
{
	unsigned i = chance_below(&w->chance, w->rules);
	struct rule *rule = &w->rule[i];
	/* One that has been enforced for a while; one that begins to be has not counted yet. */
	if (rule->is_observe)
		rule->n = rule->n > 1 ? rule->n - 1 : 9;
	else if (actions[rule->action].refuses)
		rule->action = chance_below(&w->chance, 3);
	config_unref(w->config);
	w->config = config_make(w);
	engine_configure(w->engine, w->config);
}

static void step_restart(struct world *w)
{
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {
		.boot_id = span_of(w->boots % 2 ? "odd" : "even"), .places = 3, .bytes = 200};
	struct bytes block[400] = {{.n = 0}};
	unsigned n = 0;
	while (engine_save_step(w->engine, &save, &input, now_of(w), &block[n]) == SAVE_MORE)
		ck_assert_uint_lt(++n, 400);
	engine_free(w->engine);
	if (chance_below(&w->chance, 3) == 0) {
		w->boots++;
		w->boot_us = w->at_us - MINUTE_US;
	}
	w->at_us += SECOND_US;
	engine_make(w);
	struct engine_load load = {
		.boot_id = span_of(w->boots % 2 ? "odd" : "even"), .now = now_of(w)};
	for (unsigned i = 0; i <= n; i++) {
		struct span text = span_make(block[i].p, block[i].n);
		ck_assert_int_eq(engine_load_block(w->engine, &load, text), 0);
		bytes_free(&block[i]);
	}
	for (unsigned c = 0; c < CONNS; c++) {
		for (unsigned i = 0; i < w->message[c].asked; i++)
			w->message[c].answer[i].action = ACTION_COUNT;
	}
	for (unsigned c = 0; c < CONNS; c++)
		come_back(w, c);
}

static void step(struct world *w)
{
	unsigned c = chance_below(&w->chance, CONNS), what = chance_below(&w->chance, 100);
	if (what < 52)
		step_rcpt(w, c);
	else if (what < 58)
		step_repeat(w, c);
	else if (what < 78)
		step_send(w, c);
	else if (what < 92)
		step_time(w);
	else if (what < 94)
		w->message[c].number = w->message[c].n = w->message[c].asked = 0;
	else if (what < 96)
		step_lost(w, c);
	else if (what < 98)
		step_reload(w);
	else
		step_restart(w);
}

static void steps(struct world *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		step(w);
}

/* All messages end, the longest window passes: then nothing is left of anybody. */
static void end_check(struct world *w)
{
	struct engine_figures figures;
	for (unsigned c = 0; c < CONNS; c++)
		engine_conn_close(w->engine, w->conn[c], now_of(w));
	w->at_us += 3 * DAY_US;
	for (unsigned i = 0; i < 100; i++) {
		w->at_us += 2 * SECOND_US;
		engine_tick(w->engine, now_of(w));
	}
	engine_figures(w->engine, &figures);
	ck_assert_uint_eq(figures.messages, 0);
	/* Of who sends it is known what is normal, for longer than any window. */
	for (unsigned i = 0; i < ACCOUNT_KINDS; i++)
		ck_assert(kind_rows[i].sends || figures.accounts.count[i] == 0);
}

/* ---- the tests ---- */

#define WORLDS 80
#define STEPS  250

/* Never more than N in any window, whatever happens; all or none; repeats are free; nothing is left. */
START_TEST(never_more_than_n)
{
	struct chance chance = chance_new("never_more_than_n");
	unsigned refused = 0, went = 0, held = 0;
	for (unsigned i = 0; i < WORLDS; i++) {
		uint64_t seed = chance_next(&chance);
		struct world w = world_new(seed, false);
		steps(&w, STEPS);
		end_check(&w);
		refused += w.refused;
		went += w.logged;
		held += w.held;
		world_free(&w);
	}
	/* The worlds were neither empty nor deaf. */
	ck_assert_uint_gt(refused, WORLDS * 3);
	ck_assert_uint_gt(went, WORLDS * 5);
	ck_assert_uint_gt(held, WORLDS / 4);
}
END_TEST

/* The same world without its rules on trial answers the same. */
START_TEST(observe_changes_nothing)
{
	struct chance chance = chance_new("observe_changes_nothing");
	for (unsigned i = 0; i < WORLDS / 2; i++) {
		uint64_t seed = chance_next(&chance);
		struct world with = world_new(seed, false), without = world_new(seed, true);
		for (unsigned k = 0; k < STEPS; k++) {
			step(&with);
			step(&without);
			ck_assert_msg(with.digest == without.digest, "at step %u", k);
		}
		world_free(&with);
		world_free(&without);
	}
}
END_TEST

/* The same questions at the same times get the same answers. */
START_TEST(answers_depend_on_nothing_else)
{
	struct chance chance = chance_new("answers_depend_on_nothing_else");
	for (unsigned i = 0; i < WORLDS / 5; i++) {
		uint64_t seed = chance_next(&chance);
		struct world one = world_new(seed, false), two = world_new(seed, false);
		steps(&one, STEPS);
		steps(&two, STEPS);
		ck_assert(one.digest == two.digest);
		ck_assert_uint_eq(one.logged, two.logged);
		world_free(&one);
		world_free(&two);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"never more than N", never_more_than_n, 0},
		{"observe changes nothing", observe_changes_nothing, 0},
		{"answers depend on nothing else", answers_depend_on_nothing_else, 0},
	};
	return SUITE_RUN("rules", rows);
}
