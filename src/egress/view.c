/* SPDX-License-Identifier: ISC */
/* What people see. Nothing is changed here. */
#include <stdio.h>

#include "internal.h"

/* ---- listings ---- */

static wall_t wall_when(mono_t due, struct now now)
{
	const wall_t never = {0};
	return due.us == MONO_NEVER.us ? never : wall_of_mono(due, now);
}

static void fill_codes(struct listing *ret, const struct codes *codes)
{
	ret->code_n = codes->n;
	memcpy(ret->code, codes->at, codes->n * sizeof(codes->at[0]));
	ret->worst = codes_worst(ret->list, codes);
	struct meaning meaning = codes_meaning(ret->list, codes);
	ret->kind = meaning.kind;
	ret->severity = meaning.severity;
	if (codes->n > 0 && list_has_scores(ret->list))
		ret->score = codes->at[0][3];
}

static void fill_subject(struct listing *ret, const struct egress_subject *subject)
{
	ret->subject = subject->text;
	ret->subject_why = subject->why;
	ret->is_domain = subject->kind == BLOCKLIST_DOMAIN;
	ret->score = -1;
	ret->why = ret->text = "";
}

static mono_t record_next(const struct list *list, const struct record *record, mono_t now)
{
	mono_t next = mono_min(list->due, list->state == LIST_OK ? record->recheck : MONO_NEVER);
	return list->look ? now : next;
}

static void listing_of(const struct egress *e, const struct list *list, const struct record *record,
	struct now now, struct listing *ret)
{
	const struct detail *detail = record->detail;
	*ret = (struct listing){
		.list = list->def,
		.verdict = record->verdict,
		.seen = record->seen,
		.since = record->since,
		.looked = record->looked,
		.next = wall_when(record_next(list, record, now.mono), now),
		.list_state = list->state,
		.listed_looks = record_listed_looks(e, record),
		.clean_looks = record->clean_run,
	};
	uint32_t listed_of = e->config->egress.listed_of;
	ret->looks = record->history_n < listed_of ? record->history_n : listed_of;
	fill_subject(ret, &e->subjects->at[record->subject]);
	if (!detail)
		return;
	fill_codes(ret, ret->verdict == SEEN_LISTED ? &detail->verdict : &detail->seen);
	if (ret->verdict == SEEN_LISTED && detail->text)
		ret->text = detail->text;
}

void egress_listings(const struct egress *e, struct now now, egress_each_listing *each, void *ctx)
{
	char why[UNKNOWN_TEXT_SIZE];
	struct listing listing;
	for (size_t i = 0; i < e->subjects->n; i++) {
		for (size_t j = 0; j < e->list_n; j++) {
			const struct list *list = &e->list[j];
			const struct record *record = record_of(list, i);
			if (!record)
				continue;
			listing_of(e, list, record, now, &listing);
			if (record->verdict == SEEN_UNKNOWN)
				listing.why = unknown_text(e, list, record, why);
			if (!each(ctx, &listing))
				return;
		}
	}
}

/* ---- checks ---- */

/* The record that the same subject has at present, for what a check does not know; or NULL. */
static const struct record *live_record(
	const struct egress *e, const struct look *look, size_t item)
{
	const struct list *list = list_live(e, look->list);
	const char *text = look->subjects->at[look->item[item].subject].text;
	ptrdiff_t at = list ? subjects_find(e->subjects, span_of(text)) : -1;
	return at < 0 ? NULL : record_of(list, (size_t)at);
}

static enum verdict_state item_seen(const struct look *look, const struct look_item *item)
{
	if (!look->is_over || look->outcome != LIST_OK)
		return SEEN_UNKNOWN;
	if (item->kind == SIGHT_LISTED)
		return SEEN_LISTED;
	return item->kind == SIGHT_CLEAN ? SEEN_CLEAN : SEEN_UNKNOWN;
}

#define CHECK_WHY_SIZE (LIST_WHY_SIZE + 60)

