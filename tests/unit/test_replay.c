/* SPDX-License-Identifier: ISC */
/*
 * replay.h: requests as JSON and back, small streams by hand. Files are in test_input.c; that a recorded stream
 * replays to the same decisions, in test_record.c.
 */
#include "policyd/replay.h"

#include <errno.h>
#include <stdlib.h>

#include "engine_help.h"
#include "random.h"
#include "replay_help.h"

#define LIMIT_2 "limits = ( { name = \"hourly\"; rate = \"2/1h\"; } );"

/* ---- a request and back ---- */

#define REQUESTS 30000

/* What request_parse() lets through: any byte but NUL and LF; half of the values are text. */
static size_t random_value(struct chance *chance, char *buf, size_t size)
{
	static const char *const pieces[] = {"alice@example.org", "\"", "\\", "/", "\x7f",
		"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x93\xa7", "#hex", "\x1b[31m", "\r", "\t",
		"{}", "null", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"};
	const uint32_t text = 14; /* pieces that are UTF-8 */
	bool is_text = chance_below(chance, 2);
	size_t n = 0, wanted = chance_below(chance, 40);
	while (n < wanted) {
		uint32_t kind = chance_below(chance, 4);
		if (kind == 0) {
			uint32_t piece = chance_below(chance, is_text ? text : ROWS(pieces));
			n += span_copy(span_of(pieces[piece]), buf + n, size - n);
		} else if (kind == 1 && !is_text) {
			char c = (char)(1 + chance_below(chance, 255));
			buf[n++] = c == '\n' ? '\r' : c;
		} else {
			buf[n++] = (char)(' ' + chance_below(chance, 95));
		}
	}
	return n;
}

static struct span *field_of(struct request *request, size_t attribute)
{
	return (struct span *)(void *)((char *)request + attribute_rows[attribute].offset);
}

static void random_request(
	struct chance *chance, struct request *ret, char (*room)[64], bool is_numeric)
{
	*ret = (struct request){.stage = STAGE_UNKNOWN};
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		size_t n = chance_below(chance, 8) ? 0 : random_value(chance, room[i], 64);
		*field_of(ret, i) = span_make(room[i], n);
	}
	ret->protocol_state = span_of(stage_name((enum stage)chance_below(chance, STAGE_COUNT)));
	if (is_numeric) {
		char *count = room[ATTRIBUTE_COUNT];
		int n = snprintf(count, 64, "%u", chance_below(chance, 5000));
		ret->recipient_count = span_make(count, (size_t)n);
		ret->size = SPAN("99999999999999999999");
	}
	request_derive(ret);
}

static void check_equal(struct request *a, struct request *b, const char *line)
{
	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++)
		ck_assert_msg(span_equal(*field_of(a, i), *field_of(b, i)), "%s differs in %s",
			attribute_rows[i].name, line);
	ck_assert_int_eq((int)a->stage, (int)b->stage);
	ck_assert_uint_eq(a->recipients, b->recipients);
	ck_assert_uint_eq(a->bytes, b->bytes);
}

START_TEST(any_request_reads_back)
{
	struct chance chance = chance_new("any_request_reads_back");
	struct jsonl_room *room = malloc(sizeof(*room));
	char values[ATTRIBUTE_COUNT + 1][64];
	struct errbuf err;
	size_t hex = 0;
	for (int i = 0; i < REQUESTS; i++) {
		struct request request, back;
		random_request(&chance, &request, values, i % 3 == 0);
		json_t *object = json_object();
		jsonl_put_request(object, &request);
		/* Through text: what is written must be one line of ASCII or UTF-8. */
		char *line = json_dumps(object, JSON_COMPACT);
		ck_assert_ptr_nonnull(line);
		ck_assert_ptr_null(strchr(line, '\n'));
		json_decref(object);
		object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(object != NULL, "unreadable: %s", line);
		ck_assert_int_eq(jsonl_get_request(object, room, &back, &err), 0);
		check_equal(&request, &back, line);
		hex += strstr(line, "#hex\":") != NULL;
		json_decref(object);
		free(line);
	}
	/* Both forms were met. */
	ck_assert_uint_gt(hex, REQUESTS / 10);
	ck_assert_uint_lt(hex, REQUESTS);
	free(room);
}
END_TEST

