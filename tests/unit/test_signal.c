/* SPDX-License-Identifier: ISC */
/* Each row of signal.def: silent on what is usual, on too little and on what is missing. */
#include "judging_help.h"

static struct world *world_lived(void)
{
	struct world *w = world_new(ENFORCE);
	live(w, NULL, 20);
	return w;
}

static void ck_silent(struct world *w, const char *login)
{
	for (unsigned i = 0; i < SIGNAL_COUNT; i++)
		ck_assert_msg(points_of(w, login, (enum signal)i) < 0.5, "%s: %.1f",
			signal_rows[i].name, points_of(w, login, (enum signal)i));
}

START_TEST(test_usual_is_silent)
{
	struct world *w = world_lived();
	mail(w, (struct sent){.recipient = "friend3@example.net"});
	ck_silent(w, NULL);
	ck_assert_int_eq(w->says.step, STEP_NONE);
	world_free(w);
}
END_TEST

/* Nothing is known of the client, and there is no sender's program nor way of login. */
START_TEST(test_missing_is_silent)
{
	struct world *w = world_lived();
	mail(w, (struct sent){.client = "unknown", .helo = "", .method = ""});
	ck_silent(w, NULL);
	mail(w, (struct sent){.client = "198.51.100.7", .helo = "evil", .is_relayed = true});
	ck_silent(w, NULL);
	world_free(w);
}
END_TEST

/* One mail from a new phone in a hotel, to somebody known. */
START_TEST(test_new_place)
{
	struct world *w = world_lived();
	mail(w, (struct sent){.recipient = "friend1@example.net", .client = "198.51.100.7"});
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), 12);
	ck_near(points_of(w, NULL, SIGNAL_DEVICE), 0);
	/* It is new once. */
	mail(w, (struct sent){.recipient = "friend1@example.net", .client = "198.51.100.9"});
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), 12);
	ck_assert_int_eq(w->says.step, STEP_NONE);
	/* Beside the usual network. */
	mail(w, (struct sent){.recipient = "friend1@example.net", .client = "192.0.3.10"});
	ck_near(points_of(w, NULL, SIGNAL_NEW_PLACE), 12 + 12 * .4);
	world_free(w);
}
END_TEST

START_TEST(test_home_networks)
{
	struct world *w = world_new(
		"signals = { mode = \"enforce\"; home_networks = [ \"198.51.100.0/24\" ]; };\n");
	live(w, NULL, 20);
	mail(w, (struct sent){.client = "198.51.100.7", .recipient = "friend1@example.net"});
	ck_silent(w, NULL);
	world_free(w);
}
END_TEST

START_TEST(test_device_and_method)
{
	struct world *w = world_lived();
	mail(w, (struct sent){.recipient = "friend1@example.net", .helo = "[192.168.77.1]"});
	ck_near(points_of(w, NULL, SIGNAL_DEVICE), 0);
	mail(w, (struct sent){
			.recipient = "friend1@example.net", .helo = "evil", .method = "LOGIN"});
	ck_near(points_of(w, NULL, SIGNAL_DEVICE), 5);
	ck_near(points_of(w, NULL, SIGNAL_LOGIN_METHOD), 4);
	world_free(w);
}
END_TEST

static const struct {
	const char *helo, *client, *family;
} helos[] = {
	{"[192.0.2.1]", "192.0.2.1", "[own]"},
	{"192.0.2.1", "192.0.2.1", "[own]"},
	{"[IPv6:2001:db8::1]", "2001:db8::1", "[own]"},
	{"[192.168.1.5]", "192.0.2.1", "[private]"},
	{"[192.0.2.7]", "192.0.2.1", "[other]"},
	{"WIN-4F2A9C", "192.0.2.1", "win-#"},
	{"laptop12.home", "192.0.2.1", "laptop#.home"},
	{"host-10-20-30.example", "192.0.2.1", "host-#-#-#.example"},
	{"", "192.0.2.1", ""},
};

START_TEST(test_helo_family)
{
	char buf[HELO_FAMILY_MAX];
	size_t n = helo_family(span_of(helos[_i].helo), span_of(helos[_i].client), buf);
	ck_assert_msg(
		span_equal(span_make(buf, n), span_of(helos[_i].family)), "%.*s", (int)n, buf);
}
END_TEST

