/* SPDX-License-Identifier: ISC */
/* What a line of a scenario does. The language is told in README. */
#include <errno.h>
#include <stdio.h>

#include "policyd/request.h"
#include "policyd/units.h"
#include "scenario.h"

/* ---- connections and attributes ---- */

static struct scenario_conn *conn_find(struct scenario *s, const char *name)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (strcmp(s->conn[i].name, name) == 0)
			return &s->conn[i];
	}
	return NULL;
}

/* "name=value" into a request; the value stays where it is. */
static int attribute_set(struct scenario *s, const char *word, struct request *request)
{
	const char *equals = strchr(word, '=');
	/* None of Postfix's: what a database would say of the client's address. */
	if (span_starts(span_of(word), SPAN("geo=")))
		return geo_parse(span_of(equals + 1), &request->geo)
			       ? 0
			       : fail(s, "\"%s\": geo=CC/ASN/LATITUDE/LONGITUDE expected", word);
	const struct attribute_row *row =
		equals ? attribute_find(span_make(word, (size_t)(equals - word))) : NULL;
	if (!row)
		return fail(s, "\"%s\" is no ATTRIBUTE=VALUE", word);
	*(struct span *)(void *)((char *)request + row->offset) = span_of(equals + 1);
	return 0;
}

/* What is given in from goes over what is in request. */
static void attributes_over(const struct request *from, struct request *request)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		size_t at = attribute_rows[i].offset;
		const struct span *given =
			(const struct span *)(const void *)((const char *)from + at);
		if (given->p)
			*(struct span *)(void *)((char *)request + at) = *given;
	}
	if (geo_has_country(&from->geo) || from->geo.asn)
		request->geo = from->geo;
}

static int run_conn(struct scenario *s, const struct verb *verb, const struct words *words)
{
	char *const *word = words->word;
	struct scenario_conn *conn = conn_find(s, "");
	struct scenario_conn made = {.id = 0};
	struct ip ip;
	size_t next = 3;
	(void)verb;
	if (!conn || conn_find(s, word[1]) || strlen(word[1]) >= NAME_SIZE)
		return fail(s, "%s is open already, too long a name, or one too many", word[1]);
	bool has_peer = words->n > 3 && strcmp(word[3], "from") == 0;
	if (has_peer && (words->n == 4 || ip_parse(span_of(word[4]), &ip) != 0))
		return fail(s, "from needs an address");
	if (has_peer)
		next = 5;
	for (size_t i = next; i < words->n; i++) {
		int r = attribute_set(s, word[i], &made.attributes);
		if (r != 0)
			return r;
	}
	*conn = made;
	span_copy(span_of(word[1]), conn->name, NAME_SIZE);
	conn->listener = span_of(word[2]);
	conn->has_peer = has_peer;
	if (has_peer)
		conn->peer = ip;
	conn->id = engine_conn_open(s->engine, conn->listener, has_peer ? &ip : NULL);
	return 0;
}

static int run_close(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_conn *conn = conn_find(s, words->word[1]);
	(void)verb;
	if (!conn)
		return fail(s, "%s is not open", words->word[1]);
	engine_conn_close(s->engine, conn->id, scenario_now(s));
	scenario_effects(s);
	*conn = (struct scenario_conn){.id = 0};
	return 0;
}

static int run_use(struct scenario *s, const struct verb *verb, const struct words *words)
{
	(void)verb;
	for (size_t i = 1; i < words->n; i++) {
		int r = attribute_set(s, words->word[i], &s->attributes);
		if (r != 0)
			return r;
	}
	return 0;
}

static int run_login(struct scenario *s, const struct verb *verb, const struct words *words)
{
	(void)verb;
	s->attributes.sasl_username = span_of(words->word[1]);
	return 0;
}

/* ---- requests ---- */

/* A line that asks: what stands in it, and where. */
struct asking {
	const struct verb *verb;
	const struct scenario_conn *conn;
	char *const *word; /* between the connection and "expect" */
	size_t n;
	uint32_t steps;
	struct expect expect;
};

