/* SPDX-License-Identifier: ISC */
/*
 * replay.h, the recorder: what a daemon was asked and answered, written as it runs, replays to the same decisions
 * (semantics 30). Reading is in test_replay.c.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_help.h"
#include "policyd/metric.h"
#include "policyd/replay.h"
#include "random.h"
#include "replay_help.h"

static struct recorder *recorder_to(const char *path, uint64_t max_bytes, struct now now)
{
	struct recorder *recorder = NULL;
	struct errbuf err = {.text = ""};
	struct recorder_setup setup = {
		.path = path, .max_bytes = max_bytes, .seed = {1, UINT64_MAX}, .now = now};
	ck_assert_msg(recorder_open(&setup, &recorder, &err) == 0, "%s", err.text);
	return recorder;
}

/* ---- what a daemon lives through ---- */

#define ROUNDS 30
#define STEPS  3000
#define CONNS  8

/* Rules of all kinds, small enough to be met, with windows that end while messages are open. */
#define LIMITS                                                                                     \
	"limits = ( { name = \"hourly\"; rate = \"40/1h\"; }, { name = \"short\"; rate = "         \
	"\"5/1m\"; }, "                                                                            \
	"{ name = \"mails\"; unit = \"messages\"; rate = \"4/2m\"; action = \"DEFER\"; }, "        \
	"{ name = \"trial\"; rate = \"3/1m\"; mode = \"observe\"; }, "                             \
	"{ name = \"soft\"; rate = \"4/1m\"; action = \"HOLD\"; } );"
#define WHO                                                                                        \
	"trusted_networks = [ \"192.0.2.0/24\", \"2001:db8::/32\" ]; login_domain = "              \
	"\"e.test\"; "                                                                             \
	"client_certificates = [ \"AA:BB\" ]; "

static const char *const configurations[] = {
	LIMITS WHO,
	LIMITS WHO "suspension = { action = \"HOLD\"; }; reserve_max = \"1m\";",
	LIMITS WHO
	"commit_at = \"data\"; suspension = { action = \"DEFER_IF_PERMIT\"; }; posture = { "
	"mode = \"enforce\"; };",
	LIMITS WHO "commit_at = \"eom\"; reserve_max = \"2m\"; lost_connection_grace = \"0s\";",
	LIMITS WHO
	"commit_at = \"rcpt\"; lost_connection_grace = \"5m\"; posture = { mode = "
	"\"enforce\"; }; classes = ( { name = \"default\"; posture = { hold = \"shift\"; "
	"throttle = \"HOLD\"; watch = \"slow\"; }; } );",
};

struct live_conn {
	engine_conn id; /* 0: closed */
	char instance[24];
	unsigned accepted;
};

struct live {
	struct chance chance;
	struct engine *engine;
	struct recorder *recorder;
	struct now now;
	mono_t tick;
	struct live_conn conn[CONNS];
	unsigned instances;
	unsigned requests, refused;
};

static void fetch(struct live *live)
{
	struct effect effect;
	while (engine_effect(live->engine, &effect))
		ck_assert_int_ne((int)effect.kind, EFFECT_REPLY);
}

/* The daemon ticks once a second, whatever comes in between. */
static void pass(struct live *live, int64_t us)
{
	int64_t end = live->now.mono.us + us;
	while (live->tick.us <= end) {
		live->now.wall.us += live->tick.us - live->now.mono.us;
		live->now.mono = live->tick;
		engine_tick(live->engine, live->now);
		fetch(live);
		live->tick.us += SECOND_US;
	}
	live->now.wall.us += end - live->now.mono.us;
	live->now.mono.us = end;
}

static void pass_some(struct live *live)
{
	/* Now and then past the grace of a lost connection, past reserve_max, past a window. */
	static const int64_t jump[] = {
		11 * SECOND_US, 61 * SECOND_US, 3 * MINUTE_US, 66 * MINUTE_US};
	uint32_t kind = chance_below(&live->chance, 400);
	if (kind < ROWS(jump))
		pass(live, jump[kind]);
	else if (kind == 10)
		live->now.wall.us +=
			((int64_t)chance_below(&live->chance, 7200) - 3600) * SECOND_US;
	else
		pass(live, (int64_t)chance_below(&live->chance, kind < 100 ? 3000000 : 300000));
}

static const char *pick(struct live *live, const char *const *from, size_t n)
{
	return from[chance_below(&live->chance, (uint32_t)n)];
}

