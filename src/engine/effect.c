/* SPDX-License-Identifier: ISC */
/*
 * Decisions remembered, effects queued. Carrying them out (log, store, late replies) is the rim's
 * business, after the reply.
 */
#include "internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"
#include "policyd/reference.h"

static struct queued *effect_queue(struct engine *e, int kind)
{
	/* Decisions come in floods, and need nothing of what the others carry. */
	bool is_small = kind == EFFECT_DECISION;
	struct queued *q = xmalloc(is_small ? offsetof(struct queued, verdict) : sizeof(*q));
	q->next = NULL;
	q->effect = (struct effect){.kind = kind};
	*e->queue_end = q;
	e->queue_end = &q->next;
	e->queue_n++;
	return q;
}

/* Whoever waits for a reply must get it; the others can be counted instead. */
static bool may_queue(const struct engine *e)
{
	if (e->queue_n < EFFECTS_MAX)
		return true;
	metric_add(METRIC_EFFECTS_DROPPED, 1);
	return false;
}

bool engine_effect(struct engine *e, struct effect *ret)
{
	struct queued *q = e->queue;
	free(e->fetched);
	e->fetched = q;
	if (!q)
		return false;
	e->queue = q->next;
	if (!e->queue)
		e->queue_end = &e->queue;
	e->queue_n--;
	*ret = q->effect;
	if (ret->kind == EFFECT_DECISION)
		ret->decision = &e->decision[q->decision % DECISIONS_MAX];
	return true;
}

void effect_reply(struct engine *e, engine_conn conn, const struct verdict *verdict)
{
	struct queued *q = effect_queue(e, EFFECT_REPLY);
	q->verdict = *verdict;
	q->effect.conn = conn;
	q->effect.verdict = &q->verdict;
}

void effect_note(struct engine *e, const char *format, ...)
{
	va_list args;
	if (!may_queue(e))
		return;
	struct queued *q = effect_queue(e, EFFECT_NOTE);
	va_start(args, format);
	if (vsnprintf(q->note, sizeof(q->note), format, args) < 0)
		q->note[0] = '\0';
	va_end(args);
	q->effect.note = q->note;
}

/* Copies a text behind those that are there. */
static struct span keep_text(struct queued *q, size_t *n, struct span text, size_t most)
{
	char *at = q->event_text + *n;
	size_t kept = text.n < most ? text.n : most;
	if (kept)
		memcpy(at, text.p, kept);
	*n += kept;
	return span_make(at, kept);
}

void effect_event(struct engine *e, const struct policy_event *event, double score)
{
	size_t n = 0;
	if (e->queue_n >= EVENTS_MAX || (event->kind != EVENT_SUSPEND && !may_queue(e))) {
		metric_add(METRIC_EFFECTS_DROPPED, e->queue_n >= EVENTS_MAX);
		return;
	}
	struct queued *q = effect_queue(e, EFFECT_EVENT);
	q->event = *event;
	q->event.account = keep_text(q, &n, event->account, EVENT_ACCOUNT_MAX);
	q->event.limit = keep_text(q, &n, event->limit, RULE_SIZE);
	q->event.reason = keep_text(q, &n, event->reason, EVENT_REASON_MAX);
	q->event.author = keep_text(q, &n, event->author, EVENT_AUTHOR_MAX);
	q->effect.event = &q->event;
	q->effect.score = score;
}

void decision_fill(struct decision *d, const struct request *request, const struct account *account,
	struct now now)
{
	/* Not as a whole: it is two thousand bytes, mostly unused ends of texts. */
	d->reference[0] = d->rule[0] = d->text[0] = '\0';
	d->at = now.wall;
	d->stage = request->stage;
	d->action = ACTION_DUNNO;
	d->code = 0;
	d->observed = false;
	d->used = d->limit = 0;
	d->room_at = (wall_t){0};
	d->score = 0;
	d->step = 0;
	span_copy(table_key(account), d->account, sizeof(d->account));
	span_copy(request->instance, d->instance, sizeof(d->instance));
	span_copy(request->queue_id, d->queue_id, sizeof(d->queue_id));
	span_copy(request->client_address, d->client, sizeof(d->client));
	span_copy(request->sender, d->sender, sizeof(d->sender));
	span_copy(request->recipient, d->recipient, sizeof(d->recipient));
}