static int asking_of(
	struct scenario *s, const struct verb *verb, const struct words *words, struct asking *ret)
{
	struct errbuf err;
	size_t at = 2;
	*ret = (struct asking){.verb = verb, .word = words->word + 2};
	while (at < words->n && strcmp(words->word[at], "expect") != 0)
		at++;
	if (at == words->n)
		return fail(s, "%s expects nothing: usage: %s %s expect ACTION ...", verb->word,
			verb->word, verb->usage);
	if (at < verb->least + 1)
		return fail(s, "usage: %s %s expect ACTION ...", verb->word, verb->usage);
	ret->n = at - 2;
	ret->conn = conn_find(s, words->word[1]);
	if (!ret->conn)
		return fail(s, "%s is not open", words->word[1]);
	if (words_steps(ret->word, ret->n, &ret->steps, &err) != 0)
		return fail(s, "%s", err.text);
	return expect_parse(s, words->word + at + 1, words->n - at - 1, &ret->expect);
}

/* The words of one step, NUL-terminated one after the other. */
struct line_step {
	char bytes[4096];
	const char *word[WORDS_MAX];
};

static int step_of(
	struct scenario *s, const struct asking *asking, uint32_t number, struct line_step *ret)
{
	size_t at = 0;
	for (size_t i = 0; i < asking->n; i++) {
		char *word = ret->bytes + at;
		if (word_at(asking->word[i], number, word, sizeof(ret->bytes) - at) != 0)
			return fail(s, "too many bytes in one line");
		ret->word[i] = word;
		at += strlen(word) + 1;
	}
	return 0;
}

/* Asks, with what is common to all requests and to those of the connection below what line says. */
static int put(struct scenario *s, const struct asking *asking, const struct request *line,
	struct verdict *ret)
{
	struct request request = s->attributes;
	char what[300];
	uint64_t ticket;
	attributes_over(&asking->conn->attributes, &request);
	attributes_over(line, &request);
	request_derive(&request);
	if (request.protocol_state.n && request.stage == STAGE_UNKNOWN)
		return fail(s, "\"%s\" is no protocol_state", request.protocol_state.p);
	enum engine_result result =
		engine_begin(s->engine, asking->conn->id, &request, scenario_now(s), ret, &ticket);
	scenario_effects(s);
	if (result != ENGINE_DONE)
		return fail(s, "a request waits, and nobody will answer it");
	int n = snprintf(what, sizeof(what), "%s of \"%.*s\", recipient \"%.*s\", %u recipients",
		stage_name(request.stage), (int)request.instance.n, request.instance.p,
		(int)request.recipient.n, request.recipient.p, request.recipients);
	return n < 0 ? -EINVAL : expect_check(s, &asking->expect, ret, what);
}

static int ask_step(struct scenario *s, const struct asking *asking, uint32_t number)
{
	struct request request = {.stage = STAGE_UNKNOWN};
	struct verdict verdict;
	struct line_step step;
	size_t i = 0;
	int r = step_of(s, asking, number, &step);
	request.protocol_state = span_of(asking->verb->stage);
	for (; r == 0 && i < 2 && asking->verb->attribute[i]; i++) {
		const struct attribute_row *row =
			attribute_find(span_of(asking->verb->attribute[i]));
		*(struct span *)(void *)((char *)&request + row->offset) = span_of(step.word[i]);
	}
	for (; r == 0 && i < asking->n; i++)
		r = attribute_set(s, step.word[i], &request);
	return r == 0 ? put(s, asking, &request, &verdict) : r;
}

static int run_ask(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct asking asking;
	int r = asking_of(s, verb, words, &asking);
	for (uint32_t i = 0; r == 0 && i < asking.steps; i++)
		r = ask_step(s, &asking, i);
	return r;
}

/* Words that name no attribute are recipients; the others go into what all requests have in common. */
static bool is_recipient(const char *word)
{
	const char *equals = strchr(word, '=');
	return !equals || (!span_starts(span_of(word), SPAN("geo=")) &&
				  !attribute_find(span_make(word, (size_t)(equals - word))));
}

static int message_data(
	struct scenario *s, const struct asking *asking, struct request *data, unsigned accepted)
{
	struct verdict verdict;
	char count[16];
	if (snprintf(count, sizeof(count), "%u", accepted) < 0)
		return -EINVAL;
	data->protocol_state = SPAN("DATA");
	data->recipient_count = span_of(count);
	return put(s, asking, data, &verdict);
}

