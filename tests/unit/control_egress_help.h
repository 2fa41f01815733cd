/* SPDX-License-Identifier: ISC */
/*
 * control_egress_help.h - a control socket over a real struct egress, whose
 * questions are answered by a table.
 */
#ifndef POLICYD_TESTS_CONTROL_EGRESS_HELP_H
#define POLICYD_TESTS_CONTROL_EGRESS_HELP_H

#include <sysexits.h>

#include "control_help.h"
#include "policyd/egress.h"

/* ---- the world of these tests ---- */

#define LIMITS "limits = ( { name = \"hourly\"; rate = \"9/1h\"; } );\n"
/* A verdict is what the last answer said. */
#define AT_ONCE "listed_looks = 1; listed_of = 1; clean_looks = 1; "
#define ADDRESSES                                                                                  \
	"addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; transport = "      \
	"\"smtp\"; }, "                                                                            \
	"{ address = \"192.0.2.11\"; } ); "
#define EGRESS LIMITS "egress = { " ADDRESSES AT_ONCE "};\n"
/* One list of everything, one without codes, one of names, one that is only
 * known, one with a key. */
#define MIXED                                                                                      \
	"{ name = \"mixed\"; title = \"Mixed list\"; zone = \"mixed.test\"; "                      \
	"subjects = [ "                                                                            \
	"\"ipv4\" ]; delist = \"https://mixed.test/out\"; codes = (\n"                             \
	"  { code = \"127.0.0.2\"; severity = 5; text = \"spam\"; delist = "                       \
	"\"https://mixed.test/spam\"; },\n"                                                        \
	"  { code = \"127.0.0.3\"; severity = 2; text = \"bots\"; },\n"                            \
	"  { code = \"127.0.0.10\"; kind = \"policy\"; severity = 3; },\n"                         \
	"  { code = \"127.0.0.20\"; kind = \"neighbour\"; severity = 1; },\n"                      \
	"  { code = \"127.0.0.30\"; kind = \"welcome\"; severity = 1; },\n"                        \
	"  { code = \"127.0.0.40-99\"; kind = \"score\"; severity = 1; } ); }"
#define PLAIN "{ name = \"plain\"; zone = \"plain.test\"; subjects = [ \"ipv4\" ]; }"
#define KNOWN "{ name = \"known\"; zone = \"known.test\"; enabled = false; }"
#define NAMES "{ name = \"names\"; zone = \"names.test\"; subjects = [ \"domain\" ]; }"
#define LISTS "blocklists = ( " MIXED ", " PLAIN ", " KNOWN " );\n"

/* What DNS says to a question whose name begins so; everything else is no such
 * name. */
struct script {
	const char *name;
	enum dns_result result;
	uint8_t code[4];
	const char *text; /* of TXT */
};
#define SCRIPT_MAX 16
static struct {
	struct egress *egress;
	struct event *pump;
	struct script script[SCRIPT_MAX];
	size_t script_n;
	bool is_silent; /* questions get no answer */
	egress_ask open[4096];
	size_t open_n, asked, pokes;
} world_of;

static inline void scripted(const char *name, enum dns_result result, uint8_t last)
{
	ck_assert_uint_lt(world_of.script_n, SCRIPT_MAX);
	world_of.script[world_of.script_n++] =
		(struct script){.name = name, .result = result, .code = {127, 0, 0, last}};
}

static inline const struct script *script_of(const struct dns_question *question)
{
	for (size_t i = world_of.script_n; i > 0; i--) {
		const struct script *script = &world_of.script[i - 1];
		bool is_text = question->type == DNS_TXT;
		if (is_text == (script->text != NULL) &&
			span_starts(question->name, span_of(script->name)))
			return script;
	}
	return NULL;
}

static inline void answer(egress_ask ask, const struct dns_question *question)
{
	const struct script *script = script_of(question);
	struct dns_rr rr = {0};
	struct dns_answer answer = {.result = script ? script->result : DNS_NXDOMAIN,
		.ttl_s = 60,
		.fetched = world.now.mono,
		.server = {.port = 53}};
	char ip[IP_TEXT_SIZE];
	if (answer.result == DNS_FOUND) {
		answer.n = 1;
		answer.rr = &rr;
	}
	if (script && script->text) {
		rr.text = span_of(script->text);
	} else if (script) {
		ck_assert_int_gt(snprintf(ip, sizeof(ip), "%u.%u.%u.%u", script->code[0],
					 script->code[1], script->code[2], script->code[3]),
			0);
		ck_assert_int_eq(ip_parse(span_of(ip), &rr.ip), 0);
	}
	egress_answered(world_of.egress, ask, &answer, world.now);
}

