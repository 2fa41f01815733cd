/* SPDX-License-Identifier: ISC */
/*
 * What a packet answers: the chain of CNAME from the name that was asked, inside the answer section
 * only, and the records at its end, or that there are none, and how long that holds. ldns reads the
 * records; who sent them, and what comes next, is decided in flow.c.
 */
#include <errno.h>
#include <ldns/ldns.h>

#include "record.h"

#define SOA_MINIMUM 6
#define RECORDS_MAX 256 /* looked at in one section: far more than any answer of ours has */

/* Records of the answer section that matter: of the type that was asked, and CNAME. */
struct section {
	ldns_rr *rr[RECORDS_MAX];
	size_t n;
	bool is_cut;
};

static void section_free(struct section *section)
{
	for (size_t i = 0; i < section->n; i++)
		ldns_rr_free(section->rr[i]);
}

/* RFC 2181 8: one with its upper bit set is zero. */
static uint32_t ttl_of(const ldns_rr *rr)
{
	uint32_t ttl_s = ldns_rr_ttl(rr);
	if (ttl_s > INT32_MAX)
		return 0;
	return ttl_s < TTL_MAX_S ? ttl_s : TTL_MAX_S;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* How many names its data has, and where the first stands. */
static unsigned names_in(uint16_t type, size_t *ret_offset)
{
	*ret_offset = type == DNS_MX ? 2 : 0;
	switch (type) {
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
	case DNS_MX:
		return 1;
	case DNS_SOA:
		return 2;
	default:
		return 0;
	}
}

static bool names_are_sound(struct span wire, const struct record *record)
{
	size_t offset;
	unsigned n = names_in(record->type, &offset);
	size_t at = record->rdata_at + offset;
	if (name_end(wire, record->at) == 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		at = name_end(wire, at);
		if (at == 0 || at > record->end)
			return false;
	}
	return true;
}

/* 0 or -EBADMSG. The names are looked at before: ldns goes in circles. */
static int record_parse(const struct packet *packet, const struct record *record, ldns_rr **ret)
{
	size_t at = record->at;
	if (!names_are_sound(packet->wire, record))
		return -EBADMSG;
	if (ldns_wire2rr(ret, (const uint8_t *)packet->wire.p, packet->wire.n, &at,
		    LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
		return -EBADMSG;
	if (at == record->end)
		return 0;
	ldns_rr_free(*ret);
	return -EBADMSG;
}

static int section_read(const struct packet *packet, enum dns_type type, struct section *ret)
{
	struct record record;
	size_t at = packet->at[SECTION_ANSWER];
	for (unsigned i = 0; i < packet->count[SECTION_ANSWER]; i++) {
		if (packet_record(packet, &at, &record) < 0)
			return -EBADMSG;
		if (record.class != LDNS_RR_CLASS_IN ||
			(record.type != (uint16_t)type && record.type != DNS_CNAME))
			continue;
		ret->is_cut = ret->n == RECORDS_MAX;
		if (ret->is_cut)
			return 0;
		if (record_parse(packet, &record, &ret->rr[ret->n]) < 0)
			return -EBADMSG;
		ret->n++;
	}
	return 0;
}

static bool is_of(const ldns_rr *rr, const struct name *name, enum dns_type type)
{
	return ldns_rr_get_type(rr) == (ldns_rr_type)type &&
	       span_equal_nocase(rdf_span(ldns_rr_owner(rr)), name_span(name));
}

/* ---- the chain ---- */

/* As far as it goes in this packet. 0; -ELOOP; -EBADMSG. */
static int chain_follow(const struct section *section, enum dns_type type, struct chain *chain)
{
	for (size_t i = 0; i < section->n;) {
		const ldns_rr *rr = section->rr[i++];
		if (type == DNS_CNAME || !is_of(rr, &chain->name, DNS_CNAME))
			continue;
		if (chain->links == CHAIN_MAX)
			return -ELOOP;
		if (name_of_wire(rdf_span(ldns_rr_rdf(rr, 0)), &chain->name) < 0)
			return -EBADMSG;
		chain->links++;
		chain->ttl_s = lesser(chain->ttl_s, ttl_of(rr));
		i = 0; /* in whatever order they stand; CHAIN_MAX bounds it */
	}
	return 0;
}

/* All records at the chain's end. 0 or -EBADMSG. */
static int records_take(const struct section *section, const struct asked *asked,
	const struct chain *chain, struct draft *draft)
{
	draft->answer.ttl_s = chain->ttl_s;
	draft->answer.is_cut = section->is_cut;
	for (size_t i = 0; i < section->n; i++) {
		const ldns_rr *rr = section->rr[i];
		if (!is_of(rr, &chain->name, asked->type))
			continue;
		if (draft->answer.n == DNS_RR_MAX) {
			draft->answer.is_cut = true;
			break;
		}
		if (record_take(rr, asked->type, draft, &draft->rr[draft->answer.n]) < 0)
			return -EBADMSG;
		draft->answer.n++;
		draft->answer.ttl_s = lesser(draft->answer.ttl_s, ttl_of(rr));
	}
	return 0;
}

/* ---- that there is nothing ---- */

struct authority {
	bool has_soa, has_ns;
	uint32_t ttl_s; /* of what is not there */
};

static int soa_read(const struct packet *packet, const struct record *record,
	const struct name *name, struct authority *ret)
{
	ldns_rr *rr;
	if (record_parse(packet, record, &rr) < 0)
		return -EBADMSG;
	bool is_sound = ldns_rr_rd_count(rr) == SOA_FIELDS;
	/* Another zone's word does not speak of this name. */
	ret->has_soa = is_sound && name_is_within(name, rdf_span(ldns_rr_owner(rr)));
	if (ret->has_soa) {
		uint32_t minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, SOA_MINIMUM));
		ret->ttl_s = lesser(ttl_of(rr), lesser(minimum, TTL_MAX_S));
	}
	ldns_rr_free(rr);
	return is_sound ? 0 : -EBADMSG;
}

static int authority_read(
	const struct packet *packet, const struct name *name, struct authority *ret)
{
	struct record record;
	bool is_seen = false;
	size_t at = packet->at[SECTION_AUTHORITY];
	*ret = (struct authority){.ttl_s = TTL_NO_SOA_S};
	for (unsigned i = 0; i < packet->count[SECTION_AUTHORITY]; i++) {
		if (packet_record(packet, &at, &record) < 0)
			return -EBADMSG;
		if (record.class != LDNS_RR_CLASS_IN)
			continue;
		ret->has_ns |= record.type == DNS_NS;
		if (record.type != DNS_SOA || is_seen)
			continue;
		is_seen = true;
		if (soa_read(packet, &record, name, ret) < 0)
			return -EBADMSG;
	}
	return 0;
}

/*
 * No record at the chain's end. Only what says so is believed: NXDOMAIN, an SOA, or an empty answer of
 * somebody who must know. A referral, or records that nobody asked for, are no word about the name.
 */
static enum reading nothing_read(const struct packet *packet, const struct asked *asked,
	struct chain *chain, bool is_link, struct draft *draft)
{
	struct authority authority;
	if (authority_read(packet, &chain->name, &authority) < 0)
		return READ_BAD;
	bool is_nxdomain = packet->rcode == RCODE_NXDOMAIN;
	draft->answer.result = is_nxdomain ? DNS_NXDOMAIN : DNS_NODATA;
	draft->answer.ttl_s = lesser(chain->ttl_s, authority.ttl_s);
	if (is_nxdomain || authority.has_soa)
		return READ_ANSWER;
	if (is_link)
		return READ_GO_ON;
	if (packet->count[SECTION_ANSWER])
		return READ_BAD;
	if (packet->is_authoritative)
		return READ_ANSWER;
	if (authority.has_ns || !packet->has_recursion || !asked->wants_recursion)
		return READ_LAME;
	return READ_ANSWER;
}

static enum reading section_judge(const struct packet *packet, const struct asked *asked,
	struct section *section, struct chain *chain, struct draft *draft)
{
	unsigned links = chain->links;
	if (section_read(packet, asked->type, section) < 0)
		return READ_BAD;
	int r = chain_follow(section, asked->type, chain);
	if (r < 0)
		return r == -ELOOP ? READ_ENDLESS : READ_BAD;
	if (records_take(section, asked, chain, draft) < 0)
		return READ_BAD;
	if (draft->answer.n == 0)
		return nothing_read(packet, asked, chain, chain->links > links, draft);
	draft->answer.result = DNS_FOUND;
	/* A name that is not there has no records. */
	return packet->rcode == RCODE_NXDOMAIN ? READ_BAD : READ_ANSWER;
}

enum reading answer_read(const struct packet *packet, const struct asked *asked,
	struct chain *chain, struct draft *draft)
{
	struct section section = {.n = 0};
	draft->answer = (struct dns_answer){.is_authoritative = packet->is_authoritative};
	draft->text_n = 0;
	enum reading reading = section_judge(packet, asked, &section, chain, draft);
	section_free(&section);
	if (reading == READ_ANSWER)
		draft->answer.canonical = draft_name(draft, name_span(&chain->name));
	return reading;
}
