/* SPDX-License-Identifier: ISC */
/* egress.h: clients of accounts on lists that are asked about them. */
#include "egress_world.h"
#include "suite.h"

#define LISTS                                                                                      \
	"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"                           \
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; clients = true; codes = ("              \
	" { code = \"127.0.0.4\"; kind = \"behaviour\"; severity = 5; text = \"Bot\"; },"          \
	" { code = \"127.0.0.10\"; kind = \"policy\"; severity = 4; text = \"Dynamic\"; } ); },"   \
	" { name = \"b\"; zone = \"b.test\"; clients = true; },"                                   \
	" { name = \"c\"; zone = \"c.test\"; } );\n"

static struct ip ip_of(const char *text)
{
	struct ip ip;
	ck_assert_int_eq(ip_parse(span_of(text), &ip), 0);
	return ip;
}

static void see(struct world *w, const char *client, const char *account)
{
	struct ip ip = ip_of(client);
	egress_client_seen(w->e, &ip, span_of(account), w->now);
}

/* "listed a 127...: Bot", "clean", "unknown", "nothing" */
static const char *hint(struct world *w, const char *client)
{
	static char text[200];
	struct ip ip = ip_of(client);
	struct client_hint hint;
	if (!egress_client_hint(w->e, &ip, w->now, &hint))
		return "nothing";
	snprintf(text, sizeof(text), "%s%s%s%s%s", verdict_state_name(hint.state),
		hint.list ? " " : "", hint.list ? hint.list->name : "", hint.code ? ": " : "",
		hint.code && hint.code->text ? hint.code->text : "");
	return text;
}

static struct world *world_of(const char *text)
{
	static const char *const zones[] = {"a.test", "b.test", "c.test"};
	struct world *w = world_new(text);
	for (size_t i = 0; i < 3; i++)
		(void)zone_of(w, zones[i]);
	world_run(w, 30);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	return w;
}

static size_t asked_a, asked_c;

static void count_clients(struct world *w, const struct world_open *open)
{
	(void)w;
	bool is_client = strstr(open->name, ".51.198.") || strstr(open->name, ".113.0.203.");
	asked_a += is_client && strstr(open->name, ".a.test") != NULL;
	asked_c += is_client && strstr(open->name, ".c.test") != NULL;
}

START_TEST(the_worst_of_the_lists)
{
	struct world *w = world_of(LISTS);
	zone_list(w, "1.113.0.203.a.test", "127.0.0.10");
	zone_list(w, "1.113.0.203.b.test", "127.0.0.2");
	zone_list(w, "2.113.0.203.a.test", "127.0.0.4 127.0.0.10");
	zone_list(w, "2.113.0.203.b.test", "127.0.0.2");
	zone_list(w, "3.113.0.203.a.test", "127.0.0.10");
	zone_list(w, "5.113.0.203.c.test", "127.0.0.2");
	w->on_ask = count_clients;
	asked_a = asked_c = 0;
	for (int i = 1; i <= 5; i++) {
		char client[32];
		snprintf(client, sizeof(client), "203.0.113.%d", i);
		ck_assert_str_eq(hint(w, client), "nothing");
		size_t asked = w->asked;
		see(w, client, "login:alice");
		/* Only remembered: nothing is asked by it. */
		ck_assert_uint_eq(w->asked, asked);
		ck_assert_str_eq(hint(w, client), "unknown");
	}
	world_run(w, 3);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "listed b");
	ck_assert_str_eq(hint(w, "203.0.113.2"), "listed a: Bot");
	ck_assert_str_eq(hint(w, "203.0.113.3"), "listed a: Dynamic");
	ck_assert_str_eq(hint(w, "203.0.113.4"), "clean");
	ck_assert_str_eq(hint(w, "203.0.113.5"), "clean");
	ck_assert_uint_eq(asked_a, 5);
	ck_assert_uint_eq(asked_c, 0);
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_eq(figures.clients, 5);
	ck_assert_uint_eq(figures.clients_listed, 3);
	/* No verdict on our own addresses comes of it, nor an event. */
	ck_assert_uint_eq(world_events(w, "", "203.0.113"), 0);
	world_free(w);
}
END_TEST

/* How long what was said is good: while it is, nothing is asked. */
START_TEST(results_are_kept)
{
	struct world *w = world_of(LISTS);
	zone_list(w, "1.113.0.203.a.test", "127.0.0.4");
	w->on_ask = count_clients;
	asked_a = 0;
	for (int minute = 0; minute < 59; minute++) {
		see(w, "203.0.113.1", "login:alice");
		world_run(w, 60);
		ck_assert_str_eq(hint(w, "203.0.113.1"), "listed a: Bot");
	}
	ck_assert_uint_eq(asked_a, 1);
	world_run(w, 120);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "unknown");
	zone_list(w, "1.113.0.203.a.test", NULL);
	asked_a = 0;
	for (int minute = 0; minute < 60; minute++) {
		see(w, "203.0.113.1", "login:alice");
		world_run(w, 60);
	}
	ck_assert_uint_ge(asked_a, 3);
	ck_assert_uint_le(asked_a, 4);
	world_free(w);
}
END_TEST

