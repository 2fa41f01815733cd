/* SPDX-License-Identifier: ISC */
/* Macros (RFC 7208 7), and names as what comes out of them. */
#include "spf_internal.h"

#include <errno.h>

#define KEEP_ALL   1000u /* parts: more than a value can have */
#define VALUE_SIZE (SPF_LOCAL_MAX + 1 + SPF_NAME_MAX + 1)
/* One macro at its longest, each octet as %XX, beside what must be kept. */
#define SPACE_SIZE 2048
#define SPACE_KEPT 300

static bool is_alnum(char c)
{
	return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9');
}

/* ---- what is written ---- */

struct macro {
	char letter;     /* lower case; or '%', '_', '-' */
	bool is_escaped; /* a capital */
	bool is_reversed;
	unsigned keep;
	struct span delimiters;
};

static bool is_delimiter(char c)
{
	return c && strchr(".-+,/_=", c);
}

/* DIGIT and "r"; a zero keeps nothing and is none (RFC 7208 7.3). */
static size_t transformers_take(struct span text, size_t at, struct macro *ret)
{
	size_t begin = at;
	unsigned keep = 0;
	for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++) {
		keep = keep * 10 + (unsigned)(text.p[at] - '0');
		if (keep > KEEP_ALL)
			keep = KEEP_ALL;
	}
	if (at > begin && keep == 0)
		return 0;
	ret->keep = at > begin ? keep : KEEP_ALL;
	if (at < text.n && ascii_lower(text.p[at]) == 'r') {
		ret->is_reversed = true;
		at++;
	}
	return at;
}

/* What begins with '%'. How long it is; 0: none. */
static size_t macro_take(struct span text, struct macro *ret)
{
	*ret = (struct macro){.keep = KEEP_ALL};
	if (text.n < 2)
		return 0;
	ret->letter = text.p[1];
	if (ret->letter == '%' || ret->letter == '_' || ret->letter == '-')
		return 2;
	if (ret->letter != '{' || text.n < 4)
		return 0;
	ret->letter = ascii_lower(text.p[2]);
	ret->is_escaped = ret->letter != text.p[2];
	if (!ret->letter || !strchr("slodiphcrtv", ret->letter))
		return 0;
	size_t at = transformers_take(text, 3, ret), begin = at;
	if (at == 0)
		return 0;
	while (at < text.n && is_delimiter(text.p[at]))
		at++;
	ret->delimiters = span_make(text.p + begin, at - begin);
	return at < text.n && text.p[at] == '}' ? at + 1 : 0;
}

/* Where its last macro ends; -EINVAL: something of it is none. c, r and t: only where may_explain. */
static ptrdiff_t macros_end(struct span text, bool may_explain)
{
	struct macro macro;
	ptrdiff_t end = 0;
	for (size_t at = 0; at < text.n;) {
		char c = text.p[at];
		if (c <= ' ' || c > '~')
			return -EINVAL;
		if (c != '%') {
			at++;
			continue;
		}
		size_t n = macro_take(span_make(text.p + at, text.n - at), &macro);
		if (n == 0 || (!may_explain && strchr("crt", macro.letter)))
			return -EINVAL;
		at += n;
		end = (ptrdiff_t)at;
	}
	return end;
}

bool spf_macros_are_sound(struct span text)
{
	return macros_end(text, true) >= 0;
}

/* A label of letters, digits and hyphens within, not of digits alone. */
static bool is_top_label(struct span label)
{
	bool has_other = false;
	if (label.n == 0 || label.p[0] == '-' || label.p[label.n - 1] == '-')
		return false;
	for (size_t i = 0; i < label.n; i++) {
		if (!is_alnum(label.p[i]) && label.p[i] != '-')
			return false;
		has_other = has_other || label.p[i] > '9' || label.p[i] == '-';
	}
	return has_other;
}

/* domain-spec = macro-string ( "." toplabel [ "." ] / macro-expand ) */
bool spf_domain_spec_is_sound(struct span spec)
{
	ptrdiff_t end = macros_end(spec, false);
	if (end < 0 || spec.n == 0)
		return false;
	if ((size_t)end == spec.n)
		return true;
	struct span tail = span_make(spec.p + end, spec.n - (size_t)end);
	if (tail.p[tail.n - 1] == '.')
		tail.n--;
	ptrdiff_t dot = span_rfind(tail, '.');
	return dot >= 0 && is_top_label(span_make(tail.p + dot + 1, tail.n - (size_t)dot - 1));
}

/* ---- what it stands for ---- */

/*
 * %{p} is a name of the client that proves to be its own: which of several is the receiver's choice
 * (RFC 7208 7.3), so it is as little known beforehand as the local part.
 */
static bool is_told(char letter, const struct spf_values *values)
{
	switch (letter) {
	case 'l':
	case 's':
		return values->local.n > 0;
	case 'h':
		return values->helo.n > 0;
	case 'p':
		return false;
	default:
		return true;
	}
}

char spf_depends_on(struct span spec, const struct spf_values *values)
{
	struct macro macro;
	for (size_t at = 0; at < spec.n;) {
		size_t n = 1;
		if (spec.p[at] == '%') {
			n = macro_take(span_make(spec.p + at, spec.n - at), &macro);
			if (n == 0 || !is_told(macro.letter, values))
				return macro.letter;
		}
		at += n;
	}
	return 0;
}

