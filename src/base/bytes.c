/* SPDX-License-Identifier: ISC */
/* Records as bytes and back. Which records there are, and in which file, is not known here. */
#include "policyd/bytes.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

#define NUMBER_MAX 10 /* bytes of a 64-bit number in groups of 7 */
#define FIRST_SIZE 256

void bytes_free(struct bytes *bytes)
{
	free(bytes->p);
	*bytes = (struct bytes){0};
}

/* Makes room for n more. What is written is ours, so its size has a bound already. */
static char *bytes_room(struct bytes *bytes, size_t n)
{
	if (bytes->size - bytes->n < n) {
		size_t size = bytes->size ? bytes->size : FIRST_SIZE;
		assert(n <= SIZE_MAX / 4 && bytes->n <= SIZE_MAX / 4);
		while (size - bytes->n < n)
			size *= 2;
		bytes->p = xrealloc(bytes->p, size, 1);
		bytes->size = size;
	}
	return bytes->p + bytes->n;
}

/* Into NUMBER_MAX bytes of room; returns how many it took. */
static size_t number_put(char *at, uint64_t number)
{
	size_t n = 0;
	while (number > 0x7f) {
		at[n++] = (char)(number | 0x80);
		number >>= 7;
	}
	at[n++] = (char)number;
	return n;
}

void bytes_number(struct bytes *bytes, uint64_t number)
{
	bytes->n += number_put(bytes_room(bytes, NUMBER_MAX), number);
}

void bytes_signed(struct bytes *bytes, int64_t number)
{
	/* 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
	bytes_number(bytes, ((uint64_t)number << 1) ^ (number < 0 ? UINT64_MAX : 0));
}

void bytes_span(struct bytes *bytes, struct span text)
{
	bytes_number(bytes, text.n);
	if (text.n == 0)
		return;
	memcpy(bytes_room(bytes, text.n), text.p, text.n);
	bytes->n += text.n;
}

size_t bytes_begin(struct bytes *bytes, unsigned type)
{
	bytes_number(bytes, type);
	/* One byte for the length, which is enough for most records. */
	*bytes_room(bytes, 1) = 0;
	return ++bytes->n;
}

void bytes_end(struct bytes *bytes, size_t mark)
{
	char length[NUMBER_MAX];
	assert(mark >= 2 && mark <= bytes->n);
	size_t value_n = bytes->n - mark;
	size_t n = number_put(length, value_n);
	if (n > 1) {
		(void)bytes_room(bytes, n - 1);
		memmove(bytes->p + mark + n - 1, bytes->p + mark, value_n);
		bytes->n += n - 1;
	}
	memcpy(bytes->p + mark - 1, length, n);
}

struct reader reader_of(struct span bytes)
{
	return (struct reader){.p = bytes.p, .n = bytes.n};
}

static uint64_t reader_fail(struct reader *in)
{
	in->n = 0;
	in->is_bad = true;
	return 0;
}

uint64_t reader_number(struct reader *in)
{
	uint64_t number = 0;
	for (size_t i = 0; i < in->n && i < NUMBER_MAX; i++) {
		uint64_t byte = (unsigned char)in->p[i];
		/* The tenth byte has room for one bit. */
		if (i == NUMBER_MAX - 1 && byte > 1)
			break;
		number |= (byte & 0x7f) << (7 * i);
		if (byte > 0x7f)
			continue;
		in->p += i + 1;
		in->n -= i + 1;
		return number;
	}
	return reader_fail(in);
}

int64_t reader_signed(struct reader *in)
{
	uint64_t number = reader_number(in);
	uint64_t half = number >> 1;
	return (int64_t)(number & 1 ? ~half : half);
}

struct span reader_span(struct reader *in)
{
	uint64_t n = reader_number(in);
	if (n > in->n) {
		(void)reader_fail(in);
		return (struct span){0};
	}
	struct span text = span_make(in->p, (size_t)n);
	/* At the end the pointer may be NULL, as that of any empty span. */
	if (n > 0)
		in->p += n;
	in->n -= (size_t)n;
	return text;
}

bool reader_record(struct reader *in, unsigned *ret_type, struct reader *ret_value)
{
	if (in->n == 0)
		return false;
	uint64_t type = reader_number(in);
	if (type > UINT_MAX)
		(void)reader_fail(in);
	struct span value = reader_span(in);
	if (in->is_bad)
		return false;
	*ret_type = (unsigned)type;
	*ret_value = reader_of(value);
	return true;
}

bool reader_is_whole(struct reader in)
{
	struct reader record;
	unsigned type;
	while (reader_record(&in, &type, &record))
		;
	return !in.is_bad;
}
