/* SPDX-License-Identifier: ISC */
/*
 * log.c - formats events as lines and hands them to the sink. Not responsible for queues, files or
 * syslog: that is the sink's business. It reads no clock; whoever keeps lines stamps them.
 */
#include "policyd/log.h"

#include <unistd.h>

static const char cut_mark[] = "...";

static const char *const level_words[] = {
	[LEVEL_ERROR] = "ERROR",
	[LEVEL_WARNING] = "WARNING",
	[LEVEL_NOTICE] = "NOTICE",
};
#define LEVEL_WORD_MAX 8 /* "WARNING " */

const char *log_level_word(enum log_level level)
{
	return level_words[level];
}

static void sink_stderr(void *ctx, enum log_level level, const char *text, size_t n)
{
	char line[LEVEL_WORD_MAX + LOG_LINE_MAX + 1];
	struct span word = span_of(level_words[level]);
	ssize_t written;

	(void)ctx;
	if (n > LOG_LINE_MAX)
		n = LOG_LINE_MAX;
	memcpy(line, word.p, word.n);
	line[word.n++] = ' ';
	memcpy(line + word.n, text, n);
	line[word.n + n] = '\n';
	/*
	 * One write, so that lines of several processes do not mix. When stderr is gone, nobody
	 * reads.
	 */
	written = write(STDERR_FILENO, line, word.n + n + 1);
	(void)written;
}

static struct {
	log_sink *sink;
	void *ctx;
} log_state = {.sink = sink_stderr};

void log_set_sink(log_sink *sink, void *ctx)
{
	log_state.sink = sink ? sink : sink_stderr;
	log_state.ctx = ctx;
}

/* Whole pieces only, so that no escape is cut in half. False when it does not fit. */
static bool line_add(char *buf, size_t size, size_t *n, struct span piece)
{
	if (piece.n > size - *n)
		return false;
	if (piece.n != 0)
		memcpy(buf + *n, piece.p, piece.n);
	*n += piece.n;
	return true;
}

static bool is_printable(char c)
{
	return c >= 0x20 && c < 0x7f;
}

/* Eight bytes at a time: a log line is some hundred bytes, and nearly all of them are plain. */
static bool all_plain(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\'),
		 del = word ^ (ones * 0x7f);
	/* Below '!' is a blank or a control; the top bit is not ASCII. (x - 1) & ~x tops a zero byte. */
	uint64_t low = (word - ones * '!') & ~word;
	uint64_t equal = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
			 ((del - ones) & ~del);
	return ((low | equal | word) & tops) == 0;
}

static bool is_plain(char c)
{
	return is_printable(c) && c != ' ' && c != '"' && c != '\\';
}

static bool needs_quotes(struct span text)
{
	size_t i = 0;
	uint64_t word;
	for (; i + sizeof(word) <= text.n; i += sizeof(word)) {
		memcpy(&word, text.p + i, sizeof(word));
		if (!all_plain(word))
			return true;
	}
	for (; i < text.n; i++) {
		if (!is_plain(text.p[i]))
			return true;
	}
	return text.n == 0;
}

/* One byte as it stands between quotes. */
static struct span escape_byte(char c, char buf[5])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char byte = (unsigned char)c;

	buf[0] = '\\';
	buf[1] = c;
	if (c == '"' || c == '\\')
		return span_make(buf, 2);
	if (is_printable(c))
		return span_make(buf + 1, 1);
	buf[1] = 'x';
	buf[2] = digits[byte >> 4];
	buf[3] = digits[byte & 15];
	return span_make(buf, 4);
}

static bool escape(struct span text, char *buf, size_t size, size_t *n)
{
	bool fits = true;
	char piece[5];

	if (!needs_quotes(text)) {
		fits = text.n <= size - *n;
		return line_add(buf, size, n, span_make(text.p, fits ? text.n : size - *n)) && fits;
	}
	/* Room for both quotes, so that a value that was cut still ends. */
	if (size - *n < 2)
		return false;
	buf[(*n)++] = '"';
	for (size_t i = 0; i < text.n && fits; i++)
		fits = line_add(buf, size - 1, n, escape_byte(text.p[i], piece));
	buf[(*n)++] = '"';
	return fits;
}

void log_escape(struct span text, char *buf, size_t size, size_t *n)
{
	(void)escape(text, buf, size, n);
}

static bool field_add(const struct log_field *field, char *buf, size_t size, size_t *n)
{
	char number[NUMBER_TEXT_SIZE];

	if (!line_add(buf, size, n, SPAN(" ")) || !line_add(buf, size, n, span_of(field->name)) ||
		!line_add(buf, size, n, SPAN("=")))
		return false;
	if (field->kind == LOG_FIELD_SPAN)
		return escape(field->text, buf, size, n);
	bool is_negative = field->number < 0;
	uint64_t size_of = is_negative ? -(uint64_t)field->number : (uint64_t)field->number;
	struct span digits = span_of_u64(size_of, number);
	return (!is_negative || line_add(buf, size, n, SPAN("-"))) &&
	       line_add(buf, size, n, digits);
}

void log_write(enum log_level level, const char *name, const struct log_field *field, size_t n)
{
	char line[LOG_LINE_MAX];
	size_t size = sizeof(line) - (sizeof(cut_mark) - 1);
	size_t used = 0;
	bool fits = line_add(line, size, &used, span_of(name));

	for (size_t i = 0; i < n && fits; i++)
		fits = field_add(&field[i], line, size, &used);
	if (!fits)
		(void)line_add(line, sizeof(line), &used, span_of(cut_mark));
	log_state.sink(log_state.ctx, level, line, used);
}

bool log_may(struct log_throttle *throttle, int64_t mono_s, int64_t every_s, uint64_t *ret_missed)
{
	if (throttle->began && mono_s - throttle->last_s < every_s) {
		if (throttle->missed < UINT64_MAX)
			throttle->missed++;
		return false;
	}
	*ret_missed = throttle->missed;
	*throttle = (struct log_throttle){.last_s = mono_s, .began = true};
	return true;
}