static struct geo geo_at(const char *country, uint32_t asn, int latitude, int longitude)
{
	return (struct geo){.country = {country[0], country[1]},
		.has_position = true,
		.asn = asn,
		.latitude = (int16_t)latitude,
		.longitude = (int16_t)longitude};
}

/* Berlin, and New York a quarter of an hour later. */
START_TEST(test_travel)
{
	struct world *w = world_lived();
	mail(w, (struct sent){.geo = geo_at("DE", 64500, 5250, 1340)});
	ck_near(points_of(w, NULL, SIGNAL_TRAVEL), 0);
	pass(w, 15 * MINUTE_US);
	mail(w, (struct sent){.client = "198.51.100.7", .geo = geo_at("US", 64501, 4070, -7400)});
	ck_near(points_of(w, NULL, SIGNAL_TRAVEL), 8);
	/* A day is enough for the way back. */
	double before = points_of(w, NULL, SIGNAL_TRAVEL);
	pass(w, DAY_US);
	mail(w, (struct sent){.client = "203.0.113.7", .geo = geo_at("DE", 64502, 5250, 1340)});
	ck_assert_double_lt(points_of(w, NULL, SIGNAL_TRAVEL), before);
	world_free(w);
}
END_TEST

START_TEST(test_many_places)
{
	struct world *w = world_lived();
	char client[32];
	for (unsigned i = 0; i < 10; i++) {
		snprintf(client, sizeof(client), "198.%u.100.7", 20 + i);
		mail(w, (struct sent){.recipient = "friend1@example.net",
				.client = client,
				.geo = geo_at(i % 2 ? "US" : "BR", 64500 + i, 0, 0)});
	}
	ck_near(points_of(w, NULL, SIGNAL_NETWORKS), 24);
	ck_near(points_of(w, NULL, SIGNAL_COUNTRIES), 10);
	ck_near(points_of(w, NULL, SIGNAL_PROVIDERS), 16);
	/* Place alone slows nobody. */
	ck_assert_int_le(w->says.step, STEP_NOTE);
	world_free(w);
}
END_TEST

START_TEST(test_senders)
{
	struct world *w = world_lived();
	char sender[40];
	mail(w, (struct sent){.sender = "ALICE@example.org"});
	mail(w, (struct sent){.sender = ""});
	ck_near(points_of(w, NULL, SIGNAL_SENDER_OTHER), 0);
	ck_near(points_of(w, NULL, SIGNAL_NULL_SENDER), 1);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(sender, sizeof(sender), "ceo%u@example.com", i);
		mail(w, (struct sent){.sender = sender});
		mail(w, (struct sent){.sender = sender});
		ck_near(points_of(w, NULL, SIGNAL_SENDER_OTHER), 10);
		ck_near(points_of(w, NULL, SIGNAL_SENDERS), i < 3 ? 10 * i : 30);
	}
	world_free(w);
}
END_TEST

/* Its own share of new recipients decides how much they say. */
START_TEST(test_new_recipients)
{
	struct world *w = world_lived();
	char recipient[40];
	for (unsigned i = 0; i < 60; i++) {
		snprintf(recipient, sizeof(recipient), "new%u@example.com", i);
		mail(w, (struct sent){.recipient = recipient});
		/* A message a minute; less than five are nothing. */
		if (i == 3)
			ck_near(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 0);
		pass(w, MINUTE_US);
	}
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 50);
	ck_assert_double_le(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 75);
	ck_near(points_of(w, NULL, SIGNAL_STRANGER), 0);
	ck_near(points_of(w, NULL, SIGNAL_STRANGE_VOLUME), 0);
	/* Those it knows speak for it; so many new ones remain many. */
	for (unsigned i = 0; i < 60; i++)
		mail(w, (struct sent){.recipient = "friend1@example.net"});
	ck_assert_double_lt(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 46);
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 40);
	pass(w, 12 * HOUR_US);
	mail(w, (struct sent){.recipient = "friend1@example.net"});
	ck_assert_double_lt(points_of(w, NULL, SIGNAL_NEW_RECIPIENTS), 1);
	world_free(w);
}
END_TEST

