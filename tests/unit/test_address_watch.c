/* SPDX-License-Identifier: ISC */
/* address_watch.h and who_am_i.h: a postconf of our own in PATH, and a name server in the same loop. */
#include "address_watch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns_peer.h"
#include "own_addresses.h"
#include "policyd/log.h"
#include "policyd/policy_server.h"
#include "suite.h"
#include "who_am_i.h"

/* ---- reading ---- */

static const struct read_row {
	const char *label, *ip, *text; /* of A or AAAA, or of TXT */
	bool is_v6;
	const char *found; /* NULL: nothing */
} read_rows[] = {
	{"A", "192.0.2.1", NULL, false, "192.0.2.1"},
	{"AAAA", "2001:db8::1", NULL, true, "2001:db8::1"},
	{"the other family", "192.0.2.1", NULL, true, NULL},
	{"TXT", NULL, "192.0.2.1", false, "192.0.2.1"},
	{"TXT of IPv6", NULL, "2001:db8::1", true, "2001:db8::1"},
	{"TXT of the other family", NULL, "2001:db8::1", false, NULL},
	{"quotes", NULL, "\"192.0.2.1\"", false, "192.0.2.1"},
	{"brackets", NULL, "[2001:db8::1]", true, "2001:db8::1"},
	{"words before", NULL, "ip 192.0.2.1 port 53", false, "192.0.2.1"},
	{"no address", NULL, "edns0-client-subnet 192.0.2.0/24", false, NULL},
	{"nothing", NULL, "", false, NULL},
	{"quotes alone", NULL, "\" \"\" [ ]", false, NULL},
};

START_TEST(reading)
{
	const struct read_row *row = &read_rows[_i];
	struct dns_rr rr = {.text = span_of(row->text)};
	enum dns_type type = row->is_v6 ? DNS_AAAA : DNS_A;
	struct ip ip;
	char text[IP_TEXT_SIZE];
	if (row->ip)
		ck_assert_int_eq(ip_parse(span_of(row->ip), &rr.ip), 0);
	struct dns_answer answer = {.result = DNS_FOUND, .n = 1, .rr = &rr};
	bool is_found = who_am_i_read(&answer, row->text ? DNS_TXT : type, row->is_v6, &ip);
	ck_assert_msg(is_found == (row->found != NULL), "%s", row->label);
	if (is_found)
		ck_assert_str_eq(ip_format(&ip, text), row->found);
	answer.result = DNS_SERVFAIL;
	ck_assert(!who_am_i_read(&answer, row->text ? DNS_TXT : type, row->is_v6, &ip));
}
END_TEST

/* ---- a loop, a server, a postconf ---- */

static char folder[] = "/tmp/policyd-addresses-XXXXXX";

static struct world {
	struct event_base *base;
	struct peer peer;
	struct dns_client *dns;
	struct config *config;
	struct address_watch *watch;
	unsigned told;
	char found[1024], note[512]; /* as told last */
	struct who_am_i_answer answer;
	char why[256];
	unsigned answered, warnings;
} world;

static void on_line(void *ctx, enum log_level level, const char *text, size_t n)
{
	(void)ctx;
	(void)text;
	(void)n;
	world.warnings += level == LEVEL_WARNING;
}

static void on_found(void *ctx, const struct egress_address *found, size_t n, const char *note)
{
	size_t used = 0;
	ck_assert_ptr_eq(ctx, &world);
	world.told++;
	world.found[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char ip[IP_TEXT_SIZE];
		used += (size_t)snprintf(world.found + used, sizeof(world.found) - used,
			"%s %s %s\n", ip_format(&found[i].ip, ip), found[i].helo, found[i].origin);
	}
	(void)span_copy(span_of(note), world.note, sizeof(world.note));
}

/* bind of main.cf; NULL: there is no answer. */
static void postconf_binds(const char *bind)
{
	char path[100], list[300];
	(void)snprintf(path, sizeof(path), "%s/postconf", folder);
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	if (bind)
		fprintf(file,
			"#!/bin/sh\ncase \"$*\" in *-P) ;; *-F*) echo smtp/unix/command = smtp ;;\n"
			"*) printf '%s\\n\\nall\\nipv4\\nmx.example.org\\nmx.example.org\\n' ;; "
			"esac\n",
			bind);
	else
		fprintf(file, "#!/bin/sh\nexit 1\n");
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	(void)snprintf(list, sizeof(list), "%s:/bin:/usr/bin", folder);
	ck_assert_int_eq(setenv("PATH", list, 1), 0);
}

static struct config *config_with(const char *egress)
{
	char text[1000];
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	int n = snprintf(text, sizeof(text),
		"listen = ( { address = \"unix:/p\"; } );\negress = { %s };\n"
		"dns = { servers = [ \"127.0.0.1:%u\" ]; timeout = \"100ms\"; attempts = 1; };\n",
		egress, world.peer.port);
	int r = config_parse(span_make(text, (size_t)n), "test.conf", &config, report);
	ck_assert_msg(r == 0, "%s", report->n ? report->line[0].text : "");
	config_report_free(report);
	return config;
}

