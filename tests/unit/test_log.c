/* SPDX-License-Identifier: ISC */
/* log.h: line shape, escaping, the sink, and the throttle. */
#include <stdlib.h>
#include <unistd.h>

#include "policyd/log.h"
#include "suite.h"

/* What a sink got last. */
struct caught {
	unsigned lines;
	enum log_level level;
	char text[LOG_LINE_MAX + 1];
	size_t n;
};

static void catch_line(void *ctx, enum log_level level, const char *text, size_t n)
{
	struct caught *caught = ctx;

	ck_assert_uint_le(n, LOG_LINE_MAX);
	caught->lines++;
	caught->level = level;
	caught->n = span_copy(span_make(text, n), caught->text, sizeof(caught->text));
}

static const struct {
	const char *text;
	const char *shown;
} escapes[] = {
	{"alice@example.org", "alice@example.org"},
	{"a=b", "a=b"},
	{"", "\"\""},
	{"two words", "\"two words\""},
	{"say \"hi\"", "\"say \\\"hi\\\"\""},
	{"back\\slash", "\"back\\\\slash\""},
	{"a\nb", "\"a\\x0ab\""},
	{"a\r\tb", "\"a\\x0d\\x09b\""},
	{"\x7f", "\"\\x7f\""},
	{"\xc3\xa9", "\"\\xc3\\xa9\""},
	{"x\nERROR forged=1", "\"x\\x0aERROR forged=1\""},
};

START_TEST(escape_row)
{
	char buf[128] = "at=";
	size_t n = 3;

	log_escape(span_of(escapes[_i].text), buf, sizeof(buf) - 1, &n);
	buf[n] = '\0';
	ck_assert_str_eq(buf + 3, escapes[_i].shown);
}
END_TEST

START_TEST(escape_nul)
{
	char buf[32] = "";
	size_t n = 0;

	log_escape(SPAN("nul\0byte"), buf, sizeof(buf) - 1, &n);
	ck_assert_str_eq(buf, "\"nul\\x00byte\"");
}
END_TEST

/* Whatever the room: nothing beyond it, no escape cut in half, every quote closed. */
START_TEST(escape_room_row)
{
	struct span text = span_of(escapes[_i].text);

	for (size_t size = 0; size < 32; size++) {
		char *buf = malloc(size ? size : 1);
		size_t n = 0;

		ck_assert_ptr_nonnull(buf);
		log_escape(text, buf, size, &n);
		ck_assert_uint_le(n, size);
		if (n && buf[0] == '"') {
			ck_assert_uint_ge(n, 2);
			ck_assert_int_eq(buf[n - 1], '"');
			ck_assert_msg(n < 3 || buf[n - 2] != '\\' || buf[n - 3] == '\\',
				"an escape was cut");
		}
		free(buf);
	}
}
END_TEST

START_TEST(line_shape)
{
	struct caught caught = {0};

	log_set_sink(catch_line, &caught);
	log_event(LEVEL_NOTICE, "suspend", F_STR("account", "bob"), F_STR("reason", "sends spam"),
		F_INT("uid", -5), F_INT("max", INT64_MAX), F_STR("none", NULL));
	ck_assert_uint_eq(caught.lines, 1);
	ck_assert_int_eq(caught.level, LEVEL_NOTICE);
	ck_assert_str_eq(caught.text, "suspend account=bob reason=\"sends spam\" uid=-5 "
				      "max=9223372036854775807 none=\"\"");
	log_write(LEVEL_ERROR, "bare", NULL, 0);
	ck_assert_str_eq(caught.text, "bare");
}
END_TEST

START_TEST(long_lines_say_so)
{
	struct caught caught = {0};
	static char long_text[3 * LOG_LINE_MAX];
	struct span text;

	log_set_sink(catch_line, &caught);
	memset(long_text, 'a', sizeof(long_text));
	text = span_make(long_text, sizeof(long_text));
	log_event(LEVEL_ERROR, "x", F_SPAN("bare", text));
	ck_assert_uint_eq(caught.n, LOG_LINE_MAX);
	ck_assert_str_eq(caught.text + caught.n - 4, "a...");

	memset(long_text, '\n', sizeof(long_text));
	log_event(LEVEL_ERROR, "x", F_SPAN("quoted", text), F_INT("never", 1));
	ck_assert_uint_le(caught.n, LOG_LINE_MAX);
	ck_assert_str_eq(caught.text + caught.n - 8, "\\x0a\"...");
	ck_assert_ptr_null(strchr(caught.text, '\n'));
	ck_assert_ptr_null(strstr(caught.text, "never"));

	/* One that just fits is not marked: "x f=" and the value are the room without the mark. */
	memset(long_text, 'a', sizeof(long_text));
	log_event(LEVEL_ERROR, "x", F_SPAN("f", span_make(long_text, LOG_LINE_MAX - 3 - 4)));
	ck_assert_uint_eq(caught.n, LOG_LINE_MAX - 3);
	ck_assert_ptr_null(strstr(caught.text, "..."));
}
END_TEST

START_TEST(default_sink_writes_stderr)
{
	int fd[2];
	char buf[LOG_LINE_MAX + 64];
	ssize_t n;

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
	log_event(LEVEL_WARNING, "queue_full", F_INT("lines", 3));
	n = read(fd[0], buf, sizeof(buf) - 1);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	ck_assert_str_eq(buf, "WARNING queue_full lines=3\n");
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(throttle)
{
	struct log_throttle t = {0};
	uint64_t missed = 99;

	/* The first one passes, even at a clock that began at zero. */
	ck_assert(log_may(&t, 0, 60, &missed));
	ck_assert_uint_eq(missed, 0);
	missed = 99;
	for (int64_t s = 0; s < 60; s++)
		ck_assert(!log_may(&t, s, 60, &missed));
	ck_assert_uint_eq(missed, 99);
	ck_assert(log_may(&t, 60, 60, &missed));
	ck_assert_uint_eq(missed, 60);
	ck_assert(!log_may(&t, 119, 60, &missed));
	ck_assert(log_may(&t, 500, 60, &missed));
	ck_assert_uint_eq(missed, 1);
	t = (struct log_throttle){.last_s = 0, .missed = UINT64_MAX, .began = true};
	ck_assert(!log_may(&t, 1, 60, &missed));
	ck_assert_uint_eq(t.missed, UINT64_MAX);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"escape_row", escape_row, ROWS(escapes)},
		{"escape_nul", escape_nul, 0},
		{"escape_room_row", escape_room_row, ROWS(escapes)},
		{"line_shape", line_shape, 0},
		{"long_lines_say_so", long_lines_say_so, 0},
		{"default_sink_writes_stderr", default_sink_writes_stderr, 0},
		{"throttle", throttle, 0},
	};
	return SUITE_RUN("log", rows);
}
