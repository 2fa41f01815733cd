/* SPDX-License-Identifier: ISC */
/*
 * What the header of a message says of its signatures and its sender. Whether a signature is true is not
 * known here, and nothing is trusted: what is no plain domain is left out.
 */
#include "policyd/address.h"
#include "policyd/mailauth.h"
#include "tag_list.h"

#define DOMAIN_MAX 253

/* ---- fields ---- */

struct field {
	struct span name, value; /* value: with its folds */
};

/* Where the line ends, its LF among it. */
static size_t line_end(struct span text, size_t at)
{
	const char *end = memchr(text.p + at, '\n', text.n - at);
	return end ? (size_t)(end - text.p) + 1 : text.n;
}

static bool is_blank_line(struct span line)
{
	return span_equal(line, SPAN("\n")) || span_equal(line, SPAN("\r\n"));
}

/*
 * The next field; false: the header is over. A line without a colon is none ("From " before the first in a mailbox
 * file), and comes back without a name.
 */
static bool field_take(struct span *rest, struct field *ret)
{
	*ret = (struct field){0};
	if (rest->n == 0)
		return false;
	size_t end = line_end(*rest, 0);
	if (is_blank_line(span_make(rest->p, end)))
		return false;
	while (end < rest->n && (rest->p[end] == ' ' || rest->p[end] == '\t'))
		end = line_end(*rest, end);
	const char *colon = memchr(rest->p, ':', end);
	if (colon) {
		size_t n = (size_t)(colon - rest->p);
		ret->name = span_trim(span_make(rest->p, n));
		ret->value = span_trim(span_make(colon + 1, end - n - 1));
	}
	*rest = span_make(rest->p + end, rest->n - end);
	return true;
}

/* ---- addresses ---- */

static bool is_host_byte(char c)
{
	char low = ascii_lower(c);
	return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
	       c == '.';
}

/* False, and buf empty: no domain. */
static bool domain_copy(struct span text, char buf[DOMAIN_MAX + 1])
{
	char domain[ADDRESS_DOMAIN_MAX];
	buf[0] = '\0';
	if (text.n == 0 || text.n > 4 * (size_t)ADDRESS_DOMAIN_MAX)
		return false;
	size_t n = domain_normalise(text, domain);
	if (n == 0 || n > DOMAIN_MAX || domain[0] == '.' || domain[n - 1] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_host_byte(domain[i]) || (i && domain[i] == '.' && domain[i - 1] == '.'))
			return false;
	}
	span_copy(span_make(domain, n), buf, DOMAIN_MAX + 1);
	return true;
}

/* What is taken literally in an address list: behind '"' until the next, and comments, which nest. */
struct quoting {
	bool is_quoted, is_escaped;
	size_t comments;
};

/* True: c is part of such, or begins or ends it. */
static bool quoting_has(struct quoting *state, char c)
{
	bool is_within = state->is_quoted || state->comments;
	if (state->is_escaped) {
		state->is_escaped = false;
		return true;
	}
	if (c == '\\' && is_within) {
		state->is_escaped = true;
	} else if (c == '"' && !state->comments) {
		state->is_quoted = !state->is_quoted;
		return true;
	} else if (c == '(' && !state->is_quoted) {
		state->comments++;
		return true;
	} else if (c == ')' && state->comments) {
		state->comments--;
	}
	return is_within;
}

static struct span domain_at(struct span value, size_t at)
{
	size_t end = at;
	while (end < value.n && (is_host_byte(value.p[end]) || (uint8_t)value.p[end] >= 0x80))
		end++;
	return span_make(value.p + at, end - at);
}

/* The domain of the first address of a list (RFC 5322 3.4): that in angle brackets, if it has some. */
static void address_domain_read(struct span value, char buf[DOMAIN_MAX + 1])
{
	struct quoting state = {0};
	struct span domain = {0};
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		if (quoting_has(&state, c))
			continue;
		if (c == '<' || c == ':')
			domain = (struct span){0}; /* that was a name, a route, a group's name */
		else if (c == '@')
			domain = domain_at(value, i + 1);
		else if (c == '>' || c == ';' || (c == ',' && domain.n))
			break;
	}
	(void)domain_copy(domain, buf);
}

