/* SPDX-License-Identifier: ISC */
/*
 * egress, egress lists, egress clients: what is known by now, and how we stand. They ask nobody; what looks anew is
 * handle_check.c's.
 */
#include "handle_egress.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "digest.h"
#include "egress_view.h"
#include "policyd/suggest.h"
#include "standing_view.h"
#include "text.h"

int egress_must_be(struct control_call *call)
{
	if (call->setup->egress)
		return 0;
	call_fail(call, EX_UNAVAILABLE, "this daemon does not look at its own addresses");
	return -ENOSYS;
}

/* ---- a subject as it was typed ---- */

#define KNOWN_SHOWN 3

/* What there is of ours, nearest to what was typed. */
struct subject_search {
	struct span typed;
	const char *kind; /* "address or name", for what was not found */
	bool is_found;
	struct suggestion near;
	char near_text[SUGGEST_TEXT_SIZE];
	char before[DNS_NAME_SIZE]; /* they come one after the other */
	char known[200];            /* the first of them, with commas */
	size_t known_n;
};

static void subject_offer(struct subject_search *search, const char *subject)
{
	struct suggestion before = search->near;
	size_t n = strlen(search->known);
	if (span_equal(span_of(subject), span_of(search->before)))
		return;
	span_copy(span_of(subject), search->before, sizeof(search->before));
	search->is_found = search->is_found || span_equal(search->typed, span_of(subject));
	suggest_offer(search->typed, subject, &search->near);
	if (search->near.word && (!before.word || search->near.distance < before.distance))
		span_copy(span_of(subject), search->near_text, sizeof(search->near_text));
	if (search->known_n++ >= KNOWN_SHOWN)
		return;
	n += span_copy(span_of(n ? ", " : ""), search->known + n, sizeof(search->known) - n);
	span_copy(span_of(subject), search->known + n, sizeof(search->known) - n);
}

/* Addresses are offered already. */
static bool listing_offer(void *ctx, const struct listing *listing)
{
	struct subject_search *search = ctx;
	if (listing->is_domain)
		subject_offer(search, listing->subject);
	return !search->is_found;
}

/* As egress writes them: addresses in their normal form, names in lower case without a last dot. */
static struct span subject_normal(struct span typed, char buf[SUBJECT_TEXT_SIZE])
{
	struct ip ip;
	if (ip_parse(typed, &ip) == 0)
		return span_of(ip_format(&ip, buf));
	if (typed.n > 1 && typed.p[typed.n - 1] == '.')
		typed.n--;
	size_t n = span_copy(typed, buf, SUBJECT_TEXT_SIZE);
	for (size_t i = 0; i < n; i++)
		buf[i] = ascii_lower(buf[i]);
	return span_make(buf, n);
}

static void addresses_offer(struct subject_search *search, const struct egress *e)
{
	const struct egress_address *address;
	for (size_t i = 0; !search->is_found && (address = egress_address_at(e, i)); i++) {
		char ip[IP_TEXT_SIZE];
		subject_offer(search, ip_format(&address->ip, ip));
	}
}

/* Those that no list takes have no listings. */
static void name_offer(struct subject_search *search, const char *name)
{
	char buf[SUBJECT_TEXT_SIZE];
	struct span normal = subject_normal(span_of(name), buf);
	if (span_equal(search->typed, normal))
		search->is_found = normal.n > 0;
}

static void names_offer(struct subject_search *search, const struct control_call *call)
{
	const struct config_strings *domains = &engine_config(call->setup->engine)->egress.domains;
	const struct egress_address *address;
	for (size_t i = 0; (address = egress_address_at(call->setup->egress, i)); i++)
		name_offer(search, address->helo);
	for (size_t i = 0; i < domains->n && i < EGRESS_DOMAINS_MAX; i++)
		name_offer(search, domains->text[i]);
}

/* It may be a verb that was mistyped: "egress chekc". */
static void subject_complain(const struct subject_search *search, struct errbuf *err)
{
	char typed[SUBJECT_TEXT_SIZE + 8], verb[SUGGEST_TEXT_SIZE];
	int shown = (int)(search->typed.n < 80 ? search->typed.n : 80);
	int n = snprintf(typed, sizeof(typed), "egress %.*s", shown, search->typed.p);
	command_suggest(span_make(typed, n < 0 ? 0 : strlen(typed)), verb);
	if (search->near.word)
		err_set(err, "%.*s is no %s of ours; did you mean %s?", shown, search->typed.p,
			search->kind, search->near_text);
	else if (verb[0])
		err_set(err, "%.*s is no %s of ours; did you mean \"%s\"?", shown, search->typed.p,
			search->kind, verb);
	else if (search->known_n)
		err_set(err, "%.*s is no %s of ours; there are %zu: %s%s", shown, search->typed.p,
			search->kind, search->known_n, search->known,
			search->known_n > KNOWN_SHOWN ? ", ..." : "");
	else
		err_set(err, "%.*s is no %s of ours: none is known yet", shown, search->typed.p,
			search->kind);
}

