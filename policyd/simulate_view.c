/* SPDX-License-Identifier: ISC */
/* The summary of policyctl simulate, as text and as JSON. Foreign names are escaped for a terminal. */
#include "simulate_view.h"

#include <inttypes.h>
#include <stdlib.h>

#include "policyd/render.h"

/* ---- text ---- */

static void print_actions(FILE *out, const struct replay_summary *s)
{
	if (s->requests)
		fprintf(out, "\nanswers\n");
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (s->by_action[i])
			fprintf(out, "  %-16s %10" PRIu64 "  %5.1f %%\n", action_rows[i].word,
				s->by_action[i],
				100.0 * (double)s->by_action[i] / (double)s->requests);
	}
}

static void print_rules(FILE *out, const struct replay_summary *s)
{
	if (s->rules)
		fprintf(out, "\nrules that would have acted\n  %-24s %-8s %10s %10s\n", "rule",
			"mode", "requests", "accounts");
	for (size_t i = 0; i < s->rules; i++)
		fprintf(out, "  %-24s %-8s %10" PRIu64 " %10" PRIu64 "\n", s->rule[i].name,
			s->rule[i].observed ? "observe" : "enforce", s->rule[i].requests,
			s->rule[i].accounts);
}

static bool has_steps(const struct replay_summary *s)
{
	for (int i = STEP_NOTE; i < STEP_COUNT; i++) {
		if (s->step[i] || s->would[i])
			return true;
	}
	return false;
}

static void print_ladder(FILE *out, const struct replay_summary *s)
{
	if (!has_steps(s))
		return;
	fprintf(out, "\nthe ladder, by how far accounts came\n  %-24s %10s %10s\n", "step",
		"accounts", "observed");
	for (int i = STEP_NOTE; i < STEP_COUNT; i++)
		fprintf(out, "  %-24s %10" PRIu64 " %10" PRIu64 "\n", step_name((enum step)i),
			s->step[i], s->would[i]);
}

#define EVIDENCE_SHOWN 3
#define WIDTH          110

/* Among those that weigh most, and of equals the last. */
static bool is_shown(const struct replay_account *a, size_t at)
{
	unsigned before = 0;
	for (size_t i = 0; i < a->evidence_n; i++)
		before += a->evidence[i].step > a->evidence[at].step ||
			  (i > at && a->evidence[i].step == a->evidence[at].step);
	return before < EVIDENCE_SHOWN;
}

static void print_evidence(FILE *out, const struct replay_account *a)
{
	char at[WALL_TEXT_SIZE];
	for (size_t i = 0; i < a->evidence_n; i++) {
		if (!is_shown(a, i))
			continue;
		char *text = render_escape(span_of(a->evidence[i].text), NULL);
		fprintf(out, "      %s  ", wall_format(a->evidence[i].at, at));
		render_wrap(out, text, 28, WIDTH);
		free(text);
	}
	if (a->hint)
		fprintf(out, "      look twice: %s\n", replay_hint_text(a->hint));
}

static void print_accounts(FILE *out, const struct view *view)
{
	const struct replay_summary *s = view->summary;
	if (s->accounts)
		fprintf(out,
			"\naccounts that were hit most (of %zu)\n  %-40s %-8s %8s %8s %8s %9s\n",
			s->accounts, "account", "step", "refused", "held", "observed", "days hit");
	for (size_t i = 0; i < s->accounts && i < view->accounts_max; i++) {
		const struct replay_account *a = &s->account[i];
		char *name = render_escape(span_of(a->name), NULL);
		fprintf(out, "  %-40s %-8s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %4u of %u\n",
			name, step_name(a->step > a->would ? a->step : a->would), a->refused,
			a->held, a->observed, a->days_hit, a->days);
		print_evidence(out, a);
		free(name);
	}
}

static void print_suggestion(
	FILE *out, const char *name, const char *window, const struct replay_volume *v)
{
	if (v->suggested)
		fprintf(out,
			"  # above it, once or more: %" PRIu64 " of %" PRIu64
			" accounts\n  { name = \"%s\"; key = \"account\"; unit = \"recipients\"; "
			"rate = \"%" PRIu64 "/%s\"; mode = \"observe\"; },\n",
			v->above, v->accounts, name, v->suggested, window);
}

