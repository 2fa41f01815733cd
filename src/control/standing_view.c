/* SPDX-License-Identifier: ISC */
/* Postures, findings, falls, culprits and removals as rows, and as sentences where they want attention. */
#include "standing_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score_view.h"
#include "text.h"
#include "view.h"

const char standing_unseen[] = "policyd never sees mail of local programs (sendmail, cron, web "
			       "applications), forwards (aliases, "
			       ".forward), non-delivery notices, and other hosts behind the same "
			       "NAT address: look for them in the "
			       "queue and in the log";

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *text_age(wall_t since, struct now now)
{
	return since.us ? text_stretch(now.wall.us - since.us) : json_null();
}

static json_t *text_until(wall_t next, struct now now)
{
	bool has_end = next.us && next.us != WALL_NEVER.us;
	return has_end ? text_stretch(next.us - now.wall.us) : json_null();
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

/* Subject is empty: all are meant. */
static bool is_meant(struct span subject, const char *of)
{
	struct span name = span_of(of);
	if (subject.n == 0 || span_equal(subject, name))
		return true;
	return name.n > subject.n && span_ends(name, subject) &&
	       name.p[name.n - subject.n - 1] == '.';
}

/* ---- postures ---- */

static json_t *posture_json(const struct posture_view *view, struct now now)
{
	char ip[IP_TEXT_SIZE];
	json_t *row = json_object();
	put(row, "address", json_string(ip_format(&view->egress, ip)));
	put(row, "provider", text_or_null(view->provider));
	put(row, "posture", json_string(posture_name(view->posture)));
	put(row, "share",
		view->posture == POSTURE_RECOVER ? json_sprintf("%u%%", view->share) : json_null());
	put(row, "percent", json_integer(view->share));
	put(row, "since", text_moment(view->since));
	put(row, "age", text_age(view->since, now));
	put(row, "next", text_until(view->next, now));
	put(row, "next_at", text_moment(view->next));
	put(row, "set", view->is_set ? json_true() : json_null());
	put(row, "unknown", json_boolean(view->is_unknown));
	put(row, "points", view->provider[0] ? score_json(view->points) : json_null());
	put(row, "why", text_or_null(view->why));
	return row;
}

json_t *standing_view_postures(
	const struct control_setup *setup, struct span subject, struct now now)
{
	struct posture_view view;
	json_t *rows = json_array();
	if (!setup->postures) {
		json_decref(rows);
		return json_null();
	}
	for (size_t i = 0; postures_at(setup->postures, i, now, &view); i++) {
		char ip[IP_TEXT_SIZE];
		if (is_meant(subject, ip_format(&view.egress, ip)))
			json_array_append_new(rows, posture_json(&view, now));
	}
	return rows;
}

/* ---- findings ---- */

json_t *standing_view_finding(const struct audit_finding *finding, struct now now)
{
	json_t *row = json_object();
	put(row, "subject", text_json(span_of(finding->subject)));
	put(row, "check", json_string(audit_rows[finding->check].name));
	put(row, "result", json_string(audit_result_name(finding->result)));
	put(row, "seen", json_string(audit_result_name(finding->seen)));
	put(row, "severity", json_integer(finding->severity));
	put(row, "evidence", text_or_null(finding->evidence));
	put(row, "fix", text_or_null(finding->fix));
	put(row, "since", text_moment(finding->since));
	put(row, "age", text_age(finding->since, now));
	put(row, "looked_at", text_moment(finding->looked));
	put(row, "next_at", text_moment(finding->next));
	return row;
}

/* The worst first. What the last look saw fail counts as a failure later, but somebody looks because of it now. */
enum finding_rank { RANK_FAIL, RANK_FAILS_NOW, RANK_WARN, RANK_UNKNOWN, RANKS_SHOWN, RANK_FINE };

static enum finding_rank finding_rank(const char *result, const char *seen)
{
	const char *fail = audit_result_name(AUDIT_FAIL);
	if (strcmp(result, fail) == 0)
		return RANK_FAIL;
	if (strcmp(seen, fail) == 0)
		return RANK_FAILS_NOW;
	if (strcmp(result, audit_result_name(AUDIT_WARN)) == 0)
		return RANK_WARN;
	return strcmp(result, audit_result_name(AUDIT_UNKNOWN)) == 0 ? RANK_UNKNOWN : RANK_FINE;
}

struct findings {
	struct span subject;
	struct now now;
	enum finding_rank wanted; /* one sort after the other */
	json_t *rows;
	size_t left_out;
};

static bool finding_add(void *ctx, const struct audit_finding *finding)
{
	struct findings *findings = ctx;
	struct ip ip;
	bool is_of_ip = findings->subject.n && ip_parse(findings->subject, &ip) == 0 &&
			ip_equal(&ip, &finding->ip);
	if (finding_rank(audit_result_name(finding->result), audit_result_name(finding->seen)) !=
			findings->wanted ||
		(!is_of_ip && !is_meant(findings->subject, finding->subject)))
		return true;
	if (json_array_size(findings->rows) < FINDINGS_SHOWN_MAX)
		json_array_append_new(
			findings->rows, standing_view_finding(finding, findings->now));
	else
		findings->left_out++;
	return true;
}

json_t *standing_view_findings(const struct control_setup *setup, struct span subject,
	struct now now, size_t *ret_left_out)
{
	struct findings findings = {.subject = subject, .now = now};
	if (ret_left_out)
		*ret_left_out = 0;
	if (!setup->audit)
		return json_null();
	findings.rows = json_array();
	for (unsigned i = 0; i < RANKS_SHOWN; i++) {
		findings.wanted = (enum finding_rank)i;
		audit_findings(setup->audit, now, finding_add, &findings);
	}
	if (ret_left_out)
		*ret_left_out = findings.left_out;
	return findings.rows;
}

/* ---- removals ---- */

static json_t *back_json(const struct ledger_entry *entry)
{
	if (entry->back_us == 0)
		return json_null();
	json_t *stretch = text_stretch(entry->back_us);
	json_t *text = json_sprintf("%s after removal", json_string_value(stretch));
	json_decref(stretch);
	return text;
}

static json_t *entry_json(const struct ledger_entry *entry, struct now now)
{
	bool is_late = entry->due.us && entry->due.us <= now.wall.us;
	json_t *row = json_object();
	put(row, "subject", text_json(span_of(entry->subject)));
	put(row, "list", text_json(span_of(entry->list)));
	put(row, "verdict", json_string(verdict_state_name(entry->verdict)));
	put(row, "listed", text_moment(entry->listed));
	put(row, "clean", text_moment(entry->clean));
	put(row, "times", json_integer(entry->times));
	put(row, "relisted", back_json(entry));
	put(row, "told", text_or_null(delist_word_name(entry->word)));
	put(row, "told_at", text_moment(entry->told));
	put(row, "expected", is_late ? json_string("overdue") : text_until(entry->due, now));
	put(row, "expected_at", text_moment(entry->due));
	put(row, "author", text_or_null(entry->author));
	put(row, "note", text_or_null(entry->note));
	return row;
}

/* Nothing is left to do about what is off its list. */
static bool is_open(const struct ledger_entry *entry)
{
	return entry->verdict != SEEN_CLEAN && (entry->word != DELIST_NONE || entry->back_us);
}

json_t *standing_view_removals(
	const struct control_setup *setup, struct span subject, bool all, struct now now)
{
	const struct ledger_entry *entry;
	if (!setup->ledger)
		return json_null();
	json_t *rows = json_array();
	for (size_t i = 0; (entry = ledger_at(setup->ledger, i)); i++) {
		if ((all || is_open(entry)) && is_meant(subject, entry->subject))
			json_array_append_new(rows, entry_json(entry, now));
	}
	return rows;
}

/* ---- culprits ---- */

json_t *standing_view_fall(const struct fall *fall, struct now now)
{
	char ip[IP_TEXT_SIZE];
	json_t *row = json_object();
	put(row, "at", text_moment(fall->at));
	put(row, "age", text_age(fall->at, now));
	put(row, "address", json_string(ip_format(&fall->egress, ip)));
	put(row, "posture", json_string(posture_name(fall->posture)));
	put(row, "recipients", fall->window_us ? text_count(fall->recipients) : json_null());
	put(row, "window", fall->window_us ? text_stretch(fall->window_us) : json_null());
	put(row, "why", text_or_null(fall->why));
	return row;
}

bool standing_is_suspended(const struct control_setup *setup, const char *key, struct now now)
{
	struct engine_account_view view;
	struct errbuf err;
	return engine_account(setup->engine, span_of(key), now, &view, &err) == 0 && view.standing;
}

/* In single quotes unless it is plain. */
static void shell_word(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@._:+=/,%-";
	if (*text && strspn(text, plain) == strlen(text)) {
		(void)fputs(text, out);
		return;
	}
	(void)fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*text, out);
	}
	(void)fputc('\'', out);
}

