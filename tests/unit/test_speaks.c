/* SPDX-License-Identifier: ISC */
/*
 * speaks.h at its edges: which of what lists and the audit say speaks of an egress, how loud, and what is left of it
 * when nobody knows any more; and that of more than there is room for it is the worst that stays.
 */
#include "policyd/speaks.h"
#include "posture_world.h"
#include "random.h"

static const struct blocklist zen = {.name = "zen", .title = "Spamhaus ZEN"};
static const struct blocklist_code css = {.text = "CSS: spam was seen from here now"};

static struct listing listed(const char *subject, enum listing_kind kind, uint8_t severity)
{
	return (struct listing){.subject = subject,
		.list = &zen,
		.verdict = SEEN_LISTED,
		.code = {{127, 0, 0, 3}},
		.code_n = 1,
		.worst = &css,
		.kind = kind,
		.severity = severity};
}

/* What one listing comes to: how many inputs, and the first of them. */
static size_t heard(struct world *w, const struct listing *listing, struct posture_input *ret)
{
	struct speaks *s = speaks_new(w->p, &w->egress);
	size_t n;
	speaks_listing(s, listing);
	const struct posture_input *input = speaks_inputs(s, &n);
	if (ret && n > 0)
		*ret = input[0];
	postures_inputs(w->p, &w->egress, input, n, w->now);
	speaks_free(s);
	return n;
}

static enum posture posture_now(struct world *w)
{
	struct posture_view view;
	struct posture_effect effect;
	while (postures_effect(w->p, &effect))
		;
	ck_assert(postures_get(w->p, &w->egress, w->now, &view));
	return view.posture;
}

static const struct {
	const char *subject;
	bool is_domain;
	enum verdict_state verdict;
	enum listing_kind kind;
	uint8_t severity;
	enum posture posture;
} listing_rows[] = {
	{EGRESS, false, SEEN_LISTED, LISTING_BEHAVIOUR, 5, POSTURE_HOLD},
	{EGRESS, false, SEEN_LISTED, LISTING_BEHAVIOUR, 4, POSTURE_THROTTLE},
	{EGRESS, false, SEEN_LISTED, LISTING_BEHAVIOUR, 3, POSTURE_WATCH},
	{EGRESS, false, SEEN_LISTED, LISTING_BEHAVIOUR, 2, POSTURE_OK},
	/* Another address of ours. */
	{"192.0.2.11", false, SEEN_LISTED, LISTING_BEHAVIOUR, 5, POSTURE_OK},
	{"2001:db8::10", false, SEEN_LISTED, LISTING_BEHAVIOUR, 5, POSTURE_OK},
	/* The same one, written as IPv6 maps it. */
	{"::ffff:192.0.2.10", false, SEEN_LISTED, LISTING_BEHAVIOUR, 5, POSTURE_HOLD},
	{EGRESS, false, SEEN_LISTED, LISTING_POLICY, 5, POSTURE_OK},
	{EGRESS, false, SEEN_LISTED, LISTING_NEIGHBOUR, 5, POSTURE_OK},
	{EGRESS, false, SEEN_LISTED, LISTING_SCORE, 5, POSTURE_OK},
	{EGRESS, false, SEEN_LISTED, LISTING_WELCOME, 5, POSTURE_OK},
	{EGRESS, false, SEEN_CLEAN, LISTING_BEHAVIOUR, 5, POSTURE_OK},
	/* One look of several: it is not believed yet. */
	{EGRESS, false, SEEN_UNKNOWN, LISTING_BEHAVIOUR, 5, POSTURE_OK},
	{"mail.example.org", true, SEEN_LISTED, LISTING_BEHAVIOUR, 5, POSTURE_WATCH},
	{"mail.example.org", true, SEEN_LISTED, LISTING_BEHAVIOUR, 3, POSTURE_WATCH},
	{"mail.example.org", true, SEEN_LISTED, LISTING_BEHAVIOUR, 2, POSTURE_OK},
	{"mail.example.org", true, SEEN_LISTED, LISTING_POLICY, 5, POSTURE_OK},
};

