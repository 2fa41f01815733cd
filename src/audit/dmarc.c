/* SPDX-License-Identifier: ISC */
/* DMARC records, and the tree walk that finds the one which holds (RFC 9989 4.6 to 4.10). */
#include <stdio.h>
#include <stdlib.h>

#include "policyd/mailauth.h"
#include "policyd/mem.h"
#include "tag_list.h"

/* ---- a record ---- */

/* The first of what is wrong is told. */
static void blame(struct dmarc_record *record, const char *why)
{
	if (!record->why[0])
		span_copy(span_of(why), record->why, sizeof(record->why));
}

enum { TAG_P, TAG_SP, TAG_NP, TAG_PSD, TAG_ADKIM, TAG_ASPF, TAG_RUA, TAG_T, TAGS };
static const char *const tag_names[TAGS] = {"p", "sp", "np", "psd", "adkim", "aspf", "rua", "t"};

/* Of a tag that is there twice the first counts; what is no tag is ignored (RFC 9989 4.7). */
static void tags_read(struct span txt, struct dmarc_record *record, struct span value[TAGS])
{
	struct tag tag;
	while (tag_take(&txt, &tag)) {
		if (!tag.is_sound)
			blame(record, "what stands between two semicolons must be tag=value");
		for (size_t i = 0; i < TAGS; i++) {
			if (!tag.is_sound || !span_equal_nocase(tag.name, span_of(tag_names[i])))
				continue;
			if (value[i].p)
				blame(record, "a tag is given twice");
			else
				value[i] = tag.value;
		}
	}
}

/* False: it is there, and is none. */
static bool policy_read(struct span value, char buf[16])
{
	static const char *const policies[] = {"none", "quarantine", "reject"};
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (span_equal_nocase(value, span_of(policies[i]))) {
			span_copy(span_of(policies[i]), buf, 16);
			return true;
		}
	}
	return value.p == NULL;
}

/* A letter out of those, the first if it is not given or another. */
static char letter_read(struct span value, const char *letters, struct dmarc_record *record)
{
	if (!value.p)
		return letters[0];
	char c = value.n == 1 ? ascii_lower(value.p[0]) : '\0';
	if (c && strchr(letters, c))
		return c;
	blame(record, "adkim, aspf, psd or t has a value that it cannot have");
	return letters[0];
}

/* scheme ":" something (RFC 3986 3). */
static bool is_uri(struct span text)
{
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
	if (!colon || colon == text.p || colon + 1 == text.p + text.n)
		return false;
	if (!span_equal_nocase(span_make(text.p, (size_t)(colon - text.p)), SPAN("mailto")))
		return true;
	return memchr(colon, '@', text.n - (size_t)(colon - text.p)) != NULL;
}

/* One of them suffices. */
static bool has_uri(struct span list)
{
	while (list.n) {
		const char *comma = memchr(list.p, ',', list.n);
		size_t n = comma ? (size_t)(comma - list.p) : list.n, taken = comma ? n + 1 : n;
		if (is_uri(span_trim(span_make(list.p, n))))
			return true;
		list = span_make(list.p + taken, list.n - taken);
	}
	return false;
}

/* A policy that cannot be read is "none" where reports are asked for, and else no policy (RFC 9989 4.7). */
static void policies_read(const struct span value[TAGS], struct dmarc_record *record)
{
	bool is_sound = policy_read(value[TAG_P], record->policy) && value[TAG_P].p;
	if (!is_sound)
		blame(record, value[TAG_P].p ? "p= is no policy" : "there is no p=");
	if (!policy_read(value[TAG_SP], record->subdomain_policy) ||
		!policy_read(value[TAG_NP], record->missing_policy)) {
		blame(record, "sp= or np= is no policy");
		is_sound = false;
	}
	record->is_valid = is_sound || record->has_reports;
	if (is_sound)
		return;
	record->subdomain_policy[0] = record->missing_policy[0] = '\0';
	span_copy(
		record->is_valid ? SPAN("none") : SPAN(""), record->policy, sizeof(record->policy));
}

