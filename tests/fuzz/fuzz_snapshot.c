/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a counter snapshot, and as the records in its blocks: read within their bounds, the
 * same however the file is cut into pieces; and what was written as frames comes back, unless a bit
 * of it is another one.
 */
#include <errno.h>

#include "../../src/store/frame.h"
#include "fuzz.h"
#include "policyd/bytes.h"
#include "policyd/snapshot.h"

#define DEPTH_MAX 8

/* What reading a file came to. */
struct reading {
	int found;
	uint64_t blocks;
	uint64_t bytes;
};

/* Records in records; each is read as a number, a text and records too. */
static void check_records(struct span bytes, unsigned depth)
{
	struct reader in = reader_of(bytes), value, other;
	size_t left = in.n;
	unsigned type;
	while (reader_record(&in, &type, &value)) {
		fuzz_check(in.n < left && value.p >= bytes.p);
		fuzz_check(value.p + value.n <= bytes.p + bytes.n);
		left = in.n;
		if (depth < DEPTH_MAX)
			check_records(span_make(value.p, value.n), depth + 1);
		other = value;
		(void)reader_signed(&other);
		struct span text = reader_span(&other);
		fuzz_check(text.n <= value.n);
		fuzz_check(!other.is_bad || (other.n == 0 && text.n == 0));
	}
	fuzz_check(in.n == 0);
	/* What is bad stays bad. */
	fuzz_check(reader_number(&in) == 0 && in.is_bad && reader_span(&in).n == 0);
}

/* The file in pieces of so many bytes, each in memory of its own. */
static struct reading read_in_pieces(struct span file, size_t piece)
{
	struct frame_reader r = {0};
	struct reading reading = {0};
	struct errbuf err = {{0}};
	struct span block;
	size_t given = 0, kept = 0;
	bool is_last = false;
	do {
		size_t n = file.n - given < piece ? file.n - given : piece;
		given += n;
		is_last = n == 0;
		char *copy = fuzz_copy(span_make(file.p + given - n - kept, n + kept));
		struct span in = span_make(copy, n + kept);
		while ((reading.found = frame_next(&r, &in, is_last, &block, &err)) ==
			FRAME_BLOCK) {
			fuzz_check(block.n > 0 && block.n <= SNAPSHOT_BLOCK_MAX);
			check_records(block, 0);
			reading.bytes += block.n;
		}
		kept = in.n;
		free(copy);
	} while (reading.found == FRAME_MORE && !is_last);
	fuzz_check(reading.found == FRAME_END || reading.found == -EBADMSG);
	fuzz_check((reading.found == FRAME_END) == (err.text[0] == '\0'));
	reading.blocks = r.blocks;
	return reading;
}

static void check_file(struct span file, size_t piece)
{
	struct reading whole = read_in_pieces(file, file.n ? file.n : 1);
	struct reading pieces = read_in_pieces(file, piece);
	fuzz_check(whole.found == pieces.found && whole.blocks == pieces.blocks);
	fuzz_check(whole.bytes == pieces.bytes);
}

static size_t append(char *file, size_t at, const char *p, size_t n)
{
	memcpy(file + at, p, n);
	return at + n;
}

/* The input as blocks of such a length, in frames; for free(). */
static char *frames_of(struct span data, size_t length, size_t *ret_n)
{
	char head[FRAME_HEAD_SIZE], end[FRAME_END_SIZE], magic[FRAME_MAGIC_SIZE];
	char *file = malloc(sizeof(magic) + sizeof(end) + data.n * (1 + sizeof(head)));
	uint64_t blocks = 0;
	fuzz_check(file != NULL);
	frame_put_magic(magic);
	size_t at = append(file, 0, magic, sizeof(magic));
	for (size_t from = 0; from < data.n; from += length) {
		size_t n = data.n - from < length ? data.n - from : length;
		struct span block = span_make(data.p + from, n);
		frame_put_head(block, blocks++, head);
		at = append(file, at, head, sizeof(head));
		at = append(file, at, block.p, n);
	}
	frame_put_end(blocks, end);
	*ret_n = append(file, at, end, sizeof(end));
	return file;
}

static void check_written(struct span data, size_t length, size_t bit)
{
	size_t n;
	char *file = frames_of(data, length, &n);
	fuzz_check(n > 0);
	struct reading reading = read_in_pieces(span_make(file, n), n);
	fuzz_check(reading.found == FRAME_END && reading.bytes == data.n);
	check_file(span_make(file, n), length);
	bit %= n * 8;
	file[bit / 8] = (char)(file[bit / 8] ^ (1 << bit % 8));
	fuzz_check(read_in_pieces(span_make(file, n), n).found == -EBADMSG);
	file[bit / 8] = (char)(file[bit / 8] ^ (1 << bit % 8));
	fuzz_check(read_in_pieces(span_make(file, bit / 8), n).found == -EBADMSG);
	free(file);
}

/* The first two bytes choose the size of pieces and which bit is turned over. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span left = span_make((const char *)data, size);
	if (size < 2)
		return 0;
	left = span_make(left.p + 2, left.n - 2);
	size_t length = (size_t)data[0] + 1;
	check_records(left, 0);
	check_file(left, length);
	check_written(left, length, (size_t)data[1] * 37 + size);
	return 0;
}
