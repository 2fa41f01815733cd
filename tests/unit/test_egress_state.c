/* SPDX-License-Identifier: ISC */
/* egress.h: what outlives a restart and a reload; and a long walk in which all of it must hold. */
#include <errno.h>

#include "egress_dump.h"
#include "egress_world.h"
#include "random.h"
#include "suite.h"

#define LISTS                                                                                      \
	"blocklists = ( { name = \"a\"; zone = \"a.test\"; }, { name = \"b\"; zone = \"b.test\"; " \
	"interval = \"5m\"; }, { name = \"d\"; zone = \"d.test\"; subjects = [ \"domain\" ]; } "   \
	");\n"
#define BOTH                                                                                       \
	"egress = { addresses = ( { address = \"192.0.2.10\"; helo = \"mail.example.org\"; },"     \
	" { address = \"192.0.2.11\"; }, { address = \"auto\"; } ); };\n" LISTS
#define NAME "10.2.0.192.a.test"
#define ME   "192.0.2.10"

static struct world *both(void)
{
	struct world *w = world_new(BOTH);
	(void)zone_of(w, "a.test");
	(void)zone_of(w, "b.test");
	(void)zone_of(w, "d.test");
	name_set(w, NAME, DNS_TXT, "see \"here\"");
	return w;
}

/* ---- restart ---- */

/* What has happened before it, in seconds; then the process is gone for a while. */
static const struct {
	const char *name;
	enum zone_mode mode;
	double listed_s, clean_s, trouble_s;
} befores[] = {
	{"never asked", ZONE_OK, 0, 0, 0},
	{"clean", ZONE_OK, 0, 60, 0},
	{"listed once", ZONE_OK, 10, 0, 0},
	{"listed", ZONE_OK, 120, 0, 0},
	{"listed, then clean once", ZONE_OK, 120, 400, 0},
	{"listed, then clean", ZONE_OK, 120, 3000, 0},
	{"dead", ZONE_DEAD, 120, 0, 1200},
	{"world", ZONE_WORLD, 120, 0, 1200},
	{"refused", ZONE_REFUSES, 120, 0, 1200},
	{"unreachable", ZONE_SERVFAIL, 120, 0, 2500},
	{"void once", ZONE_SERVFAIL, 120, 0, 330},
	{"aged", ZONE_TIMEOUT, 120, 0, 6000},
	{"aged from clean", ZONE_SERVFAIL, 0, 60, 6000},
	{"under way", ZONE_SILENT, 120, 0, 1000},
	{"never reached", ZONE_SERVFAIL, 0, 0, 100},
	{"hijacked", ZONE_PARKED, 0, 60, 1200},
};

static void live(struct world *w, int row)
{
	struct egress_address found = {.helo = "found.example.net", .origin = "interface eth0"};
	ck_assert_int_eq(ip_parse(SPAN("198.51.100.7"), &found.ip), 0);
	egress_addresses_found(w->e, &found, 1, "a note", w->now);
	name_set(w, "7.100.51.198.in-addr.arpa", DNS_PTR, "ptr.example.net");
	if (befores[row].listed_s > 0) {
		zone_list(w, NAME, "127.0.0.2 127.0.0.3");
		zone_list(w, "ptr.example.net.d.test", "127.0.1.2");
		world_run(w, befores[row].listed_s);
	}
	if (befores[row].clean_s > 0) {
		zone_list(w, NAME, NULL);
		world_run(w, befores[row].clean_s);
	}
	if (befores[row].trouble_s > 0) {
		w->mode = befores[row].mode;
		world_run(w, befores[row].trouble_s);
	}
}

START_TEST(saved_and_loaded_is_the_same)
{
	struct world *w = both();
	live(w, _i);
	char *before = dump_of(w->e, w->now);
	world_restart(w, 0);
	char *after = dump_of(w->e, w->now);
	ck_assert_msg(
		strcmp(before, after) == 0, "%s:\n%s---\n%s", befores[_i].name, before, after);
	/* No event comes of it, and once more it is the same. */
	world_pump(w);
	ck_assert_uint_eq(w->told_twice, 0);
	world_restart(w, 0);
	char *again = dump_of(w->e, w->now);
	ck_assert_str_eq(before, again);
	free(before);
	free(after);
	free(again);
	world_free(w);
}
END_TEST

