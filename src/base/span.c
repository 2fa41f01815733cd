/* SPDX-License-Identifier: ISC */
/* Looking at runs of bytes. Nothing here allocates or keeps anything. */
#include "policyd/span.h"

#include <assert.h>
#include <errno.h>

bool span_equal_nocase(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	}
	return true;
}

bool span_starts(struct span text, struct span prefix)
{
	return text.n >= prefix.n && span_equal(span_make(text.p, prefix.n), prefix);
}

bool span_ends(struct span text, struct span suffix)
{
	return text.n >= suffix.n &&
	       span_equal(span_make(text.p + (text.n - suffix.n), suffix.n), suffix);
}

ptrdiff_t span_rfind(struct span text, char c)
{
	const char *at = text.n ? memrchr(text.p, c, text.n) : NULL;
	return at ? at - text.p : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span span_trim(struct span text)
{
	while (text.n && is_blank(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n && is_blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

struct span span_word(struct span *rest)
{
	size_t n = 0;
	*rest = span_trim(*rest);
	while (n < rest->n && rest->p[n] != ' ')
		n++;
	struct span word = span_make(rest->p, n);
	*rest = span_make(rest->p + n, rest->n - n);
	return word;
}

int span_to_u64(struct span text, uint64_t *ret)
{
	uint64_t value = 0;
	if (text.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -EINVAL;
		unsigned digit = (unsigned)(text.p[i] - '0');
		/* So many digits always fit. */
		if (i >= 19 && value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret = value;
	return 0;
}

size_t span_copy(struct span text, char *buf, size_t size)
{
	assert(size > 0);
	size_t n = text.n < size ? text.n : size - 1;
	if (n)
		memcpy(buf, text.p, n);
	buf[n] = '\0';
	return n;
}

struct span span_of_u64(uint64_t number, char buf[NUMBER_TEXT_SIZE])
{
	size_t at = NUMBER_TEXT_SIZE;
	do
		buf[--at] = (char)('0' + number % 10);
	while (number /= 10);
	return span_make(buf + at, NUMBER_TEXT_SIZE - at);
}
