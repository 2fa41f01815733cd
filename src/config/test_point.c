/* SPDX-License-Identifier: ISC */
/* Test points to labels. RFC 5782 2.1, 2.4 and 5. */
#include "test_point.h"

#include <stdio.h>
#include <string.h>

#include "policyd/addr.h"
#include "policyd/mem.h"
#include "rule.h"

#define ADDRESSES (1u << BLOCKLIST_IPV4 | 1u << BLOCKLIST_IPV6)

/* An IPv4 address in IPv6 form is asked as nibbles: the points of lists that have no IPv4 are such. */
static char *address_label(struct span text, const struct ip *ip, unsigned subjects)
{
	bool is_v6 = memchr(text.p, ':', text.n) != NULL;
	char label[IP_REVERSED_SIZE];

	if (!(subjects & 1u << (is_v6 ? BLOCKLIST_IPV6 : BLOCKLIST_IPV4)))
		return NULL;
	if (is_v6)
		ip_nibbles(ip, label);
	else
		ip_reversed(ip, label);
	return xstrdup(label);
}

/* The zone, and the dot before it, at the end of text; 0: it does not end so. */
static size_t zone_n(struct span text, struct span zone)
{
	if (text.n <= zone.n + 1 || text.p[text.n - zone.n - 1] != '.')
		return 0;
	struct span end = span_make(text.p + text.n - zone.n, zone.n);
	return span_equal_nocase(end, zone) ? zone.n + 1 : 0;
}

char *test_point_label(struct span text, unsigned subjects, struct span zone)
{
	struct ip ip;

	if ((subjects & ADDRESSES) && ip_parse(text, &ip) == 0)
		return address_label(text, &ip, subjects);
	if (!(subjects & 1u << BLOCKLIST_DOMAIN) || !rule_is_domain(text))
		return NULL;
	char *label = xstrndup(text.p, text.n - zone_n(text, zone));
	for (char *at = label; *at; at++)
		*at = ascii_lower(*at);
	return label;
}

enum blocklist_subject test_point_subject(struct span text)
{
	struct ip ip;

	if (ip_parse(text, &ip) != 0)
		return BLOCKLIST_DOMAIN;
	return memchr(text.p, ':', text.n) ? BLOCKLIST_IPV6 : BLOCKLIST_IPV4;
}

const char *test_point_default(enum blocklist_subject subject, bool is_listed)
{
	static const char *const points[BLOCKLIST_SUBJECTS][2] = {
		[BLOCKLIST_IPV4] = {"127.0.0.1", "127.0.0.2"},
		[BLOCKLIST_IPV6] = {"::ffff:7f00:1", "::ffff:7f00:2"},
		[BLOCKLIST_DOMAIN] = {"invalid", "test"},
	};

	return points[subject][is_listed];
}

const char *test_point_remedy(unsigned subjects)
{
	if (!(subjects & ADDRESSES))
		return "the list is asked about domains: write \"test\" or \"dbltest.com\"";
	if (!(subjects & 1u << BLOCKLIST_IPV6))
		return "the list is asked about IPv4 addresses: write \"127.0.0.2\"";
	if (!(subjects & 1u << BLOCKLIST_IPV4))
		return "the list is asked about IPv6 addresses: write \"::ffff:7f00:2\"";
	return "the list is asked about addresses: write \"127.0.0.2\"";
}