static const struct {
	const char *line;
	int result;
	const char *sender;
	uint32_t recipients;
} objects[] = {
	{"{}", 0, "", 0},
	{"{\"sender\":\"a\",\"tls_sni\":5,\"conn\":7,\"action\":null}", 0, "a", 0},
	{"{\"recipient_count\":12}", 0, "", 12},
	{"{\"recipient_count\":\"12\"}", 0, "", 12},
	{"{\"recipient_count\":-1}", 0, "", 0},
	{"{\"sender#hex\":\"616263\"}", 0, "abc", 0},
	{"{\"sender#hex\":\"6A6b\"}", 0, "jk", 0},
	{"{\"sender#hex\":\"\"}", 0, "", 0},
	{"{\"sender#hex\":\"616\"}", -EINVAL, "", 0},
	{"{\"sender#hex\":\"6g\"}", -EINVAL, "", 0},
	{"{\"sender#hex\":\"6\\u00e9\"}", -EINVAL, "", 0},
	{"{\"unknown#hex\":\"zz\"}", 0, "", 0},
	{"{\"sender\":null}", -EINVAL, "", 0},
	{"{\"sender\":true}", -EINVAL, "", 0},
	{"{\"sender\":1.5}", -EINVAL, "", 0},
	{"{\"sender\":[\"a\"]}", -EINVAL, "", 0},
	{"{\"sender\":{}}", -EINVAL, "", 0},
};

START_TEST(request_of_object)
{
	struct jsonl_room *room = malloc(sizeof(*room));
	struct request request = {.stage = STAGE_ETRN};
	struct errbuf err = {.text = ""};
	json_t *object = json_loads(objects[_i].line, 0, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(jsonl_get_request(object, room, &request, &err), objects[_i].result);
	if (objects[_i].result == 0) {
		ck_assert(span_equal(request.sender, span_of(objects[_i].sender)));
		ck_assert_uint_eq(request.recipients, objects[_i].recipients);
	} else {
		ck_assert_str_ne(err.text, "");
		ck_assert_int_eq((int)request.stage, STAGE_ETRN);
	}
	json_decref(object);
	free(room);
}
END_TEST

/* Hex for as many bytes as a request may have fits, more does not. */
START_TEST(hex_is_bounded)
{
	struct jsonl_room *room = malloc(sizeof(*room));
	char *hex = malloc(REQUEST_BYTES_MAX * 2 + 3);
	struct request request;
	struct errbuf err;
	memset(hex, 'f', REQUEST_BYTES_MAX * 2 + 2);
	for (int more = 0; more < 2; more++) {
		hex[REQUEST_BYTES_MAX * 2 + more * 2] = '\0';
		json_t *object = json_pack("{s:s}", "sender#hex", hex);
		ck_assert_int_eq(
			jsonl_get_request(object, room, &request, &err), more ? -EINVAL : 0);
		json_decref(object);
		hex[REQUEST_BYTES_MAX * 2] = 'f';
	}
	free(hex);
	free(room);
}
END_TEST

/* ---- the time of a line ---- */

static const struct {
	const char *line;
	int result;
	int64_t wall_us, mono_us;
} times[] = {
	{"{\"ts\":1800000000.123456}", 0, INT64_C(1800000000123456), INT64_C(1800000000123456)},
	{"{\"ts\":1800000000,\"mono\":5.000001}", 0, INT64_C(1800000000000000), 5000001},
	{"{\"ts\":0}", 0, 0, 0},
	{"{\"ts\":8999999999.5}", 0, INT64_C(8999999999500000), INT64_C(8999999999500000)},
	{"{\"ts\":9000000000}", -EINVAL, 0, 0},
	{"{\"ts\":-0.001}", -EINVAL, 0, 0},
	{"{\"ts\":1e300}", -EINVAL, 0, 0},
	{"{\"ts\":1,\"mono\":-1}", -EINVAL, 0, 0},
	{"{\"ts\":1,\"mono\":9e9}", -EINVAL, 0, 0},
	{"{\"ts\":1,\"mono\":\"5\"}", -EINVAL, 0, 0},
	{"{\"ts\":1,\"mono\":null}", -EINVAL, 0, 0},
	{"{\"ts\":\"1\"}", -EINVAL, 0, 0},
	{"{\"ts\":null}", -EINVAL, 0, 0},
	{"{\"ts\":[1]}", -EINVAL, 0, 0},
	{"{\"mono\":1}", -EINVAL, 0, 0},
	{"{}", -EINVAL, 0, 0},
};

START_TEST(now_of_object)
{
	struct now now = {.wall = {.us = 77}, .mono = {.us = 78}};
	struct errbuf err = {.text = ""};
	json_t *object = json_loads(times[_i].line, 0, NULL);
	ck_assert_ptr_nonnull(object);
	ck_assert_int_eq(jsonl_get_now(object, &now, &err), times[_i].result);
	bool is_good = times[_i].result == 0;
	ck_assert_int_eq(now.wall.us, is_good ? times[_i].wall_us : 77);
	ck_assert_int_eq(now.mono.us, is_good ? times[_i].mono_us : 78);
	ck_assert_int_eq(err.text[0] == '\0', is_good);
	json_decref(object);
}
END_TEST

/* To the microsecond, through text; seconds beyond 2^32 (the year 2106) leave a double too few bits for that. */
START_TEST(any_now_reads_back)
{
	struct chance chance = chance_new("any_now_reads_back");
	for (int i = 0; i < 100000; i++) {
		struct errbuf err;
		struct now now, back;
		now.wall.us = (int64_t)(chance_next(&chance) % (UINT64_C(1000000) << 32));
		now.mono.us = (int64_t)(chance_next(&chance) % (UINT64_C(1000000) << 32));
		json_t *object = json_object();
		jsonl_put_now(object, now);
		char *line = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(16));
		json_decref(object);
		object = json_loads(line, 0, NULL);
		ck_assert_int_eq(jsonl_get_now(object, &back, &err), 0);
		ck_assert_msg(
			back.wall.us == now.wall.us && back.mono.us == now.mono.us, "%s", line);
		json_decref(object);
		free(line);
	}
}
END_TEST