bool dmarc_parse(struct span txt, struct dmarc_record *ret)
{
	struct span value[TAGS] = {0};
	struct tag tag;
	*ret = (struct dmarc_record){.psd = 'u'};
	/* First, and letter by letter (RFC 9989 4.8). */
	if (!tag_take(&txt, &tag) || !span_equal_nocase(tag.name, SPAN("v")) ||
		!span_equal(tag.value, SPAN("DMARC1")))
		return false;
	tags_read(txt, ret, value);
	ret->psd = letter_read(value[TAG_PSD], "uyn", ret);
	ret->is_testing = letter_read(value[TAG_T], "ny", ret) == 'y';
	ret->is_strict_dkim = letter_read(value[TAG_ADKIM], "rs", ret) == 's';
	ret->is_strict_spf = letter_read(value[TAG_ASPF], "rs", ret) == 's';
	ret->has_reports = has_uri(value[TAG_RUA]);
	if (value[TAG_RUA].p && !ret->has_reports)
		blame(ret, "rua= has no address that reports can go to");
	policies_read(value, ret);
	return true;
}

/* ---- the walk ---- */

#define NAME_MAX_OCTETS 253
#define LABEL_MAX       63
#define LABELS_KEPT     7 /* RFC 9989 4.10: of a longer name the next asked has so many */

static const struct span prefix = {.p = "_dmarc.", .n = 7};

struct dmarc_walk {
	char domain[NAME_MAX_OCTETS + 1];
	struct span at; /* the name that is asked for, within domain */
	char name[NAME_MAX_OCTETS + 1];
	bool is_over, has_failed;
	/* Records that were found: the domain's own, and the one that holds for names below. */
	bool has_own, has_any;
	struct dmarc_record own, top;
	struct span top_at, organisational;
	char why[MAILAUTH_TEXT_SIZE];
	unsigned records; /* where there are several, at crowd */
	struct span crowd;
};

static size_t labels_of(struct span name)
{
	size_t n = name.n > 0;
	for (size_t i = 0; i < name.n; i++)
		n += name.p[i] == '.';
	return n;
}

/* Without its first label; empty: it had one only. */
static struct span parent_of(struct span name)
{
	const char *dot = name.n ? memchr(name.p, '.', name.n) : NULL;
	if (!dot)
		return (struct span){0};
	return span_make(dot + 1, name.n - (size_t)(dot + 1 - name.p));
}

static struct span next_of(struct span name)
{
	struct span next = parent_of(name);
	while (labels_of(next) > LABELS_KEPT)
		next = parent_of(next);
	return next;
}

