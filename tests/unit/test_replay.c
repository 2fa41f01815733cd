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

/* Replays a stream; events NULL: none. */
static void replay(struct replayed *ret, const char *text, const char *stream, const char *events)
{
	char input[100], event[100], out[100];
	struct config *config = config_of(text);
	FILE *decisions = fopen(path_in("decisions", out), "we");
	*ret = (struct replayed){.n = 0};
	write_file(path_in("stream.jsonl", input), stream, strlen(stream));
	if (events)
		write_file(path_in("events.jsonl", event), events, strlen(events));
	ret->r = replay_run(&(struct replay_setup){.config = config,
				    .input = input,
				    .events = events ? event : NULL,
				    .decisions = decisions},
		&ret->summary, &ret->err);
	ck_assert_int_eq(fclose(decisions), 0);
	config_unref(config);
	read_decisions(ret, out);
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
	struct replayed r;
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
	ck_assert_uint_eq(r.summary.worst_n, 1);
	ck_assert_str_eq(r.summary.worst[0].name, "alice");
	ck_assert_uint_eq(r.summary.worst[0].refused, 2);
	ck_assert_int_eq(r.summary.first.us, 100 * SECOND_US);
	ck_assert_int_eq(r.summary.last.us, 4000 * SECOND_US);
}
END_TEST

#define EVENT(ts, rest) "{\"ts\":" ts "," rest "}\n"
#define SUSPEND(who)    "\"event\":\"command\",\"verb\":\"suspend\",\"account\":\"" who "\""

START_TEST(events_beside_the_stream)
{
	struct replayed r;
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
	ck_assert_uint_eq(r.summary.events, 4);
	ck_assert_uint_eq(r.summary.bad_lines, 0);
}
END_TEST

START_TEST(bad_lines_are_counted_and_named)
{
	struct replayed r;
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

#define OVERRIDE(who, rate)                                                                        \
	"\"event\":\"command\",\"verb\":\"override set\",\"account\":\"" who                       \
	"\",\"limit\":\"hourly\",\"rate\":\"" rate "\""
#define UNSET(who)                                                                                 \
	"\"event\":\"command\",\"verb\":\"override unset\",\"account\":\"" who                     \
	"\",\"limit\":\"hourly\""
#define RESET(who) "\"event\":\"command\",\"verb\":\"reset\",\"account\":\"" who "\""

START_TEST(overrides_and_resets)
{
	struct replayed r;
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
	struct replayed r;
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
	struct replayed r;
	replay(&r, LIMIT_2, "", NULL);
	check_actions(&r, NULL, 0);
	ck_assert_uint_eq(r.summary.lines, 0);
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
	struct replayed plain, again, seeded, engine;
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
	struct replayed r;
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
	ck_assert_uint_eq(r.summary.bad_lines, 0);
	ck_assert_uint_eq(r.summary.events, 7);
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
