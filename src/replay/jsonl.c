/* SPDX-License-Identifier: ISC */
/* A request as a JSON object and back. Files and what is asked are not known here. */
#include <errno.h>
#include <math.h>

#include "internal.h"
#include "policyd/mem.h"

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

/* ---- where a client stands ---- */

void jsonl_put_geo(json_t *object, const struct geo *geo)
{
	if (geo_has_country(geo))
		json_object_set_new(object, JSONL_COUNTRY, json_stringn(geo->country, 2));
	/* 0, when nothing is known: else a replay would look it up in the databases of its own day. */
	if (geo->asn || (!geo_has_country(geo) && !geo->has_position))
		json_object_set_new(object, JSONL_ASN, json_integer(geo->asn));
	if (!geo->has_position)
		return;
	json_object_set_new(object, JSONL_LATITUDE, json_real(geo->latitude / 100.0));
	json_object_set_new(object, JSONL_LONGITUDE, json_real(geo->longitude / 100.0));
}

static bool is_capital(char c)
{
	return c >= 'A' && c <= 'Z';
}

bool geo_take_country(struct geo *geo, struct span text)
{
	if (text.n == 0)
		return true;
	if (text.n != 2 || !is_capital(text.p[0]) || !is_capital(text.p[1]))
		return false;
	memcpy(geo->country, text.p, 2);
	return true;
}

/* Degrees as hundredths. */
static bool get_degrees(const json_t *value, double most, int16_t *ret)
{
	double degrees = json_number_value(value);
	if (!json_is_number(value) || !(degrees >= -most && degrees <= most))
		return false;
	*ret = (int16_t)lround(degrees * 100);
	return true;
}

static bool get_asn(const json_t *value, uint32_t *ret)
{
	json_int_t asn = json_integer_value(value);
	if (!json_is_integer(value) || asn < 0 || asn > UINT32_MAX)
		return false;
	*ret = (uint32_t)asn;
	return true;
}

int jsonl_get_geo(const json_t *object, struct geo *ret, bool *ret_has, struct errbuf *err)
{
	struct geo geo = {0};
	const json_t *country = json_object_get(object, JSONL_COUNTRY);
	const json_t *asn = json_object_get(object, JSONL_ASN);
	const json_t *latitude = json_object_get(object, JSONL_LATITUDE);
	const json_t *longitude = json_object_get(object, JSONL_LONGITUDE);
	bool is_good = !latitude == !longitude;
	if (country)
		is_good = json_is_string(country) &&
			  geo_take_country(&geo, span_of(json_string_value(country))) && is_good;
	if (asn)
		is_good = get_asn(asn, &geo.asn) && is_good;
	if (latitude && longitude) {
		geo.has_position = get_degrees(latitude, 90, &geo.latitude) &&
				   get_degrees(longitude, 180, &geo.longitude);
		is_good = geo.has_position && is_good;
	}
	if (!is_good) {
		err_set(err,
			"\"" JSONL_COUNTRY "\" (two capitals), \"" JSONL_ASN "\", \"" JSONL_LATITUDE
			"\" and \"" JSONL_LONGITUDE "\" (degrees, both) make no sense");
		return -EINVAL;
	}
	*ret = geo;
	*ret_has = country || asn || latitude;
	return 0;
}

/* ---- what was answered ---- */

uint64_t score_hundredths(const struct verdict *verdict)
{
	return verdict->score > 0 && verdict->score < 1e9 ? (uint64_t)llround(verdict->score * 100)
							  : 0;
}

const char *verdict_would(const struct verdict *verdict)
{
	bool is_step = verdict->would[0] == '\0' && verdict->would_step > verdict->step;
	return is_step ? step_name(verdict->would_step) : verdict->would;
}

void jsonl_put_verdict(json_t *object, const struct verdict *verdict)
{
	json_object_set_new(object, "action", json_string(action_rows[verdict->action].word));
	if (verdict->code)
		json_object_set_new(object, "code", json_integer(verdict->code));
	json_object_set_new(object, "rule", json_string(verdict->rule));
	json_object_set_new(object, "score", json_real((double)score_hundredths(verdict) / 100));
	json_object_set_new(object, "step", json_string(step_name(verdict->step)));
	json_object_set_new(object, "would", json_string(verdict_would(verdict)));
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