/* What looks like an option stands last, behind dashes. */
static void suspend_print(FILE *out, const struct fall *fall, const char *account)
{
	char ip[IP_TEXT_SIZE];
	bool is_first = *account != '-';
	fprintf(out, "policyctl suspend ");
	if (is_first)
		shell_word(out, account);
	fprintf(out, "%s--reason 'behind the fall of %s to %s'", is_first ? " " : "",
		ip_format(&fall->egress, ip), posture_name(fall->posture));
	if (is_first)
		return;
	fprintf(out, " -- ");
	shell_word(out, account);
}

json_t *standing_view_suspend(const struct fall *fall, const char *key)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	json_t *account = view_account(span_of(key));
	if (out) {
		suspend_print(out, fall, json_string_value(account));
		(void)fclose(out);
	}
	json_t *command = out ? text_json(span_make(text, n)) : json_null();
	json_decref(account);
	free(text);
	return command;
}

json_t *standing_view_word(const char *text)
{
	char *word = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&word, &n);
	if (!out)
		return json_null();
	shell_word(out, text);
	(void)fclose(out);
	json_t *json = text_json(span_make(word, n));
	free(word);
	return json;
}

json_t *standing_view_culprit(const struct control_setup *setup, const struct fall *fall,
	const struct culprit *culprit, struct now now)
{
	char ip[IP_TEXT_SIZE];
	bool is_suspended = standing_is_suspended(setup, culprit->account, now);
	json_t *row = json_object();
	put(row, "address", json_string(ip_format(&fall->egress, ip)));
	put(row, "fall_at", text_moment(fall->at));
	put(row, "account", view_account(span_of(culprit->account)));
	put(row, "recipients", text_count(culprit->used));
	put(row, "share", score_json(culprit->share));
	put(row, "score", score_json(culprit->score));
	put(row, "usual", culprit->usual > 0 ? text_count((uint64_t)culprit->usual) : json_null());
	put(row, "step", json_string(step_name(culprit->step)));
	put(row, "would", json_string(step_name(culprit->would)));
	put(row, "stands_out", json_boolean(culprit->stands_out));
	put(row, "suspended", json_boolean(is_suspended));
	put(row, "command",
		culprit->stands_out && !is_suspended ? standing_view_suspend(fall, culprit->account)
						     : json_null());
	return row;
}