static void open_or_close(struct live *live, struct live_conn *conn)
{
	static const char *const listeners[] = {"unix:/p", "inet:[::]:10040", "unix:/\xff"};
	static const char *const peers[] = {"127.0.0.1", "::1", "192.0.2.99"};
	struct ip ip;
	if (conn->id) {
		engine_conn_close(live->engine, conn->id, live->now);
		recorder_closed(live->recorder, conn->id, live->now);
		conn->id = 0;
		return;
	}
	struct span listener = span_of(pick(live, listeners, ROWS(listeners)));
	bool has_peer = chance_below(&live->chance, 2);
	ck_assert_int_eq(ip_parse(span_of(pick(live, peers, ROWS(peers))), &ip), 0);
	conn->id = engine_conn_open(live->engine, listener, has_peer ? &ip : NULL);
	recorder_opened(live->recorder, conn->id, listener, has_peer ? &ip : NULL, live->now);
}

/* Of a few, so that they come again; most without, so that they are one account's. */
static void subject_some(struct request *request, uint32_t who)
{
	static const char *const logins[] = {"alice@e.test", "ALICE@E.test", "alice", "bob",
		("carol@b\xc3\xbc"
		 "cher.test"),
		"\xff@e.test", "addr:192.0.2.9", ""};
	static const char *const clients[] = {
		"192.0.2.1", "2001:db8::1", "2001:db8::2", "198.51.100.1", "unknown"};
	request->sasl_username = span_of(logins[who % ROWS(logins)]);
	request->client_address = span_of(clients[who % ROWS(clients)]);
	if (who % 11 == 0)
		request->ccert_fingerprint = SPAN("aa:bb");
}

/* As the database of the day did: some are not in it, and for a while there was none. */
static void locate_some(const struct live *live, struct request *request)
{
	static const char countries[][3] = {"DE", "BR", "NG"};
	uint32_t kind = live->requests % 5;
	if (!engine_wants_place(live->engine, request) || kind >= ROWS(countries))
		return;
	memcpy(request->geo.country, countries[kind], sizeof(request->geo.country));
	request->geo.asn = kind == 1 ? 64500 : 0;
	request->geo.has_position = kind == 2;
}

static void ask_some(struct live *live, struct live_conn *conn)
{
	static const enum stage stages[] = {STAGE_RCPT, STAGE_RCPT, STAGE_RCPT, STAGE_RCPT,
		STAGE_DATA, STAGE_DATA, STAGE_EOM, STAGE_MAIL, STAGE_EHLO, STAGE_VRFY};
	static const char *const recipients[] = {"a@x", "b@x", "c@x", "d@x", "\xfe@x", "\"@x", ""};
	static const char *const ports[] = {"25", "587", "587"};
	struct request request = {.stage = stages[chance_below(&live->chance, ROWS(stages))]};
	struct verdict verdict;
	uint64_t ticket;
	char count[16];
	uint32_t kind = chance_below(&live->chance, 40);
	if (kind < 8 || conn->instance[0] == '\0') {
		snprintf(conn->instance, sizeof(conn->instance), "m%u", ++live->instances);
		conn->accepted = 0;
	} else if (kind == 8) { /* what another connection is about */
		*conn = (struct live_conn){.id = conn->id};
		memcpy(conn->instance, live->conn[chance_below(&live->chance, CONNS)].instance,
			sizeof(conn->instance));
	}
	snprintf(count, sizeof(count), "%u", conn->accepted + (kind == 9) * 3 - (kind == 10));
	request.protocol_state = span_of(stage_name(request.stage));
	request.instance = span_of(kind == 11 ? "" : conn->instance);
	request.recipient = span_of(pick(live, recipients, ROWS(recipients)));
	request.server_port = span_of(pick(live, ports, ROWS(ports)));
	if (request.stage == STAGE_DATA || request.stage == STAGE_EOM)
		request.recipient_count = span_of(count);
	/* An instance keeps its account, but for the few that do not. */
	uint32_t number = 0;
	(void)sscanf(conn->instance, "m%u", &number);
	subject_some(&request, number * 7 + (kind == 12));
	request_derive(&request);
	locate_some(live, &request);
	ck_assert_int_eq(
		(int)engine_begin(live->engine, conn->id, &request, live->now, &verdict, &ticket),
		ENGINE_DONE);
	recorder_answered(live->recorder, conn->id, &request, &verdict, live->now);
	fetch(live);
	bool accepts = action_rows[verdict.action].accepts;
	conn->accepted += request.stage == STAGE_RCPT && accepts;
	live->requests++;
	live->refused += !accepts;
}

