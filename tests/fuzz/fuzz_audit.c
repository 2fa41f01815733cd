/* SPDX-License-Identifier: ISC */
/*
 * Any answers at any times, and any bytes as saved state. Byte 0: bit 0 the rest is state, to be loaded; else
 * each answer is a byte for the result (low bits) and for what is in it (high bits), and each step of time one
 * more; texts of TXT come from the input. What must hold: each question is answered once, no more are open
 * than may be, nothing is a failure before half an hour has passed, and what is saved loads as the same.
 */
#include <errno.h>

#include "fuzz.h"
#include "policyd/audit.h"
#include "policyd/bytes.h"

/* Larger ones only take longer. */
#define INPUT_MAX 16384
#define ANSWERS   3000
#define STEPS     64

static const char rules[] =
	"listen = ( { address = \"unix:/nowhere/policyd.sock\"; } );\n"
	"local_domains = [ \"example.org\", \"example.net\" ];\n"
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; },"
	" { address = \"2001:db8::25\"; } ); domains = [ \"a.example.com\" ];"
	" dkim_selectors = [ \"s1._domainkey.example.org\" ]; probe = true; };\n";

struct input {
	struct span rest;
	struct now now, begun;
	size_t answers;
};

static uint8_t take(struct input *in)
{
	if (in->rest.n == 0)
		return 0;
	uint8_t byte = (uint8_t)in->rest.p[0];
	in->rest = span_make(in->rest.p + 1, in->rest.n - 1);
	return byte;
}

static struct span take_text(struct input *in)
{
	size_t n = take(in);
	n = n < in->rest.n ? n : in->rest.n;
	struct span text = span_make(in->rest.p, n);
	in->rest = span_make(in->rest.p + n, in->rest.n - n);
	return text;
}

static struct audit *audit_fresh(struct now now)
{
	static struct config *config;
	if (!config) {
		struct config_report *report = config_report_new();
		fuzz_check(config_parse(SPAN(rules), "fuzz.conf", &config, report) == 0);
		config_report_free(report);
	}
	struct audit *a = audit_new(&(struct audit_setup){.config = config, .seed = {1, 2}}, now);
	struct egress_address address[2] = {
		{.helo = "mail.example.org", .origin = "egress.addresses"},
		{.origin = "egress.addresses"}};
	fuzz_check(ip_parse(SPAN("192.0.2.10"), &address[0].ip) == 0);
	fuzz_check(ip_parse(SPAN("2001:db8::25"), &address[1].ip) == 0);
	audit_addresses(a, address, 2, now);
	return a;
}

/* ---- what must hold ---- */

struct look {
	const struct input *in;
	size_t n[AUDIT_RESULTS];
	uint64_t sum;
};

static void check_text(const char *text)
{
	fuzz_check(strlen(text) < AUDIT_TEXT_SIZE);
	for (; *text; text++)
		fuzz_check(*text >= 0x20 && *text < 0x7f);
}

static bool look_each(void *ctx, const struct audit_finding *finding)
{
	struct look *look = ctx;
	fuzz_check(finding->check < AUDIT_CHECKS && finding->result < AUDIT_RESULTS);
	check_text(finding->evidence);
	check_text(finding->fix);
	look->n[finding->result]++;
	look->sum = look->sum * 31 + finding->result * 4U + finding->seen;
	if (look->in && finding->result == AUDIT_FAIL)
		fuzz_check(look->in->now.mono.us - look->in->begun.mono.us >= 30 * MINUTE_US);
	return true;
}

static struct look look_at(const struct audit *a, const struct input *in, struct now now)
{
	struct look look = {.in = in};
	struct audit_figures figures;
	audit_findings(a, now, look_each, &look);
	audit_figures(a, &figures);
	for (int i = 0; i < AUDIT_RESULTS; i++)
		fuzz_check(figures.findings[i] == look.n[i]);
	fuzz_check(figures.in_flight <= AUDIT_IN_FLIGHT_MAX);
	return look;
}

static void save_and_load(struct audit *a, struct now now)
{
	struct bytes saved = {0};
	struct look before = look_at(a, NULL, now);
	audit_save(a, &saved, now);
	struct audit *next = audit_fresh(now);
	fuzz_check(audit_load(next, span_make(saved.p, saved.n), now) == 0);
	struct look after = look_at(next, NULL, now);
	fuzz_check(before.sum == after.sum);
	audit_free(next);
	bytes_free(&saved);
}

/* ---- answers ---- */

