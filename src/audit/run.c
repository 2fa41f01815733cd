/* SPDX-License-Identifier: ISC */
/* Looks that are under way: a few, each with one question at a time that is answered once. */
#include "internal.h"

/* A resolver gives up long before; this is for one that forgot. */
#define ANSWER_MAX_US (15 * MINUTE_US)
/* Servers that do not answer take long: they leave room for the rest. */
#define AUTHORITY_RUNS_MAX (AUDIT_IN_FLIGHT_MAX / 2)

static const struct walk_kind *const kinds[UNIT_KINDS] = {
	[UNIT_REVERSE] = &reverse_walk,
	[UNIT_AUTHORITY] = &authority_walk,
	[UNIT_DOMAIN] = &domain_walk,
	[UNIT_SELECTOR] = &selector_walk,
	[UNIT_PROBE] = &probe_walk,
};

static size_t runs_of(const struct audit *a, const struct walk_kind *kind)
{
	size_t n = 0;
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++)
		n += a->run[i].kind == kind;
	return n;
}

/* The next that is to be looked at, whether its time has come or not; NULL: none, or there is no room. */
static struct audit_unit *unit_next(const struct audit *a)
{
	struct audit_unit *next = NULL;
	if (a->run_n == AUDIT_IN_FLIGHT_MAX)
		return NULL;
	bool has_room = runs_of(a, &authority_walk) < AUTHORITY_RUNS_MAX;
	bool has_probe_room = runs_of(a, &probe_walk) < AUDIT_PROBES_MAX;
	for (size_t i = 0; i < a->unit_n; i++) {
		struct audit_unit *unit = a->unit[i];
		if (unit->is_running || (unit->kind == UNIT_AUTHORITY && !has_room) ||
			(unit->kind == UNIT_PROBE && !has_probe_room))
			continue;
		if (!next || unit->due.us < next->due.us)
			next = unit;
	}
	return next;
}

static void run_begin(struct audit *a, struct audit_unit *unit)
{
	struct run *run = a->run;
	while (run->kind)
		run++;
	bool is_hurried = unit->hurry == HURRY_WANTED;
	*run = (struct run){.unit = unit, .kind = kinds[unit->kind]};
	/* With many addresses a domain's names are asked again and again. */
	run->is_fresh = is_hurried && unit->kind != UNIT_DOMAIN;
	run->walk = run->kind->begin(a, unit);
	if (unit->kind == UNIT_PROBE)
		unit->not_before = mono_after(a->now.mono, audit_interval_us(a));
	unit->is_running = true;
	unit->hurry = is_hurried ? HURRY_RUNNING : HURRY_NO;
	a->run_n++;
}

static void run_free(struct audit *a, struct run *run)
{
	run->kind->free(run->walk);
	*run = (struct run){0};
	a->run_n--;
}

static mono_t due_after(struct audit *a, const struct audit_unit *unit)
{
	int64_t us = audit_interval_us(a);
	if (unit->kind == UNIT_PROBE)
		return mono_after(unit->not_before, audit_chance(a, us / 10 + 1));
	for (size_t i = 0; i < unit->finding_n; i++) {
		if (us > AGAIN_US && finding_wants_again(&unit->finding[i]))
			us = AGAIN_US;
	}
	return mono_after(a->now.mono, us - us / 10 + audit_chance(a, us / 5 + 1));
}

static void run_end(struct audit *a, struct run *run)
{
	struct audit_unit *unit = run->unit;
	if (unit) {
		run->kind->report(a, unit, run->walk);
		unit->is_running = false;
		/* Somebody wants to know how it is now, not how it was when this began. */
		bool is_wanted = unit->hurry == HURRY_WANTED;
		unit->hurry = is_wanted ? HURRY_WANTED : HURRY_NO;
		unit->due = is_wanted ? a->now.mono : due_after(a, unit);
		a->is_dirty = true;
	}
	run_free(a, run);
}