/* ---- signatures ---- */

static void signature_read(struct span value, struct message_auth *ret)
{
	struct dkim_signature *signature = &ret->signature[ret->signatures];
	struct span domain = {0}, selector = {0}, algorithm = {0};
	struct tag tag;
	while (tag_take(&value, &tag)) {
		if (span_equal(tag.name, SPAN("d")))
			domain = tag.value;
		else if (span_equal(tag.name, SPAN("s")))
			selector = tag.value;
		else if (span_equal(tag.name, SPAN("a")))
			algorithm = tag.value;
	}
	*signature = (struct dkim_signature){0};
	if (!domain_copy(domain, signature->domain) || !domain_copy(selector, signature->selector))
		return;
	tag_show(algorithm, signature->algorithm, sizeof(signature->algorithm));
	ret->signatures++;
}

/* ---- what a receiver found ---- */

static size_t quoting_end(struct span text, size_t at)
{
	struct quoting state = {0};
	while (at < text.n && quoting_has(&state, text.p[at])) {
		at++;
		if (!state.is_quoted && !state.comments)
			break;
	}
	return at;
}

/* Blanks and comments off the front. */
static void cfws_skip(struct span *text)
{
	for (;;) {
		size_t n = 0;
		*text = span_trim(*text);
		if (text->n && text->p[0] == '(')
			n = quoting_end(*text, 0);
		if (n == 0)
			return;
		*text = span_make(text->p + n, text->n - n);
	}
}

/* Up to a semicolon that is one. */
static struct span segment_take(struct span *rest)
{
	struct quoting state = {0};
	size_t n = 0;
	while (n < rest->n && (quoting_has(&state, rest->p[n]) || rest->p[n] != ';'))
		n++;
	struct span segment = span_make(rest->p, n);
	size_t taken = n < rest->n ? n + 1 : n;
	*rest = span_make(rest->p + taken, rest->n - taken);
	return segment;
}

static struct span word_take(struct span *text)
{
	size_t n = 0;
	cfws_skip(text);
	while (n < text->n && !strchr(" \t\r\n(=/;", text->p[n]))
		n++;
	struct span word = span_make(text->p, n);
	*text = span_make(text->p + n, text->n - n);
	return word;
}

/* Cut to fit, a run of blanks as one; what cannot be shown as '?'. */
static void line_show(struct span text, char *buf, size_t size)
{
	size_t n = 0;
	bool is_blank = false;
	text = span_trim(text);
	for (size_t i = 0; i < text.n && n + 2 < size; i++) {
		char c = text.p[i];
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			is_blank = true;
			continue;
		}
		if (is_blank)
			buf[n++] = ' ';
		is_blank = false;
		buf[n++] = (char)(c < ' ' || c > '~' ? '?' : c);
	}
	buf[n] = '\0';
}

/* method [ "/" version ] "=" result ... ; false: of a method that nobody here wants, or none. */
static bool result_read(struct span text, struct auth_result *ret)
{
	static const char *const methods[] = {"spf", "dkim", "dmarc"};
	struct span method = word_take(&text);
	cfws_skip(&text);
	if (text.n && text.p[0] == '/') {
		text = span_make(text.p + 1, text.n - 1);
		(void)word_take(&text);
		cfws_skip(&text);
	}
	if (text.n == 0 || text.p[0] != '=')
		return false;
	text = span_make(text.p + 1, text.n - 1);
	struct span result = word_take(&text);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]) && result.n; i++) {
		if (!span_equal_nocase(method, span_of(methods[i])))
			continue;
		span_copy(span_of(methods[i]), ret->method, sizeof(ret->method));
		tag_show(result, ret->result, sizeof(ret->result));
		line_show(text, ret->detail, sizeof(ret->detail));
		return true;
	}
	return false;
}

