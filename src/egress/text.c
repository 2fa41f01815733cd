/* SPDX-License-Identifier: ISC */
/* What a list says for people about a listing (RFC 5782 2.1): its TXT, asked until there is an answer. */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static struct record *record_wanting(struct list *list)
{
	for (size_t i = 0; i < list->record_n; i++) {
		if (list->record[i].wants_text)
			return &list->record[i];
	}
	return NULL;
}

static bool ask(struct egress *e, struct list *list, struct egress_effect *ret)
{
	struct record *record = record_wanting(list);
	if (!record) {
		list->text_n = 0;
		return false;
	}
	const struct egress_subject *subject = &e->subjects->at[record->subject];
	record->wants_text = false;
	list->text_n--;
	if (record->verdict != SEEN_LISTED || !egress_name_of(e, subject, list->def))
		return false;
	struct flight *flight = flight_new(e, FLIGHT_TEXT, ret);
	flight->text.list = list->def;
	flight->text.subject = record->subject;
	flight->text.subjects = subjects_ref(e->subjects);
	flight->text.config = config_ref(e->config);
	list->asked++;
	ret->question = (struct dns_question){.name = span_of(e->name), .type = DNS_TXT};
	return true;
}

bool text_ask(struct egress *e, struct egress_effect *ret)
{
	for (size_t i = 0; i < e->list_n; i++) {
		struct list *list = &e->list[i];
		while (list->text_n > 0) {
			if (ask(e, list, ret))
				return true;
		}
	}
	return false;
}

#define KEY_SHOWN "<key>"

/* What stands for <key> in the names that are asked; empty: there is none. */
static struct span key_of(const struct blocklist *list)
{
	const char *at = strstr(list->zone, KEY_SHOWN);
	size_t around_n = strlen(list->zone) - strlen(KEY_SHOWN),
	       asked_n = strlen(list->zone_asked);
	if (!at || asked_n < around_n)
		return SPAN("");
	return span_make(list->zone_asked + (at - list->zone), asked_n - around_n);
}

struct text {
	struct span key;
	size_t n;
	char buf[LISTING_TEXT_SIZE];
};

static void text_put(struct text *text, char c)
{
	if (text->n < sizeof(text->buf) - 1)
		text->buf[text->n++] = c >= ' ' && c <= '~' ? c : '?';
}

/*
 * What is no printable ASCII would do harm on a terminal. Many lists repeat the name that was asked, and the
 * key with it.
 */
static void text_add(struct text *text, struct span from)
{
	while (from.n && text->n < sizeof(text->buf) - 1) {
		struct span head = span_make(from.p, text->key.n);
		bool is_key = head.n && head.n <= from.n && span_equal_nocase(head, text->key);
		size_t n = is_key ? head.n : 1;
		for (const char *c = KEY_SHOWN; is_key && *c; c++)
			text_put(text, *c);
		if (!is_key)
			text_put(text, from.p[0]);
		from = span_make(from.p + n, from.n - n);
	}
}

static char *text_of(const struct blocklist *list, const struct dns_answer *answer)
{
	struct text text = {.key = key_of(list)};
	for (size_t i = 0; i < answer->n && i < DNS_RR_MAX; i++) {
		if (i > 0)
			text_add(&text, SPAN(" | "));
		text_add(&text, answer->rr[i].text);
	}
	return text.n ? xstrndup(text.buf, text.n) : NULL;
}

void text_answered(struct egress *e, const struct flight *flight, const struct dns_answer *answer)
{
	struct list *list = list_live(e, flight->text.list);
	const struct egress_subject *subject = &flight->text.subjects->at[flight->text.subject];
	ptrdiff_t at = subjects_find(e->subjects, span_of(subject->text));
	struct record *record = list && at >= 0 ? record_of(list, (size_t)at) : NULL;
	bool is_missed = !answer || answer->result > DNS_NXDOMAIN;
	if (list && is_missed)
		list->failed++;
	if (record && record->verdict == SEEN_LISTED && is_missed)
		record->detail->text_missed = true;
	if (!record || record->verdict != SEEN_LISTED || !answer || answer->result != DNS_FOUND)
		return;
	free(record->detail->text);
	record->detail->text = text_of(flight->text.list, answer);
	e->is_dirty = true;
}
