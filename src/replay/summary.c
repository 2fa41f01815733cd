/* SPDX-License-Identifier: ISC */
/*
 * Counting decisions by rule and by account, with the evidence in words. How the figures are shown is
 * the program's business, and report_html.c's.
 */
#include "summary.h"

#include <inttypes.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/table.h"

#define ACCOUNTS_MAX 1000000
/* Accounts that evidence is kept of: enough for any report, and no more memory than some 100 MB. */
#define EVIDENCE_MAX 50000

struct entry {
	struct table_node node;
	struct volume_count hour, day;
	uint32_t days_hit;
	int64_t hit_day; /* the last one + 1 */
	bool was_false_positive;
	struct replay_account *account; /* NULL: nothing has hit it; its name comes at the end */
	uint64_t recipients;
	uint32_t days;
};

/* A login as it was written: which account that is, is found out once. */
struct alias {
	struct table_node node;
	struct table_ref account;
};

struct tally {
	struct replay_summary *summary;
	const struct config *config;
	struct table *accounts, *aliases;
	struct volume hour, day;
	size_t evidence;
	bool has_rcpt; /* recipients are counted there, else where the message ends */
};

static void account_free(struct replay_account *account)
{
	for (size_t i = 0; i < account->evidence_n; i++)
		free(account->evidence[i].text);
	free(account->name);
}

static void entry_drop(void *ctx, void *at, bool evicted)
{
	(void)ctx, (void)evicted;
	struct entry *entry = at;
	if (!entry->account)
		return;
	account_free(entry->account);
	free(entry->account);
}

struct tally *tally_new(struct replay_summary *summary, const struct config *config)
{
	struct tally *t = xcalloc(1, sizeof(*t));
	t->summary = summary;
	t->config = config;
	t->accounts = table_new(&(struct table_setup){.entry_bytes = sizeof(struct entry),
		.lists = 1,
		.max = {ACCOUNTS_MAX},
		.drop = entry_drop});
	t->aliases = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct alias), .lists = 1, .max = {ACCOUNTS_MAX}});
	return t;
}

static struct entry *entry_of(struct tally *t, struct span key)
{
	struct entry *entry = table_find(t->accounts, key);
	return entry ? entry : table_add(t->accounts, key, 0);
}

/* ---- how much ---- */

/* NULL: nobody's. */
static struct entry *entry_of_request(struct tally *t, const struct request *request)
{
	struct subject subject;
	struct span login = request->sasl_username;
	bool is_login = login.n && login.n <= TABLE_KEY_MAX;
	struct alias *alias = is_login ? table_find(t->aliases, login) : NULL;
	struct entry *entry = alias ? table_get(t->accounts, alias->account) : NULL;
	if (entry)
		return entry;
	if (!subject_of(request, t->config, &subject))
		return NULL;
	entry = entry_of(t, account_name_key(&subject.name));
	if (is_login) {
		alias = alias ? alias : table_add(t->aliases, login, 0);
		alias->account = table_ref_of(entry);
	}
	return entry;
}

/* NULL: too far from the first. */
static struct replay_day *day_of(struct replay_summary *s, wall_t at)
{
	int64_t day = at.us / DAY_US;
	if (s->days == 0)
		s->first_day = day;
	if (day < s->first_day || day - s->first_day >= REPLAY_DAYS_MAX)
		return NULL;
	size_t n = (size_t)(day - s->first_day) + 1;
	if (n > s->days) {
		s->by_day = xrealloc(s->by_day, n, sizeof(*s->by_day));
		memset(s->by_day + s->days, 0, (n - s->days) * sizeof(*s->by_day));
		s->days = n;
	}
	return &s->by_day[n - 1];
}

static uint32_t recipients_of(struct tally *t, const struct request *request)
{
	if (request->stage == STAGE_RCPT) {
		t->has_rcpt = true;
		return 1;
	}
	return request->stage == STAGE_EOM && !t->has_rcpt ? request->recipients : 0;
}

void tally_request(
	struct tally *t, const struct request *request, const struct verdict *verdict, wall_t at)
{
	struct replay_day *day = day_of(t->summary, at);
	struct entry *entry = entry_of_request(t, request);
	uint32_t n = recipients_of(t, request);
	if (day) {
		bool accepts = action_rows[verdict->action].accepts;
		day->recipients += n;
		bool is_held = accepts && action_rows[verdict->action].strength >=
						  action_rows[ACTION_HOLD].strength;
		day->refused += accepts ? 0 : n;
		day->held += is_held ? n : 0;
		day->observed += verdict->would[0] ? n : 0;
	}
	if (!entry || n == 0)
		return;
	entry->recipients += n;
	(void)volume_add(&t->hour, &entry->hour, at.us / HOUR_US, n);
	entry->days += volume_add(&t->day, &entry->day, at.us / DAY_US, n);
}

/* ---- who was hit ---- */

