/* SPDX-License-Identifier: ISC */
/*
 * The SPF record to publish: the one that is there, with the addresses that it lacks put in front, where they
 * match before anything else speaks, and cost no look-up.
 */
#include "internal.h"
#include "policyd/spf.h"

/* The longest string within a TXT record (RFC 1035 3.3.14). */
#define STRING_MAX 255

static void add_mechanisms(struct words *words, const struct spf_missing *missing)
{
	char ip[IP_TEXT_SIZE];
	for (size_t i = 0; i < missing->n; i++)
		words_add(words, " %s:%s", ip_is_v4(&missing->ip[i]) ? "ip4" : "ip6",
			ip_format(&missing->ip[i], ip));
}

/* What stands behind "v=spf1"; empty: there is no record, or it cannot be shown as it is. */
static struct span rest_of(const char *record)
{
	struct span text = span_of(record);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] > 0x7e || text.p[i] == '"' || text.p[i] == '\\')
			return (struct span){0};
	}
	(void)span_word(&text);
	return span_trim(text);
}

void spf_fix(struct sighting *s, const char *domain, const char *record,
	const struct spf_missing *missing)
{
	char text[AUDIT_TEXT_SIZE], terms[AUDIT_TEXT_SIZE];
	struct words words = words_in(text, sizeof(text)), own = words_in(terms, sizeof(terms));
	struct span rest = rest_of(record);
	add_mechanisms(&own, missing);
	words_add(&words, "v=spf1%s", terms);
	if (record[0])
		words_add(&words, " %.*s",
			(int)(rest.n < AUDIT_TEXT_SIZE ? rest.n : AUDIT_TEXT_SIZE),
			rest.p ? rest.p : "");
	else
		words_add(&words, " ~all");
	/* The room of both texts is the same: what does not fit, or needs several strings, is told in words. */
	bool has_room = words.n <= STRING_MAX && words.n + strlen(domain) + 8 < AUDIT_TEXT_SIZE &&
			(!record[0] || rest.n > 0 || strlen(record) < sizeof("v=spf1 "));
	if (has_room)
		sighting_fix(s, "%s. TXT \"%s\"", domain, text);
	else
		sighting_fix(s, "put%.300s behind v=spf1 in the TXT record of %s", terms, domain);
}
