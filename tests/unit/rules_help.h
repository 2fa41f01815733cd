/* SPDX-License-Identifier: ISC */
/*
 * rules_help.h - worlds for property tests of the rules: random configurations, what is asked of them,
 * and a log of what went through that knows nothing of rings.
 */
#ifndef POLICYD_TEST_RULES_HELP_H
#define POLICYD_TEST_RULES_HELP_H

#include "engine_help.h"
#include "policyd/engine.h"
#include "policyd/mem.h"
#include "random.h"

#define RULES_MAX  8
#define CONNS      3
#define RCPTS_MAX  40
#define LOGINS     3
#define SENDERS    4
#define CLIENTS    4
#define DOMAINS    5
#define LOG_MAX    6000
#define LOGIN_NEWS 2 /* of class news */
/* What DATA told of beyond those asked about: to somewhere, or to us as all the others. */
#define UNKNOWN      DOMAINS
#define UNKNOWN_OURS (DOMAINS + 1)
#define PLACES       (DOMAINS + 2)
#define GRACE_US     (10 * SECOND_US)

static const char *const logins[LOGINS] = {
	"alice@example.org", "bob@example.org", "news@example.org"};
/* The first two share a domain, and so do the others. */
static const char *const senders[SENDERS] = {
	"a@one.test", "b@one.test", "a@two.test", "b@two.test"};
/* The first two share a network. */
static const char *const clients[CLIENTS] = {
	"192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1"};
/* The first is ours, the next two are one organisation's. */
static const char *const domains[DOMAINS] = {
	"example.org", "gmail.com", "googlemail.com", "x.test", "y.test"};

static const char *const keys[] = {"account", "sender", "sender_domain", "client_address",
	"client_net", "recipient_domain", "account+recipient_domain", "provider", "egress",
	"server"};
static const char *const units[] = {"messages", "recipients", "external-recipients", "bytes"};
static const struct {
	const char *text;
	int64_t us;
} windows[] = {
	{"1m", MINUTE_US},
	{"7m", 7 * MINUTE_US},
	{"1h", HOUR_US},
	{"2h", 2 * HOUR_US},
	{"3h", 3 * HOUR_US},
	{"1d", DAY_US},
};
static const struct {
	const char *text;
	bool refuses;
} actions[] = {
	{"DEFER_IF_PERMIT", true},
	{"REJECT 5.7.1 no", true},
	{"450 4.7.1 later", true},
	{"HOLD", false},
	{"PREPEND X-Much: yes", false},
};

struct rule {
	unsigned key, unit, window, action;
	uint32_t n;
	bool is_cap, is_observe, is_for_news;
};

struct message {
	unsigned number; /* 0: none */
	unsigned login, sender, client;
	unsigned n;             /* accepted */
	unsigned to[RCPTS_MAX]; /* the domain of each, or UNKNOWN */
	unsigned asked, at[RCPTS_MAX];
	struct verdict answer[RCPTS_MAX]; /* to what was asked since the process began */
};

/* What went through, at once. */
struct entry {
	int64_t at_us;
	unsigned login, sender, client;
	unsigned to[PLACES];
	unsigned messages;
	uint32_t bytes;
};

struct world {
	struct chance chance;
	struct rule rule[RULES_MAX];
	unsigned rules;
	enum { AT_RCPT, AT_DATA, AT_EOM } commit;
	bool is_plain; /* without the observe rules */
	struct config *config;
	struct engine *engine;
	int64_t at_us, boot_us;
	unsigned boots, messages;
	engine_conn conn[CONNS];
	struct message message[CONNS];
	struct entry *log;
	unsigned logged;
	uint64_t digest; /* of all that was answered */
	unsigned refused, held;
};

static inline struct now now_of(const struct world *w)
{
	return (struct now){.mono = {.us = w->at_us - w->boot_us},
		.wall = {.us = w->at_us + INT64_C(1800000000) * SECOND_US}};
}

/* ---- the configuration ---- */

