/* SPDX-License-Identifier: ISC */
/* Names: text to wire and back. What a name means is not known here. */
#include "internal.h"

#include <errno.h>

#define LABEL_MAX    63
#define POINTER_BITS 0xc0
#define HOPS_MAX     (NAME_WIRE_MAX / 2) /* as many as a name can have labels */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What stands in a name without an escape: host names, underscores, RFC 2317's slash. */
static bool is_plain(char c)
{
	char low = ascii_lower(c);
	return (low >= 'a' && low <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '/';
}

/* One octet of a label, \DDD and \X understood. How many bytes it took; 0: none may stand there. */
static size_t octet_take(struct span text, uint8_t *ret)
{
	if (text.p[0] != '\\') {
		*ret = (uint8_t)ascii_lower(text.p[0]);
		return is_plain(text.p[0]) ? 1 : 0;
	}
	if (text.n >= 4 && is_digit(text.p[1]) && is_digit(text.p[2]) && is_digit(text.p[3])) {
		int value = (text.p[1] - '0') * 100 + (text.p[2] - '0') * 10 + (text.p[3] - '0');
		*ret = (uint8_t)ascii_lower((char)value);
		return value <= UINT8_MAX ? 4 : 0;
	}
	if (text.n < 2 || is_digit(text.p[1]) || text.p[1] <= ' ' || text.p[1] > '~')
		return 0;
	*ret = (uint8_t)ascii_lower(text.p[1]);
	return 2;
}

int name_of_text(struct span text, struct name *ret)
{
	struct name name = {.n = 1};
	size_t label = 0; /* where the length of the present one stands */
	if (text.n == 0 || text.n > DNS_NAME_SIZE)
		return -EINVAL;
	if (span_equal(text, SPAN(".")))
		text.n = 0;
	while (text.n) {
		size_t taken = 1;
		if (text.p[0] == '.') {
			if (name.n - label == 1)
				return -EINVAL;
			label = name.n;
			name.wire[name.n++] = 0;
		} else {
			taken = octet_take(text, &name.wire[name.n]);
			if (taken == 0 || name.wire[label] == LABEL_MAX)
				return -EINVAL;
			name.wire[label]++;
			name.n++;
		}
		text = span_make(text.p + taken, text.n - taken);
		/* One octet is left for the root, unless this was it. */
		if (name.n == NAME_WIRE_MAX && (text.n || name.wire[label]))
			return -EINVAL;
	}
	if (name.wire[label] != 0)
		name.wire[name.n++] = 0;
	*ret = name;
	return 0;
}

size_t name_to_text(struct span wire, char buf[DNS_NAME_SIZE])
{
	const uint8_t *p = (const uint8_t *)wire.p;
	size_t n = 0;
	for (size_t at = 0; at < wire.n && p[at]; at += p[at] + 1u) {
		if (n)
			buf[n++] = '.';
		for (size_t i = at + 1; i <= at + p[at]; i++) {
			char c = ascii_lower(wire.p[i]);
			if (is_plain(c) && c != '/') {
				buf[n++] = c;
				continue;
			}
			buf[n++] = '\\';
			buf[n++] = (char)('0' + p[i] / 100);
			buf[n++] = (char)('0' + p[i] / 10 % 10);
			buf[n++] = (char)('0' + p[i] % 10);
		}
	}
	if (n == 0)
		buf[n++] = '.';
	return n;
}

int name_of_wire(struct span wire, struct name *ret)
{
	size_t end = name_end(wire, 0);
	if (end == 0 || end != wire.n || end > NAME_WIRE_MAX)
		return -EINVAL;
	ret->n = (uint8_t)wire.n;
	/* Lengths are below 'A'. */
	for (size_t i = 0; i < wire.n; i++)
		ret->wire[i] = (uint8_t)ascii_lower(wire.p[i]);
	return 0;
}

bool name_is_within(const struct name *name, struct span zone)
{
	for (size_t at = 0; at < name->n; at += name->wire[at] + 1u) {
		struct span rest = span_make((const char *)name->wire + at, name->n - at);
		if (span_equal_nocase(rest, zone))
			return true;
	}
	return false;
}

/*
 * ldns follows 65,535 pointers, in circles too; each of ours must point before the place where its
 * part of the name began, as RFC 1035 4.1.4 says ("a prior occurrence").
 */
size_t name_end(struct span packet, size_t at)
{
	const uint8_t *p = (const uint8_t *)packet.p;
	size_t end = 0, begun = at, n = 1, hops = 0;
	while (at < packet.n && p[at]) {
		if (p[at] <= LABEL_MAX) {
			n += p[at] + 1u;
			at += p[at] + 1u;
			if (n > NAME_WIRE_MAX)
				return 0;
			continue;
		}
		if ((p[at] & POINTER_BITS) != POINTER_BITS || packet.n - at < 2 ||
			++hops > HOPS_MAX)
			return 0;
		size_t target = (size_t)(p[at] & ~POINTER_BITS) << 8 | p[at + 1];
		if (target >= begun)
			return 0;
		if (end == 0)
			end = at + 2;
		at = begun = target;
	}
	if (at >= packet.n)
		return 0;
	return end ? end : at + 1;
}
