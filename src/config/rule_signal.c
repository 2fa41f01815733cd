/* SPDX-License-Identifier: ISC */
/*
 * Rules for the text of settings about signals and the ladder. What a signal is, is not known here but
 * for its name.
 */
#include "rule_signal.h"

#include <errno.h>

#include "policyd/suggest.h"
#include "policyd/units.h"
#include "rule.h"

static const char *const signal_names[] = {
#define SIGNAL(id, name, family, weight, cap, half_life, window, minimum, needs, text) name,
#include "policyd/signal.def"
#undef SIGNAL
};
#define SIGNALS ((int)(sizeof(signal_names) / sizeof(signal_names[0])))

int rule_signal_find(struct span name)
{
	for (int i = 0; i < SIGNALS; i++) {
		if (span_equal(name, span_of(signal_names[i])))
			return i;
	}
	return -1;
}

int rule_signal_name(struct span text, struct errbuf *err)
{
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];

	if (rule_signal_find(text) >= 0)
		return 0;
	for (int i = 0; i < SIGNALS; i++)
		suggest_offer(text, signal_names[i], &best);
	err_set(err, "no signal has that name%s",
		best.word ? suggest_text(&best, hint)
			  : ": \"policyctl signals\" shows those that there are");
	return -EINVAL;
}

static bool is_letter(char c)
{
	char lower = ascii_lower(c);

	return lower >= 'a' && lower <= 'z';
}

int rule_country(struct span text, struct errbuf *err)
{
	if (text.n == 2 && is_letter(text.p[0]) && is_letter(text.p[1]))
		return 0;
	err_set(err, "a country has two letters (ISO 3166-1): write \"DE\"");
	return -EINVAL;
}

/* An address, or "@" and a domain. */
int rule_trap(struct span text, struct errbuf *err)
{
	ptrdiff_t at = span_rfind(text, '@');
	struct span domain = at < 0 ? text : span_make(text.p + at + 1, text.n - (size_t)at - 1);
	bool is_clean = true;

	for (size_t i = 0; i < text.n; i++)
		is_clean = is_clean && (unsigned char)text.p[i] > ' ' && text.p[i] != ',';
	if (at >= 0 && is_clean && rule_is_domain(domain))
		return 0;
	err_set(err, "this is no address: write \"trap@example.org\", or \"@trap.example.org\" for "
		     "a whole domain");
	return -EINVAL;
}

/* What does not parse is told by the type. */
int rule_slow_rate(struct span text, struct errbuf *err)
{
	struct rate rate;

	if (rate_parse(text, &rate, NULL) != 0 || (rate.window_us > 0 && !rate.is_size))
		return 0;
	err_set(err, rate.n == RATE_UNLIMITED
			     ? "this would slow nobody: write \"10/1h\", or ladder.mode = "
			       "\"observe\" if nothing is to be done"
			     : "this counts recipients in a window: write \"10/1h\"");
	return -EINVAL;
}

int rule_max_auto(struct span text, struct errbuf *err)
{
	struct rate rate;

	if (rate_parse(text, &rate, NULL) != 0 || rate.n == RATE_UNLIMITED ||
		(rate.window_us > 0 && !rate.is_size))
		return 0;
	err_set(err, "this counts accounts in a window: write \"10/1h\", or \"unlimited\"");
	return -EINVAL;
}
