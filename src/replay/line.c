/* SPDX-License-Identifier: ISC */
/*
 * Lines in and out: what a stream says, and what was decided about it. The usual forms are read and
 * written by hand (scan.c, and below), all others by jansson; nobody can tell the difference.
 */
#include <errno.h>

#include "internal.h"

/* ---- in ---- */

static uint32_t conn_of(const json_t *object)
{
	json_int_t number = json_integer_value(json_object_get(object, "conn"));
	return number > 0 && number < JSONL_CONNS_MAX ? (uint32_t)number : 0;
}

static int line_of(
	json_t *object, struct jsonl_room *room, struct jsonl_line *ret, struct errbuf *err)
{
	struct jsonl_line line = {.conn = conn_of(object)};
	int r = jsonl_get_now(object, &line.now, err);
	if (r == 0 && json_object_get(object, "event"))
		line.event = object;
	else if (r == 0)
		r = jsonl_get_request(object, room, &line.request, err);
	if (r == 0 && !line.event)
		r = jsonl_get_geo(object, &line.request.geo, &line.has_geo, err);
	if (r == 0)
		*ret = line;
	return r;
}

int jsonl_read_any(struct jsonl_room *room, struct span text, struct jsonl_line *ret,
	json_t **ret_object, struct errbuf *err)
{
	json_error_t error;
	json_t *object = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(object)) {
		err_set(err, object ? "no JSON object" : "no JSON: %s", error.text);
		json_decref(object);
		return -EINVAL;
	}
	int r = line_of(object, room, ret, err);
	if (r == 0)
		*ret_object = object;
	else
		json_decref(object);
	return r;
}

int jsonl_read(struct jsonl_scan *scan, struct span text, struct jsonl_line *ret,
	json_t **ret_object, struct errbuf *err)
{
	*ret_object = NULL;
	return jsonl_scan(scan, text, ret)
		       ? 0
		       : jsonl_read_any(&scan->room, text, ret, ret_object, err);
}

/* ---- out ---- */

struct out {
	char *p, *end;
	bool is_plain; /* so far: it fits, and nothing had to be escaped */
};

static void put(struct out *out, struct span text)
{
	if ((size_t)(out->end - out->p) < text.n) {
		out->is_plain = false;
		return;
	}
	if (text.n)
		memcpy(out->p, text.p, text.n);
	out->p += text.n;
}

static void put_text(struct out *out, struct span key, struct span text)
{
	put(out, key);
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			out->is_plain = false;
	}
	put(out, text);
	put(out, SPAN("\""));
}

static void put_number(struct out *out, uint64_t number)
{
	char digits[NUMBER_TEXT_SIZE];
	put(out, span_of_u64(number, digits));
}

/* A number with decimals, of which the zeros at the end are left out, but for one. */
static void put_decimal(struct out *out, uint64_t number, uint64_t unit)
{
	char digits[8] = ".";
	size_t n = 1;
	uint64_t rest = number % unit;
	put_number(out, number / unit);
	do {
		unit /= 10;
		digits[n++] = (char)('0' + rest / unit);
		rest %= unit;
	} while (rest && n < sizeof(digits));
	put(out, span_make(digits, n));
}

size_t jsonl_decision(const struct jsonl_decision *decision, char buf[JSONL_DECISION_MAX])
{
	const struct verdict *verdict = decision->verdict;
	struct out out = {.p = buf, .end = buf + JSONL_DECISION_MAX, .is_plain = true};
	if (decision->at.us < 0)
		return 0;
	put(&out, SPAN("{\"ts\":"));
	put_decimal(&out, (uint64_t)decision->at.us, SECOND_US);
	put_text(&out, SPAN(",\"instance\":\""), decision->instance);
	put_text(&out, SPAN(",\"action\":\""), span_of(action_rows[verdict->action].word));
	if (verdict->code) {
		put(&out, SPAN(",\"code\":"));
		put_number(&out, verdict->code);
	}
	put_text(&out, SPAN(",\"rule\":\""), span_of(verdict->rule));
	put(&out, SPAN(",\"score\":"));
	put_decimal(&out, score_hundredths(verdict), 100);
	put_text(&out, SPAN(",\"step\":\""), span_of(step_name(verdict->step)));
	put_text(&out, SPAN(",\"would\":\""), span_of(verdict_would(verdict)));
	if (verdict->reference[0])
		put_text(&out, SPAN(",\"reference\":\""), span_of(verdict->reference));
	if (verdict->text[0])
		put_text(&out, SPAN(",\"text\":\""), span_of(verdict->text));
	put(&out, SPAN("}\n"));
	return out.is_plain ? (size_t)(out.p - buf) : 0;
}