/* ---- sentences ---- */

#define SAID_MAX 10

static void say_postures(json_t *summary, const json_t *postures)
{
	size_t i, said = 0;
	const json_t *row;
	json_array_foreach(postures, i, row)
	{
		const char *share = text_of(row, "share"), *provider = text_of(row, "provider");
		bool is_ok = strcmp(text_of(row, "posture"), "ok") == 0;
		if ((is_ok && !json_is_true(json_object_get(row, "set"))) || said++ >= SAID_MAX)
			continue;
		json_array_append_new(
			summary, json_sprintf("%s is at %s%s%s%s%s for %s: %s",
					 text_of(row, "address"), text_of(row, "posture"),
					 *share ? ", " : "", share, *provider ? ", with " : "",
					 provider, text_of(row, "age"), text_of(row, "why")));
	}
}

static void say_removals(json_t *summary, const json_t *removals)
{
	size_t i, said = 0;
	const json_t *row;
	json_array_foreach(removals, i, row)
	{
		if (!*text_of(row, "relisted") || said++ >= SAID_MAX)
			continue;
		json_array_append_new(
			summary, json_sprintf("%s came back on %s %s: the cause is not gone, see "
					      "\"egress culprits\"",
					 text_of(row, "subject"), text_of(row, "list"),
					 text_of(row, "relisted")));
	}
}

static void say_findings(json_t *summary, const json_t *findings)
{
	size_t i, n[RANK_FINE + 1] = {0};
	const json_t *row;
	json_array_foreach(findings, i, row)
	{
		n[finding_rank(text_of(row, "result"), text_of(row, "seen"))]++;
	}
	if (json_array_size(findings) == 0)
		return;
	json_array_append_new(summary,
		json_sprintf("our own house (reverse DNS, SPF, DKIM, DMARC, MX): %zu fail, %zu "
			     "warn, %zu unknown",
			n[RANK_FAIL], n[RANK_WARN], n[RANK_UNKNOWN]));
	if (n[RANK_FAILS_NOW])
		json_array_append_new(summary,
			json_sprintf("our own house: %zu fail at this look, which counts when it "
				     "was seen three times over 30 minutes",
				n[RANK_FAILS_NOW]));
}

void standing_say(
	json_t *summary, const json_t *postures, const json_t *findings, const json_t *removals)
{
	say_postures(summary, postures);
	say_removals(summary, removals);
	say_findings(summary, findings);
}
