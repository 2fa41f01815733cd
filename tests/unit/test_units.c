/* SPDX-License-Identifier: ISC */
/* units.h: durations, sizes and rates, to numbers and back. */
#include <errno.h>
#include <stdlib.h>

#include "policyd/clock.h"
#include "policyd/units.h"
#include "suite.h"

#define BAD       INT64_C(-1) /* not taken */
#define UNTOUCHED INT64_C(-77)

static const struct {
	const char *text;
	int64_t us;
} durations[] = {
	{"0", 0},
	{"0s", 0},
	{"1ms", 1000},
	{"90s", 90 * SECOND_US},
	{"10m", 10 * MINUTE_US},
	{"4h", 4 * HOUR_US},
	{"14d", 14 * DAY_US},
	{"2w", 14 * DAY_US},
	{"007s", 7 * SECOND_US},
	{"", BAD},
	{"5", BAD},
	{"s", BAD},
	{"-1s", BAD},
	{"+1s", BAD},
	{"1.5h", BAD},
	{"1h30m", BAD},
	{"1 h", BAD},
	{" 1h", BAD},
	{"1h ", BAD},
	{"1H", BAD},
	{"1y", BAD},
	{"1us", BAD},
	{"9223372036854ms", INT64_C(9223372036854000)},
	{"9223372036854775ms", INT64_C(9223372036854775000)},
	{"9223372036854776ms", BAD},
	{"106751992d", BAD},
	{"18446744073709551616s", BAD},
	{"99999999999999999999999w", BAD},
};

START_TEST(duration_row)
{
	int64_t us = UNTOUCHED;
	struct errbuf err = {0};
	int r = duration_parse(span_of(durations[_i].text), &us, &err);

	if (durations[_i].us == BAD) {
		ck_assert_msg(r == -EINVAL, "\"%s\" was taken", durations[_i].text);
		ck_assert_int_eq(us, UNTOUCHED);
		ck_assert_str_ne(err.text, "");
		return;
	}
	ck_assert_msg(r == 0, "\"%s\": %s", durations[_i].text, err.text);
	ck_assert_int_eq(us, durations[_i].us);
}
END_TEST

static const struct {
	const char *text;
	int64_t bytes;
} sizes[] = {
	{"0", 0},
	{"1", 1},
	{"10k", 10240},
	{"10M", 10485760},
	{"1G", 1073741824},
	{"8589934591G", INT64_C(8589934591) << 30},
	{"8589934592G", BAD},
	{"10K", BAD},
	{"10m", BAD},
	{"10MB", BAD},
	{"M", BAD},
	{"", BAD},
	{"-1", BAD},
	{"1.5G", BAD},
};

START_TEST(size_row)
{
	uint64_t bytes = 77;
	struct errbuf err = {0};
	int r = size_parse(span_of(sizes[_i].text), &bytes, &err);

	if (sizes[_i].bytes == BAD) {
		ck_assert_msg(r == -EINVAL, "\"%s\" was taken", sizes[_i].text);
		ck_assert_uint_eq(bytes, 77);
		ck_assert_str_ne(err.text, "");
		return;
	}
	ck_assert_msg(r == 0, "\"%s\": %s", sizes[_i].text, err.text);
	ck_assert_uint_eq(bytes, (uint64_t)sizes[_i].bytes);
}
END_TEST

static const struct {
	const char *text;
	uint32_t n; /* 0: not taken */
	int64_t window_us;
	const char *hint; /* must stand in the error */
} rates[] = {
	{"200/1h", 200, HOUR_US, NULL},
	{"1000/1d", 1000, DAY_US, NULL},
	{"20/1m", 20, MINUTE_US, NULL},
	{"20/60s", 20, MINUTE_US, NULL},
	{"1/31d", 1, 31 * DAY_US, NULL},
	{"1000000000/1h", 1000000000, HOUR_US, NULL},
	{"unlimited", RATE_UNLIMITED, 0, NULL},
	{"0", 0, 0, "\"200/1h\" or \"unlimited\""},
	{"200", 0, 0, "\"200/1h\" or \"unlimited\""},
	{"", 0, 0, "\"200/1h\""},
	{"none", 0, 0, "\"200/1h\" or \"unlimited\""},
	{"0/1h", 0, 0, "at least 1"},
	{"-5/1h", 0, 0, "N/window"},
	{"/1h", 0, 0, "N/window"},
	{"200/", 0, 0, "window"},
	{"200/1", 0, 0, "window"},
	{"200/h", 0, 0, "window"},
	{"200/59s", 0, 0, "1m to 31d"},
	{"200/32d", 0, 0, "1m to 31d"},
	{"200/0", 0, 0, "1m to 31d"},
	{"1000000001/1h", 0, 0, "up to 1000000000"},
	{"4294967396/1h", 0, 0, "up to 1000000000"},
	{"99999999999999999999999/1h", 0, 0, "up to 1000000000"},
	{"1/2/1h", 0, 0, "N/window"},
	{"200 / 1h", 0, 0, "N/window"},
	{"50/message", 0, 0, "window"},
	{"Unlimited", 0, 0, "unlimited"},
};

