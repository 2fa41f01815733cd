/* SPDX-License-Identifier: ISC */
/*
 * The usual line without a JSON library: one flat object of plain texts, numbers and words. What is
 * any different (an escape, a byte beyond ASCII, an event, a list, a mistake) is left alone: line.c
 * hands it to jansson, so there is only one opinion of what is right. Reading a line with jansson
 * costs ten times as much as deciding about it.
 */
#include "internal.h"

#include <stddef.h>

/* Whole seconds for which a double is still exact to the microsecond when multiplied by a million. */
#define SECONDS_MAX UINT64_C(0xffffffff)

enum scan_kind {
	KEY_OTHER,
	KEY_ATTRIBUTE,
	KEY_TS,
	KEY_MONO,
	KEY_CONN,
	KEY_COUNTRY,
	KEY_ASN,
	KEY_LATITUDE,
	KEY_LONGITUDE,
	KEY_FOREIGN
};

struct cursor {
	const char *p, *end;
};

static inline bool skip_blanks(struct cursor *at)
{
	if (at->p<at->end && * at->p> ' ')
		return true;
	while (at->p < at->end && (*at->p == ' ' || *at->p == '\t' || *at->p == '\r'))
		at->p++;
	return at->p < at->end;
}

static bool take(struct cursor *at, char c)
{
	if (!skip_blanks(at) || *at->p != c)
		return false;
	at->p++;
	return true;
}

/* ---- values ---- */

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static bool is_plain_byte(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/*
 * How many of eight bytes come before the first that is a quote, a backslash, a control or beyond
 * ASCII. A subtraction borrows only from behind such a byte, so the first one is always right.
 */
static unsigned plain_of_eight(const char *p)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t w;
	memcpy(&w, p, sizeof(w));
	uint64_t quote = (w ^ ONES * '"') - ONES, backslash = (w ^ ONES * '\\') - ONES;
	uint64_t odd = ((w - ONES * 0x20) | quote | backslash | w) & HIGHS;
	return odd ? (unsigned)__builtin_ctzll(odd) / 8 : 8;
#else
	unsigned n = 0;
	while (n < 8 && is_plain_byte(p[n]))
		n++;
	return n;
#endif
}

/* What stands between two quotes, the first of which has been taken. */
static bool scan_text(struct cursor *at, struct span *ret)
{
	const char *p = at->p;
	unsigned plain = 8;
	while (plain == 8 && at->end - p >= 8) {
		plain = plain_of_eight(p);
		p += plain;
	}
	while (plain == 8 && p < at->end && is_plain_byte(*p))
		p++;
	if (p == at->end || *p != '"')
		return false;
	*ret = span_make(at->p, (size_t)(p - at->p));
	at->p = p + 1;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct scan_number {
	struct span text;
	bool is_negative;
	uint64_t whole;
	uint32_t millionths;
	unsigned digits, decimals; /* decimals 0: an integer, as JSON has it */
};

/* Up to 15 digits before the point and 6 behind: no rounding, no overflow, nothing to argue about. */
static bool scan_number(struct cursor *at, struct scan_number *ret)
{
	const char *p = at->p;
	struct scan_number number = {.is_negative = *p == '-'};
	p += number.is_negative;
	for (; p < at->end && is_digit(*p) && number.digits < 16; p++, number.digits++)
		number.whole = number.whole * 10 + (uint64_t)(*p - '0');
	if (number.digits == 0 || number.digits > 15 ||
		(number.digits > 1 && p[-(ptrdiff_t)number.digits] == '0'))
		return false;
	if (p < at->end && *p == '.') {
		uint32_t unit = 1000000;
		for (p++; p < at->end && is_digit(*p) && number.decimals < 7;
			p++, number.decimals++) {
			unit /= 10;
			number.millionths += unit * (uint32_t)(*p - '0');
		}
		if (number.decimals == 0 || number.decimals > 6)
			return false;
	}
	if (p < at->end && (is_digit(*p) || *p == '.' || *p == 'e' || *p == 'E'))
		return false;
	number.text = span_make(at->p, (size_t)(p - at->p));
	at->p = p;
	*ret = number;
	return true;
}

static bool scan_word(struct cursor *at)
{
	static const struct span words[] = {
		{.p = "true", .n = 4}, {.p = "false", .n = 5}, {.p = "null", .n = 4}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!span_starts(span_make(at->p, (size_t)(at->end - at->p)), words[i]))
			continue;
		at->p += words[i].n;
		/* "nullx" is one word to JSON, and none that it knows. */
		return at->p < at->end && (*at->p == ',' || *at->p == '}' || *at->p == ' ');
	}
	return false;
}

