/* SPDX-License-Identifier: ISC */
/* A record as terms (RFC 7208 4.6.1, 5, 6, 12). What they mean for an address is not known here. */
#include "spf_internal.h"

#include <errno.h>

#define BITS4   32
#define BITS6   128
#define BITS_V4 96 /* of the 16-byte form that stand before an IPv4 address */

static const struct span version = {.p = "v=spf1", .n = 6};

bool spf_is_record(struct span txt)
{
	if (txt.n < version.n || !span_equal_nocase(span_make(txt.p, version.n), version))
		return false;
	return txt.n == version.n || txt.p[version.n] == ' ';
}

struct span spf_record_terms(struct span record)
{
	return span_make(record.p + version.n, record.n - version.n);
}

static bool is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ) */
static size_t name_length(struct span text)
{
	size_t n = 0;
	if (text.n == 0 || !is_alpha(text.p[0]))
		return 0;
	while (n < text.n && (is_alpha(text.p[n]) || is_digit(text.p[n]) || text.p[n] == '-' ||
				     text.p[n] == '_' || text.p[n] == '.'))
		n++;
	return n;
}

static struct span behind(struct span text, size_t n)
{
	return span_make(text.p + n, text.n - n);
}

/* A number of bits, without zeros before it (RFC 7208 12). */
static bool bits_parse(struct span text, uint8_t max, uint8_t *ret)
{
	uint64_t bits;
	if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0') ||
		span_to_u64(text, &bits) < 0 || bits > max)
		return false;
	*ret = (uint8_t)bits;
	return true;
}

/* Takes digits and the slash or slashes before them off the end. How many slashes; 0: not there. */
static size_t bits_take(struct span *text, struct span *ret)
{
	size_t n = text->n, slashes = 0;
	while (n > 0 && is_digit(text->p[n - 1]))
		n--;
	if (n == text->n)
		return 0;
	*ret = behind(*text, n);
	while (slashes < 2 && n > 0 && text->p[n - 1] == '/') {
		slashes++;
		n--;
	}
	if (slashes)
		text->n = n;
	return slashes;
}

/* dual-cidr-length: "/24", "/24//64", "//64". What is no such thing stays, and is no domain then. */
static bool dual_bits_take(struct span *text, struct spf_term *term)
{
	struct span digits = {0};
	size_t slashes = bits_take(text, &digits);
	if (slashes == 2) {
		if (!bits_parse(digits, BITS6, &term->bits6))
			return false;
		slashes = bits_take(text, &digits);
		if (slashes == 2)
			return false;
	}
	return slashes == 0 || bits_parse(digits, BITS4, &term->bits4);
}

void spf_net_mask(struct ip_net *net)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned begin = i * 8, kept = net->bits > begin ? net->bits - begin : 0;
		if (kept < 8)
			net->base.byte[i] &= (uint8_t)(0xff00u >> kept);
	}
}

/* Other than elsewhere host bits may be set. */
static bool net_parse(struct span text, bool is_ip4, struct ip_net *ret)
{
	uint8_t bits = is_ip4 ? BITS4 : BITS6;
	ptrdiff_t slash = span_rfind(text, '/');
	if (slash >= 0) {
		if (!bits_parse(behind(text, (size_t)slash + 1), bits, &bits))
			return false;
		text.n = (size_t)slash;
	}
	bool has_colon = text.n > 0 && memchr(text.p, ':', text.n);
	if (has_colon == is_ip4 || ip_parse(text, &ret->base) < 0)
		return false;
	ret->bits = (uint8_t)(is_ip4 ? bits + BITS_V4 : bits);
	spf_net_mask(ret);
	return true;
}

static bool target_set(struct span rest, bool may_lack, struct spf_term *term)
{
	if (rest.n == 0)
		return may_lack;
	if (rest.p[0] != ':')
		return false;
	term->target = behind(rest, 1);
	return spf_domain_spec_is_sound(term->target);
}