/* Higher and lower than the limits; one in a window of its own, one of a limit that is none. */
static void override_some(struct live *live, struct policy_event *event)
{
	static const struct {
		const char *limit, *rate;
	} rows[] = {
		{"short", "1/1m"},
		{"short", "9/1m"},
		{"short", "unlimited"},
		{"hourly", "60/1h"},
		{"hourly", "5/1h"},
		{"mails", "1/2m"},
		{"trial", "1/1m"},
		{"soft", "1_000/1m"},
		{"hourly", "1/1d"},
		{"g\xff"
		 "ne",
			"1k/1h"},
	};
	uint32_t at = chance_below(&live->chance, ROWS(rows));
	event->limit = span_of(rows[at].limit);
	ck_assert_int_eq(rate_parse(span_of(rows[at].rate), &event->rate, NULL), 0);
}

/* As the desk does; ends are times to the microsecond, or never. */
static void command_some(struct live *live)
{
	static const char *const accounts[] = {"login:alice@e.test", "login:bob@e.test",
		"login:addr:192.0.2.9@e.test", "addr:2001:db8::/64", "cert:aa:bb",
		"login:never@e.test", "domain:e.test", "login:\xff@e.test"};
	static const enum event_kind kinds[] = {EVENT_SUSPEND, EVENT_SUSPEND, EVENT_RELEASE,
		EVENT_RELEASE, EVENT_OVERRIDE_SET, EVENT_OVERRIDE_SET, EVENT_OVERRIDE_UNSET,
		EVENT_RESET};
	struct policy_event event = {
		.kind = kinds[chance_below(&live->chance, ROWS(kinds))],
		.at = live->now.wall,
		.account = span_of(pick(live, accounts, ROWS(accounts))),
		.until = WALL_NEVER,
		.reason = SPAN("a test"),
		.author = SPAN("root (uid 0)"),
	};
	if (event.kind == EVENT_OVERRIDE_SET || event.kind == EVENT_OVERRIDE_UNSET)
		override_some(live, &event);
	if ((event.kind == EVENT_SUSPEND || event.kind == EVENT_OVERRIDE_SET) &&
		chance_below(&live->chance, 4))
		event.until.us = live->now.wall.us + chance_below(&live->chance, 30000000);
	engine_apply(live->engine, &event, live->now);
	recorder_event(live->recorder, &event, live->now);
}

/* Our addresses stand in another way. */
static void stand_some(struct live *live)
{
	struct engine_egress egress[2] = {{.transport = "out1"}, {.transport = "out2"}};
	for (unsigned i = 0; i < 2; i++) {
		struct posture_view *view = &egress[i].stands;
		view->egress.byte[15] = (uint8_t)(1 + i);
		view->posture = (enum posture)chance_below(&live->chance, POSTURE_COUNT);
		view->share = 10 + chance_below(&live->chance, 91);
		view->generation = 1 + chance_below(&live->chance, 1000000);
	}
	engine_egresses(live->engine, egress, 2);
	recorder_egresses(live->recorder, egress, 2, live->now);
}

static void live_through(struct live *live)
{
	for (int i = 0; i < STEPS; i++) {
		struct live_conn *conn = &live->conn[chance_below(&live->chance, CONNS)];
		uint32_t kind = chance_below(&live->chance, 30);
		pass_some(live);
		if (kind == 0)
			command_some(live);
		else if (kind == 3 && i % 4 == 0)
			stand_some(live);
		else if (kind == 1 || !conn->id)
			open_or_close(live, conn);
		else
			ask_some(live, conn);
		/* Not more batches than may wait: the thread that writes may be kept waiting. */
		if (kind == 2 && i % 8 == 0) {
			recorder_flush(live->recorder);
			recorder_collect(live->recorder);
		}
	}
}

/* ---- and again ---- */

static json_t *next_request(FILE *file, char *line, int size)
{
	while (fgets(line, size, file)) {
		json_t *json = json_loads(line, 0, NULL);
		ck_assert_msg(json != NULL, "%s", line);
		if (!json_object_get(json, "event"))
			return json;
		json_decref(json);
	}
	return NULL;
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));
	return text ? text : "";
}

