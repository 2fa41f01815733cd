/* SPDX-License-Identifier: ISC */
/*
 * addr.h - IP addresses and networks as values. IPv4 lives in the v4-mapped range (RFC
 * 4291 2.5.5.2), so that one comparison serves both families.
 */
#ifndef POLICYD_ADDR_H
#define POLICYD_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/span.h"

struct ip {
	uint8_t byte[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct ip_net {
	struct ip base; /* host bits are zero */
	uint8_t bits;   /* 0 to 128, counted in the 16-byte form: 192.0.2.0/24 has 120 */
};

#define IP_TEXT_SIZE 46

/* Dotted quad or RFC 4291 text, without brackets or zone. 0 or -EINVAL. */
MUST_CHECK int ip_parse(struct span text, struct ip *ret);
bool ip_is_v4(const struct ip *ip);
/* 127/8 and ::1. */
bool ip_is_loopback(const struct ip *ip);
/* fe80::/10, 169.254/16. */
bool ip_is_link_local(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);
/*
 * False for what the world never sees: IANA's special-purpose registries (RFC 6890) and multicast, but not
 * the networks for documentation, which examples use. Of IPv6 only 2000::/3 is public (RFC 4291 2.4).
 */
bool ip_is_public(const struct ip *ip);
const char *ip_format(const struct ip *ip, char buf[IP_TEXT_SIZE]);

/*
 * As DNS asks about an address (RFC 1035 3.5, RFC 3596 2.5, RFC 5782): what stands in front of a zone. "10.2.0.192",
 * or the nibbles of an IPv6 address; ip_nibbles() gives those of IPv4 as ::ffff:a.b.c.d too.
 */
#define IP_REVERSED_SIZE 64
void ip_reversed(const struct ip *ip, char buf[IP_REVERSED_SIZE]);
void ip_nibbles(const struct ip *ip, char buf[IP_REVERSED_SIZE]);

/*
 * One host as accounts and limits count it: an IPv4 address, and of IPv6 the /64, all of which a host
 * has to choose from (design 5): "192.0.2.1", "2001:db8::/64".
 */
#define HOST_TEXT_SIZE (IP_TEXT_SIZE + 3)
struct span host_format(const struct ip *ip, char buf[HOST_TEXT_SIZE]);
/* What host_format() writes, or any address of the host. 0 or -EINVAL. */
MUST_CHECK int host_parse(struct span text, struct ip *ret);

/* "192.0.2.0/24", "2001:db8::/48", or an address alone. 0; -EINVAL; -ERANGE: host bits are set. */
MUST_CHECK int ip_net_parse(struct span text, struct ip_net *ret);
bool ip_net_has(const struct ip_net *net, const struct ip *ip);

#endif