static void print_volume(FILE *out, const struct replay_summary *s)
{
	if (s->hour.n == 0)
		return;
	fprintf(out,
		"\nrecipients of an account, where it sent   %9s %10s %10s\n"
		"  in an hour                             %10" PRIu64 " %10" PRIu64 " %10" PRIu64
		"\n  in a day                               %10" PRIu64 " %10" PRIu64 " %10" PRIu64
		"\n",
		"median", "99 %", "most", s->hour.p50, s->hour.p99, s->hour.max, s->day.p50,
		s->day.p99, s->day.max);
	if (!s->hour.suggested && !s->day.suggested)
		return;
	fprintf(out,
		"\nlimits for policyd.conf that would have left 99 of 100 accounts alone (without "
		"those that the ladder stopped)\n");
	print_suggestion(out, "hourly", "1h", &s->hour);
	print_suggestion(out, "daily", "1d", &s->day);
}

static void print_learnt(FILE *out, const struct replay_learnt *l)
{
	if (l->accounts)
		fprintf(out,
			"\nlearnt of %" PRIu64 " accounts: %" PRIu64
			" bytes each (median), %" PRIu64 " (mean), %" PRIu64 " (most)\n",
			l->accounts, l->p50, l->mean, l->max);
}

static void print_head(FILE *out, const struct view *view)
{
	const struct replay_summary *s = view->summary;
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	fprintf(out,
		"%" PRIu64 " requests (%" PRIu64 " outbound, %" PRIu64 " accounts), %" PRIu64
		" events",
		s->requests, s->outbound, s->seen, s->events);
	if (s->fed)
		fprintf(out, " (%" PRIu64 " counted)", s->fed);
	if (s->requests)
		fprintf(out, ", %s to %s", wall_format(s->first, first),
			wall_format(s->last, last));
	fprintf(out, "\n");
	if (view->seconds > 0)
		fprintf(out, "%.0f requests a second\n", (double)s->requests / view->seconds);
	if (s->bad_lines) {
		char *bad = render_escape(span_of(s->first_bad), NULL);
		fprintf(out,
			"%" PRIu64
			" lines are no requests or events, and were passed over; the first: %s\n",
			s->bad_lines, bad);
		free(bad);
	}
	if (s->forgotten)
		fprintf(out,
			"%" PRIu64 " recipients were forgotten before their bounces could count\n",
			s->forgotten);
}

/* What a log cannot tell is said, so that nobody takes this for what Postfix was asked. */
static void print_log(FILE *out, const struct replay_summary *s)
{
	const struct log_figures *log = &s->log;
	if (!s->is_log)
		return;
	fprintf(out,
		"\nfrom a Postfix log: %" PRIu64 " messages by smtpd, %" PRIu64
		" deliveries, %" PRIu64 " lines that say nothing to us\n",
		log->messages, log->kind[LOG_RECIPIENT], log->kind[LOG_FOREIGN]);
	fprintf(out,
		"  not in it: HELO names, what smtpd refused (%" PRIu64
		" times), when each recipient was asked for (its first\n  delivery stands for "
		"that), the zone of stamps that have none (taken as UTC)\n",
		log->kind[LOG_REJECT]);
	if (log->kind[LOG_PICKUP] || log->again)
		fprintf(out,
			"  not judged: %" PRIu64 " messages of the sendmail command, %" PRIu64
			" that came back from a filter or list\n",
			log->kind[LOG_PICKUP], log->again);
	if (log->beginnings)
		fprintf(out, "  %" PRIu64 " deliveries are of messages that began before the log\n",
			log->beginnings);
}

void view_text(FILE *out, const struct view *view)
{
	print_head(out, view);
	print_log(out, view->summary);
	print_actions(out, view->summary);
	print_rules(out, view->summary);
	print_ladder(out, view->summary);
	print_accounts(out, view);
	print_volume(out, view->summary);
	print_learnt(out, &view->summary->learnt);
}

/* ---- JSON ---- */

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *text(const char *foreign)
{
	char *escaped = render_escape(span_of(foreign), NULL);
	json_t *json = json_string(escaped);
	free(escaped);
	return json;
}

static json_t *rules_json(const struct replay_summary *s)
{
	json_t *rules = json_array();
	for (size_t i = 0; i < s->rules; i++)
		json_array_append_new(rules,
			json_pack("{s:o, s:b, s:o, s:o}", "rule", text(s->rule[i].name), "observed",
				(int)s->rule[i].observed, "requests", number(s->rule[i].requests),
				"accounts", number(s->rule[i].accounts)));
	return rules;
}