/* ---- small streams ---- */

struct replayed {
	struct replay_summary summary;
	int r;
	struct errbuf err;
	size_t n;
	char action[40][20];
	char reference[40][REFERENCE_SIZE];
};

static void replayed_free(struct replayed *r)
{
	replay_summary_free(&r->summary);
}

static void read_decisions(struct replayed *ret, const char *path)
{
	char line[4096];
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *json = json_loads(line, 0, NULL);
		const char *reference = json_string_value(json_object_get(json, "reference"));
		ck_assert_uint_lt(ret->n, 40);
		snprintf(ret->action[ret->n], 20, "%s",
			json_string_value(json_object_get(json, "action")));
		snprintf(
			ret->reference[ret->n++], REFERENCE_SIZE, "%s", reference ? reference : "");
		ck_assert(json_is_number(json_object_get(json, "ts")));
		ck_assert(json_is_string(json_object_get(json, "instance")));
		ck_assert(json_is_string(json_object_get(json, "rule")));
		ck_assert(json_is_number(json_object_get(json, "score")));
		ck_assert_str_eq(json_string_value(json_object_get(json, "step")), "none");
		ck_assert(json_is_string(json_object_get(json, "would")));
		json_decref(json);
	}
	ck_assert_int_eq(fclose(file), 0);
}

/* Replays a stream; events NULL: none. setup has what is beside it. */
static void replay_setup(struct replayed *ret, const char *text, const char *stream,
	const char *events, struct replay_setup setup)
{
	char input[100], event[100], out[100];
	struct config *config = config_of(text);
	FILE *decisions = fopen(path_in("decisions", out), "we");
	replay_summary_free(&ret->summary);
	*ret = (struct replayed){.n = 0};
	write_file(path_in("stream.jsonl", input), stream, strlen(stream));
	if (events)
		write_file(path_in("events.jsonl", event), events, strlen(events));
	setup.config = config;
	setup.input = input;
	setup.events = events ? event : NULL;
	setup.decisions = decisions;
	ret->r = replay_run(&setup, &ret->summary, &ret->err);
	ck_assert_int_eq(fclose(decisions), 0);
	config_unref(config);
	read_decisions(ret, out);
}

static void replay(struct replayed *ret, const char *text, const char *stream, const char *events)
{
	replay_setup(ret, text, stream, events, (struct replay_setup){.decisions = NULL});
}