int egress_argument_of(const struct control_call *call, const struct egress_argument *argument,
	char buf[SUBJECT_TEXT_SIZE], struct span *ret, struct errbuf *err)
{
	struct subject_search search = {
		.kind = argument->is_address ? "address" : "address or name"};
	const struct egress *e = call->setup->egress;
	struct span typed = span_trim(call_arg(call, argument->name));
	*ret = SPAN("");
	if (json_object_get(call->args, argument->name) == NULL)
		return 0;
	search.typed = subject_normal(typed, buf);
	addresses_offer(&search, e);
	if (!search.is_found && !argument->is_address)
		egress_listings(e, call_now(call), listing_offer, &search);
	if (!search.is_found && !argument->is_address)
		names_offer(&search, call);
	if (!search.is_found) {
		subject_complain(&search, err);
		return -ENOENT;
	}
	*ret = search.typed;
	return 0;
}

int egress_subject_of(const struct control_call *call, char buf[SUBJECT_TEXT_SIZE],
	struct span *ret, struct errbuf *err)
{
	return egress_argument_of(
		call, &(struct egress_argument){.name = "subject"}, buf, ret, err);
}

/* ---- egress ---- */

static json_t *note_json(const struct egress *e)
{
	const char *note = egress_addresses_note(e);
	return note && *note ? text_json(span_of(note)) : json_null();
}

/* How we stand beside what the lists say. */
static void put_standing(const struct control_call *call, struct span subject, json_t *data)
{
	struct now now = call_now(call);
	size_t left_out;
	json_t *postures = standing_view_postures(call->setup, subject, now);
	json_t *findings = standing_view_findings(call->setup, subject, now, &left_out);
	json_t *removals = standing_view_removals(call->setup, subject, false, now);
	standing_say(json_object_get(data, "summary"), postures, findings, removals);
	json_object_set_new(data, "postures", postures);
	json_object_set_new(data, "findings", findings);
	json_object_set_new(data, "findings_left_out", json_integer((json_int_t)left_out));
	json_object_set_new(data, "removals", removals);
}

void handle_egress(struct control_call *call)
{
	struct digest_query query = {.setup = call->setup, .now = call_now(call)};
	struct digest digest;
	struct errbuf err;
	char buf[SUBJECT_TEXT_SIZE];
	if (egress_must_be(call) != 0)
		return;
	if (egress_subject_of(call, buf, &query.subject, &err) != 0) {
		call_fail(call, EX_USAGE, "%s", err.text);
		return;
	}
	digest_make(&query, &digest);
	json_t *data = json_pack("{s:O, s:o, s:o, s:O, s:O, s:o, s:I}", "summary", digest.summary,
		"note", note_json(call->setup->egress), "addresses",
		egress_view_addresses(call->setup->egress), "listings", digest.listings,
		"lists_not_ok", digest.lists_not_ok, "resolvers",
		egress_view_resolvers(call->setup->dns), "left_out", (json_int_t)digest.left_out);
	digest_deinit(&digest);
	put_standing(call, query.subject, data);
	call_answer(call, data);
}

/* ---- egress lists, egress clients ---- */

struct rows {
	json_t *json;
	struct now now;
};

static bool list_row(void *ctx, const struct list_view *view)
{
	struct rows *rows = ctx;
	json_array_append_new(rows->json, egress_view_list(view, rows->now));
	return true;
}

void handle_egress_lists(struct control_call *call)
{
	struct rows rows = {.now = call_now(call)};
	if (egress_must_be(call) != 0)
		return;
	rows.json = json_array();
	egress_lists(call->setup->egress, rows.now, list_row, &rows);
	call_answer(call, rows.json);
}

static bool client_row(void *ctx, const struct client_hint *hint)
{
	struct rows *rows = ctx;
	json_array_append_new(rows->json, egress_view_client(hint, rows->now));
	return true;
}

void handle_egress_clients(struct control_call *call)
{
	struct rows rows = {.now = call_now(call)};
	if (egress_must_be(call) != 0)
		return;
	rows.json = json_array();
	egress_clients(call->setup->egress, rows.now, client_row, &rows);
	call_answer(call, rows.json);
}
