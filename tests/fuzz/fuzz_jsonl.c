/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a line of a recording: what is read as a request is the same request when it is
 * written and read again, and its times are; what is read or written without jansson is what jansson
 * says.
 */
#include "fuzz.h"
#include "policyd/replay.h"

static struct span attribute_of(const struct request *request, size_t row)
{
	struct span value;
	memcpy(&value, (const char *)request + attribute_rows[row].offset, sizeof(value));
	return value;
}

static bool requests_equal(const struct request *a, const struct request *b)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (!span_equal(attribute_of(a, i), attribute_of(b, i)))
			return false;
	}
	return a->stage == b->stage && a->recipients == b->recipients && a->bytes == b->bytes;
}

/* NUL comes only from hex that somebody made up: the protocol has none, and JSON text takes none. */
static bool has_nul(const struct request *request)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		struct span value = attribute_of(request, i);
		if (value.n && memchr(value.p, '\0', value.n))
			return true;
	}
	return false;
}

/* The object as it would stand in a file, read back; takes it. */
static json_t *through_text(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	fuzz_check(text && !strchr(text, '\n'));
	json_decref(object);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	fuzz_check(object != NULL);
	free(text);
	return object;
}

static void check_request(const struct request *request)
{
	static struct jsonl_room room;
	struct errbuf err;
	struct request again;
	json_t *object = json_object();
	jsonl_put_request(object, request);
	if (!has_nul(request))
		object = through_text(object);
	fuzz_check(jsonl_get_request(object, &room, &again, &err) == 0);
	fuzz_check(requests_equal(request, &again));
	json_decref(object);
}

static void check_now(struct now now)
{
	struct errbuf err;
	struct now again;
	json_t *object = json_object();
	jsonl_put_now(object, now);
	object = through_text(object);
	fuzz_check(jsonl_get_now(object, &again, &err) == 0);
	fuzz_check(again.wall.us == now.wall.us && again.mono.us == now.mono.us);
	json_decref(object);
}

/* ---- by hand, and by jansson ---- */

static bool lines_equal(const struct jsonl_line *a, const struct jsonl_line *b)
{
	const struct geo *x = &a->request.geo, *y = &b->request.geo;
	return requests_equal(&a->request, &b->request) && a->now.wall.us == b->now.wall.us &&
	       a->now.mono.us == b->now.mono.us && a->conn == b->conn && !b->event &&
	       a->has_geo == b->has_geo && memcmp(x->country, y->country, 2) == 0 &&
	       x->asn == y->asn && x->has_position == y->has_position &&
	       x->latitude == y->latitude && x->longitude == y->longitude;
}

static void check_decision(const struct jsonl_line *line)
{
	char buf[JSONL_DECISION_MAX];
	struct verdict verdict = {.action = ACTION_DEFER_IF_PERMIT,
		.code = (uint16_t)(line->conn % 2 * 450),
		.score = (double)(line->now.mono.us % 100000) / 700};
	span_copy(line->request.sender, verdict.rule, sizeof(verdict.rule));
	span_copy(line->request.recipient, verdict.text, sizeof(verdict.text));
	struct jsonl_decision decision = {line->now.wall, line->request.instance, &verdict};
	size_t n = jsonl_decision(&decision, buf);
	if (n == 0)
		return;
	json_t *object = json_object();
	json_object_set_new(object, "ts", json_real((double)line->now.wall.us / 1e6));
	jsonl_put_text(object, "instance", line->request.instance);
	jsonl_put_verdict(object, &verdict);
	json_t *back = json_loadb(buf, n, JSON_REJECT_DUPLICATES, NULL);
	fuzz_check(back && buf[n - 1] == '\n' && !memchr(buf, '\n', n - 1));
	fuzz_check(json_equal(object, back));
	json_decref(object);
	json_decref(back);
}

static void check_scan(struct span text)
{
	/* It remembers keys from line to line, and so from input to input. */
	static struct jsonl_scan scan;
	static struct jsonl_room room;
	struct jsonl_line fast, any;
	struct errbuf err;
	json_t *object = NULL;
	if (!jsonl_scan(&scan, text, &fast))
		return;
	fuzz_check(jsonl_read_any(&room, text, &any, &object, &err) == 0);
	fuzz_check(lines_equal(&fast, &any));
	check_decision(&fast);
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jsonl_room room;
	struct errbuf err = {{0}};
	struct request request;
	struct now now;
	check_scan(span_make((const char *)data, size));
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		return 0;
	}
	if (jsonl_get_request(object, &room, &request, &err) == 0)
		check_request(&request);
	else
		fuzz_check(err.text[0] != '\0');
	if (jsonl_get_now(object, &now, &err) == 0)
		check_now(now);
	json_decref(object);
	return 0;
}
