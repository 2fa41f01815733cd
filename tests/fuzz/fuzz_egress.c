/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as saved state: taken or refused; either way what is known can be looked at, saved again and
 * loaded as the same, and time can go on. The first byte tells where the clocks stand.
 */
#include <errno.h>

#include "fuzz.h"
#include "policyd/bytes.h"
#include "policyd/egress.h"

/* Larger ones only take longer. */
#define STATE_MAX 16384

static const char rules[] =
	"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n"
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; },"
	" { address = \"2001:db8::25\"; }, { address = \"auto\"; } ); };\n"
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; }, { name = \"b\"; zone = \"b.test\";"
	" clients = true; codes = ( { code = \"127.0.4.0-100\"; kind = \"score\"; } ); },"
	" { name = \"d\"; zone = \"d.test\"; subjects = [ \"domain\" ]; } );\n";

static struct egress *egress_fresh(struct now now)
{
	static struct config *config;
	if (!config) {
		struct config_report *report = config_report_new();
		fuzz_check(config_parse(SPAN(rules), "fuzz.conf", &config, report) == 0);
		config_report_free(report);
	}
	return egress_new(&(struct egress_setup){.config = config, .seed = {1, 2}}, now);
}

static struct now now_of(uint8_t byte)
{
	static const int64_t walls_s[] = {0, 1799000000, 1800001800, INT64_C(9999999999)};
	static const int64_t monos_s[] = {1, 5000, 3601800, INT64_C(1) << 31};
	return (struct now){.mono = {.us = monos_s[byte & 3] * SECOND_US},
		.wall = {.us = walls_s[byte >> 2 & 3] * SECOND_US}};
}

struct counted {
	size_t n, listed, clean;
};

static bool count_listing(void *ctx, const struct listing *listing)
{
	struct counted *counted = ctx;
	fuzz_check(listing->verdict != SEEN_LISTED || listing->code_n > 0);
	fuzz_check(strlen(listing->text) < LISTING_TEXT_SIZE);
	counted->n++;
	counted->listed += listing->verdict == SEEN_LISTED;
	counted->clean += listing->verdict == SEEN_CLEAN;
	return true;
}

static bool count_list(void *ctx, const struct list_view *view)
{
	(void)view;
	*(size_t *)ctx += 1;
	return true;
}

static struct counted look(const struct egress *e, struct now now)
{
	struct counted counted = {0};
	struct egress_figures figures;
	size_t lists = 0;
	egress_listings(e, now, count_listing, &counted);
	egress_lists(e, now, count_list, &lists);
	egress_figures(e, &figures);
	fuzz_check(figures.records == counted.n);
	return counted;
}

static void save_and_load(struct egress *e, struct now now)
{
	struct bytes saved = {0};
	struct counted before = look(e, now);
	egress_save(e, &saved, now);
	struct egress *next = egress_fresh(now);
	fuzz_check(egress_load(next, span_make(saved.p, saved.n), now) == 0);
	struct counted after = look(next, now);
	fuzz_check(before.listed == after.listed && before.clean == after.clean);
	egress_free(next);
	bytes_free(&saved);
}

/* A day, with every question answered by what its number says. */
static void go_on(struct egress *e, struct now now)
{
	struct egress_effect effect;
	for (int hour = 0; hour < 24; hour++) {
		now.mono.us += HOUR_US;
		now.wall.us += HOUR_US;
		egress_tick(e, now);
		while (egress_effect(e, &effect)) {
			const struct dns_answer answer = {
				.result = (enum dns_result)(effect.ask % (DNS_MALFORMED + 1)),
				.fetched = now.mono};
			if (effect.kind == EGRESS_ASK)
				egress_answered(e, effect.ask, &answer, now);
		}
		fuzz_check(egress_due(e).us > now.mono.us - 2 * DAY_US);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > STATE_MAX)
		return 0;
	struct now now = now_of(data[0]);
	struct egress *e = egress_fresh(now);
	char *copy = fuzz_copy(span_make((const char *)data + 1, size - 1));
	int r = egress_load(e, span_make(copy, size - 1), now);
	fuzz_check(r == 0 || r == -EBADMSG);
	free(copy);
	save_and_load(e, now);
	if (r == 0)
		go_on(e, now);
	egress_free(e);
	return 0;
}
