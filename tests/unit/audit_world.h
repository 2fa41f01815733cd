/* SPDX-License-Identifier: ISC */
/*
 * audit_world.h - names in DNS and time, all made up: what audit.h is tested in.
 *
 *	struct world *w = world_new(text of a configuration);
 *	world_address(w, "192.0.2.10", "mail.example.org");
 *	says(w, "", "mail.example.org", DNS_A, "192.0.2.10");
 *	world_run(w, 3600);
 *
 * What nobody says is not there. The zones of ORG and of 2.0.192.in-addr.arpa have two servers each.
 */
#ifndef POLICYD_TEST_AUDIT_WORLD_H
#define POLICYD_TEST_AUDIT_WORLD_H

#include <stdio.h>
#include <string.h>

#include "config_help.h"
#include "policyd/audit.h"

#define SAYINGS 4096
#define EVENTS  4096
#define START_S 1000000
#define WALL_S  INT64_C(1800000000)
#define REVERSE "10.2.0.192.in-addr.arpa"
#define MAIL    "mail.example.org"
#define NS1     "198.51.100.1"
#define NS2     "198.51.100.2"
#define ONE                                                                                        \
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; } ); "  \
	"};\n"

/* Data: values with "|" between them; "!TIMEOUT" and the like: that result. */
struct saying {
	char server[IP_TEXT_SIZE]; /* "": our resolver, and each server that says nothing else */
	char name[256];
	enum dns_type type;
	char data[600];
};

struct world {
	struct config *config;
	struct audit *a;
	struct now now;
	struct saying *saying;
	size_t saying_n;
	struct egress_address address[8];
	size_t address_n;
	char *event[EVENTS]; /* "!egress:192.0.2.10 ptr pass -> fail: ..." */
	size_t event_n;
	size_t asked, open_most, burst_most; /* burst: questions of one second */
	bool is_down;                        /* every question: SERVFAIL */
	bool is_silent;                      /* no answer at all */
	size_t probes;
	struct probe_order order; /* the last one's */
	audit_ask probe_ask;
	const struct probe_outcome *outcome; /* of each probe; NULL: it could not be made */
	bool is_probe_silent;
};

static inline void says(
	struct world *w, const char *server, const char *name, enum dns_type type, const char *data)
{
	struct saying *place = NULL;
	for (size_t i = 0; i < w->saying_n && !place; i++) {
		struct saying *it = &w->saying[i];
		if (it->type == type && !strcmp(it->name, name) && !strcmp(it->server, server))
			place = it;
	}
	if (!place) {
		ck_assert_uint_lt(w->saying_n, SAYINGS);
		place = &w->saying[w->saying_n++];
	}
	place->type = type;
	(void)span_copy(span_of(server), place->server, sizeof(place->server));
	(void)span_copy(span_of(name), place->name, sizeof(place->name));
	(void)span_copy(span_of(data), place->data, sizeof(place->data));
}

static inline const struct saying *saying_of(
	const struct world *w, const char *server, const char *name, enum dns_type type)
{
	for (size_t i = 0; i < w->saying_n; i++) {
		const struct saying *it = &w->saying[i];
		if (it->type == type && !strcmp(it->name, name) && !strcmp(it->server, server))
			return it;
	}
	return NULL;
}

static inline bool name_is_there(const struct world *w, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < w->saying_n; i++) {
		size_t m = strlen(w->saying[i].name);
		if (m >= n && !strcmp(w->saying[i].name + m - n, name))
			return true;
	}
	return false;
}

/* ---- an answer ---- */

struct reply {
	struct dns_answer answer;
	struct dns_rr rr[DNS_RR_MAX];
	char name[256], canonical[256], data[600];
};

static inline enum dns_result result_named(const char *name)
{
	static const char *const names[] = {[DNS_NODATA] = "NODATA",
		[DNS_NXDOMAIN] = "NXDOMAIN",
		[DNS_SERVFAIL] = "SERVFAIL",
		[DNS_REFUSED] = "REFUSED",
		[DNS_TIMEOUT] = "TIMEOUT"};
	for (int i = DNS_NODATA; i <= DNS_TIMEOUT; i++) {
		if (!strcmp(names[i], name))
			return (enum dns_result)i;
	}
	ck_abort_msg("no result is called %s", name);
	return DNS_TIMEOUT;
}

static inline void reply_value(struct reply *reply, enum dns_type type, char *value)
{
	struct dns_rr *rr = &reply->rr[reply->answer.n++];
	*rr = (struct dns_rr){0};
	if (type == DNS_A || type == DNS_AAAA) {
		ck_assert_int_eq(ip_parse(span_of(value), &rr->ip), 0);
	} else if (type == DNS_TXT) {
		rr->text = span_of(value);
	} else if (type == DNS_SOA) {
		rr->serial = (uint32_t)strtoul(value, NULL, 10);
		rr->name = SPAN("ns1.example.org");
	} else {
		/* "10 mx.example.org" */
		char *name = value;
		if (type == DNS_MX && value[0] >= '0' && value[0] <= '9')
			rr->preference = (uint16_t)strtoul(value, &name, 10);
		rr->name = span_of(name + (*name == ' '));
	}
}

