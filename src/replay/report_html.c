/* SPDX-License-Identifier: ISC */
/*
 * The summary as one page that needs nothing else: no script, no font, nothing fetched. Names in it
 * came from outside, so everything is escaped.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/replay.h"
#include "policyd/utf8.h"

/* Bars that a phone can still show: half a year of days. */
#define BARS_MAX     190
#define CHART_WIDTH  720
#define CHART_HEIGHT 140
/* Names in the first sentence. */
#define NAMED_MAX 12

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
	"'unsafe-inline'\">\n<title>policyd: what the rules would have done</title>\n<style>\n"
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#59636e;--line:#d8dee4;"
	"--box:#f6f8fa;--bar:#8fb3d9;--held:#d99a2b;--bad:#c93c37}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#0f1318;--fg:#e2e7ed;--dim:#96a0ab;"
	"--line:#2c343d;--box:#181e25;--bar:#3f658c;--held:#c98f2e;--bad:#f0716a}}\n"
	"body{background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;margin:0 "
	"auto;padding:1rem;max-width:60rem}\n"
	"h1{font-size:1.4rem;margin:.5rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}\n"
	".dim,small{color:var(--dim)}.n{text-align:right;font-variant-numeric:tabular-nums}\n"
	".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\n"
	"th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;"
	"vertical-align:top}th{color:var(--dim);font-weight:600}\n"
	".name,li{overflow-wrap:anywhere}ul{margin:.2rem 0;padding-left:1.1rem}\n"
	".who td{border-bottom:0}.who .name{min-width:9rem}.why{padding-top:0}\n"
	".why ul,.why p{max-width:calc(100vw - 4rem)}.facts{margin-top:1rem}\n"
	"@media(max-width:40rem){th,td{padding:.3rem;font-size:.85rem}.who .name{min-width:7rem}}"
	"\n"
	".key{display:inline-block;width:.8em;height:.8em;border-radius:.15em}\n"
	".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem}\n"
	".facts div{background:var(--box);border:1px solid var(--line);border-radius:.5rem;"
	"padding:.6rem .8rem}.facts b{display:block;font-size:1.3rem}\n"
	"pre{background:var(--box);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;"
	"overflow-x:auto}\nsvg{width:100%;height:auto;background:var(--box);border-radius:.5rem}\n"
	".v{fill:var(--bar);background:var(--bar)}.h{fill:var(--held);background:var(--held)}"
	".r{fill:var(--bad);background:var(--bad)}\n</style></head><body>\n";

/* ---- text ---- */

/* Controls, and what turns the direction of the text around it. */
static bool is_unwelcome(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static void put_character(FILE *out, const char *p, size_t n, uint32_t code)
{
	if (code == '&' || code == '<' || code == '>' || code == '"' || code == '\'')
		fprintf(out, "&#%u;", (unsigned)code);
	else if (is_unwelcome(code))
		(void)fputs("&#65533;", out);
	else
		(void)fwrite(p, 1, n, out);
}

static void put_text(FILE *out, const char *text)
{
	size_t n = 0;
	uint32_t code = 0;
	char *whole = utf8_repair(span_of(text), &n);
	for (size_t at = 0; at < n;) {
		size_t used = utf8_read(whole + at, n - at, &code);
		if (used == 0)
			break;
		put_character(out, whole + at, used, code);
		at += used;
	}
	free(whole);
}

static void put_fact(FILE *out, uint64_t number, const char *what)
{
	fprintf(out, "<div><b>%" PRIu64 "</b>%s</div>\n", number, what);
}

/* ---- the parts ---- */

/* ---- the first sentence ---- */

static enum step step_of(const struct replay_account *account)
{
	return account->step > account->would ? account->step : account->would;
}

/* "2 accounts would have been suspended: a, b." */
static void put_outcome(FILE *out, const struct replay_summary *s, enum step step, const char *what)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s->accounts; i++)
		n += step_of(&s->account[i]) == step;
	if (n == 0)
		return;
	fprintf(out, "<li><b>%" PRIu64 " account%s</b> %s: ", n, n == 1 ? "" : "s", what);
	size_t shown = 0;
	for (size_t i = 0; i < s->accounts && shown < NAMED_MAX; i++) {
		if (step_of(&s->account[i]) != step)
			continue;
		(void)fputs(shown++ ? ", " : "", out);
		put_text(out, s->account[i].name);
	}
	if (n > shown)
		fprintf(out, " and %" PRIu64 " more", n - shown);
	(void)fputs("</li>\n", out);
}

