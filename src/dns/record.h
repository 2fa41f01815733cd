/* SPDX-License-Identifier: ISC */
/* record.h - what is read from records of ldns. */
#ifndef POLICYD_DNS_RECORD_H
#define POLICYD_DNS_RECORD_H

#include <ldns/ldns.h>

#include "internal.h"

#define SOA_FIELDS 7 /* MNAME, RNAME, SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM */

/* A field as bytes; empty when it is not there. */
static inline struct span rdf_span(const ldns_rdf *rdf)
{
	return rdf ? span_make((const char *)ldns_rdf_data(rdf), ldns_rdf_size(rdf))
		   : span_make(NULL, 0);
}

/* Its data, of that type; texts go into the draft. 0, or -EBADMSG: it does not hold what its type says. */
MUST_CHECK int record_take(
	const ldns_rr *rr, enum dns_type type, struct draft *draft, struct dns_rr *ret);

#endif
