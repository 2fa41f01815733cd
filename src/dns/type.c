/* SPDX-License-Identifier: ISC */
/* Words for types and results. */
#include "policyd/dns.h"

const char *dns_type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_NS:
		return "NS";
	case DNS_CNAME:
		return "CNAME";
	case DNS_SOA:
		return "SOA";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	}
	return "?";
}

const char *dns_result_name(enum dns_result result)
{
	static const char *const names[] = {
		[DNS_FOUND] = "found",
		[DNS_NODATA] = "no such record",
		[DNS_NXDOMAIN] = "no such name",
		[DNS_SERVFAIL] = "SERVFAIL",
		[DNS_REFUSED] = "REFUSED",
		[DNS_TIMEOUT] = "timeout",
		[DNS_MALFORMED] = "malformed answer",
	};
	return names[result];
}
