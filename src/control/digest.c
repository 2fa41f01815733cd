/* SPDX-License-Identifier: ISC */
/*
 * Many listings as one picture. Two passes over them: the first counts, so that the second makes rows
 * of the worst ones only. How a row looks is egress_view.c's business.
 */
#include "digest.h"

#include <stdlib.h>
#include <string.h>

#include "digest_tally.h"
#include "egress_view.h"
#include "policyd/mem.h"
#include "text.h"

/* ---- how bad a listing is ---- */

#define SEVERITY_MAX 5

static unsigned rank_of_kind(const struct listing *listing)
{
	unsigned severity = listing->severity < 1 ? 1 : listing->severity;
	unsigned below = severity < SEVERITY_MAX ? SEVERITY_MAX - severity : 0;
	switch (listing->kind) {
	case LISTING_BEHAVIOUR:
		return RANK_BEHAVIOUR + below;
	case LISTING_POLICY:
		return RANK_POLICY + below;
	case LISTING_NEIGHBOUR:
		return RANK_NEIGHBOUR + below;
	case LISTING_WELCOME:
	case LISTING_SCORE:
	case LISTING_COUNT:
		break;
	}
	return RANK_INFORMS;
}

static unsigned rank_of(const struct listing *listing)
{
	if (listing->verdict == SEEN_LISTED)
		return rank_of_kind(listing);
	if (listing->seen == SEEN_LISTED && rank_of_kind(listing) != RANK_INFORMS)
		return RANK_UNCONFIRMED;
	return listing->verdict == SEEN_UNKNOWN ? RANK_UNKNOWN : RANK_CLEAN;
}

/* ---- the first pass: how many there are ---- */

static bool is_wanted(const struct digest_query *query, const struct listing *listing)
{
	return query->subject.n == 0 || span_equal(query->subject, span_of(listing->subject));
}

/* Takes text. */
static void naming_add(struct naming *naming, char *text)
{
	char *before = naming->text;
	size_t n = strlen(before ? before : "") + strlen(text) + 3;
	if (naming->n++ < SUBJECTS_NAMED) {
		naming->text = xmalloc(n);
		(void)snprintf(
			naming->text, n, "%s%s%s", before ? before : "", before ? ", " : "", text);
		free(before);
	}
	free(text);
}

static void unknown_add(struct tally *tally)
{
	size_t n = SUBJECT_SIZE + 64;
	char *text = xmalloc(n);
	(void)snprintf(
		text, n, "%s on %zu of %zu lists", tally->subject, tally->unknown, tally->all);
	naming_add(&tally->unknown_at, text);
}

/* An address that no list takes must not look as if it had been looked up. */
static void address_seen(struct tally *tally)
{
	const struct egress *e = tally->query->setup->egress;
	for (size_t i = 0; i < EGRESS_ADDRESSES_MAX; i++) {
		const struct egress_address *address = egress_address_at(e, i);
		char ip[IP_TEXT_SIZE];
		if (!address)
			return;
		if (strcmp(ip_format(&address->ip, ip), tally->subject) == 0)
			tally->is_seen[i] = true;
	}
}

static void subject_end(struct tally *tally)
{
	if (tally->all == 0)
		return;
	if (tally->sort == SORT_ADDRESS)
		address_seen(tally);
	tally->subjects[tally->sort]++;
	tally->clean[tally->sort] += tally->bad == 0 && tally->unknown == 0;
	if (tally->unknown)
		unknown_add(tally);
	tally->bad = tally->unknown = tally->all = 0;
}

static bool tally_add(void *ctx, const struct listing *listing)
{
	struct tally *tally = ctx;
	unsigned rank = rank_of(listing);
	if (!is_wanted(tally->query, listing))
		return true;
	if (!span_equal(span_of(listing->subject), span_of(tally->subject))) {
		subject_end(tally);
		span_copy(span_of(listing->subject), tally->subject, SUBJECT_SIZE);
		tally->sort = listing->is_domain ? SORT_NAME : SORT_ADDRESS;
	}
	tally->rank[rank]++;
	tally->bad += is_bad(rank);
	tally->unknown += listing->verdict == SEEN_UNKNOWN;
	tally->unknowns += listing->verdict == SEEN_UNKNOWN;
	tally->all++;
	return true;
}

static void listings_walk(const struct digest_query *query, egress_each_listing *each, void *ctx)
{
	const struct egress *e = query->setup->egress;
	if (query->check)
		egress_check_listings(e, query->check, query->now, each, ctx);
	else
		egress_listings(e, query->now, each, ctx);
}

/* ---- the second: rows of the worst ---- */

struct harvest {
	const struct digest_query *query;
	size_t take[RANK_COUNT]; /* still to be taken of each rank */
	size_t at[RANK_COUNT];   /* where the next of them stands */
	json_t **row;
};

