/* SPDX-License-Identifier: ISC */
/* UTF-8 and what is none. Where text goes, and what of it may be shown there, is not known here. */
#include "policyd/utf8.h"

#include "policyd/mem.h"

/* Sequences by their first byte; low: the smallest code point that needs that length (RFC 3629). */
static const struct utf8_row {
	uint8_t mask, lead;
	uint8_t n;
	uint32_t low;
} utf8_rows[] = {
	{0x80, 0x00, 1, 0},
	{0xe0, 0xc0, 2, 0x80},
	{0xf0, 0xe0, 3, 0x800},
	{0xf8, 0xf0, 4, 0x10000},
};

static size_t tail_read(const char *p, const struct utf8_row *row, uint32_t *ret_code)
{
	uint32_t code = (uint8_t)p[0] & (uint8_t)~row->mask;
	for (size_t i = 1; i < row->n; i++) {
		if (((uint8_t)p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | ((uint8_t)p[i] & 0x3f);
	}
	if (code < row->low || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return row->n;
}

size_t utf8_read(const char *p, size_t n, uint32_t *ret_code)
{
	for (size_t i = 0; n && i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++) {
		const struct utf8_row *row = &utf8_rows[i];
		if (((uint8_t)p[0] & row->mask) == row->lead)
			return row->n <= n ? tail_read(p, row, ret_code) : 0;
	}
	return 0;
}

char *utf8_repair(struct span text, size_t *ret_n)
{
	static const struct span replacement = {.p = "\xef\xbf\xbd", .n = 3};
	char *buf = xcalloc(text.n + 1, replacement.n);
	size_t n = 0;
	for (size_t i = 0; i < text.n;) {
		uint32_t code;
		size_t used = utf8_read(text.p + i, text.n - i, &code);
		struct span piece = used && code ? span_make(text.p + i, used) : replacement;
		memcpy(buf + n, piece.p, piece.n);
		n += piece.n;
		i += used ? used : 1;
	}
	*ret_n = n;
	return buf;
}