struct word_row {
	const char *name;
	enum spf_kind kind;
};
static const struct word_row mechanisms[] = {
	{"all", SPF_ALL},
	{"include", SPF_INCLUDE},
	{"a", SPF_A},
	{"mx", SPF_MX},
	{"ptr", SPF_PTR},
	{"ip4", SPF_IP4},
	{"ip6", SPF_IP6},
	{"exists", SPF_EXISTS},
};
static const struct word_row modifiers[] = {{"redirect", SPF_REDIRECT}, {"exp", SPF_EXP}};

static bool word_find(struct span name, const struct word_row *row, size_t n, enum spf_kind *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (span_equal_nocase(name, span_of(row[i].name))) {
			*ret = row[i].kind;
			return true;
		}
	}
	return false;
}

static bool mechanism_parse(struct span name, struct span rest, struct spf_term *term)
{
	if (!word_find(name, mechanisms, sizeof(mechanisms) / sizeof(mechanisms[0]), &term->kind))
		return false;
	switch (term->kind) {
	case SPF_ALL:
		return rest.n == 0;
	case SPF_A:
	case SPF_MX:
		return dual_bits_take(&rest, term) && target_set(rest, true, term);
	case SPF_PTR:
		return target_set(rest, true, term);
	case SPF_IP4:
	case SPF_IP6:
		return rest.n > 0 && rest.p[0] == ':' &&
		       net_parse(behind(rest, 1), term->kind == SPF_IP4, &term->net);
	case SPF_INCLUDE:
	case SPF_EXISTS:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_OTHER:
		break;
	}
	return target_set(rest, false, term);
}

static bool modifier_parse(struct span name, struct span value, struct spf_term *term)
{
	term->target = value;
	if (word_find(name, modifiers, sizeof(modifiers) / sizeof(modifiers[0]), &term->kind))
		return spf_domain_spec_is_sound(value);
	term->kind = SPF_OTHER;
	return spf_macros_are_sound(value);
}

static bool qualifier_take(struct span *text, enum spf_verdict *ret)
{
	static const char signs[] = "+-~?";
	static const enum spf_verdict verdicts[] = {SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NEUTRAL};
	const char *sign = text->p[0] ? strchr(signs, text->p[0]) : NULL;
	*ret = SPF_PASS;
	if (!sign)
		return false;
	*ret = verdicts[sign - signs];
	*text = behind(*text, 1);
	return true;
}

static bool term_parse(struct spf_term *term)
{
	struct span text = term->text;
	bool is_qualified = qualifier_take(&text, &term->verdict);
	size_t n = name_length(text);
	struct span name = span_make(text.p, n);
	if (n == 0)
		return false;
	if (n < text.n && text.p[n] == '=')
		return !is_qualified && modifier_parse(name, behind(text, n + 1), term);
	return mechanism_parse(name, behind(text, n), term);
}

int spf_term_take(struct span *rest, struct spf_term *ret)
{
	size_t n = 0;
	while (rest->n && rest->p[0] == ' ')
		*rest = behind(*rest, 1);
	if (rest->n == 0)
		return 0;
	while (n < rest->n && rest->p[n] != ' ')
		n++;
	*ret = (struct spf_term){.text = span_make(rest->p, n), .bits4 = BITS4, .bits6 = BITS6};
	*rest = behind(*rest, n);
	return term_parse(ret) ? 1 : -EINVAL;
}

bool spf_record_is_sound(struct span record, struct span *ret)
{
	struct span rest = spf_record_terms(record);
	struct spf_term term;
	unsigned redirects = 0, exps = 0;
	int r;
	while ((r = spf_term_take(&rest, &term)) > 0) {
		redirects += term.kind == SPF_REDIRECT;
		exps += term.kind == SPF_EXP;
		if (redirects > 1 || exps > 1) /* RFC 7208 6 */
			r = -EINVAL;
		if (r < 0)
			break;
	}
	if (r < 0)
		*ret = term.text;
	return r == 0;
}

bool spf_record_find(struct span record, enum spf_kind kind, struct spf_term *ret)
{
	struct span rest = spf_record_terms(record);
	while (spf_term_take(&rest, ret) > 0) {
		if (ret->kind == kind)
			return true;
	}
	return false;
}
