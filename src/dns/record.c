/* SPDX-License-Identifier: ISC */
/* One record of ldns as one of ours. Whether it belongs to the answer is decided in answer.c. */
#include "record.h"

#include <errno.h>

#define MX_FIELDS  2
#define SOA_SERIAL 2

static int address_take(struct span data, size_t bytes, struct ip *ret)
{
	if (data.n != bytes)
		return -EBADMSG;
	*ret = (struct ip){{0}};
	if (bytes == 4)
		memset(ret->byte + 10, 0xff, 2);
	memcpy(ret->byte + sizeof(ret->byte) - bytes, data.p, bytes);
	return 0;
}

static int text_take(const ldns_rr *rr, struct draft *draft, struct span *ret)
{
	size_t strings = ldns_rr_rd_count(rr);
	char *text = draft->text + draft->text_n;
	size_t n = 0;
	for (size_t i = 0; i < strings; i++) {
		struct span string = rdf_span(ldns_rr_rdf(rr, i));
		/* Its own length before it. */
		if (string.n > 1)
			memcpy(text + n, string.p + 1, string.n - 1);
		n += string.n ? string.n - 1 : 0;
	}
	draft->text_n += n;
	*ret = span_make(text, n);
	return strings ? 0 : -EBADMSG;
}

static int name_take(const ldns_rr *rr, size_t field, struct draft *draft, struct span *ret)
{
	struct name name;
	if (name_of_wire(rdf_span(ldns_rr_rdf(rr, field)), &name) < 0)
		return -EBADMSG;
	*ret = draft_name(draft, name_span(&name));
	return 0;
}

int record_take(const ldns_rr *rr, enum dns_type type, struct draft *draft, struct dns_rr *ret)
{
	*ret = (struct dns_rr){.serial = 0};
	switch (type) {
	case DNS_A:
		return address_take(rdf_span(ldns_rr_rdf(rr, 0)), 4, &ret->ip);
	case DNS_AAAA:
		return address_take(rdf_span(ldns_rr_rdf(rr, 0)), 16, &ret->ip);
	case DNS_TXT:
		return text_take(rr, draft, &ret->text);
	case DNS_MX:
		if (ldns_rr_rd_count(rr) != MX_FIELDS)
			return -EBADMSG;
		ret->preference = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
		return name_take(rr, 1, draft, &ret->name);
	case DNS_SOA:
		if (ldns_rr_rd_count(rr) != SOA_FIELDS)
			return -EBADMSG;
		ret->serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, SOA_SERIAL));
		return name_take(rr, 0, draft, &ret->name);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return name_take(rr, 0, draft, &ret->name);
	}
	return -EBADMSG;
}
