/* SPDX-License-Identifier: ISC */
/* Rules for single settings about our own addresses and keys. Nothing is asked here. */
#include "rule_egress.h"

#include <errno.h>

#include "policyd/clock.h"
#include "rule.h"

/* RFC 6376 3.6.2.1. */
static const struct span between = {.p = "._domainkey.", .n = sizeof("._domainkey.") - 1};

/* Where it begins in text, or -1. Names of DNS know no case. */
static ptrdiff_t find_between(struct span text)
{
	for (size_t i = 0; i + between.n <= text.n; i++) {
		if (span_equal_nocase(span_make(text.p + i, between.n), between))
			return (ptrdiff_t)i;
	}
	return -1;
}

int rule_selector(struct span text, struct errbuf *err)
{
	ptrdiff_t at = find_between(text);

	if (at > 0 && rule_is_domain(text)) {
		struct span domain =
			span_make(text.p + (size_t)at + between.n, text.n - (size_t)at - between.n);
		if (memchr(domain.p, '.', domain.n) && find_between(domain) < 0)
			return 0;
	}
	err_set(err, "this is no name of a key: write SELECTOR._domainkey.DOMAIN, as in "
		     "\"s1._domainkey.example.org\"");
	return -EINVAL;
}

int rule_warm_up(struct span text, struct errbuf *err)
{
	const size_t date_n = 10;
	wall_t until;
	struct errbuf ignored;

	if (text.n == date_n && rule_until_parse(text, &until, &ignored) == 0)
		return 0;
	err_set(err, "this is no day: write the day of its first mail, in UTC, as in "
		     "\"2026-12-01\"");
	return -EINVAL;
}
