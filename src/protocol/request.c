/* SPDX-License-Identifier: ISC */
/*
 * The asking side of the policy protocol: bytes in, request out. Reading bytes, and what an answer
 * should be, is not done here.
 */
#include "policyd/request.h"

#include <errno.h>

static const char *const stage_words[STAGE_COUNT] = {
	[STAGE_UNKNOWN] = "",
#define STAGE(id, word) [STAGE_##id] = (word),
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
	return stage_words[stage];
}

enum stage stage_of(struct span word)
{
	for (int i = STAGE_UNKNOWN + 1; i < STAGE_COUNT; i++) {
		if (span_equal(word, span_of(stage_words[i])))
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

/* A state of one parse: the line at hand and what came before. */
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

/*
 * A line that is not the one Postfix would send next: another order, or an attribute unknown to us.
 */
static bool take_other(struct parse *parse, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);
	if (!equals || equals == line)
		return false;
	size_t name_n = (size_t)(equals - line);
	const struct attribute_row *row = attribute_find(span_make(line, name_n));
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
	if (memchr(whole.p, '\0', whole.n)) {
		err_set(parse->err, "it holds a NUL byte");
		return REQUEST_BAD;
	}
	if (!span_equal(parse->request.request, SPAN("smtpd_access_policy"))) {
		err_set(parse->err, parse->request.request.p ? "request= names another protocol"
							     : "no request=smtpd_access_policy");
		return REQUEST_BAD;
	}
	request_derive(&parse->request);
	*ret = parse->request;
	*ret_used = whole.n;
	return REQUEST_DONE;
}

/* True when line begins with the name of row and '='. */
static inline bool is_row(const struct attribute_row *row, const char *line, size_t left)
{
	return left > row->name_n && line[row->name_n] == '=' &&
	       memcmp(line, row->name, row->name_n) == 0;
}

enum request_result request_parse(
	struct span bytes, struct request *ret, size_t *ret_used, struct errbuf *err)
{
	struct parse parse = {.err = err};
	size_t bound = bytes.n < REQUEST_BYTES_MAX ? bytes.n : REQUEST_BYTES_MAX;
	size_t at = 0;
	while (at < bound) {
		const char *line = bytes.p + at;
		const struct attribute_row *row = &attribute_rows[parse.expected];
		bool is_expected = is_row(row, line, bound - at);
		size_t name_n = is_expected ? row->name_n + 1 : 0;
		const char *end = memchr(line + name_n, '\n', bound - at - name_n);
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
		if (is_expected) {
			*field_of(&parse.request, row) = span_make(line + name_n, n - name_n);
			parse.expected =
				parse.expected + 1 == ATTRIBUTE_COUNT ? 0 : parse.expected + 1;
		} else if (!take_other(&parse, line, n)) {
			return bad_line(&parse, "is no name=value");
		}
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