/* What comes after a restart is what would have come without it. */
START_TEST(goes_on_as_if_nothing_had_been)
{
	struct world *w = both(), *twin = both();
	live(w, _i);
	live(twin, _i);
	world_log_clear(w);
	world_log_clear(twin);
	world_restart(w, 0);
	w->mode = twin->mode = ZONE_OK;
	world_run(w, 7200);
	world_run(twin, 7200);
	static const char *const subjects[] = {ME, "192.0.2.11", "198.51.100.7", "ptr.example.net"};
	for (size_t i = 0; i < 4; i++) {
		ck_assert_str_eq(
			world_verdict(w, subjects[i], "a"), world_verdict(twin, subjects[i], "a"));
		ck_assert_str_eq(
			world_verdict(w, subjects[i], "d"), world_verdict(twin, subjects[i], "d"));
	}
	ck_assert_uint_eq(world_events(w, "", ""), world_events(twin, "", ""));
	world_free(w);
	world_free(twin);
}
END_TEST

START_TEST(one_look_before_and_one_after)
{
	struct world *w = both();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 20);
	ck_assert_uint_eq(world_listing(w, ME, "a").listing.listed_looks, 1);
	world_restart(w, 10);
	world_run(w, 60);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	/* But not sooner than the first answer had run out. */
	world_free(w);
	w = both();
	zone_of(w, "a.test")->ttl_s = 3000;
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 20);
	world_restart(w, 1000);
	world_run(w, 1900);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	world_run(w, 200);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_free(w);
}
END_TEST

START_TEST(time_goes_on_while_nobody_runs)
{
	struct world *w = both();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 200);
	world_restart(w, 2000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_restart(w, 2000);
	w->mode = ZONE_SILENT;
	world_run(w, 30);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_uint_eq(world_events(w, "egress:192.0.2.10 a", "listed -> unknown"), 1);
	world_free(w);
}
END_TEST

/* The wall clock was set back, by a year, in between. */
START_TEST(clock_that_was_set_back)
{
	struct world *w = both();
	zone_list(w, NAME, "127.0.0.2");
	world_run(w, 200);
	world_restart(w, -365 * 86400.0);
	struct listing listing = world_listing(w, ME, "a").listing;
	ck_assert_int_eq(listing.verdict, SEEN_LISTED);
	ck_assert_int_le(listing.since.us, w->now.wall.us);
	ck_assert_int_le(listing.looked.us, w->now.wall.us);
	world_run(w, 2000);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	ck_assert_int_le(
		world_listing(w, ME, "a").listing.next.us, w->now.wall.us + 2000 * SECOND_US);
	world_free(w);
}
END_TEST

/* Due when it would have been due; what came due meanwhile begins within seconds. */
START_TEST(due_as_before)
{
	struct world *w = both();
	world_run(w, 200);
	int64_t next_us = world_list(w, "a").view.next.us;
	world_restart(w, 100);
	ck_assert_int_eq(world_list(w, "a").view.next.us, next_us);
	world_restart(w, 3000);
	int64_t wait_us = world_list(w, "a").view.next.us - w->now.wall.us;
	ck_assert(wait_us >= 0 && wait_us <= 5 * SECOND_US);
	world_free(w);
}
END_TEST

START_TEST(dirty_when_something_changed)
{
	struct world *w = both();
	struct bytes saved = {0};
	world_run(w, 20);
	ck_assert(egress_is_dirty(w->e));
	egress_save(w->e, &saved, w->now);
	ck_assert(!egress_is_dirty(w->e));
	world_run(w, 1);
	ck_assert(!egress_is_dirty(w->e));
	world_run(w, 1000);
	ck_assert(egress_is_dirty(w->e));
	bytes_free(&saved);
	world_free(w);
}
END_TEST

