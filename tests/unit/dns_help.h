/* SPDX-License-Identifier: ISC */
/*
 * dns_help.h - a resolver in virtual time and the scripted peer behind it: what it sends stands in open[],
 * what it answers in heard[]; packets come from ldns and lines of a zone file.
 */
#ifndef POLICYD_TEST_DNS_HELP_H
#define POLICYD_TEST_DNS_HELP_H

#include <check.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/dns.h"

#define DESK_OPEN  2048
#define DESK_HEARD 256
#define DESK_LINES 4

struct sent {
	dns_attempt attempt;
	struct dns_server server;
	bool is_tcp;
	uint8_t wire[512];
	size_t n;
};

struct heard {
	dns_ticket ticket;
	struct dns_answer answer; /* rr is gone */
	char canonical[DNS_NAME_SIZE];
	char line[DESK_LINES][600]; /* "192.0.2.1", "10 mx.example", the text, "ns.example 7" */
	size_t line_n[DESK_LINES];
};

struct desk {
	struct dns *dns;
	struct now now;
	uint64_t chance;
	struct sent open[DESK_OPEN];
	size_t open_n, sends, closes;
	struct heard heard[DESK_HEARD]; /* the newest ones */
	size_t heard_n;
	/* Told of each answer; may be NULL. */
	void (*on_answer)(void *ctx, const struct dns_effect *effect);
	void *ctx;
};

static inline void desk_random(void *ctx, void *buf, size_t n)
{
	struct desk *desk = ctx;
	for (size_t i = 0; i < n; i++) {
		desk->chance = desk->chance * UINT64_C(6364136223846793005) + 1442695040888963407u;
		((uint8_t *)buf)[i] = (uint8_t)(desk->chance >> 56);
	}
}

static inline struct dns_server server_of(const char *text)
{
	struct dns_server server;
	ck_assert_int_eq(dns_server_parse(span_of(text), &server), 0);
	return server;
}

/* So many servers: 192.0.2.1:53, 192.0.2.2:53, ... */
static inline struct dns_options desk_options(size_t servers)
{
	struct dns_options options = {
		.server_n = servers,
		.timeout_us = 5 * SECOND_US,
		.attempts = 2,
		.in_flight_max = 64,
		.queue_max = 100,
		.cache_max = 100,
	};
	for (size_t i = 0; i < servers; i++) {
		options.server[i] = server_of("192.0.2.1");
		options.server[i].ip.byte[15] = (uint8_t)(i + 1);
	}
	return options;
}

static inline struct desk *desk_new(const struct dns_options *options)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	ck_assert_ptr_nonnull(desk);
	desk->chance = 1;
	desk->now = (struct now){{1000 * SECOND_US}, {2000 * SECOND_US}};
	desk->dns = dns_new(&(struct dns_setup){
		.options = *options,
		.seed = {1, 2},
		.entropy = desk_random,
		.entropy_ctx = desk,
	});
	return desk;
}

static inline void desk_free(struct desk *desk)
{
	dns_free(desk->dns);
	free(desk);
}

/* ---- what comes out ---- */

static inline void line_set(
	struct heard *heard, size_t i, enum dns_type type, const struct dns_rr *rr)
{
	char ip[IP_TEXT_SIZE], *line = heard->line[i];
	size_t size = sizeof(heard->line[i]);
	int n = 0;
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		n = snprintf(line, size, "%s", ip_format(&rr->ip, ip));
		break;
	case DNS_TXT:
		n = (int)span_copy(rr->text, line, size);
		break;
	case DNS_MX:
		n = snprintf(line, size, "%u %.*s", rr->preference, (int)rr->name.n, rr->name.p);
		break;
	case DNS_SOA:
		n = snprintf(line, size, "%.*s %u", (int)rr->name.n, rr->name.p, rr->serial);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		n = snprintf(line, size, "%.*s", (int)rr->name.n, rr->name.p);
		break;
	}
	heard->line_n[i] = (size_t)n;
}

/* Which type a ticket asked for: the desk's tests ask with the type in the low digits of their order. */
static inline void heard_add(struct desk *desk, const struct dns_effect *effect, enum dns_type type)
{
	const struct dns_answer *answer = effect->answer;
	struct heard *heard = &desk->heard[desk->heard_n++ % DESK_HEARD];
	*heard = (struct heard){.ticket = effect->ticket, .answer = *answer};
	span_copy(answer->canonical, heard->canonical, sizeof(heard->canonical));
	ck_assert_uint_le(answer->n, DNS_RR_MAX);
	ck_assert((answer->n > 0) == (answer->result == DNS_FOUND));
	for (size_t i = 0; i < answer->n && i < DESK_LINES; i++)
		line_set(heard, i, type, &answer->rr[i]);
}

#define DESK_TYPES 4096
static enum dns_type desk_type[DESK_TYPES]; /* by ticket */

static inline void desk_closed(struct desk *desk, dns_attempt attempt)
{
	for (size_t i = 0; i < desk->open_n; i++) {
		if (desk->open[i].attempt != attempt)
			continue;
		memmove(&desk->open[i], &desk->open[i + 1],
			(desk->open_n - i - 1) * sizeof(desk->open[0]));
		desk->open_n--;
		desk->closes++;
		return;
	}
	ck_abort_msg("closed what was not open");
}

