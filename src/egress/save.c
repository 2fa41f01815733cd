/* SPDX-License-Identifier: ISC */
/* What outlives the process, as bytes (state.h). */
#include "state.h"

/* Beyond this much texts are left out: they can be asked again. */
#define TEXTS_MAX ((size_t)2 << 20)

static void save_ago(struct bytes *out, mono_t t, mono_t now)
{
	bytes_signed(out, now.us - t.us);
}

static void save_codes(struct bytes *out, const struct codes *codes)
{
	bytes_span(out, span_make((const char *)codes->at, codes->n * sizeof(codes->at[0])));
}

static void save_detail(struct bytes *out, const struct detail *detail)
{
	bool has_room = out->n < TEXTS_MAX;
	save_codes(out, &detail->verdict);
	save_codes(out, &detail->seen);
	save_codes(out, &detail->next);
	bytes_number(out, detail->next_looks);
	bytes_span(out, span_of(has_room ? detail->text : NULL));
}

static void save_record(struct bytes *out, const struct record *record, mono_t now)
{
	bool has_recheck = record->recheck.us != MONO_NEVER.us;
	bool misses_text = record->detail && record->detail->text_missed;
	unsigned flags = 0;
	flags |= record->was_listed ? STATE_WAS_LISTED : 0;
	flags |= record->has_counted ? STATE_HAS_COUNTED : 0;
	flags |= record->wants_text || misses_text ? STATE_WANTS_TEXT : 0;
	flags |= has_recheck ? STATE_HAS_RECHECK : 0;
	flags |= record->detail ? STATE_HAS_DETAIL : 0;
	bytes_number(out, flags);
	bytes_number(out, record->verdict);
	bytes_number(out, record->seen);
	bytes_number(out, record->why);
	bytes_number(out, record->sight_kind);
	bytes_number(out, record->result);
	bytes_number(out, record->history);
	bytes_number(out, record->history_n);
	bytes_number(out, record->clean_run);
	bytes_signed(out, record->since.us);
	bytes_signed(out, record->looked.us);
	save_ago(out, record->renewed, now);
	save_ago(out, record->counted_until, now);
	save_ago(out, has_recheck ? record->recheck : now, now);
	if (record->detail)
		save_detail(out, record->detail);
}

static void save_head(struct bytes *out, const struct list *list, mono_t now)
{
	/* A cycle that is under way is begun anew. */
	mono_t due = list->due.us == MONO_NEVER.us ? now : list->due;
	size_t mark = bytes_begin(out, STATE_LIST_HEAD);
	bytes_span(out, span_of(list->def->name));
	bytes_span(out, span_of(list->def->zone));
	bytes_number(out, list->state);
	bytes_number(out, list->voids);
	bytes_signed(out, list->since.us);
	bytes_signed(out, list->tested.us);
	bytes_span(out, span_of(list->why));
	bytes_number(out, list->has_begun);
	save_ago(out, list->has_begun ? list->begun : now, now);
	save_ago(out, due, now);
	bytes_end(out, mark);
}

static void save_list(struct bytes *out, const struct list *list, mono_t now)
{
	size_t outer = bytes_begin(out, STATE_LIST);
	save_head(out, list, now);
	for (size_t i = 0; i < list->record_n; i++) {
		size_t mark = bytes_begin(out, STATE_LIST_RECORD);
		bytes_number(out, list->record[i].subject);
		save_record(out, &list->record[i], now);
		bytes_end(out, mark);
	}
	for (size_t i = 0; i < list->parked_n; i++) {
		size_t mark = bytes_begin(out, STATE_LIST_PARKED);
		bytes_span(out, span_of(list->parked[i].text));
		save_ago(out, list->parked[i].since, now);
		save_record(out, &list->parked[i].record, now);
		bytes_end(out, mark);
	}
	bytes_end(out, outer);
}

static void save_ip(struct bytes *out, const struct ip *ip)
{
	bytes_span(out, span_make((const char *)ip->byte, sizeof(ip->byte)));
}

static void save_addresses(const struct egress *e, struct bytes *out, mono_t now)
{
	for (size_t i = 0; i < e->found_n; i++) {
		const struct egress_address *address = &e->found[i];
		size_t mark = bytes_begin(out, STATE_FOUND);
		save_ip(out, &address->ip);
		bytes_span(out, span_of(address->helo));
		bytes_span(out, span_of(address->transport));
		bytes_span(out, span_of(address->origin));
		bytes_end(out, mark);
	}
	size_t mark = bytes_begin(out, STATE_NOTE);
	bytes_span(out, span_of(e->note));
	bytes_end(out, mark);
	for (size_t i = 0; i < e->own_n; i++) {
		const struct own_address *own = &e->own[i];
		mark = bytes_begin(out, STATE_PTR);
		save_ip(out, &own->address.ip);
		save_ago(out, own->ptr_due, now);
		for (size_t j = 0; j < own->ptr_n; j++)
			bytes_span(out, span_of(own->ptr[j]));
		bytes_end(out, mark);
	}
}

bool egress_is_dirty(const struct egress *e)
{
	return e->is_dirty;
}

void egress_save(struct egress *e, struct bytes *out, struct now now)
{
	size_t all = bytes_begin(out, STATE_ALL);
	size_t mark = bytes_begin(out, STATE_HEADER);
	bytes_number(out, STATE_FORMAT);
	bytes_signed(out, now.wall.us);
	bytes_end(out, mark);
	save_addresses(e, out, now.mono);
	for (size_t i = 0; i < e->subjects->n; i++) {
		mark = bytes_begin(out, STATE_SUBJECT);
		bytes_span(out, span_of(e->subjects->at[i].text));
		bytes_end(out, mark);
	}
	for (size_t i = 0; i < e->list_n; i++) {
		const struct list *list = &e->list[i];
		if (list->state != LIST_UNTESTED || list->record_n > 0 || list->parked_n > 0)
			save_list(out, list, now.mono);
	}
	bytes_end(out, all);
	e->is_dirty = false;
}
