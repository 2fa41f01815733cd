/* SPDX-License-Identifier: ISC */
/*
 * The DNS client by itself, for system tests: commands come in on standard input, a line each; answers
 * go out on standard output, a JSON object a line.
 *
 *	dns_ask CONFIGURATION
 *	ask ID NAME TYPE [fresh] [rd] [@SERVER]    {"id": ID, "result": "found", "rr": [...], ...}
 *	burst N NAME TYPE     N questions, N.NAME each; {"id": "burst", "asked": ..., "refused": ...}
 *	cancel ID
 *	figures               {"id": "figures", ...}
 *	reload                reads CONFIGURATION again; {"id": "reload"}
 *	leave                 ends at once, with questions open
 * At the end of input it ends when all is answered.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "policyd/dns_client.h"
#include "policyd/mem.h"
#include "policyd/policy_server.h"

#define LINE_MAX_BYTES 4096

static struct {
	const char *path;
	struct event_base *base;
	struct dns_client *client;
	bool is_asking, is_ending;
	size_t open;
	/* Since the figures were asked for: how late the loop came round, its CPU from tick to tick. */
	int64_t lag_us, busy_us;
	int64_t ticked_us, used_us;
	size_t in_n;
	char in[65536];
} run;

struct asked {
	char *id;
	enum dns_type type;
	dns_ticket ticket;
	mono_t since;
	struct asked *next;
};
static struct asked *all;

static void fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "dns_ask: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

static void put(json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(object);
	(void)puts(text);
	(void)fflush(stdout);
	free(text);
}

/* ---- answers ---- */

static json_t *hex(struct span text)
{
	char *out = xmalloc(2 * text.n + 1);
	out[0] = '\0';
	for (size_t i = 0; i < text.n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", (unsigned)(uint8_t)text.p[i]);
	json_t *it = json_string(out);
	free(out);
	return it;
}

static json_t *record(enum dns_type type, const struct dns_rr *rr)
{
	char ip[IP_TEXT_SIZE];
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		return json_string(ip_format(&rr->ip, ip));
	case DNS_TXT:
		return hex(rr->text);
	case DNS_MX:
		return json_pack("[i,s%]", (int)rr->preference, rr->name.p, rr->name.n);
	case DNS_SOA:
		return json_pack("[I,s%]", (json_int_t)rr->serial, rr->name.p, rr->name.n);
	case DNS_NS:
	case DNS_CNAME:
	case DNS_PTR:
		return json_stringn(rr->name.p, rr->name.n);
	}
	return json_null();
}

static struct asked *forget(const struct asked *which)
{
	struct asked **at = &all;
	while (*at != which)
		at = &(*at)->next;
	struct asked *it = *at;
	*at = it->next;
	run.open--;
	return it;
}

static void asked_free(struct asked *it)
{
	free(it->id);
	free(it);
}

static void end_maybe(void)
{
	if (run.is_ending && run.open == 0)
		event_base_loopbreak(run.base);
}

static void on_answer(void *ctx, const struct dns_answer *answer)
{
	struct asked *it = forget(ctx);
	char server[DNS_SERVER_TEXT_SIZE];
	if (run.is_asking)
		fail(it->id, "answered before the call that asked has returned");
	json_t *rr = json_array();
	for (size_t i = 0; i < answer->n; i++)
		json_array_append_new(rr, record(it->type, &answer->rr[i]));
	put(json_pack("{s:s,s:s,s:I,s:b,s:b,s:b,s:s,s:s%,s:o,s:f}", "id", it->id, "result",
		dns_result_name(answer->result), "ttl", (json_int_t)answer->ttl_s, "cached",
		answer->is_cached, "authoritative", answer->is_authoritative, "cut", answer->is_cut,
		"server", answer->server.port ? dns_server_format(&answer->server, server) : "",
		"canonical", answer->canonical.n ? answer->canonical.p : "", answer->canonical.n,
		"rr", rr, "seconds", (double)(clock_now().mono.us - it->since.us) / 1e6));
	asked_free(it);
	end_maybe();
}