/* Texts up to their ends only. */
static void decision_copy(struct decision *to, const struct decision *from)
{
	memcpy(to, from, offsetof(struct decision, text));
	span_copy(span_of(from->text), to->text, sizeof(to->text));
	span_copy(span_of(from->account), to->account, sizeof(to->account));
	span_copy(span_of(from->instance), to->instance, sizeof(to->instance));
	span_copy(span_of(from->queue_id), to->queue_id, sizeof(to->queue_id));
	span_copy(span_of(from->client), to->client, sizeof(to->client));
	span_copy(span_of(from->sender), to->sender, sizeof(to->sender));
	span_copy(span_of(from->recipient), to->recipient, sizeof(to->recipient));
}

bool decision_refer(struct engine *e, struct transaction *tx, const char *rule, struct decision *d)
{
	struct named *named = &tx->named[d->observed];
	span_copy(span_of(rule), d->rule, sizeof(d->rule));
	bool is_first = strcmp(named->rule, d->rule) != 0;
	if (is_first) {
		/* Not to be guessed, and the same in a replay with the same seed. */
		uint64_t number = ++e->references;
		reference_format(
			siphash24(&e->key, span_make((const char *)&number, sizeof(number))),
			named->reference);
		memcpy(named->rule, d->rule, sizeof(named->rule));
	}
	memcpy(d->reference, named->reference, sizeof(d->reference));
	return is_first;
}

/*
 * At most so many a second of all accounts together, after a burst: with more, the oldest that the
 * store holds would go within the hour, and the flood would push out what came before it.
 */
static bool may_keep_more(struct engine *e, wall_t at)
{
	int64_t passed_us = at.us - e->keep_at.us;
	int64_t earned = passed_us / (SECOND_US / KEEP_A_SECOND);
	if (earned > 0 || passed_us < 0) {
		e->keep_at = at;
		e->keep_left += earned > 0 && earned < KEEP_BURST ? (uint32_t)earned : KEEP_BURST;
		e->keep_left = e->keep_left < KEEP_BURST ? e->keep_left : KEEP_BURST;
	}
	if (e->keep_left == 0)
		return false;
	e->keep_left--;
	return true;
}

/*
 * At most KEEP_A_MINUTE a minute of one account. Accounts that fall into one slot share its bound:
 * a slot that began afresh with each of them would be no bound at all.
 */
static bool may_keep(struct engine *e, const struct decision *d)
{
	uint64_t account = siphash13(&e->key, span_of(d->account));
	uint32_t minute = (uint32_t)(d->at.us / MINUTE_US);
	struct keep_slot *slot = &e->keep[account % KEEP_SLOTS];
	if (slot->minute != minute)
		*slot = (struct keep_slot){.minute = minute};
	return ++slot->n <= KEEP_A_MINUTE && may_keep_more(e, d->at);
}

static enum metric metric_for(const struct decision *d)
{
	if (d->observed)
		return METRIC_DECISION_OBSERVED;
	if (!action_rows[d->action].accepts)
		return METRIC_DECISION_REFUSED;
	return d->action == ACTION_HOLD ? METRIC_DECISION_HELD : METRIC_DECISION_OTHER;
}

void decision_publish(struct engine *e, const struct decision *d, bool is_first)
{
	if (!e->decision)
		e->decision = xcalloc(DECISIONS_MAX, sizeof(*e->decision));
	uint64_t number = e->decisions++;
	decision_copy(&e->decision[number % DECISIONS_MAX], d);
	metric_add(metric_for(d), 1);
	bool keep = is_first && may_keep(e, d);
	if (is_first && !keep)
		metric_add(METRIC_STORE_THINNED, 1);
	if (!may_queue(e))
		return;
	struct queued *q = effect_queue(e, EFFECT_DECISION);
	q->decision = number;
	q->effect.keep = keep;
}

void engine_decisions(
	struct engine *e, bool (*each)(void *ctx, const struct decision *d), void *ctx)
{
	uint64_t kept = e->decisions < DECISIONS_MAX ? e->decisions : DECISIONS_MAX;
	for (uint64_t i = 1; i <= kept; i++) {
		if (!each(ctx, &e->decision[(e->decisions - i) % DECISIONS_MAX]))
			return;
	}
}
