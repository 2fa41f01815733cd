/* SPDX-License-Identifier: ISC */
/*
 * A domain that we send for: does its SPF record let each of our addresses send, is there a DMARC policy,
 * can it be answered to? One walk after the other.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mailauth.h"
#include "policyd/mem.h"
#include "policyd/spf.h"

/* Hosts of an MX set that are looked up until one has an address. */
#define HOSTS_MAX 5

/* What SPF says of one address. */
struct spf_asked {
	char helo[NAME_SIZE];
	struct spf_seen says;
};

struct mx {
	bool has_answer, is_null, is_over, has_address;
	bool is_unsure; /* a look-up told nothing */
	bool wants_v6;  /* of the host: A said there is none */
	enum dns_result result;
	size_t n, at;
	char host[HOSTS_MAX][NAME_SIZE]; /* the domain itself when there is no MX */
};

struct domain {
	char name[NAME_SIZE];
	size_t seen_n, seen_at;
	struct spf_asked *seen;
	char *record; /* of SPF; NULL: not known yet */
	struct spf_walk *spf;
	struct dmarc_walk *dmarc; /* NULL: not begun, or over */
	bool has_dmarc;
	struct dmarc_result policy;
	struct mx mx;
};

static void *domain_begin(const struct audit *a, const struct audit_unit *unit)
{
	struct domain *d = xcalloc(1, sizeof(*d));
	(void)span_copy(span_of(unit->name), d->name, sizeof(d->name));
	d->seen = xcalloc(a->address_n ? a->address_n : 1, sizeof(*d->seen));
	for (size_t i = 0; i < a->address_n; i++) {
		const struct egress_address *address = &a->address[i];
		/* Which addresses are asked about is the unit's to say. */
		for (size_t j = 0; j < unit->finding_n; j++) {
			if (unit->finding[j].check != CHECK_SPF ||
				!ip_equal(&unit->finding[j].ip, &address->ip))
				continue;
			d->seen[d->seen_n].says.ip = address->ip;
			memcpy(d->seen[d->seen_n++].helo, address->helo, NAME_SIZE);
			break;
		}
	}
	return d;
}

static void domain_free(void *walk)
{
	struct domain *d = walk;
	spf_free(d->spf);
	dmarc_free(d->dmarc);
	free(d->record);
	free(d->seen);
	free(d);
}

/* ---- SPF ---- */

static void spf_end(struct domain *d)
{
	char *record = spf_take(&d->spf, &d->seen[d->seen_at++].says);
	if (d->record)
		free(record);
	else
		d->record = record;
}

/* True: there is something to ask. */
static bool spf_next(struct domain *d, struct dns_question *ret)
{
	while (d->seen_at < d->seen_n) {
		const struct spf_asked *seen = &d->seen[d->seen_at];
		if (!d->spf)
			d->spf = spf_new(&(struct spf_query){.ip = seen->says.ip,
				.domain = span_of(d->name),
				.helo = span_of(seen->helo)});
		if (spf_question(d->spf, ret))
			return true;
		spf_end(d);
	}
	return false;
}

static void spf_report(struct audit *a, struct audit_unit *unit, const struct domain *d,
	const struct ip *missing_ip, size_t n)
{
	const struct spf_missing missing = {.ip = missing_ip, .n = n};
	for (size_t i = 0; i < d->seen_n; i++) {
		const struct spf_seen *seen = &d->seen[i].says;
		struct sighting s = {0};
		spf_say(&s, d->name, seen);
		if (spf_is_missing(seen->verdict))
			spf_fix(&s, d->name, d->record, &missing);
		report(a, unit, CHECK_SPF, &seen->ip, &s);
	}
}

static void spf_report_all(struct audit *a, struct audit_unit *unit, const struct domain *d)
{
	struct ip *missing = xcalloc(d->seen_n ? d->seen_n : 1, sizeof(*missing));
	size_t n = 0;
	/* One record for all of them. */
	for (size_t i = 0; i < d->seen_n; i++) {
		if (spf_is_missing(d->seen[i].says.verdict))
			missing[n++] = d->seen[i].says.ip;
	}
	spf_report(a, unit, d, missing, n);
	free(missing);
}

