/* SPDX-License-Identifier: ISC */
/* What two configurations make of the same stream, where they differ. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"
#include "policyd/render.h"
#include "simulate_view.h"

/* Accounts that are named, of each kind. */
#define NAMED_MAX 50

struct difference {
	const struct replay_account *a, *b; /* NULL: not hit by that one */
};

struct differences {
	size_t only_a, only_b, both, n;
	struct difference *row; /* those that are hit by one alone */
};

static int by_name(const void *x, const void *y)
{
	const struct replay_account *const *a = x, *const *b = y;
	return strcmp((*a)->name, (*b)->name);
}

/* Those that were refused, held or stopped, sorted by name; for free(). */
static const struct replay_account **acted_on(const struct replay_summary *s, size_t *ret_n)
{
	const struct replay_account **list =
		xcalloc(s->accounts + 1, sizeof(struct replay_account *));
	size_t n = 0;
	for (size_t i = 0; i < s->accounts; i++) {
		const struct replay_account *account = &s->account[i];
		if (account->refused || account->held || account->step >= STEP_SLOW)
			list[n++] = account;
	}
	if (n)
		qsort(list, n, sizeof(struct replay_account *), by_name);
	*ret_n = n;
	return list;
}

static struct differences differences_of(const struct view_compare *compare)
{
	size_t a_n, b_n, i = 0, j = 0;
	const struct replay_account **a = acted_on(compare->a, &a_n);
	const struct replay_account **b = acted_on(compare->b, &b_n);
	struct differences d = {.row = xcalloc(a_n + b_n + 1, sizeof(*d.row))};
	while (i < a_n || j < b_n) {
		int order = i == a_n ? 1 : j == b_n ? -1 : strcmp(a[i]->name, b[j]->name);
		d.only_a += order < 0;
		d.only_b += order > 0;
		d.both += order == 0;
		if (order)
			d.row[d.n++] = (struct difference){
				order < 0 ? a[i] : NULL, order > 0 ? b[j] : NULL};
		i += order <= 0;
		j += order >= 0;
	}
	free(a);
	free(b);
	return d;
}

/* ---- rules of both ---- */

static const struct replay_rule *rule_find(
	const struct replay_summary *s, const struct replay_rule *like)
{
	for (size_t i = 0; i < s->rules; i++) {
		if (s->rule[i].observed == like->observed &&
			strcmp(s->rule[i].name, like->name) == 0)
			return &s->rule[i];
	}
	return NULL;
}

struct rule_pair {
	const struct replay_rule *is, *a, *b;
};

/* Those of a, then those that only b has. False: there are no more. */
static bool rule_pair(const struct view_compare *compare, size_t *at, struct rule_pair *ret)
{
	static const struct replay_rule none = {.name = ""};
	for (; *at < compare->a->rules + compare->b->rules; (*at)++) {
		bool is_of_a = *at < compare->a->rules;
		const struct replay_rule *is = is_of_a ? &compare->a->rule[*at]
						       : &compare->b->rule[*at - compare->a->rules];
		const struct replay_rule *other = rule_find(is_of_a ? compare->b : compare->a, is);
		if (!is_of_a && other)
			continue;
		other = other ? other : &none;
		*ret = (struct rule_pair){is, is_of_a ? is : other, is_of_a ? other : is};
		(*at)++;
		return true;
	}
	return false;
}

/* ---- text ---- */

static void print_rules(FILE *out, const struct view_compare *compare)
{
	struct rule_pair pair;
	fprintf(out, "\n  %-24s %-8s %12s %12s %10s %10s\n", "rule", "mode", "requests A",
		"requests B", "accounts A", "accounts B");
	for (size_t at = 0; rule_pair(compare, &at, &pair);)
		fprintf(out,
			"  %-24s %-8s %12" PRIu64 " %12" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
			pair.is->name, pair.is->observed ? "observe" : "enforce", pair.a->requests,
			pair.b->requests, pair.a->accounts, pair.b->accounts);
	for (int i = STEP_NOTE; i < STEP_COUNT; i++)
		fprintf(out, "  %-24s %-8s %12s %12s %10" PRIu64 " %10" PRIu64 "\n",
			step_name((enum step)i), "ladder", "", "", compare->a->step[i],
			compare->b->step[i]);
}

static void print_only(FILE *out, const struct differences *d, bool is_b, const char *heading)
{
	size_t named = 0, all = is_b ? d->only_b : d->only_a;
	if (all)
		fprintf(out, "\n%s (%zu)\n", heading, all);
	for (size_t i = 0; i < d->n && named < NAMED_MAX; i++) {
		const struct replay_account *account = is_b ? d->row[i].b : d->row[i].a;
		if (!account)
			continue;
		char *name = render_escape(span_of(account->name), NULL);
		char *why = render_escape(
			span_of(account->evidence_n ? account->evidence[0].text : ""), NULL);
		fprintf(out, "  %-40s %s\n", name, why);
		free(name);
		free(why);
		named++;
	}
	if (all > named)
		fprintf(out, "  and %zu more\n", all - named);
}

void view_compare_text(FILE *out, const struct view_compare *compare)
{
	struct differences d = differences_of(compare);
	fprintf(out,
		"\nA is %s\nB is %s\n%zu accounts are acted on by both, %zu by A alone, %zu by B "
		"alone\n",
		compare->a_name, compare->b_name, d.both, d.only_a, d.only_b);
	print_rules(out, compare);
	print_only(out, &d, false, "by A alone");
	print_only(out, &d, true, "by B alone");
	free(d.row);
}

/* ---- JSON ---- */

static json_t *only_json(const struct differences *d, bool is_b)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->n; i++) {
		const struct replay_account *account = is_b ? d->row[i].b : d->row[i].a;
		if (!account)
			continue;
		char *name = render_escape(span_of(account->name), NULL);
		json_array_append_new(list, json_string(name));
		free(name);
	}
	return list;
}

json_t *view_compare_json(const struct view_compare *compare)
{
	struct differences d = differences_of(compare);
	struct rule_pair pair;
	json_t *rules = json_array();
	for (size_t at = 0; rule_pair(compare, &at, &pair);)
		json_array_append_new(
			rules, json_pack("{s:s, s:b, s:I, s:I, s:I, s:I}", "rule", pair.is->name,
				       "observed", (int)pair.is->observed, "requests_a",
				       (json_int_t)pair.a->requests, "requests_b",
				       (json_int_t)pair.b->requests, "accounts_a",
				       (json_int_t)pair.a->accounts, "accounts_b",
				       (json_int_t)pair.b->accounts));
	json_t *json = json_pack("{s:o, s:o, s:o, s:I, s:o, s:o}", "a", view_json(compare->a), "b",
		view_json(compare->b), "rules", rules, "both", (json_int_t)d.both, "only_a",
		only_json(&d, false), "only_b", only_json(&d, true));
	free(d.row);
	return json;
}
