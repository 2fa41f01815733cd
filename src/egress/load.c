/* SPDX-License-Identifier: ISC */
/*
 * What outlived the process, from bytes (state.h). The file may be damaged or of another version: what
 * cannot be is passed over, record by record.
 */
#include <errno.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "state.h"

/* No time that is saved is further away, before or ahead. */
#define AGO_MAX_US   (3650 * DAY_US)
#define AHEAD_MAX_US (8 * DAY_US)

#define SUBJECTS_MAX (EGRESS_ADDRESSES_MAX + EGRESS_DOMAINS_MAX)

struct loading {
	struct egress *e;
	struct now now;
	int64_t passed_us; /* since it was saved */
	size_t text_n;
	struct span text[SUBJECTS_MAX];  /* subjects of the file, by number */
	ptrdiff_t subject[SUBJECTS_MAX]; /* the same in e->subjects, or -1 */
};

/* ---- times ---- */

static mono_t load_time(struct loading *load, struct reader *in, int64_t ahead_max_us)
{
	int64_t ago_us = reader_signed(in);
	if (ago_us > AGO_MAX_US)
		ago_us = AGO_MAX_US;
	if (ago_us < -ahead_max_us)
		ago_us = -ahead_max_us;
	return mono_after(load->now.mono, -ago_us - load->passed_us);
}

/* A clock that was set back has no future behind it. */
static wall_t load_wall(const struct loading *load, struct reader *in)
{
	int64_t us = reader_signed(in);
	if (us < 0)
		us = 0;
	return (wall_t){.us = us < load->now.wall.us ? us : load->now.wall.us};
}

/* ---- one record ---- */

static void load_codes(struct reader *in, struct codes *ret)
{
	struct span bytes = reader_span(in);
	*ret = (struct codes){0};
	for (size_t i = 0; i + 4 <= bytes.n && i < sizeof(ret->at); i += 4)
		codes_add(ret, (const uint8_t *)bytes.p + i);
}

static void load_detail(struct reader *in, struct record *ret)
{
	struct detail *detail = record_detail(ret);
	load_codes(in, &detail->verdict);
	load_codes(in, &detail->seen);
	load_codes(in, &detail->next);
	uint64_t looks = reader_number(in);
	struct span text = reader_span(in);
	detail->next_looks = looks < HISTORY_MAX ? (uint8_t)looks : 0;
	if (text.n > 0 && text.n < LISTING_TEXT_SIZE)
		detail->text = xstrndup(text.p, text.n);
}

/* A number that must be below most; what is not spoils the record. */
static uint8_t load_small(struct reader *in, unsigned below)
{
	uint64_t number = reader_number(in);
	if (number >= below) {
		in->is_bad = true;
		in->n = 0;
		return 0;
	}
	return (uint8_t)number;
}

/* Listed without codes cannot be; nor what was never seen. */
static bool is_sound(const struct record *record)
{
	if (record->verdict == SEEN_LISTED)
		return record->detail && record->detail->verdict.n > 0;
	return true;
}

/* False: there is none to take, and nothing to free. */
static bool load_record(struct loading *load, struct reader *in, struct record *ret)
{
	*ret = (struct record){0};
	uint64_t flags = reader_number(in);
	ret->verdict = load_small(in, SEEN_LISTED + 1);
	ret->seen = load_small(in, SEEN_LISTED + 1);
	ret->why = load_small(in, UNKNOWN_OLD + 1);
	ret->sight_kind = load_small(in, SIGHT_ELSEWHERE + 1);
	ret->result = load_small(in, DNS_MALFORMED + 1);
	ret->history = (uint16_t)reader_number(in);
	ret->history_n = load_small(in, HISTORY_MAX + 1);
	ret->clean_run = load_small(in, UINT8_MAX + 1);
	ret->since = load_wall(load, in);
	ret->looked = load_wall(load, in);
	ret->renewed = load_time(load, in, 0);
	ret->counted_until = load_time(load, in, AHEAD_MAX_US);
	ret->recheck = load_time(load, in, AHEAD_MAX_US);
	if (!(flags & STATE_HAS_RECHECK))
		ret->recheck = MONO_NEVER;
	else if (is_past(ret->recheck, load->now.mono))
		ret->recheck = load->now.mono;
	ret->was_listed = flags & STATE_WAS_LISTED;
	ret->has_counted = flags & STATE_HAS_COUNTED;
	ret->wants_text = flags & STATE_WANTS_TEXT && ret->verdict == SEEN_LISTED;
	if (flags & STATE_HAS_DETAIL)
		load_detail(in, ret);
	if (!in->is_bad && is_sound(ret))
		return true;
	record_release(ret);
	return false;
}

