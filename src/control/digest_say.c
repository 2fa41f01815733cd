/* SPDX-License-Identifier: ISC */
/* What the listings come to, in sentences; what they are is counted in digest.c. */
#include <stdlib.h>
#include <string.h>

#include "digest_tally.h"
#include "policyd/dns_client.h"
#include "policyd/mem.h"
#include "text.h"

/* For free(). */
static char *naming_say(const struct naming *naming)
{
	size_t n = strlen(naming->text) + 32;
	char *text = xmalloc(n);
	if (naming->n > SUBJECTS_NAMED)
		(void)snprintf(
			text, n, "%s, and %zu more", naming->text, naming->n - SUBJECTS_NAMED);
	else
		(void)snprintf(text, n, "%s", naming->text);
	return text;
}

#define LISTINGS_NAMED 10
#define LISTS_NAMED    10

static void say(json_t *summary, json_t *sentence)
{
	json_array_append_new(summary, sentence);
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static void say_listing(json_t *summary, const json_t *row)
{
	const char *code = json_string_value(json_array_get(json_object_get(row, "codes"), 0));
	const char *meaning = text_of(row, "meaning"), *age = text_of(row, "age");
	say(summary,
		json_sprintf("%s is LISTED on %s%s%s: %s%s%s (%s, severity %d)",
			text_of(row, "subject"), text_of(row, "list"), *age ? " for " : "", age,
			code ? code : "?", *meaning ? " " : "", meaning, text_of(row, "kind"),
			(int)json_integer_value(json_object_get(row, "severity"))));
}

static void say_listings(json_t *summary, const struct tally *tally, const json_t *rows)
{
	size_t bad = 0, n = tally->rank[RANK_UNCONFIRMED];
	for (unsigned i = 0; is_bad(i); i++)
		bad += tally->rank[i];
	for (size_t i = 0; i < bad && i < LISTINGS_NAMED; i++)
		say_listing(summary, json_array_get(rows, i));
	if (bad > LISTINGS_NAMED)
		say(summary, json_sprintf("and %zu more listings", bad - LISTINGS_NAMED));
	for (size_t i = bad; i < bad + n && i < bad + LISTINGS_NAMED; i++) {
		const json_t *row = json_array_get(rows, i);
		if (row)
			say(summary, json_sprintf("the last answer of %s said %s is listed; it is "
						  "asked again before that is believed",
					     text_of(row, "list"), text_of(row, "subject")));
	}
}

/* "2 of 3 addresses, 4 of 4 names"; NULL: there are none. */
static json_t *clean_text(const struct tally *tally)
{
	static const char *const words[SORTS][2] = {{"address", "addresses"}, {"name", "names"}};
	char part[SORTS][64] = {"", ""};
	for (unsigned i = 0; i < SORTS; i++) {
		if (tally->subjects[i])
			(void)snprintf(part[i], sizeof(part[i]), "%zu of %zu %s", tally->clean[i],
				tally->subjects[i], words[i][tally->subjects[i] > 1]);
	}
	if (!part[SORT_ADDRESS][0] && !part[SORT_NAME][0])
		return NULL;
	return json_sprintf("%s%s%s", part[SORT_ADDRESS],
		part[SORT_ADDRESS][0] && part[SORT_NAME][0] ? ", " : "", part[SORT_NAME]);
}

static void say_clean(json_t *summary, const struct tally *tally, const struct lists *lists)
{
	json_t *clean = clean_text(tally);
	if (clean)
		say(summary, json_sprintf("clean: %s; lists believed: %zu of %zu",
				     json_string_value(clean), lists->ok, lists->enabled));
	json_decref(clean);
}

static void say_unknown(json_t *summary, const struct tally *tally)
{
	if (tally->unknown_at.n == 0)
		return;
	char *text = naming_say(&tally->unknown_at);
	say(summary, json_sprintf("unknown: %s", text));
	free(text);
}

static void say_nowhere(json_t *summary, const struct tally *tally)
{
	if (tally->nowhere.n == 0)
		return;
	char *text = naming_say(&tally->nowhere);
	if (tally->query->is_one_list)
		say(summary, json_sprintf("not looked up by that list: %s", text));
	else
		say(summary, json_sprintf("not looked up: %s; no list that is asked takes %s, "
					  "\"egress lists\" tells which would",
				     text, tally->nowhere.n > 1 ? "them" : "it"));
	free(text);
}

/* Of names that come by themselves, how many nobody looks up. */
static void say_names(json_t *summary, const struct tally *tally, const struct lists *lists)
{
	struct egress_figures figures;
	egress_figures(tally->query->setup->egress, &figures);
	if (tally->query->subject.n || tally->query->is_one_list)
		return;
	if (figures.domains && lists->enabled && !(lists->subjects & 1U << BLOCKLIST_DOMAIN))
		say(summary, json_sprintf("names of ours that are not looked up: %zu; no list that "
					  "is asked takes names",
				     figures.domains));
	if (figures.cut)
		say(summary, json_sprintf("names of ours that are not looked up: %zu; %d are the "
					  "most, HELO names go before egress.domains and "
					  "local_domains",
				     figures.cut, EGRESS_DOMAINS_MAX));
}

static void say_lists(json_t *summary, const struct lists *lists)
{
	size_t i;
	const json_t *row;
	json_array_foreach(lists->not_ok, i, row)
	{
		const char *why = text_of(row, "why");
		if (i == LISTS_NAMED)
			break;
		say(summary, json_sprintf("%s is not believed: %s%s%s", text_of(row, "list"),
				     text_of(row, "state"), *why ? ", " : "", why));
	}
	if (json_array_size(lists->not_ok) > LISTS_NAMED)
		say(summary, json_sprintf("and %zu more lists are not believed",
				     json_array_size(lists->not_ok) - LISTS_NAMED));
}

static void say_resolvers(json_t *summary, const struct dns_client *dns)
{
	struct dns_figures figures;
	if (!dns)
		return;
	dns_client_figures(dns, &figures);
	if (figures.server_n && figures.down_n == figures.server_n)
		say(summary, json_string("no resolver answers: nothing can be known"));
}

/* Why there is nothing to say. */
static void say_nothing(json_t *summary, const struct digest_query *query, size_t lists)
{
	const struct egress *e = query->setup->egress;
	const char *note = egress_addresses_note(e);
	struct egress_figures figures;
	egress_figures(e, &figures);
	if (figures.addresses + figures.domains == 0)
		say(summary, json_string("no address and no domain of ours is known: set "
					 "egress.addresses in policyd.conf"));
	else if (lists == 0)
		say(summary, json_string("no list is enabled: see blocklists in policyd.conf"));
	else
		say(summary, json_string("no list that is enabled takes these addresses or names"));
	if (note && *note)
		say(summary, text_json(span_of(note)));
}

/* Why it is unknown: "192.0.2.10 on 1 of 2 lists: unknown; no list that is asked takes 2001:db8::10". */
static json_t *unknown_headline(const struct tally *tally)
{
	char *unknown = tally->unknown_at.n ? naming_say(&tally->unknown_at) : NULL;
	char *nowhere = is_missing(tally) ? naming_say(&tally->nowhere) : NULL;
	json_t *clean = clean_text(tally);
	const char *start = unknown ? unknown : json_string_value(clean);
	json_t *line = json_sprintf("%s%s%s%s%s", unknown ? "" : "clean: ", start ? start : "",
		unknown ? ": unknown" : "", nowhere ? "; no list that is asked takes " : "",
		nowhere ? nowhere : "");
	json_decref(clean);
	free(unknown);
	free(nowhere);
	return line;
}

/* The worst listing comes first; what is unknown is what makes it so. */
static json_t *headline_of(const struct tally *tally, const struct digest *digest)
{
	if (digest->status == DIGEST_UNKNOWN && (tally->unknown_at.n || is_missing(tally)))
		return unknown_headline(tally);
	return json_incref(json_array_get(digest->summary, 0));
}

void digest_say(struct digest *digest, const struct tally *tally, const struct lists *lists)
{
	json_t *summary = digest->summary;
	if (tally->is_nothing)
		say_nothing(summary, tally->query, lists->enabled);
	say_listings(summary, tally, digest->listings);
	say_clean(summary, tally, lists);
	say_unknown(summary, tally);
	say_nowhere(summary, tally);
	say_names(summary, tally, lists);
	say_lists(summary, lists);
	say_resolvers(summary, tally->query->setup->dns);
	digest->headline = headline_of(tally, digest);
	if (digest->left_out)
		say(summary, json_sprintf("%zu rows, the least important, are not shown: ask for "
					  "one address or name",
				     digest->left_out));
}