static inline struct rule rule_random(struct chance *chance)
{
	struct rule rule = {
		.key = chance_below(chance, 10),
		.unit = chance_below(chance, 4),
		.window = chance_below(chance, 6),
		.action = chance_below(chance, chance_below(chance, 2) ? 3 : 5),
		.n = 1 + chance_below(chance, 12),
		.is_cap = chance_below(chance, 6) == 0,
		.is_observe = chance_below(chance, 4) == 0,
		.is_for_news = chance_below(chance, 5) == 0,
	};
	if (rule.is_cap && rule.unit == UNIT_MESSAGES)
		rule.unit = UNIT_RECIPIENTS;
	if (rule.is_cap)
		rule.key = KEY_ACCOUNT;
	/* Where a message goes is not told at END-OF-MESSAGE. */
	if (rule.unit == UNIT_BYTES && key_has_recipient((enum key)rule.key))
		rule.key = KEY_ACCOUNT;
	if (rule.unit == UNIT_BYTES) {
		rule.n *= 997;
		rule.action = rule.action == 4 ? 3 : rule.action;
	}
	return rule;
}

/* Counts what the one before it does, so that both have a claim to one ring. */
static inline void rule_beside(struct rule *rule, const struct rule *before)
{
	bool was_bytes = rule->unit == UNIT_BYTES, is_bytes = before->unit == UNIT_BYTES;
	rule->key = before->key;
	rule->unit = before->unit;
	rule->window = before->window;
	rule->is_cap = before->is_cap;
	rule->n = was_bytes ? rule->n / 997 : rule->n;
	rule->n = is_bytes ? rule->n * 997 : rule->n;
	if (is_bytes && rule->action == 4)
		rule->action = 3;
}

static inline struct config *config_make(const struct world *w)
{
	static const char *const stages[] = {"rcpt", "data", "eom"};
	char text[8192], named[400] = "";
	int n = snprintf(text, sizeof(text),
		"commit_at = \"%s\"; reserve_max = \"1d\"; local_domains = [ \"example.org\" ]; "
		"limits = (",
		stages[w->commit]);
	for (unsigned i = 0; i < w->rules; i++) {
		const struct rule *rule = &w->rule[i];
		const char *action = actions[rule->action].text;
		if (rule->is_observe && w->is_plain)
			continue;
		if (w->commit == AT_RCPT && rule->action == 4)
			action = "HOLD";
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			"%s{ name = \"r%u\"; key = \"%s\"; unit = \"%s\"; rate = \"%u/%s\"; "
			"mode = \"%s\"; action = \"%s\"; }",
			text[n - 1] == '(' ? "" : ",", i, keys[rule->key], units[rule->unit],
			rule->n, rule->is_cap ? "message" : windows[rule->window].text,
			rule->is_observe ? "observe" : "enforce", action);
		if (rule->is_for_news)
			(void)snprintf(named + strlen(named), sizeof(named) - strlen(named),
				"%s\"r%u\"", named[0] ? "," : "", i);
	}
	(void)snprintf(text + n, sizeof(text) - (size_t)n,
		"); classes = ( { name = \"news\"; match = ( { login = \"news@example.org\"; } ); "
		"limits = [ %s ]; } );",
		named);
	return config_of(text);
}

static inline void engine_make(struct world *w)
{
	w->engine = engine_new(&(struct engine_setup){
		.config = w->config, .charge = &charge_local, .seed = {1, 2}});
	for (unsigned i = 0; i < CONNS; i++)
		w->conn[i] = engine_conn_open(w->engine, SPAN("unix:/p"), NULL);
}

static inline struct world world_new(uint64_t seed, bool is_plain)
{
	struct world w = {.chance = {.state = seed}, .is_plain = is_plain, .boot_us = -9 * DAY_US};
	w.rules = 2 + chance_below(&w.chance, RULES_MAX - 1);
	for (unsigned i = 0; i < w.rules; i++) {
		w.rule[i] = rule_random(&w.chance);
		if (i && chance_below(&w.chance, 3) == 0)
			rule_beside(&w.rule[i], &w.rule[i - 1]);
	}
	/* One is enforced and refuses, so that something is proved. */
	w.rule[0].is_observe = false;
	w.rule[0].action = 0;
	w.commit = chance_below(&w.chance, 3);
	w.config = config_make(&w);
	w.log = xcalloc(LOG_MAX, sizeof(*w.log));
	engine_make(&w);
	return w;
}

static inline void world_free(struct world *w)
{
	engine_free(w->engine);
	config_unref(w->config);
	free(w->log);
}

static inline void effects_drop(struct world *w)
{
	struct effect effect;
	while (engine_effect(w->engine, &effect))
		;
}