static void check_actions(const struct replayed *r, const char *const *action, size_t n)
{
	ck_assert_int_eq(r->r, 0);
	ck_assert_uint_eq(r->n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(strcmp(r->action[i], action[i]) == 0, "%zu: %s instead of %s", i + 1,
			r->action[i], action[i]);
}

#define D  "DUNNO"
#define DP "DEFER_IF_PERMIT"
#define R  "REJECT"
#define ALICE(ts, stage, instance, rcpt)                                                           \
	"{\"ts\":" ts ",\"protocol_state\":\"" stage "\",\"instance\":\"" instance                 \
	"\",\"recipient\":\"" rcpt "\",\"sasl_username\":\"alice\"}\n"

/* Plain streams name no connection: messages that overlap end each other as little as they do in Postfix. */
START_TEST(interleaved_messages)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2,
		ALICE("100", "RCPT", "m1", "a@x") ALICE("100.5", "RCPT", "m2", "a@x")
			ALICE("101", "RCPT", "m1", "a@x") ALICE("101", "RCPT", "m2", "b@x")
				ALICE("102", "RCPT", "m2", "a@x") ALICE("103", "RCPT", "m1", "b@x")
					ALICE("4000", "RCPT", "m3", "a@x"),
		NULL);
	check_actions(&r, (const char *[]){D, D, D, DP, D, DP, D}, 7);
	ck_assert_uint_eq(r.summary.requests, 7);
	ck_assert_uint_eq(r.summary.outbound, 7);
	ck_assert_uint_eq(r.summary.by_action[ACTION_DEFER_IF_PERMIT], 2);
	ck_assert_uint_eq(r.summary.rules, 1);
	ck_assert_str_eq(r.summary.rule[0].name, "hourly");
	ck_assert_uint_eq(r.summary.rule[0].requests, 2);
	ck_assert_uint_eq(r.summary.rule[0].accounts, 1);
	ck_assert_uint_eq(r.summary.accounts, 1);
	ck_assert_str_eq(r.summary.account[0].name, "alice");
	ck_assert_uint_eq(r.summary.account[0].refused, 2);
	ck_assert_uint_eq(r.summary.account[0].recipients, 7);
	ck_assert_uint_eq(r.summary.account[0].evidence_n, 1);
	ck_assert_str_eq(r.summary.account[0].evidence[0].text, "hourly: 2 of 2 were used");
	ck_assert_uint_eq(r.summary.hour.n, 2);
	ck_assert_uint_eq(r.summary.hour.max, 6);
	ck_assert_int_eq(r.summary.first.us, 100 * SECOND_US);
	ck_assert_int_eq(r.summary.last.us, 4000 * SECOND_US);
}
END_TEST

#define EVENT(ts, rest) "{\"ts\":" ts "," rest "}\n"
#define SUSPEND(who)    "\"event\":\"command\",\"verb\":\"suspend\",\"account\":\"" who "\""

START_TEST(events_beside_the_stream)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2,
		ALICE("100", "RCPT", "m1", "a@x") EVENT("110", SUSPEND("login:alice"))
			ALICE("120", "RCPT", "m2", "a@x") ALICE("200", "RCPT", "m3", "a@x")
				ALICE("201", "RCPT", "m4", "a@x"),
		EVENT("150", "\"event\":\"bounce\",\"instance\":\"m1\"")
			EVENT("200", "\"event\":\"release\",\"sasl_username\":\"alice\"")
				EVENT("200.5", SUSPEND("login:alice") ",\"until\":200.9")
					EVENT("999", "\"event\":\"release\""));
	check_actions(&r, (const char *[]){D, R, D, DP}, 4);
	/* The last one comes after the stream's end. */
	ck_assert_uint_eq(r.summary.events, 3);
	/* A bounce of nobody. */
	ck_assert_uint_eq(r.summary.bad_lines, 1);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, "/events.jsonl:1: it needs "));
}
END_TEST

START_TEST(bad_lines_are_counted_and_named)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2,
		ALICE("100", "RCPT", "m1", "a@x") "\n   \nno json\n[1]\n{}\n{\"ts\":1,\"ts\":2}\n"
						  "{\"ts\":101,\"sender\":[]}\n{\"ts\":102" ALICE(
							  "103", "RCPT", "m2", "a@x"),
		"{\"ts\":\"x\"}\n");
	check_actions(&r, (const char *[]){D}, 1);
	ck_assert_uint_eq(r.summary.bad_lines, 7);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, "/events.jsonl:1: \"ts\" "));
	replay(&r, LIMIT_2, ALICE("100", "RCPT", "m1", "a@x") "\n\nno json\n", NULL);
	ck_assert_uint_eq(r.summary.bad_lines, 1);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, "/stream.jsonl:4: no JSON: "));
	/* The period begins with the first line that has a time. */
	replay(&r, LIMIT_2, "no json\n" ALICE("100", "RCPT", "m1", "a@x"), NULL);
	ck_assert_int_eq(r.summary.first.us, 100 * SECOND_US);
}
END_TEST

START_TEST(a_verdict_with_a_code)
{
	json_t *with = json_object(), *without = json_object();
	jsonl_put_verdict(
		with, &(struct verdict){.action = ACTION_DEFER, .code = 452, .rule = "cap"});
	jsonl_put_verdict(without, &(struct verdict){.action = ACTION_DEFER, .rule = "cap"});
	ck_assert_str_eq(json_string_value(json_object_get(with, "action")), "DEFER");
	ck_assert_int_eq(json_integer_value(json_object_get(with, "code")), 452);
	ck_assert_ptr_null(json_object_get(without, "code"));
	json_decref(with);
	json_decref(without);
}
END_TEST