static const char *item_why(const struct look *look, size_t item, char buf[CHECK_WHY_SIZE])
{
	char text[SIGHT_TEXT_SIZE], why[LIST_WHY_SIZE];
	struct sight sight;
	int n;
	if (look->is_over && look->outcome != LIST_OK && look->outcome != LIST_UNTESTED) {
		(void)look_outcome(look, look->list->subjects, why);
		n = snprintf(buf, CHECK_WHY_SIZE, "the list is %s: %s",
			list_state_name(look->outcome), why);
	} else if (look->is_over && look->outcome == LIST_UNTESTED) {
		n = snprintf(
			buf, CHECK_WHY_SIZE, "the list's test points were not answered in time");
	} else if (look->is_over && look->item[item].kind == SIGHT_NONE) {
		n = snprintf(buf, CHECK_WHY_SIZE, "no answer in time");
	} else {
		look_sight(&look->item[item], &sight);
		n = snprintf(buf, CHECK_WHY_SIZE, "%.250s", sight_text(look->list, &sight, text));
	}
	if (n < 0)
		buf[0] = '\0';
	return buf;
}

static void check_listing_of(const struct egress *e, const struct look *look, size_t i,
	struct now now, struct listing *ret)
{
	const struct look_item *item = &look->item[i];
	const struct record *record = live_record(e, look, i);
	const struct list *list = list_live(e, look->list);
	if (record)
		listing_of(e, list, record, now, ret);
	else
		*ret = (struct listing){0};
	ret->list = look->list;
	ret->verdict = ret->seen = item_seen(look, item);
	ret->list_state = look->is_over ? look->outcome : LIST_UNTESTED;
	ret->code_n = 0;
	ret->worst = NULL;
	/* How long it has been so is known of a verdict only. */
	if (!record || record->verdict != (uint8_t)ret->seen)
		ret->since = (wall_t){0};
	const char *text = ret->text;
	fill_subject(ret, &look->subjects->at[item->subject]);
	if (ret->seen == SEEN_LISTED && item->codes) {
		fill_codes(ret, item->codes);
		ret->text = text ? text : "";
	}
}

/* False: each has had enough. */
static bool check_subject(const struct egress *e, const struct look *look, size_t subject,
	struct now now, egress_each_listing *each, void *ctx)
{
	char why[CHECK_WHY_SIZE];
	for (size_t i = look->test_n; i < look->n; i++) {
		struct listing listing;
		if (look->item[i].subject != subject)
			continue;
		check_listing_of(e, look, i, now, &listing);
		if (listing.verdict == SEEN_UNKNOWN)
			listing.why = item_why(look, i, why);
		return each(ctx, &listing);
	}
	return true;
}

void egress_check_listings(const struct egress *e, egress_check id, struct now now,
	egress_each_listing *each, void *ctx)
{
	const struct check *check = check_find(e, id);
	if (!check || check->look_n == 0)
		return;
	/* All looks of a check were made at once, of the same subjects. */
	for (size_t i = 0; i < check->look[0]->subjects->n; i++) {
		for (size_t j = 0; j < check->look_n; j++) {
			if (!check_subject(e, check->look[j], i, now, each, ctx))
				return;
		}
	}
}

static bool check_tests(const struct look *look, egress_each_test *each, void *ctx)
{
	char text[SIGHT_TEXT_SIZE];
	for (size_t i = 0; i < look->test_n; i++) {
		struct sight sight;
		look_sight(&look->item[i], &sight);
		bool is_done = sight.kind != SIGHT_NONE;
		struct check_test test = {
			.list = look->list,
			.label = look_test(look, i)->label,
			.must_be_listed = look_test(look, i)->is_listed,
			.is_done = is_done,
			.is_right = is_done && look_item_state(look, i) == LIST_OK &&
				    !(look_test(look, i)->is_listed && sight.kind == SIGHT_CLEAN),
			.answer = is_done ? sight_text(look->list, &sight, text) : "",
			.state = look->is_over ? look->outcome : LIST_UNTESTED,
		};
		if (!each(ctx, &test))
			return false;
	}
	return true;
}

void egress_check_tests(const struct egress *e, egress_check id, egress_each_test *each, void *ctx)
{
	const struct check *check = check_find(e, id);
	for (size_t i = 0; check && i < check->look_n; i++) {
		if (!check_tests(check->look[i], each, ctx))
			return;
	}
}
