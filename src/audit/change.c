/* SPDX-License-Identifier: ISC */
/* Verdicts that have changed, for the store and the log, until they are taken. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static void change_free(struct change *change)
{
	if (!change)
		return;
	free(change->account);
	free(change->text);
	free(change);
}

void audit_changes_free(struct audit *a)
{
	change_free(a->given);
	while (a->changes) {
		struct change *next = a->changes->next;
		change_free(a->changes);
		a->changes = next;
	}
}

static char *account_of(const struct audit_unit *unit)
{
	char text[EVENT_ACCOUNT_MAX + 1], subject[IP_TEXT_SIZE];
	int n = snprintf(text, sizeof(text), "%s:%s", unit->name[0] ? "domain" : "egress",
		unit_subject(unit, subject));
	return xstrdup(n > 0 ? text : "");
}

void change_verdict(struct audit *a, const struct audit_unit *unit, const struct finding *finding,
	enum audit_result from)
{
	char reason[EVENT_REASON_MAX + 1];
	enum audit_result to = (enum audit_result)finding->verdict;
	const char *evidence = finding->evidence ? finding->evidence : "";
	int n = snprintf(reason, sizeof(reason), "%s -> %s%s%s", audit_result_name(from),
		audit_result_name(to), evidence[0] ? ": " : "", evidence);
	if (n < 0 || a->change_n == CHANGES_MAX) {
		a->dropped++;
		return;
	}
	struct change *change = xcalloc(1, sizeof(*change));
	*change = (struct change){
		.is_grave = to == AUDIT_FAIL,
		.at = a->now.wall,
		.account = account_of(unit),
		.text = xstrdup(reason),
		.check = audit_rows[finding->check].name,
	};
	*a->changes_end = change;
	a->changes_end = &change->next;
	a->change_n++;
}

bool audit_change_take(struct audit *a, struct audit_effect *ret)
{
	struct change *change = a->changes;
	change_free(a->given);
	a->given = change;
	if (!change)
		return false;
	a->changes = change->next;
	if (!a->changes)
		a->changes_end = &a->changes;
	a->change_n--;
	*ret = (struct audit_effect){
		.kind = AUDIT_EVENT,
		.is_grave = change->is_grave,
		.event = {.kind = EVENT_AUDIT,
			.at = change->at,
			.account = span_of(change->account),
			.until = WALL_NEVER,
			.limit = span_of(change->check),
			.reason = span_of(change->text),
			.author = SPAN(AUTHOR_SELF)},
	};
	return true;
}