/* ---- the log ---- */

static inline bool is_external(unsigned domain)
{
	return domain != 0 && domain != UNKNOWN_OURS;
}

static inline bool is_by_recipient(const struct rule *rule)
{
	return rule->key == KEY_RECIPIENT_DOMAIN || rule->key == KEY_ACCOUNT_RECIPIENT_DOMAIN ||
	       rule->key == KEY_PROVIDER;
}

/* The name that a rule counts under, as a number; of a recipient in that domain. */
static inline unsigned value_of(const struct rule *rule, const struct entry *entry, unsigned domain)
{
	switch ((enum key)rule->key) {
	case KEY_ACCOUNT:
		return entry->login;
	case KEY_SENDER:
		return entry->sender;
	case KEY_SENDER_DOMAIN:
		return entry->sender / 2;
	case KEY_CLIENT_ADDRESS:
		return entry->client;
	case KEY_CLIENT_NET:
		return entry->client < 2 ? 0 : entry->client;
	case KEY_RECIPIENT_DOMAIN:
		return domain;
	case KEY_ACCOUNT_RECIPIENT_DOMAIN:
		return entry->login * 100 + domain;
	case KEY_PROVIDER:
		return domain == 2 ? 1 : domain;
	case KEY_EGRESS:
	case KEY_SERVER:
	case KEY_COUNT:
		break;
	}
	return 0;
}

/* What an entry counts in the rule's unit under one value. */
static inline uint64_t cost_of(const struct rule *rule, const struct entry *entry, unsigned value)
{
	uint64_t recipients = 0, external = 0;
	/* What went to a place that nobody told is not counted by recipient. */
	unsigned end = is_by_recipient(rule) ? DOMAINS : PLACES;
	for (unsigned d = 0; d < end; d++) {
		if (value_of(rule, entry, d) != value)
			continue;
		recipients += entry->to[d];
		external += is_external(d) ? entry->to[d] : 0;
	}
	switch ((enum unit)rule->unit) {
	case UNIT_MESSAGES:
		return recipients ? entry->messages : 0;
	case UNIT_RECIPIENTS:
		return recipients;
	case UNIT_EXTERNAL_RECIPIENTS:
		return external;
	case UNIT_BYTES:
		return recipients ? entry->bytes : 0;
	case UNIT_REJECTED_RECIPIENTS:
	case UNIT_NEW_RECIPIENTS:
	case UNIT_COUNT:
		break;
	}
	return 0;
}

static inline bool is_proved(const struct rule *rule, unsigned login)
{
	return !rule->is_observe && !rule->is_cap && actions[rule->action].refuses &&
	       (!rule->is_for_news || login == LOGIN_NEWS);
}

/* In the window that ends with the newest entry. */
static inline void check_window(const struct world *w, const struct rule *rule, unsigned value)
{
	const struct entry *newest = &w->log[w->logged - 1];
	uint64_t sum = 0;
	for (unsigned i = w->logged; i > 0; i--) {
		const struct entry *entry = &w->log[i - 1];
		if (newest->at_us - entry->at_us >= windows[rule->window].us)
			break;
		if (is_proved(rule, entry->login))
			sum += cost_of(rule, entry, value);
	}
	ck_assert_msg(sum <= rule->n, "r%u: %s by %s: %u of %u in %s went through",
		(unsigned)(rule - w->rule), units[rule->unit], keys[rule->key], (unsigned)sum,
		rule->n, windows[rule->window].text);
}

static inline void log_check(const struct world *w)
{
	const struct entry *newest = &w->log[w->logged - 1];
	for (unsigned i = 0; i < w->rules; i++) {
		const struct rule *rule = &w->rule[i];
		if (!is_proved(rule, newest->login))
			continue;
		for (unsigned d = 0; d < DOMAINS; d++) {
			if (!is_by_recipient(rule) || newest->to[d])
				check_window(w, rule, value_of(rule, newest, d));
		}
	}
}

static inline struct entry entry_of(const struct world *w, const struct message *m)
{
	return (struct entry){
		.at_us = w->at_us, .login = m->login, .sender = m->sender, .client = m->client};
}

static inline void log_add(struct world *w, const struct entry *entry)
{
	ck_assert_uint_lt(w->logged, LOG_MAX);
	w->log[w->logged++] = *entry;
	log_check(w);
}

#endif