START_TEST(private_ones_and_other_lists_cost_nothing)
{
	static const char *const clients[] = {"10.1.2.3", "192.168.0.9", "127.0.0.1", "fe80::1",
		"fd00::9", "100.64.3.3", "169.254.1.1", "172.31.255.255", "::1", "0.0.0.0",
		"224.0.0.1"};
	struct world *w = world_of(LISTS);
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		see(w, clients[i], "login:alice");
		ck_assert_str_eq(hint(w, clients[i]), "nothing");
	}
	world_free(w);
	w = world_new("blocklists = ( { name = \"a\"; zone = \"a.test\"; } );");
	see(w, "203.0.113.1", "login:alice");
	ck_assert_str_eq(hint(w, "203.0.113.1"), "nothing");
	ck_assert_int_eq(egress_due(w->e).us, MONO_NEVER.us);
	world_free(w);
}
END_TEST

static size_t asked_in[200];
static int64_t from_us;

static void count_seconds(struct world *w, const struct world_open *open)
{
	size_t second = (size_t)((w->now.mono.us - from_us) / SECOND_US);
	if (second < 200 && strstr(open->name, ".51.198."))
		asked_in[second]++;
}

START_TEST(slow_and_bounded)
{
	struct world *w = world_of(LISTS);
	w->on_ask = count_seconds;
	from_us = w->now.mono.us;
	for (int i = 0; i < 2000; i++) {
		char client[32];
		snprintf(client, sizeof(client), "198.51.%d.%d", i / 250, 1 + i % 250);
		see(w, client, "login:alice");
	}
	world_run(w, 100);
	size_t all = 0;
	for (size_t i = 0; i < 100; i++) {
		ck_assert_uint_le(asked_in[i], 21);
		all += asked_in[i];
	}
	/* Those that came first, on two lists each; the others are to come again. */
	ck_assert_uint_eq(all, 2 * 128);
	ck_assert_str_eq(hint(w, "198.51.7.250"), "unknown");
	see(w, "198.51.7.250", "login:alice");
	world_run(w, 3);
	ck_assert_str_eq(hint(w, "198.51.7.250"), "clean");
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_le(figures.clients, 1024);
	world_free(w);
}
END_TEST

/* What is remembered is bounded also when all are answered. */
START_TEST(many_over_time)
{
	struct world *w = world_of(LISTS);
	for (int i = 0; i < 3000; i++) {
		char client[32];
		snprintf(client, sizeof(client), "198.51.%d.%d", i / 250, 1 + i % 250);
		see(w, client, "login:alice");
		world_run(w, 0.2);
	}
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_le(figures.clients, 1024);
	ck_assert_uint_ge(figures.clients, 800);
	ck_assert_str_eq(hint(w, "198.51.0.1"), "nothing");
	ck_assert_uint_le(w->open_most, EGRESS_IN_FLIGHT_MAX);
	world_free(w);
}
END_TEST

/* Only a list that is OK says something; an error from it says that it is not. */
START_TEST(lists_must_be_ok)
{
	struct world *w = world_of(LISTS);
	zone_mode(w, "a.test", ZONE_DEAD);
	world_run(w, 1200);
	ck_assert_str_eq(world_state(w, "a"), "DEAD");
	see(w, "203.0.113.1", "login:alice");
	world_run(w, 5);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "unknown");
	/* But a listing on the other one is one. */
	zone_list(w, "2.113.0.203.b.test", "127.0.0.2");
	see(w, "203.0.113.2", "login:alice");
	world_run(w, 5);
	ck_assert_str_eq(hint(w, "203.0.113.2"), "listed b");
	zone_list(w, "3.113.0.203.b.test", "127.255.255.254");
	see(w, "203.0.113.3", "login:alice");
	world_run(w, 5);
	ck_assert_str_eq(world_state(w, "b"), "REFUSED");
	ck_assert_ptr_nonnull(strstr(world_list(w, "b").why, "a client: 127.255.255.254"));
	ck_assert_str_eq(hint(w, "203.0.113.3"), "unknown");
	world_free(w);
}
END_TEST

