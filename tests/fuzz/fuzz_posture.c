/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as saved state ('L' and the bytes), or as a script of what is said of egresses, of time and of
 * restarts ('S' and commands of three bytes). Either way what is known can be looked at, saved again and
 * loaded as the same, time can go on, and in the end, when nobody says anything any more, all is ok.
 */
#include <errno.h>

#include "fuzz.h"
#include "policyd/posture.h"

/* Larger ones only take longer. */
#define INPUT_MAX  16384
#define SCRIPT_MAX 600

struct place {
	struct postures *p;
	struct now now;
	unsigned config;
};

static struct config *config_number(unsigned i)
{
	static const char *const rules[] = {
		"",
		"posture = { calm = \"0s\"; unknown_keep = \"1h\"; ramp = [ \"5%\", \"100%\" ]; };",
		"posture = { hold_severity = 6; ramp_step = \"1m\"; receiver_half_life = \"1m\"; "
		"};",
		"posture = { watch_severity = 1; receiver_watch = 1; receiver_throttle = 2;"
		" receiver_hold = 3; unknown_keep = \"0s\"; };",
	};
	static struct config *config[4];
	if (!config[i]) {
		char text[400];
		int n = snprintf(text, sizeof(text),
			"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n%s",
			rules[i]);
		struct config_report *report = config_report_new();
		fuzz_check(n > 0 && (size_t)n < sizeof(text));
		fuzz_check(config_parse(span_make(text, (size_t)n), "fuzz.conf", &config[i],
				   report) == 0);
		config_report_free(report);
	}
	return config[i];
}

static struct ip ip_number(unsigned i)
{
	return (struct ip){
		.byte = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = (uint8_t)i}};
}

static size_t look(struct place *place)
{
	struct posture_view view;
	struct posture_effect effect;
	size_t n = 0, bad = 0;
	for (; postures_at(place->p, n, place->now, &view); n++) {
		fuzz_check(view.posture < POSTURE_COUNT && view.share <= 100);
		fuzz_check(view.posture == POSTURE_RECOVER || view.share == 100);
		fuzz_check(view.generation != 0 && view.since.us <= place->now.wall.us);
		fuzz_check(strlen(view.why) < POSTURE_TEXT_SIZE);
		fuzz_check(view.provider[0] == '\0' || view.posture != POSTURE_OK);
		fuzz_check(view.points >= 0);
		bad += view.posture != POSTURE_OK;
	}
	fuzz_check(n <= (size_t)64 * (1 + POSTURE_PROVIDERS_MAX));
	while (postures_effect(place->p, &effect)) {
		fuzz_check(effect.event.reason.n > 0 && effect.event.reason.n <= EVENT_REASON_MAX);
		fuzz_check(span_starts(effect.event.account, SPAN("egress:")));
		fuzz_check(effect.event.at.us <= place->now.wall.us);
	}
	return bad;
}

/* To the next process, in which as much is known. */
static void restart(struct place *place)
{
	struct bytes first = {0}, second = {0};
	postures_save(place->p, &first, place->now);
	size_t bad = look(place);
	postures_free(place->p);
	place->p = postures_new(config_number(place->config), place->now);
	fuzz_check(postures_load(place->p, span_make(first.p, first.n), place->now) == 0);
	fuzz_check(look(place) == bad);
	postures_save(place->p, &second, place->now);
	fuzz_check(span_equal(span_make(first.p, first.n), span_make(second.p, second.n)));
	bytes_free(&first);
	bytes_free(&second);
}

static void pass(struct place *place, int64_t us)
{
	place->now.mono.us += us;
	place->now.wall.us += us;
	postures_tick(place->p, place->now);
	(void)look(place);
}

