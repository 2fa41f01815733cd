/* SPDX-License-Identifier: ISC */
/*
 * One of our addresses as receivers look at it: its names in reverse DNS, where these lead, and whether the
 * HELO name is one of them. PTR, then the address of each name and of HELO, then SPF of HELO.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* As many as SPF looks at (RFC 7208 4.6.4); nobody looks at more. */
#define NAMES_MAX      10
#define LEAD_TEXT_SIZE (2 * IP_TEXT_SIZE + 32)

enum leads { LEADS_UNKNOWN, LEADS_HERE, LEADS_ELSEWHERE, LEADS_NOWHERE };

/* Where a name leads. */
struct lead {
	enum leads where;
	enum dns_result result;
	struct ip other; /* ELSEWHERE */
};

struct reverse {
	struct ip ip;
	char helo[NAME_SIZE];
	char question[REVERSE_SIZE];
	bool has_ptr, has_helo; /* answered, or not to be asked */
	size_t at;              /* of the name that is asked */
	enum dns_result ptr;
	size_t n, total;
	char name[NAMES_MAX][DNS_NAME_SIZE];
	struct lead lead[NAMES_MAX], helo_lead;
	struct helo_spf spf;
};

static void *reverse_begin(const struct audit *a, const struct audit_unit *unit)
{
	struct reverse *r = xcalloc(1, sizeof(*r));
	r->ip = unit->ip;
	for (size_t i = 0; i < a->address_n; i++) {
		if (ip_equal(&a->address[i].ip, &unit->ip) &&
			!name_canonical(span_of(a->address[i].helo), r->helo))
			r->helo[0] = '\0';
	}
	return r;
}

/* The place of HELO among the PTR names, or n. */
static size_t helo_at(const struct reverse *r)
{
	size_t i = 0;
	while (i < r->n && strcmp(r->name[i], r->helo) != 0)
		i++;
	return i;
}

static bool reverse_question(void *walk, struct dns_question *ret)
{
	struct reverse *r = walk;
	enum dns_type type = ip_is_v4(&r->ip) ? DNS_A : DNS_AAAA;
	if (!r->has_ptr) {
		*ret = (struct dns_question){
			.name = span_of(name_reverse(&r->ip, r->question)), .type = DNS_PTR};
		return true;
	}
	if (r->at < r->n) {
		*ret = (struct dns_question){.name = span_of(r->name[r->at]), .type = type};
		return true;
	}
	if (!r->has_helo && !name_fault(r->helo) && helo_at(r) == r->n) {
		*ret = (struct dns_question){.name = span_of(r->helo), .type = type};
		return true;
	}
	r->has_helo = true;
	return helo_spf_question(&r->spf, &r->ip, r->helo, ret);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* In the order of their letters, each once: a server gives them in another order each time. */
static void take_names(struct reverse *r, const struct dns_answer *answer)
{
	char(*name)[DNS_NAME_SIZE] = xcalloc(DNS_RR_MAX, sizeof(*name));
	size_t n = 0;
	for (size_t i = 0; i < answer->n && i < DNS_RR_MAX; i++)
		(void)span_copy(answer->rr[i].name, name[n++], DNS_NAME_SIZE);
	qsort(name, n, sizeof(*name), by_name);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && strcmp(name[i], name[i - 1]) == 0)
			continue;
		r->total++;
		if (r->n < NAMES_MAX)
			memcpy(r->name[r->n++], name[i], sizeof(*name));
	}
	free(name);
}

static struct lead lead_of(const struct dns_answer *answer, const struct ip *ip)
{
	struct lead lead = {.result = answer->result};
	if (!dns_is_told(answer->result))
		return lead;
	lead.where = LEADS_NOWHERE;
	for (size_t i = 0; answer->result == DNS_FOUND && i < answer->n; i++) {
		if (ip_equal(&answer->rr[i].ip, ip)) {
			lead.where = LEADS_HERE;
			return lead;
		}
		lead.where = LEADS_ELSEWHERE;
		lead.other = answer->rr[i].ip;
	}
	return lead;
}

static void reverse_answered(void *walk, const struct dns_answer *answer)
{
	struct reverse *r = walk;
	if (!r->has_ptr) {
		r->has_ptr = true;
		r->ptr = answer->result;
		if (answer->result == DNS_FOUND)
			take_names(r, answer);
	} else if (r->at < r->n) {
		r->lead[r->at++] = lead_of(answer, &r->ip);
	} else if (!r->has_helo) {
		r->has_helo = true;
		r->helo_lead = lead_of(answer, &r->ip);
	} else {
		helo_spf_answered(&r->spf, answer);
	}
}

static void reverse_free(void *walk)
{
	struct reverse *r = walk;
	helo_spf_free(&r->spf);
	free(r);
}

/* ---- what it says ---- */

static const char *type_of(const struct reverse *r)
{
	return ip_is_v4(&r->ip) ? "A" : "AAAA";
}

static const struct lead *lead_of_helo(const struct reverse *r)
{
	size_t at = helo_at(r);
	return at < r->n ? &r->lead[at] : &r->helo_lead;
}