/* ---- the usual line by hand ---- */

static const struct {
	const char *line;
	bool is_usual;
} usual[] = {
	{"{\"ts\":1.5,\"sender\":\"a\"}", true},
	{"{ \"ts\" : 1 , \"sender\" : \"a\" } ", true},
	{"{\"ts\":1,\"size\":38,\"x\":null,\"y\":false,\"z\":-1.25}", true},
	{"{\"ts\":1,\"geo_country\":\"DE\",\"geo_asn\":1,\"geo_lat\":-1.5,\"geo_lon\":180}", true},
	{"{\"ts\":1,\"geo_country\":\"de\"}", false},
	{"{\"ts\":1,\"geo_lat\":1}", false},
	{"{\"ts\":1,\"geo_lat\":91,\"geo_lon\":1}", false},
	{"{\"ts\":1,\"ts\":1}", false},
	{"{\"ts\":1,\"sender\":\"a\",\"sender\":\"a\"}", false},
	{"{\"ts\":1,\"event\":\"close\"}", false},
	{"{\"ts\":1,\"sender#hex\":\"61\"}", false},
	{"{\"ts\":1,\"sender\":\"\\u0041\"}", false},
	{"{\"ts\":1,\"sender\":\"\xc3\xbc\"}", false},
	{"{\"ts\":1,\"sender\":\"a\tb\"}", false},
	{"{\"ts\":1,\"sender\":\"12345678\x01\"}", false},
	{"{\"ts\":1,\"sender\":[]}", false},
	{"{\"ts\":1,\"sender\":null}", false},
	{"{\"ts\":1,\"size\":01}", false},
	{"{\"ts\":1,\"size\":1.0}", false},
	{"{\"ts\":1e3}", false},
	{"{\"ts\":1.1234567}", false},
	{"{\"ts\":4294967296}", false},
	{"{\"ts\":1,}", false},
	{"{\"ts\":1} x", false},
	{"{\"ts\":1", false},
	{"{}", false},
	{"{\"sender\":\"a\"}", false},
	{"", false},
};

START_TEST(usual_line)
{
	struct jsonl_scan *scan = calloc(1, sizeof(*scan));
	struct jsonl_line line;
	/* Twice: the second time its keys are known. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
			jsonl_scan(scan, span_of(usual[_i].line), &line), usual[_i].is_usual);
	free(scan);
}
END_TEST

/* More kinds of keys than are remembered: nothing is mixed up, and nothing is lost. */
START_TEST(many_keys)
{
	struct jsonl_scan *scan = calloc(1, sizeof(*scan));
	struct jsonl_line line;
	char text[100];
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "{\"ts\":%d,\"sender\":\"s%d\",\"key%d\":1}", i, i, i);
		bool is_usual = jsonl_scan(scan, span_of(text), &line);
		ck_assert_int_eq(is_usual, i < JSONL_KEYS_MAX - 2);
		if (is_usual) {
			ck_assert_int_eq(line.now.wall.us, i * SECOND_US);
			ck_assert_uint_eq(line.request.sender.n, i < 10 ? 2 : 3);
		}
	}
	free(scan);
}
END_TEST

/* ---- where clients stand ---- */

static void count_looks(void *ctx, const struct ip *client, struct geo *ret)
{
	char text[IP_TEXT_SIZE];
	ck_assert_str_eq(ip_format(client, text), "192.0.2.1");
	(*(unsigned *)ctx)++;
	*ret = (struct geo){.country = {'D', 'E'}, .asn = 64500};
}