START_TEST(rate_row)
{
	struct rate rate = {.n = 77, .window_us = UNTOUCHED};
	struct errbuf err = {0};
	int r = rate_parse(span_of(rates[_i].text), &rate, &err);

	if (rates[_i].hint) {
		ck_assert_msg(r == -EINVAL, "\"%s\" was taken", rates[_i].text);
		ck_assert_uint_eq(rate.n, 77);
		ck_assert_int_eq(rate.window_us, UNTOUCHED);
		ck_assert_msg(strstr(err.text, rates[_i].hint) != NULL, "\"%s\": %s",
			rates[_i].text, err.text);
		return;
	}
	ck_assert_msg(r == 0, "\"%s\": %s", rates[_i].text, err.text);
	ck_assert_uint_eq(rate.n, rates[_i].n);
	ck_assert_int_eq(rate.window_us, rates[_i].window_us);
}
END_TEST

START_TEST(errors_are_optional)
{
	struct rate rate;
	uint64_t bytes;
	int64_t us;

	ck_assert_int_eq(duration_parse(SPAN("x"), &us, NULL), -EINVAL);
	ck_assert_int_eq(size_parse(SPAN("x"), &bytes, NULL), -EINVAL);
	ck_assert_int_eq(rate_parse(SPAN("x"), &rate, NULL), -EINVAL);
	ck_assert_int_eq(duration_parse(span_make(NULL, 0), &us, NULL), -EINVAL);
	ck_assert_int_eq(rate_parse(span_make(NULL, 0), &rate, NULL), -EINVAL);
}
END_TEST

static const struct {
	int64_t us;
	const char *text;
} shown[] = {
	{0, "0s"},
	{1000, "1ms"},
	{1500, "1ms"},
	{90 * SECOND_US, "90s"},
	{60 * SECOND_US, "1m"},
	{90 * MINUTE_US, "90m"},
	{HOUR_US, "1h"},
	{26 * HOUR_US, "26h"},
	{DAY_US, "1d"},
	{14 * DAY_US, "14d"},
	{-HOUR_US, "-1h"},
	{INT64_MAX, "9223372036854775ms"},
	{INT64_MIN, "-9223372036854775ms"},
};

START_TEST(duration_format_row)
{
	char buf[DURATION_TEXT_SIZE];

	ck_assert_str_eq(duration_format(shown[_i].us, buf), shown[_i].text);
}
END_TEST

START_TEST(rate_round_trip)
{
	char buf[RATE_TEXT_SIZE], again[RATE_TEXT_SIZE];
	struct rate rate, back;

	if (rates[_i].hint)
		return;
	ck_assert_int_eq(rate_parse(span_of(rates[_i].text), &rate, NULL), 0);
	ck_assert_int_eq(rate_parse(span_of(rate_format(&rate, buf)), &back, NULL), 0);
	ck_assert_uint_eq(rate.n, back.n);
	ck_assert_int_eq(rate.window_us, back.window_us);
	ck_assert_str_eq(rate_format(&back, again), rate_format(&rate, buf));
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"duration_row", duration_row, ROWS(durations)},
		{"size_row", size_row, ROWS(sizes)},
		{"rate_row", rate_row, ROWS(rates)},
		{"errors_are_optional", errors_are_optional, 0},
		{"duration_format_row", duration_format_row, ROWS(shown)},
		{"rate_round_trip", rate_round_trip, ROWS(rates)},
	};
	return SUITE_RUN("units", rows);
}
