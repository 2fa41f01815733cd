/* SPDX-License-Identifier: ISC */
/*
 * Counting decisions by rule and by account. How the figures are shown is the program's business.
 */
#include "summary.h"

#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/table.h"

#define ACCOUNTS_MAX 1000000

struct entry {
	struct table_node node;
	struct replay_account counts;            /* without its name, which is the key */
	uint8_t hit[(REPLAY_RULES_MAX + 7) / 8]; /* by which rules, as in the summary */
};

struct tally {
	struct replay_summary *summary;
	struct table *accounts;
};

struct tally *tally_new(struct replay_summary *summary)
{
	struct tally *t = xcalloc(1, sizeof(*t));
	t->summary = summary;
	t->accounts = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct entry),
		.lists = 1,
		.max = {ACCOUNTS_MAX},
	});
	return t;
}

/* REPLAY_RULES_MAX: there are more rules than a configuration can have. */
static size_t rule_of(struct replay_summary *summary, const struct decision *d)
{
	size_t i = 0;
	for (; i < summary->rules; i++) {
		if (summary->rule[i].observed == d->observed &&
			strcmp(summary->rule[i].name, d->rule) == 0)
			return i;
	}
	if (i == REPLAY_RULES_MAX)
		return i;
	span_copy(span_of(d->rule), summary->rule[i].name, sizeof(summary->rule[i].name));
	summary->rule[i].observed = d->observed;
	summary->rules++;
	return i;
}

void tally_decision(struct tally *t, const struct decision *d)
{
	struct span name = span_of(d->account);
	size_t rule = rule_of(t->summary, d);
	struct entry *entry = table_find(t->accounts, name);
	if (!entry)
		entry = table_add(t->accounts, name, 0);
	if (d->observed)
		entry->counts.observed++;
	else if (action_rows[d->action].accepts)
		entry->counts.held++;
	else
		entry->counts.refused++;
	if (rule == REPLAY_RULES_MAX)
		return;
	t->summary->rule[rule].requests++;
	if (!(entry->hit[rule / 8] & (1u << rule % 8))) {
		entry->hit[rule / 8] = (uint8_t)(entry->hit[rule / 8] | 1u << rule % 8);
		t->summary->rule[rule].accounts++;
	}
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
	return strcmp(x->name, y->name);
}

static void worst_insert(struct replay_summary *summary, const struct entry *entry)
{
	struct replay_account account = entry->counts;
	span_copy(subject_shown(table_key(entry)), account.name, sizeof(account.name));
	if (summary->worst_n == REPLAY_WORST) {
		if (compare(&account, &summary->worst[REPLAY_WORST - 1]) >= 0)
			return;
		summary->worst_n--;
	}
	summary->worst[summary->worst_n++] = account;
	qsort(summary->worst, summary->worst_n, sizeof(summary->worst[0]), compare);
}

void tally_finish(struct tally *t)
{
	uint32_t cursor = 0;
	const struct entry *entry;
	while ((entry = table_next(t->accounts, &cursor, NULL))) {
		t->summary->accounts++;
		worst_insert(t->summary, entry);
	}
	table_free(t->accounts);
	free(t);
}