/* ---- commands ---- */

static enum dns_type type_of(struct span text)
{
	static const enum dns_type types[] = {
		DNS_A, DNS_NS, DNS_CNAME, DNS_SOA, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (span_equal(text, span_of(dns_type_name(types[i]))))
			return types[i];
	fail("no such type", text.p);
	return DNS_A;
}

/* True when the question was taken. */
static bool ask(struct span id, const struct dns_question *question, bool is_quiet)
{
	struct asked *it = xcalloc(1, sizeof(*it));
	it->id = xstrndup(id.p, id.n);
	it->type = question->type;
	it->since = clock_now().mono;
	it->next = all;
	all = it;
	run.open++;
	run.is_asking = true;
	int r = dns_client_ask(run.client, question, on_answer, it, &it->ticket);
	run.is_asking = false;
	if (r == 0)
		return true;
	if (!is_quiet)
		put(json_pack("{s:s,s:s}", "id", it->id, "error", strerror(-r)));
	asked_free(forget(it));
	return false;
}

static void do_ask(struct span rest)
{
	struct dns_server server;
	struct span id = span_word(&rest), name = span_word(&rest), type = span_word(&rest), word;
	struct dns_question question = {.name = name, .type = type_of(type)};
	while ((word = span_word(&rest)).n) {
		question.is_fresh |= span_equal(word, SPAN("fresh"));
		question.wants_recursion |= span_equal(word, SPAN("rd"));
		if (word.p[0] != '@')
			continue;
		if (dns_server_parse(span_make(word.p + 1, word.n - 1), &server) != 0)
			fail("no server", word.p);
		question.server = &server;
	}
	(void)ask(id, &question, false);
}

static void do_burst(struct span rest)
{
	uint64_t n, refused = 0;
	struct span count = span_word(&rest), base = span_word(&rest), type = span_word(&rest);
	char name[512];
	if (span_to_u64(count, &n) != 0)
		fail("no number", count.p);
	for (uint64_t i = 0; i < n; i++) {
		int length =
			snprintf(name, sizeof(name), "%u.%.*s", (unsigned)i, (int)base.n, base.p);
		struct span text = span_make(name, (size_t)length);
		refused += !ask(
			text, &(struct dns_question){.name = text, .type = type_of(type)}, true);
	}
	put(json_pack("{s:s,s:I,s:I}", "id", "burst", "asked", (json_int_t)n, "refused",
		(json_int_t)refused));
}

static void do_cancel(struct span rest)
{
	struct span id = span_word(&rest);
	for (struct asked *it = all; it; it = it->next)
		if (span_equal(id, span_of(it->id))) {
			dns_client_cancel(run.client, it->ticket);
			asked_free(forget(it));
			return;
		}
}

static void do_figures(struct span rest)
{
	struct dns_figures f;
	char text[DNS_SERVER_TEXT_SIZE];
	(void)rest;
	dns_client_figures(run.client, &f);
	json_t *answers = json_object(), *servers = json_object();
	for (enum dns_result i = DNS_FOUND; i <= DNS_MALFORMED; i++)
		json_object_set_new(
			answers, dns_result_name(i), json_integer((json_int_t)f.answers[i]));
	for (size_t i = 0; i < f.server_n; i++) {
		struct dns_server server;
		bool is_up = dns_client_server_is_up(run.client, i, &server);
		json_object_set_new(servers, dns_server_format(&server, text), json_boolean(is_up));
	}
	put(json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:I,s:I}",
		"id", "figures", "asked", (json_int_t)f.asked, "sent", (json_int_t)f.sent,
		"sent_tcp", (json_int_t)f.sent_tcp, "cached", (json_int_t)f.cached, "coalesced",
		(json_int_t)f.coalesced, "mismatched", (json_int_t)f.mismatched, "dropped",
		(json_int_t)f.dropped, "in_flight", (json_int_t)f.in_flight, "queued",
		(json_int_t)f.queued, "cache_n", (json_int_t)f.cache_n, "bytes",
		(json_int_t)f.bytes, "down", (json_int_t)f.down_n, "unsent",
		(json_int_t)dns_client_unsent(run.client), "answers", answers, "servers", servers,
		"lag_us", (json_int_t)run.lag_us, "busy_us", (json_int_t)run.busy_us));
	run.lag_us = run.busy_us = 0;
}

