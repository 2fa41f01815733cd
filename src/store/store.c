/* SPDX-License-Identifier: ISC */
/*
 * The store's calls, on the loop thread: making jobs, telling what became of them. Nothing here
 * waits for the disk; opening is open.c's, transactions are group.c's.
 */
#include "store_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/metric.h"

/* Of STORE_PLACES for events and reads, which a flood of decisions must not starve. */
#define PLACES_RESERVED 64
#define AUDIT_ROWS      10000

static void event_tell(struct store_job *base)
{
	struct event_job *job = (struct event_job *)base;

	job->done(job->ctx, base->result, base->result == 0 ? job->id : 0, base->error);
}

/* Nobody waits for a decision. */
static void decision_tell(struct store_job *base)
{
	(void)base;
}

static void read_tell(struct store_job *base)
{
	struct read_job *job = (struct read_job *)base;

	job->done(job->ctx, job->rows, base->error);
}

/* Tried again with the next snapshot when it failed. */
static void note_tell(struct store_job *job)
{
	struct store *s = job->base.ctx;

	s->is_noting_snapshot = false;
	if (job->result == 0)
		s->had_snapshot = true;
}

static const struct store_job_kind event_kind = {
	.run = event_run, .tell = event_tell, .is_vital = true};
static const struct store_job_kind decision_kind = {
	.run = decision_run, .tell = decision_tell, .may_wait = true};
static const struct store_job_kind note_kind = {.run = note_run, .tell = note_tell};
static const struct store_job_kind why_kind = {.run = why_run, .tell = read_tell, .is_read = true};
static const struct store_job_kind audit_kind = {
	.run = audit_run, .tell = read_tell, .is_read = true};

static void job_done(void *ctx, struct writer_job *base)
{
	struct store *s = ctx;
	struct store_job *job = (struct store_job *)base;

	s->pending--;
	if (job->result != 0) {
		s->is_failing = true;
		metric_add(METRIC_STORE_ERRORS, 1);
		err_set(&s->failure, "%s", job->error);
	} else if (!job->kind->is_read) {
		/* A full disk can still be read: only what was written shows that it works. */
		s->is_failing = false;
	}
	job->kind->tell(job);
	free(job->error);
	free(job);
}

int store_submit(struct store *s, struct store_job *job, const struct store_job_kind *kind)
{
	job->kind = kind;
	job->base.run = group_run;
	job->base.done = job_done;
	job->base.ctx = s;
	job->base.may_wait = kind->may_wait;
	if (!writer_submit(s->writer, &job->base)) {
		free(job);
		return -EAGAIN;
	}
	s->pending++;
	return 0;
}

void store_configure(struct store *s, const struct store_setup *setup)
{
	s->keep_decisions_us = setup->keep_decisions_us;
	s->keep_audit_us = setup->keep_audit_us;
	s->max_decisions = setup->max_decisions;
}

int store_fd(const struct store *s)
{
	return writer_fd(s->writer);
}

size_t store_pending(const struct store *s)
{
	return s->pending;
}

void store_collect(struct store *s)
{
	writer_collect(s->writer);
	metric_add(METRIC_STORE_COMMITS, atomic_exchange(&s->commits, 0));
}

/* Copies a span to *at and moves on behind it. */
static struct span keep(struct span text, char **at)
{
	struct span kept = span_make(*at, text.n);

	if (text.n > 0)
		memcpy(*at, text.p, text.n);
	*at += text.n;
	return kept;
}

int store_event(
	struct store *s, const struct policy_event *event, store_event_done *done, void *ctx)
{
	struct event_job *job;
	char *at;

	if (event->account.n > EVENT_ACCOUNT_MAX || event->reason.n > EVENT_REASON_MAX ||
		event->author.n > EVENT_AUTHOR_MAX || event->limit.n >= RULE_SIZE)
		return -EINVAL;
	job = xcalloc(1, sizeof(*job) + event->account.n + event->reason.n + event->author.n +
				 event->limit.n);
	at = job->bytes;
	job->event = *event;
	job->event.account = keep(event->account, &at);
	job->event.reason = keep(event->reason, &at);
	job->event.author = keep(event->author, &at);
	job->event.limit = keep(event->limit, &at);
	job->done = done;
	job->ctx = ctx;
	return store_submit(s, &job->base, &event_kind);
}

static struct span text_of(const struct decision *decision, const struct decision_text *row)
{
	const char *p = (const char *)decision + row->offset;

	return span_make(p, strnlen(p, row->size - 1));
}

static struct decision_job *decision_job_new(const struct decision *decision)
{
	struct decision_job *job;
	size_t bytes = 0;
	char *at;

	for (size_t i = 0; i < DECISION_TEXTS; i++)
		bytes += text_of(decision, &decision_texts[i]).n + 1;
	job = xcalloc(1, sizeof(*job) + bytes);
	(void)span_copy(span_of(decision->reference), job->reference, sizeof(job->reference));
	job->at = decision->at;
	job->room_at = decision->room_at;
	job->stage = decision->stage;
	job->action = decision->action;
	job->code = decision->code;
	job->observed = decision->observed;
	job->used = decision->used;
	job->limit = decision->limit;
	at = job->texts;
	for (size_t i = 0; i < DECISION_TEXTS; i++) {
		(void)keep(text_of(decision, &decision_texts[i]), &at);
		at++; /* over the NUL, which xcalloc() has written */
	}
	return job;
}

void store_decision(struct store *s, const struct decision *decision)
{
	bool has_place = s->pending < STORE_PLACES - PLACES_RESERVED;

	if (!has_place || store_submit(s, &decision_job_new(decision)->base, &decision_kind) != 0)
		metric_add(METRIC_STORE_DROPPED, 1);
}

int store_why(struct store *s, struct span reference, store_rows_done *done, void *ctx)
{
	struct read_job *job = xcalloc(1, sizeof(*job));

	(void)reference_normalise(reference, job->reference);
	job->done = done;
	job->ctx = ctx;
	return store_submit(s, &job->base, &why_kind);
}

int store_audit(
	struct store *s, const struct store_audit_query *query, store_rows_done *done, void *ctx)
{
	struct read_job *job = xcalloc(1, sizeof(*job) + query->account.n);
	char *at = job->bytes;

	job->audit = *query;
	job->audit.account = keep(query->account, &at);
	if (query->limit == 0 || query->limit > AUDIT_ROWS)
		job->audit.limit = AUDIT_ROWS;
	job->done = done;
	job->ctx = ctx;
	return store_submit(s, &job->base, &audit_kind);
}

bool store_is_failing(const struct store *s, const char **ret_error)
{
	if (s->is_failing && ret_error)
		*ret_error = s->failure.text;
	return s->is_failing;
}

void store_note_snapshot(struct store *s)
{
	if (!s->had_snapshot && !s->is_noting_snapshot)
		s->is_noting_snapshot =
			store_submit(s, xcalloc(1, sizeof(struct store_job)), &note_kind) == 0;
}

bool store_had_snapshot(const struct store *s)
{
	return s->had_snapshot;
}

bool store_was_lost(const struct store *s, const char **ret_why)
{
	if (s->was_lost && ret_why)
		*ret_why = s->loss.text;
	return s->was_lost;
}

bool store_take_note(struct store *s, struct errbuf *ret)
{
	if (!atomic_exchange(&s->was_rescued, false))
		return false;
	err_set(ret,
		"%s: was removed while policyd ran, and was written anew with all that was in it",
		s->path);
	return true;
}