/* REPLAY_RULES_MAX: there are more rules than a configuration can have. */
static size_t rule_of(struct replay_summary *summary, const char *name, bool observed)
{
	size_t i = 0;
	for (; i < summary->rules; i++) {
		if (summary->rule[i].observed == observed &&
			strcmp(summary->rule[i].name, name) == 0)
			return i;
	}
	if (i == REPLAY_RULES_MAX)
		return i;
	span_copy(span_of(name), summary->rule[i].name, sizeof(summary->rule[i].name));
	summary->rule[i].observed = observed;
	summary->rules++;
	return i;
}

static struct replay_account *hit(struct entry *entry, wall_t at)
{
	if (!entry->account)
		entry->account = xcalloc(1, sizeof(*entry->account));
	struct replay_account *account = entry->account;
	if (entry->hit_day != at.us / DAY_US + 1) {
		entry->hit_day = at.us / DAY_US + 1;
		account->days_hit++;
	}
	if (account->first_hit.us == 0)
		account->first_hit = at;
	account->last_hit = at;
	return account;
}

/* Where a new one goes; what weighs least leaves for it, the oldest first. NULL: it weighs least. */
static struct replay_evidence *evidence_place(struct replay_account *account, enum step step)
{
	struct replay_evidence *list = account->evidence;
	size_t least = 0;
	if (account->evidence_n < REPLAY_EVIDENCE)
		return &list[account->evidence_n++];
	for (size_t i = 1; i < REPLAY_EVIDENCE; i++)
		least = list[i].step < list[least].step ? i : least;
	account->evidence_more++;
	if (list[least].step > step)
		return NULL;
	free(list[least].text);
	memmove(&list[least], &list[least + 1], (REPLAY_EVIDENCE - 1 - least) * sizeof(*list));
	return &list[REPLAY_EVIDENCE - 1];
}

/* step: NONE for what is a limit's. */
static void add_evidence(struct tally *t, struct replay_account *account, enum step step, wall_t at,
	const char *text)
{
	if (account->evidence_n == 0 && t->evidence++ >= EVIDENCE_MAX) {
		account->evidence_more++;
		return;
	}
	struct replay_evidence *place = evidence_place(account, step);
	if (place)
		*place = (struct replay_evidence){at, step, xstrdup(text)};
}

/* The first time that a rule hits an account says why. */
static void first_of_rule(struct tally *t, struct replay_account *account, const struct decision *d)
{
	char text[RULE_SIZE + 120];
	int n = d->limit
			? snprintf(text, sizeof(text), "%s: %" PRIu64 " of %" PRIu64 " were used%s",
				  d->rule, d->used, d->limit, d->observed ? " (observe)" : "")
			: snprintf(text, sizeof(text), "%s%s", d->rule,
				  d->observed ? " (observe)" : "");
	if (n > 0)
		add_evidence(t, account, STEP_NONE, d->at, text);
}

void tally_decision(struct tally *t, const struct decision *d)
{
	size_t rule = rule_of(t->summary, d->rule, d->observed);
	struct replay_account *account = hit(entry_of(t, span_of(d->account)), d->at);
	if (d->observed)
		account->observed++;
	else if (action_rows[d->action].accepts)
		account->held++;
	else
		account->refused++;
	if (d->score > account->score)
		account->score = d->score;
	if (rule == REPLAY_RULES_MAX)
		return;
	t->summary->rule[rule].requests++;
	if (account->hit[rule / 8] >> rule % 8 & 1)
		return;
	account->hit[rule / 8] = (uint8_t)(account->hit[rule / 8] | 1u << rule % 8);
	t->summary->rule[rule].accounts++;
	/* The ladder's own rules come with their evidence, as events. */
	if (d->step == STEP_NONE || d->limit)
		first_of_rule(t, account, d);
}

static enum step step_of(struct span word)
{
	for (int i = STEP_NOTE; i < STEP_COUNT; i++) {
		if (span_equal(word, span_of(step_name((enum step)i))))
			return (enum step)i;
	}
	return STEP_NONE;
}

static void came_to(struct tally *t, const struct policy_event *event, enum step step, double score)
{
	char text[LADDER_REASON_MAX + 80];
	bool is_observed = span_ends(event->limit, SPAN("(observe)"));
	struct replay_account *account = hit(entry_of(t, event->account), event->at);
	if (is_observed && step > account->would)
		account->would = step;
	if (!is_observed && step > account->step)
		account->step = step;
	if (score > account->score)
		account->score = score;
	int n = snprintf(text, sizeof(text), "%s%s at %.0f points: %.*s", step_name(step),
		is_observed ? " (observe)" : "", score, (int)event->reason.n,
		event->reason.n ? event->reason.p : "");
	if (n > 0)
		add_evidence(t, account, step, event->at, text);
}