static struct config *config_read(void)
{
	struct config *config;
	struct config_report *report = config_report_new();
	if (config_load(&(struct config_source){.path = run.path}, &config, report) != 0)
		fail("configuration", report->n ? report->line[0].text : "cannot be read");
	config_report_free(report);
	return config;
}

static void do_reload(struct span rest)
{
	struct config *config = config_read();
	(void)rest;
	dns_client_configure(run.client, config);
	config_unref(config);
	put(json_pack("{s:s}", "id", "reload"));
}

static void do_leave(struct span rest)
{
	(void)rest;
	event_base_loopbreak(run.base);
}

static void command(struct span line)
{
	static const struct {
		const char *word;
		void (*run)(struct span rest);
	} commands[] = {{"ask", do_ask}, {"burst", do_burst}, {"cancel", do_cancel},
		{"figures", do_figures}, {"reload", do_reload}, {"leave", do_leave}};
	struct span word = span_word(&line);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_equal(word, span_of(commands[i].word))) {
			commands[i].run(line);
			return;
		}
	fail("no such command", word.p);
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
	char *newline;
	struct event *event = *(struct event **)arg;
	ssize_t n = read((int)fd, run.in + run.in_n, sizeof(run.in) - 1 - run.in_n);
	(void)what;
	if (n <= 0) {
		run.is_ending = true;
		event_del(event);
		end_maybe();
		return;
	}
	run.in_n += (size_t)n;
	run.in[run.in_n] = '\0';
	while ((newline = strchr(run.in, '\n'))) {
		size_t length = (size_t)(newline - run.in);
		*newline = '\0';
		command(span_make(run.in, length));
		run.in_n -= length + 1;
		memmove(run.in, newline + 1, run.in_n + 1);
	}
	if (run.in_n > LINE_MAX_BYTES)
		fail("input", "a line that is too long");
}

/* ---- life ---- */

#define TICK_US 10000

static int64_t cpu_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * SECOND_US + t.tv_nsec / 1000;
}

static void raise_to(int64_t *most, int64_t value)
{
	*most = value > *most ? value : *most;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	int64_t now = clock_now().mono.us, used = cpu_us();
	(void)fd;
	(void)what;
	(void)arg;
	if (run.ticked_us) {
		raise_to(&run.lag_us, now - run.ticked_us - TICK_US);
		raise_to(&run.busy_us, used - run.used_us);
	}
	run.ticked_us = now;
	run.used_us = used;
}

int main(int argc, char **argv)
{
	struct errbuf err;
	struct event *input, *tick;
	const struct timeval every = {.tv_usec = TICK_US};
	if (argc != 2)
		fail("usage", "dns_ask CONFIGURATION");
	run.path = argv[1];
	struct config *config = config_read();
	struct event_config *precise = event_config_new();
	event_config_set_flag(precise, EVENT_BASE_FLAG_PRECISE_TIMER);
	run.base = event_base_new_with_config(precise);
	event_config_free(precise);
	if (dns_client_new(run.base, config, &run.client, &err) != 0)
		fail("dns_client_new", err.text);
	config_unref(config);
	input = event_new(run.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &input);
	tick = event_new(run.base, -1, EV_PERSIST, on_tick, NULL);
	event_add(input, NULL);
	event_add(tick, &every);
	event_base_dispatch(run.base);
	event_free(input);
	event_free(tick);
	dns_client_free(run.client);
	while (all)
		asked_free(forget(all));
	event_base_free(run.base);
	return EXIT_SUCCESS;
}