/* Every shorter piece and every flipped bit: passed over or refused, never followed blindly. */
START_TEST(damaged)
{
	struct world *w = both();
	struct bytes saved = {0};
	live(w, 3);
	egress_save(w->e, &saved, w->now);
	for (size_t i = 0; i < saved.n + saved.n; i++) {
		size_t n = i < saved.n ? i : saved.n;
		char *copy = xstrndup(saved.p, saved.n);
		if (i >= saved.n)
			copy[i - saved.n] = (char)(copy[i - saved.n] ^ (1 << i % 8));
		struct egress *e = egress_new(
			&(struct egress_setup){.config = w->config, .seed = {3, 4}}, w->now);
		int r = egress_load(e, span_make(copy, n), w->now);
		ck_assert(r == 0 || r == -EBADMSG);
		ck_assert(i >= saved.n || r == -EBADMSG);
		free(dump_of(e, w->now));
		egress_tick(e, w->now);
		egress_free(e);
		free(copy);
	}
	bytes_free(&saved);
	world_free(w);
}
END_TEST

/* ---- reload ---- */

static const char *const other_lists =
	"blocklists = ( { name = \"z\"; zone = \"z.test\"; }, { name = \"b\"; zone = \"b.test\"; "
	"interval = \"5m\"; }, { name = \"d\"; zone = \"d.test\"; subjects = [ \"domain\" ]; }, "
	"{ name = \"a\"; zone = \"a.test\"; } );\n";

START_TEST(reload_keeps_what_stays)
{
	char text[2048];
	struct world *w = both();
	live(w, _i);
	snprintf(text, sizeof(text),
		"egress = { addresses = ( { address = \"auto\"; }, { address = \"192.0.2.12\"; },"
		" { address = \"192.0.2.10\"; helo = \"mail.example.org\"; } ); };\n%s",
		other_lists);
	struct world_find a = world_listing(w, ME, "a"),
			  d = world_listing(w, "mail.example.org", "d");
	struct world_state_find list = world_list(w, "a");
	world_log_clear(w);
	world_configure(w, text);
	world_pump(w);
	struct world_find a2 = world_listing(w, ME, "a"),
			  d2 = world_listing(w, "mail.example.org", "d");
	ck_assert_int_eq(a.listing.verdict, a2.listing.verdict);
	ck_assert_int_eq(a.listing.seen, a2.listing.seen);
	ck_assert_int_eq(a.listing.since.us, a2.listing.since.us);
	ck_assert_uint_eq(a.listing.code_n, a2.listing.code_n);
	ck_assert_uint_eq(a.listing.listed_looks, a2.listing.listed_looks);
	ck_assert_str_eq(a.text, a2.text);
	ck_assert_int_eq(d.listing.verdict, d2.listing.verdict);
	ck_assert_int_eq(list.view.state, world_list(w, "a").view.state);
	ck_assert_str_eq(world_state(w, "z"), "untested");
	ck_assert_uint_eq(w->event_n, 0);
	/* One that went, and comes back with the old configuration. */
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "b"), "nothing");
	struct world_find twelve = world_listing(w, "192.0.2.12", "a");
	ck_assert_int_eq(twelve.listing.verdict, SEEN_UNKNOWN);
	world_configure(w, BOTH);
	w->mode = ZONE_OK;
	world_run(w, 4000);
	ck_assert_str_eq(world_state(w, "a"), "OK");
	ck_assert_str_eq(world_verdict(w, "192.0.2.11", "b"), "clean");
	ck_assert_uint_eq(w->told_twice, 0);
	world_free(w);
}
END_TEST

START_TEST(another_zone_is_another_list)
{
	struct world *w = both();
	live(w, 3);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	world_configure(w, "egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"
			   "blocklists = ( { name = \"a\"; zone = \"other.test\"; } );\n");
	ck_assert_str_eq(world_verdict(w, ME, "a"), "unknown");
	ck_assert_str_eq(world_state(w, "a"), "untested");
	(void)zone_of(w, "other.test");
	world_run(w, 20);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "clean");
	world_free(w);
}
END_TEST

/* A list that is switched off for a while forgets nothing. */
START_TEST(off_and_on)
{
	struct world *w = both();
	live(w, 3);
	world_configure(w,
		"egress = { addresses = ( { address = \"192.0.2.10\"; } ); };\n"
		"blocklists = ( { name = \"a\"; zone = \"a.test\"; enabled = false; } );\n");
	ck_assert_str_eq(world_verdict(w, ME, "a"), "nothing");
	size_t asked = w->asked;
	world_log_clear(w);
	world_run(w, 1000);
	ck_assert_uint_eq(w->asked, asked);
	world_restart(w, 5);
	world_configure(w, BOTH);
	ck_assert_str_eq(world_verdict(w, ME, "a"), "listed");
	ck_assert_uint_eq(world_events(w, "egress:", ""), 0);
	world_free(w);
}
END_TEST