static inline void pump(void)
{
	struct egress_effect effect;
	egress_tick(world_of.egress, world.now);
	while (egress_effect(world_of.egress, &effect)) {
		if (effect.kind != EGRESS_ASK)
			continue;
		world_of.asked++;
		if (world_of.is_silent)
			world_of.open[world_of.open_n++ % 4096] = effect.ask;
		else
			answer(effect.ask, &effect.question);
	}
}

static inline void pump_cb(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	pump();
}

static inline void poke(void *ctx)
{
	(void)ctx;
	world_of.pokes++;
	event_active(world_of.pump, EV_TIMEOUT, 0);
}

static inline void start(const char *text)
{
	struct errbuf err;
	struct config *config = world_config_of(&world, "", text);
	world_of.egress =
		egress_new(&(struct egress_setup){.config = config, .seed = {3, 4}}, world.now);
	world_of.pump = event_new(world.base, -1, 0, pump_cb, NULL);
	engine_configure(world.engine, config);
	config_unref(config);
	control_free(world.control);
	struct control_setup setup = world_setup(&world);
	setup.egress = world_of.egress;
	setup.egress_poke = poke;
	ck_assert_int_eq(control_new(&setup, world.config, &world.control, &err), 0);
	scripted("2.0.0.127.", DNS_FOUND, 2);
	scripted("test.", DNS_FOUND, 2);
}

static inline void stop(void)
{
	control_free(world.control);
	world.control = NULL;
	event_free(world_of.pump);
	egress_free(world_of.egress);
}

/* Time passes, and all that falls due is asked and answered. */
static inline void pass(int64_t us)
{
	int64_t until = world.now.mono.us + us;
	for (int i = 0; i < 100000; i++) {
		mono_t due = egress_due(world_of.egress);
		int64_t to = due.us < until ? due.us : until;
		to = to > world.now.mono.us ? to : world.now.mono.us;
		world.now.wall.us += to - world.now.mono.us;
		world.now.mono.us = to;
		pump();
		if (to == until && egress_due(world_of.egress).us > until)
			return;
		/* What is due now and does nothing: a tick later. */
		if (egress_due(world_of.egress).us <= world.now.mono.us) {
			world.now.mono.us += MSEC_US;
			world.now.wall.us += MSEC_US;
		}
		if (world.now.mono.us > until)
			return;
	}
	ck_abort_msg("time stands still");
}

static inline json_int_t number_at(const json_t *json, const char *list, size_t i, const char *key)
{
	return json_integer_value(
		json_object_get(json_array_get(json_object_get(json, list), i), key));
}

/* True when one of the sentences has that text. */
static inline bool says(const json_t *data, const char *text)
{
	size_t i;
	const json_t *line;
	json_array_foreach(json_object_get(data, "summary"), i, line)
	{
		if (strstr(json_string_value(line), text))
			return true;
	}
	return false;
}

#define ck_assert_says(data, text)                                                                 \
	do {                                                                                       \
		char *dump = json_dumps(json_object_get(data, "summary"), JSON_ENCODE_ANY);        \
		ck_assert_msg(says(data, text), "%s", dump);                                       \
		free(dump);                                                                        \
	} while (0)

#define CHECK      "{'verb':'egress check','args':{'wait':true}}"
#define CHECK_TOLD "{\"verb\":\"egress check\",\"args\":{\"wait\":true},\"progress\":true}\n"
#define SHOW       "{'verb':'egress'}"

/* The exit code of a look, and what it said. */
static inline int checked(const char *request, json_t **ret_data)
{
	json_t *answer = ask(&world, request);
	ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "%s", text_at(answer, "error"));
	*ret_data = json_incref(json_object_get(answer, "data"));
	int exit = (int)json_integer_value(json_object_get(answer, "exit"));
	json_decref(answer);
	return exit;
}

#endif
