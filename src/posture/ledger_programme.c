/* SPDX-License-Identifier: ISC */
/* Receivers' programmes: where we are enrolled, and until when. What they are stands in conf/programmes.conf. */
#include <stdlib.h>
#include <string.h>

#include "ledger_internal.h"
#include "policyd/mem.h"

static void programme_free(struct programme_entry *entry)
{
	free(entry->name);
	free(entry->note);
	free(entry->author);
	free(entry);
}

void programmes_free(struct ledger *l)
{
	for (size_t i = 0; i < l->programme_n; i++)
		programme_free(l->programme[i]);
}

static ptrdiff_t programme_index(const struct ledger *l, struct span name)
{
	for (size_t i = 0; i < l->programme_n; i++) {
		if (span_equal(name, span_of(l->programme[i]->name)))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* One that was left tells the least. */
static size_t programme_least(const struct ledger *l)
{
	for (size_t i = l->programme_n; i-- > 0;) {
		if (l->programme[i]->left.us)
			return i;
	}
	return l->programme_n - 1;
}

static struct programme_entry *programme_new(struct ledger *l, struct span name)
{
	struct programme_entry *entry = xcalloc(1, sizeof(*entry));
	*entry = (struct programme_entry){.until = WALL_NEVER,
		.note = xstrdup(""),
		.author = xstrdup(""),
		.name = xstrndup(name.p, name.n)};
	if (l->programme_n < LEDGER_PROGRAMMES_MAX) {
		l->programme[l->programme_n] = entry;
		return l->programme[l->programme_n++];
	}
	size_t least = programme_least(l);
	programme_free(l->programme[least]);
	l->programme[least] = entry;
	return entry;
}

struct programme_entry *programme_made(struct ledger *l, struct span name)
{
	ptrdiff_t at = programme_index(l, name);
	struct programme_entry *entry = at < 0 ? programme_new(l, name) : l->programme[at];
	size_t i = 0;
	while (l->programme[i] != entry)
		i++;
	for (; i > 0; i--)
		l->programme[i] = l->programme[i - 1];
	l->programme[0] = entry;
	return entry;
}

void ledger_programme(struct ledger *l, const struct programme_order *order, wall_t at)
{
	if (!ledger_is_sound(order->name, LEDGER_NAME_MAX))
		return;
	struct programme_entry *entry = programme_made(l, order->name);
	/* Who enrols once more, before it ends, is enrolled since then all the same. */
	if (!order->is_left && (entry->since.us == 0 || entry->left.us))
		entry->since = at;
	entry->left = order->is_left ? at : (wall_t){0};
	if (!order->is_left)
		entry->until = order->until;
	entry->is_soon_told = entry->is_end_told = false;
	ledger_text_set(&entry->note, order->note, EVENT_REASON_MAX);
	ledger_text_set(&entry->author, order->author, EVENT_AUTHOR_MAX);
	l->is_dirty = true;
}

const struct programme_entry *programmes_at(const struct ledger *l, size_t i)
{
	return i < l->programme_n ? l->programme[i] : NULL;
}

const struct programme_entry *programme_find(const struct ledger *l, struct span name)
{
	ptrdiff_t at = programme_index(l, name);
	return at < 0 ? NULL : l->programme[at];
}

/* ---- reminders ---- */

static bool is_open(const struct programme_entry *entry)
{
	return entry->left.us == 0 && entry->until.us != WALL_NEVER.us;
}

static void remind(struct ledger *l, struct programme_entry *entry, wall_t wall)
{
	char stretch[LEDGER_STRETCH_SIZE];
	const struct ledger_news_new new = {.kind = EVENT_PROGRAMME,
		.subject = span_of(entry->name),
		.limit = "",
		.at = wall,
		.is_grave = true};
	bool is_over = entry->until.us <= wall.us;
	if (is_over ? entry->is_end_told : entry->is_soon_told)
		return;
	if (is_over)
		ledger_news_add(l, &new,
			"the enrolment in %s has run out: renew it, then \"policyctl egress "
			"programmes --enrol %s --until DATE --note TEXT\", or --leave",
			entry->name, entry->name);
	else
		ledger_news_add(l, &new,
			"the enrolment in %s runs out in %s: renew it, then \"policyctl egress "
			"programmes --enrol %s --until DATE --note TEXT\"",
			entry->name, ledger_stretch(entry->until.us - wall.us, stretch),
			entry->name);
	entry->is_soon_told = true;
	entry->is_end_told = is_over;
	l->is_dirty = true;
}

void programmes_tick(struct ledger *l, wall_t wall)
{
	for (size_t i = 0; i < l->programme_n; i++) {
		struct programme_entry *entry = l->programme[i];
		if (is_open(entry) && entry->until.us - LEDGER_SOON_US <= wall.us)
			remind(l, entry, wall);
	}
}

wall_t programmes_next(const struct ledger *l)
{
	wall_t next = WALL_NEVER;
	for (size_t i = 0; i < l->programme_n; i++) {
		const struct programme_entry *entry = l->programme[i];
		if (!is_open(entry) || entry->is_end_told)
			continue;
		int64_t us = entry->until.us - (entry->is_soon_told ? 0 : LEDGER_SOON_US);
		next.us = us < next.us ? us : next.us;
	}
	return next;
}
