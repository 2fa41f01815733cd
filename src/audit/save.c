/* SPDX-License-Identifier: ISC */
/* What outlives the process, as bytes (state.h). */
#include <stdlib.h>

#include "policyd/mem.h"
#include "state.h"

/* Beyond this much texts are left out: they come again with the next look. */
#define TEXTS_MAX ((size_t)2 << 20)

static void save_ago(struct bytes *out, mono_t t, mono_t now)
{
	bytes_signed(out, now.us - t.us);
}

static void save_ip(struct bytes *out, const struct ip *ip)
{
	bytes_span(out, span_make((const char *)ip->byte, sizeof(ip->byte)));
}

static void save_finding(struct bytes *out, const struct finding *finding, mono_t now)
{
	bool has_room = out->n < TEXTS_MAX;
	size_t mark = bytes_begin(out, STATE_UNIT_FINDING);
	bytes_span(out, span_of(audit_rows[finding->check].name));
	save_ip(out, &finding->ip);
	bytes_number(out, finding->verdict);
	bytes_number(out, finding->seen);
	bytes_number(out, finding->failed);
	bytes_number(out, finding->good);
	bytes_number(out, finding->was_known);
	bytes_number(out, finding->has_failing);
	save_ago(out, finding->failing, now);
	save_ago(out, finding->counted, now);
	save_ago(out, finding->renewed, now);
	bytes_signed(out, finding->since.us);
	bytes_signed(out, finding->looked.us);
	bytes_span(out, span_of(has_room ? finding->evidence : NULL));
	bytes_span(out, span_of(has_room ? finding->fix : NULL));
	bytes_end(out, mark);
}

static bool is_worth_keeping(const struct audit_unit *unit)
{
	for (size_t i = 0; i < unit->finding_n; i++) {
		if (unit->finding[i].was_known || unit->finding[i].has_failing)
			return true;
	}
	/* When it was probed is known. */
	return unit->not_before.us != 0;
}

/* parked: since when it is not there; it is there: now. */
static void save_unit(struct bytes *out, const struct audit_unit *unit, mono_t parked, mono_t now)
{
	if (!is_worth_keeping(unit))
		return;
	size_t outer = bytes_begin(out, STATE_UNIT), mark = bytes_begin(out, STATE_UNIT_HEAD);
	bytes_number(out, unit->kind);
	save_ip(out, &unit->ip);
	bytes_span(out, span_of(unit->name));
	mono_t due = unit->is_running ? now : unit->due;
	save_ago(out, due.us > unit->not_before.us ? due : unit->not_before, now);
	save_ago(out, parked, now);
	bytes_end(out, mark);
	for (size_t i = 0; i < unit->finding_n; i++)
		save_finding(out, &unit->finding[i], now);
	bytes_end(out, outer);
}

static void save_volume(const struct audit *a, struct bytes *out)
{
	struct volume_row *row = xcalloc(VOLUME_MAX, sizeof(*row));
	size_t n = volume_rows(a->volume, row);
	for (size_t i = 0; i < n; i++) {
		size_t mark = bytes_begin(out, STATE_VOLUME);
		bytes_span(out, row[i].domain);
		bytes_number(out, row[i].count);
		bytes_end(out, mark);
	}
	free(row);
}

bool audit_is_dirty(const struct audit *a)
{
	return a->is_dirty;
}

void audit_save(struct audit *a, struct bytes *out, struct now now)
{
	size_t all = bytes_begin(out, STATE_ALL), mark = bytes_begin(out, STATE_HEADER);
	bytes_number(out, STATE_FORMAT);
	bytes_signed(out, now.wall.us);
	save_ago(out, a->decay, now.mono);
	bytes_end(out, mark);
	save_volume(a, out);
	for (size_t i = 0; i < a->selector_n; i++) {
		mark = bytes_begin(out, STATE_SELECTOR);
		bytes_span(out, span_of(a->selector[i].name));
		save_ago(out, a->selector[i].at, now.mono);
		bytes_end(out, mark);
	}
	for (size_t i = 0; i < a->unit_n; i++)
		save_unit(out, a->unit[i], now.mono, now.mono);
	for (size_t i = 0; i < a->parked_n; i++)
		save_unit(out, a->parked[i], a->parked[i]->parked, now.mono);
	bytes_end(out, all);
	a->is_dirty = false;
}
