/* SPDX-License-Identifier: ISC */
/* What the walk tells to people. */
#include <stdarg.h>
#include <stdio.h>

#include "spf_internal.h"

const char *spf_verdict_name(enum spf_verdict verdict)
{
	static const char *const names[SPF_VERDICTS] = {
		[SPF_NONE] = "none",
		[SPF_NEUTRAL] = "neutral",
		[SPF_PASS] = "pass",
		[SPF_FAIL] = "fail",
		[SPF_SOFTFAIL] = "softfail",
		[SPF_TEMPERROR] = "temperror",
		[SPF_PERMERROR] = "permerror",
		[SPF_UNKNOWN] = "unknown",
	};
	return names[verdict];
}

void spf_show(struct span text, char *buf, size_t size)
{
	size_t n = span_copy(text, buf, size);
	for (size_t i = 0; i < n; i++) {
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	}
}

/* A domain is never cut out by a long term before it. */
#define TERM_SHOWN 120
#define NAME_SHOWN 128

void spf_term_text(
	const struct spf_walk *walk, const struct spf_term *term, char buf[SPF_TEXT_SIZE])
{
	char shown[TERM_SHOWN], domain[NAME_SHOWN];
	spf_show(term->text, shown, sizeof(shown));
	spf_show(spf_name_span(&walk->frame[walk->depth].domain), domain, sizeof(domain));
	int n = snprintf(buf, SPF_TEXT_SIZE, "%s of %s", shown, domain);
	if (n < 0)
		buf[0] = '\0';
}

void spf_error(struct spf_walk *walk, enum spf_verdict verdict, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(walk->result.why, sizeof(walk->result.why), format, arguments);
	va_end(arguments);
	if (n < 0)
		walk->result.why[0] = '\0';
	walk->result.term[0] = '\0';
	spf_end(walk, verdict);
}

void spf_maybe(struct spf_walk *walk, const struct spf_term *term, const char *why)
{
	spf_top(walk)->maybe |= spf_bit(term->verdict);
	if (walk->maybe_why[0])
		return;
	spf_term_text(walk, term, walk->maybe_term);
	span_copy(span_of(why), walk->maybe_why, sizeof(walk->maybe_why));
}
