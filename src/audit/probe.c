/* SPDX-License-Identifier: ISC */
/*
 * A domain of ours: are abuse@ and postmaster@ accepted where its mail goes? The hosts of its MX and their addresses
 * are looked up here; the dialogue itself is smtp_talk.c's, and somebody with sockets holds it.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

#define HOSTS_MAX    PROBE_TARGETS_MAX
#define PER_HOST_MAX 2 /* addresses of one host and family */

struct host {
	char name[NAME_SIZE];
	uint16_t preference;
};

struct probing {
	bool has_answer, is_null, is_unsure;
	enum dns_result result;
	size_t n, at;
	struct host host[HOSTS_MAX]; /* the most preferred first */
	bool wants_v6;               /* of the host that is asked for */
	struct ip own_v4, own_v6;    /* zero: none */
	struct probe_order order;
	bool was_ordered, has_outcome;
	struct probe_outcome outcome;
};

/* What we call ourselves; an address where that is no name (RFC 5321 4.1.3). */
static void helo_set(struct probing *probe, const struct egress_address *address)
{
	char ip[IP_TEXT_SIZE];
	struct words words = words_in(probe->order.helo, sizeof(probe->order.helo));
	if (address && name_canonical(span_of(address->helo), probe->order.helo) &&
		name_is_public(probe->order.helo))
		return;
	if (address)
		words_add(&words, "[%s%s]",
			ip_is_v4(&address->ip) ? "" : "IPv6:", ip_format(&address->ip, ip));
	else
		words_add(&words, "localhost");
}

static void *probe_begin(const struct audit *a, const struct audit_unit *unit)
{
	struct probing *probe = xcalloc(1, sizeof(*probe));
	(void)span_copy(span_of(unit->name), probe->order.domain, sizeof(probe->order.domain));
	helo_set(probe, a->address_n ? &a->address[0] : NULL);
	/* The first of each family. */
	for (size_t i = a->address_n; i-- > 0;) {
		const struct ip *ip = &a->address[i].ip;
		if (ip_is_v4(ip))
			probe->own_v4 = *ip;
		else
			probe->own_v6 = *ip;
	}
	return probe;
}

/* ---- where its mail goes ---- */

static bool probe_question(void *walk, struct dns_question *ret)
{
	struct probing *probe = walk;
	if (!probe->has_answer) {
		*ret = (struct dns_question){.name = span_of(probe->order.domain), .type = DNS_MX};
		return true;
	}
	if (probe->was_ordered || probe->at >= probe->n || probe->order.n == PROBE_TARGETS_MAX)
		return false;
	*ret = (struct dns_question){.name = span_of(probe->host[probe->at].name),
		.type = probe->wants_v6 ? DNS_AAAA : DNS_A};
	return true;
}

/* Before those that are less preferred; who is least preferred goes when there is no room. */
static void host_add(struct probing *probe, const struct dns_rr *rr)
{
	struct host host = {.preference = rr->preference};
	size_t at = probe->n;
	if (!name_canonical(rr->name, host.name))
		return;
	while (at > 0 && probe->host[at - 1].preference > host.preference)
		at--;
	if (at == HOSTS_MAX)
		return;
	probe->n += probe->n < HOSTS_MAX;
	memmove(&probe->host[at + 1], &probe->host[at], (probe->n - at - 1) * sizeof(host));
	probe->host[at] = host;
}

static void mx_taken(struct probing *probe, const struct dns_answer *answer)
{
	probe->has_answer = true;
	probe->result = answer->result;
	/* RFC 5321 5.1: without MX its own address; RFC 7505: a dot alone says there is none. */
	if (answer->result == DNS_NODATA)
		(void)span_copy(
			span_of(probe->order.domain), probe->host[probe->n++].name, NAME_SIZE);
	if (answer->result != DNS_FOUND)
		return;
	probe->is_null = answer->n == 1 && span_equal(answer->rr[0].name, SPAN("."));
	for (size_t i = 0; i < answer->n && !probe->is_null; i++)
		host_add(probe, &answer->rr[i]);
}

static void address_taken(struct probing *probe, const struct dns_answer *answer)
{
	size_t n = answer->result == DNS_FOUND ? answer->n : 0;
	for (size_t i = 0; i < n && i < PER_HOST_MAX && probe->order.n < PROBE_TARGETS_MAX; i++) {
		struct probe_target *target = &probe->order.target[probe->order.n++];
		*target = (struct probe_target){.ip = answer->rr[i].ip,
			.from = ip_is_v4(&answer->rr[i].ip) ? probe->own_v4 : probe->own_v6};
		memcpy(target->host, probe->host[probe->at].name, sizeof(target->host));
	}
	probe->is_unsure = probe->is_unsure || !dns_is_told(answer->result);
	probe->at += probe->wants_v6;
	probe->wants_v6 = !probe->wants_v6;
}

