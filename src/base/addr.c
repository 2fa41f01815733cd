/* SPDX-License-Identifier: ISC */
/* IP addresses and networks, text to value and back. Names and DNS are not known here. */
#include "policyd/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

/* What nearly every address is, as inet_pton() takes it: three digits at most, no zero before others. */
static bool v4_parse(struct span text, uint8_t byte[4])
{
	size_t at = 0;
	for (unsigned i = 0; i < 4; i++) {
		size_t begin = at;
		unsigned n = 0;
		for (; at < text.n && at - begin < 3 && text.p[at] >= '0' && text.p[at] <= '9';
			at++)
			n = n * 10 + (unsigned)(text.p[at] - '0');
		bool is_number = at > begin && n < 256 && (text.p[begin] != '0' || at - begin == 1);
		bool is_ended = i < 3 ? at < text.n && text.p[at++] == '.' : at == text.n;
		if (!is_number || !is_ended)
			return false;
		byte[i] = (uint8_t)n;
	}
	return true;
}

int ip_parse(struct span text, struct ip *ret)
{
	char buf[IP_TEXT_SIZE];
	struct ip ip;
	if (text.n == 0)
		return -EINVAL;
	if (v4_parse(text, ip.byte + 12)) {
		memcpy(ip.byte, v4_mapped, sizeof(v4_mapped));
		*ret = ip;
		return 0;
	}
	if (text.n >= sizeof(buf) || memchr(text.p, '\0', text.n))
		return -EINVAL;
	span_copy(text, buf, sizeof(buf));
	if (inet_pton(AF_INET6, buf, ip.byte) != 1)
		return -EINVAL;
	*ret = ip;
	return 0;
}

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->byte, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool ip_is_loopback(const struct ip *ip)
{
	static const struct ip v6_loopback = {.byte = {[15] = 1}};
	if (ip_is_v4(ip))
		return ip->byte[12] == 127;
	return memcmp(ip, &v6_loopback, sizeof(*ip)) == 0;
}

bool ip_is_link_local(const struct ip *ip)
{
	const uint8_t *b = ip->byte;
	return ip_is_v4(ip) ? b[12] == 169 && b[13] == 254 : b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

void ip_nibbles(const struct ip *ip, char buf[IP_REVERSED_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *at = buf;
	for (size_t i = sizeof(ip->byte); i-- > 0;) {
		*at++ = digits[ip->byte[i] & 0xf];
		*at++ = '.';
		*at++ = digits[ip->byte[i] >> 4];
		*at++ = '.';
	}
	at[-1] = '\0';
}

void ip_reversed(const struct ip *ip, char buf[IP_REVERSED_SIZE])
{
	const uint8_t *b = ip->byte;
	struct ip turned = *ip;
	if (!ip_is_v4(ip)) {
		ip_nibbles(ip, buf);
		return;
	}
	for (size_t i = 0; i < 4; i++)
		turned.byte[12 + i] = b[15 - i];
	(void)ip_format(&turned, buf);
}

bool ip_is_public(const struct ip *ip)
{
	static const struct {
		uint8_t base[3], bits;
	} special[] = {
		{{0}, 8},
		{{10}, 8},
		{{100, 64}, 10},
		{{127}, 8},
		{{169, 254}, 16},
		{{172, 16}, 12},
		{{192, 0, 0}, 24},
		{{192, 168}, 16},
		{{198, 18}, 15},
		{{224}, 3},
	};
	const uint8_t *b = ip->byte;
	if (!ip_is_v4(ip))
		return (b[0] & 0xe0) == 0x20;
	uint32_t first = (uint32_t)b[12] << 16 | (uint32_t)b[13] << 8 | b[14];
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		const uint8_t *base = special[i].base;
		uint32_t net = (uint32_t)base[0] << 16 | (uint32_t)base[1] << 8 | base[2];
		if ((first ^ net) >> (24 - special[i].bits) == 0)
			return false;
	}
	return true;
}

const char *ip_format(const struct ip *ip, char buf[IP_TEXT_SIZE])
{
	const char *text = ip_is_v4(ip) ? inet_ntop(AF_INET, ip->byte + 12, buf, IP_TEXT_SIZE)
					: inet_ntop(AF_INET6, ip->byte, buf, IP_TEXT_SIZE);
	return text ? text : "";
}

static const char v6_host[] = "/64";

struct span host_format(const struct ip *ip, char buf[HOST_TEXT_SIZE])
{
	struct ip host = *ip;
	if (ip_is_v4(ip))
		return span_of(ip_format(ip, buf));
	memset(host.byte + 8, 0, 8);
	size_t n = strlen(ip_format(&host, buf));
	memcpy(buf + n, v6_host, sizeof(v6_host));
	return span_make(buf, n + sizeof(v6_host) - 1);
}

int host_parse(struct span text, struct ip *ret)
{
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	size_t bare_n = slash ? (size_t)(slash - text.p) : text.n;
	struct span length = span_make(text.p + bare_n, text.n - bare_n);
	struct ip ip;
	if (ip_parse(span_make(text.p, bare_n), &ip) != 0)
		return -EINVAL;
	if (slash && !span_equal(length, ip_is_v4(&ip) ? SPAN("/32") : span_of(v6_host)))
		return -EINVAL;
	*ret = ip;
	return 0;
}

/* The address with all bits after the first bits cleared. */
static struct ip ip_mask(const struct ip *ip, unsigned bits)
{
	struct ip masked = {0};
	memcpy(masked.byte, ip->byte, bits / 8);
	if (bits % 8)
		masked.byte[bits / 8] = ip->byte[bits / 8] & (uint8_t)(0xff00u >> (bits % 8));
	return masked;
}

int ip_net_parse(struct span text, struct ip_net *ret)
{
	const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	size_t ip_n = slash ? (size_t)(slash - text.p) : text.n;
	struct ip ip;
	if (ip_parse(span_make(text.p, ip_n), &ip) != 0)
		return -EINVAL;
	uint64_t bits = ip_is_v4(&ip) ? 32 : 128;
	uint64_t offset = 128 - bits;
	if (slash) {
		uint64_t given;
		if (span_to_u64(span_make(slash + 1, text.n - ip_n - 1), &given) != 0 ||
			given > bits)
			return -EINVAL;
		bits = given;
	}
	struct ip base = ip_mask(&ip, (unsigned)(bits + offset));
	if (memcmp(&base, &ip, sizeof(ip)) != 0)
		return -ERANGE;
	*ret = (struct ip_net){.base = base, .bits = (uint8_t)(bits + offset)};
	return 0;
}

bool ip_net_has(const struct ip_net *net, const struct ip *ip)
{
	struct ip masked = ip_mask(ip, net->bits);
	return memcmp(&masked, &net->base, sizeof(masked)) == 0;
}
