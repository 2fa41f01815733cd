/* SPDX-License-Identifier: ISC */
/* Foreign text and times as JSON. What of it a terminal may see is decided in render_text.c. */
#include "text.h"

#include <stdlib.h>

#include "policyd/utf8.h"

json_t *text_json(struct span text)
{
	size_t n;
	char *repaired = utf8_repair(text, &n);
	json_t *json = json_stringn(repaired, n);
	free(repaired);
	return json;
}

json_t *text_time(wall_t t)
{
	char buf[WALL_TEXT_SIZE];
	return json_string(wall_format(t, buf));
}

json_t *text_count(uint64_t n)
{
	return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

json_t *text_reply(unsigned code)
{
	return code ? json_sprintf("%u", code) : json_null();
}