static void probe_answered(void *walk, const struct dns_answer *answer)
{
	struct probing *probe = walk;
	if (!probe->has_answer)
		mx_taken(probe, answer);
	else
		address_taken(probe, answer);
}

/* ---- what was said there ---- */

static const struct probe_order *probe_ordered(void *walk)
{
	struct probing *probe = walk;
	if (probe->was_ordered || probe->order.n == 0)
		return NULL;
	probe->was_ordered = true;
	return &probe->order;
}

static void probe_probed(void *walk, const struct probe_outcome *outcome)
{
	struct probing *probe = walk;
	probe->has_outcome = outcome != NULL;
	if (outcome)
		probe->outcome = *outcome;
}

/* NULL: somebody was asked. */
static const char *why_not_asked(const struct probing *probe)
{
	if (!dns_is_told(probe->result))
		return "the MX could not be looked up";
	if (probe->is_null)
		return "its MX says that it takes no mail (RFC 7505)";
	if (probe->result == DNS_NXDOMAIN)
		return "there is no such domain";
	if (probe->order.n == 0)
		return probe->is_unsure ? "the addresses of its MX could not be looked up"
					: "none of its MX has an address";
	return probe->has_outcome ? NULL : "its MX could not be asked";
}

/*
 * All of it refused for a reason of policy (RFC 3463 X.7): that is about us. Many servers say at RCPT what they think
 * of the client.
 */
static bool refuses_us(const struct probe_outcome *outcome)
{
	for (size_t i = 0; i < PROBE_RECIPIENTS; i++) {
		const struct probe_said *said = &outcome->said[i];
		if (!probe_refuses(said->code) || strncmp(said->text, "5.7.", 4) != 0)
			return false;
	}
	return true;
}

static void judge_said(
	const struct probing *probe, enum probe_recipient recipient, struct sighting *s)
{
	const struct probe_said *said = &probe->outcome.said[recipient];
	const char *name = probe_recipient_name(recipient), *why = why_not_asked(probe);
	const char *server = probe->outcome.server;
	/* RFC 5321 3.4, 3.5.3: accepted, but not by those who are asked. */
	const char *more = said->code == 251 ? " (it goes on to another address)"
			   : said->code == 252
				   ? " (it takes it without knowing whether it is there)"
				   : "";
	if (why)
		sighting_set(s, AUDIT_UNKNOWN, "%s", why);
	else if (said->code == 0)
		sighting_set(s, AUDIT_UNKNOWN, "%.150s: %s", server, said->text);
	else if (probe_accepts(said->code))
		sighting_set(s, AUDIT_PASS, "%.150s accepts %s@: %u %.100s%s", server, name,
			said->code, said->text, more);
	else if (refuses_us(&probe->outcome))
		sighting_set(s, AUDIT_UNKNOWN, "%.150s refuses us, whoever it is for: %u %.150s",
			server, said->code, said->text);
	else if (!probe_refuses(said->code))
		sighting_set(s, AUDIT_UNKNOWN,
			"%.150s does not say whether it accepts %s@: %u %.150s", server, name,
			said->code, said->text);
	else
		sighting_set(s, AUDIT_FAIL, "%.150s refuses %s@: %u %.180s", server, name,
			said->code, said->text);
	if (s->seen == AUDIT_FAIL)
		sighting_fix(s,
			"accept %s@%s from everybody, and let somebody read it: an alias does (%s)",
			name, probe->order.domain,
			recipient == PROBE_ABUSE ? "RFC 2142" : "RFC 5321 4.5.1");
}

static void probe_report(struct audit *a, struct audit_unit *unit, void *walk)
{
	static const enum audit_check checks[PROBE_RECIPIENTS] = {
		[PROBE_ABUSE] = CHECK_ABUSE, [PROBE_POSTMASTER] = CHECK_POSTMASTER};
	for (unsigned i = 0; i < PROBE_RECIPIENTS; i++) {
		struct sighting s = {0};
		judge_said(walk, (enum probe_recipient)i, &s);
		report(a, unit, checks[i], NULL, &s);
	}
}

const struct walk_kind probe_walk = {.begin = probe_begin,
	.question = probe_question,
	.answered = probe_answered,
	.report = probe_report,
	.free = free,
	.order = probe_ordered,
	.probed = probe_probed};
