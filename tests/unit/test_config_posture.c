/* SPDX-License-Identifier: ISC */
/* config.h: the settings of postures, what they are unless given, and the mistakes they make together. */
#include "config_help.h"

#define NEWS(words)                                                                                \
	"classes = ( { name = \"news\"; match = ( { login = \"news@*\"; } ); posture = { " words   \
	" }; } );"
#define MAP(first, second)                                                                         \
	"egress = { addresses = ( { address = \"192.0.2.1\"; transport = \"a\"; }, { address = "   \
	"\"192.0.2.2\"; transport = \"b\"; } ); map = ( { egress = \"192.0.2.1\"; " first          \
	" },\n{ egress = \"192.0.2.2\"; " second " } ); };"

/* Each stands on line 2 of the text, behind LEAST. */
static const struct {
	const char *text, *told; /* "": nothing is */
} rows[] = {
	{"", ""},
	{"posture = { };", ""},
	/* Severities. */
	{"posture = { watch_severity = 5; throttle_severity = 5; };", ""},
	{"posture = { watch_severity = 6; throttle_severity = 6; hold_severity = 6; };", ""},
	{"posture = {\nwatch_severity = 5; };",
		"E t.conf:2: posture: watch_severity is 5 and throttle_severity 4: what is worse "
		"needs no less; write throttle_severity = 5; or more"},
	{"posture = { hold_severity = 3; };",
		"E t.conf:2: posture: throttle_severity is 4 and hold_severity 3: what is worse "
		"needs no less; write hold_severity = 4; or more"},
	{"posture = { hold_severity = 7; };", "posture.hold_severity 7: write a value from 1 to 6"},
	{"posture = { watch_severity = 0; };", "posture.watch_severity 0: write a value from 1"},
	/* Receivers. */
	{"posture = { receiver_watch = 9; };", ""},
	{"posture = { receiver_watch = 10; };",
		"E t.conf:2: posture: receiver_watch is 10 and receiver_throttle 10: each needs "
		"more points than the one before; write receiver_throttle = 11; or more"},
	{"posture = { receiver_throttle = 20; };",
		"E t.conf:2: posture: receiver_throttle is 20 and receiver_hold 20: each needs "
		"more "
		"points than the one before; write receiver_hold = 21; or more"},
	/* The ramp. */
	{"posture = { ramp = [ \"1%\", \"100%\" ]; };", ""},
	{"posture = { ramp = [ ]; };", ""},
	{"posture = { ramp = [ \"1%\", \"2%\", \"3%\", \"4%\", \"5%\", \"6%\", \"7%\", \"8%\", "
	 "\"9%\", \"10%\", \"11%\", \"12%\", \"13%\", \"14%\", \"15%\", \"100%\" ]; };",
		""},
	{"posture = { ramp = [ \"1%\", \"2%\", \"3%\", \"4%\", \"5%\", \"6%\", \"7%\", \"8%\", "
	 "\"9%\", \"10%\", \"11%\", \"12%\", \"13%\", \"14%\", \"15%\", \"16%\", \"100%\" ]; };",
		"E t.conf:2: posture.ramp has 17 steps, and may have 16: leave some out"},
	{"posture = { ramp = [ \"0%\", \"100%\" ]; };",
		"E t.conf:2: posture.ramp \"0%\": a step of the ramp is 1% to 100%: write \"25%\""},
	{"posture = { ramp = [ \"101%\" ]; };", "posture.ramp \"101%\": a step of the ramp is"},
	{"posture = { ramp = [ \"25\" ]; };", "posture.ramp \"25\": a step of the ramp is"},
	{"posture = { ramp = [ \"%\" ]; };", "posture.ramp \"%\": a step of the ramp is"},
	{"posture = { ramp = [ \"-5%\" ]; };", "posture.ramp \"-5%\": a step of the ramp is"},
	{"posture = { ramp = [ \"25%\", \"10%\", \"100%\" ]; };",
		"E t.conf:2: posture.ramp: \"10%\" stands behind \"25%\": each step lets more "
		"through than the one before; put them in order"},
	{"posture = { ramp = [ \"25%\", \"25%\", \"100%\" ]; };",
		"E t.conf:2: posture.ramp: \"25%\" stands behind \"25%\""},
	{"posture = { ramp = [ \"25%\", \"50%\" ]; };", "W t.conf:2: posture.ramp ends at \"50%\": "
							"from there to all of it is one leap; add "
							"\"100%\""},
	/* Treatments that contradict each other, or what has them. */
	{NEWS("hold = \"10%\"; throttle = \"50%\"; watch = \"pass\"; recover = \"pass\";"), ""},
	{NEWS("hold = \"DEFER\"; throttle = \"DEFER\"; watch = \"slow\";"), ""},
	{NEWS("hold = \"pass\"; throttle = \"FILTER slow:\"; watch = \"shift\";"), ""},
	{NEWS("hold = \"50%\"; throttle = \"10%\";"), "W t.conf:2: classes \"news\": posture: at "
						      "hold more passes than at throttle, which is "
						      "better: write them the other way round"},
	{NEWS("throttle = \"pass\"; watch = \"99%\";"),
		"W t.conf:2: classes \"news\": posture: at throttle more passes than at watch"},
	{NEWS("hold = \"0%\"; watch = \"HOLD\";"), "at hold more passes than at watch"},
	{NEWS("essential = true;"), ""},
	{NEWS("essential = true; recover = \"10%\";"),
		"W t.conf:2: classes \"news\": posture.essential lets all its mail flow, so no "
		"treatment is ever used: leave out the one or the other"},
	{"posture = { flagged_hold = \"50%\"; };",
		"W t.conf:2: posture: at flagged_hold more passes than at flagged_throttle"},
	/* What never gets its turn. */
	{MAP("domain = \"example.org\";", "domain = \"example.net\";"), ""},
	{MAP("domain = \"sub.example.org\";", "domain = \"example.org\";"), ""},
	{MAP("domain = \"example.org\"; context = \"a\";", "domain = \"example.org\";"), ""},
	{MAP("domain = \"ample.org\";", "domain = \"example.org\";"), ""},
	{MAP("domain = \"example.org\";", "domain = \"EXAMPLE.org\";"),
		"E t.conf:3: egress.map: all that this fits goes to \"192.0.2.1\" already, by "
		"t.conf:2: "
		"put the one that says more first, or leave one out"},
	{MAP("domain = \"example.org\";", "domain = \"a.b.example.org\"; context = \"a\";"),
		"E t.conf:3: egress.map: all that this fits"},
	{MAP("context = \"a\";", "context = \"a\"; server_address = \"192.0.2.9\";"),
		"E t.conf:3: egress.map: all that this fits"},
	/* Durations. */
	{"posture = { ramp_step = \"30s\"; };", "E t.conf:2: posture.ramp_step \"30s\""},
	{"posture = { receiver_half_life = \"0s\"; };", "E t.conf:2: posture.receiver_half_life"},
	{"posture = { calm = \"0s\"; unknown_keep = \"0s\"; };", ""},
};

