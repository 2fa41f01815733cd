/* SPDX-License-Identifier: ISC */
/*
 * span.h - a borrowed run of bytes: pointer and length, no NUL, may hold any byte.
 *
 * Everything that came from outside travels as a span into the buffer it was read into. A span owns
 * nothing and is valid only as long as that buffer; whoever keeps it longer copies it.
 */
#ifndef POLICYD_SPAN_H
#define POLICYD_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "policyd/err.h"

struct span {
	const char *p; /* may be NULL when n is 0 */
	size_t n;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){.p = (literal), .n = sizeof(literal) - 1})

/* A span over a NUL-terminated string; NULL gives the empty span. */
static inline struct span span_of(const char *text)
{
	return (struct span){.p = text, .n = text ? strlen(text) : 0};
}

static inline struct span span_make(const char *p, size_t n)
{
	return (struct span){.p = p, .n = n};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII letters compare without case, all other bytes as they are. */
bool span_equal_nocase(struct span a, struct span b);
bool span_starts(struct span text, struct span prefix);
bool span_ends(struct span text, struct span suffix);

/* Position of the last byte c, or -1. */
ptrdiff_t span_rfind(struct span text, char c);

/* ASCII blanks (space, tab, CR, LF) removed at both ends. */
struct span span_trim(struct span text);

/* Takes the next word, up to a blank, off the front of *rest; empty at the end. */
struct span span_word(struct span *rest);

/* The whole span as a decimal number. 0, or -EINVAL (empty, a byte that is no digit), or -ERANGE.
 */
MUST_CHECK int span_to_u64(struct span text, uint64_t *ret);

/*
 * Copies into buf[size] and ends it with NUL, cutting what does not fit. Returns the number of
 * bytes copied. size must be at least 1.
 */
size_t span_copy(struct span text, char *buf, size_t size);

/* A number in decimal; a span into buf. printf() costs ten times as much. */
#define NUMBER_TEXT_SIZE 20
struct span span_of_u64(uint64_t number, char buf[NUMBER_TEXT_SIZE]);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

#endif
