/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the parts of the resolver share. One question's way:
 *
 *	dns.c       dns_ask(): from the cache, or joins an equal one, or queues
 *	flow.c      its turn: a server is chosen, an attempt opened; what became of it; the next; the end
 *	upstream.c  which server is believed to answer; probes
 *	packet.c    a query as bytes; is that packet the answer; where its records stand
 *	answer.c    the chain of CNAME, records, or that there are none, and how long that holds
 *	cache.c     remembered
 *	effect.c    what the rim has to do, in order
 *
 * A question (struct query) may have many who wait for it (struct waiter, one a ticket), and at most one
 * attempt under way (struct attempt). A reply is counted: the cache and every answer share one.
 */
#ifndef POLICYD_DNS_INTERNAL_H
#define POLICYD_DNS_INTERNAL_H

#include "policyd/dns.h"
#include "policyd/table.h"

#define DNS_PORT        53
#define CHAIN_MAX       11 /* links of CNAME that are followed */
#define EDNS_BYTES      1232
#define SILENT_MAX      3 /* timeouts in a row, then a server counts as down */
#define PROBE_US        (10 * SECOND_US)
#define SHORT_WAIT_US   SECOND_US /* for a server that is down, when all are */
#define TTL_MAX_S       (7 * 24 * 3600u)
#define TTL_NO_SOA_S    60u
#define TTL_FAILED_S    30u
#define TTL_TIMEOUT_S   5u
#define CACHE_BYTES_MAX 8192 /* of one answer; larger ones are not remembered */

/* ---- name.c: names on the wire, lower case, never compressed ---- */

#define NAME_WIRE_MAX 255 /* RFC 1035 3.1, with the root's octet */

struct name {
	uint8_t n;
	uint8_t wire[NAME_WIRE_MAX];
};
/* 0, or -EINVAL: no name. */
MUST_CHECK int name_of_text(struct span text, struct name *ret);
/* Text as dns.h says, without NUL; returns its length. wire must be sound. */
size_t name_to_text(struct span wire, char buf[DNS_NAME_SIZE]);
/* From the wire form, in lower case. 0 or -EINVAL. */
MUST_CHECK int name_of_wire(struct span wire, struct name *ret);
static inline struct span name_span(const struct name *name)
{
	return span_make((const char *)name->wire, name->n);
}
/* Equal to it, or below it. */
bool name_is_within(const struct name *name, struct span zone);
/* Where the name at that place of a packet ends; 0: it is none. Pointers go backwards only. */
size_t name_end(struct span packet, size_t at);

/* ---- packet.c ---- */

struct asked {
	uint16_t id;
	enum dns_type type;
	struct span name; /* wire form, of the query */
	bool wants_recursion, has_edns;
};
/* The bytes; for free(). */
uint8_t *packet_build(const struct asked *asked, size_t *ret_n);

enum rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_NOTAUTH = 9,
	RCODE_BADVERS = 16
};
enum { SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTION_N };

struct packet {
	struct span wire;
	unsigned rcode; /* with the upper bits of OPT, once it is open */
	bool is_authoritative, is_truncated, has_recursion;
	unsigned count[SECTION_N];
	size_t at[SECTION_N]; /* where a section begins */
};
/* The answer to what was asked? Reads the header; nothing behind the question is looked at. */
bool packet_match(struct span wire, const struct asked *asked, struct packet *ret);
/* Finds the sections. 0, or -EBADMSG: records do not fit into the packet. */
MUST_CHECK int packet_open(struct packet *packet);

struct record {
	size_t at, end; /* in the packet */
	size_t rdata_at;
	uint16_t type, class;
	uint32_t ttl_s;
};
/* The one at *at, which then stands behind it. 0 or -EBADMSG. */
MUST_CHECK int packet_record(const struct packet *packet, size_t *at, struct record *ret);

/* ---- reply.c ---- */

struct reply {
	unsigned refs;
	size_t bytes;
	struct dns_answer answer;
	struct dns_rr rr[]; /* and the texts */
};
struct reply *reply_ref(struct reply *reply);
void reply_unref(struct reply *reply);

/* An answer in the making. Room for all the texts that a packet can hold. */
struct draft {
	struct dns_answer answer;
	struct dns_rr rr[DNS_RR_MAX];
	size_t text_n;
	char text[(DNS_RR_MAX + 1) * DNS_NAME_SIZE + UINT16_MAX];
};
/* Room for a name's text in the draft, filled. */
struct span draft_name(struct draft *draft, struct span wire);
struct reply *reply_new(const struct draft *draft, enum dns_type type);