static inline void desk_drain(struct desk *desk)
{
	struct dns_effect effect;
	while (dns_effect(desk->dns, &effect)) {
		if (effect.kind == DNS_CLOSE) {
			desk_closed(desk, effect.attempt);
		} else if (effect.kind == DNS_SEND) {
			ck_assert_uint_lt(desk->open_n, DESK_OPEN);
			struct sent *sent = &desk->open[desk->open_n++];
			*sent = (struct sent){
				effect.attempt, effect.server, effect.is_tcp, .n = effect.wire.n};
			ck_assert_uint_le(sent->n, sizeof(sent->wire));
			memcpy(sent->wire, effect.wire.p, sent->n);
			desk->sends++;
		} else if (desk->on_answer) {
			desk->on_answer(desk->ctx, &effect);
		} else {
			heard_add(desk, &effect, desk_type[effect.ticket % DESK_TYPES]);
		}
	}
}

static inline const struct heard *desk_last(const struct desk *desk)
{
	ck_assert_uint_gt(desk->heard_n, 0);
	return &desk->heard[(desk->heard_n - 1) % DESK_HEARD];
}

/* ---- what goes in ---- */

static inline dns_ticket desk_ask_as(struct desk *desk, const struct dns_question *question)
{
	size_t before = desk->heard_n;
	dns_ticket ticket = dns_ask(desk->dns, question, desk->now);
	ck_assert_uint_eq(desk->heard_n, before);
	desk_type[ticket % DESK_TYPES] = question->type;
	desk_drain(desk);
	return ticket;
}

static inline dns_ticket desk_ask(struct desk *desk, const char *name, enum dns_type type)
{
	return desk_ask_as(desk, &(struct dns_question){.name = span_of(name), .type = type});
}

static inline void desk_wait(struct desk *desk, int64_t us)
{
	desk->now.mono.us += us;
	desk->now.wall.us += us;
	dns_tick(desk->dns, desk->now);
	desk_drain(desk);
}

/* To the next time that something is due; false: never. */
static inline bool desk_wait_due(struct desk *desk)
{
	mono_t due = dns_due(desk->dns);
	if (due.us == MONO_NEVER.us)
		return false;
	desk_wait(desk, due.us > desk->now.mono.us ? due.us - desk->now.mono.us : 0);
	return true;
}

static inline void desk_give(struct desk *desk, dns_attempt attempt, const uint8_t *wire, size_t n)
{
	/* Of its own, so that a sanitizer sees each byte read beyond its end. */
	char *copy = malloc(n ? n : 1);
	ck_assert_ptr_nonnull(copy);
	if (n)
		memcpy(copy, wire, n);
	dns_received(desk->dns, attempt, span_make(copy, n), desk->now);
	free(copy);
	desk_drain(desk);
}

static inline void desk_fail(struct desk *desk, size_t i)
{
	dns_failed(desk->dns, desk->open[i].attempt, desk->now);
	desk_drain(desk);
}

/* ---- packets ---- */

struct script {
	unsigned rcode;
	bool is_aa, has_no_ra, is_tc;
	const char *answer[16];
	const char *authority[4];
	const char *additional[4];
};

static inline void lines_push(ldns_pkt *packet, ldns_pkt_section section, const char *const *line)
{
	ldns_rr *rr;
	for (; *line; line++) {
		ck_assert_msg(ldns_rr_new_frm_str(&rr, *line, 0, NULL, NULL) == LDNS_STATUS_OK,
			"%s", *line);
		ldns_pkt_push_rr(packet, section, rr);
	}
}

/* The answer to what was sent; for free(). */
static inline uint8_t *script_wire(const struct sent *sent, const struct script *script, size_t *n)
{
	ldns_pkt *query, *packet = ldns_pkt_new();
	uint8_t *wire;
	ck_assert_int_eq(ldns_wire2pkt(&query, sent->wire, sent->n), LDNS_STATUS_OK);
	ldns_pkt_set_id(packet, ldns_pkt_id(query));
	ldns_pkt_set_qr(packet, true);
	ldns_pkt_set_rd(packet, ldns_pkt_rd(query));
	ldns_pkt_set_ra(packet, !script->has_no_ra);
	ldns_pkt_set_aa(packet, script->is_aa);
	ldns_pkt_set_tc(packet, script->is_tc);
	ldns_pkt_set_rcode(packet, (uint8_t)(script->rcode & 0xf));
	if (script->rcode > 0xf) {
		ldns_pkt_set_edns_udp_size(packet, 1232);
		ldns_pkt_set_edns_extended_rcode(packet, (uint8_t)(script->rcode >> 4));
	}
	ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION,
		ldns_rr_clone(ldns_rr_list_rr(ldns_pkt_question(query), 0)));
	lines_push(packet, LDNS_SECTION_ANSWER, script->answer);
	lines_push(packet, LDNS_SECTION_AUTHORITY, script->authority);
	lines_push(packet, LDNS_SECTION_ADDITIONAL, script->additional);
	ck_assert_int_eq(ldns_pkt2wire(&wire, packet, n), LDNS_STATUS_OK);
	ldns_pkt_free(packet);
	ldns_pkt_free(query);
	return wire;
}

/* Answers the i-th of what is open. */
static inline void desk_reply(struct desk *desk, size_t i, const struct script *script)
{
	size_t n;
	ck_assert_uint_lt(i, desk->open_n);
	uint8_t *wire = script_wire(&desk->open[i], script, &n);
	desk_give(desk, desk->open[i].attempt, wire, n);
	free(wire);
}

static inline bool sent_has_edns(const struct sent *sent)
{
	ldns_pkt *query;
	ck_assert_int_eq(ldns_wire2pkt(&query, sent->wire, sent->n), LDNS_STATUS_OK);
	bool has = ldns_pkt_edns(query);
	ldns_pkt_free(query);
	return has;
}

static inline struct dns_figures desk_figures(const struct desk *desk)
{
	struct dns_figures figures;
	dns_figures(desk->dns, &figures);
	return figures;
}

#endif