/* Until nobody asks for anything any more. */
static void go_on(struct place *place)
{
	struct posture_view view;
	for (int hour = 0; hour < 24; hour++)
		pass(place, HOUR_US);
	for (unsigned i = 0; postures_at(place->p, i, place->now, &view); i++) {
		if (view.provider[0])
			continue;
		postures_inputs(place->p, &view.egress, NULL, 0, place->now);
		postures_unset(place->p, &view.egress, place->now);
	}
	pass(place, 100 * DAY_US);
	pass(place, 0);
	fuzz_check(look(place) == 0);
}

/* ---- a script ---- */

static void say(struct place *place, const struct ip *ip, uint8_t a, uint8_t b)
{
	static const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	struct posture_input input[8];
	size_t n = 0;
	for (unsigned i = 0; i < 8; i++) {
		if (b >> i & 1)
			input[n++] = (struct posture_input){.id = ids[i],
				.why = ids[i],
				.severity = (uint8_t)((a + i) % 7),
				.is_unknown = a >> 4 & (i + 1) & 7};
	}
	postures_inputs(place->p, ip, input, n, place->now);
}

static void hear(struct place *place, const struct ip *ip, uint8_t a, uint8_t b)
{
	const char name[] = {'m', (char)a};
	postures_signal(place->p,
		&(struct receiver_signal){.egress = *ip,
			.provider = span_make(name, a % 4 ? 2 : 1),
			.kind = SPAN("rate"),
			.weight = b / 4.0,
			.text = span_make(name, 2)},
		place->now);
}

static void set(struct place *place, const struct ip *ip, uint8_t a, uint8_t b)
{
	struct posture_order order = {.posture = (enum posture)(b % POSTURE_COUNT),
		.until = {place->now.wall.us + (a - 100) * MINUTE_US},
		.author = SPAN("root"),
		.reason = SPAN("so")};
	if (a == 255)
		order.until = WALL_NEVER;
	if (b > 200)
		postures_unset(place->p, ip, place->now);
	else
		postures_set(place->p, ip, &order, place->now);
}

static void egresses(struct place *place, uint8_t a, uint8_t b)
{
	struct ip ip[256];
	for (unsigned i = 0; i < a; i++)
		ip[i] = ip_number((i + b) % 256);
	postures_egresses(place->p, ip, a, place->now);
}

static void command(struct place *place, const uint8_t at[3])
{
	static const int64_t units_us[] = {SECOND_US, MINUTE_US, 17 * MINUTE_US, 3 * HOUR_US};
	uint8_t a = at[1], b = at[2];
	struct ip ip = ip_number(at[0] >> 3);
	switch (at[0] & 7) {
	case 0:
	case 1:
		say(place, &ip, a, b);
		break;
	case 2:
		hear(place, &ip, a, b);
		break;
	case 3:
		set(place, &ip, a, b);
		break;
	case 4:
		egresses(place, a, b);
		break;
	case 5:
		place->config = a % 4;
		postures_configure(place->p, config_number(place->config), place->now);
		postures_tick(place->p, place->now);
		break;
	case 6:
		restart(place);
		break;
	default:
		/* What is ten years ago is not told from what is longer ago. */
		if (place->now.mono.us < 3000 * DAY_US)
			pass(place, a * units_us[b % 4]);
		break;
	}
	fuzz_check(postures_due(place->p).us > place->now.mono.us);
	(void)look(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place place = {
		.now = {.mono.us = HOUR_US, .wall.us = INT64_C(1800000000) * SECOND_US}};
	if (size < 1 || size > INPUT_MAX)
		return 0;
	place.p = postures_new(config_number(0), place.now);
	if (data[0] == 'S') {
		for (size_t i = 1; i + 3 <= size && i < SCRIPT_MAX; i += 3)
			command(&place, data + i);
	} else {
		char *copy = fuzz_copy(span_make((const char *)data + 1, size - 1));
		int r = postures_load(place.p, span_make(copy, size - 1), place.now);
		fuzz_check(r == 0 || r == -EBADMSG);
		free(copy);
	}
	(void)look(&place);
	restart(&place);
	go_on(&place);
	postures_free(place.p);
	return 0;
}
