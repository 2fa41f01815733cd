/* SPDX-License-Identifier: ISC */
/* What has changed, for the store and the log: events and notes, until they are taken. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static void change_free(struct change *change)
{
	if (!change)
		return;
	free(change->account);
	free(change->limit);
	free(change->text);
	free(change);
}

void changes_free(struct egress *e)
{
	change_free(e->given);
	while (e->changes) {
		struct change *next = e->changes->next;
		change_free(e->changes);
		e->changes = next;
	}
}

/* NULL: nobody takes them. */
static struct change *change_new(struct egress *e, const char *text)
{
	if (e->change_n == CHANGES_MAX) {
		e->dropped++;
		return NULL;
	}
	struct change *change = xcalloc(1, sizeof(*change));
	change->at = e->now.wall;
	change->text = xstrdup(text);
	*e->changes_end = change;
	e->changes_end = &change->next;
	e->change_n++;
	return change;
}

static char *account_of(const char *kind, const char *name)
{
	char text[EVENT_ACCOUNT_MAX + 1];
	int n = snprintf(text, sizeof(text), "%s:%s", kind, name);
	return xstrdup(n > 0 ? text : "");
}

/* ---- listings ---- */

/* "127.0.0.3 Spamhaus CSS (behaviour, severity 5)" */
static void meaning_text(
	const struct blocklist *list, const struct codes *codes, char *buf, size_t size)
{
	char text[CODES_TEXT_SIZE];
	struct meaning meaning = codes_meaning(list, codes);
	int n = snprintf(buf, size, "%s %.150s (%s, severity %u)", codes_text(codes, text),
		meaning.text ? meaning.text : list->title, listing_kind_name(meaning.kind),
		meaning.severity);
	if (n < 0)
		buf[0] = '\0';
}

/* Worth a warning. What speaks of neighbours, a good word or a score is not; a good word lost is. */
static bool is_grave(const struct list *list, const struct verdict_change *change)
{
	if (change->to == SEEN_UNKNOWN)
		return true;
	enum listing_kind kind = codes_meaning(list->def, change->codes).kind;
	if (change->to == SEEN_LISTED)
		return kind == LISTING_BEHAVIOUR || kind == LISTING_POLICY;
	return change->from == SEEN_LISTED && kind == LISTING_WELCOME;
}

void change_listing(struct egress *e, const struct list *list, const struct record *record,
	const struct verdict_change *change)
{
	const struct egress_subject *subject = &e->subjects->at[record->subject];
	char meaning[CODES_TEXT_SIZE + 200] = "", reason[EVENT_REASON_MAX + 1];
	if (change->to == SEEN_LISTED)
		meaning_text(list->def, change->codes, meaning, sizeof(meaning));
	const char *more = change->to == SEEN_UNKNOWN ? change->why : meaning;
	int n = snprintf(reason, sizeof(reason), "%s -> %s%s%s", verdict_state_name(change->from),
		verdict_state_name(change->to), more[0] ? ": " : "", more);
	struct change *made = n > 0 ? change_new(e, reason) : NULL;
	if (!made)
		return;
	made->kind = EVENT_LISTING;
	made->is_grave = is_grave(list, change);
	made->account =
		account_of(subject->kind == BLOCKLIST_DOMAIN ? "domain" : "egress", subject->text);
	made->limit = xstrdup(list->def->name);
}

/* ---- lists ---- */

void change_list_state(struct egress *e, const struct list *list, enum list_state from)
{
	char reason[EVENT_REASON_MAX + 1];
	int n = snprintf(reason, sizeof(reason), "%s -> %s%s%s", list_state_name(from),
		list_state_name(list->state), list->why ? ": " : "", list->why ? list->why : "");
	struct change *made = n > 0 ? change_new(e, reason) : NULL;
	if (!made)
		return;
	made->kind = EVENT_LIST_STATE;
	made->is_grave = list->state != LIST_OK;
	made->account = account_of("blocklist", list->def->name);
	made->limit = xstrdup(list->def->name);
}

void change_note(struct egress *e, const char *format, ...)
{
	char text[600];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct change *made = n > 0 ? change_new(e, text) : NULL;
	if (made)
		made->is_note = true;
}

/* ---- out ---- */

bool change_take(struct egress *e, struct egress_effect *ret)
{
	struct change *change = e->changes;
	change_free(e->given);
	e->given = change;
	if (!change)
		return false;
	e->changes = change->next;
	if (!e->changes)
		e->changes_end = &e->changes;
	e->change_n--;
	if (change->is_note) {
		*ret = (struct egress_effect){.kind = EGRESS_NOTE, .note = change->text};
		return true;
	}
	*ret = (struct egress_effect){
		.kind = EGRESS_EVENT,
		.is_grave = change->is_grave,
		.event = {.kind = change->kind,
			.at = change->at,
			.account = span_of(change->account),
			.until = WALL_NEVER,
			.limit = span_of(change->limit),
			.reason = span_of(change->text),
			.author = SPAN("policyd")},
	};
	return true;
}