static void begin(const char *egress)
{
	struct errbuf err;
	world = (struct world){.base = event_base_new()};
	log_set_sink(on_line, NULL);
	peer_begin(&world.peer, world.base);
	world.config = config_with(egress);
	ck_assert_int_eq(dns_client_new(world.base, world.config, &world.dns, &err), 0);
	world.watch = address_watch_new(&(struct address_watch_setup){
		.base = world.base, .dns = world.dns, .found = on_found, .ctx = &world});
}

static void configure(const char *egress)
{
	config_unref(world.config);
	world.config = config_with(egress);
	address_watch_configure(world.watch, world.config);
}

static void end(void)
{
	address_watch_free(world.watch);
	dns_client_free(world.dns);
	peer_end(&world.peer);
	config_unref(world.config);
	event_base_free(world.base);
	log_set_sink(NULL, NULL);
}

/* Until it has been told so often. */
static void await(const unsigned *count, unsigned wanted)
{
	for (int i = 0; *count < wanted && i < 1000; i++) {
		const struct timeval pause = {.tv_usec = 10000};
		event_base_loopexit(world.base, &pause);
		event_base_dispatch(world.base);
	}
	ck_assert_uint_eq(*count, wanted);
}

static void linger(void)
{
	const struct timeval pause = {.tv_usec = 300000};
	event_base_loopexit(world.base, &pause);
	event_base_dispatch(world.base);
}

#define AUTO "addresses = ( { address = \"auto\"; } );"

START_TEST(found_and_kept)
{
	struct bytes saved = {0};
	postconf_binds("192.0.2.10");
	begin(AUTO);
	address_watch_configure(world.watch, world.config);
	ck_assert_uint_eq(world.told, 0);
	await(&world.told, 1);
	ck_assert_str_eq(world.found, "192.0.2.10 mx.example.org smtp_bind_address\n");
	ck_assert_str_eq(world.note, "");
	/* The same again is nothing new. */
	configure(AUTO);
	linger();
	ck_assert_uint_eq(world.told, 1);
	/* A Postfix that does not answer has not lost its addresses, within one configuration. */
	postconf_binds(NULL);
	address_watch_tick(world.watch, (mono_t){.us = clock_now().mono.us + 2 * HOUR_US});
	linger();
	ck_assert_uint_eq(world.told, 1);
	postconf_binds("192.0.2.11");
	address_watch_tick(world.watch, (mono_t){.us = clock_now().mono.us + 59 * SECOND_US});
	linger();
	ck_assert_uint_eq(world.told, 1);
	address_watch_tick(world.watch, (mono_t){.us = clock_now().mono.us + 61 * SECOND_US});
	await(&world.told, 2);
	ck_assert_str_eq(world.found, "192.0.2.11 mx.example.org smtp_bind_address\n");
	address_watch_save(world.watch, &saved);
	configure("addresses = ( { address = \"192.0.2.99\"; } );");
	ck_assert_uint_eq(world.told, 3);
	ck_assert_str_eq(world.found, "");
	ck_assert_uint_eq(world.warnings, 0);
	end();
	begin(AUTO);
	address_watch_load(world.watch, span_make(saved.p, saved.n));
	ck_assert_uint_eq(world.told, 1);
	ck_assert_str_eq(world.found, "192.0.2.11 mx.example.org smtp_bind_address\n");
	/* Cut anywhere it does no harm. */
	for (size_t n = 0; n < saved.n; n++) {
		char *part = malloc(n + 1);
		ck_assert_ptr_nonnull(part);
		memcpy(part, saved.p, n);
		address_watch_load(world.watch, span_make(part, n));
		free(part);
	}
	ck_assert_str_eq(world.found, "");
	end();
	bytes_free(&saved);
}
END_TEST

START_TEST(nothing_says_auto)
{
	postconf_binds("192.0.2.10");
	begin("addresses = ( { address = \"192.0.2.99\"; } );");
	address_watch_configure(world.watch, world.config);
	address_watch_tick(world.watch, (mono_t){.us = INT64_MAX - 1});
	linger();
	ck_assert_uint_eq(world.told, 0);
	ck_assert_uint_eq(world.peer.asked, 0);
	end();
}
END_TEST

/* Told once, however often it is found again. */
START_TEST(private_without_who_am_i)
{
	postconf_binds("10.0.0.5");
	begin(AUTO);
	address_watch_configure(world.watch, world.config);
	await(&world.told, 1);
	ck_assert_str_eq(world.found, "");
	ck_assert_ptr_nonnull(strstr(world.note, "behind NAT?"));
	configure(AUTO);
	linger();
	ck_assert_uint_eq(world.told, 1);
	ck_assert_uint_eq(world.warnings, 1);
	ck_assert_uint_eq(world.peer.asked, 0);
	end();
}
END_TEST

