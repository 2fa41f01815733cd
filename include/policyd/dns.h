/* SPDX-License-Identifier: ISC */
/*
 * dns.h - a stub resolver without its sockets: questions in, packets out; packets in, answers out.
 * Pure: no descriptor, no clock; time and chance come in. ldns builds and parses packets, nothing
 * else of it is used. What sends and receives is dns_client.h (or a test).
 *
 *	ticket = dns_ask(dns, &question, now);     0: the queue is full
 *	while (dns_effect(dns, &effect)) ...       open, send, close sockets; take answers
 *	dns_received(dns, attempt, wire, now);     a datagram or a whole TCP message came
 *	dns_tick(dns, now), at dns_due(dns)        deadlines, mended servers; look at dns_due() after each call
 *
 * Each attempt is one socket of its own, connected, with a port that the kernel chose and an id of the
 * CSPRNG (RFC 5452). What does not match in id, question, QR and opcode is ignored and waited on. EDNS
 * with 1232 octets (RFC 6891); TC leads to TCP (RFC 7766); FORMERR or NOTIMP to one try without EDNS.
 * Names are absolute: search lists never apply. Equal questions that wait are asked once.
 *
 * An answer is an effect, so it never comes before the call that asked has returned, cached or not.
 */
#ifndef POLICYD_DNS_H
#define POLICYD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/clock.h"
#include "policyd/err.h"
#include "policyd/span.h"

/* Values of the registry "DNS parameters". */
enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28
};
const char *dns_type_name(enum dns_type type);

/* Text of a name: lower case, no dot at its end ("." for the root); bytes that are none of a host's
 * name as \DDD (RFC 4343). 253 octets of name, each up to four characters. */
#define DNS_NAME_SIZE 1016

struct dns_server {
	struct ip ip;
	uint16_t port;
	uint32_t scope; /* of a link-local address: the interface's index, else 0 */
};
bool dns_server_equal(const struct dns_server *a, const struct dns_server *b);
#define DNS_SERVER_TEXT_SIZE (IP_TEXT_SIZE + 24)
/* "127.0.0.1:53", "[::1]:53". */
const char *dns_server_format(const struct dns_server *server, char buf[DNS_SERVER_TEXT_SIZE]);
/* The same, or an address alone (port 53), brackets optional then. 0 or -EINVAL. */
MUST_CHECK int dns_server_parse(struct span text, struct dns_server *ret);

/* ---- settings ---- */

#define DNS_SERVERS_MAX 8

struct dns_options {
	struct dns_server server[DNS_SERVERS_MAX];
	size_t server_n;    /* 0: 127.0.0.1, as resolv.conf(5) says */
	int64_t timeout_us; /* for one attempt */
	unsigned attempts;  /* rounds over all servers */
	bool rotate, use_tcp, no_edns;
	uint32_t in_flight_max, queue_max, cache_max;
};
/*
 * resolv.conf(5): nameserver (the first three, with %scope), options timeout: (at most 30), attempts:
 * (at most 5), rotate, use-vc; all else is passed over, search and domain too. scope_of (may be NULL)
 * tells an interface's index by its name. *ret is set to what the text says and to the manual's defaults
 * where it says nothing; maxima are left as they are.
 */
void dns_options_parse(
	struct span text, uint32_t (*scope_of)(const char *name), struct dns_options *ret);

/* ---- questions and answers ---- */

struct dns_question {
	struct span name; /* as text; a dot at its end is fine */
	enum dns_type type;
	/* Asked there, with RD=0, without cache: an authoritative server's own word. NULL: our resolvers. */
	const struct dns_server *server;
	bool wants_recursion; /* with server: RD=1 nevertheless */
	bool is_fresh;        /* not from our own cache; the answer is remembered */
	bool in_order;        /* our resolvers in their order, although options say rotate */
};

enum dns_result {
	DNS_FOUND,    /* records of that type */
	DNS_NODATA,   /* the name is there, without such records (RFC 2308 2.2) */
	DNS_NXDOMAIN, /* no such name */
	/* From here on nothing is known of the name. */
	DNS_SERVFAIL,
	DNS_REFUSED,   /* also NOTAUTH, NOTIMP, a lame referral */
	DNS_TIMEOUT,   /* or no server can be reached */
	DNS_MALFORMED, /* what came could not be read, or a chain of CNAME had no end */
};
const char *dns_result_name(enum dns_result result);

