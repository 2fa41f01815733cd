/* SPDX-License-Identifier: ISC */
/* Zones of blocklists. A key is a secret: no message here holds one. */
#include "zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/addr.h"
#include "policyd/mem.h"
#include "rule.h"

/* A label has at most 63 bytes (RFC 1035 2.3.4); shorter ones than 8 are cut off or mistyped. */
#define KEY_MIN 8
#define KEY_MAX 63

ptrdiff_t zone_key_at(struct span zone)
{
	for (size_t i = 0; i < zone.n; i++) {
		if (span_starts(span_make(zone.p + i, zone.n - i), ZONE_KEY))
			return (ptrdiff_t)i;
	}
	return -1;
}

static struct span without_dot(struct span zone)
{
	return span_ends(zone, SPAN(".")) ? span_make(zone.p, zone.n - 1) : zone;
}

static bool is_ascii(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if ((unsigned char)text.p[i] >= 0x80)
			return false;
	}
	return true;
}

int zone_check(struct span zone, struct errbuf *err)
{
	struct ip ip;
	char *plain = zone_with_key(without_dot(zone), SPAN("key"));
	struct span text = span_of(plain);
	int r = -EINVAL;

	if (zone_key_at(text) >= 0)
		err_set(err, "<key> stands in it twice: write it once");
	else if (ip_parse(text, &ip) == 0)
		err_set(err, "a zone is a domain, no address: write \"bl.example.org\"");
	else if (!rule_is_domain(text) || !is_ascii(text))
		err_set(err, "this is no zone: write \"bl.example.org\"");
	else
		r = 0;
	free(plain);
	return r;
}

char *zone_normalise(struct span zone)
{
	zone = without_dot(zone);
	char *text = xstrndup(zone.p, zone.n);

	for (char *at = text; *at; at++)
		*at = ascii_lower(*at);
	return text;
}

char *zone_with_key(struct span zone, struct span key)
{
	ptrdiff_t at = zone_key_at(zone);

	if (at < 0)
		return xstrndup(zone.p, zone.n);
	size_t before = (size_t)at, after = zone.n - before - ZONE_KEY.n;
	char *text = xmalloc(before + key.n + after + 1);
	memcpy(text, zone.p, before);
	if (key.n)
		memcpy(text + before, key.p, key.n);
	memcpy(text + before + key.n, zone.p + zone.n - after, after);
	text[before + key.n + after] = '\0';
	return text;
}

static bool is_key_byte(char c)
{
	char lower = ascii_lower(c);

	return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '-';
}

int zone_key_check(struct span content, struct errbuf *err)
{
	struct span key = span_trim(content);
	bool fine =
		key.n >= KEY_MIN && key.n <= KEY_MAX && key.p[0] != '-' && key.p[key.n - 1] != '-';

	for (size_t i = 0; i < key.n && fine; i++)
		fine = is_key_byte(key.p[i]);
	if (fine)
		return 0;
	err_set(err,
		"holds no key: the list's key stands alone in it, %d to %d letters, digits and '-'",
		KEY_MIN, KEY_MAX);
	return -EINVAL;
}