/* False: there is nothing to ask any more. */
static bool question_of(struct run *run, struct audit_effect *ret)
{
	*ret = (struct audit_effect){.kind = AUDIT_ASK};
	run->is_probing = false;
	if (!run->unit)
		return false;
	if (run->kind->question(run->walk, &ret->question)) {
		ret->question.is_fresh = ret->question.is_fresh || run->is_fresh;
		return true;
	}
	ret->kind = AUDIT_PROBE;
	ret->probe = run->kind->order ? run->kind->order(run->walk) : NULL;
	run->is_probing = ret->probe != NULL;
	return run->is_probing;
}

static bool put_question(struct audit *a, struct run *run, struct audit_effect *ret)
{
	if (!question_of(run, ret)) {
		run_end(a, run);
		return false;
	}
	run->id = ret->ask = ++a->serial * AUDIT_IN_FLIGHT_MAX + (uint64_t)(run - a->run);
	run->is_asking = true;
	run->until = mono_after(a->now.mono, ANSWER_MAX_US);
	a->asked++;
	return true;
}

bool run_ask(struct audit *a, struct audit_effect *ret)
{
	struct audit_unit *unit;
	do {
		for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
			struct run *run = &a->run[i];
			if (run->kind && !run->is_asking && put_question(a, run, ret))
				return true;
		}
		unit = unit_next(a);
		if (unit && !is_past(unit->due, a->now.mono))
			unit = NULL;
		if (unit)
			run_begin(a, unit);
	} while (unit);
	return false;
}

static void run_answered(struct run *run, const struct dns_answer *answer)
{
	run->is_asking = false;
	if (run->unit)
		run->kind->answered(run->walk, answer);
}

static void run_probed(struct run *run, const struct probe_outcome *outcome)
{
	run->is_asking = false;
	if (run->unit)
		run->kind->probed(run->walk, outcome);
}

/* The run that asked that and still waits, or NULL. */
static struct run *run_of(struct audit *a, audit_ask ask, bool is_probing)
{
	struct run *run = &a->run[ask % AUDIT_IN_FLIGHT_MAX];
	bool is_it = run->kind && run->is_asking && run->id == ask;
	return is_it && run->is_probing == is_probing ? run : NULL;
}

void audit_answered(struct audit *a, audit_ask ask, const struct dns_answer *answer, struct now now)
{
	struct run *run = run_of(a, ask, false);
	const struct dns_answer silence = {.result = DNS_TIMEOUT, .fetched = now.mono};
	if (!run)
		return;
	a->now = now;
	run_answered(run, answer ? answer : &silence);
}

void audit_probed(
	struct audit *a, audit_ask ask, const struct probe_outcome *outcome, struct now now)
{
	struct run *run = run_of(a, ask, true);
	if (!run)
		return;
	a->now = now;
	run_probed(run, outcome);
}

void runs_tick(struct audit *a)
{
	const struct dns_answer silence = {.result = DNS_TIMEOUT, .fetched = a->now.mono};
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		struct run *run = &a->run[i];
		if (!run->kind || !run->is_asking || !is_past(run->until, a->now.mono))
			continue;
		if (run->is_probing)
			run_probed(run, NULL);
		else
			run_answered(run, &silence);
	}
}

mono_t runs_due(const struct audit *a)
{
	const struct audit_unit *unit = unit_next(a);
	mono_t due = unit ? unit->due : MONO_NEVER;
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		const struct run *run = &a->run[i];
		if (run->kind)
			due = mono_min(due, run->is_asking ? run->until : a->now.mono);
	}
	return due;
}

void runs_drop(struct audit *a, const struct audit_unit *unit)
{
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		if (a->run[i].unit == unit)
			a->run[i].unit = NULL;
	}
}

void runs_free(struct audit *a)
{
	for (size_t i = 0; i < AUDIT_IN_FLIGHT_MAX; i++) {
		if (a->run[i].kind)
			run_free(a, &a->run[i]);
	}
}
