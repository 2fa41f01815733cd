/* SPDX-License-Identifier: ISC */
/* replay.h, the summary: who was hit, what is usual, what to look at twice; and its page. */
#include "policyd/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_help.h"
#include "replay_help.h"

#define DAY 86400

static void summary_free(struct replay_summary *summary)
{
	replay_summary_free(summary);
}

struct stream {
	FILE *file;
	char path[100];
	unsigned messages;
};

static void stream_begin(struct stream *stream)
{
	stream->messages = 0;
	stream->file = fopen(path_in("stream.jsonl", stream->path), "we");
	ck_assert_ptr_nonnull(stream->file);
}

static void sends(struct stream *stream, const char *login, int64_t at, unsigned recipients)
{
	stream->messages++;
	for (unsigned i = 0; i < recipients; i++)
		ck_assert_int_gt(
			fprintf(stream->file,
				"{\"ts\":%lld,\"protocol_state\":\"RCPT\",\"instance\":\"m%u\","
				"\"recipient\":\"r%u@x.test\",\"sasl_username\":\"%s\"}\n",
				(long long)at, stream->messages, i, login),
			0);
}

static void stream_end(
	struct stream *stream, const char *text, const char *events, struct replay_summary *ret)
{
	char event[100];
	struct errbuf err;
	struct config *config = config_of(text);
	ck_assert_int_eq(fclose(stream->file), 0);
	if (events)
		write_file(path_in("events.jsonl", event), events, strlen(events));
	struct replay_setup setup = {
		.config = config, .input = stream->path, .events = events ? event : NULL};
	ck_assert_int_eq(replay_run(&setup, ret, &err), 0);
	config_unref(config);
}

static const struct replay_account *account_of(
	const struct replay_summary *summary, const char *name)
{
	for (size_t i = 0; i < summary->accounts; i++) {
		if (strcmp(summary->account[i].name, name) == 0)
			return &summary->account[i];
	}
	ck_abort_msg("%s was not hit", name);
}

static char *page_of(const struct replay_summary *summary)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	struct replay_report report = {summary, "/etc/<b>.conf", "in&put", 2};
	replay_report_html(out, &report);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* Limits alone: what the ladder makes of such traffic is not the matter here. */
#define LIMIT(rate)                                                                                \
	"limits = ( { name = \"hourly\"; rate = \"" rate "/1h\"; } );"                             \
	"ladder = { note = 99000; slow = 99100; hold = 99200; suspend = 99300; };"

/* ---- what is usual ---- */

/* A hundred accounts, of which number n sends n recipients in its busiest hour. */
START_TEST(volume_of_accounts)
{
	char login[20];
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	for (unsigned hour = 0; hour < 2; hour++)
		for (unsigned n = 1; n <= 100; n++) {
			snprintf(login, sizeof(login), "u%u", n);
			sends(&stream, login, 1000 * DAY + hour * 3600, hour ? n : 1);
		}
	stream_end(&stream, LIMIT("1000"), NULL, &s);
	ck_assert_uint_eq(s.seen, 100);
	ck_assert_uint_eq(s.accounts, 0);
	ck_assert_uint_eq(s.hour.n, 200);
	ck_assert_uint_eq(s.hour.p50, 1);
	ck_assert_uint_eq(s.hour.p99, 98);
	ck_assert_uint_eq(s.hour.max, 100);
	ck_assert_uint_eq(s.hour.accounts, 100);
	ck_assert_uint_eq(s.hour.most_p50, 50);
	ck_assert_uint_eq(s.hour.most_p99, 99);
	/* A fifth more than 99, as people would write it. */
	ck_assert_uint_eq(s.hour.suggested, 120);
	ck_assert_uint_eq(s.hour.above, 0);
	ck_assert_uint_eq(s.day.n, 100);
	ck_assert_uint_eq(s.day.max, 101);
	ck_assert_uint_eq(s.days, 1);
	ck_assert_int_eq(s.first_day, 1000);
	ck_assert_uint_eq(s.by_day[0].recipients, 100 + 5050);
}
END_TEST