START_TEST(listings)
{
	struct world w = world_new("", WAY_PLAIN);
	struct listing listing =
		listed(listing_rows[_i].subject, listing_rows[_i].kind, listing_rows[_i].severity);
	listing.is_domain = listing_rows[_i].is_domain;
	listing.verdict = listing_rows[_i].verdict;
	size_t n = heard(&w, &listing, NULL);
	ck_assert_int_eq(posture_now(&w), listing_rows[_i].posture);
	/* What informs is there to be told; all else that asks for nothing is not. */
	ck_assert_uint_eq(n, listing_rows[_i].posture != POSTURE_OK ||
				     (listing_rows[_i].verdict == SEEN_LISTED &&
					     listing_rows[_i].kind == LISTING_BEHAVIOUR &&
					     listing_rows[_i].severity == 2));
	world_free(&w);
}
END_TEST

START_TEST(names_and_words)
{
	struct world w = world_new("", WAY_PLAIN);
	struct posture_input input;
	struct listing listing = listed(EGRESS, LISTING_BEHAVIOUR, 5);
	ck_assert_uint_eq(heard(&w, &listing, NULL), 1);
	struct posture_view view;
	ck_assert(postures_get(w.p, &w.egress, w.now, &view));
	ck_assert_str_eq(
		view.why, EGRESS " on Spamhaus ZEN: 127.0.0.3, CSS: spam was seen from here now");
	/* Long names that begin alike are two. */
	struct speaks *s = speaks_new(w.p, &w.egress);
	char name[2][254];
	size_t n;
	for (size_t i = 0; i < 2; i++) {
		memset(name[i], 'a', 253);
		name[i][253] = '\0';
		name[i][252] = (char)('x' + i);
		listing.subject = name[i];
		listing.is_domain = true;
		speaks_listing(s, &listing);
	}
	const struct posture_input *all = speaks_inputs(s, &n);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_ne(all[0].id, all[1].id);
	input = all[1];
	ck_assert_uint_lt(strlen(input.id), POSTURE_ID_SIZE - 1);
	speaks_free(s);
	world_free(&w);
}
END_TEST

/* What was loud is kept while nobody knows, and says why; it does not come back louder, nor for ever. */
START_TEST(unknown_keeps)
{
	struct world w = world_new("", WAY_PLAIN);
	struct listing listing = listed(EGRESS, LISTING_BEHAVIOUR, 4);
	struct posture_view view;
	(void)heard(&w, &listing, NULL);
	ck_assert_int_eq(posture_now(&w), POSTURE_THROTTLE);
	struct listing unknown = listing;
	unknown.verdict = SEEN_UNKNOWN;
	unknown.kind = LISTING_POLICY; /* of what was seen last; it does not matter */
	unknown.severity = 5;
	unknown.code_n = 0;
	for (int i = 0; i < 23 * 6; i++) {
		ck_assert_uint_eq(heard(&w, &unknown, NULL), 1);
		ck_assert_int_eq(posture_now(&w), POSTURE_THROTTLE);
		world_pass(&w, 10 * MINUTE_US);
	}
	ck_assert(postures_get(w.p, &w.egress, w.now, &view));
	ck_assert_ptr_nonnull(strstr(view.why, "127.0.0.3"));
	world_pass(&w, 61 * MINUTE_US);
	struct posture_effect effect;
	ck_assert(postures_effect(w.p, &effect) && effect.is_grave);
	char text[EVENT_REASON_MAX + 1];
	(void)span_copy(effect.event.reason, text, sizeof(text));
	ck_assert_msg(strstr(text, "throttle -> recover") && strstr(text, "127.0.0.3"), "%s", text);
	ck_assert_int_eq(posture_now(&w), POSTURE_RECOVER);
	/* And it is no more than that: what is over keeps nothing. */
	ck_assert_uint_eq(heard(&w, &unknown, NULL), 0);
	world_free(&w);
}
END_TEST

/* ---- our own house ---- */