static void take_record(
	struct list *list, ptrdiff_t subject, struct span text, struct record *record, mono_t since)
{
	struct record *place = subject < 0 ? NULL : record_of(list, (size_t)subject);
	if (!place) {
		list_park(list, text, record, since);
		return;
	}
	record_release(place);
	record->subject = place->subject;
	*place = *record;
}

/* ---- a list ---- */

static void load_by_number(struct loading *load, struct list *list, struct reader *in)
{
	struct record record;
	uint64_t number = reader_number(in);
	if (!in->is_bad && number < load->text_n && load_record(load, in, &record))
		take_record(
			list, load->subject[number], load->text[number], &record, load->now.mono);
}

static void load_parked(struct loading *load, struct list *list, struct reader *in)
{
	struct record record;
	struct span text = reader_span(in);
	mono_t since = load_time(load, in, 0);
	if (in->is_bad || text.n == 0 || text.n > 253 || !load_record(load, in, &record))
		return;
	take_record(list, subjects_find(load->e->subjects, text), text, &record, since);
}

static struct list *load_head(struct loading *load, struct reader *in)
{
	struct span name = reader_span(in), zone = reader_span(in);
	uint8_t state = load_small(in, LIST_STATES), voids = load_small(in, 100);
	wall_t since = load_wall(load, in), tested = load_wall(load, in);
	struct span why = reader_span(in);
	bool has_begun = reader_number(in) != 0;
	mono_t begun = load_time(load, in, 0), due = load_time(load, in, 2 * DAY_US);
	if (in->is_bad)
		return NULL;
	for (size_t i = 0; i < load->e->list_n; i++) {
		struct list *list = &load->e->list[i];
		if (!span_equal(span_of(list->def->name), name) ||
			!span_equal(span_of(list->def->zone), zone))
			continue;
		list->state = state;
		list->voids = voids;
		list->since = since;
		list->tested = tested;
		free(list->why);
		list->why = why.n ? xstrndup(why.p, why.n < LIST_WHY_SIZE ? why.n : 0) : NULL;
		list->has_begun = has_begun;
		list->begun = begun;
		list->due = due;
		return list;
	}
	return NULL;
}

/* What has come due meanwhile begins as spread as at any start. */
static void list_resume(struct egress *e, struct list *list)
{
	list->aging = e->now.mono;
	list->text_n = 0;
	for (size_t i = 0; i < list->record_n; i++)
		list->text_n += list->record[i].wants_text;
	list_recheck_update(list);
	if (is_past(list->due, e->now.mono))
		list->due = mono_after(e->now.mono, egress_chance(e, SPREAD_US));
}

static void load_list(struct loading *load, struct reader *in)
{
	struct list *list = NULL;
	struct reader record;
	unsigned type;
	while (reader_record(in, &type, &record)) {
		if (type == STATE_LIST_HEAD)
			list = load_head(load, &record);
		else if (list && type == STATE_LIST_RECORD)
			load_by_number(load, list, &record);
		else if (list && type == STATE_LIST_PARKED)
			load_parked(load, list, &record);
	}
	if (list)
		list_resume(load->e, list);
}

/* ---- addresses ---- */