/* As a client sends a message: DATA tells of the recipients that were accepted, if there are any. */
static int message_step(struct scenario *s, const struct asking *asking, uint32_t number)
{
	struct verdict verdict = {.action = ACTION_DUNNO};
	struct line_step step;
	unsigned accepted = 0;
	bool is_held = false;
	int r = step_of(s, asking, number, &step);
	struct request common = {.instance = span_of(step.word[0])};
	for (size_t i = 1; r == 0 && i < asking->n; i++)
		r = is_recipient(step.word[i]) ? 0 : attribute_set(s, step.word[i], &common);
	for (size_t i = 1; r == 0 && i < asking->n; i++) {
		struct request rcpt = common;
		if (!is_recipient(step.word[i]))
			continue;
		rcpt.protocol_state = SPAN("RCPT");
		rcpt.recipient = span_of(step.word[i]);
		r = put(s, asking, &rcpt, &verdict);
		accepted += r == 0 && action_rows[verdict.action].accepts;
		is_held = is_held || verdict.action == ACTION_HOLD;
	}
	if (r != 0 || accepted == 0)
		return r;
	s->delivered += is_held ? 0 : accepted;
	return message_data(s, asking, &common, accepted);
}

static int run_message(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct asking asking;
	int r = asking_of(s, verb, words, &asking);
	for (uint32_t i = 0; r == 0 && i < asking.steps; i++)
		r = message_step(s, &asking, i);
	return r;
}

/* ---- time ---- */

/* The daemon ticks once a second; simulate only where a line stands and something is due. */
static void pass_until(struct scenario *s, int64_t at_us)
{
	while (!s->is_lazy && s->at_us / SECOND_US < at_us / SECOND_US) {
		s->at_us = (s->at_us / SECOND_US + 1) * SECOND_US;
		engine_tick(s->engine, scenario_now(s));
		standing_tick(s);
		scenario_effects(s);
	}
	s->at_us = at_us;
	standing_tick(s);
	if (!s->is_lazy || engine_next_due(s->engine).us > scenario_now(s).mono.us)
		return;
	engine_tick(s->engine, scenario_now(s));
	scenario_effects(s);
}

int verb_pass(struct scenario *s, int64_t at_us)
{
	if (at_us < s->at_us || at_us > 400 * DAY_US)
		return fail(s, "time goes forward only, and ends after 400 days");
	pass_until(s, at_us);
	return 0;
}

static int run_time(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct errbuf err;
	int64_t us;
	if (duration_parse(span_of(words->word[1]), &us, &err) != 0)
		return fail(s, "%s", err.text);
	if (strcmp(verb->word, "advance") == 0)
		us += s->at_us;
	return verb_pass(s, us);
}

/* The wall clock alone is set, as by somebody who set it wrong before. */
static int run_wall(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct errbuf err;
	int64_t us;
	bool is_back = strcmp(words->word[1], "back") == 0;
	if (duration_parse(span_of(words->word[2]), &us, &err) != 0)
		return fail(s, "%s", err.text);
	if (us > DAY_US || (!is_back && strcmp(words->word[1], "forward") != 0))
		return fail(s, "usage: %s %s, by at most a day", verb->word, verb->usage);
	s->wall_step_us += is_back ? -us : us;
	return 0;
}

/* ---- looking ---- */

static int number_check(struct scenario *s, const struct words *words, uint64_t came)
{
	uint64_t expected;
	const char *last = words->word[words->n - 1];
	s->checks++;
	if (span_to_u64(span_of(last), &expected) != 0)
		return fail(s, "\"%s\" is no number", last);
	if (expected == came)
		return 0;
	return fail(
		s, "%s: expected %s; came %llu", words->word[0], last, (unsigned long long)came);
}