/* As many newcomers as like do not take their places from those that wait. */
START_TEST(a_flood_keeps_nobody_from_the_end)
{
	struct world *w = world_of(LISTS);
	zone_list(w, "1.113.0.203.a.test", "127.0.0.4");
	see(w, "203.0.113.1", "login:alice");
	for (int i = 0; i < 800; i++) {
		char client[32];
		snprintf(client, sizeof(client), "198.51.%d.%d", i / 250, 1 + i % 250);
		see(w, client, "login:eve");
	}
	world_run(w, 5);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "listed a: Bot");
	world_free(w);
}
END_TEST

/* What our cache has is older than what the test points have shown; fresh, it is the list's state. */
START_TEST(cached_error_takes_no_list)
{
	struct world *w = world_of(LISTS);
	zone_list(w, "1.113.0.203.a.test", "127.255.255.254");
	w->is_cached = true;
	see(w, "203.0.113.1", "login:alice");
	world_run(w, 3);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "unknown");
	ck_assert_str_eq(world_state(w, "a"), "OK");
	w->is_cached = false;
	zone_list(w, "2.113.0.203.a.test", "127.255.255.254");
	see(w, "203.0.113.2", "login:alice");
	world_run(w, 3);
	ck_assert_str_eq(world_state(w, "a"), "REFUSED");
	world_free(w);
}
END_TEST

START_TEST(asked_without_addresses_of_ours)
{
	struct world *w =
		world_new("blocklists = ( { name = \"a\"; zone = \"a.test\"; clients = true; } );");
	(void)zone_of(w, "a.test");
	zone_list(w, "1.113.0.203.a.test", "127.0.0.4");
	world_run(w, 10);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	see(w, "203.0.113.1", "login:alice");
	see(w, "2001:db8::1", "login:alice");
	world_run(w, 10);
	ck_assert_str_eq(hint(w, "203.0.113.1"), "listed a");
	ck_assert_str_eq(hint(w, "2001:db8::1"), "clean");
	world_free(w);
}
END_TEST

START_TEST(over_a_reload)
{
	struct world *w = world_of(LISTS);
	zone_list(w, "1.113.0.203.a.test", "127.0.0.4");
	zone_list(w, "2.113.0.203.b.test", "127.0.0.4");
	see(w, "203.0.113.1", "login:alice");
	see(w, "203.0.113.2", "login:alice");
	world_run(w, 5);
	see(w, "203.0.113.3", "login:alice");
	egress_tick(w->e, w->now);
	world_pump(w);
	/* b stands first now, and a is gone. */
	world_configure(
		w, "blocklists = ( { name = \"b\"; zone = \"b.test\"; clients = true; } );");
	ck_assert_str_eq(hint(w, "203.0.113.1"), "unknown");
	ck_assert_str_eq(hint(w, "203.0.113.2"), "listed b");
	world_run(w, 5);
	ck_assert_str_eq(hint(w, "203.0.113.3"), "clean");
	world_free(w);
}
END_TEST

static bool clients_each(void *ctx, const struct client_hint *hint)
{
	char *text = ctx;
	char ip[IP_TEXT_SIZE];
	size_t n = strlen(text);
	snprintf(text + n, 500 - n, "%s %s %s; ", ip_format(&hint->ip, ip), hint->account,
		verdict_state_name(hint->state));
	return n < 60;
}

START_TEST(shown)
{
	struct world *w = world_of(LISTS);
	char text[500] = "";
	zone_list(w, "1.113.0.203.a.test", "127.0.0.4");
	see(w, "203.0.113.1", "login:alice");
	see(w, "203.0.113.1", "login:bob");
	world_run(w, 5);
	see(w, "203.0.113.2", "login:carol");
	egress_clients(w->e, w->now, clients_each, text);
	ck_assert_str_eq(text, "203.0.113.1 login:bob listed; 203.0.113.2 login:carol unknown; ");
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"the_worst_of_the_lists", the_worst_of_the_lists, 0},
		{"results_are_kept", results_are_kept, 0},
		{"private_ones_and_other_lists_cost_nothing",
			private_ones_and_other_lists_cost_nothing, 0},
		{"slow_and_bounded", slow_and_bounded, 0},
		{"many_over_time", many_over_time, 0},
		{"lists_must_be_ok", lists_must_be_ok, 0},
		{"a_flood_keeps_nobody_from_the_end", a_flood_keeps_nobody_from_the_end, 0},
		{"cached_error_takes_no_list", cached_error_takes_no_list, 0},
		{"asked_without_addresses_of_ours", asked_without_addresses_of_ours, 0},
		{"over_a_reload", over_a_reload, 0},
		{"shown", shown, 0},
	};
	return SUITE_RUN("egress_client", suite);
}
