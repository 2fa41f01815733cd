/* SPDX-License-Identifier: ISC */
/* What lists and the audit say, as inputs. How bad a finding is is theirs to say, and what follows is cause.c's. */
#include "policyd/speaks.h"

#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

struct said {
	struct posture_input input; /* id and why are set when it is told */
	unsigned weight;
	char id[POSTURE_ID_SIZE], why[POSTURE_TEXT_SIZE];
};

struct speaks {
	const struct postures *p;
	struct ip ip;
	size_t n;
	struct said said[POSTURE_INPUTS_MAX];
	struct posture_input input[POSTURE_INPUTS_MAX];
};

struct speaks *speaks_new(const struct postures *p, const struct ip *egress)
{
	struct speaks *s = xcalloc(1, sizeof(*s));
	s->p = p;
	s->ip = *egress;
	return s;
}

void speaks_free(struct speaks *s)
{
	free(s);
}

/* ---- room for the worst ---- */

/* At the same weight what is known tells more. */
static bool is_less(const struct said *a, const struct said *b)
{
	if (a->weight != b->weight)
		return a->weight < b->weight;
	return a->input.is_unknown && !b->input.is_unknown;
}

static void said_keep(struct speaks *s, const struct said *said)
{
	size_t least = 0;
	if (s->n < POSTURE_INPUTS_MAX) {
		s->said[s->n++] = *said;
		return;
	}
	for (size_t i = 1; i < s->n; i++) {
		if (!is_less(&s->said[least], &s->said[i]))
			least = i;
	}
	if (is_less(&s->said[least], said))
		s->said[least] = *said;
}

/* What is not known has no weight of its own; without one it never spoke, and there is nothing to keep. */
static void said_take(struct speaks *s, struct said *said)
{
	said->weight = said->input.severity;
	if (said->input.is_unknown)
		said->weight = cause_weight(s->p, &s->ip, span_of(said->id));
	if (!said->input.is_unknown || said->weight > 0)
		said_keep(s, said);
}

/* ---- lists ---- */

static bool is_of_egress(const struct speaks *s, const struct listing *listing)
{
	struct ip ip;
	return listing->is_domain ||
	       (ip_parse(span_of(listing->subject), &ip) == 0 && ip_equal(&ip, &s->ip));
}

/* "192.0.2.10 on Spamhaus ZEN: 127.0.0.3, somebody saw spam" */
static void listing_why(const struct listing *listing, char buf[POSTURE_TEXT_SIZE])
{
	const uint8_t *code = listing->code[0];
	const char *text = listing->worst && listing->worst->text ? listing->worst->text : "";
	const char *title = listing->list->title ? listing->list->title : listing->list->name;
	int n = snprintf(buf, POSTURE_TEXT_SIZE, "%s on %s: %u.%u.%u.%u%s%.120s", listing->subject,
		title, code[0], code[1], code[2], code[3], text[0] ? ", " : "", text);
	if (n < 0 || listing->code_n == 0)
		span_copy(span_of(listing->subject), buf, POSTURE_TEXT_SIZE);
}

void speaks_listing(struct speaks *s, const struct listing *listing)
{
	bool is_unknown = listing->verdict == SEEN_UNKNOWN;
	struct said said = {
		.input = {.severity = listing->severity, .is_unknown = is_unknown},
	};
	if (!is_of_egress(s, listing) || listing->verdict == SEEN_CLEAN ||
		(!is_unknown && listing->kind != LISTING_BEHAVIOUR))
		return;
	if (listing->is_domain && said.input.severity > SPEAKS_DOMAIN_MAX)
		said.input.severity = SPEAKS_DOMAIN_MAX;
	if (snprintf(said.id, sizeof(said.id), "listing %.60s %.253s", listing->list->name,
		    listing->is_domain ? listing->subject : "") < 0)
		return;
	listing_why(listing, said.why);
	said_take(s, &said);
}

/* ---- our own house ---- */

void speaks_finding(struct speaks *s, const struct audit_finding *finding)
{
	static const struct ip all;
	const struct audit_row *row = &audit_rows[finding->check];
	uint32_t most = s->p->config->posture.audit_severity;
	bool is_unknown = finding->result == AUDIT_UNKNOWN;
	uint8_t severity = finding->severity < most ? finding->severity : (uint8_t)most;
	struct said said = {.input = {.severity = severity, .is_unknown = is_unknown}};
	/* What is wrong with one domain of a thousand is no reason to send less of the others. */
	if (row->subject != AUDIT_ADDRESS || most == 0 ||
		(finding->result != AUDIT_FAIL && !is_unknown) ||
		(!ip_equal(&finding->ip, &s->ip) && !ip_equal(&finding->ip, &all)))
		return;
	if (snprintf(said.id, sizeof(said.id), "audit %s", row->name) < 0)
		return;
	span_copy(span_of(finding->evidence), said.why, sizeof(said.why));
	said_take(s, &said);
}

/* ---- all of it ---- */

const struct posture_input *speaks_inputs(struct speaks *s, size_t *ret_n)
{
	for (size_t i = 0; i < s->n; i++) {
		s->input[i] = s->said[i].input;
		s->input[i].id = s->said[i].id;
		s->input[i].why = s->said[i].why;
	}
	*ret_n = s->n;
	return s->input;
}

static bool on_listing(void *ctx, const struct listing *listing)
{
	speaks_listing(ctx, listing);
	return true;
}

static bool on_finding(void *ctx, const struct audit_finding *finding)
{
	speaks_finding(ctx, finding);
	return true;
}

void postures_look(
	struct postures *p, const struct egress *egress, const struct audit *audit, struct now now)
{
	struct ip ip[EGRESS_ADDRESSES_MAX];
	const struct egress_address *address;
	size_t n = 0, said;
	while (n < EGRESS_ADDRESSES_MAX && (address = egress_address_at(egress, n)))
		ip[n++] = address->ip;
	postures_egresses(p, ip, n, now);
	for (size_t i = 0; i < n; i++) {
		struct speaks *s = speaks_new(p, &ip[i]);
		egress_listings(egress, now, on_listing, s);
		audit_findings(audit, now, on_finding, s);
		const struct posture_input *input = speaks_inputs(s, &said);
		postures_inputs(p, &ip[i], input, said, now);
		speaks_free(s);
	}
}