/* Asked for an account's client, unless the line says so, or that nothing was known; nobody else's. */
START_TEST(places_are_looked_up)
{
	unsigned looks = 0;
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay_setup(&r, LIMIT_2 "trusted_networks = [ \"192.0.2.1/32\" ];",
		"{\"ts\":1,\"protocol_state\":\"RCPT\",\"sasl_username\":\"a\",\"client_address\":"
		"\"192.0.2.1\",\"instance\":\"1\",\"recipient\":\"a@x\"}\n"
		"{\"ts\":2,\"protocol_state\":\"RCPT\",\"sasl_username\":\"a\",\"client_address\":"
		"\"192.0.2.1\",\"instance\":\"2\",\"recipient\":\"a@x\",\"geo_asn\":7}\n"
		"{\"ts\":2,\"protocol_state\":\"RCPT\",\"sasl_username\":\"a\",\"client_address\":"
		"\"192.0.2.1\",\"instance\":\"2\",\"recipient\":\"b@x\",\"geo_asn\":0}\n"
		"{\"ts\":3,\"protocol_state\":\"RCPT\",\"client_address\":\"198.51.100.1\"}\n"
		"{\"ts\":3,\"protocol_state\":\"RCPT\",\"client_address\":\"192.0.2.1\"}\n"
		"{\"ts\":4,\"protocol_state\":\"RCPT\",\"sasl_username\":\"a\",\"client_address\":"
		"\"unknown\"}\n",
		NULL, (struct replay_setup){.geo = count_looks, .geo_ctx = &looks});
	ck_assert_uint_eq(r.summary.requests, 6);
	/* Of a login, and of a trusted client without one. */
	ck_assert_uint_eq(looks, 2);
}
END_TEST

/* ---- what comes back ---- */

#define BOUNCE(ts, instance, rcpt)                                                                 \
	EVENT(ts, "\"event\":\"bounce\",\"dsn\":\"5.1.1\",\"sasl_username\":\"alice\","            \
		  "\"instance\":\"" instance "\",\"recipient\":\"" rcpt "\"")

/* Only of recipients that were let through, of messages that were not stopped later. */
START_TEST(bounces_of_what_was_sent)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r,
		"limits = ( { name = \"hourly\"; rate = \"4/1h\"; action = \"HOLD\"; },"
		" { name = \"size\"; unit = \"bytes\"; rate = \"5/message\"; } );",
		ALICE("100", "RCPT", "m1", "a@x") ALICE("101", "RCPT", "m1", "b@x") ALICE(
			"102", "RCPT", "m2", "c@x") ALICE("103", "RCPT", "m3", "d@x") ALICE("104",
			"RCPT", "m3", "e@x") ALICE("600000", "RCPT", "m4", "f@x")
			ALICE("1300000", "RCPT", "m5", "g@x") ALICE("1300002", "RCPT", "m6", "g@x"),
		BOUNCE("99", "m1", "a@x") BOUNCE("110", "m1", "a@x") BOUNCE("111", "m1", "c@x")
			BOUNCE("112", "m2", "c@x") BOUNCE("113", "m3", "d@x") BOUNCE("114", "m3",
				"e@x") BOUNCE("115", "m9", "a@x") BOUNCE("600001", "m1", "b@x")
				BOUNCE("1299999", "m1", "b@x") BOUNCE("1300000", "m1", "b@x")
					BOUNCE("1300001", "m1", "b@x"));
	check_actions(&r, (const char *[]){D, D, D, D, "HOLD", D, D, D}, 8);
	/* a, c; not m3, which is held; b as long as it is remembered. */
	ck_assert_uint_eq(r.summary.fed, 5);
	ck_assert_uint_eq(r.summary.bad_lines, 0);
}
END_TEST

#define RETURNED(ts, status)                                                                       \
	EVENT(ts, "\"event\":\"bounce\"," status "\"sasl_username\":\"alice\","                    \
		  "\"instance\":\"m1\",\"recipient\":\"a@x\"")

/* A full mailbox and a network that is down say nothing of who sent. */
START_TEST(bounces_by_status)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2, ALICE("100", "RCPT", "m1", "a@x") ALICE("120", "RCPT", "m2", "a@x"),
		RETURNED("110", "\"dsn\":\"4.2.2\",") RETURNED("111", "\"dsn\":\"5.2.2\",")
			RETURNED("112", "\"dsn\":\"5.4.4\",") RETURNED("113", "\"dsn\":\"5.2.10\",")
				RETURNED("114", "\"dsn\":\"5.1.1\",")
					RETURNED("115", "\"dsn\":\"5.2.1\",") RETURNED(
						"116", "\"dsn\":\"5.7.26\",") RETURNED("117", ""));
	ck_assert_uint_eq(r.summary.fed, 4);
	ck_assert_uint_eq(r.summary.events, 8);
	ck_assert_uint_eq(r.summary.bad_lines, 0);
}
END_TEST

START_TEST(signals_from_outside)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2,
		ALICE("100", "RCPT", "m1", "a@x")
			EVENT("101", "\"event\":\"signal\",\"account\":\"login:alice\",\"signal\":"
				     "\"reported\",\"n\":3"),
		EVENT("99", "\"event\":\"signal\",\"sasl_username\":\"alice\",\"signal\":\"trap\"")
			EVENT("99", "\"event\":\"signal\",\"account\":\"alice\",\"signal\":"
				    "\"trap\"") EVENT("99",
				"\"event\":\"signal\",\"account\":\"login:a\",\"signal\":\"x\"")
				EVENT("99", "\"event\":\"signal\",\"account\":\"login:a\","
					    "\"signal\":\"trap\",\"n\":-1"));
	ck_assert_uint_eq(r.summary.fed, 2);
	ck_assert_uint_eq(r.summary.bad_lines, 3);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, "/events.jsonl:2: a signal "));
}
END_TEST