/* Dotted quad; or 32 nibbles with dots, those of the front first. */
static size_t address_value(const struct ip *ip, char buf[VALUE_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;
	if (ip_is_v4(ip)) {
		char text[IP_TEXT_SIZE];
		return span_copy(span_of(ip_format(ip, text)), buf, VALUE_SIZE);
	}
	for (size_t i = 0; i < 32; i++) {
		if (n)
			buf[n++] = '.';
		buf[n++] = hex[ip->byte[i / 2] >> (i % 2 ? 0 : 4) & 15];
	}
	return n;
}

static size_t value_of(char letter, const struct spf_values *values, char buf[VALUE_SIZE])
{
	size_t n = 0;
	switch (letter) {
	case 'l':
		return span_copy(values->local, buf, VALUE_SIZE);
	case 's':
		n = span_copy(values->local, buf, VALUE_SIZE);
		buf[n++] = '@';
		return n + span_copy(spf_name_span(&values->sender), buf + n, VALUE_SIZE - n);
	case 'o':
		return span_copy(spf_name_span(&values->sender), buf, VALUE_SIZE);
	case 'd':
		return span_copy(values->domain, buf, VALUE_SIZE);
	case 'i':
		return address_value(&values->ip, buf);
	case 'v':
		return span_copy(
			ip_is_v4(&values->ip) ? SPAN("in-addr") : SPAN("ip6"), buf, VALUE_SIZE);
	case 'h':
		return span_copy(values->helo, buf, VALUE_SIZE);
	case '%':
		buf[0] = '%';
		return 1;
	case '_':
		buf[0] = ' ';
		return 1;
	case '-':
		return span_copy(SPAN("%20"), buf, VALUE_SIZE);
	default:
		return 0;
	}
}

/* The end of what was written so far. What is dropped at its front could not stay in a name. */
struct space {
	size_t n;
	char text[SPACE_SIZE];
};

static void space_add(struct space *space, char c)
{
	if (space->n == SPACE_SIZE) {
		memmove(space->text, space->text + SPACE_SIZE - SPACE_KEPT, SPACE_KEPT);
		space->n = SPACE_KEPT;
	}
	space->text[space->n++] = c;
}

static void space_add_part(struct space *space, struct span part, bool is_escaped)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < part.n; i++) {
		uint8_t c = (uint8_t)part.p[i];
		if (!is_escaped || is_alnum((char)c) || (c && strchr("-._~", c))) {
			space_add(space, (char)c);
			continue;
		}
		space_add(space, '%');
		space_add(space, hex[c >> 4]);
		space_add(space, hex[c & 15]);
	}
}

static bool splits(const struct macro *macro, char c)
{
	return macro->delimiters.n ? memchr(macro->delimiters.p, c, macro->delimiters.n) != NULL
				   : c == '.';
}

/* Split, turned round, the last parts of it, put together with dots. */
static void space_add_macro(struct space *space, const struct macro *macro, struct span value)
{
	struct span part[VALUE_SIZE + 1];
	size_t n = 0, begin = 0;
	for (size_t i = 0; i <= value.n; i++) {
		if (i == value.n || splits(macro, value.p[i])) {
			part[n++] = span_make(value.p + begin, i - begin);
			begin = i + 1;
		}
	}
	size_t from = n > macro->keep ? n - macro->keep : 0;
	for (size_t i = from; i < n; i++) {
		if (i > from)
			space_add(space, '.');
		space_add_part(space, part[macro->is_reversed ? n - 1 - i : i], macro->is_escaped);
	}
}

bool spf_expand(struct span spec, const struct spf_values *values, struct spf_name *ret)
{
	struct space space = {0};
	struct macro macro;
	char value[VALUE_SIZE];
	for (size_t at = 0; at < spec.n;) {
		if (spec.p[at] != '%') {
			space_add(&space, spec.p[at++]);
			continue;
		}
		size_t n = macro_take(span_make(spec.p + at, spec.n - at), &macro);
		if (n == 0)
			return false;
		struct span text = span_make(value, value_of(macro.letter, values, value));
		if (n == 2) /* %% %_ %- */
			space_add_part(&space, text, false);
		else
			space_add_macro(&space, &macro, text);
		at += n;
	}
	return spf_name_set(span_make(space.text, space.n), ret);
}

/* ---- names ---- */

/* Too long: labels go at the front until it is not (RFC 7208 7.3). */
static struct span name_cut(struct span text)
{
	if (text.n && text.p[text.n - 1] == '.')
		text.n--;
	while (text.n > SPF_NAME_MAX) {
		const char *dot = memchr(text.p, '.', text.n);
		if (!dot)
			return (struct span){0};
		text = span_make(dot + 1, text.n - (size_t)(dot + 1 - text.p));
	}
	return text;
}

bool spf_name_set(struct span text, struct spf_name *ret)
{
	size_t label = 0;
	text = name_cut(text);
	*ret = (struct spf_name){0};
	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '.') {
			if (++label > SPF_LABEL_MAX)
				return false;
			continue;
		}
		if (label == 0)
			return false;
		label = 0;
	}
	ret->n = span_copy(text, ret->text, sizeof(ret->text));
	return label > 0;
}

size_t spf_name_escape(struct span name, char buf[DNS_NAME_SIZE])
{
	size_t n = 0;
	for (size_t i = 0; i < name.n && n + 4 < DNS_NAME_SIZE; i++) {
		char c = ascii_lower(name.p[i]);
		if (is_alnum(c) || c == '-' || c == '_' || c == '.') {
			buf[n++] = c;
			continue;
		}
		buf[n++] = '\\';
		buf[n++] = (char)('0' + (uint8_t)c / 100);
		buf[n++] = (char)('0' + (uint8_t)c / 10 % 10);
		buf[n++] = (char)('0' + (uint8_t)c % 10);
	}
	return n;
}
