/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a block of saved state: it is loaded, or refused; either way the engine can be thrown
 * away. One that took it answers, comes to rest, and writes a state that the next one can read.
 * The first byte tells where the clocks stand, and the rest is the block.
 */
#include <errno.h>

#include "fuzz.h"
#include "policyd/bytes.h"
#include "policyd/engine.h"

/* Larger ones only take longer. */
#define BLOCK_MAX 16384
/* More steps than a table made of one such block can need. */
#define STEPS_MAX 20000

static const char rules[] =
	"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n"
	"limits = ( { name = \"hourly\"; rate = \"100/1h\"; },"
	"{ name = \"daily\"; rate = \"70000/1d\"; },"
	"{ name = \"volume\"; unit = \"bytes\"; rate = \"100G/1d\"; },"
	"{ name = \"mails\"; unit = \"messages\"; key = \"recipient_domain\"; rate = \"20/2h\"; },"
	"{ name = \"guess\"; unit = \"rejected-recipients\"; rate = \"9/1h\"; },"
	"{ name = \"all\"; key = \"server\"; rate = \"5000/31d\"; },"
	"{ name = \"trial\"; rate = \"3/1h\"; mode = \"observe\"; } );";

static struct engine *engine_fresh(void)
{
	struct config *config;
	struct config_report *report = config_report_new();
	fuzz_check(config_parse(SPAN(rules), "fuzz.conf", &config, report) == 0);
	config_report_free(report);
	struct engine *e = engine_new(
		&(struct engine_setup){.config = config, .charge = &charge_local, .seed = {1, 2}});
	config_unref(config);
	return e;
}

/* Wall clocks before, at and after that of the seeds; monotonic ones soon after a boot, and late. */
static struct now now_of(uint8_t byte)
{
	static const int64_t walls_s[] = {0, 1799000000, 1800001800, INT64_C(9999999999)};
	static const int64_t monos_s[] = {1, 5000, 3601800, INT64_C(1) << 31};
	return (struct now){.mono = {.us = monos_s[byte & 3] * SECOND_US},
		.wall = {.us = walls_s[byte >> 2 & 3] * SECOND_US}};
}

static void effects_drop(struct engine *e)
{
	struct effect effect;
	while (engine_effect(e, &effect))
		;
}

/* The message of the seeds goes on, and so does one that nobody knows. */
static void ask(struct engine *e, struct now now)
{
	static const char *const instances[] = {"three", "other"};
	engine_conn conn = engine_conn_open(e, SPAN("unix:/p"), NULL);
	for (int i = 0; i < 4; i++) {
		struct verdict verdict;
		uint64_t ticket;
		const struct request request = {
			.stage = i & 1 ? STAGE_DATA : STAGE_RCPT,
			.instance = span_of(instances[i / 2]),
			.recipient = i & 1 ? SPAN("") : SPAN("new@x"),
			.sasl_username = SPAN("alice@example.org"),
			.client_address = SPAN("192.0.2.7"),
			.server_port = SPAN("587"),
			.recipients = 2,
		};
		fuzz_check(engine_begin(e, conn, &request, now, &verdict, &ticket) == ENGINE_DONE);
		effects_drop(e);
	}
	engine_conn_close(e, conn, now);
}

/* Saves to blocks and loads each where it is made. */
static void save_and_load(struct engine *e, struct now now, size_t places)
{
	struct engine *next = engine_fresh();
	struct engine_load load = {.boot_id = SPAN("now"), .now = now};
	struct engine_save save = {.cursor = 0};
	const struct engine_save_input input = {
		.boot_id = SPAN("now"), .places = places, .bytes = 100};
	enum engine_save_step step = SAVE_MORE;
	for (unsigned i = 0; step == SAVE_MORE; i++) {
		struct bytes block = {.n = 0};
		fuzz_check(i < STEPS_MAX);
		step = engine_save_step(e, &save, &input, now, &block);
		fuzz_check(engine_load_block(next, &load, span_make(block.p, block.n)) == 0);
		bytes_free(&block);
	}
	fuzz_check(step == SAVE_DONE);
	engine_free(next);
}

static void come_to_rest(struct engine *e, struct now now)
{
	struct engine_figures figures;
	for (int i = 0; i < 3; i++) {
		now.mono.us += 20 * SECOND_US;
		now.wall.us += 20 * SECOND_US;
		engine_tick(e, now);
		effects_drop(e);
	}
	engine_figures(e, &figures);
	fuzz_check(figures.messages == 0 && figures.tickets == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > BLOCK_MAX)
		return 0;
	struct now now = now_of(data[0]);
	struct engine *e = engine_fresh();
	struct engine_load load = {
		.boot_id = data[0] & 16 ? SPAN("boot-a") : SPAN("boot-b"), .now = now};
	int r = engine_load_block(e, &load, span_make((const char *)data + 1, size - 1));
	fuzz_check(r == 0 || r == -EINVAL);
	effects_drop(e);
	if (r == 0) {
		save_and_load(e, now, 1 + (data[0] >> 5) * 16);
		ask(e, now);
		save_and_load(e, now, 1000);
		come_to_rest(e, now);
	}
	engine_free(e);
	return 0;
}
