/* SPDX-License-Identifier: ISC */
/*
 * The asking side of the policy protocol: bytes in, request out. Reading bytes, and what an answer
 * should be, is not done here.
 */
#include "policyd/request.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>

static const struct span stage_words[STAGE_COUNT] = {
	[STAGE_UNKNOWN] = {.p = ""},
#define STAGE(id, word) [STAGE_##id] = {.p = (word), .n = sizeof(word) - 1},
#include "policyd/stage.def"
#undef STAGE
};

const struct attribute_row attribute_rows[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(attribute)                                                                       \
	{.name = #attribute,                                                                       \
		.name_n = sizeof(#attribute) - 1,                                                  \
		.offset = offsetof(struct request, attribute)},
#include "policyd/attribute.def"
#undef ATTRIBUTE
};

const char *stage_name(enum stage stage)
{
	return stage_words[stage].p;
}

enum stage stage_of(struct span word)
{
	for (int i = STAGE_UNKNOWN + 1; i < STAGE_COUNT; i++) {
		if (span_equal(word, stage_words[i]))
			return (enum stage)i;
	}
	return STAGE_UNKNOWN;
}

static bool row_is(const struct attribute_row *row, const char *name, size_t n)
{
	return row->name_n == n && memcmp(row->name, name, n) == 0;
}

const struct attribute_row *attribute_find(struct span name)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (row_is(&attribute_rows[i], name.p, name.n))
			return &attribute_rows[i];
	}
	return NULL;
}

static struct span *field_of(struct request *request, const struct attribute_row *row)
{
	return (struct span *)(void *)((char *)request + row->offset);
}

/* What is no number counts as absent; what is too large, as the largest. */
static uint64_t number_of(struct span text)
{
	uint64_t value = 0;
	return span_to_u64(text, &value) == -ERANGE ? UINT64_MAX : value;
}

void request_derive(struct request *request)
{
	uint64_t recipients = number_of(request->recipient_count);
	request->stage = stage_of(request->protocol_state);
	request->recipients = recipients > UINT32_MAX ? UINT32_MAX : (uint32_t)recipients;
	request->bytes = number_of(request->size);
}

/* The line at hand and what came before. */
struct parse {
	struct request request;
	unsigned lines;
	size_t expected; /* the row that Postfix would send next */
	struct errbuf *err;
};

static enum request_result bad_line(const struct parse *parse, const char *why)
{
	err_set(parse->err, "line %u %s", parse->lines, why);
	return REQUEST_BAD;
}

/* Any line: at the end, in another order, or of an attribute unknown to us. */
static bool take_line(struct parse *parse, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);
	if (!equals || equals == line)
		return false;
	size_t name_n = (size_t)(equals - line);
	const struct attribute_row *row = &attribute_rows[parse->expected];
	if (!row_is(row, line, name_n))
		row = attribute_find(span_make(line, name_n));
	if (row) {
		*field_of(&parse->request, row) = span_make(equals + 1, n - name_n - 1);
		parse->expected = (size_t)(row - attribute_rows + 1) % ATTRIBUTE_COUNT;
	}
	return true;
}

/*
 * NUL is the one byte that Postfix, made of C strings, can never send. Other controls pass: if a
 * client could make us hang up on one, its mail would escape judgement wherever default_action is
 * DUNNO.
 */
static enum request_result finish(
	struct parse *parse, struct span whole, struct request *ret, size_t *ret_used)
{
	struct span protocol = parse->request.request;
	if (memchr(whole.p, '\0', whole.n)) {
		err_set(parse->err, "it holds a NUL byte");
		return REQUEST_BAD;
	}
	if (!span_equal(protocol, SPAN("smtpd_access_policy"))) {
		err_set(parse->err, protocol.p ? "request= names another protocol"
					       : "no request=smtpd_access_policy");
		return REQUEST_BAD;
	}
	request_derive(&parse->request);
	*ret = parse->request;
	*ret_used = whole.n;
	return REQUEST_DONE;
}

/* ---- in order ---- */

