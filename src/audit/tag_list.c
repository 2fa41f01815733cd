/* SPDX-License-Identifier: ISC */
/* Lists of tags. Which there are, and which may be there twice, is not known here. */
#include "tag_list.h"

static struct span until(struct span *rest, char c)
{
	const char *end = rest->n ? memchr(rest->p, c, rest->n) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	struct span text = span_make(rest->p, n);
	size_t taken = end ? n + 1 : n;
	*rest = span_make(rest->p + taken, rest->n - taken);
	return span_trim(text);
}

static bool is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* ALPHA *( ALPHA / DIGIT / "_" ) */
static bool is_tag_name(struct span name)
{
	if (name.n == 0 || !is_alpha(name.p[0]))
		return false;
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];
		if (!is_alpha(c) && (c < '0' || c > '9') && c != '_')
			return false;
	}
	return true;
}

bool tag_take(struct span *rest, struct tag *ret)
{
	*ret = (struct tag){0};
	while (rest->n) {
		struct span spec = until(rest, ';'), value = spec;
		if (spec.n == 0)
			continue;
		struct span name = until(&value, '=');
		ret->is_sound = is_tag_name(name) && memchr(spec.p, '=', spec.n);
		ret->name = ret->is_sound ? name : (struct span){0};
		ret->value = ret->is_sound ? span_trim(value) : spec;
		return true;
	}
	return false;
}

bool tag_value_has(struct span value, struct span word)
{
	while (value.n) {
		if (span_equal_nocase(until(&value, ':'), word))
			return true;
	}
	return false;
}

void tag_show(struct span text, char *buf, size_t size)
{
	size_t n = span_copy(text, buf, size);
	for (size_t i = 0; i < n; i++) {
		buf[i] = ascii_lower(buf[i]);
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	}
}
