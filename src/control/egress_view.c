/* SPDX-License-Identifier: ISC */
/*
 * Listings, lists, clients and resolvers as rows. Which of them are shown, and what they come to, is
 * digest.c's business. A list's zone is only shown with <key> in the place of its key.
 */
#include "egress_view.h"

#include "text.h"
#include "view.h"

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *text_age(wall_t since, struct now now)
{
	return since.us ? text_stretch(now.wall.us - since.us) : json_null();
}

static json_t *text_until(wall_t next, struct now now)
{
	return next.us ? text_stretch(next.us - now.wall.us) : json_null();
}

static json_t *codes_json(const struct listing *listing)
{
	json_t *codes = json_array();
	for (size_t i = 0; i < listing->code_n && i < LISTING_CODES_MAX; i++) {
		const uint8_t *code = listing->code[i];
		json_array_append_new(
			codes, json_sprintf("%u.%u.%u.%u", code[0], code[1], code[2], code[3]));
	}
	return codes;
}

/* The page and the way of the code, else of the list. */
static void put_removal(
	json_t *row, const struct blocklist *list, const struct blocklist_code *code)
{
	const char *delist = code && code->delist ? code->delist : list->delist;
	const char *removal = code && code->removal ? code->removal : list->removal;
	put(row, "delist", text_or_null(delist));
	put(row, "removal", text_or_null(removal));
}

/* What the codes say, or nothing where none were seen. */
static void put_codes(json_t *row, const struct listing *listing)
{
	bool is_listed = listing->verdict == SEEN_LISTED || listing->seen == SEEN_LISTED;
	put(row, "codes", codes_json(listing));
	put(row, "meaning", text_or_null(listing->worst ? listing->worst->text : NULL));
	put(row, "kind", is_listed ? json_string(listing_kind_name(listing->kind)) : json_null());
	put(row, "severity", is_listed ? json_integer(listing->severity) : json_null());
	put(row, "score", listing->score >= 0 ? json_integer(listing->score) : json_null());
}

json_t *egress_view_listing(const struct listing *listing, struct now now)
{
	json_t *row = json_object();
	put(row, "subject", text_json(span_of(listing->subject)));
	put(row, "why", text_or_null(listing->subject_why));
	put(row, "list", text_json(span_of(listing->list->name)));
	put(row, "verdict", json_string(verdict_state_name(listing->verdict)));
	put(row, "seen", json_string(verdict_state_name(listing->seen)));
	put_codes(row, listing);
	put(row, "age", text_age(listing->since, now));
	put(row, "since", text_moment(listing->since));
	put(row, "looked_at", text_moment(listing->looked));
	put(row, "next", text_until(listing->next, now));
	put(row, "next_at", text_moment(listing->next));
	put(row, "list_state", json_string(list_state_name(listing->list_state)));
	put(row, "unknown_because", text_or_null(listing->why));
	put(row, "txt", text_or_null(listing->text));
	put_removal(row, listing->list, listing->worst);
	return row;
}

static json_t *subjects_json(const struct blocklist *list)
{
	json_t *subjects = json_array();
	for (unsigned i = 0; i < BLOCKLIST_SUBJECTS; i++) {
		if (list->subjects & 1U << i)
			json_array_append_new(subjects,
				json_string(blocklist_subject_name((enum blocklist_subject)i)));
	}
	return subjects;
}

json_t *egress_view_list(const struct list_view *view, struct now now)
{
	const struct blocklist *list = view->list;
	json_t *row = json_object();
	put(row, "list", text_json(span_of(list->name)));
	put(row, "title", text_or_null(list->title));
	put(row, "zone", text_json(span_of(list->zone)));
	put(row, "subjects", subjects_json(list));
	put(row, "enabled", json_boolean(list->is_enabled));
	put(row, "key_missing", json_boolean(list->has_key_missing));
	put(row, "state",
		list->is_enabled ? json_string(list_state_name(view->state)) : json_null());
	put(row, "why", text_or_null(view->why));
	put(row, "age", text_age(view->since, now));
	put(row, "since", text_moment(view->since));
	put(row, "tested_at", text_moment(view->tested));
	put(row, "interval", text_stretch(list->interval_us));
	put(row, "next", text_until(view->next, now));
	put(row, "next_at", text_moment(view->next));
	put(row, "asked", text_count(view->asked));
	put(row, "failed", text_count(view->failed));
	put(row, "home", text_or_null(list->home));
	put(row, "delist", text_or_null(list->delist));
	put(row, "note", text_or_null(list->note));
	return row;
}