/* A name in reverse DNS that may be written into a fix; NULL: none. */
static const char *fine_name(const struct reverse *r)
{
	char why[GENERIC_WHY_MAX];
	for (size_t i = 0; i < r->n; i++) {
		if (r->lead[i].where == LEADS_HERE && !name_fault(r->name[i]) &&
			generic_score(r->name[i], &r->ip, why) < GENERIC_SCORE)
			return r->name[i];
	}
	return NULL;
}

/* A name of ours for reverse DNS; best the one that is said in HELO, which is then the only one. */
static const char *good_name(const struct reverse *r)
{
	const char *fine = fine_name(r);
	if (!name_fault(r->helo) && (!fine || lead_of_helo(r)->where == LEADS_HERE))
		return r->helo;
	return fine ? fine : "mail.example.org";
}

static void fix_ptr(const struct reverse *r, struct sighting *s)
{
	char name[REVERSE_SIZE];
	sighting_fix(s, "%s. PTR %s. (who gave you the address has it set)",
		name_reverse(&r->ip, name), good_name(r));
}

/* True: there are names. Else it says why nothing can be said of them. */
static bool has_names(const struct reverse *r, enum audit_result without, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	(void)ip_format(&r->ip, ip);
	if (!dns_is_told(r->ptr)) {
		sighting_set(s, AUDIT_UNKNOWN, "reverse DNS of %s could not be looked up: %s", ip,
			dns_result_name(r->ptr));
		return false;
	}
	if (r->n > 0)
		return true;
	sighting_set(s, without, "%s has no name in reverse DNS: %s", ip, dns_result_name(r->ptr));
	fix_ptr(r, s);
	return false;
}

static void judge_ptr(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	if (!has_names(r, AUDIT_FAIL, s))
		return;
	if (r->total == 1) {
		sighting_set(s, AUDIT_PASS, "%s", r->name[0]);
		return;
	}
	sighting_set(s, AUDIT_WARN,
		"%s has %zu names, %.120s and %.120s%s: receivers take any of them",
		ip_format(&r->ip, ip), r->total, r->name[0], r->name[1],
		r->total > 2 ? " among them" : "");
	fix_ptr(r, s);
}

/* A predicate to the name. */
static const char *lead_text(
	const struct reverse *r, const struct lead *lead, char buf[LEAD_TEXT_SIZE])
{
	char other[IP_TEXT_SIZE], ip[IP_TEXT_SIZE];
	struct words words = words_in(buf, LEAD_TEXT_SIZE);
	if (lead->where == LEADS_ELSEWHERE)
		words_add(&words, "leads to %s, not to %s", ip_format(&lead->other, other),
			ip_format(&r->ip, ip));
	else if (lead->where == LEADS_NOWHERE && lead->result == DNS_NXDOMAIN)
		words_add(&words, "does not exist");
	else
		words_add(&words, "has no address");
	return buf;
}

/* The first name that leads there, or n. */
static size_t first_that(const struct reverse *r, enum leads where)
{
	size_t i = 0;
	while (i < r->n && r->lead[i].where != where)
		i++;
	return i;
}

/* The first name that certainly does not lead back, or n. */
static size_t first_astray(const struct reverse *r)
{
	size_t elsewhere = first_that(r, LEADS_ELSEWHERE), nowhere = first_that(r, LEADS_NOWHERE);
	return elsewhere < nowhere ? elsewhere : nowhere;
}

static void judge_fcrdns(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE], where[LEAD_TEXT_SIZE];
	size_t here, astray = first_astray(r), unknown;
	if (!has_names(r, AUDIT_FAIL, s))
		return;
	here = first_that(r, LEADS_HERE);
	unknown = first_that(r, LEADS_UNKNOWN);
	(void)ip_format(&r->ip, ip);
	if (here < r->n && astray == r->n) {
		sighting_set(s, AUDIT_PASS, "%s -> %.250s -> %s", ip, r->name[here], ip);
	} else if (here < r->n) {
		sighting_set(s, AUDIT_WARN, "of the names of %s %.150s %s", ip, r->name[astray],
			lead_text(r, &r->lead[astray], where));
		fix_ptr(r, s);
	} else if (unknown < r->n) {
		sighting_set(s, AUDIT_UNKNOWN, "the address of %.250s could not be looked up: %s",
			r->name[unknown], dns_result_name(r->lead[unknown].result));
	} else {
		sighting_set(s, AUDIT_FAIL, "%.250s, the name of %s, %s", r->name[astray], ip,
			lead_text(r, &r->lead[astray], where));
		sighting_fix(s, "%.250s. %s %s", r->name[astray], type_of(r), ip);
	}
}

/* What to say in HELO instead, when reverse DNS has a good name. */
static void fix_helo(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	const char *fine = fine_name(r);
	if (fine)
		sighting_fix(s,
			"smtp_helo_name = %s (main.cf, or -o of its transport in master.cf)", fine);
	else if (!name_fault(r->helo))
		sighting_fix(s, "%s. %s %s", r->helo, type_of(r), ip_format(&r->ip, ip));
	else
		sighting_fix(s,
			"smtp_helo_name = a full name that leads to %s, as mail.example.org",
			ip_format(&r->ip, ip));
}