#define OVERRIDE(who, rate)                                                                        \
	"\"event\":\"command\",\"verb\":\"override set\",\"account\":\"" who                       \
	"\",\"limit\":\"hourly\",\"rate\":\"" rate "\""
#define UNSET(who)                                                                                 \
	"\"event\":\"command\",\"verb\":\"override unset\",\"account\":\"" who                     \
	"\",\"limit\":\"hourly\""
#define RESET(who) "\"event\":\"command\",\"verb\":\"reset\",\"account\":\"" who "\""

START_TEST(overrides_and_resets)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2,
		ALICE("100", "RCPT", "m1", "a@x") EVENT("101", OVERRIDE("login:alice", "1/1h"))
			ALICE("102", "RCPT", "m2", "a@x") EVENT("103",
				OVERRIDE("login:alice", "3/1h")) ALICE("104", "RCPT", "m3", "a@x")
				EVENT("105", UNSET("login:alice")) ALICE("106", "RCPT", "m4", "a@x")
					EVENT("107", RESET("login:alice"))
						ALICE("108", "RCPT", "m5", "a@x"),
		NULL);
	check_actions(&r, (const char *[]){D, DP, D, DP, D}, 5);
	ck_assert_uint_eq(r.summary.bad_lines, 0);
}
END_TEST

static const char *const bad_commands[] = {
	SUSPEND("alice"),
	SUSPEND(""),
	"\"event\":\"command\",\"verb\":\"suspend\"",
	"\"event\":\"command\",\"verb\":\"suspend\",\"account\":7",
	"\"event\":\"command\",\"verb\":\"suspend\",\"account#hex\":\"6c6\"",
	"\"event\":\"command\",\"verb\":\"suspend\",\"account#hex\":[]",
	OVERRIDE("login:alice", "5"),
	OVERRIDE("login:alice", "0/1h"),
	OVERRIDE("login:alice", ""),
	"\"event\":\"command\",\"verb\":\"override "
	"set\",\"account\":\"login:alice\",\"rate\":\"1/1h\"",
	"\"event\":\"command\",\"verb\":\"override unset\",\"account\":\"login:alice\"",
	"\"event\":\"command\",\"verb\":\"override unset\",\"account\":\"login:alice\","
	"\"limit\":\"a name that is much longer than the names of limits are\"",
};

/* Told, and nothing is changed by it. */
START_TEST(bad_command)
{
	char stream[1000];
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	ck_assert_int_gt(snprintf(stream, sizeof(stream), "%s{\"ts\":101,%s}\n%s",
				 ALICE("100", "RCPT", "m1", "a@x"), bad_commands[_i],
				 ALICE("102", "RCPT", "m2", "a@x")),
		0);
	replay(&r, LIMIT_2, stream, NULL);
	check_actions(&r, (const char *[]){D, D}, 2);
	ck_assert_uint_eq(r.summary.bad_lines, 1);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, ":2: a command "));
}
END_TEST

START_TEST(nothing_to_replay)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2, "", NULL);
	check_actions(&r, NULL, 0);
	ck_assert_uint_eq(r.summary.lines, 0);
	replay_summary_free(&r.summary);
	struct config *config = config_of(LIMIT_2);
	char path[100];
	struct replay_setup setup = {.config = config, .input = path_in("absent", path)};
	ck_assert_int_eq(replay_run(&setup, &r.summary, &r.err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(r.err.text, "/absent: "));
	config_unref(config);
}
END_TEST

#define START(seed) "{\"ts\":1,\"event\":\"start\",\"seed\":\"" seed "\"}\n"
#define FULL                                                                                       \
	ALICE("100", "RCPT", "m1", "a@x")                                                          \
	ALICE("100", "RCPT", "m1", "b@x") ALICE("100", "RCPT", "m1", "c@x")