json_t *egress_view_client(const struct client_hint *hint, struct now now)
{
	char ip[IP_TEXT_SIZE];
	json_t *row = json_object();
	const struct blocklist_code *code = hint->list ? hint->code : NULL;
	put(row, "client", json_string(ip_format(&hint->ip, ip)));
	put(row, "account", hint->account ? view_account(span_of(hint->account)) : json_null());
	put(row, "state", json_string(verdict_state_name(hint->state)));
	put(row, "list", text_or_null(hint->list ? hint->list->name : NULL));
	put(row, "code", text_or_null(code ? code->code : NULL));
	put(row, "meaning", text_or_null(code ? code->text : NULL));
	put(row, "age", text_age(hint->looked, now));
	put(row, "looked_at", text_moment(hint->looked));
	return row;
}

json_t *egress_view_test(const struct check_test *test)
{
	json_t *row = json_object();
	put(row, "asked", json_sprintf("%s.%s", test->label, test->list->zone));
	put(row, "expected", json_string(test->must_be_listed ? "listed" : "not listed"));
	put(row, "answer", text_or_null(test->is_done ? test->answer : "no answer"));
	put(row, "right", json_boolean(test->is_done && test->is_right));
	return row;
}

json_t *egress_view_addresses(const struct egress *e)
{
	json_t *rows = json_array();
	const struct egress_address *address = egress_address_at(e, 0);
	for (size_t i = 1; address; i++) {
		char ip[IP_TEXT_SIZE];
		json_t *row = json_object();
		put(row, "address", json_string(ip_format(&address->ip, ip)));
		put(row, "helo", text_or_null(address->helo));
		put(row, "transport", text_or_null(address->transport));
		put(row, "origin", text_or_null(address->origin));
		json_array_append_new(rows, row);
		address = egress_address_at(e, i);
	}
	return rows;
}

json_t *egress_view_resolvers(const struct dns_client *dns)
{
	json_t *rows = json_array();
	struct dns_figures figures = {0};
	if (dns)
		dns_client_figures(dns, &figures);
	for (size_t i = 0; i < figures.server_n; i++) {
		char text[DNS_SERVER_TEXT_SIZE];
		struct dns_server server = {0};
		bool is_up = dns_client_server_is_up(dns, i, &server);
		json_array_append_new(rows, json_pack("{s:s, s:b}", "server",
						    dns_server_format(&server, text), "up", is_up));
	}
	return rows;
}

/* ---- status ---- */

static json_t *dns_json(const struct dns_client *dns)
{
	struct dns_figures figures;
	uint64_t failed = 0;
	if (!dns)
		return json_null();
	dns_client_figures(dns, &figures);
	for (unsigned i = DNS_SERVFAIL; i <= DNS_MALFORMED; i++)
		failed += figures.answers[i];
	json_t *object = json_object();
	put(object, "resolvers_up", text_count(figures.server_n - figures.down_n));
	put(object, "resolvers_down", text_count(figures.down_n));
	put(object, "asked", text_count(figures.asked));
	put(object, "failed", text_count(failed));
	put(object, "dropped", text_count(figures.dropped));
	put(object, "waiting", text_count(figures.in_flight + figures.queued));
	return object;
}

json_t *egress_view_status(const struct control_setup *setup)
{
	struct egress_figures figures;
	if (!setup->egress)
		return json_null();
	egress_figures(setup->egress, &figures);
	json_t *object = json_object(), *listed = json_object();
	for (unsigned i = 0; i < LISTING_COUNT; i++)
		put(listed, listing_kind_name((enum listing_kind)i), text_count(figures.listed[i]));
	put(object, "addresses", text_count(figures.addresses));
	put(object, "names", text_count(figures.domains));
	put(object, "listed", listed);
	put(object, "unknown", text_count(figures.unknown));
	put(object, "lists_ok", text_count(figures.lists_ok));
	put(object, "lists_not_ok", text_count(figures.lists_not_ok));
	put(object, "note", text_or_null(egress_addresses_note(setup->egress)));
	put(object, "dns", dns_json(setup->dns));
	return object;
}
