/* SPDX-License-Identifier: ISC */
/*
 * Looking now, because somebody asked: looks of their own, whatever is due, that keep what they saw. What
 * they see counts for the verdicts like any other answer.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"

#define CHECK_KEEP_US HOUR_US

/* ---- which ---- */

struct choice {
	const struct egress *e;
	const struct blocklist *list; /* NULL: all that are enabled */
	ptrdiff_t subject;            /* -1: all */
	bool only_tests;
};

static bool wants_subject(const void *ctx, size_t subject)
{
	const struct choice *choice = ctx;
	return choice->subject < 0 || (size_t)choice->subject == subject;
}

static bool is_applicable(const struct choice *choice, const struct blocklist *list)
{
	const struct subjects *s = choice->e->subjects;
	for (size_t i = 0; i < s->n; i++) {
		if (wants_subject(choice, i) && list_takes(list, &s->at[i]))
			return true;
	}
	return false;
}

static int choose_list(
	const struct egress *e, struct span name, struct choice *ret, struct errbuf *err)
{
	char hint[SUGGEST_TEXT_SIZE];
	struct suggestion best = {0};
	if (name.n == 0)
		return 0;
	ret->list = config_blocklist_of(e->config, name);
	if (ret->list && ret->list->has_key_missing) {
		err_set(err, "list %s cannot be asked without a key: set its key_file",
			ret->list->name);
		return -ENOENT;
	}
	if (ret->list)
		return 0;
	for (size_t i = 0; i < e->list_n; i++)
		suggest_offer(name, e->list[i].def->name, &best);
	err_set(err, "no list \"%.*s\"%s: \"policyctl egress lists\" shows what there is",
		(int)(name.n < 100 ? name.n : 100), name.p, suggest_text(&best, hint));
	return -ENOENT;
}

static void tell_subjects(const struct subjects *s, struct span text, struct errbuf *err)
{
	char names[300] = "";
	size_t n = 0;
	for (size_t i = 0; i < s->n && n + 2 < sizeof(names) / 2; i++) {
		if (n > 0)
			n += span_copy(SPAN(", "), names + n, sizeof(names) - n);
		n += span_copy(span_of(s->at[i].text), names + n, sizeof(names) - n);
	}
	err_set(err, "\"%.*s\" is no address or domain of ours; there %s %s",
		(int)(text.n < 100 ? text.n : 100), text.p, s->n == 1 ? "is" : "are",
		s->n ? names : "none: set egress.addresses");
}

static int choose_subject(
	const struct egress *e, struct span text, struct choice *ret, struct errbuf *err)
{
	char name[254];
	struct ip ip;
	if (text.n == 0)
		return 0;
	if (ip_parse(text, &ip) == 0)
		(void)ip_format(&ip, name);
	else if (!egress_domain(text, name))
		name[0] = '\0';
	ret->subject = subjects_find(e->subjects, span_of(name));
	if (ret->subject >= 0)
		return 0;
	tell_subjects(e->subjects, text, err);
	return -ENOENT;
}

static int choose(const struct egress *e, const struct egress_check_query *query,
	struct choice *ret, struct errbuf *err)
{
	*ret = (struct choice){.e = e, .subject = -1, .only_tests = query->only_tests};
	int r = choose_list(e, query->list, ret, err);
	if (r == 0)
		r = choose_subject(e, query->subject, ret, err);
	if (r < 0 || ret->only_tests || !ret->list)
		return r;
	if (!ret->list->is_enabled) {
		err_set(err, "list %s is not enabled: name it in blocklists, or test it alone",
			ret->list->name);
		return -ENOENT;
	}
	if (ret->subject >= 0 && !is_applicable(ret, ret->list)) {
		err_set(err, "list %s is not asked about %s", ret->list->name,
			e->subjects->at[ret->subject].text);
		return -ENOENT;
	}
	return 0;
}

/* ---- life ---- */

static bool is_chosen(const struct choice *choice, const struct blocklist *list)
{
	if (choice->list && choice->list != list)
		return false;
	if (choice->only_tests)
		return choice->list || list->is_enabled;
	return list->is_enabled && is_applicable(choice, list);
}