/* ---- keys ---- */

static const struct {
	const char *name;
	enum scan_kind kind;
} named[] = {
	{"ts", KEY_TS},
	{"mono", KEY_MONO},
	{"conn", KEY_CONN},
	{JSONL_COUNTRY, KEY_COUNTRY},
	{JSONL_ASN, KEY_ASN},
	{JSONL_LATITUDE, KEY_LATITUDE},
	{JSONL_LONGITUDE, KEY_LONGITUDE},
	{"event", KEY_FOREIGN},
};

static void key_learn(struct scan_key *key, struct span name)
{
	const struct attribute_row *row = attribute_find(name);
	key->n = (uint8_t)span_copy(name, key->text, sizeof(key->text));
	key->kind = row ? KEY_ATTRIBUTE : KEY_OTHER;
	key->offset = row ? (uint16_t)row->offset : 0;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (span_equal(name, span_of(named[i].name)))
			key->kind = (uint8_t)named[i].kind;
	}
	if (memchr(key->text, '#', key->n))
		key->kind = KEY_FOREIGN;
}

/*
 * Lines of one stream have the same keys in about the same order: the next one is tried first. What
 * is known has a number, so that a key that stands twice shows. -1: neither known nor to be learnt.
 */
static int key_find(struct jsonl_scan *scan, size_t expected, struct span name)
{
	if (name.n == 0 || name.n >= sizeof(scan->key[0].text))
		return -1;
	for (size_t i = 0; i < scan->keys; i++) {
		size_t at = expected + i < scan->keys ? expected + i : expected + i - scan->keys;
		const struct scan_key *key = &scan->key[at];
		if (key->n == name.n && memcmp(key->text, name.p, name.n) == 0)
			return (int)at;
	}
	if (scan->keys == JSONL_KEYS_MAX)
		return -1;
	key_learn(&scan->key[scan->keys], name);
	return (int)scan->keys++;
}

/* The key that is expected, without looking for its end. */
static bool key_take(const struct jsonl_scan *scan, size_t expected, struct cursor *at)
{
	const struct scan_key *key = &scan->key[expected];
	if (expected >= scan->keys || at->end - at->p <= key->n || at->p[key->n] != '"' ||
		memcmp(at->p, key->text, key->n) != 0)
		return false;
	at->p += key->n + 1;
	return true;
}

/* A key and its colon; -1 as key_find(). */
static int scan_key(struct jsonl_scan *scan, size_t expected, struct cursor *at)
{
	struct span name;
	int key = (int)expected;
	if (!take(at, '"'))
		return -1;
	if (!key_take(scan, expected, at))
		key = scan_text(at, &name) ? key_find(scan, expected, name) : -1;
	return key >= 0 && take(at, ':') ? key : -1;
}

/* ---- what a key and a value say ---- */

static bool time_of(const struct scan_number *number, int64_t *ret)
{
	if (number->is_negative || number->whole > SECONDS_MAX)
		return false;
	*ret = (int64_t)number->whole * SECOND_US + number->millionths;
	return true;
}

static bool hundredths_of(const struct scan_number *number, int most, int16_t *ret)
{
	if (number->whole > (uint64_t)most || number->decimals > 2)
		return false;
	int value = (int)number->whole * 100 + (int)(number->millionths / 10000);
	*ret = (int16_t)(number->is_negative ? -value : value);
	return value <= most * 100;
}

