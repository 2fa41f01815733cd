/* SPDX-License-Identifier: ISC */
/* Words for people. */
#include "internal.h"

static const char *const names[POSTURE_COUNT] = {
	[POSTURE_OK] = "ok",
	[POSTURE_WATCH] = "watch",
	[POSTURE_RECOVER] = "recover",
	[POSTURE_THROTTLE] = "throttle",
	[POSTURE_HOLD] = "hold",
};

const char *posture_name(enum posture posture)
{
	return names[posture];
}

enum posture posture_of_name(struct span name)
{
	unsigned i = 0;
	while (i < POSTURE_COUNT && !span_equal(name, span_of(names[i])))
		i++;
	return (enum posture)i;
}

/* What receivers and lists say goes to logs and terminals. */
void text_clean(struct span text, char *buf, size_t size)
{
	size_t n = span_copy(text, buf, size);
	for (size_t i = 0; i < n; i++) {
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	}
}

/* UTF-8 (RFC 3629 3): bytes 10xxxxxx continue a letter. */
void text_cut(struct span text, char *buf, size_t size)
{
	size_t n = span_copy(text, buf, size);
	if (n == text.n)
		return;
	while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	buf[n] = '\0';
}
