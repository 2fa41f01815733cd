/* SPDX-License-Identifier: ISC */
/* What has changed, for the store and the log: events, until they are taken. */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static void change_free(struct change *change)
{
	if (!change)
		return;
	free(change->account);
	free(change->limit);
	free(change->reason);
	free(change->author);
	free(change);
}

void posture_changes_free(struct postures *p)
{
	change_free(p->given);
	while (p->change) {
		struct change *next = p->change->next;
		change_free(p->change);
		p->change = next;
	}
}

wall_t wall_at(const struct postures *p, mono_t t)
{
	wall_t wall = wall_of_mono(t, p->now);
	return (wall_t){.us = wall.us > 0 ? wall.us : 0};
}

void change_add(struct postures *p, const struct change_new *new)
{
	char account[EVENT_ACCOUNT_MAX + 1], ip[IP_TEXT_SIZE], reason[EVENT_REASON_MAX + 1];
	int n = snprintf(
		account, sizeof(account), "egress:%s", ip_format(&new->of.station->ip, ip));
	if (n < 0 || p->change_n == CHANGES_MAX) {
		p->dropped++;
		return;
	}
	(void)span_copy(span_of(new->text), reason, sizeof(reason));
	struct change *change = xcalloc(1, sizeof(*change));
	change->at = wall_at(p, new->t);
	change->until = new->until;
	change->account = xstrdup(account);
	change->limit = xstrdup(new->of.receiver ? new->of.receiver->name : "");
	change->reason = xstrdup(reason);
	change->author = xstrdup(new->author ? new->author : AUTHOR_SELF);
	change->is_grave = new->is_grave;
	*p->change_end = change;
	p->change_end = &change->next;
	p->change_n++;
}

bool postures_effect(struct postures *p, struct posture_effect *ret)
{
	struct change *change = p->change;
	change_free(p->given);
	p->given = change;
	if (!change)
		return false;
	p->change = change->next;
	p->change_n--;
	if (!p->change)
		p->change_end = &p->change;
	*ret = (struct posture_effect){
		.event = {.kind = EVENT_POSTURE,
			.at = change->at,
			.until = change->until,
			.account = span_of(change->account),
			.limit = span_of(change->limit),
			.reason = span_of(change->reason),
			.author = span_of(change->author)},
		.is_grave = change->is_grave,
	};
	return true;
}