static void judge_helo_here(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	(void)ip_format(&r->ip, ip);
	if (helo_at(r) < r->n) {
		sighting_set(s, AUDIT_PASS, "%s leads to %s and is its name", r->helo, ip);
		return;
	}
	if (!dns_is_told(r->ptr)) {
		sighting_set(s, AUDIT_UNKNOWN,
			"%s leads to %s, whose name could not be looked up: %s", r->helo, ip,
			dns_result_name(r->ptr));
		return;
	}
	if (r->n)
		sighting_set(s, AUDIT_WARN, "%s leads to %s, whose name is another one: %.130s",
			r->helo, ip, r->name[0]);
	else
		sighting_set(
			s, AUDIT_WARN, "%s leads to %s, which has no name itself", r->helo, ip);
	fix_ptr(r, s);
}

static void judge_helo(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE], where[LEAD_TEXT_SIZE];
	const struct lead *lead = lead_of_helo(r);
	const char *fault = name_fault(r->helo);
	(void)ip_format(&r->ip, ip);
	if (!r->helo[0]) {
		sighting_set(s, AUDIT_UNKNOWN, "the HELO name of %s is not known", ip);
		sighting_fix(s, "egress.addresses: { address = \"%s\"; helo = \"...\"; }", ip);
	} else if (fault) {
		sighting_set(s, AUDIT_FAIL, "HELO %.200s %s", r->helo, fault);
		fix_helo(r, s);
	} else if (lead->where == LEADS_UNKNOWN) {
		sighting_set(s, AUDIT_UNKNOWN, "the address of HELO %s could not be looked up: %s",
			r->helo, dns_result_name(lead->result));
	} else if (lead->where == LEADS_HERE) {
		judge_helo_here(r, s);
	} else {
		sighting_set(s, AUDIT_FAIL, "HELO %s %s", r->helo, lead_text(r, lead, where));
		fix_helo(r, s);
	}
}

static void judge_helo_spf(const struct reverse *r, struct sighting *s)
{
	helo_spf_judge(&r->spf, r->helo, lead_of_helo(r)->where == LEADS_HERE, s);
}

static void judge_name(const struct reverse *r, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	for (size_t i = 0; i < r->n; i++) {
		const char *fault = name_fault(r->name[i]);
		if (fault) {
			sighting_set(s, AUDIT_FAIL, "%.200s %s", r->name[i], fault);
			fix_ptr(r, s);
			return;
		}
	}
	const char *fault = r->helo[0] ? name_fault(r->helo) : NULL;
	if (fault) {
		sighting_set(s, AUDIT_FAIL, "HELO %.200s %s", r->helo, fault);
		fix_helo(r, s);
	} else if (!dns_is_told(r->ptr)) {
		(void)has_names(r, AUDIT_UNKNOWN, s);
	} else if (r->n == 0 && !r->helo[0]) {
		sighting_set(s, AUDIT_UNKNOWN, "no name of %s is known", ip_format(&r->ip, ip));
	} else {
		sighting_set(s, AUDIT_PASS, "%.250s", r->n ? r->name[0] : r->helo);
	}
}

static void judge_generic(const struct reverse *r, struct sighting *s)
{
	char why[GENERIC_WHY_MAX];
	if (!has_names(r, AUDIT_UNKNOWN, s))
		return;
	for (size_t i = 0; i < r->n; i++) {
		unsigned points = generic_score(r->name[i], &r->ip, why);
		if (points < GENERIC_SCORE)
			continue;
		sighting_set(s, AUDIT_WARN,
			"%.150s looks like the name of a customer's line (%u points, %u are "
			"enough): %s",
			r->name[i], points, GENERIC_SCORE, why);
		sighting_fix(s, "a name of your own in reverse DNS, as mail.example.org");
		return;
	}
	sighting_set(s, AUDIT_PASS, "%.250s", r->name[0]);
}

static void reverse_report(struct audit *a, struct audit_unit *unit, void *walk)
{
	static const struct {
		enum audit_check check;
		void (*judge)(const struct reverse *r, struct sighting *s);
	} judges[] = {{CHECK_PTR, judge_ptr}, {CHECK_FCRDNS, judge_fcrdns},
		{CHECK_HELO, judge_helo}, {CHECK_HELO_SPF, judge_helo_spf},
		{CHECK_NAME, judge_name}, {CHECK_GENERIC, judge_generic}};
	for (size_t i = 0; i < sizeof(judges) / sizeof(judges[0]); i++) {
		struct sighting s = {0};
		judges[i].judge(walk, &s);
		report(a, unit, judges[i].check, &unit->ip, &s);
	}
}

const struct walk_kind reverse_walk = {reverse_begin, reverse_question, reverse_answered,
	reverse_report, reverse_free, NULL, NULL};
