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
	uint64_t n; /* 0: not taken */
	int64_t window_us;
	const char *hint; /* must stand in the error */
	bool is_size;
} rates[] = {
	{"200/1h", 200, HOUR_US, NULL, false},
	{"1000/1d", 1000, DAY_US, NULL, false},
	{"20/1m", 20, MINUTE_US, NULL, false},
	{"20/60s", 20, MINUTE_US, NULL, false},
	{"1/31d", 1, 31 * DAY_US, NULL, false},
	{"4294967396/1h", UINT64_C(4294967396), HOUR_US, NULL, false},
	{"9007199254740992/1h", UINT64_C(1) << 53, HOUR_US, NULL, false},
	{"10_000/1d", 10000, DAY_US, NULL, false},
	{"1_0_0/1d", 100, DAY_US, NULL, false},
	{"0000000000000000000000000000000000000007/1h", 7, HOUR_US, NULL, false},
	{"500k/1h", 500 * 1024, HOUR_US, NULL, true},
	{"500M/1d", UINT64_C(500) << 20, DAY_US, NULL, true},
	{"1_000G/31d", UINT64_C(1000) << 30, 31 * DAY_US, NULL, true},
	{"8388608G/1d", UINT64_C(1) << 53, DAY_US, NULL, true},
	{"50/message", 50, RATE_PER_MESSAGE, NULL, false},
	{"25M/message", UINT64_C(25) << 20, RATE_PER_MESSAGE, NULL, true},
	{"unlimited", RATE_UNLIMITED, 0, NULL, false},
	{"8388609G/1d", 0, 0, "up to 9007199254740992", false},
	{"9007199254740993/1h", 0, 0, "up to 9007199254740992", false},
	{"00000000000000000000000000000000000000007/1h", 0, 0, "N/window", false},
	{"10_000", 0, 0, "a bare number", false},
	{"_10/1d", 0, 0, "N/window", false},
	{"10_/1d", 0, 0, "N/window", false},
	{"1__0/1d", 0, 0, "N/window", false},
	{"1_0_k/1d", 0, 0, "N/window", false},
	{"10_k/1d", 0, 0, "N/window", false},
	{"10K/1d", 0, 0, "N/window", false},
	{"10m/1d", 0, 0, "N/window", false},
	{"10MB/1d", 0, 0, "N/window", false},
	{"M/1d", 0, 0, "N/window", false},
	{"1.5M/1d", 0, 0, "N/window", false},
	{"0k/1d", 0, 0, "at least 1", false},
	{"0/message", 0, 0, "at least 1", false},
	{"50/messages", 0, 0, "or message", false},
	{"50/Message", 0, 0, "or message", false},
	{"/message", 0, 0, "N/window", false},
	{"0", 0, 0, "\"200/1h\" or \"unlimited\"", false},
	{"200", 0, 0, "\"200/1h\" or \"unlimited\"", false},
	{"", 0, 0, "\"200/1h\"", false},
	{"none", 0, 0, "\"200/1h\" or \"unlimited\"", false},
	{"0/1h", 0, 0, "at least 1", false},
	{"-5/1h", 0, 0, "N/window", false},
	{"/1h", 0, 0, "N/window", false},
	{"200/", 0, 0, "window", false},
	{"200/1", 0, 0, "window", false},
	{"200/h", 0, 0, "window", false},
	{"200/59s", 0, 0, "1m to 31d", false},
	{"200/32d", 0, 0, "1m to 31d", false},
	{"200/0", 0, 0, "1m to 31d", false},
	{"99999999999999999999999/1h", 0, 0, "up to 9007199254740992", false},
	{"1/2/1h", 0, 0, "N/window", false},
	{"200 / 1h", 0, 0, "N/window", false},
	{"Unlimited", 0, 0, "unlimited", false},
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
	ck_assert_int_eq(rate.is_size, rates[_i].is_size);
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
	ck_assert_int_eq(rate.is_size, back.is_size);
	ck_assert_str_eq(rate_format(&back, again), rate_format(&rate, buf));
}
END_TEST

static const struct {
	struct rate rate;
	const char *text;
} written[] = {
	{{.n = 50, .window_us = RATE_PER_MESSAGE}, "50/message"},
	{{.n = 10000, .window_us = DAY_US}, "10000/1d"},
	{{.n = UINT64_C(1) << 20, .window_us = HOUR_US}, "1048576/1h"},
	{{.n = UINT64_C(1) << 20, .window_us = HOUR_US, .is_size = true}, "1M/1h"},
	{{.n = UINT64_C(1536) << 20, .window_us = DAY_US, .is_size = true}, "1536M/1d"},
	{{.n = UINT64_C(2) << 30, .window_us = RATE_PER_MESSAGE, .is_size = true}, "2G/message"},
	{{.n = 1000, .window_us = HOUR_US, .is_size = true}, "1000/1h"},
	{{.n = UINT64_C(1) << 53, .window_us = 31 * DAY_US}, "9007199254740992/31d"},
	{{.n = RATE_UNLIMITED}, "unlimited"},
};

START_TEST(rate_format_row)
{
	char buf[RATE_TEXT_SIZE];

	ck_assert_str_eq(rate_format(&written[_i].rate, buf), written[_i].text);
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
		{"rate_format_row", rate_format_row, ROWS(written)},
		{"rate_round_trip", rate_round_trip, ROWS(rates)},
	};
	return SUITE_RUN("units", rows);
}