START_TEST(told_row)
{
	struct loaded loaded = load_text(rows[_i].text);
	const char *told = told_by(loaded.report);

	if (rows[_i].told[0] == '\0')
		ck_assert_msg(loaded.report->n == 0, "\"%s\" tells: %s", rows[_i].text, told);
	else
		ck_assert_msg(strstr(told, rows[_i].told) != NULL && loaded.report->n == 1,
			"\"%s\" tells: %s", rows[_i].text, told);
	ck_assert_int_eq(loaded.r == 0, strstr(told, "E t.conf") == NULL);
	loaded_free(&loaded);
}
END_TEST

START_TEST(presets)
{
	struct config *config = config_of("");
	const struct config_posture *posture = &config->posture;

	ck_assert_int_eq(posture->mode, MODE_OBSERVE);
	ck_assert_uint_eq(posture->watch_severity, 3);
	ck_assert_uint_eq(posture->throttle_severity, 4);
	ck_assert_uint_eq(posture->hold_severity, 5);
	ck_assert_int_eq(posture->calm_us, 10 * MINUTE_US);
	ck_assert_int_eq(posture->unknown_keep_us, DAY_US);
	ck_assert_int_eq(posture->ramp_step_us, HOUR_US);
	ck_assert_int_eq(posture->receiver_half_life_us, HOUR_US);
	ck_assert_uint_eq(posture->ramp.n, 0);
	config_unref(config);
}
END_TEST

int main(void)
{
	const struct suite_row suite_rows[] = {
		{"told_row", told_row, ROWS(rows)},
		{"presets", presets, 0},
	};
	return SUITE_RUN("config_posture", suite_rows);
}
