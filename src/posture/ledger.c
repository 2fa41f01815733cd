/* SPDX-License-Identifier: ISC */
/* Listings of ours that were seen or asked about: what was told of them, and whether they came back. */
#include "policyd/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "ledger_internal.h"
#include "policyd/mem.h"

/* How late a reminder may be when the wall clock was set meanwhile. */
#define LOOK_AGAIN_US HOUR_US

const char *delist_word_name(enum delist_word word)
{
	static const char *const names[DELIST_WORDS] = {
		[DELIST_NONE] = "", [DELIST_REQUESTED] = "requested", [DELIST_REFUSED] = "refused"};
	return word < DELIST_WORDS ? names[word] : "";
}

bool ledger_is_sound(struct span text, size_t max)
{
	return text.n > 0 && text.n <= max && memchr(text.p, '\0', text.n) == NULL;
}

void ledger_text_set(char **text, struct span value, size_t max)
{
	free(*text);
	*text = xstrndup(value.n ? value.p : "", value.n < max ? value.n : max);
}

/* ---- life ---- */

struct ledger *ledger_new(void)
{
	struct ledger *l = xcalloc(1, sizeof(*l));
	l->news_end = &l->news;
	return l;
}

static void row_free(struct ledger_row *row)
{
	free(row->entry.subject);
	free(row->entry.list);
	free(row->entry.note);
	free(row->entry.author);
	free(row);
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		row_free(l->row[i]);
	programmes_free(l);
	ledger_news_free(l);
	free(l);
}

/* ---- rows ---- */

/* FNV-1a: a filter before two texts are compared, no more. */
static uint32_t hash_add(uint32_t hash, struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (unsigned char)text.p[i]) * UINT32_C(16777619);
	return hash;
}

static uint32_t hash_of(struct span subject, struct span list)
{
	return hash_add(hash_add(UINT32_C(2166136261), subject), list);
}

