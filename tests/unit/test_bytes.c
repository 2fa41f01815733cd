/* SPDX-License-Identifier: ISC */
/* Records as bytes: what was written is read back, and nothing else is taken for it. */
#include "policyd/bytes.h"
#include "random.h"
#include "suite.h"

static const struct number_row {
	uint64_t number;
	size_t n; /* bytes */
} number_rows[] = {
	{0, 1},
	{1, 1},
	{0x7f, 1},
	{0x80, 2},
	{0x3fff, 2},
	{0x4000, 3},
	{UINT32_MAX, 5},
	{(UINT64_C(1) << 63) - 1, 9},
	{UINT64_C(1) << 63, 10},
	{UINT64_MAX, 10},
};

/* The bytes as a copy of exactly their size, so that a sanitizer sees what is read beyond. */
static struct span exact(struct span bytes, char **ret_copy)
{
	*ret_copy = malloc(bytes.n ? bytes.n : 1);
	ck_assert_ptr_nonnull(*ret_copy);
	if (bytes.n)
		memcpy(*ret_copy, bytes.p, bytes.n);
	return span_make(*ret_copy, bytes.n);
}

START_TEST(test_number)
{
	const struct number_row *row = &number_rows[_i];
	struct bytes bytes = {0};
	char *copy;

	bytes_number(&bytes, row->number);
	ck_assert_uint_eq(bytes.n, row->n);
	struct reader in = reader_of(exact(span_make(bytes.p, bytes.n), &copy));
	ck_assert_uint_eq(reader_number(&in), row->number);
	ck_assert(!in.is_bad && in.n == 0);
	/* Cut anywhere it is no number, and stays so. */
	for (size_t n = 0; n < row->n; n++) {
		in = reader_of(span_make(copy, n));
		ck_assert_uint_eq(reader_number(&in), 0);
		ck_assert(in.is_bad && in.n == 0);
		ck_assert_uint_eq(reader_number(&in), 0);
		ck_assert(in.is_bad);
	}
	free(copy);
	bytes_free(&bytes);
	ck_assert_ptr_null(bytes.p);
}
END_TEST

static const int64_t signed_rows[] = {
	0, 1, -1, 63, -64, 64, -65, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MIN + 1};

START_TEST(test_signed)
{
	struct bytes bytes = {0};

	bytes_signed(&bytes, signed_rows[_i]);
	ck_assert(bytes.n == 1 || signed_rows[_i] > 63 || signed_rows[_i] < -64);
	struct reader in = reader_of(span_make(bytes.p, bytes.n));
	ck_assert_int_eq(reader_signed(&in), signed_rows[_i]);
	ck_assert(!in.is_bad && in.n == 0);
	bytes_free(&bytes);
}
END_TEST

static const struct bad_row {
	const char *label;
	const char *p;
	size_t n;
} bad_rows[] = {
	{"nothing", "", 0},
	{"eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
	{"65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
	{"never ends", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10},
};

START_TEST(test_no_number)
{
	const struct bad_row *row = &bad_rows[_i];
	struct reader in = reader_of(span_make(row->p, row->n));

	ck_assert_msg(reader_number(&in) == 0 && in.is_bad && in.n == 0, "%s", row->label);
	ck_assert_msg(reader_signed(&in) == 0 && reader_span(&in).n == 0, "%s", row->label);
}
END_TEST

/* A length beyond the end, up to one that would wrap a pointer. */
START_TEST(test_span_too_long)
{
	static const uint64_t lengths[] = {4, 5, UINT32_MAX, SIZE_MAX - 1, UINT64_MAX};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bytes bytes = {0};
		bytes_number(&bytes, lengths[i]);
		for (unsigned k = 0; k < 3; k++)
			bytes_number(&bytes, 'x');
		struct reader in = reader_of(span_make(bytes.p, bytes.n));
		struct span text = reader_span(&in);
		ck_assert(text.n == 0 && in.is_bad && in.n == 0);
		bytes_free(&bytes);
	}
}
END_TEST

/* Records in records, with values around the sizes at which a length takes one byte more. */
START_TEST(test_records)
{
	static const size_t sizes[] = {
		0, 1, 124, 125, 126, 127, 128, 129, 16382, 16383, 16384, 70000};
	static char big[70000];
	struct bytes bytes = {0};
	struct reader in, outer, inner;
	unsigned type;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(big, (char)('a' + i), sizes[i]);
		size_t first = bytes_begin(&bytes, (unsigned)i);
		size_t second = bytes_begin(&bytes, UINT32_MAX);
		bytes_span(&bytes, span_make(big, sizes[i]));
		bytes_end(&bytes, second);
		bytes_signed(&bytes, -(int64_t)i);
		bytes_end(&bytes, first);
	}
	in = reader_of(span_make(bytes.p, bytes.n));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert(reader_record(&in, &type, &outer));
		ck_assert_uint_eq(type, i);
		ck_assert(reader_record(&outer, &type, &inner));
		ck_assert_uint_eq(type, UINT32_MAX);
		struct span text = reader_span(&inner);
		ck_assert_uint_eq(text.n, sizes[i]);
		for (size_t k = 0; k < text.n; k++)
			ck_assert_int_eq(text.p[k], (char)('a' + i));
		ck_assert(inner.n == 0 && !inner.is_bad);
		ck_assert_int_eq(reader_signed(&outer), -(int64_t)i);
		ck_assert(outer.n == 0 && !outer.is_bad);
	}
	ck_assert(!reader_record(&in, &type, &outer));
	ck_assert(!in.is_bad);
	bytes_free(&bytes);
}
END_TEST

