/* SPDX-License-Identifier: ISC */
/* A request as a JSON object and back. Files and what is asked are not known here. */
#include <errno.h>
#include <math.h>

#include "policyd/mem.h"
#include "policyd/replay.h"

static const char hex_digits[] = "0123456789abcdef";

static void put_hex(json_t *object, const char *key, struct span text)
{
	char name[64];
	size_t n = span_copy(span_of(key), name, sizeof(name) - 4);
	memcpy(name + n, "#hex", 5);
	char *hex = xmalloc(text.n * 2 + 1);
	for (size_t i = 0; i < text.n; i++) {
		hex[i * 2] = hex_digits[(unsigned char)text.p[i] >> 4];
		hex[i * 2 + 1] = hex_digits[(unsigned char)text.p[i] & 15];
	}
	hex[text.n * 2] = '\0';
	json_object_set_new(object, name, json_string(hex));
	free(hex);
}

void jsonl_put_text(json_t *object, const char *key, struct span text)
{
	/* NULL where it is no UTF-8. */
	json_t *value = json_stringn(text.n ? text.p : "", text.n);
	if (value)
		json_object_set_new(object, key, value);
	else
		put_hex(object, key, text);
}

static const struct span *field_of(const struct request *request, const struct attribute_row *row)
{
	return (const struct span *)(const void *)((const char *)request + row->offset);
}

void jsonl_put_request(json_t *object, const struct request *request)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		const struct span *value = field_of(request, &attribute_rows[i]);
		if (value->n)
			jsonl_put_text(object, attribute_rows[i].name, *value);
	}
}

void jsonl_put_verdict(json_t *object, const struct verdict *verdict)
{
	json_object_set_new(object, "action", json_string(action_rows[verdict->action].word));
	if (verdict->code)
		json_object_set_new(object, "code", json_integer(verdict->code));
	json_object_set_new(object, "rule", json_string(verdict->rule));
	json_object_set_new(object, "score", json_real(0.0));
	json_object_set_new(object, "step", json_string("none"));
	json_object_set_new(object, "would", json_string(verdict->would));
	if (verdict->reference[0])
		json_object_set_new(object, "reference", json_string(verdict->reference));
	if (verdict->text[0])
		jsonl_put_text(object, "text", span_of(verdict->text));
}

static int hex_value(char c)
{
	const char *at = c ? strchr(hex_digits, ascii_lower(c)) : NULL;
	return at ? (int)(at - hex_digits) : -1;
}

static int get_hex(struct span hex, struct jsonl_room *room, struct span *ret)
{
	if (hex.n % 2 || hex.n / 2 > sizeof(room->bytes) - room->n)
		return -EINVAL;
	char *start = room->bytes + room->n;
	for (size_t i = 0; i < hex.n; i += 2) {
		int high = hex_value(hex.p[i]), low = hex_value(hex.p[i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		room->bytes[room->n++] = (char)(high << 4 | low);
	}
	*ret = span_make(start, hex.n / 2);
	return 0;
}

int jsonl_get_text(const json_t *object, const char *key, struct jsonl_room *room, struct span *ret)
{
	char name[64];
	size_t n = span_copy(span_of(key), name, sizeof(name) - 4);
	memcpy(name + n, "#hex", 5);
	const json_t *hex = json_object_get(object, name), *text = json_object_get(object, key);
	if (hex)
		return get_hex(
			span_make(json_string_value(hex), json_string_length(hex)), room, ret);
	if (text && !json_is_string(text))
		return -EINVAL;
	*ret = span_make(json_string_value(text), json_string_length(text));
	return 0;
}

/* Numbers are taken for recipient_count and size, which people write without quotes. */
static int get_value(const json_t *value, struct jsonl_room *room, struct span *ret)
{
	if (json_is_string(value)) {
		*ret = span_make(json_string_value(value), json_string_length(value));
		return 0;
	}
	if (!json_is_integer(value) || sizeof(room->bytes) - room->n < 24)
		return -EINVAL;
	char *start = room->bytes + room->n;
	int n = snprintf(start, 24, "%lld", (long long)json_integer_value(value));
	if (n < 0)
		return -EINVAL;
	room->n += (size_t)n;
	*ret = span_make(start, (size_t)n);
	return 0;
}

int jsonl_get_request(
	const json_t *object, struct jsonl_room *room, struct request *ret, struct errbuf *err)
{
	struct request request = {0};
	const char *key;
	json_t *value;
	room->n = 0;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		struct span name = span_of(key), text;
		bool is_hex = span_ends(name, SPAN("#hex"));
		if (is_hex)
			name.n -= 4;
		const struct attribute_row *row = attribute_find(name);
		if (!row)
			continue;
		int r = get_value(value, room, &text);
		if (r == 0 && is_hex)
			r = get_hex(text, room, &text);
		if (r != 0) {
			err_set(err, "\"%s\" is no text (or too long)", key);
			return r;
		}
		*(struct span *)(void *)((char *)&request + row->offset) = text;
	}
	request_derive(&request);
	*ret = request;
	return 0;
}

void jsonl_put_now(json_t *object, struct now now)
{
	/* Microseconds since 1970 fit a double exactly until the year 2255. */
	json_object_set_new(object, "ts", json_real((double)now.wall.us / 1e6));
	json_object_set_new(object, "mono", json_real((double)now.mono.us / 1e6));
}

int jsonl_get_now(const json_t *object, struct now *ret, struct errbuf *err)
{
	const json_t *ts = json_object_get(object, "ts");
	const json_t *mono = json_object_get(object, "mono");
	double wall = json_number_value(ts), run = mono ? json_number_value(mono) : wall;
	/* The year 2255, as above; and a negative time is no time of a mail server. */
	if (!json_is_number(ts) || (mono && !json_is_number(mono)) || !(wall >= 0 && wall < 9e9) ||
		!(run >= 0 && run < 9e9)) {
		err_set(err, "\"ts\" is missing or no epoch time in seconds, or \"mono\" is none");
		return -EINVAL;
	}
	ret->wall.us = llround(wall * 1e6);
	ret->mono.us = llround(run * 1e6);
	return 0;
}