/* ---- answer.c ---- */

/* How far a chain of CNAME was followed. */
struct chain {
	struct name name;
	unsigned links;
	uint32_t ttl_s;
};
enum reading {
	READ_ANSWER, /* the draft is one */
	READ_GO_ON,  /* the chain leads out of the packet: ask for its name */
	READ_LAME,
	READ_ENDLESS,
	READ_BAD
};
enum reading answer_read(const struct packet *packet, const struct asked *asked,
	struct chain *chain, struct draft *draft);

/* ---- the resolver ---- */

struct waiter {
	struct table_node node; /* key: the ticket */
	struct query *query;    /* NULL: its answer is queued */
	struct waiter *prev, *next;
};

enum { LIST_QUEUED, LIST_ACTIVE, LIST_RESTING, QUERY_LISTS };

struct query {
	struct table_node node; /* key: see query_key(); its list says where it stands */
	struct waiter *first, *last;
	struct dns_server server; /* port 0: our resolvers */
	struct span name;         /* wire form: of the key, or of target */
	struct name *target;      /* owned; where a chain of CNAME went on */
	struct attempt *attempt;
	mono_t due; /* resting: until then */
	struct dns_server best_server;
	enum dns_type type;
	enum dns_result best; /* of what failed */
	uint32_t chain_ttl_s;
	uint8_t links, round, tried, first_server;
	bool wants_recursion, is_asked, in_order;
};

#define UPSTREAM_NONE UINT8_MAX

struct attempt {
	struct table_node node; /* key: its number */
	dns_attempt number;
	struct query *query; /* NULL: a probe */
	struct dns_server server;
	uint8_t upstream; /* its index, or UPSTREAM_NONE */
	bool is_tcp;
	struct asked asked;
	mono_t due;
};

struct upstream {
	struct dns_server server;
	unsigned silent; /* timeouts in a row */
	bool is_down;
	struct attempt *probe;
	mono_t probe_at; /* of one that is down and not being probed */
};

struct queued;

struct dns {
	struct dns_setup setup;
	struct dns_options options;
	struct siphash_key key;
	mono_t now; /* of the latest call */
	struct upstream upstream[DNS_SERVERS_MAX];
	struct table *queries, *waiters, *attempts, *cache;
	uint64_t attempt_n, ticket_n, jitter_n;
	uint8_t turn;
	struct queued *effects, **effects_end, *fetched;
	size_t effect_bytes, cache_bytes;
	struct dns_figures figures;
	struct draft draft;
};

/* ---- cache.c: keys are those of queries ---- */

void cache_new(struct dns *dns);
/* What is known and still holds, or NULL; borrowed. */
struct reply *cache_find(struct dns *dns, struct span key, mono_t now);
void cache_put(struct dns *dns, struct span key, struct reply *reply, mono_t now);

/* ---- effect.c ---- */

void effect_send(struct dns *dns, const struct attempt *attempt);
void effect_close(struct dns *dns, dns_attempt attempt);
void effect_answer(struct dns *dns, dns_ticket ticket, struct reply *reply, bool is_cached);
void effects_free(struct dns *dns);

/* ---- upstream.c ---- */

void upstreams_set(struct dns *dns);
size_t upstreams_down(const struct dns *dns);
bool upstreams_are_down(const struct dns *dns);
/* The next server in this round, up ones first; UPSTREAM_NONE: all were asked. */
uint8_t upstream_choose(const struct dns *dns, const struct query *query);
void upstream_heard(struct dns *dns, uint8_t at);
void upstream_silent(struct dns *dns, const struct attempt *attempt, struct now now);
void upstreams_tick(struct dns *dns, struct now now);
mono_t upstreams_due(const struct dns *dns);

/* ---- attempt.c ---- */

struct attempt_setup {
	struct query *query; /* NULL: a probe */
	struct dns_server server;
	uint8_t upstream;
	bool is_tcp, has_edns;
	int64_t wait_us;
};
struct attempt *attempt_open(struct dns *dns, const struct attempt_setup *setup, struct now now);
struct attempt *attempt_find(struct dns *dns, dns_attempt number);
void attempt_close(struct dns *dns, struct attempt *attempt);

/* ---- flow.c ---- */

/* As many questions as may be in flight. */
void queries_start(struct dns *dns, struct now now);
void query_restart(struct dns *dns, struct query *query);
void query_free(struct dns *dns, struct query *query);
void attempt_timed_out(struct dns *dns, struct attempt *attempt, struct now now);
void queries_wake(struct dns *dns, struct now now);
uint32_t queries_in_flight(const struct dns *dns);

#endif