/* Line by line; returns how many there are. */
static unsigned compare(const char *recorded, const char *replayed)
{
	static const char *const keys[] = {"action", "rule", "reference", "step", "would"};
	char was_line[8192], now_line[8192];
	FILE *a = fopen(recorded, "re"), *b = fopen(replayed, "re");
	unsigned n = 0;
	ck_assert(a && b);
	for (;; n++) {
		json_t *was = next_request(a, was_line, sizeof(was_line));
		json_t *now = next_request(b, now_line, sizeof(now_line));
		ck_assert(!was == !now);
		if (!was)
			break;
		for (int i = 0; i < ROWS(keys); i++)
			ck_assert_msg(strcmp(text_of(was, keys[i]), text_of(now, keys[i])) == 0,
				"request %u differs in %s: recorded %s replayed %s", n + 1, keys[i],
				was_line, now_line);
		ck_assert(json_equal(json_object_get(was, "score"), json_object_get(now, "score")));
		json_decref(was);
		json_decref(now);
	}
	ck_assert_int_eq(fclose(a), 0);
	ck_assert_int_eq(fclose(b), 0);
	return n;
}

/* What is recorded is enough, whatever there is to be looked up by now. */
static void nobody_asks(void *ctx, const struct ip *client, struct geo *ret)
{
	char text[IP_TEXT_SIZE];
	(void)ctx, (void)ret;
	ck_abort_msg("a replay looked up %s", ip_format(client, text));
}

