/* SPDX-License-Identifier: ISC */
/* replay.h, the input: lines of a plain or gzip file. What a line means is in test_replay.c. */
#include <errno.h>

#include "policyd/replay.h"
#include "replay_help.h"

#ifdef POLICYD_ZLIB
#include <zlib.h>
#endif

static struct input *input_of(const char *bytes, size_t n)
{
	char path[100];
	struct input *in = NULL;
	struct errbuf err;
	write_file(path_in("input", path), bytes, n);
	ck_assert_int_eq(input_open(path, &in, &err), 0);
	return in;
}

static void check_lines(struct input *in, const char *const *line, size_t n)
{
	struct span got;
	struct errbuf err;
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(input_line(in, &got, &err), 1);
		ck_assert_msg(span_equal(got, span_of(line[i])), "%.*s", (int)got.n, got.p);
		ck_assert_uint_eq(input_number(in), i + 1);
	}
	ck_assert_int_eq(input_line(in, &got, &err), 0);
	ck_assert_int_eq(input_line(in, &got, &err), 0);
	input_close(in);
}

static const struct {
	const char *label, *bytes;
	size_t n;
	const char *line[4];
} files[] = {
	{"plain", "a\nbb\n\nc\n", 4, {"a", "bb", "", "c"}},
	{"no newline at the end", "a\nb", 2, {"a", "b"}},
	{"empty", "", 0, {NULL}},
	{"one newline", "\n", 1, {""}},
	{"CR is kept", "a\r\n", 1, {"a\r"}},
};

START_TEST(lines_of_a_file)
{
	struct input *in = input_of(files[_i].bytes, strlen(files[_i].bytes));
	uint64_t done, total;
	input_where(in, &done, &total);
	ck_assert_uint_eq(total, strlen(files[_i].bytes));
	check_lines(in, files[_i].line, files[_i].n);
}
END_TEST

START_TEST(long_lines)
{
	char *bytes = malloc(INPUT_LINE_MAX + 8);
	struct span got;
	struct errbuf err = {.text = ""};
	memset(bytes, 'x', INPUT_LINE_MAX + 8);
	memcpy(bytes, "a\n", 2);
	memcpy(bytes + INPUT_LINE_MAX, "\nz\n", 3);
	struct input *in = input_of(bytes, INPUT_LINE_MAX + 3);
	ck_assert_int_eq(input_line(in, &got, &err), 1);
	ck_assert_int_eq(input_line(in, &got, &err), 1);
	ck_assert_uint_eq(got.n, INPUT_LINE_MAX - 2);
	ck_assert_int_eq(input_line(in, &got, &err), 1);
	ck_assert(span_equal(got, SPAN("z")));
	input_close(in);
	memset(bytes + 2, 'x', INPUT_LINE_MAX + 6);
	in = input_of(bytes, INPUT_LINE_MAX + 8);
	ck_assert_int_eq(input_line(in, &got, &err), 1);
	ck_assert_int_eq(input_line(in, &got, &err), -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.text, "/input:2: a line is longer than"));
	input_close(in);
	free(bytes);
}
END_TEST

START_TEST(no_such_file)
{
	struct input *in = NULL;
	struct errbuf err = {.text = ""};
	char path[100];
	ck_assert_int_eq(input_open(path_in("absent", path), &in, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/absent: "));
	ck_assert_int_lt(
		input_open(folder, &in, &err) < 0 ? -1 : input_line(in, &(struct span){0}, &err),
		0);
	ck_assert_str_ne(err.text, "");
	input_close(in);
}
END_TEST

/* Written as gzip, cut by so many bytes at its end. */
static void write_gzip(const char *path, int cut)
{
#ifdef POLICYD_ZLIB
	gzFile gz = gzopen(path, "wb");
	for (int i = 0; i < 20000; i++)
		ck_assert_int_gt(gzprintf(gz, "line %d\n", i), 0);
	ck_assert_int_eq(gzclose(gz), Z_OK);
#else
	write_file(path, "\x1f\x8b\x08", 3);
#endif
	if (cut) {
		FILE *file = fopen(path, "re");
		ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
		ck_assert_int_eq(truncate(path, ftell(file) - cut), 0);
		ck_assert_int_eq(fclose(file), 0);
	}
}

static int read_all(const char *path, int *ret_lines, struct errbuf *err)
{
	struct input *in;
	struct span line;
	int r;
	*ret_lines = 0;
	ck_assert_int_eq(input_open(path, &in, err), 0);
	while ((r = input_line(in, &line, err)) > 0)
		++*ret_lines;
	input_close(in);
	return r;
}

START_TEST(gzip)
{
	char path[100];
	struct errbuf err = {.text = ""};
	int lines;
	write_gzip(path_in("input.gz", path), 0);
#ifdef POLICYD_ZLIB
	ck_assert_int_eq(read_all(path, &lines, &err), 0);
	ck_assert_int_eq(lines, 20000);
	/* Half a log must not pass for a whole one. */
	write_gzip(path, 100);
	ck_assert_int_lt(read_all(path, &lines, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.text, "/input.gz: "));
#else
	ck_assert_int_eq(read_all(path, &lines, &err), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(err.text, "without zlib"));
#endif
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"lines_of_a_file", lines_of_a_file, ROWS(files)},
		{"long_lines", long_lines, 0},
		{"no_such_file", no_such_file, 0},
		{"gzip", gzip, 0},
	};
	if (!folder_begin())
		return EXIT_FAILURE;
	return folder_end(SUITE_RUN("input", rows));
}