int verb_within(struct scenario *s, const char *what, double came, const char *range)
{
	const char *dots = strstr(range, "..");
	struct span low = dots ? span_make(range, (size_t)(dots - range)) : span_of(range);
	struct span high = dots ? span_of(dots + 2) : low;
	uint64_t from = 0, to = UINT32_MAX;
	s->checks++;
	if ((low.n && span_to_u64(low, &from) != 0) || (high.n && span_to_u64(high, &to) != 0) ||
		(low.n == 0 && high.n == 0) || from > to)
		return fail(s, "\"%s\": a number, or A..B, A.. or ..B expected", range);
	if (came >= (double)from && came <= (double)to)
		return 0;
	return fail(s, "%s: expected %s; came %.1f", what, range, came);
}

static int run_delivered(struct scenario *s, const struct verb *verb, const struct words *words)
{
	unsigned came = s->delivered;
	s->delivered = 0;
	return verb_within(s, verb->word, came, words->word[1]);
}

static int view_of(struct scenario *s, const char *account, struct engine_account_view *ret)
{
	struct errbuf err;
	if (engine_account(s->engine, span_of(account), scenario_now(s), ret, &err) != 0)
		return fail(s, "%s", err.text);
	return 0;
}

static int run_used(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct engine_account_view view;
	int r = view_of(s, words->word[1], &view);
	if (r != 0)
		return r;
	for (size_t i = 0; i < view.limits; i++) {
		const struct engine_limit_view *limit = &view.limit[i];
		if (strcmp(limit->config->name, words->word[2]) == 0)
			return number_check(s, words,
				strcmp(verb->word, "used") == 0 ? limit->used : limit->reserved);
	}
	return fail(s, "no rule is called %s", words->word[2]);
}

static int run_next(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct engine_account_view view;
	struct expect expect;
	int r = view_of(s, words->word[1], &view);
	(void)verb;
	if (r == 0 && strcmp(words->word[2], "expect") != 0)
		r = fail(s, "expect is missing");
	if (r == 0)
		r = expect_parse(s, words->word + 3, words->n - 3, &expect);
	return r == 0 ? expect_check(s, &expect, &view.next, "the next request") : r;
}

static int run_accounts(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct engine_figures figures;
	uint64_t n = 0;
	(void)verb;
	engine_figures(s->engine, &figures);
	for (int i = 0; i < ACCOUNT_KINDS; i++)
		n += figures.accounts.count[i];
	return number_check(s, words, n);
}

static int run_decisions(struct scenario *s, const struct verb *verb, const struct words *words)
{
	unsigned came = s->decisions;
	(void)verb;
	s->decisions = 0;
	return number_check(s, words, came);
}

static int run_note(struct scenario *s, const struct verb *verb, const struct words *words)
{
	(void)verb;
	s->checks++;
	if (s->notes == 0)
		return fail(s, "expected a note with \"%s\"; none came", words->word[1]);
	if (!strstr(s->note[0], words->word[1]))
		return fail(
			s, "expected a note with \"%s\"; came \"%s\"", words->word[1], s->note[0]);
	memmove(s->note[0], s->note[1], sizeof(s->note[0]) * (NOTES_MAX - 1));
	s->notes--;
	return 0;
}

/* ---- the table ---- */

#define ANY (WORDS_MAX - 1)
#define IM  "CONN INSTANCE"
#define AV  " [ATTRIBUTE=VALUE]..."
#define EX  " expect ACTION ..."