void tally_step(struct tally *t, const struct policy_event *event, double score)
{
	struct span words = event->limit;
	enum step step = STEP_NONE;
	if (event->kind == EVENT_SUSPEND)
		step = STEP_SUSPEND;
	else if (event->kind == EVENT_LADDER)
		step = step_of(span_word(&words));
	/* A way down is no hit. */
	if (step != STEP_NONE)
		came_to(t, event, step, score);
}

void tally_command(struct tally *t, const struct policy_event *event)
{
	if (event->kind == EVENT_RELEASE && span_equal(event->limit, SPAN(VERDICT_FALSE_POSITIVE)))
		entry_of(t, event->account)->was_false_positive = true;
}

/* ---- the end ---- */

static enum replay_hint hint_of(const struct entry *entry)
{
	const struct replay_account *account = entry->account;
	bool is_limits_alone = account->step < STEP_HOLD && account->would < STEP_HOLD;
	if (entry->was_false_positive)
		return HINT_FALSE_POSITIVE;
	if (is_limits_alone && entry->days >= 5 && account->days_hit >= 3 &&
		account->days_hit * 3 >= entry->days)
		return HINT_TIGHT;
	if (is_limits_alone && entry->days >= 20 && account->days_hit <= 2)
		return HINT_LONE;
	return HINT_NONE;
}

const char *replay_hint_text(enum replay_hint hint)
{
	switch (hint) {
	case HINT_NONE:
		break;
	case HINT_TIGHT:
		return "hit on a good part of its days: give it an override, or a class of its own";
	case HINT_LONE:
		return "a day or two of many, and limits alone: perhaps a mailing, not an attack";
	case HINT_FALSE_POSITIVE:
		return "was released as a false positive";
	}
	return "";
}

static uint64_t weight(const struct replay_account *account)
{
	return account->refused + account->held;
}

static int compare(const void *a, const void *b)
{
	const struct replay_account *x = a, *y = b;
	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	if (x->score > y->score || x->score < y->score)
		return x->score < y->score ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void account_finish(struct replay_summary *s, const struct entry *entry)
{
	struct replay_account *account = &s->account[s->accounts++];
	struct span name = subject_shown(table_key(entry));
	*account = *entry->account;
	account->name = xstrndup(name.p, name.n);
	account->recipients = entry->recipients;
	account->days = entry->days;
	account->hint = hint_of(entry);
	s->step[account->step]++;
	s->would[account->would]++;
}

static void entry_finish(struct tally *t, struct entry *entry, struct volume *most)
{
	struct replay_summary *s = t->summary;
	s->seen += entry->recipients > 0;
	bool is_calm = true;
	if (entry->account) {
		is_calm = entry->account->step < STEP_HOLD && entry->account->would < STEP_HOLD;
		account_finish(s, entry);
		/* What hangs there is the summary's now. */
		free(entry->account);
		entry->account = NULL;
	}
	if (entry->recipients == 0)
		return;
	volume_put(&t->hour, entry->hour.n);
	volume_put(&t->day, entry->day.n);
	if (is_calm) {
		volume_put(&most[0], entry->hour.most);
		volume_put(&most[1], entry->day.most);
	}
}

void tally_finish(struct tally *t)
{
	uint32_t cursor = 0;
	struct replay_summary *s = t->summary;
	struct volume *most = xcalloc(2, sizeof(*most));
	struct entry *entry;
	size_t n = table_count(t->accounts, 0);
	s->account = xcalloc(n ? n : 1, sizeof(*s->account));
	while ((entry = table_next(t->accounts, &cursor, NULL)))
		entry_finish(t, entry, most);
	qsort(s->account, s->accounts, sizeof(*s->account), compare);
	volume_tell(&t->hour, &most[0], &s->hour);
	volume_tell(&t->day, &most[1], &s->day);
	free(most);
	table_free(t->accounts);
	table_free(t->aliases);
	free(t);
}

static int compare_bytes(const void *a, const void *b)
{
	const size_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

void summary_learnt(struct replay_summary *s, struct engine *e)
{
	uint32_t cursor = 0;
	size_t n = 0, size = 1024, bytes, sum = 0, *all = xcalloc(size, sizeof(*all));
	while ((bytes = engine_learnt(e, &cursor))) {
		if (n == size)
			all = xrealloc(all, size *= 2, sizeof(*all));
		all[n++] = bytes;
		sum += bytes;
	}
	qsort(all, n, sizeof(*all), compare_bytes);
	s->learnt = (struct replay_learnt){.accounts = n};
	if (n) {
		s->learnt.p50 = all[n / 2];
		s->learnt.mean = sum / n;
		s->learnt.max = all[n - 1];
	}
	free(all);
}

void replay_summary_free(struct replay_summary *summary)
{
	for (size_t i = 0; i < summary->accounts; i++)
		account_free(&summary->account[i]);
	free(summary->account);
	free(summary->by_day);
	summary->account = NULL;
	summary->by_day = NULL;
	summary->accounts = summary->days = 0;
}