static const struct {
	enum audit_check check;
	enum audit_result result;
	uint8_t severity;
	const char *config, *ip; /* ip "": of all egresses */
	enum posture posture;
} finding_rows[] = {
	{CHECK_PTR, AUDIT_FAIL, 4, "", EGRESS, POSTURE_WATCH},
	{CHECK_PTR, AUDIT_FAIL, 4, "audit_severity = 4;", EGRESS, POSTURE_THROTTLE},
	{CHECK_PTR, AUDIT_FAIL, 4, "audit_severity = 5;", EGRESS, POSTURE_THROTTLE},
	{CHECK_PTR, AUDIT_FAIL, 4, "audit_severity = 2;", EGRESS, POSTURE_OK},
	{CHECK_PTR, AUDIT_FAIL, 4, "audit_severity = 0;", EGRESS, POSTURE_OK},
	{CHECK_PTR, AUDIT_FAIL, 4, "", "192.0.2.11", POSTURE_OK},
	{CHECK_AUTHORITY, AUDIT_FAIL, 3, "", "", POSTURE_WATCH},
	{CHECK_GENERIC, AUDIT_FAIL, 2, "", EGRESS, POSTURE_OK},
	{CHECK_PTR, AUDIT_WARN, 4, "", EGRESS, POSTURE_OK},
	{CHECK_PTR, AUDIT_PASS, 4, "", EGRESS, POSTURE_OK},
	{CHECK_PTR, AUDIT_UNKNOWN, 4, "", EGRESS, POSTURE_OK},
	{CHECK_SPF, AUDIT_FAIL, 4, "audit_severity = 5;", EGRESS, POSTURE_OK},
	{CHECK_DKIM, AUDIT_FAIL, 4, "audit_severity = 5;", "", POSTURE_OK},
	{CHECK_DMARC, AUDIT_FAIL, 5, "audit_severity = 5;", "", POSTURE_OK},
	{CHECK_MX, AUDIT_FAIL, 5, "audit_severity = 5;", "", POSTURE_OK},
};

static void finding_heard(struct world *w, const struct audit_finding *finding)
{
	struct speaks *s = speaks_new(w->p, &w->egress);
	size_t n;
	speaks_finding(s, finding);
	const struct posture_input *input = speaks_inputs(s, &n);
	postures_inputs(w->p, &w->egress, input, n, w->now);
	speaks_free(s);
}

START_TEST(findings)
{
	struct world w = world_new(finding_rows[_i].config, WAY_PLAIN);
	struct audit_finding finding = {.check = finding_rows[_i].check,
		.subject = EGRESS,
		.result = finding_rows[_i].result,
		.severity = finding_rows[_i].severity,
		.evidence = "no name"};
	if (finding_rows[_i].ip[0])
		ck_assert_int_eq(ip_parse(span_of(finding_rows[_i].ip), &finding.ip), 0);
	finding_heard(&w, &finding);
	ck_assert_int_eq(posture_now(&w), finding_rows[_i].posture);
	/* When it can not be looked up any more, it keeps what there is. */
	finding.result = AUDIT_UNKNOWN;
	world_pass(&w, HOUR_US);
	finding_heard(&w, &finding);
	world_pass(&w, HOUR_US);
	ck_assert_int_eq(posture_now(&w), finding_rows[_i].posture);
	world_free(&w);
}
END_TEST

/* ---- more than there is room for ---- */

static void many_take(struct speaks *s, size_t n, size_t worst_at, enum verdict_state verdict)
{
	char name[48];
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "d%zu.example.org", i);
		struct listing listing = listed(name, LISTING_BEHAVIOUR, 2);
		listing.is_domain = true;
		if (i == worst_at) {
			listing.is_domain = false;
			listing.subject = EGRESS;
			listing.severity = 5;
			listing.verdict = verdict;
		}
		speaks_listing(s, &listing);
	}
}

static void many_heard(struct world *w, size_t n, size_t worst_at, enum verdict_state verdict)
{
	struct speaks *s = speaks_new(w->p, &w->egress);
	size_t taken;
	many_take(s, n, worst_at, verdict);
	const struct posture_input *input = speaks_inputs(s, &taken);
	ck_assert_uint_eq(taken, n < POSTURE_INPUTS_MAX ? n : POSTURE_INPUTS_MAX);
	postures_inputs(w->p, &w->egress, input, taken, w->now);
	speaks_free(s);
}

/* Wherever it stands among them the worst is heard; also when it is only known that it was there. */
START_TEST(the_worst_stay)
{
	static const size_t counts[] = {1, 63, 64, 65, 66, 128, 1000};
	size_t n = counts[_i];
	const size_t places[] = {0, n / 2, n - 1};
	for (size_t k = 0; k < 3; k++) {
		struct world w = world_new("", WAY_PLAIN);
		many_heard(&w, n, places[k], SEEN_LISTED);
		ck_assert_int_eq(posture_now(&w), POSTURE_HOLD);
		for (int i = 0; i < 12; i++) {
			world_pass(&w, HOUR_US);
			many_heard(&w, n, places[2 - k], SEEN_UNKNOWN);
			ck_assert_int_eq(posture_now(&w), POSTURE_HOLD);
		}
		world_free(&w);
	}
}
END_TEST

