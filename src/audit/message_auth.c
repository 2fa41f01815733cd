/* SPDX-License-Identifier: ISC */
/*
 * What the header of a message says of its signatures and its sender. Whether a signature is true is not
 * known here, and nothing is trusted: what is no plain domain is left out.
 */
#include "policyd/address.h"
#include "policyd/mailauth.h"
#include "tag_list.h"

/* Postfix' header_size_limit is 100 KiB; what is longer was cut on its way. */
#define HEADER_MAX (256 * 1024)
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

void message_auth_parse(struct span message, struct message_auth *ret)
{
	struct field field;
	bool has_from = false, has_return_path = false;
	*ret = (struct message_auth){0};
	if (message.n > HEADER_MAX)
		message.n = HEADER_MAX;
	while (field_take(&message, &field)) {
		if (span_equal_nocase(field.name, SPAN("DKIM-Signature"))) {
			if (ret->signatures < DKIM_SIGNATURES_MAX)
				signature_read(field.value, ret);
		} else if (span_equal_nocase(field.name, SPAN("From")) && !has_from) {
			has_from = true;
			address_domain_read(field.value, ret->from_domain);
		} else if (span_equal_nocase(field.name, SPAN("Return-Path")) && !has_return_path) {
			has_return_path = true;
			address_domain_read(field.value, ret->return_path_domain);
		}
	}
}
