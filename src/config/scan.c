/* SPDX-License-Identifier: ISC */
/*
 * The pre-scan. It knows the tokens of libconfig, not its grammar: syntax errors are libconfig's to
 * tell, names and types the schema's.
 */
#include "scan.h"

#include <errno.h>

#include "policyd/mem.h"

struct scan {
	struct diag *diag;
	struct config_place place; /* line is the current one; stays 0 for a source without lines */
	struct span text;
	size_t at;
	unsigned depth;
	size_t settings;
	struct scan_strings *strings;
	uint32_t
		lists; /* a bit for each open bracket, innermost lowest: its elements have no names */
	char before;   /* the token before: a mark, '"' for a string, 'x' for any other */
	bool refused;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static bool is_name_start(char c)
{
	return c == '*' || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_name_byte(char c)
{
	return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}

/* The byte n places ahead, NUL at the end: scan_text() has made sure that there is no other NUL. */
static char peek(const struct scan *s, size_t n)
{
	if (n >= s->text.n - s->at)
		return '\0';
	return s->text.p[s->at + n];
}

static bool starts(const struct scan *s, struct span word)
{
	return span_starts(span_make(s->text.p + s->at, s->text.n - s->at), word);
}

static void advance(struct scan *s, size_t n)
{
	for (size_t end = s->at + n; s->at < end; s->at++) {
		if (s->text.p[s->at] == '\n' && s->place.line)
			s->place.line++;
	}
}

static void refuse(struct scan *s, unsigned line, const char *message)
{
	struct config_place place = {.file = s->place.file, .line = line};

	diag_error(s->diag, place, "%s", message);
	s->refused = true;
}

static void skip_line_comment(struct scan *s)
{
	while (peek(s, 0) != '\0' && peek(s, 0) != '\n')
		s->at++;
}

static void skip_block_comment(struct scan *s)
{
	unsigned begin = s->place.line;

	advance(s, 2);
	while (peek(s, 0) != '\0' && !starts(s, SPAN("*/")))
		advance(s, 1);
	if (peek(s, 0) == '\0')
		refuse(s, begin, "the comment that begins here is never closed: write */");
	else
		advance(s, 2);
}

static void note_string(struct scan *s)
{
	struct scan_strings *strings = s->strings;

	if (s->before == '"')
		return;
	/* Doubled whenever n is a power of two. */
	if ((strings->n & (strings->n - 1)) == 0)
		strings->line = xrealloc(
			strings->line, strings->n ? strings->n * 2 : 1, sizeof(*strings->line));
	strings->line[strings->n++] = s->place.line;
}

/* libconfig loses the memory of a string that it does not expect. */
static bool string_is_expected(const struct scan *s)
{
	return s->before == '=' || s->before == ':' || s->before == '"' ||
	       ((s->lists & 1) && (s->before == '(' || s->before == '[' || s->before == ','));
}

static void skip_string(struct scan *s)
{
	unsigned begin = s->place.line;

	if (!string_is_expected(s)) {
		refuse(s, begin,
			"syntax error: no string is expected here; look for a missing '=' or ',' "
			"before it (names of settings have no quotes)");
		return;
	}
	note_string(s);
	advance(s, 1);
	while (peek(s, 0) != '\0' && peek(s, 0) != '"') {
		if (starts(s, SPAN("\\x00")))
			refuse(s, s->place.line,
				"\\x00 in a string: no setting may hold a NUL byte");
		advance(s, peek(s, 0) == '\\' && peek(s, 1) != '\0' ? 2 : 1);
	}
	if (peek(s, 0) == '\0')
		refuse(s, begin, "the string that begins here is never closed: write \"");
	else
		advance(s, 1);
}

/* Reads digits; more than fit saturate. */
static uint64_t take_digits(struct scan *s, unsigned base)
{
	uint64_t value = 0;

	for (; base == 16 ? is_hex_digit(peek(s, 0)) : is_digit(peek(s, 0)); s->at++) {
		char c = ascii_lower(peek(s, 0));
		unsigned digit = (unsigned)(is_digit(c) ? c - '0' : c - 'a' + 10);

		value = value > (UINT64_MAX - digit) / base ? UINT64_MAX : value * base + digit;
	}
	return value;
}

static bool is_float_byte(char c)
{
	return is_digit(c) || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E';
}

static void skip_fraction(struct scan *s)
{
	while (is_float_byte(peek(s, 0)))
		s->at++;
}

static void skip_number(struct scan *s)
{
	const char *begin = s->text.p + s->at;
	bool negative = peek(s, 0) == '-';
	bool hex, is_long;
	uint64_t value, max;

	if (negative || peek(s, 0) == '+')
		s->at++;
	hex = peek(s, 0) == '0' && ascii_lower(peek(s, 1)) == 'x';
	if (hex)
		s->at += 2;
	value = take_digits(s, hex ? 16 : 10);
	if (!hex && (peek(s, 0) == '.' || ascii_lower(peek(s, 0)) == 'e')) {
		skip_fraction(s);
		return;
	}
	is_long = peek(s, 0) == 'L';
	max = (is_long ? INT64_MAX : INT32_MAX) + (uint64_t)negative;
	if (value > max)
		diag_wrapped(s->diag, s->place,
			span_make(begin, (size_t)(s->text.p + s->at - begin)), is_long ? 64 : 32);
	while (peek(s, 0) == 'L')
		s->at++;
}

static void skip_name(struct scan *s)
{
	while (is_name_byte(peek(s, 0)))
		s->at++;
}

/* The tokens that are one byte. */
static void skip_mark(struct scan *s)
{
	char c = peek(s, 0);

	if (c == '@')
		refuse(s, s->place.line,
			"@include is not taken: put the file into conf.d/ beside the main file, "
			"named *.conf");
	if (c == '(' || c == '[' || c == '{') {
		s->lists = s->lists << 1 | (c != '{');
		if (++s->depth > SCAN_DEPTH_MAX)
			refuse(s, s->place.line,
				"brackets are nested too deeply: no setting needs more than 16");
	}
	if ((c == ')' || c == ']' || c == '}') && s->depth) {
		s->lists >>= 1;
		s->depth--;
	}
	if ((c == '=' || c == ':') && ++s->settings == SCAN_SETTINGS_MAX + 1)
		refuse(s, s->place.line, "more than 10000 settings in one file: remove some");
	advance(s, 1);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool at_line_comment(const struct scan *s)
{
	return peek(s, 0) == '#' || starts(s, SPAN("//"));
}

static bool at_number(const struct scan *s)
{
	char c = peek(s, 0);

	return is_digit(c) || ((c == '-' || c == '+') && is_digit(peek(s, 1)));
}

static bool is_mark(char c)
{
	return c != '\0' && strchr("=:;,()[]{}\"", c);
}

static void skip_token(struct scan *s)
{
	char c = peek(s, 0);

	if (c == '"')
		skip_string(s);
	else if (at_number(s))
		skip_number(s);
	else if (is_name_start(c))
		skip_name(s);
	else if (c == '.')
		skip_fraction(s);
	else
		skip_mark(s);
	s->before = 'x';
	if (is_mark(c))
		s->before = c;
}

int scan_text(struct diag *diag, struct config_place place, struct span text,
	struct scan_strings *ret_strings)
{
	struct scan s = {.diag = diag, .place = place, .text = text, .strings = ret_strings};
	const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;

	if (nul) {
		advance(&s, (size_t)(nul - text.p));
		refuse(&s, s.place.line, "a NUL byte: this is no text file");
		return -EINVAL;
	}
	while (s.at < text.n && !s.refused) {
		if (is_blank(peek(&s, 0)))
			advance(&s, 1);
		else if (starts(&s, SPAN("/*")))
			skip_block_comment(&s);
		else if (at_line_comment(&s))
			skip_line_comment(&s);
		else
			skip_token(&s);
	}
	return s.refused ? -EINVAL : 0;
}