/* clang-format off */
static const struct verb verbs[] = {
	{"conn",      "NAME LISTENER [from ADDRESS]" AV,  2, ANY, run_conn, NULL, {NULL}},
	{"close",     "CONN",                             1, 1,   run_close, NULL, {NULL}},
	{"use",       "ATTRIBUTE=VALUE...",               1, ANY, run_use, NULL, {NULL}},
	{"login",     "NAME",                             1, 1,   run_login, NULL, {NULL}},
	{"ask",       "CONN STATE" AV,                    2, ANY, run_ask, NULL, {"protocol_state"}},
	{"mail",      "CONN" AV,                          1, ANY, run_ask, "MAIL", {NULL}},
	{"rcpt",      IM " RECIPIENT" AV,                 3, ANY, run_ask, "RCPT", {"instance", "recipient"}},
	{"data",      IM " COUNT" AV,                     3, ANY, run_ask, "DATA", {"instance", "recipient_count"}},
	{"eom",       IM " COUNT" AV,                     3, ANY, run_ask, "END-OF-MESSAGE", {"instance", "recipient_count"}},
	{"message",   IM " RECIPIENT..." AV,              3, ANY, run_message, NULL, {NULL}},
	{"at",        "TIME",                             1, 1,   run_time, NULL, {NULL}},
	{"advance",   "TIME",                             1, 1,   run_time, NULL, {NULL}},
	{"wall",      "back|forward TIME",                2, 2,   run_wall, NULL, {NULL}},
	{"suspend",   "ACCOUNT [for TIME]",               1, 3,   desk_event, NULL, {NULL}},
	{"release",   "ACCOUNT [VERDICT]",                1, 2,   desk_release, NULL, {NULL}},
	{"signal",    "ACCOUNT NAME [N]",                 2, 3,   signal_add, NULL, {NULL}},
	{"reset",     "ACCOUNT",                          1, 1,   desk_event, NULL, {NULL}},
	{"override",  "ACCOUNT LIMIT RATE [for TIME]",    3, 5,   desk_override, NULL, {NULL}},
	{"unset",     "ACCOUNT LIMIT",                    2, 2,   desk_override, NULL, {NULL}},
	{"reread",    "",                                 0, 0,   files_reread, NULL, {NULL}},
	{"egress",    "ADDRESS [TRANSPORT]",              1, 2,   standing_egress, NULL, {NULL}},
	{"finding",   "ADDRESS ID SEVERITY|unknown|gone [WHY]", 3, 4, standing_finding, NULL, {NULL}},
	{"receiver",  "ADDRESS PROVIDER POINTS",          3, 3,   standing_receiver, NULL, {NULL}},
	{"bounced",   "ADDRESS DOMAIN N",                 3, 3,   standing_bounced, NULL, {NULL}},
	{"posture",   "ADDRESS POSTURE [SHARE] [with PROVIDER]", 2, 5, standing_posture, NULL, {NULL}},
	{"snapshot",  "",                                 0, 0,   state_snapshot, NULL, {NULL}},
	{"restart",   "[after TIME] [reboot]",            0, 3,   state_restart, NULL, {NULL}},
	{"crash",     "[after TIME] [reboot]",            0, 3,   state_crash, NULL, {NULL}},
	{"lost",      "",                                 0, 0,   state_lost, NULL, {NULL}},
	{"class",     "ACCOUNT NAME",                     2, 2,   desk_class, NULL, {NULL}},
	{"used",      "ACCOUNT RULE N",                   3, 3,   run_used, NULL, {NULL}},
	{"reserved",  "ACCOUNT RULE N",                   3, 3,   run_used, NULL, {NULL}},
	{"next",      "ACCOUNT" EX,                       3, ANY, run_next, NULL, {NULL}},
	{"step",      "ACCOUNT STEP",                     2, 2,   signal_step, NULL, {NULL}},
	{"told",      "ACCOUNT STEP|suspended|nothing",   1, 2,   signal_event, NULL, {NULL}},
	{"accounts",  "N",                                1, 1,   run_accounts, NULL, {NULL}},
	{"decisions", "N",                                1, 1,   run_decisions, NULL, {NULL}},
	{"evidence",  "ACCOUNT SIGNAL RANGE [TEXT]",      3, 4,   signal_evidence, NULL, {NULL}},
	{"score",     "ACCOUNT RANGE",                    2, 2,   signal_score, NULL, {NULL}},
	{"show",      "ACCOUNT",                          1, 1,   signal_show, NULL, {NULL}},
	{"delivered", "RANGE",                            1, 1,   run_delivered, NULL, {NULL}},
	{"note",      "TEXT",                             1, 1,   run_note, NULL, {NULL}},
};
/* clang-format on */

int verb_run(struct scenario *s, const struct words *words)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const struct verb *verb = &verbs[i];
		if (strcmp(verb->word, words->word[0]) != 0)
			continue;
		if (!s->engine)
			return fail(s, "a scenario begins with config ... end");
		if (words->n - 1 < verb->least || words->n - 1 > verb->most)
			return fail(s, "usage: %s %s", verb->word, verb->usage);
		return verb->run(s, verb, words);
	}
	return fail(s, "no verb is called %s", words->word[0]);
}