static struct span some_name(uint8_t byte)
{
	static const char *const names[] = {"mail.example.org", "b.example.net", ".",
		"x_y.example.org", "10.2.0.192.in-addr.arpa", "a\\046b.example", "localhost",
		"192-0-2-10.dyn.example.net"};
	return span_of(names[byte % 8]);
}

static struct ip some_ip(enum dns_type type, uint8_t byte)
{
	static const char *const v4[] = {"192.0.2.10", "192.0.2.11", "127.0.0.1", "198.51.100.1"};
	static const char *const v6[] = {"2001:db8::25", "2001:db8::26", "::1", "2001:db8::1"};
	struct ip ip;
	fuzz_check(ip_parse(span_of(type == DNS_A ? v4[byte % 4] : v6[byte % 4]), &ip) == 0);
	return ip;
}

static void make_rr(struct input *in, enum dns_type type, struct dns_rr *rr)
{
	*rr = (struct dns_rr){0};
	if (type == DNS_A || type == DNS_AAAA) {
		rr->ip = some_ip(type, take(in));
	} else if (type == DNS_TXT) {
		rr->text = take_text(in);
	} else {
		rr->serial = take(in);
		rr->name = some_name((uint8_t)rr->serial);
	}
}

static void answer(struct audit *a, struct input *in, const struct audit_effect *effect)
{
	static struct dns_rr rr[DNS_RR_MAX];
	uint8_t byte = take(in);
	struct dns_answer reply = {.result = (enum dns_result)((byte & 15) % (DNS_MALFORMED + 1)),
		.is_authoritative = byte & 16,
		.fetched = in->now.mono,
		.canonical = byte & 32 ? some_name(byte) : effect->question.name,
		.rr = rr};
	if (in->rest.n == 0)
		reply.result = DNS_SERVFAIL;
	if (reply.result == DNS_FOUND) {
		reply.n = 1 + (byte >> 6) * 5U;
		for (size_t i = 0; i < reply.n; i++)
			make_rr(in, effect->question.type, &rr[i]);
	}
	in->answers++;
	audit_answered(a, effect->ask, byte == 0xff ? NULL : &reply, in->now);
}

static void probed(struct audit *a, struct input *in, const struct audit_effect *effect)
{
	const struct probe_order *order = effect->probe;
	uint8_t byte = take(in);
	struct probe_outcome outcome = {.server = "mx.example.org [192.0.2.1]"};
	fuzz_check(order->n > 0 && order->n <= PROBE_TARGETS_MAX && order->domain[0] &&
		   order->helo[0]);
	for (size_t i = 0; i < PROBE_RECIPIENTS; i++)
		outcome.said[i].code = take(in) * 4U;
	in->answers++;
	if (byte & 1)
		audit_probed(a, effect->ask, byte & 2 ? NULL : &outcome, in->now);
}

static void step(struct audit *a, struct input *in)
{
	struct audit_effect effect;
	audit_tick(a, in->now);
	while (in->answers < ANSWERS && audit_effect(a, &effect)) {
		if (effect.kind == AUDIT_EVENT) {
			fuzz_check(effect.event.reason.n <= EVENT_REASON_MAX);
			continue;
		}
		if (effect.kind == AUDIT_PROBE) {
			probed(a, in, &effect);
			continue;
		}
		fuzz_check(effect.question.name.n > 0 && effect.question.name.n < DNS_NAME_SIZE);
		answer(a, in, &effect);
	}
	(void)look_at(a, in, in->now);
}

static void live(struct audit *a, struct input *in)
{
	for (int i = 0; i < STEPS && in->answers < ANSWERS && in->rest.n > 0; i++) {
		int64_t passed_us = (1 + take(in)) * (10 * SECOND_US);
		in->now.mono.us += passed_us;
		in->now.wall.us += passed_us;
		step(a, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > INPUT_MAX)
		return 0;
	struct now now = {.mono.us = 5000 * SECOND_US, .wall.us = INT64_C(1800000000) * SECOND_US};
	char *copy = fuzz_copy(span_make((const char *)data + 1, size - 1));
	struct input in = {.rest = span_make(copy, size - 1), .now = now, .begun = now};
	struct audit *a = audit_fresh(now);
	if (data[0] & 1) {
		int r = audit_load(a, in.rest, now);
		fuzz_check(r == 0 || r == -EBADMSG);
		/* What was loaded may have failed long ago. */
		in.begun.mono.us -= DAY_US;
	}
	live(a, &in);
	save_and_load(a, in.now);
	audit_free(a);
	free(copy);
	return 0;
}