static void put_outcomes(FILE *out, const struct replay_summary *s)
{
	uint64_t hints = 0, most = s->step[STEP_SUSPEND] + s->would[STEP_SUSPEND] +
				   s->step[STEP_HOLD] + s->would[STEP_HOLD] + s->step[STEP_SLOW] +
				   s->would[STEP_SLOW];
	for (size_t i = 0; i < s->accounts; i++)
		hints += s->account[i].hint == HINT_FALSE_POSITIVE;
	if (most == 0) {
		(void)fputs("<p>The ladder would have left every account alone.</p>\n", out);
		return;
	}
	(void)fputs("<ul>\n", out);
	put_outcome(out, s, STEP_SUSPEND, "would have been suspended");
	put_outcome(out, s, STEP_HOLD, "would have been held for review");
	put_outcome(out, s, STEP_SLOW, "would have been slowed");
	if (hints)
		fprintf(out,
			"<li>%" PRIu64 " of those that were hit were released as false "
			"positives</li>\n",
			hints);
	(void)fputs("</ul>\n", out);
}

static void put_facts(FILE *out, const struct replay_report *report)
{
	const struct replay_summary *s = report->summary;
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	(void)fputs("<h1>What the rules would have done</h1>\n<p class=\"dim\">", out);
	put_text(out, report->input);
	(void)fputs(" with ", out);
	put_text(out, report->config);
	if (s->requests)
		fprintf(out, "<br>%s to %s", wall_format(s->first, first),
			wall_format(s->last, last));
	(void)fputs("</p>\n", out);
	put_outcomes(out, s);
	(void)fputs("<div class=\"facts\">\n", out);
	put_fact(out, s->requests, "requests");
	put_fact(out, s->seen, "accounts that sent");
	put_fact(out, s->accounts, "accounts that were hit");
	(void)fputs("</div>\n", out);
	if (s->bad_lines) {
		fprintf(out,
			"<p>%" PRIu64
			" lines are no requests or events, and were passed over; the first: ",
			s->bad_lines);
		put_text(out, s->first_bad);
		(void)fputs("</p>\n", out);
	}
}

static struct replay_day bar_of(const struct replay_summary *s, size_t from, size_t n)
{
	struct replay_day sum = {0};
	for (size_t i = from; i < from + n && i < s->days; i++) {
		sum.recipients += s->by_day[i].recipients;
		sum.refused += s->by_day[i].refused;
		sum.held += s->by_day[i].held;
	}
	return sum;
}

struct bar_place {
	double from, width;
};

/* A part of a bar, on what is below it already. */
static void put_part(
	FILE *out, const char *class, const struct bar_place *x, double *y, double height)
{
	if (height <= 0)
		return;
	*y -= height;
	fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
		class, x->from, *y, x->width, height);
}

/* The day since 1970, as a date. */
static const char *date_of(int64_t day, char buf[WALL_TEXT_SIZE])
{
	wall_format((wall_t){.us = day * DAY_US}, buf);
	buf[strlen("2026-11-22")] = '\0';
	return buf;
}

static void put_bar(
	FILE *out, const struct replay_day *bar, const struct bar_place *x, uint64_t most)
{
	double unit = (double)(CHART_HEIGHT - 8) / (double)most, y = CHART_HEIGHT;
	uint64_t stopped = bar->refused + bar->held;
	uint64_t passed = bar->recipients > stopped ? bar->recipients - stopped : 0;
	put_part(out, "v", x, &y, (double)passed * unit);
	put_part(out, "h", x, &y, (double)bar->held * unit);
	put_part(out, "r", x, &y, (double)bar->refused * unit);
}