static bool harvest_add(void *ctx, const struct listing *listing)
{
	struct harvest *harvest = ctx;
	unsigned rank = rank_of(listing);
	if (!is_wanted(harvest->query, listing) || harvest->take[rank] == 0)
		return true;
	harvest->take[rank]--;
	harvest->row[harvest->at[rank]++] = egress_view_listing(listing, harvest->query->now);
	return true;
}

static void rows_make(const struct tally *tally, struct digest *digest)
{
	json_t *row[DIGEST_ROWS_MAX] = {NULL};
	struct harvest harvest = {.query = tally->query, .row = row};
	size_t n = 0;
	for (unsigned i = 0; i < RANK_COUNT; i++) {
		size_t room = DIGEST_ROWS_MAX - n;
		harvest.at[i] = n;
		harvest.take[i] = tally->rank[i] < room ? tally->rank[i] : room;
		digest->left_out += tally->rank[i] - harvest.take[i];
		n += harvest.take[i];
	}
	listings_walk(tally->query, harvest_add, &harvest);
	digest->listings = json_array();
	for (size_t i = 0; i < n; i++) {
		if (row[i])
			json_array_append_new(digest->listings, row[i]);
	}
}

/* ---- lists that are not believed ---- */

static bool list_add(void *ctx, const struct list_view *view)
{
	struct lists *lists = ctx;
	if (!view->list->is_enabled)
		return true;
	lists->enabled++;
	lists->ok += view->state == LIST_OK;
	lists->subjects |= view->list->subjects;
	if (view->state != LIST_OK)
		json_array_append_new(lists->not_ok, egress_view_list(view, lists->now));
	return true;
}

/* ---- what no list takes ---- */

/* Not looked up is not known. It counts among those that could be clean. */
static void nowhere_add(struct tally *tally, const char *subject, enum subject_sort sort)
{
	const struct digest_query *query = tally->query;
	if (query->subject.n && !span_equal(query->subject, span_of(subject)))
		return;
	naming_add(&tally->nowhere, xstrdup(subject));
	tally->subjects[sort] += !query->is_one_list;
}

/*
 * Names of HELO and PTR may go without a list: who asks lists of addresses alone wants it so. Those of
 * egress.domains stand there to be looked up.
 */
static void nowhere_find(struct tally *tally, const struct lists *lists)
{
	const struct control_setup *setup = tally->query->setup;
	const struct config *config = engine_config(setup->engine);
	if (lists->enabled == 0)
		return;
	for (size_t i = 0; i < EGRESS_ADDRESSES_MAX; i++) {
		const struct egress_address *address = egress_address_at(setup->egress, i);
		char ip[IP_TEXT_SIZE];
		if (address && !tally->is_seen[i])
			nowhere_add(tally, ip_format(&address->ip, ip), SORT_ADDRESS);
	}
	for (size_t i = 0; !(lists->subjects & 1U << BLOCKLIST_DOMAIN) &&
			   i < config->egress.domains.n && i < EGRESS_DOMAINS_MAX;
		i++)
		nowhere_add(tally, config->egress.domains.text[i], SORT_NAME);
}

/* ---- the whole ---- */

const char *digest_status_name(enum digest_status status)
{
	static const char *const names[] = {
		[DIGEST_OK] = "OK",
		[DIGEST_WARNING] = "WARNING",
		[DIGEST_CRITICAL] = "CRITICAL",
		[DIGEST_UNKNOWN] = "UNKNOWN",
	};
	return names[status];
}

/*
 * Behaviour, else anything unknown (nothing at all too, and what no list takes), else what informs.
 */
static enum digest_status status_of(const struct tally *tally)
{
	size_t behaviour = 0, informs = 0, all = 0;
	for (unsigned i = 0; i < RANK_COUNT; i++) {
		behaviour += i < RANK_POLICY ? tally->rank[i] : 0;
		informs += i >= RANK_POLICY && is_bad(i) ? tally->rank[i] : 0;
		all += tally->rank[i];
	}
	if (behaviour)
		return DIGEST_CRITICAL;
	if (tally->unknowns || all == 0 || is_missing(tally))
		return DIGEST_UNKNOWN;
	return informs ? DIGEST_WARNING : DIGEST_OK;
}

void digest_make(const struct digest_query *query, struct digest *ret)
{
	struct tally tally = {.query = query};
	struct lists lists = {.now = query->now, .not_ok = json_array()};
	*ret = (struct digest){.summary = json_array()};
	listings_walk(query, tally_add, &tally);
	subject_end(&tally);
	rows_make(&tally, ret);
	egress_lists(query->setup->egress, query->now, list_add, &lists);
	tally.is_nothing = tally.subjects[SORT_ADDRESS] + tally.subjects[SORT_NAME] == 0;
	nowhere_find(&tally, &lists);
	ret->status = status_of(&tally);
	ret->lists_not_ok = lists.not_ok;
	digest_say(ret, &tally, &lists);
	free(tally.unknown_at.text);
	free(tally.nowhere.text);
}

void digest_deinit(struct digest *digest)
{
	json_decref(digest->listings);
	json_decref(digest->summary);
	json_decref(digest->headline);
	json_decref(digest->lists_not_ok);
}
