/* SPDX-License-Identifier: ISC */
/*
 * When which list is asked: each in its own interval, sooner after trouble and after much mail, never
 * below its minimum; none of them together with the others.
 */
#include "internal.h"

/* One that is overdue by more was not asked because the process slept, and so were all others. */
#define LATE_US (30 * SECOND_US)
/* Rechecks that are due this soon go with the ones that are. */
#define RECHECK_NEAR_US (5 * SECOND_US)
/* After one that brought nothing. */
#define RECHECK_AGAIN_US MINUTE_US

/* ---- when ---- */

/* Something that moves, or should: what speaks of our neighbours does not. */
static bool is_troubled(const struct list *list, const struct record *record)
{
	if (record->seen != SEEN_UNKNOWN && record->seen != record->verdict)
		return true;
	if (record->seen != SEEN_LISTED || !record->detail)
		return false;
	enum listing_kind kind = codes_meaning(list->def, &record->detail->seen).kind;
	return kind == LISTING_BEHAVIOUR || kind == LISTING_POLICY;
}

static bool is_list_troubled(const struct list *list)
{
	if (list->state != LIST_OK || list->voids > 0)
		return true;
	for (size_t i = 0; i < list->record_n; i++) {
		if (is_troubled(list, &list->record[i]))
			return true;
	}
	return false;
}

/* From the beginning of one cycle to that of the next. */
static int64_t cycle_us(struct egress *e, const struct list *list)
{
	int64_t least_us = list->def->interval_min_us, us = list->def->interval_us;
	if (is_list_troubled(list))
		us /= 3;
	/* Nothing came back, which may have been one packet. */
	if (list->voids > 0 && list->state == LIST_OK)
		us = least_us;
	us += egress_chance(e, us / 5 + 1) - us / 10;
	least_us += egress_chance(e, least_us / 10 + 1);
	return us > least_us ? us : least_us;
}

void cycle_plan(struct egress *e, struct list *list)
{
	mono_t soonest = mono_after(e->now.mono, egress_chance(e, SPREAD_US));
	mono_t due = soonest;
	if (list->has_begun)
		due = mono_after(list->begun, cycle_us(e, list));
	/* One that took longer than its interval is over now, and others with it. */
	list->due = due.us > e->now.mono.us ? due : soonest;
}

void cycle_hasten(struct egress *e, struct list *list)
{
	mono_t old = list->due;
	if (!list->has_begun || list->look || !is_list_troubled(list))
		return;
	cycle_plan(e, list);
	list->due = mono_min(list->due, old);
}

void list_recheck_update(struct list *list)
{
	list->recheck = MONO_NEVER;
	for (size_t i = 0; i < list->record_n; i++)
		list->recheck = mono_min(list->recheck, list->record[i].recheck);
}

/* To soon after its minimum, unless it is due about then already. */
static void traffic_hastens(struct egress *e, struct list *list)
{
	int64_t least_us = list->def->interval_min_us;
	mono_t least = mono_after(list->begun, least_us);
	mono_t soon = least.us > e->now.mono.us ? least : e->now.mono;
	if (list->due.us > mono_after(soon, least_us / 10).us)
		list->due = mono_after(soon, egress_chance(e, least_us / 10));
}

void egress_traffic(struct egress *e, uint64_t messages, struct now now)
{
	uint64_t after = e->config->egress.check_after;
	e->now = now;
	e->messages += messages;
	if (after == 0 || e->messages < after)
		return;
	e->messages = 0;
	for (size_t i = 0; i < e->list_n; i++) {
		struct list *list = &e->list[i];
		if (!list_is_asked(list) || list->look || !list->has_begun)
			continue;
		traffic_hastens(e, list);
	}
}

/* ---- looks ---- */

static void cycle_start(struct egress *e, struct list *list)
{
	list->begun = e->now.mono;
	list->has_begun = true;
	list->is_late = false;
	list->due = MONO_NEVER;
	list->look = look_new(e, &(struct look_plan){.purpose = LOOK_CYCLE, .list = list->def});
}

struct recheck {
	const struct list *list;
	mono_t until;
};

static bool wants_recheck(const void *ctx, size_t subject)
{
	const struct recheck *recheck = ctx;
	const struct record *record = record_of(recheck->list, subject);
	return record && is_past(record->recheck, recheck->until);
}

static void recheck_start(struct egress *e, struct list *list)
{
	struct recheck recheck = {.list = list, .until = mono_after(e->now.mono, RECHECK_NEAR_US)};
	list->look = look_new(e, &(struct look_plan){.purpose = LOOK_RECHECK,
					 .list = list->def,
					 .wants = wants_recheck,
					 .ctx = &recheck});
}

/* Those that are due still have learnt nothing from the look. */
static void rechecks_put_off(struct egress *e, struct list *list)
{
	for (size_t i = 0; i < list->record_n; i++) {
		struct record *record = &list->record[i];
		if (is_past(record->recheck, e->now.mono))
			record->recheck = mono_after(
				e->now.mono, RECHECK_AGAIN_US + egress_chance(e, SPREAD_US));
	}
	list_recheck_update(list);
}

void cycle_over(struct egress *e, struct list *list)
{
	struct look *look = list->look;
	list->look = NULL;
	if (look->outcome != LIST_OK)
		rechecks_put_off(e, list);
	if (look->purpose == LOOK_CYCLE)
		cycle_plan(e, list);
	else
		cycle_hasten(e, list);
	look_free(e, look);
}

/* ---- time ---- */

/* After a sleep all lists are overdue; they begin as spread as at the start. */
static bool is_put_off(struct egress *e, struct list *list)
{
	if (list->is_late || !is_past(mono_after(list->due, LATE_US), e->now.mono))
		return false;
	list->is_late = true;
	list->due = mono_after(e->now.mono, egress_chance(e, SPREAD_US));
	return true;
}

static bool has_recheck(const struct list *list)
{
	return list->state == LIST_OK && !list->look;
}

void list_tick(struct egress *e, struct list *list)
{
	if (!list_is_asked(list))
		return;
	if (is_past(list->aging, e->now.mono))
		list_age(e, list);
	if (list->look)
		return;
	if (is_past(list->due, e->now.mono)) {
		if (!is_put_off(e, list))
			cycle_start(e, list);
	} else if (has_recheck(list) && is_past(list->recheck, e->now.mono)) {
		recheck_start(e, list);
	}
}

mono_t list_due(const struct list *list)
{
	if (!list_is_asked(list))
		return MONO_NEVER;
	mono_t due = list->aging;
	if (!list->look)
		due = mono_min(due, list->due);
	return has_recheck(list) ? mono_min(due, list->recheck) : due;
}