START_TEST(test_record_cut)
{
	struct bytes bytes = {0};
	struct reader value;
	unsigned type;
	char *copy;

	size_t mark = bytes_begin(&bytes, 300);
	bytes_span(&bytes, SPAN("login:alice@example.org"));
	bytes_end(&bytes, mark);
	for (size_t n = 1; n < bytes.n; n++) {
		struct reader in = reader_of(exact(span_make(bytes.p, n), &copy));
		ck_assert(!reader_record(&in, &type, &value));
		ck_assert(in.is_bad);
		ck_assert(!reader_record(&in, &type, &value));
		ck_assert(in.is_bad);
		free(copy);
	}
	bytes_free(&bytes);
	/* A type that fits no unsigned. */
	bytes_number(&bytes, UINT64_C(1) << 32);
	bytes_number(&bytes, 0);
	struct reader in = reader_of(span_make(bytes.p, bytes.n));
	ck_assert(!reader_record(&in, &type, &value));
	ck_assert(in.is_bad);
	bytes_free(&bytes);
}
END_TEST

/* What cannot be read leaves the record around it readable. */
START_TEST(test_bad_inside_good)
{
	struct bytes bytes = {0};
	struct reader in, value;
	unsigned type;

	size_t mark = bytes_begin(&bytes, 1);
	bytes_number(&bytes, 0x7f);
	bytes_end(&bytes, mark);
	mark = bytes_begin(&bytes, 2);
	bytes_end(&bytes, mark);
	in = reader_of(span_make(bytes.p, bytes.n));
	ck_assert(reader_record(&in, &type, &value));
	ck_assert_uint_eq(reader_span(&value).n, 0);
	ck_assert(value.is_bad && !in.is_bad);
	ck_assert(reader_record(&in, &type, &value));
	ck_assert(type == 2 && value.n == 0 && !value.is_bad);
	bytes_free(&bytes);
}
END_TEST

/* Any bytes are read to an end, within their bounds, in as many steps as there are bytes at most. */
START_TEST(test_any_bytes)
{
	struct chance chance = chance_new("bytes");

	for (unsigned round = 0; round < 2000; round++) {
		char raw[64];
		char *copy;
		size_t n = chance_below(&chance, sizeof(raw) + 1);
		for (size_t i = 0; i < n; i++)
			raw[i] = (char)chance_below(&chance, round % 2 ? 256 : 24);
		struct span text = exact(span_make(raw, n), &copy);
		struct reader in = reader_of(text), value;
		unsigned type, steps = 0;
		while (reader_record(&in, &type, &value)) {
			ck_assert(value.p >= text.p && value.p + value.n <= text.p + text.n);
			(void)reader_span(&value);
			(void)reader_signed(&value);
			steps++;
		}
		ck_assert_uint_le(steps, n / 2);
		ck_assert_uint_eq(in.n, 0);
		free(copy);
	}
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"number", test_number, ROWS(number_rows)},
		{"signed", test_signed, ROWS(signed_rows)},
		{"no number", test_no_number, ROWS(bad_rows)},
		{"span too long", test_span_too_long, 0},
		{"records", test_records, 0},
		{"record cut", test_record_cut, 0},
		{"bad inside good", test_bad_inside_good, 0},
		{"any bytes", test_any_bytes, 0},
	};

	return SUITE_RUN("bytes", rows);
}