static void replay(struct config *config, const char *recorded, const char *replayed)
{
	struct replay_summary summary;
	struct errbuf err;
	FILE *out = fopen(replayed, "we");
	ck_assert_ptr_nonnull(out);
	struct replay_setup setup = {
		.config = config, .input = recorded, .decisions = out, .geo = nobody_asks};
	ck_assert_int_eq(replay_run(&setup, &summary, &err), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_msg(summary.bad_lines == 0, "%s", summary.first_bad);
	replay_summary_free(&summary);
}

START_TEST(a_recording_replays_to_the_same_decisions)
{
	char name[64], recorded[100], replayed[100];
	struct errbuf err;
	struct live live = {.now = at_s(0)};
	uint64_t dropped = metric_get(METRIC_RECORD_DROPPED);
	snprintf(name, sizeof(name), "a_recording_replays, round %d", _i);
	live.chance = chance_new(name);
	struct config *config = config_of(configurations[_i % ROWS(configurations)]);
	struct recorder_setup setup = {
		.path = path_in("recorded", recorded),
		.max_bytes = UINT64_C(1) << 30,
		.seed = {chance_next(&live.chance), chance_next(&live.chance)},
		.now = live.now,
	};
	live.tick.us = live.now.mono.us + chance_below(&live.chance, 1000000);
	live.engine = engine_new(&(struct engine_setup){
		.config = config, .charge = &charge_local, .seed = {setup.seed[0], setup.seed[1]}});
	/* A recorder adds to what is there. */
	(void)remove(setup.path);
	ck_assert_int_eq(recorder_open(&setup, &live.recorder, &err), 0);
	live_through(&live);
	recorder_close(live.recorder);
	engine_free(live.engine);
	ck_assert_uint_eq(metric_get(METRIC_RECORD_DROPPED), dropped);
	replay(config, recorded, path_in("replayed", replayed));
	ck_assert_uint_eq(compare(recorded, replayed), live.requests);
	/* A stream in which nothing happens proves nothing. */
	ck_assert_uint_gt(live.refused, STEPS / 30);
	ck_assert_uint_gt(live.requests, STEPS / 2);
	config_unref(config);
}
END_TEST

/* ---- the file ---- */

static size_t read_file(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	size_t n = fread(buf, 1, size - 1, file);
	ck_assert_int_eq(fclose(file), 0);
	buf[n] = '\0';
	return n;
}

START_TEST(file_is_private_and_is_added_to)
{
	char path[100], text[4096];
	struct stat st;
	(void)remove(path_in("recorded", path));
	struct recorder *recorder = recorder_to(path, 1 << 20, at_s(1.5));
	recorder_opened(recorder, 5, SPAN("unix:/p"), NULL, at_s(2));
	recorder_closed(recorder, 5, at_s(3.000001));
	recorder_close(recorder);
	read_file(path, text, sizeof(text));
	ck_assert_str_eq(text,
		"{\"ts\":1800000001.5,\"mono\":3600001.5,\"event\":\"start\",\"seed\":"
		"\"0000000000000001ffffffffffffffff\"}\n"
		"{\"ts\":1800000002.0,\"mono\":3600002.0,\"event\":\"open\",\"conn\":5,"
		"\"listener\":\"unix:/p\"}\n"
		"{\"ts\":1800000003.000001,\"mono\":3600003.000001,\"event\":\"close\",\"conn\":5}"
		"\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	recorder = recorder_to(path, 1 << 20, at_s(9));
	recorder_close(recorder);
	/* A restart begins anew behind what is there: a day's recording is not lost with it. */
	ck_assert_uint_gt(read_file(path, text, sizeof(text)), 300);
	const char *first = strstr(text, "\"start\"");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_nonnull(strstr(first + 1, "\"start\""));
}
END_TEST

/* All that an event says, and nothing that it does not. */
START_TEST(commands_are_written_whole)
{
	char path[100], text[4096];
	struct policy_event event = {.kind = EVENT_OVERRIDE_SET,
		.account = SPAN("login:a@e.test"),
		.until = {.us = at_s(5).wall.us},
		.limit = SPAN("hourly"),
		.rate = {.n = 512 << 20, .window_us = HOUR_US, .is_size = true}};
	(void)remove(path_in("recorded", path));
	struct recorder *recorder = recorder_to(path, 1 << 20, at_s(0));
	recorder_event(recorder, &event, at_s(1));
	event = (struct policy_event){.kind = EVENT_OVERRIDE_UNSET,
		.account = SPAN("domain:e.test"),
		.until = WALL_NEVER,
		.limit = SPAN("hourly")};
	recorder_event(recorder, &event, at_s(2));
	event = (struct policy_event){
		.kind = EVENT_RESET, .account = SPAN("server:"), .until = WALL_NEVER};
	recorder_event(recorder, &event, at_s(3));
	recorder_close(recorder);
	read_file(path, text, sizeof(text));
	const char *second = strchr(text, '\n');
	ck_assert_ptr_nonnull(second);
	ck_assert_str_eq(second + 1,
		"{\"ts\":1800000001.0,\"mono\":3600001.0,\"event\":\"command\",\"verb\":"
		"\"override set\",\"account\":\"login:a@e.test\",\"until\":1800000005.0,"
		"\"limit\":\"hourly\",\"rate\":\"512M/1h\"}\n"
		"{\"ts\":1800000002.0,\"mono\":3600002.0,\"event\":\"command\",\"verb\":"
		"\"override unset\",\"account\":\"domain:e.test\",\"limit\":\"hourly\"}\n"
		"{\"ts\":1800000003.0,\"mono\":3600003.0,\"event\":\"command\",\"verb\":"
		"\"reset\",\"account\":\"server:\"}\n");
}
END_TEST

START_TEST(file_stops_at_its_size)
{
	char path[100], text[8192];
	uint64_t dropped = metric_get(METRIC_RECORD_DROPPED);
	(void)remove(path_in("recorded", path));
	struct recorder *recorder = recorder_to(path, 1000, at_s(0));
	for (unsigned i = 0; i < 100; i++)
		recorder_closed(recorder, i + 1, at_s(i));
	recorder_close(recorder);
	size_t n = read_file(path, text, sizeof(text));
	uint64_t lines = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_le(n, 1000);
	ck_assert_int_eq(text[n - 1], '\n');
	ck_assert_uint_eq(metric_get(METRIC_RECORD_DROPPED) - dropped, 101 - lines);
}
END_TEST

START_TEST(no_recorder_and_no_file)
{
	struct recorder *recorder = NULL;
	struct errbuf err = {.text = ""};
	char path[100], link[100];
	struct recorder_setup setup = {.path = "/nonexistent/recorded", .max_bytes = 1};
	struct request request = {.stage = STAGE_RCPT};
	struct verdict verdict = {.rule = "", .would = ""};
	struct policy_event event = {.kind = EVENT_RELEASE};
	ck_assert_int_eq(recorder_open(&setup, &recorder, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "record.file: /nonexistent/recorded: "));
	/* Not through a link that somebody put there. */
	setup.path = path_in("link", link);
	ck_assert_int_eq(symlink(path_in("recorded", path), link), 0);
	ck_assert_int_eq(recorder_open(&setup, &recorder, &err), -ELOOP);
	ck_assert_int_eq(remove(link), 0);
	recorder_opened(NULL, 1, SPAN("unix:/p"), NULL, at_s(0));
	recorder_answered(NULL, 1, &request, &verdict, at_s(0));
	recorder_event(NULL, &event, at_s(0));
	recorder_closed(NULL, 1, at_s(0));
	recorder_flush(NULL);
	recorder_close(NULL);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"a_recording_replays_to_the_same_decisions",
			a_recording_replays_to_the_same_decisions, ROUNDS},
		{"file_is_private_and_is_added_to", file_is_private_and_is_added_to, 0},
		{"commands_are_written_whole", commands_are_written_whole, 0},
		{"file_stops_at_its_size", file_stops_at_its_size, 0},
		{"no_recorder_and_no_file", no_recorder_and_no_file, 0},
	};
	if (!folder_begin())
		return EXIT_FAILURE;
	return folder_end(SUITE_RUN("record", rows));
}
