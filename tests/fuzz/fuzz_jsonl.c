/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a line of a recording: what is read as a request is the same request when it is
 * written and read again, and its times are.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jsonl_room room;
	struct errbuf err = {{0}};
	struct request request;
	struct now now;
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