static json_t *evidence_json(const struct replay_account *a)
{
	char at[WALL_TEXT_SIZE];
	json_t *list = json_array();
	for (size_t i = 0; i < a->evidence_n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "at", wall_format(a->evidence[i].at, at),
				      "text", text(a->evidence[i].text)));
	return list;
}

static json_t *account_json(const struct replay_account *a)
{
	char first[WALL_TEXT_SIZE], last[WALL_TEXT_SIZE];
	json_t *json = json_object();
	json_object_set_new(json, "account", text(a->name));
	json_object_set_new(json, "refused", number(a->refused));
	json_object_set_new(json, "held", number(a->held));
	json_object_set_new(json, "observed", number(a->observed));
	json_object_set_new(json, "recipients", number(a->recipients));
	json_object_set_new(json, "days", number(a->days));
	json_object_set_new(json, "days_hit", number(a->days_hit));
	json_object_set_new(json, "first", json_string(wall_format(a->first_hit, first)));
	json_object_set_new(json, "last", json_string(wall_format(a->last_hit, last)));
	json_object_set_new(json, "step", json_string(step_name(a->step)));
	json_object_set_new(json, "would", json_string(step_name(a->would)));
	json_object_set_new(json, "score", json_real(a->score));
	json_object_set_new(json, "evidence", evidence_json(a));
	if (a->hint)
		json_object_set_new(json, "hint", json_string(replay_hint_text(a->hint)));
	return json;
}

static json_t *steps_json(const uint64_t step[STEP_COUNT])
{
	json_t *json = json_object();
	for (int i = STEP_NOTE; i < STEP_COUNT; i++)
		json_object_set_new(json, step_name((enum step)i), number(step[i]));
	return json;
}

static json_t *volume_json(const struct replay_volume *v)
{
	json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "median", number(v->p50), "p99",
		number(v->p99), "most", number(v->max), "accounts", number(v->accounts),
		"busiest_median", number(v->most_p50), "busiest_p99", number(v->most_p99));
	if (v->suggested) {
		json_object_set_new(json, "suggested", number(v->suggested));
		json_object_set_new(json, "above", number(v->above));
	}
	return json;
}

static json_t *log_json(const struct log_figures *log)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:[s, s, s]}", "messages",
		number(log->messages), "deliveries", number(log->kind[LOG_RECIPIENT]), "refused",
		number(log->kind[LOG_REJECT]), "unread", number(log->kind[LOG_UNREAD]), "local",
		number(log->kind[LOG_PICKUP]), "again", number(log->again), "without_beginning",
		number(log->beginnings), "missing", "helo_name", "refused recipients",
		"time of each RCPT");
}

json_t *view_json(const struct replay_summary *s)
{
	json_t *answers = json_object(), *accounts = json_array(), *json = json_object();
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (s->by_action[i])
			json_object_set_new(answers, action_rows[i].word, number(s->by_action[i]));
	}
	for (size_t i = 0; i < s->accounts && i < REPORT_ACCOUNTS; i++)
		json_array_append_new(accounts, account_json(&s->account[i]));
	json_object_set_new(json, "requests", number(s->requests));
	json_object_set_new(json, "outbound", number(s->outbound));
	json_object_set_new(json, "events", number(s->events));
	json_object_set_new(json, "events_counted", number(s->fed));
	json_object_set_new(json, "bad_lines", number(s->bad_lines));
	if (s->bad_lines)
		json_object_set_new(json, "first_bad", text(s->first_bad));
	if (s->is_log)
		json_object_set_new(json, "log", log_json(&s->log));
	json_object_set_new(json, "answers", answers);
	json_object_set_new(json, "rules", rules_json(s));
	json_object_set_new(json, "steps", steps_json(s->step));
	json_object_set_new(json, "steps_observed", steps_json(s->would));
	json_object_set_new(json, "accounts_seen", number(s->seen));
	json_object_set_new(json, "accounts_hit", number(s->accounts));
	json_object_set_new(json, "accounts", accounts);
	json_object_set_new(json, "hour", volume_json(&s->hour));
	json_object_set_new(json, "day", volume_json(&s->day));
	json_object_set_new(json, "learnt",
		json_pack("{s:o, s:o, s:o, s:o}", "accounts", number(s->learnt.accounts), "p50",
			number(s->learnt.p50), "mean", number(s->learnt.mean), "max",
			number(s->learnt.max)));
	return json;
}