static ptrdiff_t row_index(const struct ledger *l, struct span subject, struct span list)
{
	uint32_t hash = hash_of(subject, list);
	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_row *row = l->row[i];
		if (row->hash == hash && span_equal(subject, span_of(row->entry.subject)) &&
			span_equal(list, span_of(row->entry.list)))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* The oldest that nobody asked about and that is over; else the oldest of all. */
static size_t row_least(const struct ledger *l)
{
	for (size_t i = l->n; i-- > 0;) {
		const struct ledger_entry *entry = &l->row[i]->entry;
		if (entry->word == DELIST_NONE && entry->verdict != SEEN_LISTED)
			return i;
	}
	return l->n - 1;
}

static size_t row_new(struct ledger *l, struct span subject, struct span list)
{
	size_t at = l->n < LEDGER_MAX ? l->n : row_least(l);
	if (at == l->n)
		l->n++;
	else
		row_free(l->row[at]);
	struct ledger_row *row = xcalloc(1, sizeof(*row));
	row->hash = hash_of(subject, list);
	row->entry = (struct ledger_entry){.subject = xstrndup(subject.p, subject.n),
		.list = xstrndup(list.p, list.n),
		.note = xstrdup(""),
		.author = xstrdup("")};
	l->row[at] = row;
	return at;
}

struct ledger_row *ledger_row_made(struct ledger *l, struct span subject, struct span list)
{
	ptrdiff_t found = row_index(l, subject, list);
	size_t at = found < 0 ? row_new(l, subject, list) : (size_t)found;
	struct ledger_row *row = l->row[at];
	for (; at > 0; at--)
		l->row[at] = l->row[at - 1];
	l->row[0] = row;
	return row;
}

const struct ledger_entry *ledger_at(const struct ledger *l, size_t i)
{
	return i < l->n ? &l->row[i]->entry : NULL;
}

const struct ledger_entry *ledger_find(
	const struct ledger *l, struct span subject, struct span list)
{
	ptrdiff_t at = row_index(l, subject, list);
	return at < 0 ? NULL : &l->row[at]->entry;
}

/* ---- what a list says ---- */

static void back_tell(struct ledger *l, const struct ledger_entry *entry, enum delist_word before)
{
	char stretch[LEDGER_STRETCH_SIZE];
	const struct ledger_news_new new = {.kind = EVENT_DELIST,
		.subject = span_of(entry->subject),
		.limit = entry->list,
		.at = entry->listed,
		.is_event = true,
		.is_grave = true};
	ledger_news_add(l, &new,
		"relisted %s after removal%s: the cause is not gone; find it (\"policyctl egress "
		"culprits\") before a removal is asked for again",
		ledger_stretch(entry->back_us, stretch),
		before == DELIST_REQUESTED ? ", which was asked for" : "");
}

static void entry_listed(struct ledger *l, struct ledger_entry *entry, wall_t since)
{
	bool was_clean = entry->verdict == SEEN_CLEAN;
	enum delist_word before = entry->word;
	entry->verdict = SEEN_LISTED;
	entry->listed = since;
	entry->times++;
	if (!was_clean)
		return;
	/* What was told was of the listing before. */
	entry->word = DELIST_NONE;
	entry->due = (wall_t){0};
	entry->is_reminded = false;
	entry->back_us = 0;
	int64_t us = since.us - entry->clean.us;
	if (entry->clean.us == 0 || us > LEDGER_BACK_US)
		return;
	entry->back_us = us > 0 ? us : 1;
	back_tell(l, entry, before);
}

void ledger_listing(struct ledger *l, struct span subject, struct span list,
	enum verdict_state verdict, wall_t since)
{
	ptrdiff_t at = verdict == SEEN_UNKNOWN ? -1 : row_index(l, subject, list);
	bool is_known = at >= 0;
	if (verdict == SEEN_UNKNOWN || (is_known && l->row[at]->entry.verdict == verdict) ||
		(!is_known && verdict == SEEN_CLEAN))
		return;
	if (!ledger_is_sound(subject, LEDGER_SUBJECT_MAX) ||
		!ledger_is_sound(list, LEDGER_NAME_MAX))
		return;
	struct ledger_entry *entry = &ledger_row_made(l, subject, list)->entry;
	l->is_dirty = true;
	if (verdict == SEEN_LISTED) {
		entry_listed(l, entry, since);
		return;
	}
	entry->verdict = SEEN_CLEAN;
	entry->clean = since;
	entry->due = (wall_t){0};
}

/* ---- what people say ---- */

void ledger_delist(struct ledger *l, const struct delist_order *order, wall_t at)
{
	if (!ledger_is_sound(order->subject, LEDGER_SUBJECT_MAX) ||
		!ledger_is_sound(order->list, LEDGER_NAME_MAX))
		return;
	struct ledger_entry *entry = &ledger_row_made(l, order->subject, order->list)->entry;
	entry->word = order->is_refused ? DELIST_REFUSED : DELIST_REQUESTED;
	entry->told = at;
	entry->due = (wall_t){.us = order->is_refused ? 0 : at.us + order->expected_us};
	entry->is_reminded = false;
	ledger_text_set(&entry->note, order->note, EVENT_REASON_MAX);
	ledger_text_set(&entry->author, order->author, EVENT_AUTHOR_MAX);
	l->is_dirty = true;
}

/* ---- time ---- */

static bool is_waited_for(const struct ledger_entry *entry)
{
	return entry->word == DELIST_REQUESTED && entry->verdict != SEEN_CLEAN &&
	       !entry->is_reminded && entry->due.us != 0;
}

static void remind(struct ledger *l, struct ledger_entry *entry, wall_t wall)
{
	char stretch[LEDGER_STRETCH_SIZE];
	const struct ledger_news_new new = {.kind = EVENT_DELIST,
		.subject = span_of(entry->subject),
		.limit = entry->list,
		.at = wall,
		.is_grave = true};
	ledger_news_add(l, &new,
		"%s %s after its removal was asked for: see \"policyctl egress dossier %s\", and "
		"ask once more, or write down what they said with \"policyctl egress delist %s %s "
		"--refused --note TEXT\"",
		entry->verdict == SEEN_LISTED ? "still listed" : "not known to be off the list",
		ledger_stretch(wall.us - entry->told.us, stretch), entry->subject, entry->list,
		entry->subject);
	entry->is_reminded = true;
	l->is_dirty = true;
}

void ledger_tick(struct ledger *l, struct now now)
{
	for (size_t i = 0; i < l->n; i++) {
		struct ledger_entry *entry = &l->row[i]->entry;
		if (is_waited_for(entry) && entry->due.us <= now.wall.us)
			remind(l, entry, now.wall);
	}
	programmes_tick(l, now.wall);
}

mono_t ledger_due(const struct ledger *l, struct now now)
{
	wall_t next = programmes_next(l);
	for (size_t i = 0; i < l->n; i++) {
		const struct ledger_entry *entry = &l->row[i]->entry;
		if (is_waited_for(entry) && entry->due.us < next.us)
			next = entry->due;
	}
	if (next.us == WALL_NEVER.us)
		return MONO_NEVER;
	int64_t us = next.us > now.wall.us ? next.us - now.wall.us : 0;
	return mono_after(now.mono, us < LOOK_AGAIN_US ? us : LOOK_AGAIN_US);
}

bool ledger_is_dirty(const struct ledger *l)
{
	return l->is_dirty;
}