/* References come from the seed alone. */
START_TEST(seed_of_a_stream)
{
	CLEANUP(replayed_free) struct replayed plain = {.n = 0};
	CLEANUP(replayed_free) struct replayed again = {.n = 0};
	CLEANUP(replayed_free) struct replayed seeded = {.n = 0};
	CLEANUP(replayed_free) struct replayed engine = {.n = 0};
	replay(&plain, LIMIT_2, FULL, NULL);
	replay(&again, LIMIT_2, FULL, NULL);
	replay(&seeded, LIMIT_2, START("0000000000000001ffffffffffffffff") FULL, NULL);
	replay(&engine, LIMIT_2, START("00000000000000010000000000000002") FULL, NULL);
	ck_assert_str_ne(plain.reference[2], "");
	ck_assert_str_eq(plain.reference[2], again.reference[2]);
	ck_assert_str_ne(plain.reference[2], seeded.reference[2]);
	/* A start line anew: counters of before are gone, as after a restart. */
	replay(&again, LIMIT_2, FULL START("00000000000000010000000000000002") FULL, NULL);
	check_actions(&again, (const char *[]){D, D, DP, D, D, DP}, 6);
	ck_assert_str_eq(again.reference[5], engine.reference[2]);
	/* What is no seed is none. */
	replay(&again, LIMIT_2, START("12") FULL, NULL);
	ck_assert_str_eq(again.reference[2], plain.reference[2]);
}
END_TEST

/* Connections by number: a close that ends a message, numbers that are none. */
START_TEST(connections_of_a_stream)
{
	CLEANUP(replayed_free) struct replayed r = {.n = 0};
	replay(&r, LIMIT_2 "lost_connection_grace = \"1s\";",
		"{\"ts\":1,\"event\":\"open\",\"conn\":3,\"listener\":\"unix:/p\"}\n"
		"{\"ts\":1,\"event\":\"open\",\"conn\":99999999,\"listener\":\"unix:/p\"}\n"
		"{\"ts\":1,\"event\":\"open\",\"conn\":-1}\n"
		"{\"ts\":1,\"event\":\"close\",\"conn\":77}\n"
		"{\"ts\":1,\"event\":\"close\"}\n"
		"{\"ts\":1,\"event\":\"unheard of\"}\n"
		"{\"ts\":1,\"conn\":3,\"protocol_state\":\"RCPT\",\"instance\":\"l\",\"recipient\":"
		"\"a@x\",\"sasl_username\":\"bob\"}\n"
		"{\"ts\":1,\"conn\":3,\"protocol_state\":\"DATA\",\"instance\":\"l\",\"sasl_"
		"username\":\"bob\"}\n"
		"{\"ts\":2,\"conn\":3,\"protocol_state\":\"RCPT\",\"instance\":\"m\",\"recipient\":"
		"\"a@x\",\"sasl_username\":\"bob\"}\n"
		"{\"ts\":2,\"event\":\"close\",\"conn\":3}\n"
		"{\"ts\":3.5,\"protocol_state\":\"RCPT\",\"instance\":\"n\",\"recipient\":\"a@x\","
		"\"sasl_username\":\"bob\"}\n",
		NULL);
	check_actions(&r, (const char *[]){D, D, D, D}, 4);
	ck_assert_uint_eq(r.summary.events, 6);
	ck_assert_uint_eq(r.summary.bad_lines, 1);
	ck_assert_ptr_nonnull(strstr(r.summary.first_bad, ":6: an event that is none of "));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"any_request_reads_back", any_request_reads_back, 0},
		{"request_of_object", request_of_object, ROWS(objects)},
		{"hex_is_bounded", hex_is_bounded, 0},
		{"now_of_object", now_of_object, ROWS(times)},
		{"any_now_reads_back", any_now_reads_back, 0},
		{"interleaved_messages", interleaved_messages, 0},
		{"events_beside_the_stream", events_beside_the_stream, 0},
		{"a_verdict_with_a_code", a_verdict_with_a_code, 0},
		{"usual_line", usual_line, ROWS(usual)},
		{"many_keys", many_keys, 0},
		{"places_are_looked_up", places_are_looked_up, 0},
		{"bounces_of_what_was_sent", bounces_of_what_was_sent, 0},
		{"bounces_by_status", bounces_by_status, 0},
		{"signals_from_outside", signals_from_outside, 0},
		{"overrides_and_resets", overrides_and_resets, 0},
		{"bad_command", bad_command, ROWS(bad_commands)},
		{"bad_lines_are_counted_and_named", bad_lines_are_counted_and_named, 0},
		{"nothing_to_replay", nothing_to_replay, 0},
		{"seed_of_a_stream", seed_of_a_stream, 0},
		{"connections_of_a_stream", connections_of_a_stream, 0},
	};
	if (!folder_begin())
		return EXIT_FAILURE;
	return folder_end(SUITE_RUN("replay", rows));
}