static inline void reply_data(struct reply *reply, enum dns_type type, const char *data)
{
	(void)span_copy(span_of(data), reply->data, sizeof(reply->data));
	if (data[0] == '*') {
		/* As a server that is not authoritative. */
		reply->answer.is_authoritative = false;
		memmove(reply->data, reply->data + 1, strlen(reply->data));
	}
	if (data[0] == '!') {
		reply->answer.result = result_named(data + 1);
		return;
	}
	reply->answer.result = DNS_FOUND;
	for (char *at = reply->data; at;) {
		char *end = strchr(at, '|');
		if (end)
			*end++ = '\0';
		reply_value(reply, type, at);
		at = end;
	}
}

static inline void world_reply(
	const struct world *w, const struct dns_question *question, struct reply *reply)
{
	char server[IP_TEXT_SIZE] = "";
	if (question->server)
		(void)ip_format(&question->server->ip, server);
	(void)span_copy(question->name, reply->name, sizeof(reply->name));
	const struct saying *alias = saying_of(w, server, reply->name, DNS_CNAME);
	(void)span_copy(span_of(alias ? alias->data : reply->name), reply->canonical,
		sizeof(reply->canonical));
	reply->answer = (struct dns_answer){.result = DNS_NXDOMAIN,
		.ttl_s = 60,
		.fetched = w->now.mono,
		.is_authoritative = question->server != NULL,
		.canonical = span_of(reply->canonical),
		.rr = reply->rr};
	const struct saying *it = saying_of(w, server, reply->canonical, question->type);
	if (!it)
		it = saying_of(w, "", reply->canonical, question->type);
	if (w->is_down)
		reply->answer.result = DNS_SERVFAIL;
	else if (it)
		reply_data(reply, question->type, it->data);
	else if (name_is_there(w, reply->canonical))
		reply->answer.result = DNS_NODATA;
}

/* ---- life ---- */

static inline struct now now_at(double s)
{
	return (struct now){.mono = {.us = (START_S + (int64_t)s) * SECOND_US},
		.wall = {.us = (WALL_S + (int64_t)s) * SECOND_US}};
}

static inline void world_addresses(struct world *w)
{
	audit_addresses(w->a, w->address, w->address_n, w->now);
}

static inline void world_address(struct world *w, const char *ip, const char *helo)
{
	struct egress_address *address = &w->address[w->address_n++];
	*address = (struct egress_address){.origin = "egress.addresses"};
	ck_assert_int_eq(ip_parse(span_of(ip), &address->ip), 0);
	(void)span_copy(span_of(helo), address->helo, sizeof(address->helo));
	world_addresses(w);
}

static inline struct audit *world_audit(const struct world *w)
{
	return audit_new(&(struct audit_setup){.config = w->config, .seed = {7, 9}}, w->now);
}

static inline struct world *world_new(const char *text)
{
	struct world *w = calloc(1, sizeof(*w));
	w->saying = calloc(SAYINGS, sizeof(*w->saying));
	w->now = now_at(0);
	w->config = config_of(text);
	w->a = world_audit(w);
	return w;
}

static inline void world_free(struct world *w)
{
	audit_free(w->a);
	config_unref(w->config);
	for (size_t i = 0; i < w->event_n; i++)
		free(w->event[i]);
	free(w->saying);
	free(w);
}

static inline void world_event(struct world *w, const struct audit_effect *effect)
{
	const struct policy_event *event = &effect->event;
	char text[1200];
	ck_assert_int_eq(event->kind, EVENT_AUDIT);
	(void)snprintf(text, sizeof(text), "%s%.*s %.*s %.*s", effect->is_grave ? "!" : "",
		(int)event->account.n, event->account.p, (int)event->limit.n, event->limit.p,
		(int)event->reason.n, event->reason.p);
	/* The first of them are enough. */
	if (w->event_n < EVENTS)
		w->event[w->event_n++] = strdup(text);
}

static inline void world_probe(struct world *w, const struct audit_effect *effect)
{
	w->order = *effect->probe;
	w->probes++;
	w->probe_ask = effect->ask;
	if (!w->is_probe_silent)
		audit_probed(w->a, effect->ask, w->outcome, w->now);
}

/* All that can be done at once. */
static inline void world_step(struct world *w)
{
	struct audit_effect effect;
	struct reply reply;
	size_t burst = 0;
	audit_tick(w->a, w->now);
	while (audit_effect(w->a, &effect)) {
		struct audit_figures figures;
		if (effect.kind == AUDIT_EVENT) {
			world_event(w, &effect);
			continue;
		}
		if (effect.kind == AUDIT_PROBE) {
			world_probe(w, &effect);
			continue;
		}
		audit_figures(w->a, &figures);
		if (figures.in_flight > w->open_most)
			w->open_most = figures.in_flight;
		w->asked++;
		burst++;
		if (w->is_silent)
			continue;
		world_reply(w, &effect.question, &reply);
		audit_answered(w->a, effect.ask, &reply.answer, w->now);
	}
	if (burst > w->burst_most)
		w->burst_most = burst;
}

