/* SPDX-License-Identifier: ISC */
/* Lists as people see them, and the figures of all. */
#include <stdlib.h>

#include "internal.h"

void egress_lists(const struct egress *e, struct now now, egress_each_list *each, void *ctx)
{
	for (size_t i = 0; i < e->list_n; i++) {
		const struct list *list = &e->list[i];
		struct list_view view = {
			.list = list->def,
			.state = list->state,
			.since = list->since,
			.tested = list->tested,
			.why = list->why ? list->why : "",
			.asked = list->asked,
			.failed = list->failed,
		};
		mono_t next = list->look ? now.mono : list->due;
		if (list_is_asked(list) && next.us != MONO_NEVER.us)
			view.next = wall_of_mono(next, now);
		if (!each(ctx, &view))
			return;
	}
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static size_t record_bytes(const struct record *record)
{
	if (!record->detail)
		return 0;
	return sizeof(*record->detail) + text_bytes(record->detail->text);
}

static void count_record(
	const struct list *list, const struct record *record, struct egress_figures *ret)
{
	ret->records++;
	ret->bytes += sizeof(*record) + record_bytes(record);
	if (record->verdict == SEEN_UNKNOWN)
		ret->unknown++;
	else if (record->verdict == SEEN_LISTED)
		ret->listed[codes_meaning(list->def, &record->detail->verdict).kind]++;
}

static void count_list(const struct list *list, struct egress_figures *ret)
{
	ret->bytes += sizeof(*list) + text_bytes(list->why);
	for (size_t i = 0; i < list->record_n; i++)
		count_record(list, &list->record[i], ret);
	for (size_t i = 0; i < list->parked_n; i++)
		ret->bytes += sizeof(struct parked) + text_bytes(list->parked[i].text) +
			      record_bytes(&list->parked[i].record);
	if (!list_is_asked(list))
		return;
	ret->lists++;
	ret->lists_ok += list->state == LIST_OK;
	ret->lists_not_ok += list->state != LIST_OK && list->state != LIST_UNTESTED;
}

static uint64_t look_bytes(const struct look *look)
{
	uint64_t bytes = 0;
	if (!look)
		return 0;
	for (size_t i = 0; i < look->n; i++)
		bytes += look->item[i].codes ? sizeof(struct codes) : 0;
	return bytes + sizeof(*look) + look->n * sizeof(*look->item);
}

static uint64_t looks_bytes(const struct egress *e)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < e->list_n; i++)
		bytes += look_bytes(e->list[i].look);
	for (size_t i = 0; i < EGRESS_CHECKS_MAX; i++) {
		for (size_t j = 0; j < e->check[i].look_n; j++)
			bytes += look_bytes(e->check[i].look[j]);
	}
	return bytes;
}

static void count_subjects(const struct egress *e, struct egress_figures *ret)
{
	const struct subjects *s = e->subjects;
	for (size_t i = 0; i < s->n; i++)
		ret->bytes += sizeof(s->at[i]) + text_bytes(s->at[i].text);
	ret->domains = s->domain_n;
	ret->cut = s->cut;
}

static void count_clients(const struct egress *e, struct egress_figures *ret)
{
	uint32_t cursor = 0;
	const struct client *client;
	while ((client = table_next(e->clients, &cursor, NULL))) {
		ret->clients++;
		ret->clients_listed += client_is_listed(client, e->now.mono);
	}
	ret->bytes += table_bytes(e->clients);
}

void egress_figures(const struct egress *e, struct egress_figures *ret)
{
	*ret = (struct egress_figures){
		.addresses = e->own_n,
		.in_flight = e->in_flight,
		.asked = e->asked,
		.answered = e->answered,
		.failed = e->failed,
		.dropped = e->dropped,
		.clients_put_off = e->clients_put_off,
		.bytes = sizeof(*e) + EGRESS_ADDRESSES_MAX * sizeof(*e->found),
	};
	count_subjects(e, ret);
	for (size_t i = 0; i < e->list_n; i++)
		count_list(&e->list[i], ret);
	ret->bytes += looks_bytes(e);
	count_clients(e, ret);
}