/* ---- DMARC ---- */

static bool dmarc_next(struct domain *d, struct dns_question *ret)
{
	if (d->has_dmarc)
		return false;
	if (!d->dmarc)
		d->dmarc = dmarc_new(span_of(d->name));
	if (dmarc_question(d->dmarc, ret))
		return true;
	d->has_dmarc = true;
	dmarc_result(d->dmarc, &d->policy);
	dmarc_free(d->dmarc);
	d->dmarc = NULL;
	return false;
}

static void fix_dmarc(const struct domain *d, struct sighting *s)
{
	const struct dmarc_result *policy = &d->policy;
	const char *at = policy->at[0] ? policy->at : policy->crowd[0] ? policy->crowd : d->name;
	sighting_fix(
		s, "_dmarc.%s. TXT \"v=DMARC1; p=none; rua=mailto:postmaster@%.120s\"", at, at);
}

/* The domain's own are several, and so it is another one's that holds. */
static void warn_of_crowd(const struct domain *d, struct sighting *s)
{
	const struct dmarc_result *policy = &d->policy;
	if (strcmp(policy->crowd, d->name) != 0)
		return;
	sighting_set(s, AUDIT_WARN,
		"_dmarc.%.150s has several records, which is as none: that of %.150s holds",
		policy->crowd, policy->at);
	sighting_fix(s, "_dmarc.%s.: leave one TXT record with v=DMARC1 there", policy->crowd);
}

static void judge_dmarc(const struct domain *d, struct sighting *s)
{
	const struct dmarc_result *policy = &d->policy;
	if (policy->is_unknown) {
		sighting_set(s, AUDIT_UNKNOWN, "the DMARC policy could not be looked up%s%s",
			policy->why[0] ? ": " : "", policy->why);
	} else if (!policy->has_record && policy->records > 1) {
		sighting_set(s, AUDIT_FAIL,
			"_dmarc.%s has %u records, which is as none (RFC 9989 4.10)", policy->crowd,
			policy->records);
		fix_dmarc(d, s);
	} else if (!policy->has_record) {
		sighting_set(s, AUDIT_WARN,
			"there is no DMARC policy; large receivers ask for one%s%s",
			policy->why[0] ? ": " : "", policy->why);
		fix_dmarc(d, s);
	} else if (!policy->record.is_valid) {
		sighting_set(s, AUDIT_FAIL, "the DMARC record of %s is not sound: %s", policy->at,
			policy->record.why);
		fix_dmarc(d, s);
	} else {
		const struct dmarc_record *record = &policy->record;
		sighting_set(s, record->why[0] ? AUDIT_WARN : AUDIT_PASS, "p=%s of %s%s%s%s",
			record->policy, policy->at, record->is_testing ? ", testing" : "",
			record->why[0] ? ": " : "", record->why);
		warn_of_crowd(d, s);
	}
}

/* ---- MX ---- */

static bool mx_next(struct domain *d, struct dns_question *ret)
{
	struct mx *mx = &d->mx;
	if (!mx->has_answer) {
		*ret = (struct dns_question){.name = span_of(d->name), .type = DNS_MX};
		return true;
	}
	if (mx->is_over || mx->has_address || mx->at >= mx->n)
		return false;
	*ret = (struct dns_question){
		.name = span_of(mx->host[mx->at]), .type = mx->wants_v6 ? DNS_AAAA : DNS_A};
	return true;
}

static void mx_take(struct domain *d, const struct dns_answer *answer)
{
	struct mx *mx = &d->mx;
	mx->has_answer = true;
	mx->result = answer->result;
	/* RFC 5321 5.1: without MX its own address; RFC 7505: a dot alone says there is none. */
	if (answer->result == DNS_NODATA)
		memcpy(mx->host[mx->n++], d->name, NAME_SIZE);
	if (answer->result != DNS_FOUND)
		return;
	for (size_t i = 0; i < answer->n && mx->n < HOSTS_MAX; i++) {
		mx->is_null = mx->is_null || span_equal(answer->rr[i].name, SPAN("."));
		mx->n += name_canonical(answer->rr[i].name, mx->host[mx->n]);
	}
	mx->is_over = mx->is_null && answer->n == 1;
	mx->is_null = mx->is_over;
}

