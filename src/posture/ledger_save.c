/* SPDX-License-Identifier: ISC */
/*
 * The ledger as bytes, and from them. They may be damaged or of another version: what cannot be is passed
 * over, record by record.
 */
#include <errno.h>
#include <string.h>

#include "ledger_internal.h"

enum ledger_record { RECORD_ENTRY = 1, RECORD_PROGRAMME };
/* 9999-12-31: what people can read. */
#define WALL_MAX_US INT64_C(253402300799000000)
#define TIMES_MAX   1000000

/* ---- out ---- */

static void save_wall(struct bytes *out, wall_t wall)
{
	bytes_signed(out, wall.us);
}

static void save_entry(struct bytes *out, const struct ledger_entry *entry)
{
	size_t mark = bytes_begin(out, RECORD_ENTRY);
	bytes_span(out, span_of(entry->subject));
	bytes_span(out, span_of(entry->list));
	bytes_number(out, entry->verdict);
	save_wall(out, entry->listed);
	save_wall(out, entry->clean);
	bytes_number(out, entry->times);
	bytes_signed(out, entry->back_us);
	bytes_number(out, entry->word);
	save_wall(out, entry->told);
	save_wall(out, entry->due);
	bytes_number(out, entry->is_reminded);
	bytes_span(out, span_of(entry->note));
	bytes_span(out, span_of(entry->author));
	bytes_end(out, mark);
}

static void save_programme(struct bytes *out, const struct programme_entry *entry)
{
	size_t mark = bytes_begin(out, RECORD_PROGRAMME);
	bytes_span(out, span_of(entry->name));
	save_wall(out, entry->since);
	save_wall(out, entry->until);
	save_wall(out, entry->left);
	bytes_number(out, entry->is_soon_told);
	bytes_number(out, entry->is_end_told);
	bytes_span(out, span_of(entry->note));
	bytes_span(out, span_of(entry->author));
	bytes_end(out, mark);
}

/* The oldest first: the order comes back as it was. */
void ledger_save(struct ledger *l, struct bytes *out)
{
	l->is_dirty = false;
	for (size_t i = l->n; i-- > 0;)
		save_entry(out, &l->row[i]->entry);
	for (size_t i = l->programme_n; i-- > 0;)
		save_programme(out, l->programme[i]);
}

/* ---- in ---- */

static wall_t load_wall(struct reader *in)
{
	int64_t us = reader_signed(in);
	if (us == WALL_NEVER.us)
		return WALL_NEVER;
	us = us > 0 ? us : 0;
	return (wall_t){.us = us < WALL_MAX_US ? us : WALL_MAX_US};
}

/* A number below most; what is not spoils the record. */
static unsigned load_small(struct reader *in, unsigned below)
{
	uint64_t number = reader_number(in);
	if (number < below)
		return (unsigned)number;
	*in = (struct reader){.is_bad = true};
	return 0;
}

/* A moment, which is not "for ever". */
static wall_t load_moment(struct reader *in)
{
	wall_t wall = load_wall(in);
	return (wall_t){.us = wall.us == WALL_NEVER.us ? 0 : wall.us};
}

static struct span load_text(struct reader *in)
{
	struct span text = reader_span(in);
	const char *end = text.n ? memchr(text.p, '\0', text.n) : NULL;
	return end ? span_make(text.p, (size_t)(end - text.p)) : text;
}

static void load_entry(struct ledger *l, struct reader *in)
{
	struct span subject = reader_span(in), list = reader_span(in);
	struct ledger_entry read = {.verdict = (enum verdict_state)load_small(in, SEEN_LISTED + 1)};
	read.listed = load_moment(in);
	read.clean = load_moment(in);
	read.times = load_small(in, TIMES_MAX);
	read.back_us = reader_signed(in);
	read.word = (enum delist_word)load_small(in, DELIST_WORDS);
	read.told = load_moment(in);
	read.due = load_moment(in);
	read.is_reminded = load_small(in, 2) == 1;
	struct span note = load_text(in), author = load_text(in);
	if (in->is_bad || !ledger_is_sound(subject, LEDGER_SUBJECT_MAX) ||
		!ledger_is_sound(list, LEDGER_NAME_MAX))
		return;
	if (read.back_us < 0 || read.back_us > LEDGER_BACK_US)
		read.back_us = 0;
	struct ledger_entry *entry = &ledger_row_made(l, subject, list)->entry;
	ledger_text_set(&entry->note, note, EVENT_REASON_MAX);
	ledger_text_set(&entry->author, author, EVENT_AUTHOR_MAX);
	read.subject = entry->subject;
	read.list = entry->list;
	read.note = entry->note;
	read.author = entry->author;
	*entry = read;
}

static void load_programme(struct ledger *l, struct reader *in)
{
	struct span name = reader_span(in);
	struct programme_entry read = {.since = load_moment(in)};
	read.until = load_wall(in);
	read.left = load_moment(in);
	read.is_soon_told = load_small(in, 2) == 1;
	read.is_end_told = load_small(in, 2) == 1;
	struct span note = load_text(in), author = load_text(in);
	if (in->is_bad || !ledger_is_sound(name, LEDGER_NAME_MAX))
		return;
	struct programme_entry *entry = programme_made(l, name);
	ledger_text_set(&entry->note, note, EVENT_REASON_MAX);
	ledger_text_set(&entry->author, author, EVENT_AUTHOR_MAX);
	read.name = entry->name;
	read.note = entry->note;
	read.author = entry->author;
	*entry = read;
}

int ledger_load(struct ledger *l, struct span saved)
{
	struct reader in = reader_of(saved), record;
	unsigned type;
	while (reader_record(&in, &type, &record)) {
		if (type == RECORD_ENTRY)
			load_entry(l, &record);
		else if (type == RECORD_PROGRAMME)
			load_programme(l, &record);
	}
	l->is_dirty = false;
	return in.is_bad ? -EBADMSG : 0;
}