START_TEST(too_few_to_suggest)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	sends(&stream, "alice", 1000 * DAY, 5);
	stream_end(&stream, LIMIT("1000"), NULL, &s);
	ck_assert_uint_eq(s.hour.accounts, 1);
	ck_assert_uint_eq(s.hour.suggested, 0);
}
END_TEST

/* ---- who was hit ---- */

START_TEST(hints)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	for (int day = 0; day < 30; day++) {
		int64_t at = (1000 + day) * DAY;
		sends(&stream, "tight", at, day % 2 ? 9 : 2);
		sends(&stream, "lone", at, day == 25 ? 9 : 2);
		sends(&stream, "pardoned", at, day == 25 ? 9 : 2);
		if (day < 3)
			sends(&stream, "new", at, 9);
	}
	stream_end(&stream, LIMIT("5"),
		"{\"ts\":88800000,\"event\":\"release\",\"sasl_username\":\"pardoned\",\"verdict\":"
		"\"false-positive\"}\n",
		&s);
	ck_assert_uint_eq(s.accounts, 4);
	ck_assert_str_eq(s.account[0].name, "tight");
	ck_assert_uint_eq(s.account[0].days, 30);
	ck_assert_uint_eq(s.account[0].days_hit, 15);
	ck_assert_int_eq((int)s.account[0].hint, HINT_TIGHT);
	ck_assert_int_eq((int)account_of(&s, "lone")->hint, HINT_LONE);
	ck_assert_int_eq((int)account_of(&s, "pardoned")->hint, HINT_FALSE_POSITIVE);
	ck_assert_int_eq((int)account_of(&s, "new")->hint, HINT_NONE);
	ck_assert_int_eq(account_of(&s, "lone")->first_hit.us, 1025 * DAY * SECOND_US);
	ck_assert_uint_eq(s.by_day[25].refused, 4 + 4 + 4);
}
END_TEST

/* In somebody else's name, from many places, to strangers. */
static void attacks(struct stream *stream, const char *login, int64_t at, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		stream->messages++;
		ck_assert_int_gt(
			fprintf(stream->file,
				"{\"ts\":%lld,\"protocol_state\":\"RCPT\",\"instance\":\"m%u\","
				"\"recipient\":\"v%u@w%u.test\",\"sasl_username\":\"%s\","
				"\"sender\":"
				"\"ceo@bank.test\",\"helo_name\":\"gw\",\"client_address\":"
				"\"203.0.%u.9\"}\n",
				(long long)(at + i * 5), stream->messages, i, i % 7, login,
				100 + i % 20),
			0);
	}
}

/* A suspension is the last step of the ladder, and comes with its evidence. */
START_TEST(suspended)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	for (int i = 0; i < 80; i++)
		sends(&stream, "alice", 1000 * DAY + i * 21600, 1);
	attacks(&stream, "alice", 1020 * DAY, 300);
	stream_end(&stream,
		"limits = ( { name = \"hourly\"; rate = \"5000/1h\"; } ); signals = { mode = "
		"\"enforce\"; };",
		NULL, &s);
	const struct replay_account *alice = account_of(&s, "alice");
	ck_assert_uint_eq(s.accounts, 1);
	ck_assert_uint_eq(s.step[STEP_SUSPEND], 1);
	ck_assert_uint_eq(s.step[STEP_HOLD], 0);
	ck_assert_int_eq((int)alice->step, STEP_SUSPEND);
	ck_assert_uint_gt(alice->refused, 0);
	ck_assert_double_gt(alice->score, 50);
	ck_assert_uint_eq(alice->evidence_n, 4);
	const struct replay_evidence *last = &alice->evidence[3];
	ck_assert_int_eq((int)last->step, STEP_SUSPEND);
	ck_assert_ptr_eq(strstr(last->text, "suspend at "), last->text);
	ck_assert_uint_gt(strlen(last->text), 40);
	char *page = page_of(&s);
	ck_assert_ptr_nonnull(strstr(page, "<td>suspend<td class=\"n\">1<"));
	free(page);
}
END_TEST