/* Of many kinds as many of the loudest as there is room for, in whatever order they come. */
START_TEST(the_loudest_stay)
{
	struct chance chance = chance_new("the_loudest_stay");
	struct world w = world_new("", WAY_PLAIN);
	for (int round = 0; round < 200; round++) {
		struct speaks *s = speaks_new(w.p, &w.egress);
		size_t said[6] = {0}, kept[6] = {0}, n;
		for (size_t i = 0; i < 100; i++) {
			struct listing listing = listed(EGRESS, LISTING_BEHAVIOUR, 0);
			listing.severity = (uint8_t)chance_below(&chance, 6);
			said[listing.severity]++;
			speaks_listing(s, &listing);
		}
		const struct posture_input *input = speaks_inputs(s, &n);
		ck_assert_uint_eq(n, POSTURE_INPUTS_MAX);
		for (size_t i = 0; i < n; i++)
			kept[input[i].severity]++;
		for (size_t k = 6, room = n; k-- > 0; room -= kept[k])
			ck_assert_uint_eq(kept[k], said[k] < room ? said[k] : room);
		speaks_free(s);
	}
	world_free(&w);
}
END_TEST

/* What never spoke takes nobody's place, however much of it there is. */
START_TEST(silence_takes_no_room)
{
	struct world w = world_new("", WAY_PLAIN);
	struct speaks *s = speaks_new(w.p, &w.egress);
	struct listing unknown = listed("", LISTING_BEHAVIOUR, 5);
	struct listing watch = listed(EGRESS, LISTING_BEHAVIOUR, 3);
	char name[48];
	size_t n;
	unknown.verdict = SEEN_UNKNOWN;
	unknown.is_domain = true;
	unknown.subject = name;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "d%d.example.org", i);
		speaks_listing(s, &unknown);
	}
	speaks_listing(s, &watch);
	const struct posture_input *input = speaks_inputs(s, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(input[0].severity, 3);
	speaks_free(s);
	world_free(&w);
}
END_TEST

/* ---- from the real ones ---- */

/* Which egresses there are is the lists' to say, and nothing is known of one that has just come. */
START_TEST(all_of_them)
{
	static const char text[] = "listen = ( { address = \"unix:/nowhere/p.sock\"; } );\n"
				   "egress = { addresses = ( { address = \"" EGRESS
				   "\"; }, { address = \"192.0.2.11\"; } ); };\n";
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	struct now now = {.mono.us = DAY_US, .wall.us = 20000 * DAY_US};
	struct posture_view view;
	ck_assert_int_eq(config_parse(span_of(text), "t.conf", &config, report), 0);
	config_report_free(report);
	struct egress *egress =
		egress_new(&(struct egress_setup){.config = config, .seed = {1, 2}}, now);
	struct audit *audit =
		audit_new(&(struct audit_setup){.config = config, .seed = {1, 2}}, now);
	struct postures *p = postures_new(config, now);
	postures_look(p, egress, audit, now);
	for (size_t i = 0; i < 2; i++) {
		ck_assert(postures_at(p, i, now, &view));
		ck_assert_int_eq(view.posture, POSTURE_OK);
		ck_assert(ip_equal(&view.egress, &egress_address_at(egress, i)->ip));
	}
	ck_assert(!postures_at(p, 2, now, &view));
	postures_free(p);
	audit_free(audit);
	egress_free(egress);
	config_unref(config);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"listings", listings, ROWS(listing_rows)},
		{"names and words", names_and_words, 0},
		{"unknown keeps", unknown_keeps, 0},
		{"findings", findings, ROWS(finding_rows)},
		{"the worst stay", the_worst_stay, 7},
		{"the loudest stay", the_loudest_stay, 0},
		{"silence takes no room", silence_takes_no_room, 0},
		{"all of them", all_of_them, 0},
	};
	return SUITE_RUN("speaks", rows);
}
