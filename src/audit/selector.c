/* SPDX-License-Identifier: ISC */
/* A key that our mail is signed with, as it stands in DNS (RFC 6376 3.6.2). */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mailauth.h"
#include "policyd/mem.h"

/* The TXT of a key of 4096 bits has about 750 bytes. */
#define KEY_MAX 8192

struct selector {
	char name[NAME_SIZE];
	bool is_over;
	enum dns_result result;
	size_t records;
	struct dkim_key key;
};

static void *selector_begin(const struct audit *a, const struct audit_unit *unit)
{
	struct selector *selector = xcalloc(1, sizeof(*selector));
	(void)a;
	(void)span_copy(span_of(unit->name), selector->name, sizeof(selector->name));
	return selector;
}

static bool selector_question(void *walk, struct dns_question *ret)
{
	struct selector *selector = walk;
	*ret = (struct dns_question){.name = span_of(selector->name), .type = DNS_TXT};
	return !selector->is_over;
}

static void selector_answered(void *walk, const struct dns_answer *answer)
{
	struct selector *selector = walk;
	selector->is_over = true;
	selector->result = answer->result;
	if (answer->result != DNS_FOUND)
		return;
	selector->records = answer->n;
	struct span text = answer->n ? answer->rr[0].text : (struct span){0};
	dkim_key_parse(span_make(text.p, text.n < KEY_MAX ? text.n : KEY_MAX), &selector->key);
}

static void judge_key(const struct selector *selector, struct sighting *s)
{
	static const enum audit_result results[] = {
		[DKIM_FINE] = AUDIT_PASS, [DKIM_WARN] = AUDIT_WARN, [DKIM_BAD] = AUDIT_FAIL};
	const struct dkim_key *key = &selector->key;
	char bits[32] = "";
	struct words words = words_in(bits, sizeof(bits));
	if (key->bits)
		words_add(&words, " of %u bits", key->bits);
	sighting_set(s, results[key->fault], "a key for %s%s%s%s", key->algorithm, bits,
		key->why[0] ? ": " : "", key->why);
	if (key->is_revoked)
		sighting_fix(s, "sign with another selector, or publish its public key at %s.",
			selector->name);
	else if (key->fault != DKIM_FINE)
		sighting_fix(s,
			"%s. TXT \"v=DKIM1; k=rsa; p=...\" (of 2048 bits, as the signer has it)",
			selector->name);
}

static void selector_report(struct audit *a, struct audit_unit *unit, void *walk)
{
	struct selector *selector = walk;
	struct sighting s = {0};
	if (!dns_is_told(selector->result)) {
		sighting_set(&s, AUDIT_UNKNOWN, "the key could not be looked up: %s",
			dns_result_name(selector->result));
	} else if (selector->records == 0) {
		sighting_set(
			&s, AUDIT_FAIL, "there is no key: %s", dns_result_name(selector->result));
		sighting_fix(&s, "%s. TXT \"v=DKIM1; k=rsa; p=...\" (the signer's public key)",
			selector->name);
	} else if (selector->records > 1) {
		sighting_set(&s, AUDIT_FAIL, "there are %zu records, receivers take any of them",
			selector->records);
		sighting_fix(&s, "%s.: leave one TXT record there, the signer's public key",
			selector->name);
	} else {
		judge_key(selector, &s);
	}
	report(a, unit, CHECK_DKIM, NULL, &s);
}

const struct walk_kind selector_walk = {
	selector_begin, selector_question, selector_answered, selector_report, free, NULL, NULL};
