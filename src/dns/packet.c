/* SPDX-License-Identifier: ISC */
/*
 * Packets: a query as bytes, whether one that came is its answer, and where its records stand. What is
 * in a record is read in answer.c, and of those only that matter: what nobody looks at cannot make the
 * rest unreadable, and costs nothing.
 */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <ldns/ldns.h>

#define QUESTION_FIXED 4  /* behind the name: type, class */
#define RECORD_FIXED   10 /* type, class, TTL, length */

uint8_t *packet_build(const struct asked *asked, size_t *ret_n)
{
	uint8_t *wire = NULL;
	ldns_rdf *name = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, asked->name.n, asked->name.p);
	/* It takes the name. */
	ldns_pkt *packet = ldns_pkt_query_new(name, (ldns_rr_type)asked->type, LDNS_RR_CLASS_IN,
		asked->wants_recursion ? LDNS_RD : 0);
	assert(packet != NULL);
	/* Its own ids come from random() where there is no OpenSSL. */
	ldns_pkt_set_id(packet, asked->id);
	if (asked->has_edns)
		ldns_pkt_set_edns_udp_size(packet, EDNS_BYTES);
	ldns_status status = ldns_pkt2wire(&wire, packet, ret_n);
	assert(status == LDNS_STATUS_OK);
	ldns_pkt_free(packet);
	return wire;
}

/*
 * What does not know EDNS at all may send back nothing but the header (RFC 6891 7); it is believed to
 * be that, and never anything else.
 */
static bool is_bare_error(const uint8_t *p, size_t n)
{
	unsigned rcode = LDNS_RCODE_WIRE(p);
	return n == LDNS_HEADER_SIZE && LDNS_QDCOUNT(p) == 0 && LDNS_ANCOUNT(p) == 0 &&
	       LDNS_NSCOUNT(p) == 0 && LDNS_ARCOUNT(p) == 0 &&
	       (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP);
}

static bool is_question(struct span wire, const struct asked *asked)
{
	const uint8_t *p = (const uint8_t *)wire.p;
	size_t end = LDNS_HEADER_SIZE + asked->name.n;
	if (LDNS_QDCOUNT(p) != 1 || wire.n < end + QUESTION_FIXED)
		return false;
	/* The first name of a packet has nothing to point at. */
	return span_equal_nocase(
		       span_make(wire.p + LDNS_HEADER_SIZE, asked->name.n), asked->name) &&
	       ldns_read_uint16(p + end) == (uint16_t)asked->type &&
	       ldns_read_uint16(p + end + 2) == LDNS_RR_CLASS_IN;
}

bool packet_match(struct span wire, const struct asked *asked, struct packet *ret)
{
	const uint8_t *p = (const uint8_t *)wire.p;
	if (wire.n < LDNS_HEADER_SIZE || wire.n > UINT16_MAX || LDNS_ID_WIRE(p) != asked->id ||
		!LDNS_QR_WIRE(p) || LDNS_OPCODE_WIRE(p) != LDNS_PACKET_QUERY)
		return false;
	if (!is_question(wire, asked) && !(asked->has_edns && is_bare_error(p, wire.n)))
		return false;
	*ret = (struct packet){
		.wire = wire,
		.rcode = LDNS_RCODE_WIRE(p),
		.is_authoritative = LDNS_AA_WIRE(p),
		.is_truncated = LDNS_TC_WIRE(p),
		.has_recursion = LDNS_RA_WIRE(p),
		.count = {LDNS_ANCOUNT(p), LDNS_NSCOUNT(p), LDNS_ARCOUNT(p)},
		.at = {LDNS_HEADER_SIZE + asked->name.n + QUESTION_FIXED},
	};
	return true;
}

/* Where the part of a name that stands here ends; pointers are not followed. 0: it does not. */
static size_t name_skip(struct span wire, size_t at)
{
	const uint8_t *p = (const uint8_t *)wire.p;
	while (at < wire.n && p[at] && p[at] < 0x40)
		at += p[at] + 1u;
	if (at >= wire.n)
		return 0;
	return at + (p[at] ? 2 : 1);
}

int packet_record(const struct packet *packet, size_t *at, struct record *ret)
{
	size_t fixed = name_skip(packet->wire, *at);
	if (fixed == 0 || fixed + RECORD_FIXED > packet->wire.n)
		return -EBADMSG;
	const uint8_t *p = (const uint8_t *)packet->wire.p + fixed;
	struct record record = {
		.at = *at,
		.type = ldns_read_uint16(p),
		.class = ldns_read_uint16(p + 2),
		.ttl_s = ldns_read_uint32(p + 4),
		.rdata_at = fixed + RECORD_FIXED,
		.end = fixed + RECORD_FIXED + ldns_read_uint16(p + 8),
	};
	if (record.end > packet->wire.n)
		return -EBADMSG;
	*at = record.end;
	*ret = record;
	return 0;
}

int packet_open(struct packet *packet)
{
	struct record record;
	size_t at = packet->at[SECTION_ANSWER];
	for (int section = 0; section < SECTION_N; section++) {
		packet->at[section] = at;
		for (unsigned i = 0; i < packet->count[section]; i++) {
			if (packet_record(packet, &at, &record) < 0)
				return -EBADMSG;
			/* RFC 6891 6.1.3: the upper bits of RCODE stand in its TTL. */
			if (section == SECTION_ADDITIONAL && record.type == LDNS_RR_TYPE_OPT)
				packet->rcode = (packet->rcode & 0xf) | (record.ttl_s >> 24) << 4;
		}
	}
	return 0;
}