static inline uint64_t word_at(const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* What a row's line begins with, to be read by words; of the last one only as much as there is. */
#define PREFIX_MAX 32
static const struct prefix {
	char text[PREFIX_MAX];
	uint64_t last_bits;
	uint32_t n, last;
} prefixes[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(attribute)                                                                       \
	{.text = #attribute "=",                                                                   \
		.last_bits = UINT64_MAX >> (64 - 8 * ((sizeof(#attribute) - 1) % 8 + 1)),          \
		.n = sizeof(#attribute),                                                           \
		.last = (sizeof(#attribute) - 1) / 8 * 8},
#include "policyd/attribute.def"
#undef ATTRIBUTE
};

static inline bool begins_with(const char *line, const struct prefix *prefix)
{
	size_t at = 0, last = prefix->last;
	for (; at < last; at += sizeof(uint64_t)) {
		if (word_at(line + at) != word_at(prefix->text + at))
			return false;
	}
	return ((word_at(line + at) ^ word_at(prefix->text + at)) & prefix->last_bits) == 0;
}

/* The next LF, or NULL when there is none in whole words; there is one word at least. */
static inline const char *next_lf(const char *at, const char *last)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	do {
		uint64_t zero_at_lf = word_at(at) ^ ones * '\n';
		uint64_t found = (zero_at_lf - ones) & ~zero_at_lf & ones << 7;
		if (found)
			return at + (unsigned)__builtin_ctzll(found) / 8;
		at += sizeof(uint64_t);
	} while (at <= last);
	return NULL;
}

/* So far before the end of the bytes a line's beginning can be read by words. */
#define ROOM (PREFIX_MAX + sizeof(uint64_t))

/*
 * Lines that come as Postfix sends them: nearly all. They are short, and calling memcmp() and memchr() for
 * each costs more than what they do. Returns where it stopped: at another line, or near the end.
 */
static_assert(
	offsetof(struct request, policy_context) == (ATTRIBUTE_COUNT - 1) * sizeof(struct span),
	"the spans of a request stand side by side, in the rows' order");
static const char *take_in_order(struct parse *parse, const char *at, const char *end)
{
	const struct prefix *prefix = &prefixes[parse->expected];
	const struct prefix *const stop = &prefixes[ATTRIBUTE_COUNT];
	const char *const last = end - ROOM;
	struct span *field = field_of(&parse->request, &attribute_rows[parse->expected]);
	for (; prefix < stop && at <= last && begins_with(at, prefix); prefix++) {
		const char *value = at + prefix->n, *lf = next_lf(value, end - sizeof(uint64_t));
		if (!lf || lf[-1] == '\r')
			break;
		*field++ = span_make(value, (size_t)(lf - value));
		at = lf + 1;
	}
	size_t expected = (size_t)(prefix - prefixes);
	parse->lines += (unsigned)(expected - parse->expected);
	parse->expected = expected < ATTRIBUTE_COUNT ? expected : 0;
	return at;
}

enum request_result request_parse(
	struct span bytes, struct request *ret, size_t *ret_used, struct errbuf *err)
{
	struct parse parse = {.err = err};
	size_t bound = bytes.n < REQUEST_BYTES_MAX ? bytes.n : REQUEST_BYTES_MAX;
	size_t at = 0;
	while (at < bound) {
		/* There one line too many would not be seen. */
		if (bound - at >= ROOM && parse.lines <= REQUEST_ATTRIBUTES_MAX - ATTRIBUTE_COUNT)
			at = (size_t)(take_in_order(&parse, bytes.p + at, bytes.p + bound) -
				      bytes.p);
		const char *line = bytes.p + at;
		const char *end = at < bound ? memchr(line, '\n', bound - at) : NULL;
		if (!end)
			break;
		size_t n = (size_t)(end - line);
		at += n + 1;
		if (n == 0)
			return finish(&parse, span_make(bytes.p, at), ret, ret_used);
		if (++parse.lines > REQUEST_ATTRIBUTES_MAX)
			return bad_line(&parse, "is one attribute too many");
		if (end[-1] == '\r')
			return bad_line(&parse, "ends in CR LF, not LF");
		if (!take_line(&parse, line, n))
			return bad_line(&parse, "is no name=value");
	}
	if (bytes.n < REQUEST_BYTES_MAX)
		return REQUEST_MORE;
	err_set(err, "more than %d bytes", REQUEST_BYTES_MAX);
	return REQUEST_BAD;
}

enum request_result request_scan(struct span bytes, struct request_scan *scan, struct errbuf *err)
{
	size_t bound = bytes.n < REQUEST_BYTES_MAX ? bytes.n : REQUEST_BYTES_MAX;
	while (scan->pos < bound) {
		const char *at = bytes.p + scan->pos;
		const char *end = memchr(at, '\n', bound - scan->pos);
		if (!end) {
			scan->pos = bound;
			break;
		}
		size_t lf = (size_t)(end - bytes.p);
		bool is_empty = lf == 0 || bytes.p[lf - 1] == '\n';
		scan->pos = lf + 1;
		if (is_empty)
			return REQUEST_DONE;
		if (++scan->lines > REQUEST_ATTRIBUTES_MAX) {
			err_set(err, "more than %d attributes", REQUEST_ATTRIBUTES_MAX);
			return REQUEST_BAD;
		}
	}
	if (bytes.n < REQUEST_BYTES_MAX)
		return REQUEST_MORE;
	err_set(err, "more than %d bytes", REQUEST_BYTES_MAX);
	return REQUEST_BAD;
}
