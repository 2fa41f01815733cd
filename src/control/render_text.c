/* SPDX-License-Identifier: ISC */
/*
 * What of foreign text a terminal may see. Escape sequences could repaint the screen, and direction
 * marks could show one account as another.
 */
#include <stdlib.h>
#include <wchar.h>

#include "policyd/mem.h"
#include "policyd/render.h"
#include "policyd/utf8.h"

/*
 * Invisible or turning the text around, though wcwidth() takes them for printable (Unicode TR 36,
 * 3).
 */
static const struct {
	uint32_t low, high;
} hidden[] = {
	{0x0000, 0x0000},
	{0x00ad, 0x00ad},
	{0x061c, 0x061c},
	{0x200b, 0x200f},
	{0x2028, 0x202e},
	{0x2060, 0x206f},
	{0xfeff, 0xfeff},
	{0xfff9, 0xfffb},
	{0xe0000, 0xe0fff},
};

static bool is_hidden(uint32_t code)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (code >= hidden[i].low && code <= hidden[i].high)
			return true;
	}
	return wcwidth((wchar_t)code) < 0;
}

/* "\u{e0fff}" less its braces: the longest that one byte or character becomes. */
#define ESCAPE_SIZE 12

char *render_escape(struct span text, size_t *ret_width)
{
	char *buf = xcalloc(text.n + 1, ESCAPE_SIZE);
	size_t n = 0, width = 0;
	for (size_t i = 0; i < text.n;) {
		uint32_t code = (unsigned char)text.p[i];
		size_t used = utf8_read(text.p + i, text.n - i, &code);
		if (used && !is_hidden(code)) {
			memcpy(buf + n, text.p + i, used);
			n += used;
			width += (size_t)wcwidth((wchar_t)code);
		} else {
			int put = snprintf(buf + n, ESCAPE_SIZE,
				!used || code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
			n += put > 0 ? (size_t)put : 0;
			width += put > 0 ? (size_t)put : 0;
		}
		i += used ? used : 1;
	}
	buf[n] = '\0';
	if (ret_width)
		*ret_width = width;
	return buf;
}

size_t render_cut(char *text, size_t width)
{
	static const char dots[] = "...";
	size_t n = strlen(text), at = 0, seen = 0;
	while (at < n) {
		uint32_t code = (unsigned char)text[at];
		size_t used = utf8_read(text + at, n - at, &code);
		size_t own = used ? (size_t)wcwidth((wchar_t)code) : 1;
		if (seen + own > width - (sizeof(dots) - 1))
			break;
		seen += own;
		at += used ? used : 1;
	}
	/* What goes was as wide as the dots, so as long at least. */
	if (n - at < sizeof(dots) - 1)
		return seen;
	memcpy(text + at, dots, sizeof(dots));
	return seen + sizeof(dots) - 1;
}

void render_wrap(FILE *out, const char *text, size_t indent, size_t width)
{
	struct span rest = span_of(text);
	size_t at = indent;
	while (span_trim(rest).n) {
		size_t own;
		char *word = render_escape(span_word(&rest), &own);
		bool is_first = at == indent;
		if (!is_first && at + 1 + own > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
			is_first = true;
		}
		fprintf(out, "%s%s", is_first ? "" : " ", word);
		at += own + !is_first;
		free(word);
	}
	fprintf(out, "\n");
}