static void put_bars(FILE *out, const struct replay_summary *s, size_t days, uint64_t most)
{
	char date[WALL_TEXT_SIZE];
	size_t bars = (s->days + days - 1) / days;
	double step = (double)CHART_WIDTH / (double)bars;
	for (size_t i = 0; i < bars; i++) {
		struct replay_day bar = bar_of(s, i * days, days);
		if (bar.recipients == 0)
			continue;
		fprintf(out,
			"<g><title>%s: %" PRIu64 " recipients, %" PRIu64 " held, %" PRIu64
			" refused</title>",
			date_of(s->first_day + (int64_t)(i * days), date), bar.recipients, bar.held,
			bar.refused);
		put_bar(out, &bar, &(struct bar_place){(double)i * step, step * 0.8}, most);
		(void)fputs("</g>\n", out);
	}
}

/* What became of the recipients of each day: passed, held, refused, one on the other. */
static void put_chart(FILE *out, const struct replay_summary *s)
{
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	size_t days = (s->days + BARS_MAX - 1) / BARS_MAX;
	uint64_t most = 1;
	if (s->days < 2)
		return;
	for (size_t i = 0; i < s->days; i += days) {
		uint64_t n = bar_of(s, i, days).recipients;
		most = n > most ? n : most;
	}
	fprintf(out,
		"<h2>Recipients over time</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-label=\"recipients passed, held and refused over time\">",
		CHART_WIDTH, CHART_HEIGHT);
	put_bars(out, s, days, most);
	date_of(s->first_day, first);
	date_of(s->first_day + (int64_t)s->days - 1, last);
	fprintf(out,
		"</svg>\n<p class=\"dim\"><span class=\"key v\"></span> passed &nbsp; "
		"<span class=\"key h\"></span> held &nbsp; <span class=\"key r\"></span> refused "
		"or put off<br>%s to %s; a bar is %zu day%s; the highest has %" PRIu64
		" recipients</p>\n",
		first, last, days, days == 1 ? "" : "s", most);
}

static void put_rules(FILE *out, const struct replay_summary *s)
{
	if (s->rules == 0)
		return;
	(void)fputs("<h2>Rules that would have acted</h2>\n<div class=\"wide\"><table><tr><th>Rule"
		    "<th>Mode<th class=\"n\">Requests<th class=\"n\">Accounts</tr>\n",
		out);
	for (size_t i = 0; i < s->rules; i++) {
		(void)fputs("<tr><td class=\"name\">", out);
		put_text(out, s->rule[i].name);
		fprintf(out, "<td>%s<td class=\"n\">%" PRIu64 "<td class=\"n\">%" PRIu64 "</tr>\n",
			s->rule[i].observed ? "observe" : "enforce", s->rule[i].requests,
			s->rule[i].accounts);
	}
	(void)fputs("</table></div>\n", out);
}

static void put_ladder(FILE *out, const struct replay_summary *s)
{
	(void)fputs("<h2>The ladder</h2>\n<div class=\"wide\"><table><tr><th>Came as far as"
		    "<th class=\"n\">Accounts<th class=\"n\">Observed only</tr>\n",
		out);
	for (int i = STEP_NOTE; i < STEP_COUNT; i++)
		fprintf(out,
			"<tr><td>%s<td class=\"n\">%" PRIu64 "<td class=\"n\">%" PRIu64 "</tr>\n",
			step_name((enum step)i), s->step[i], s->would[i]);
	(void)fputs("</table></div>\n", out);
}