static bool is_natural(const struct scan_number *number)
{
	return !number->is_negative && number->decimals == 0;
}

static bool take_text(const struct scan_key *key, struct span text, struct jsonl_line *line)
{
	switch ((enum scan_kind)key->kind) {
	case KEY_ATTRIBUTE:
		*(struct span *)(void *)((char *)&line->request + key->offset) = text;
		return true;
	case KEY_COUNTRY:
		return geo_take_country(&line->request.geo, text);
	case KEY_OTHER:
		return true;
	case KEY_TS:
	case KEY_MONO:
	case KEY_CONN:
	case KEY_ASN:
	case KEY_LATITUDE:
	case KEY_LONGITUDE:
	case KEY_FOREIGN:
		break;
	}
	return false;
}

static bool take_number(
	const struct scan_key *key, const struct scan_number *number, struct jsonl_line *line)
{
	struct geo *geo = &line->request.geo;
	switch ((enum scan_kind)key->kind) {
	case KEY_ATTRIBUTE:
		*(struct span *)(void *)((char *)&line->request + key->offset) = number->text;
		return is_natural(number);
	case KEY_TS:
		return time_of(number, &line->now.wall.us);
	case KEY_MONO:
		return time_of(number, &line->now.mono.us);
	case KEY_CONN:
		line->conn = number->whole < JSONL_CONNS_MAX ? (uint32_t)number->whole : 0;
		return is_natural(number);
	case KEY_ASN:
		geo->asn = (uint32_t)number->whole;
		return is_natural(number) && number->whole <= UINT32_MAX;
	case KEY_LATITUDE:
		return hundredths_of(number, 90, &geo->latitude);
	case KEY_LONGITUDE:
		return hundredths_of(number, 180, &geo->longitude);
	case KEY_OTHER:
		return true;
	case KEY_COUNTRY:
	case KEY_FOREIGN:
		break;
	}
	return false;
}

static bool scan_value(struct cursor *at, const struct scan_key *key, struct jsonl_line *line)
{
	struct scan_number number;
	struct span text;
	if (!skip_blanks(at))
		return false;
	if (*at->p == '"') {
		at->p++;
		return scan_text(at, &text) && take_text(key, text, line);
	}
	if (*at->p == '-' || is_digit(*at->p))
		return scan_number(at, &number) && take_number(key, &number, line);
	return key->kind == KEY_OTHER && scan_word(at);
}

/* ---- the line ---- */

/* Members up to the closing brace, each key once. */
static bool scan_members(
	struct jsonl_scan *scan, struct cursor *at, struct jsonl_line *line, unsigned *ret_kinds)
{
	uint64_t seen = 0;
	size_t expected = 0;
	unsigned kinds = 0;
	do {
		int key = scan_key(scan, expected, at);
		if (key < 0 || (seen >> key & 1) || !scan_value(at, &scan->key[key], line))
			return false;
		seen |= UINT64_C(1) << key;
		kinds |= 1u << scan->key[key].kind;
		expected = (size_t)key + 1;
	} while (take(at, ','));
	*ret_kinds = kinds;
	return take(at, '}') && !skip_blanks(at);
}

bool jsonl_scan(struct jsonl_scan *scan, struct span text, struct jsonl_line *ret)
{
	struct cursor at = {.p = text.p, .end = text.p + text.n};
	unsigned kinds = 0;
	*ret = (struct jsonl_line){0};
	if (text.n == 0 || !take(&at, '{') || !scan_members(scan, &at, ret, &kinds))
		return false;
	bool has_latitude = kinds >> KEY_LATITUDE & 1, has_longitude = kinds >> KEY_LONGITUDE & 1;
	if (!(kinds >> KEY_TS & 1) || has_latitude != has_longitude)
		return false;
	if (!(kinds >> KEY_MONO & 1))
		ret->now.mono.us = ret->now.wall.us;
	ret->request.geo.has_position = has_latitude;
	ret->has_geo = kinds >> KEY_COUNTRY & 1 || kinds >> KEY_ASN & 1 || has_latitude;
	request_derive(&ret->request);
	return true;
}