START_TEST(test_stranger)
{
	struct world *w = world_lived();
	for (unsigned i = 0; i < 3; i++)
		spam(w, i);
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_STRANGER), 15);
	for (unsigned i = 3; i < 30; i++)
		spam(w, i);
	ck_assert_double_le(points_of(w, NULL, SIGNAL_STRANGER), 60.05);
	world_free(w);
}
END_TEST

/* Whom the site knows well, from a strange place: the number tells. */
START_TEST(test_strange_volume)
{
	struct world *w = world_lived();
	char recipient[40];
	for (unsigned i = 0; i < 60; i++) {
		snprintf(recipient, sizeof(recipient), "friend%u@example.net", i % 10);
		mail(w, (struct sent){.recipient = recipient, .client = "198.51.100.7"});
		if (i == 15)
			ck_near(points_of(w, NULL, SIGNAL_STRANGE_VOLUME), 0);
	}
	ck_near(points_of(w, NULL, SIGNAL_STRANGE_VOLUME), 35);
	world_free(w);
}
END_TEST

START_TEST(test_fan_out)
{
	struct world *w = world_lived();
	char recipient[40];
	for (unsigned i = 0; i < 100; i++) {
		snprintf(recipient, sizeof(recipient), "new%u@example.com", i);
		ask(w, (struct sent){.recipient = recipient, .is_further = i > 0});
		if (i == 7)
			ck_near(points_of(w, NULL, SIGNAL_FAN_OUT), 0);
	}
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_FAN_OUT), 30);
	world_free(w);
}
END_TEST

START_TEST(test_volume)
{
	struct world *w = world_lived();
	char recipient[40];
	double before = 0;
	for (unsigned i = 0; i < 300; i++) {
		snprintf(recipient, sizeof(recipient), "new%u@example.com", i);
		mail(w, (struct sent){.recipient = recipient});
		if (i == 30)
			before = points_of(w, NULL, SIGNAL_VOLUME);
	}
	ck_near(before, 0);
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_VOLUME), 15);
	world_free(w);
}
END_TEST

/* Back after a month: nothing by itself, and more with strangers. */
START_TEST(test_after_silence)
{
	struct world *w = world_lived();
	pass(w, 40 * DAY_US);
	mail(w, (struct sent){.recipient = "friend1@example.net"});
	ck_silent(w, NULL);
	for (unsigned i = 0; i < 5; i++)
		spam(w, i);
	ck_near(points_of(w, NULL, SIGNAL_AFTER_SILENCE), 6);
	world_free(w);
}
END_TEST

START_TEST(test_shared_network)
{
	struct world *w = world_lived();
	static const char *const logins[] = {"a@example.org", "b@example.org", "c@example.org"};
	for (unsigned i = 0; i < 3; i++) {
		live(w, logins[i], 20);
		pass(w, -20 * DAY_US);
	}
	pass(w, 20 * DAY_US);
	for (unsigned i = 0; i < 3; i++) {
		mail(w, (struct sent){.login = logins[i],
				.recipient = "friend1@example.net",
				.client = "198.51.100.7"});
		ck_near(points_of(w, logins[i], SIGNAL_SHARED_NETWORK), i * 15.0);
	}
	/* The first ones are in it as well. */
	ck_near(points_of(w, logins[0], SIGNAL_SHARED_NETWORK), 30);
	struct signals_figures figures;
	signals_figures(w->s, &figures);
	ck_assert_uint_eq(figures.campaigns, 1);
	world_free(w);
}
END_TEST

START_TEST(test_shared_recipients)
{
	struct world *w = world_lived();
	live(w, "b@example.org", 20);
	mail(w, (struct sent){.recipient = "victim@example.com"});
	ck_near(points_of(w, NULL, SIGNAL_SHARED_RECIPIENTS), 0);
	mail(w, (struct sent){.login = "b@example.org", .recipient = "victim@example.com"});
	/* Two colleagues may write to one and the same; a third is no chance. */
	ck_near(points_of(w, "b@example.org", SIGNAL_SHARED_RECIPIENTS), 0);
	live(w, "c@example.org", 20);
	mail(w, (struct sent){.recipient = "other@example.com"});
	mail(w, (struct sent){.login = "b@example.org", .recipient = "other@example.com"});
	mail(w, (struct sent){.login = "c@example.org", .recipient = "other@example.com"});
	ck_near(points_of(w, "c@example.org", SIGNAL_SHARED_RECIPIENTS), 4.8);
	ck_near(points_of(w, "b@example.org", SIGNAL_SHARED_RECIPIENTS), 4.8);
	ck_near(points_of(w, NULL, SIGNAL_SHARED_RECIPIENTS), 4.8);
	/* A local one is nobody's campaign. */
	mail(w, (struct sent){.recipient = "x@example.org", .is_local = true});
	mail(w, (struct sent){
			.login = "b@example.org", .recipient = "x@example.org", .is_local = true});
	ck_near(points_of(w, "b@example.org", SIGNAL_SHARED_RECIPIENTS), 4.8);
	world_free(w);
}
END_TEST