/* The peer says 127.0.0.2 to everything, which nobody sends from. */
START_TEST(who_am_i_private)
{
	postconf_binds("10.0.0.5");
	begin(AUTO "who_am_i = \"me.example.org\";");
	address_watch_configure(world.watch, world.config);
	await(&world.told, 1);
	ck_assert_str_eq(world.found, "");
	ck_assert_ptr_nonnull(strstr(world.note, "egress.who_am_i tells a private address"));
	ck_assert_uint_eq(world.peer.asked, 1);
	end();
}
END_TEST

START_TEST(who_am_i_silent)
{
	postconf_binds("10.0.0.5");
	begin(AUTO "who_am_i = \"me.example.org\";");
	world.peer.manner = SILENT;
	address_watch_configure(world.watch, world.config);
	await(&world.told, 1);
	ck_assert_str_eq(world.found, "");
	ck_assert_ptr_nonnull(strstr(world.note, "egress.who_am_i me.example.org: timeout"));
	end();
}
END_TEST

/* What it said in an earlier life holds while it is silent. */
START_TEST(who_am_i_silent_after_restart)
{
	static const char helo[] = "mx.example.org", origin[] = "who_am_i";
	struct bytes saved = {0};
	struct ip ip;
	postconf_binds("10.0.0.5");
	begin(AUTO "who_am_i = \"me.example.org\";");
	world.peer.manner = SILENT;
	ck_assert_int_eq(ip_parse(SPAN("192.0.2.44"), &ip), 0);
	size_t mark = bytes_begin(&saved, 1);
	bytes_span(&saved, span_make((const char *)ip.byte, 16));
	bytes_span(&saved, span_of(helo));
	bytes_span(&saved, SPAN("smtp"));
	bytes_span(&saved, span_of(origin));
	bytes_end(&saved, mark);
	address_watch_load(world.watch, span_make(saved.p, saved.n));
	address_watch_configure(world.watch, world.config);
	linger();
	linger();
	ck_assert_str_eq(world.found, "192.0.2.44 mx.example.org who_am_i\n");
	end();
	bytes_free(&saved);
}
END_TEST

/* ---- who_am_i alone ---- */

static void on_who(void *ctx, const struct who_am_i_answer *answer)
{
	ck_assert_ptr_eq(ctx, &world);
	world.answered++;
	world.answer = *answer;
	(void)span_copy(span_of(answer->why), world.why, sizeof(world.why));
}

START_TEST(who_am_i_at_a_server)
{
	static const bool v4[2] = {true, false}, none[2] = {false, false};
	char spec[64], text[IP_TEXT_SIZE];
	begin(AUTO);
	struct who_am_i *who = who_am_i_new(world.base, world.dns, on_who, &world);
	(void)snprintf(spec, sizeof(spec), "me.example.org@127.0.0.1:%u", world.peer.port);
	who_am_i_ask(who, span_of(spec), v4);
	who_am_i_ask(who, span_of(spec), v4);
	ck_assert_uint_eq(world.answered, 0);
	await(&world.answered, 1);
	ck_assert(world.answer.is_known[0] && !world.answer.is_known[1]);
	ck_assert_str_eq(ip_format(&world.answer.ip[0], text), "127.0.0.2");
	/* What cannot be asked is told all the same, and later. */
	who_am_i_ask(who, SPAN("me.example.org@nowhere"), v4);
	ck_assert_uint_eq(world.answered, 1);
	await(&world.answered, 2);
	ck_assert_ptr_nonnull(strstr(world.why, "no server"));
	who_am_i_ask(who, SPAN("a..b"), v4);
	await(&world.answered, 3);
	ck_assert_ptr_nonnull(strstr(world.why, "cannot be asked"));
	who_am_i_ask(who, span_of(spec), none);
	await(&world.answered, 4);
	/* Given up, nothing comes. */
	who_am_i_ask(who, span_of(spec), v4);
	who_am_i_cancel(who);
	who_am_i_ask(who, SPAN("a..b"), v4);
	who_am_i_cancel(who);
	linger();
	ck_assert_uint_eq(world.answered, 4);
	who_am_i_ask(who, span_of(spec), v4);
	who_am_i_free(who);
	end();
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"reading", reading, ROWS(read_rows)},
		{"found_and_kept", found_and_kept, 0},
		{"nothing_says_auto", nothing_says_auto, 0},
		{"private_without_who_am_i", private_without_who_am_i, 0},
		{"who_am_i_private", who_am_i_private, 0},
		{"who_am_i_silent", who_am_i_silent, 0},
		{"who_am_i_silent_after_restart", who_am_i_silent_after_restart, 0},
		{"who_am_i_at_a_server", who_am_i_at_a_server, 0},
	};
	char path[100];
	if (!mkdtemp(folder))
		return EXIT_FAILURE;
	int result = SUITE_RUN("address_watch", rows);
	if (snprintf(path, sizeof(path), "%s/postconf", folder) > 0)
		(void)unlink(path);
	(void)rmdir(folder);
	return result;
}