/* Letters, digits, '-' and '_' in labels of a fitting length. */
static bool is_domain(struct span name)
{
	size_t label = 0;
	for (size_t i = 0; i < name.n; i++) {
		char c = ascii_lower(name.p[i]);
		bool is_plain =
			(c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (c == '.' ? label == 0 : !is_plain)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return label > 0 && name.n <= NAME_MAX_OCTETS;
}

/* The first name from `at` on that can be asked for: with the prefix some are too long to exist. */
static void walk_to(struct dmarc_walk *walk, struct span at)
{
	while (at.n + prefix.n > NAME_MAX_OCTETS)
		at = next_of(at);
	walk->at = at;
	walk->is_over = at.n == 0;
}

struct dmarc_walk *dmarc_new(struct span domain)
{
	struct dmarc_walk *walk = xcalloc(1, sizeof(*walk));
	if (domain.n && domain.p[domain.n - 1] == '.')
		domain.n--;
	walk->is_over = !is_domain(domain);
	if (walk->is_over) {
		span_copy(SPAN("this is no domain name"), walk->why, sizeof(walk->why));
		return walk;
	}
	size_t n = span_copy(domain, walk->domain, sizeof(walk->domain));
	for (size_t i = 0; i < n; i++)
		walk->domain[i] = ascii_lower(walk->domain[i]);
	walk_to(walk, span_make(walk->domain, n));
	return walk;
}

void dmarc_free(struct dmarc_walk *walk)
{
	free(walk);
}

bool dmarc_question(struct dmarc_walk *walk, struct dns_question *ret)
{
	if (walk->is_over)
		return false;
	size_t n = span_copy(prefix, walk->name, sizeof(walk->name));
	n += span_copy(walk->at, walk->name + n, sizeof(walk->name) - n);
	*ret = (struct dns_question){.name = span_make(walk->name, n), .type = DNS_TXT};
	return true;
}

static bool is_own(const struct dmarc_walk *walk)
{
	return walk->at.p == walk->domain;
}

/* The name one label longer than `at`, which is not the whole of the domain. */
static struct span child_of(const struct dmarc_walk *walk, struct span at)
{
	const char *label = at.p - 1;
	while (label > walk->domain && label[-1] != '.')
		label--;
	return span_make(label, (size_t)(at.p - label) + at.n);
}

/*
 * RFC 9989 4.10.2: the highest name with a record is the organisational domain, but psd=n says "me" and psd=y
 * "the one below me", whose record then holds if it has one. True: no name above matters.
 */
static bool record_found(struct dmarc_walk *walk, const struct dmarc_record *record)
{
	walk->organisational = walk->at;
	if (is_own(walk)) {
		walk->has_own = true;
		walk->own = *record;
	} else if (record->psd == 'y') {
		walk->organisational = child_of(walk, walk->at);
		if (walk->has_any && walk->top_at.p == walk->organisational.p)
			return true;
	}
	walk->has_any = true;
	walk->top = *record;
	walk->top_at = walk->at;
	return record->psd != 'u';
}

/* The record at this name; false: none, or several, which is none. */
static bool record_read(
	struct dmarc_walk *walk, const struct dns_answer *answer, struct dmarc_record *ret)
{
	struct dmarc_record record;
	unsigned found = 0;
	for (size_t i = 0; i < answer->n && answer->result == DNS_FOUND; i++) {
		if (!dmarc_parse(answer->rr[i].text, &record))
			continue;
		*ret = record;
		found++;
	}
	if (found > 1 && walk->records == 0) {
		walk->records = found;
		walk->crowd = walk->at;
		int n = snprintf(walk->why, sizeof(walk->why),
			"%.*s has %u DMARC records, so none of them counts", (int)walk->at.n,
			walk->at.p, found);
		if (n < 0)
			walk->why[0] = '\0';
	}
	return found == 1;
}

static void look_failed(struct dmarc_walk *walk, const char *what)
{
	int n = snprintf(walk->why, sizeof(walk->why), "TXT of _dmarc.%.*s: %s", (int)walk->at.n,
		walk->at.p, what);
	if (n < 0)
		walk->why[0] = '\0';
	walk->has_failed = walk->is_over = true;
}

void dmarc_answered(struct dmarc_walk *walk, const struct dns_answer *answer)
{
	struct dmarc_record record;
	if (walk->is_over)
		return;
	if (!answer || answer->result > DNS_NXDOMAIN)
		look_failed(walk, answer ? dns_result_name(answer->result) : "not asked");
	else if (record_read(walk, answer, &record) && record_found(walk, &record))
		walk->is_over = true;
	else
		walk_to(walk, next_of(walk->at));
}

/* Whose record holds: the domain's own, else the organisational domain's, else the suffix's above it. */
static void holding(const struct dmarc_walk *walk, struct dmarc_result *ret)
{
	ret->has_record = walk->has_own || (walk->has_any && !walk->has_failed);
	if (!ret->has_record)
		return;
	ret->records = 1;
	ret->record = walk->has_own ? walk->own : walk->top;
	span_copy(walk->has_own ? span_of(walk->domain) : walk->top_at, ret->at, sizeof(ret->at));
}

void dmarc_result(const struct dmarc_walk *walk, struct dmarc_result *ret)
{
	*ret = (struct dmarc_result){.records = walk->records};
	span_copy(walk->crowd, ret->crowd, sizeof(ret->crowd));
	memcpy(ret->why, walk->why, sizeof(ret->why));
	holding(walk, ret);
	ret->is_unknown = walk->has_failed && !walk->has_own;
	if (walk->has_failed)
		return;
	span_copy(walk->has_any ? walk->organisational : span_of(walk->domain), ret->organisational,
		sizeof(ret->organisational));
}