struct dns_rr {
	union {
		struct ip ip; /* A, AAAA */
		struct {
			struct span name; /* NS, PTR, MX, CNAME; of SOA: MNAME */
			uint16_t preference;
		};
		struct span
			text; /* TXT: its strings one after the other, as bytes (RFC 7208 3.3) */
	};
	uint32_t serial; /* SOA */
};

#define DNS_RR_MAX 64 /* more in one answer are left out, and is_cut says so */

struct dns_answer {
	enum dns_result result;
	/*
	 * Of the shortest record of the chain, or min(SOA's TTL, MINIMUM) for what is not there (RFC 2308 5),
	 * 60 without SOA; seconds, as it came on the wire (clamped to a week), counted from fetched. Failures: how
	 * long they are remembered.
	 */
	uint32_t ttl_s;
	mono_t fetched;
	bool is_cached, is_authoritative, is_cut;
	struct dns_server server; /* who said it; port 0: nobody */
	struct span canonical;    /* the name at the end of the CNAME chain */
	size_t n;
	const struct dns_rr *rr;
};

/* ---- the resolver ---- */

struct dns;

struct dns_setup {
	struct dns_options options;
	uint64_t seed[2]; /* for hashing and jitter */
	/* Random bytes that nobody can guess (getrandom(2)); for ids. */
	void (*entropy)(void *ctx, void *buf, size_t n);
	void *entropy_ctx;
};
struct dns *dns_new(const struct dns_setup *setup);
void dns_free(struct dns *dns);
/* For questions from now on; the cache goes when the servers are other ones. */
void dns_configure(struct dns *dns, const struct dns_options *options);

typedef uint64_t dns_ticket; /* never 0 for a question that was taken */
/* 0: queue_max questions wait already (counted), or the name is none. */
MUST_CHECK dns_ticket dns_ask(struct dns *dns, const struct dns_question *question, struct now now);
/* Its answer will not come. Unknown tickets are fine. */
void dns_cancel(struct dns *dns, dns_ticket ticket);

typedef uint64_t dns_attempt;
/* wire: a UDP datagram, or a TCP message without its two octets of length. */
void dns_received(struct dns *dns, dns_attempt attempt, struct span wire, struct now now);
/* The socket said no (ECONNREFUSED, the connection was closed early, ...). */
void dns_failed(struct dns *dns, dns_attempt attempt, struct now now);
/* There was no socket to send it with (EMFILE, ...): the attempt is over, and says nothing of the server. */
void dns_unsent(struct dns *dns, dns_attempt attempt, struct now now);
void dns_tick(struct dns *dns, struct now now);
/* When dns_tick() has something to do; MONO_NEVER: never. */
mono_t dns_due(const struct dns *dns);

enum dns_effect_kind { DNS_SEND, DNS_CLOSE, DNS_ANSWER };
struct dns_effect {
	enum dns_effect_kind kind;
	dns_attempt attempt;      /* SEND, CLOSE */
	struct dns_server server; /* SEND: open a new socket to there */
	bool is_tcp;
	struct span
		wire; /* SEND: without the length that TCP puts before it; until the next call */
	dns_ticket ticket;               /* ANSWER */
	const struct dns_answer *answer; /* until the next call */
};
/* The next one, in order. False: there is none. */
bool dns_effect(struct dns *dns, struct dns_effect *ret);

struct dns_figures {
	uint64_t asked, sent, sent_tcp, cached, coalesced;
	uint64_t answers[DNS_MALFORMED + 1]; /* by enum dns_result */
	uint64_t mismatched; /* packets ignored: id, question, or no answer at all */
	uint64_t dropped;    /* questions refused: the queue was full */
	uint64_t in_flight, queued, cache_n,
		bytes; /* at present; bytes: an estimate of the memory */
	size_t server_n, down_n;
};
void dns_figures(const struct dns *dns, struct dns_figures *ret);
/* The i-th server (below figures.server_n) and whether it is believed to answer. */
bool dns_server_is_up(const struct dns *dns, size_t i, struct dns_server *ret);

#endif