static inline void world_run(struct world *w, int64_t s)
{
	int64_t end_us = w->now.mono.us + s * SECOND_US;
	world_step(w);
	while (w->now.mono.us < end_us) {
		mono_t due = audit_due(w->a);
		/* Whatever is due must go away when it is done. */
		ck_assert_int_gt(due.us, w->now.mono.us);
		int64_t passed =
			due.us < end_us ? due.us - w->now.mono.us : end_us - w->now.mono.us;
		w->now.mono.us += passed;
		w->now.wall.us += passed;
		world_step(w);
	}
}

/* ---- what it found ---- */

struct wanted {
	const char *subject, *check;
	struct ip ip;
	bool has_ip, is_there;
	enum audit_result result, seen;
	char evidence[AUDIT_TEXT_SIZE], fix[AUDIT_TEXT_SIZE];
	struct audit_finding finding;
};

static inline bool world_each(void *ctx, const struct audit_finding *finding)
{
	struct wanted *wanted = ctx;
	if (strcmp(finding->subject, wanted->subject) != 0 ||
		strcmp(audit_rows[finding->check].name, wanted->check) != 0 ||
		(wanted->has_ip && !ip_equal(&finding->ip, &wanted->ip)))
		return true;
	wanted->is_there = true;
	wanted->finding = *finding;
	wanted->result = finding->result;
	wanted->seen = finding->seen;
	(void)span_copy(span_of(finding->evidence), wanted->evidence, sizeof(wanted->evidence));
	(void)span_copy(span_of(finding->fix), wanted->fix, sizeof(wanted->fix));
	return false;
}

static inline struct wanted found(const struct world *w, const char *subject, const char *check)
{
	struct wanted wanted = {.subject = subject, .check = check};
	audit_findings(w->a, w->now, world_each, &wanted);
	return wanted;
}

static inline struct wanted found_for(
	const struct world *w, const char *subject, const char *check, const char *ip)
{
	struct wanted wanted = {.subject = subject, .check = check, .has_ip = true};
	ck_assert_int_eq(ip_parse(span_of(ip), &wanted.ip), 0);
	audit_findings(w->a, w->now, world_each, &wanted);
	return wanted;
}

/* The result as a word, and what the evidence must have in it. */
static inline void expect(const struct wanted *wanted, const char *seen, const char *evidence)
{
	ck_assert_msg(wanted->is_there, "%s has no finding %s", wanted->subject, wanted->check);
	ck_assert_msg(!strcmp(audit_result_name(wanted->seen), seen), "%s %s is %s: %s",
		wanted->subject, wanted->check, audit_result_name(wanted->seen), wanted->evidence);
	ck_assert_msg(strstr(wanted->evidence, evidence) != NULL, "%s %s: \"%s\" is not in \"%s\"",
		wanted->subject, wanted->check, evidence, wanted->evidence);
}

static inline void expect_fix(const struct wanted *wanted, const char *fix)
{
	ck_assert_msg(strstr(wanted->fix, fix) != NULL, "%s %s: \"%s\" is not in \"%s\"",
		wanted->subject, wanted->check, fix, wanted->fix);
}

static inline bool has_event(const struct world *w, const char *begin)
{
	for (size_t i = 0; i < w->event_n; i++) {
		if (!strncmp(w->event[i], begin, strlen(begin)))
			return true;
	}
	return false;
}

/* One address, one domain, all as it should be. */
static inline void world_order(struct world *w)
{
	says(w, "", REVERSE, DNS_PTR, MAIL);
	says(w, "", MAIL, DNS_A, "192.0.2.10");
	says(w, "", MAIL, DNS_TXT, "v=spf1 a -all");
	says(w, "", "2.0.192.in-addr.arpa", DNS_SOA, "2026112201");
	says(w, "", "2.0.192.in-addr.arpa", DNS_NS, "ns1.example.org|ns2.example.org");
	says(w, "", "example.org", DNS_SOA, "7");
	says(w, "", "example.org", DNS_NS, "ns1.example.org|ns2.example.org");
	says(w, "", "ns1.example.org", DNS_A, NS1);
	says(w, "", "ns2.example.org", DNS_A, NS2);
	says(w, "", "example.org", DNS_TXT, "v=spf1 ip4:192.0.2.0/28 -all");
	says(w, "", "example.org", DNS_MX, MAIL);
	says(w, "", "_dmarc.example.org", DNS_TXT, "v=DMARC1; p=reject; rua=mailto:d@example.org");
}

#endif