/* ---- a long walk ---- */

#define STEPS 50000

static const char *const walk_configs[] = {
	BOTH,
	"egress = { addresses = ( { address = \"192.0.2.11\"; }, { address = \"192.0.2.10\"; helo "
	"= "
	"\"mail.example.org\"; } ); listed_looks = 1; listed_of = 1; clean_looks = 1; };\n" LISTS,
	"egress = { addresses = ( { address = \"192.0.2.10\"; }, { address = \"2001:db8::1\"; } ); "
	"check_after = 10; };\nblocklists = ( { name = \"a\"; zone = \"a.test\"; clients = true; "
	"interval = \"1m\"; interval_min = \"30s\"; codes = ( { code = \"127.0.0.2\"; } ); }, { "
	"name = "
	"\"d\"; zone = \"d.test\"; subjects = [ \"domain\", \"ipv6\" ]; } );\n",
	("egress = { domains = [ \"example.net\" ]; };\nlocal_domains = [ \"example.org\" ];\n"
	 "blocklists = ( { name = \"d\"; zone = \"d.test\"; subjects = [ \"domain\" ]; }, "
	 "{ name = \"a\"; zone = \"else.test\"; } );\n"),
};
static const char *const walk_zones[] = {"a.test", "b.test", "d.test", "else.test"};
static const char *const walk_names[] = {NAME, "11.2.0.192.a.test", "10.2.0.192.b.test",
	"mail.example.org.d.test", "example.org.d.test", "7.100.51.198.a.test",
	"5.113.0.203.a.test"};
static const char *const walk_codes[] = {NULL, NULL, "127.0.0.2", "127.0.0.3",
	"127.0.0.2 127.0.0.9", "127.0.0.1", "127.255.255.254", "192.0.2.1"};

static void walk_mishap(struct world *w, struct chance *chance)
{
	struct egress_address found = {.origin = "interface"};
	struct ip ip;
	switch (chance_below(chance, 6)) {
	case 0:
		/* Another list of the same name may be told of in the same words. */
		w->event[w->event_n++] = xstrdup("reload");
		world_configure(w, walk_configs[chance_below(chance, 4)]);
		break;
	case 1:
		world_restart(w, (double)chance_below(chance, 4000) - 500);
		break;
	case 2:
		world_sleep(w, chance_below(chance, 20000));
		break;
	case 3:
		ck_assert_int_eq(ip_parse(SPAN("198.51.100.7"), &found.ip), 0);
		egress_addresses_found(w->e, &found, chance_below(chance, 2), "", w->now);
		break;
	case 4:
		ck_assert_int_eq(ip_parse(SPAN("203.0.113.5"), &ip), 0);
		egress_client_seen(w->e, &ip, SPAN("login:x"), w->now);
		break;
	case 5:
		w->mode = chance_below(chance, 3) ? ZONE_OK : chance_below(chance, ZONE_MODES);
		break;
	}
}

static void walk_check(struct world *w, struct chance *chance)
{
	static egress_check open[4];
	uint32_t i = chance_below(chance, 4);
	struct egress_check_query query = {0};
	egress_check_drop(w->e, open[i]);
	if (chance_below(chance, 2))
		query.list = SPAN("a");
	query.only_tests = chance_below(chance, 4) == 0;
	mono_t deadline = {.us = w->now.mono.us + chance_below(chance, 30) * SECOND_US};
	if (egress_check_begin(w->e, &query, deadline, w->now, &open[i], NULL) != 0)
		open[i] = 0;
}

static void walk_world(struct world *w, struct chance *chance)
{
	switch (chance_below(chance, 8)) {
	case 0:
	case 1:
	case 2:
		zone_list(w, walk_names[chance_below(chance, 7)],
			walk_codes[chance_below(chance, 8)]);
		break;
	case 3:
		zone_mode(w, walk_zones[chance_below(chance, 4)],
			chance_below(chance, 2) ? ZONE_OK : chance_below(chance, ZONE_MODES));
		break;
	case 4:
		zone_of(w, walk_zones[chance_below(chance, 4)])->ttl_s = chance_below(chance, 2000);
		zone_of(w, walk_zones[chance_below(chance, 4)])->negative_ttl_s =
			chance_below(chance, 2000);
		break;
	case 5:
		egress_traffic(w->e, chance_below(chance, 600), w->now);
		break;
	case 6:
		walk_check(w, chance);
		break;
	case 7:
		if (chance_below(chance, 20) == 0)
			walk_mishap(w, chance);
		break;
	}
}

