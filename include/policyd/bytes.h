/* SPDX-License-Identifier: ISC */
/*
 * bytes.h - records as bytes, for what is kept in files: numbers in 7-bit groups, texts with their
 * length before them, records as type, length, value, so that a reader passes over what it does not
 * know.
 *
 *	size_t mark = bytes_begin(&out, RECORD_ACCOUNT);
 *	bytes_span(&out, key);
 *	bytes_number(&out, 42);
 *	bytes_end(&out, mark);
 *
 *	while (reader_record(&in, &type, &record))
 *		if (type == RECORD_ACCOUNT) { key = reader_span(&record); n = reader_number(&record); }
 *	if (in.is_bad) refuse();
 */
#ifndef POLICYD_BYTES_H
#define POLICYD_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/span.h"

/* Grows as needed; zero is the valid empty state. */
struct bytes {
	char *p;
	size_t n, size;
};
void bytes_free(struct bytes *bytes);

/* LEB128: 7 bits a byte, the lowest first; up to 10 bytes. */
void bytes_number(struct bytes *bytes, uint64_t number);
/* A signed one, so that small ones of either sign are short. */
void bytes_signed(struct bytes *bytes, int64_t number);
/* Its length as a number, then the text. */
void bytes_span(struct bytes *bytes, struct span text);
/* Begins a record; what is written until bytes_end(mark) is its value. Records may hold records. */
size_t bytes_begin(struct bytes *bytes, unsigned type);
void bytes_end(struct bytes *bytes, size_t mark);

/*
 * Reads from a borrowed run of bytes. What does not fit sets is_bad, gives 0 or an empty span, and
 * everything after it gives the same.
 */
struct reader {
	const char *p;
	size_t n;
	bool is_bad;
};
struct reader reader_of(struct span bytes);
uint64_t reader_number(struct reader *in);
int64_t reader_signed(struct reader *in);
struct span reader_span(struct reader *in);
/* The next record; false at the end, or when it is cut short (then is_bad). */
bool reader_record(struct reader *in, unsigned *ret_type, struct reader *ret_value);
/* What follows is nothing but records, none of them cut short: for those who take all or nothing. */
bool reader_is_whole(struct reader in);

#endif