static bool load_ip(struct reader *in, struct ip *ret)
{
	struct span bytes = reader_span(in);
	if (bytes.n != sizeof(ret->byte))
		return false;
	memcpy(ret->byte, bytes.p, sizeof(ret->byte));
	return true;
}

static void load_found(struct egress *e, struct reader *in)
{
	struct egress_address address = {0};
	bool is_known = load_ip(in, &address.ip);
	(void)span_copy(reader_span(in), address.helo, sizeof(address.helo));
	(void)span_copy(reader_span(in), address.transport, sizeof(address.transport));
	(void)span_copy(reader_span(in), address.origin, sizeof(address.origin));
	if (is_known && !in->is_bad && e->found_n < EGRESS_ADDRESSES_MAX)
		e->found[e->found_n++] = address;
}

static void load_ptr(struct loading *load, struct reader *in)
{
	struct egress *e = load->e;
	struct ip ip;
	char name[254];
	if (!load_ip(in, &ip))
		return;
	mono_t due = load_time(load, in, 2 * HOUR_US);
	struct own_address *own = own_address_of(e, &ip);
	if (!own || in->is_bad || own->ptr_n > 0)
		return;
	own->ptr_due = due.us > e->now.mono.us ? due : e->now.mono;
	while (in->n > 0 && own->ptr_n < PTR_NAMES_MAX) {
		if (egress_domain(reader_span(in), name))
			own->ptr[own->ptr_n++] = xstrdup(name);
	}
}

/* ---- all ---- */

static bool load_header(struct loading *load, struct reader *in)
{
	uint64_t format = reader_number(in);
	int64_t then_us = reader_signed(in);
	if (in->is_bad || format != STATE_FORMAT || then_us < 0)
		return false;
	load->passed_us = load->now.wall.us - then_us;
	if (load->passed_us < 0)
		load->passed_us = 0;
	if (load->passed_us > AGO_MAX_US)
		load->passed_us = AGO_MAX_US;
	return true;
}

static void load_subject(struct loading *load, struct reader *in)
{
	if (load->text_n < SUBJECTS_MAX)
		load->text[load->text_n++] = reader_span(in);
}

/* What does not need the subjects to be there. The header is the first record. */
static bool load_first(struct loading *load, struct reader in)
{
	struct egress *e = load->e;
	bool wants_found = e->found_n == 0 && config_egress_auto(e->config);
	struct reader record;
	unsigned type;
	if (!reader_record(&in, &type, &record) || type != STATE_HEADER ||
		!load_header(load, &record))
		return false;
	while (reader_record(&in, &type, &record)) {
		if (type == STATE_SUBJECT)
			load_subject(load, &record);
		else if (type == STATE_FOUND && wants_found)
			load_found(e, &record);
		else if (type == STATE_NOTE && wants_found)
			(void)span_copy(reader_span(&record), e->note, sizeof(e->note));
	}
	return true;
}

static void load_each(struct loading *load, struct reader in, unsigned wanted,
	void (*each)(struct loading *load, struct reader *in))
{
	struct reader record;
	unsigned type;
	while (reader_record(&in, &type, &record)) {
		if (type == wanted)
			each(load, &record);
	}
}

int egress_load(struct egress *e, struct span saved, struct now now)
{
	struct loading load = {.e = e, .now = now};
	struct reader in = reader_of(saved), all;
	unsigned type;
	e->now = now;
	if (!reader_record(&in, &type, &all) || type != STATE_ALL || !reader_is_whole(all))
		return -EBADMSG;
	if (!load_first(&load, all))
		return -EBADMSG;
	own_addresses_update(e);
	load_each(&load, all, STATE_PTR, load_ptr);
	subjects_update(e, false);
	for (size_t i = 0; i < load.text_n; i++)
		load.subject[i] = subjects_find(e->subjects, load.text[i]);
	load_each(&load, all, STATE_LIST, load_list);
	return 0;
}