/* What somebody ordered is no step of the ladder. */
START_TEST(suspended_by_the_desk)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	sends(&stream, "alice", 1000 * DAY, 3);
	stream_end(&stream, LIMIT("5"),
		"{\"ts\":86000000,\"event\":\"command\",\"verb\":\"suspend\",\"account\":"
		"\"login:alice\"}\n",
		&s);
	ck_assert_uint_eq(account_of(&s, "alice")->refused, 3);
	ck_assert_uint_eq(s.step[STEP_SUSPEND], 0);
}
END_TEST

/* ---- the page ---- */

/* Whatever a login is, it is text in the page, and turns nothing around. */
START_TEST(page_is_escaped)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	sends(&stream, "<script>x</script>&'\\\"\\u202e\\u0007@e.test", 1000 * DAY, 4);
	sends(&stream, "b", 1001 * DAY, 3);
	sends(&stream, "c", 1005 * DAY, 3);
	stream_end(&stream, LIMIT("2"), NULL, &s);
	char *page = page_of(&s);
	ck_assert_ptr_null(strstr(page, "<script"));
	ck_assert_ptr_nonnull(
		strstr(page, "&#60;script&#62;x&#60;/script&#62;&#38;&#39;&#34;&#65533;&#65533;@"));
	ck_assert_ptr_null(strstr(page, "\xe2\x80\xae"));
	ck_assert_ptr_null(strstr(page, "http:"));
	ck_assert_ptr_nonnull(strstr(page, "/etc/&#60;b&#62;.conf"));
	ck_assert_ptr_nonnull(strstr(page, "<svg "));
	ck_assert_ptr_nonnull(strstr(page, "1 more are not shown"));
	ck_assert_ptr_nonnull(strstr(page, "left every account alone"));
	ck_assert_ptr_nonnull(strstr(page, "a bar is 1 day;"));
	ck_assert_ptr_nonnull(strstr(page, ": 4 recipients, 0 held, 2 refused</title>"));
	ck_assert_ptr_nonnull(strstr(page, "</html>"));
	free(page);
}
END_TEST

START_TEST(page_of_nothing)
{
	struct replay_summary s = {.requests = 0};
	char *page = page_of(&s);
	ck_assert_ptr_nonnull(strstr(page, "</html>"));
	ck_assert_ptr_null(strstr(page, "<svg"));
	free(page);
}
END_TEST

/* Ten years of days fit, and what is beyond them does no harm. */
START_TEST(days_are_bounded)
{
	struct stream stream;
	CLEANUP(summary_free) struct replay_summary s = {0};
	stream_begin(&stream);
	for (int day = 0; day < 6000; day += 100)
		sends(&stream, "alice", (int64_t)(1000 + day) * DAY, 1);
	stream_end(&stream, LIMIT("2"), NULL, &s);
	ck_assert_uint_eq(s.days, 3901);
	ck_assert_uint_eq(s.requests, 60);
	char *page = page_of(&s);
	ck_assert_uint_lt(strlen(page), 100000);
	free(page);
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"volume_of_accounts", volume_of_accounts, 0},
		{"too_few_to_suggest", too_few_to_suggest, 0},
		{"hints", hints, 0},
		{"suspended", suspended, 0},
		{"suspended_by_the_desk", suspended_by_the_desk, 0},
		{"page_is_escaped", page_is_escaped, 0},
		{"page_of_nothing", page_of_nothing, 0},
		{"days_are_bounded", days_are_bounded, 0},
	};
	if (!folder_begin())
		return EXIT_FAILURE;
	return folder_end(SUITE_RUN("report", rows));
}
