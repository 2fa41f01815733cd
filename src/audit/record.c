/* SPDX-License-Identifier: ISC */
/*
 * What SPF says of an address, as a finding, and the record to publish: the one that is there, with the
 * addresses that it lacks put in front, where they match before anything else speaks, and cost no look-up.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* The longest string within a TXT record (RFC 1035 3.3.14). */
#define STRING_MAX 255

/* ---- what it says ---- */

char *spf_take(struct spf_walk **walk, struct spf_seen *ret)
{
	struct spf_result *result = xcalloc(1, sizeof(*result));
	spf_result(*walk, result);
	ret->verdict = result->verdict;
	memcpy(ret->term, result->term, sizeof(ret->term));
	memcpy(ret->why, result->why, sizeof(ret->why));
	char *record = xstrdup(result->record);
	free(result);
	spf_free(*walk);
	*walk = NULL;
	return record;
}

static enum audit_result judgement(enum spf_verdict verdict)
{
	switch (verdict) {
	case SPF_PASS:
		return AUDIT_PASS;
	case SPF_FAIL:
	case SPF_PERMERROR:
		return AUDIT_FAIL;
	case SPF_NONE:
	case SPF_NEUTRAL:
	case SPF_SOFTFAIL:
		return AUDIT_WARN;
	case SPF_TEMPERROR:
	case SPF_UNKNOWN:
	case SPF_VERDICTS:
		break;
	}
	return AUDIT_UNKNOWN;
}

bool spf_is_missing(enum spf_verdict verdict)
{
	return judgement(verdict) != AUDIT_PASS && judgement(verdict) != AUDIT_UNKNOWN &&
	       verdict != SPF_PERMERROR;
}

void spf_say(struct sighting *s, const char *domain, const struct spf_seen *seen)
{
	char ip[IP_TEXT_SIZE];
	(void)ip_format(&seen->ip, ip);
	if (seen->verdict == SPF_NONE)
		sighting_set(s, AUDIT_WARN, "%s has no SPF record: nothing says that %s may send",
			domain, ip);
	else
		sighting_set(s, judgement(seen->verdict), "%s for %s%s%s%s%s",
			spf_verdict_name(seen->verdict), ip, seen->term[0] ? " by " : "",
			seen->term, seen->why[0] ? ": " : "", seen->why);
	if (seen->verdict == SPF_PERMERROR)
		sighting_fix(s, "mend the SPF record of %s: %s", domain, seen->why);
}

/* ---- the record to publish ---- */

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
