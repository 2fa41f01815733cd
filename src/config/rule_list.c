/* SPDX-License-Identifier: ISC */
/* Rules for single settings that have to do with DNS and blocklists. Nothing is asked here. */
#include "rule_list.h"

#include <errno.h>

#include "code_pattern.h"
#include "policyd/addr.h"
#include "policyd/suggest.h"
#include "rule.h"
#include "zone.h"

bool rule_is_auto(struct span text)
{
	return span_equal(text, SPAN("auto"));
}

int rule_egress_address(struct span text, struct errbuf *err)
{
	struct ip ip;

	if (rule_is_auto(text))
		return 0;
	if (ip_parse(text, &ip) != 0) {
		err_set(err,
			"this is no address: write \"192.0.2.10\", \"2001:db8::10\" or \"auto\"");
		return -EINVAL;
	}
	if (ip_is_public(&ip))
		return 0;
	err_set(err, "the world never sees this address, and no list knows it: write the one that "
		     "mail arrives from");
	return RULE_WARNS;
}

static bool port_is_fine(struct span text)
{
	uint64_t port;

	return span_to_u64(text, &port) == 0 && port >= 1 && port <= UINT16_MAX;
}

/* "[::1]", or "[::1]:53". */
static bool brackets_are_fine(struct span text)
{
	ptrdiff_t end = span_rfind(text, ']');
	struct ip ip;

	if (end < 1 || ip_parse(span_make(text.p + 1, (size_t)end - 1), &ip) != 0)
		return false;
	struct span rest = span_make(text.p + end + 1, text.n - (size_t)end - 1);
	return rest.n == 0 || (rest.p[0] == ':' && port_is_fine(span_make(rest.p + 1, rest.n - 1)));
}

static bool server_is_fine(struct span text)
{
	ptrdiff_t colon = span_rfind(text, ':');
	struct ip ip;

	if (span_starts(text, SPAN("[")))
		return brackets_are_fine(text);
	if (ip_parse(text, &ip) == 0)
		return true;
	if (colon < 0 || ip_parse(span_make(text.p, (size_t)colon), &ip) != 0 || !ip_is_v4(&ip))
		return false;
	/* With a port, an address of IPv6 needs its brackets. */
	return !memchr(text.p, ':', (size_t)colon) &&
	       port_is_fine(span_make(text.p + colon + 1, text.n - (size_t)colon - 1));
}

int rule_server(struct span text, struct errbuf *err)
{
	if (server_is_fine(text))
		return 0;
	err_set(err, "a resolver is an address: write \"127.0.0.1\", \"127.0.0.1:53\" or "
		     "\"[::1]:53\"");
	return -EINVAL;
}

int rule_who_am_i(struct span text, struct errbuf *err)
{
	ptrdiff_t at = span_rfind(text, '@');
	struct span name = at < 0 ? text : span_make(text.p, (size_t)at);
	struct ip ip;

	if (!rule_is_domain(name) || ip_parse(name, &ip) == 0) {
		err_set(err, "this is no name of DNS: write NAME or NAME@SERVER, as in "
			     "\"myip.example.net@192.0.2.53\"");
		return -EINVAL;
	}
	if (at < 0 || server_is_fine(span_make(text.p + at + 1, text.n - (size_t)at - 1)))
		return 0;
	err_set(err, "behind '@' stands the address of a server: write \"%.*s@192.0.2.53\"",
		(int)(name.n < 200 ? name.n : 200), name.p);
	return -EINVAL;
}

int rule_list_name(struct span text, struct errbuf *err)
{
	if (text.n <= RULE_NAME_MAX && rule_is_word(text))
		return 0;
	err_set(err, "a list's name has 1 to %d letters, digits, '_', '.' and '-': write \"zen\"",
		RULE_NAME_MAX);
	return -EINVAL;
}

int rule_zone(struct span text, struct errbuf *err)
{
	return zone_check(text, err);
}

int rule_subject(struct span text, struct errbuf *err)
{
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];

	for (int i = 0; i < BLOCKLIST_SUBJECTS; i++) {
		const char *word = blocklist_subject_name((enum blocklist_subject)i);

		if (span_equal(text, span_of(word)))
			return 0;
		suggest_offer(text, word, &best);
	}
	err_set(err, "write \"ipv4\", \"ipv6\" or \"domain\"%s", suggest_text(&best, hint));
	return -EINVAL;
}

/* A code within 127/8. */
static int code_read(struct span text, struct code_pattern *ret, struct errbuf *err)
{
	int r = code_pattern_read(text, ret, err);

	if (r == 0 && (ret->low[0] != 127 || ret->high[0] != 127)) {
		err_set(err, "lists answer with addresses in 127.0.0.0/8, all else is an error: "
			     "write \"127.0.0.2\"");
		r = -EINVAL;
	}
	return r;
}

int rule_listing_code(struct span text, struct errbuf *err)
{
	static const uint8_t alone[4] = {127, 0, 0, 1};
	static const struct code_pattern errors = {
		.low = {127, 255, 255, 0}, .high = {127, 255, 255, 255}};
	struct code_pattern pattern;
	int r = code_read(text, &pattern, err);

	if (r != 0)
		return r;
	if (code_pattern_meets(&pattern, &errors)) {
		err_set(err,
			"127.255.255.x are errors of lists, never listings: leave them out, as "
			"in \"127.0.0.2-255\"");
		return -EINVAL;
	}
	/* A list that means it says so by the code alone, or by its bit. */
	if (!pattern.bits && pattern.low[3] != pattern.high[3] &&
		code_pattern_has(&pattern, alone)) {
		err_set(err, "127.0.0.1 is an error of most lists: begin at 2, as in "
			     "\"127.0.0.2-255\", or write \"127.0.0.1\" as a code of its own");
		return -EINVAL;
	}
	return 0;
}

int rule_error_code(struct span text, struct errbuf *err)
{
	struct code_pattern pattern;

	return code_read(text, &pattern, err);
}

int rule_test_point(struct span text, struct errbuf *err)
{
	struct ip ip;

	if (rule_is_domain(text) || ip_parse(text, &ip) == 0)
		return 0;
	err_set(err,
		"a test point is an address, or labels before the zone: write \"127.0.0.2\" or "
		"\"dbltest.com\"");
	return -EINVAL;
}
