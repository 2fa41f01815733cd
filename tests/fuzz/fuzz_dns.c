/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as what a server sends: a question of each type gets exactly one answer, its texts are
 * names, whatever comes, and no socket stays open. Byte 0: low bits the type; bit 4 leaves id and
 * question as they came, which few packets survive; bit 5 asks one server alone. Then packets, each
 * behind two octets of length; the rest is silence.
 */
#include "fuzz.h"
#include "policyd/dns.h"

#define OPEN_MAX 8
#define STEPS    200

static const enum dns_type types[] = {
	DNS_A, DNS_AAAA, DNS_PTR, DNS_TXT, DNS_NS, DNS_SOA, DNS_MX, DNS_CNAME};
#define TYPES (sizeof(types) / sizeof(types[0]))

struct peer {
	struct dns *dns;
	struct now now;
	enum dns_type type;
	dns_attempt open[OPEN_MAX];
	size_t open_n;
	char asked[512]; /* the newest query */
	size_t asked_n;
	size_t answers;
};

static void peer_random(void *ctx, void *buf, size_t n)
{
	(void)ctx;
	memset(buf, 0x5a, n);
}

static void check_name(struct span name)
{
	fuzz_check(name.n > 0 && name.n < DNS_NAME_SIZE);
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		fuzz_check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
			   c == '_' || c == '.' || c == '\\');
	}
}

static void check_record(const struct dns_rr *rr, enum dns_type type)
{
	if (type == DNS_TXT)
		fuzz_check(rr->text.n <= UINT16_MAX);
	else if (type != DNS_A && type != DNS_AAAA)
		check_name(rr->name);
}

static void check_answer(struct peer *peer, const struct dns_answer *answer)
{
	volatile char sink = 0;
	fuzz_check(answer->result <= DNS_MALFORMED && answer->n <= DNS_RR_MAX);
	fuzz_check((answer->n > 0) == (answer->result == DNS_FOUND));
	fuzz_check(answer->ttl_s <= 7 * 24 * 3600);
	check_name(answer->canonical);
	for (size_t i = 0; i < answer->n; i++) {
		check_record(&answer->rr[i], peer->type);
		/* A sanitizer looks whether all of it is there. */
		if (peer->type == DNS_TXT && answer->rr[i].text.n)
			sink ^= answer->rr[i].text.p[answer->rr[i].text.n - 1];
	}
	(void)sink;
	peer->answers++;
}

static void peer_closed(struct peer *peer, dns_attempt attempt)
{
	for (size_t i = 0; i < peer->open_n; i++) {
		if (peer->open[i] == attempt) {
			peer->open[i] = peer->open[--peer->open_n];
			return;
		}
	}
	fuzz_check(false);
}

static void peer_drain(struct peer *peer)
{
	struct dns_effect effect;
	while (dns_effect(peer->dns, &effect)) {
		if (effect.kind == DNS_CLOSE) {
			peer_closed(peer, effect.attempt);
		} else if (effect.kind == DNS_ANSWER) {
			check_answer(peer, effect.answer);
		} else {
			fuzz_check(peer->open_n < OPEN_MAX && effect.wire.n <= sizeof(peer->asked));
			peer->open[peer->open_n++] = effect.attempt;
			peer->asked_n = effect.wire.n;
			memcpy(peer->asked, effect.wire.p, effect.wire.n);
		}
	}
}

/* With id and question of the query before what came, so that the rest is looked at. */
static char *made_to_match(const struct peer *peer, struct span packet, size_t *n)
{
	size_t name = 12;
	while (peer->asked[name])
		name += (uint8_t)peer->asked[name] + 1u;
	size_t question = name + 5 - 12, rest = packet.n > 12 ? packet.n - 12 : 0;
	char *wire = calloc(1, 12 + question + rest);
	fuzz_check(wire != NULL);
	memcpy(wire, packet.p, packet.n < 12 ? packet.n : 12);
	memcpy(wire, peer->asked, 2);
	wire[2] = (char)((wire[2] & 7) | 0x80);
	memcpy(wire + 4, "\0\1", 2);
	memcpy(wire + 12, peer->asked + 12, question);
	if (rest)
		memcpy(wire + 12 + question, packet.p + 12, rest);
	*n = 12 + question + rest;
	return wire;
}

static void peer_give(struct peer *peer, struct span packet, bool is_raw)
{
	size_t n = packet.n;
	if (peer->open_n == 0)
		return;
	char *wire = is_raw ? fuzz_copy(packet) : made_to_match(peer, packet, &n);
	dns_received(peer->dns, peer->open[peer->open_n - 1], span_make(wire, n), peer->now);
	free(wire);
	peer_drain(peer);
}

static void peer_wait(struct peer *peer)
{
	mono_t due = dns_due(peer->dns);
	if (due.us != MONO_NEVER.us && due.us > peer->now.mono.us)
		peer->now.mono = due;
	dns_tick(peer->dns, peer->now);
	peer_drain(peer);
}

static struct span packet_take(struct span *rest)
{
	size_t n = (size_t)(uint8_t)rest->p[0] << 8 | (uint8_t)rest->p[1];
	n = n < rest->n - 2 ? n : rest->n - 2;
	struct span packet = span_make(rest->p + 2, n);
	*rest = span_make(rest->p + 2 + n, rest->n - 2 - n);
	return packet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct peer peer = {.now.mono.us = SECOND_US, .type = types[data[0] % TYPES]};
	struct dns_server server = {.port = 53};
	struct dns_question question = {.name = SPAN("n.example"),
		.type = peer.type,
		.server = data[0] & 0x20 ? &server : NULL};
	struct span rest = span_make((const char *)data + 1, size - 1);
	peer.dns = dns_new(&(struct dns_setup){.options = {.server_n = 2,
						       .server = {{.port = 53}, {.port = 54}},
						       .attempts = 2,
						       .queue_max = 10,
						       .in_flight_max = 2,
						       .cache_max = 4},
		.entropy = peer_random});
	fuzz_check(dns_ask(peer.dns, &question, peer.now) != 0);
	fuzz_check(dns_ask(peer.dns, &question, peer.now) != 0);
	peer_drain(&peer);
	for (int i = 0; i < STEPS && rest.n > 2 && peer.answers == 0; i++) {
		peer_give(&peer, packet_take(&rest), data[0] & 0x10);
		if (peer.open_n == 0)
			peer_wait(&peer);
	}
	for (int i = 0; i < STEPS && peer.answers == 0; i++)
		peer_wait(&peer);
	fuzz_check(peer.answers == 2);
	struct dns_figures figures;
	dns_figures(peer.dns, &figures);
	fuzz_check(figures.in_flight == 0 && figures.queued == 0 && peer.open_n <= figures.down_n);
	dns_free(peer.dns);
	return 0;
}