START_TEST(test_feedback)
{
	struct world *w = world_lived();
	struct account *account = account_named(w, NULL);
	for (unsigned i = 0; i < 40; i++)
		mail(w, (struct sent){.recipient = "friend1@example.net"});
	for (unsigned i = 0; i < 4; i++)
		signals_feed(w->s, account, SIGNAL_BOUNCES, 1, w->now);
	ck_near(points_of(w, NULL, SIGNAL_BOUNCES), 0);
	signals_feed(w->s, account, SIGNAL_BOUNCES, 6, w->now);
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_BOUNCES), 20);
	signals_feed(w->s, account, SIGNAL_COMPLAINTS, 2, w->now);
	ck_near(points_of(w, NULL, SIGNAL_COMPLAINTS), 20);
	signals_feed(w->s, account, SIGNAL_COMPLAINTS, -1, w->now);
	signals_feed(w->s, account, SIGNAL_COUNT, 1, w->now);
	ck_near(points_of(w, NULL, SIGNAL_COMPLAINTS), 20);
	world_free(w);
}
END_TEST

START_TEST(test_rejected)
{
	struct world *w = world_lived();
	for (unsigned i = 0; i < 10; i++) {
		ask(w, (struct sent){.recipient = "friend1@example.net"});
		signals_message(w->s, account_named(w, NULL), 2, 1, 0, w->now);
		if (i == 3)
			ck_near(points_of(w, NULL, SIGNAL_REJECTED), 0);
	}
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_REJECTED), 20);
	world_free(w);
}
END_TEST

/* What an attacker does while he is held teaches nothing. */
START_TEST(test_not_learnt)
{
	struct world *w = world_lived();
	(void)spam_until(w, STEP_SUSPEND);
	ck_assert(!signals_knows(w->s, account_named(w, NULL), SPAN("stranger1@example.com")));
	pass(w, 2 * DAY_US);
	mail(w, (struct sent){.recipient = "friend1@example.net", .client = "198.51.100.7"});
	ck_assert_double_gt(points_of(w, NULL, SIGNAL_NEW_PLACE), 11);
	world_free(w);
}
END_TEST

/* The first fortnight of a site: newcomers are not slowed for being new. */
START_TEST(test_young_site)
{
	struct world *w = world_new(ENFORCE);
	char recipient[40];
	for (unsigned i = 0; i < 200; i++) {
		snprintf(recipient, sizeof(recipient), "new%u@example.com", i);
		mail(w, (struct sent){.recipient = recipient});
		ck_assert_int_lt(w->says.step, STEP_SLOW);
		pass(w, MINUTE_US);
	}
	world_free(w);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"usual is silent", test_usual_is_silent, 0},
		{"missing is silent", test_missing_is_silent, 0},
		{"new place", test_new_place, 0},
		{"home networks", test_home_networks, 0},
		{"device and method", test_device_and_method, 0},
		{"helo family", test_helo_family, ROWS(helos)},
		{"travel", test_travel, 0},
		{"many places", test_many_places, 0},
		{"senders", test_senders, 0},
		{"new recipients", test_new_recipients, 0},
		{"stranger", test_stranger, 0},
		{"strange volume", test_strange_volume, 0},
		{"fan out", test_fan_out, 0},
		{"volume", test_volume, 0},
		{"after silence", test_after_silence, 0},
		{"shared network", test_shared_network, 0},
		{"shared recipients", test_shared_recipients, 0},
		{"feedback", test_feedback, 0},
		{"rejected", test_rejected, 0},
		{"not learnt", test_not_learnt, 0},
		{"young site", test_young_site, 0},
	};

	return SUITE_RUN("signal", rows);
}