static void mx_answered(struct domain *d, const struct dns_answer *answer)
{
	struct mx *mx = &d->mx;
	if (!mx->has_answer) {
		mx_take(d, answer);
		return;
	}
	mx->has_address = answer->result == DNS_FOUND;
	mx->is_unsure = mx->is_unsure || !dns_is_told(answer->result);
	if (mx->has_address)
		return;
	mx->at += mx->wants_v6;
	mx->wants_v6 = !mx->wants_v6;
}

static void fix_mx(const struct domain *d, struct sighting *s)
{
	char ip[IP_TEXT_SIZE];
	const struct spf_asked *own = d->seen_n && !name_fault(d->seen[0].helo) ? d->seen : NULL;
	for (size_t i = 0; own && i < d->mx.n; i++) {
		/* The MX is right, what it leads to is not there. */
		if (strcmp(d->mx.host[i], own->helo) == 0) {
			sighting_fix(s, "%s. %s %s", own->helo,
				ip_is_v4(&own->says.ip) ? "A" : "AAAA",
				ip_format(&own->says.ip, ip));
			return;
		}
	}
	sighting_fix(s, "%s. MX 10 %s.", d->name, own ? own->helo : "mail.example.org");
}

static void judge_mx(const struct domain *d, struct sighting *s)
{
	const struct mx *mx = &d->mx;
	bool is_own = mx->result == DNS_NODATA;
	if (!dns_is_told(mx->result)) {
		sighting_set(s, AUDIT_UNKNOWN, "the MX could not be looked up: %s",
			dns_result_name(mx->result));
		return;
	}
	if (mx->is_null)
		sighting_set(s, AUDIT_FAIL,
			"it says that it takes no mail (RFC 7505): "
			"receivers refuse what cannot be answered");
	else if (mx->result == DNS_NXDOMAIN)
		sighting_set(s, AUDIT_FAIL, "there is no such domain");
	else if (mx->has_address)
		sighting_set(s, AUDIT_PASS, "%.250s%s", mx->host[mx->at],
			is_own ? " itself: there is no MX" : "");
	else if (mx->is_unsure)
		sighting_set(s, AUDIT_UNKNOWN, "the addresses of its MX could not be looked up");
	else
		sighting_set(s, AUDIT_FAIL,
			is_own ? "there is neither MX nor address"
			       : "none of its MX has an address");
	if (s->seen == AUDIT_FAIL)
		fix_mx(d, s);
}

/* ---- all ---- */

static bool domain_question(void *walk, struct dns_question *ret)
{
	struct domain *d = walk;
	return spf_next(d, ret) || dmarc_next(d, ret) || mx_next(d, ret);
}

static void domain_answered(void *walk, const struct dns_answer *answer)
{
	struct domain *d = walk;
	if (d->spf)
		spf_answered(d->spf, answer);
	else if (d->dmarc)
		dmarc_answered(d->dmarc, answer);
	else
		mx_answered(d, answer);
}

/* What could not be looked up leaves what was known; without any record nobody says what belongs together. */
static void organisation_keep(struct audit_unit *unit, const struct dmarc_result *policy)
{
	if (policy->is_unknown)
		return;
	free(unit->organisation);
	unit->organisation = policy->has_record ? xstrdup(policy->organisational) : NULL;
}

static void domain_report(struct audit *a, struct audit_unit *unit, void *walk)
{
	const struct domain *d = walk;
	struct sighting dmarc = {0}, mx = {0};
	spf_report_all(a, unit, d);
	organisation_keep(unit, &d->policy);
	judge_dmarc(d, &dmarc);
	report(a, unit, CHECK_DMARC, NULL, &dmarc);
	judge_mx(d, &mx);
	report(a, unit, CHECK_MX, NULL, &mx);
}

const struct walk_kind domain_walk = {
	domain_begin, domain_question, domain_answered, domain_report, domain_free, NULL, NULL};