static void results_read(struct span value, struct message_auth *ret)
{
	struct span head = segment_take(&value);
	struct span server = word_take(&head);
	while (value.n && ret->results < AUTH_RESULTS_MAX) {
		struct auth_result *result = &ret->result[ret->results];
		*result = (struct auth_result){0};
		if (!result_read(segment_take(&value), result))
			continue;
		line_show(server, result->server, sizeof(result->server));
		ret->results++;
	}
}

/* ---- the header ---- */

enum wanted_field { FIELD_SIGNATURE, FIELD_RESULTS, FIELD_FROM, FIELD_RETURN_PATH, FIELDS };

/* FIELDS: none of those. */
static enum wanted_field field_of(struct span name)
{
	static const char *const names[FIELDS] = {
		"DKIM-Signature", "Authentication-Results", "From", "Return-Path"};
	unsigned i = 0;
	while (i < FIELDS && !span_equal_nocase(name, span_of(names[i])))
		i++;
	return (enum wanted_field)i;
}

bool message_auth_field(struct span *rest, struct span *ret)
{
	const char *from = rest->p;
	struct field field;
	while (field_take(rest, &field)) {
		if (field_of(field.name) != FIELDS) {
			*ret = span_make(from, (size_t)(rest->p - from));
			return true;
		}
		from = rest->p;
	}
	return false;
}

void message_auth_parse(struct span message, struct message_auth *ret)
{
	struct field field;
	bool has_from = false, has_return_path = false;
	*ret = (struct message_auth){0};
	if (message.n > MESSAGE_HEADER_MAX)
		message.n = MESSAGE_HEADER_MAX;
	while (field_take(&message, &field)) {
		switch (field_of(field.name)) {
		case FIELD_SIGNATURE:
			if (ret->signatures < DKIM_SIGNATURES_MAX)
				signature_read(field.value, ret);
			break;
		case FIELD_RESULTS:
			results_read(field.value, ret);
			break;
		case FIELD_FROM:
			if (!has_from)
				address_domain_read(field.value, ret->from_domain);
			has_from = true;
			break;
		case FIELD_RETURN_PATH:
			if (!has_return_path)
				address_domain_read(field.value, ret->return_path_domain);
			has_return_path = true;
			break;
		case FIELDS:
			break;
		}
	}
}

/* ---- alignment ---- */

static bool is_below(const char *name, const char *top)
{
	size_t n = strlen(name), m = strlen(top);
	return n > m && name[n - m - 1] == '.' && strcmp(name + n - m, top) == 0;
}

/* At least two labels at the end are the same: what they belong to may be one, or a suffix of many. */
static bool has_common_suffix(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), dots = 0;
	while (n && m && a[n - 1] == b[m - 1]) {
		dots += a[n - 1] == '.';
		n--;
		m--;
	}
	bool is_label = (n == 0 || a[n - 1] == '.') && (m == 0 || b[m - 1] == '.');
	return dots > 1 || (dots == 1 && is_label);
}

enum dkim_alignment dkim_aligned(const char *domain, const char *from, const char *organisational)
{
	if (!*domain || !*from)
		return ALIGNED_UNKNOWN;
	if (strcmp(domain, from) == 0)
		return ALIGNED_STRICT;
	if (*organisational) {
		bool is_of_it =
			strcmp(domain, organisational) == 0 || is_below(domain, organisational);
		return is_of_it ? ALIGNED_RELAXED : ALIGNED_NOT;
	}
	if ((is_below(from, domain) && strchr(domain, '.')) ||
		(is_below(domain, from) && strchr(from, '.')))
		return ALIGNED_RELAXED;
	return has_common_suffix(domain, from) ? ALIGNED_UNKNOWN : ALIGNED_NOT;
}

const char *dkim_alignment_name(enum dkim_alignment alignment)
{
	static const char *const names[] = {[ALIGNED_UNKNOWN] = "unknown",
		[ALIGNED_STRICT] = "strict",
		[ALIGNED_RELAXED] = "relaxed",
		[ALIGNED_NOT] = "no"};
	return names[alignment];
}