/* A verdict needs a look that said so; only what was OK says something. */
static bool walk_each(void *ctx, const struct listing *l)
{
	(void)ctx;
	ck_assert(l->verdict != SEEN_LISTED || l->code_n > 0);
	ck_assert(l->verdict != SEEN_LISTED || l->looked.us > 0);
	ck_assert(l->verdict != SEEN_CLEAN || l->looked.us > 0);
	ck_assert_msg(l->seen == SEEN_UNKNOWN || l->list_state == LIST_OK, "%s on %s: %s, %s",
		l->subject, l->list->name, verdict_state_name(l->seen),
		list_state_name(l->list_state));
	ck_assert((l->verdict == SEEN_UNKNOWN) == (l->why[0] != '\0'));
	for (size_t i = 0; i < l->code_n && l->verdict == SEEN_LISTED; i++) {
		ck_assert_uint_eq(l->code[i][0], 127);
		ck_assert(l->code[i][1] != 255);
	}
	return true;
}

static void walk_look(struct world *w)
{
	struct egress_figures figures;
	egress_figures(w->e, &figures);
	ck_assert_uint_le(figures.in_flight, EGRESS_IN_FLIGHT_MAX);
	ck_assert_uint_eq(figures.dropped, 0);
	ck_assert_uint_le(figures.bytes, 2000000);
	egress_listings(w->e, w->now, walk_each, NULL);
}

static void walk_save(struct world *w)
{
	struct bytes saved = {0};
	egress_save(w->e, &saved, w->now);
	struct egress *e =
		egress_new(&(struct egress_setup){.config = w->config, .seed = {3, 4}}, w->now);
	ck_assert_int_eq(egress_load(e, span_make(saved.p, saved.n), w->now), 0);
	char *before = dump_of(w->e, w->now), *after = dump_of(e, w->now);
	/* What was found goes only where "auto" is, and comes anew at each start. */
	if (strstr(before, "interface") == NULL)
		ck_assert_msg(strcmp(before, after) == 0, "%s---\n%s", before, after);
	free(before);
	free(after);
	egress_free(e);
	bytes_free(&saved);
}

START_TEST(long_walk)
{
	struct world *w = both();
	struct chance chance = chance_new("long_walk");
	size_t events = 0;
	(void)zone_of(w, "else.test");
	for (int i = 0; i < STEPS; i++) {
		walk_world(w, &chance);
		world_pump(w);
		world_run(w, chance_below(&chance, 10) ? chance_below(&chance, 60)
						       : chance_below(&chance, 1500));
		walk_look(w);
		if (i % 500 == 0)
			walk_save(w);
		if (w->event_n > 1000) {
			events += w->event_n;
			world_log_clear(w);
		}
	}
	ck_assert_uint_gt(events, 1000);
	ck_assert_uint_eq(w->told_twice, 0);
	/* Each question is answered once; when all lists are quiet none is open. */
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row suite[] = {
		{"saved_and_loaded_is_the_same", saved_and_loaded_is_the_same, ROWS(befores)},
		{"goes_on_as_if_nothing_had_been", goes_on_as_if_nothing_had_been, ROWS(befores)},
		{"one_look_before_and_one_after", one_look_before_and_one_after, 0},
		{"time_goes_on_while_nobody_runs", time_goes_on_while_nobody_runs, 0},
		{"clock_that_was_set_back", clock_that_was_set_back, 0},
		{"due_as_before", due_as_before, 0},
		{"dirty_when_something_changed", dirty_when_something_changed, 0},
		{"damaged", damaged, 0},
		{"reload_keeps_what_stays", reload_keeps_what_stays, ROWS(befores)},
		{"another_zone_is_another_list", another_zone_is_another_list, 0},
		{"off_and_on", off_and_on, 0},
		{"long_walk", long_walk, 0},
	};
	return SUITE_RUN("egress_state", suite);
}
