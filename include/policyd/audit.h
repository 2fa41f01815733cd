/* SPDX-License-Identifier: ISC */
/*
 * audit.h - our own house: reverse DNS, names, SPF, DKIM, DMARC and MX of what we send, each as pass, warn,
 * fail or unknown, with the evidence and what to change. Pure: it says what to ask (effects) and judges the
 * answers; time comes in. Facts and sources: RFC 7208, 6376, 8301, 9989, 2317, 952, 1123; receivers' published
 * requirements for reverse DNS (Google 81126, Yahoo, Microsoft, Apple).
 *
 * A failure counts only when it was seen three times over 30 minutes (temporary loss of DNS is common); what
 * cannot be looked up is unknown, never a failure.
 *
 *	audit_tick(a, now) at audit_due(a)
 *	while (audit_effect(a, &effect)) ...       ASK: dns, EVENT: store and log, PROBE: SMTP (probe.h)
 *	audit_answered(a, effect.ask, answer, now) exactly once for each ASK
 */
#ifndef POLICYD_AUDIT_H
#define POLICYD_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/bytes.h"
#include "policyd/clock.h"
#include "policyd/config.h"
#include "policyd/dns.h"
#include "policyd/egress.h"
#include "policyd/event.h"
#include "policyd/probe.h"

enum audit_result { AUDIT_UNKNOWN, AUDIT_PASS, AUDIT_WARN, AUDIT_FAIL, AUDIT_RESULTS };
const char *audit_result_name(enum audit_result result);

/* One row for each check: audit.def. AUDIT(id, name, subject, severity, text) */
enum audit_check {
#define AUDIT(id, name, subject, severity, text) CHECK_##id,
#include "policyd/audit.def"
#undef AUDIT
	AUDIT_CHECKS
};
enum audit_subject { AUDIT_ADDRESS, AUDIT_DOMAIN, AUDIT_SELECTOR };
struct audit_row {
	const char *name;
	enum audit_subject subject;
	uint8_t severity; /* of a failure, as of listings: 1 informs .. 5 */
	const char *text;
};
extern const struct audit_row audit_rows[AUDIT_CHECKS];

struct audit;
struct audit_setup {
	struct config *config; /* a reference is taken */
	uint64_t seed[2];
};
struct audit *audit_new(const struct audit_setup *setup, struct now now);
void audit_free(struct audit *a);
void audit_configure(struct audit *a, struct config *config, struct now now);

/* ---- what there is to look at ---- */

/* Our addresses, all of them (egress_address_at()); takes the place of those before. */
void audit_addresses(
	struct audit *a, const struct egress_address *address, size_t n, struct now now);
/* A sender domain in use: so many recipients more. The first AUDIT_DOMAINS_MAX by volume are looked at (space-saving). */
#define AUDIT_DOMAINS_MAX   1000
#define AUDIT_SELECTORS_MAX 256
void audit_domain_seen(struct audit *a, struct span domain, uint32_t recipients, struct now now);
/* A signature of ours was seen (a signer's log line, a message of ours as received elsewhere). */
void audit_selector_seen(struct audit *a, struct span domain, struct span selector, struct now now);
/* The organisational domain of one that is looked at (RFC 9989 4.10.2); "": not known. Valid until the next call. */
const char *audit_organisation(const struct audit *a, struct span domain);

/* ---- the flow ---- */

void audit_tick(struct audit *a, struct now now);
mono_t audit_due(const struct audit *a);
typedef uint64_t audit_ask;
void audit_answered(
	struct audit *a, audit_ask ask, const struct dns_answer *answer, struct now now);

/* As audit_answered(), once for each PROBE; NULL: it could not be carried out. */
void audit_probed(
	struct audit *a, audit_ask ask, const struct probe_outcome *outcome, struct now now);

enum audit_effect_kind { AUDIT_ASK, AUDIT_EVENT, AUDIT_PROBE };
#define AUDIT_IN_FLIGHT_MAX 16
/* Of those so many probes at most; each domain is probed once in an interval at most. */
#define AUDIT_PROBES_MAX        4
#define AUDIT_PROBE_DOMAINS_MAX 100
struct audit_effect {
	enum audit_effect_kind kind;
	audit_ask ask;
	struct dns_question question;
	const struct probe_order *probe; /* PROBE: valid until the next call */
	struct policy_event
		event; /* EVENT_AUDIT; account "egress:192.0.2.1" or "domain:example.org", limit the check's name */
	bool is_grave;
};
bool audit_effect(struct audit *a, struct audit_effect *ret);
/* Look at everything now, whatever was due (egress check). */
void audit_hurry(struct audit *a, struct now now);
/* So many checks of the last hurry are still open. */
size_t audit_open(const struct audit *a);

/* ---- what was found ---- */

#define AUDIT_TEXT_SIZE 400
struct audit_finding {
	enum audit_check check;
	const char *subject;      /* "192.0.2.1", "example.org", "s1._domainkey.example.org" */
	struct ip ip;             /* the egress it speaks of; zero: of all of them */
	enum audit_result result; /* the verdict; `seen` is what the last look said */
	enum audit_result seen;
	uint8_t severity;
	const char *evidence; /* in words, with names and addresses */
	const char *fix;      /* the record to publish or the setting to change; "" */
	wall_t since, looked, next;
	unsigned failed_looks; /* in a row */
};
/* By subject (addresses first), then check. False from each ends it. */
typedef bool audit_each(void *ctx, const struct audit_finding *finding);
void audit_findings(const struct audit *a, struct now now, audit_each *each, void *ctx);

struct audit_figures {
	size_t findings[AUDIT_RESULTS];
	size_t domains, selectors, in_flight;
	uint64_t asked, dropped;
	uint64_t bytes;
};
void audit_figures(const struct audit *a, struct audit_figures *ret);

/* ---- what outlives the process ---- */

bool audit_is_dirty(const struct audit *a);
void audit_save(struct audit *a, struct bytes *out, struct now now);
MUST_CHECK int audit_load(struct audit *a, struct span saved, struct now now);

#endif
