/* SPDX-License-Identifier: ISC */
/*
 * What is known of each subject on a list, as memory: made for the subjects that there are, parked
 * while one is away (an address that is found anew has not lost its history), freed.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* What is parked longer is forgotten; as are those beyond the maximum. */
#define PARKED_MAX     (EGRESS_ADDRESSES_MAX + EGRESS_DOMAINS_MAX)
#define PARKED_KEEP_US (7 * DAY_US)

struct detail *record_detail(struct record *record)
{
	if (!record->detail)
		record->detail = xcalloc(1, sizeof(*record->detail));
	return record->detail;
}

void record_release(struct record *record)
{
	struct detail *detail = record->detail;
	record->detail = NULL;
	if (detail)
		free(detail->text);
	free(detail);
}

struct record *record_of(const struct list *list, size_t subject)
{
	size_t low = 0, high = list->record_n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->record[middle].subject < subject)
			low = middle + 1;
		else
			high = middle;
	}
	return low < list->record_n && list->record[low].subject == subject ? &list->record[low]
									    : NULL;
}

/* ---- parked ---- */

static void parked_remove(struct list *list, size_t i)
{
	free(list->parked[i].text);
	list->parked[i] = list->parked[--list->parked_n];
}

static void parked_expire(struct list *list, mono_t now)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->parked_n; i++) {
		struct parked parked = list->parked[i];
		if (is_past(mono_after(parked.since, PARKED_KEEP_US), now)) {
			record_release(&parked.record);
			free(parked.text);
		} else {
			list->parked[kept++] = parked;
		}
	}
	list->parked_n = kept;
}

static bool is_worth_keeping(const struct record *record)
{
	return record->verdict != SEEN_UNKNOWN || record->history_n > 0 || record->looked.us;
}

void list_park(struct list *list, struct span text, struct record *record, mono_t now)
{
	if (!is_worth_keeping(record) || list->parked_n == PARKED_MAX) {
		record_release(record);
		return;
	}
	/* When it comes back, what it was seen as is no longer what the last look said. */
	record->seen = SEEN_UNKNOWN;
	if (record->detail)
		record->detail->seen.n = 0;
	list->parked = xrealloc(list->parked, list->parked_n + 1, sizeof(*list->parked));
	list->parked[list->parked_n++] =
		(struct parked){.text = xstrndup(text.p, text.n), .since = now, .record = *record};
	record->detail = NULL;
}

static bool unpark(struct list *list, const char *text, struct record *ret)
{
	for (size_t i = 0; i < list->parked_n; i++) {
		if (strcmp(list->parked[i].text, text) != 0)
			continue;
		*ret = list->parked[i].record;
		parked_remove(list, i);
		return true;
	}
	return false;
}

/* ---- the records of a list ---- */

/* Takes what is known of the old subject; its record is left as one that knows nothing. */
static bool take_old(struct list *list, int32_t old, struct record *ret)
{
	struct record *record = old < 0 ? NULL : record_of(list, (size_t)old);
	if (!record)
		return false;
	*ret = *record;
	*record = (struct record){.subject = record->subject};
	return true;
}

bool list_takes(const struct blocklist *list, const struct egress_subject *subject)
{
	if (!list->is_enabled || !(list->subjects & 1u << subject->kind))
		return false;
	for (size_t i = 0; i < list->test_n && subject->kind == BLOCKLIST_DOMAIN; i++) {
		if (strcmp(list->test[i].label, subject->text) == 0)
			return false;
	}
	return true;
}

/* One that is new to a list that is asked already is not kept waiting for the next cycle. */
static size_t records_make(struct egress *e, struct list *list, const struct subjects_moves *moves,
	struct record *made)
{
	const struct subjects *s = e->subjects;
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (!list_takes(list->def, &s->at[i]))
			continue;
		if (!take_old(list, moves->from[i], &made[n])) {
			made[n] = (struct record){0};
			(void)unpark(list, s->at[i].text, &made[n]);
			made[n].recheck = mono_after(e->now.mono, egress_chance(e, SPREAD_US));
		}
		made[n++].subject = (uint16_t)i;
	}
	return n;
}

void list_records_update(struct egress *e, struct list *list, const struct subjects_moves *moves)
{
	struct record *made = xcalloc(e->subjects->n ? e->subjects->n : 1, sizeof(*made));
	parked_expire(list, e->now.mono);
	size_t n = records_make(e, list, moves, made);
	for (size_t i = 0; i < list->record_n; i++) {
		const char *text = moves->old->at[list->record[i].subject].text;
		list_park(list, span_of(text), &list->record[i], e->now.mono);
	}
	free(list->record);
	list->record = xrealloc(made, n ? n : 1, sizeof(*made));
	list->record_n = n;
	list->text_n = 0;
	list->aging = e->now.mono;
	for (size_t i = 0; i < n; i++)
		list->text_n += list->record[i].wants_text;
	list_recheck_update(list);
	if (list_is_asked(list) && list->due.us == MONO_NEVER.us && !list->look)
		cycle_plan(e, list);
}

void list_records_void(struct list *list)
{
	for (size_t i = 0; i < list->record_n; i++) {
		list->record[i].seen = SEEN_UNKNOWN;
		if (list->record[i].detail)
			list->record[i].detail->seen.n = 0;
	}
}

void list_records_free(struct list *list)
{
	for (size_t i = 0; i < list->record_n; i++)
		record_release(&list->record[i]);
	free(list->record);
	for (size_t i = 0; i < list->parked_n; i++) {
		record_release(&list->parked[i].record);
		free(list->parked[i].text);
	}
	free(list->parked);
	list->record = NULL;
	list->parked = NULL;
	list->record_n = list->parked_n = 0;
}