static void check_fill(struct egress *e, struct check *check, const struct choice *choice)
{
	check->look = xcalloc(e->list_n ? e->list_n : 1, sizeof(struct look *));
	for (size_t i = 0; i < e->list_n; i++) {
		const struct blocklist *list = e->list[i].def;
		if (!is_chosen(choice, list))
			continue;
		struct look *look = look_new(e, &(struct look_plan){.purpose = LOOK_CHECK,
							.list = list,
							.wants = wants_subject,
							.ctx = choice,
							.only_tests = choice->only_tests});
		look->check = check;
		check->look[check->look_n++] = look;
	}
}

int egress_check_begin(struct egress *e, const struct egress_check_query *query, mono_t deadline,
	struct now now, egress_check *ret, struct errbuf *err)
{
	struct choice choice;
	struct check *check = NULL;
	e->now = now;
	int r = choose(e, query, &choice, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < EGRESS_CHECKS_MAX && !check; i++)
		check = e->check[i].id ? NULL : &e->check[i];
	if (!check) {
		err_set(err, "%d checks are under way already", EGRESS_CHECKS_MAX);
		return -EAGAIN;
	}
	e->check_serial += e->check_serial == UINT32_MAX ? 2 : 1;
	*check = (struct check){.id = e->check_serial, .deadline = deadline};
	check_fill(e, check, &choice);
	if (check->look_n == 0) {
		check->is_over = true;
		check->deadline = mono_after(now.mono, CHECK_KEEP_US);
	}
	*ret = check->id;
	return 0;
}

const struct check *check_find(const struct egress *e, egress_check id)
{
	for (size_t i = 0; id && i < EGRESS_CHECKS_MAX; i++) {
		if (e->check[i].id == id)
			return &e->check[i];
	}
	return NULL;
}

bool egress_check_state(const struct egress *e, egress_check id, struct egress_check_state *ret)
{
	const struct check *check = check_find(e, id);
	if (!check)
		return false;
	*ret = (struct egress_check_state){.is_over = check->is_over};
	for (size_t i = 0; i < check->look_n; i++) {
		const struct look *look = check->look[i];
		ret->total += look->n;
		ret->done += look->is_over ? look->n : look->done;
	}
	return true;
}

static void check_free(struct egress *e, struct check *check)
{
	for (size_t i = 0; i < check->look_n; i++)
		look_free(e, check->look[i]);
	free(check->look);
	*check = (struct check){0};
}

void egress_check_drop(struct egress *e, egress_check id)
{
	const struct check *check = check_find(e, id);
	if (check)
		check_free(e, &e->check[check - e->check]);
}

void checks_free(struct egress *e)
{
	for (size_t i = 0; i < EGRESS_CHECKS_MAX; i++)
		check_free(e, &e->check[i]);
}

/* ---- time ---- */

void check_look_over(struct egress *e, struct check *check)
{
	check->over_n++;
	if (check->over_n < check->look_n)
		return;
	check->is_over = true;
	check->deadline = mono_after(e->now.mono, CHECK_KEEP_US);
}

static void check_end(struct egress *e, struct check *check)
{
	for (size_t i = 0; i < check->look_n; i++) {
		if (!check->look[i]->is_over)
			look_end(e, check->look[i]);
	}
}

void checks_tick(struct egress *e)
{
	for (size_t i = 0; i < EGRESS_CHECKS_MAX; i++) {
		struct check *check = &e->check[i];
		if (!check->id || !is_past(check->deadline, e->now.mono))
			continue;
		if (check->is_over)
			check_free(e, check);
		else
			check_end(e, check);
	}
}

mono_t checks_due(const struct egress *e)
{
	mono_t due = MONO_NEVER;
	for (size_t i = 0; i < EGRESS_CHECKS_MAX; i++) {
		if (e->check[i].id)
			due = mono_min(due, e->check[i].deadline);
	}
	return due;
}