static void put_evidence(FILE *out, const struct replay_account *account)
{
	char at[WALL_TEXT_SIZE];
	if (account->evidence_n)
		(void)fputs("<ul>", out);
	for (size_t i = 0; i < account->evidence_n; i++) {
		fprintf(out, "<li><small>%s</small> ", wall_format(account->evidence[i].at, at));
		put_text(out, account->evidence[i].text);
		(void)fputs("</li>", out);
	}
	if (account->evidence_n)
		(void)fputs("</ul>", out);
	if (account->evidence_more)
		fprintf(out, "<small>and %" PRIu64 " more</small>", account->evidence_more);
	if (account->hint)
		fprintf(out, "<p><b>Look twice:</b> %s</p>", replay_hint_text(account->hint));
}

static void put_accounts(FILE *out, const struct replay_report *report)
{
	const struct replay_summary *s = report->summary;
	if (s->accounts == 0)
		return;
	(void)fputs(
		"<h2>Accounts that were hit most</h2>\n<div class=\"wide\"><table><tr><th>Account"
		"<th>Step<th class=\"n\">Score<th class=\"n\">Refused<th class=\"n\">Held"
		"<th class=\"n\">Days hit</tr>\n",
		out);
	for (size_t i = 0; i < s->accounts && i < report->accounts_max; i++) {
		const struct replay_account *a = &s->account[i];
		(void)fputs("<tr class=\"who\"><td class=\"name\"><b>", out);
		put_text(out, a->name);
		fprintf(out,
			"</b><td>%s<td class=\"n\">%.0f<td class=\"n\">%" PRIu64
			"<td class=\"n\">%" PRIu64 "<td class=\"n\">%u of %u</tr>\n",
			step_name(step_of(a)), a->score, a->refused, a->held, a->days_hit, a->days);
		(void)fputs("<tr><td class=\"why\" colspan=\"6\">", out);
		put_evidence(out, a);
		(void)fputs("</tr>\n", out);
	}
	(void)fputs("</table></div>\n", out);
	if (s->accounts > report->accounts_max)
		fprintf(out, "<p class=\"dim\">%zu more are not shown.</p>\n",
			s->accounts - report->accounts_max);
}

static void put_suggestion(
	FILE *out, const char *name, const char *window, const struct replay_volume *v)
{
	if (v->suggested)
		fprintf(out,
			"{ name = \"%s\"; key = \"account\"; unit = \"recipients\"; rate = "
			"\"%" PRIu64 "/%s\"; mode = \"observe\"; }  # above it: %" PRIu64
			" of %" PRIu64 " accounts\n",
			name, v->suggested, window, v->above, v->accounts);
}

static void put_volume(FILE *out, const struct replay_summary *s)
{
	const struct {
		const char *what;
		const struct replay_volume *v;
	} rows[] = {{"an hour", &s->hour}, {"a day", &s->day}};
	(void)fputs(
		"<h2>What is usual here</h2>\n<div class=\"wide\"><table><tr><th>Recipients of an "
		"account in<th class=\"n\">half are below<th class=\"n\">99 % are below"
		"<th class=\"n\">99 of 100 accounts never above</tr>\n",
		out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		fprintf(out,
			"<tr><td>%s<td class=\"n\">%" PRIu64 "<td class=\"n\">%" PRIu64
			"<td class=\"n\">%" PRIu64 "</tr>\n",
			rows[i].what, rows[i].v->p50, rows[i].v->p99, rows[i].v->most_p99);
	(void)fputs("</table></div>\n", out);
	if (!s->hour.suggested && !s->day.suggested)
		return;
	(void)fputs("<h2>Limits that would have left nearly everybody alone</h2>\n<pre>", out);
	put_suggestion(out, "hourly", "1h", &s->hour);
	put_suggestion(out, "daily", "1d", &s->day);
	(void)fputs("</pre>\n", out);
}

void replay_report_html(FILE *out, const struct replay_report *report)
{
	(void)fputs(head, out);
	put_facts(out, report);
	put_chart(out, report->summary);
	put_rules(out, report->summary);
	put_ladder(out, report->summary);
	put_accounts(out, report);
	put_volume(out, report->summary);
	(void)fputs("</body></html>\n", out);
}
