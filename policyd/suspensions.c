/* SPDX-License-Identifier: ISC */
/*
 * A suspension that did not get into the store would end with the process, and nobody would know: its
 * account would send on. Whoever waits for it is nobody, so that it can be tried until it is there, or
 * until it is over.
 */
#include "suspensions.h"

#include <errno.h>
#include <stdlib.h>

#include "policyd/log.h"
#include "policyd/mem.h"

/* In one second: a store that has just come back has others waiting too. */
#define TRIES_A_TICK 16

/* One of them; it belongs to the store while that has it, and else to the list. */
struct owed {
	struct owed *next;
	struct suspensions *suspensions;
	struct policy_event event; /* its texts point in here */
	bool is_again;
	size_t texts;
	char text[EVENT_ACCOUNT_MAX + EVENT_REASON_MAX + EVENT_AUTHOR_MAX];
};

struct suspensions {
	struct engine *engine;
	struct store *store;
	struct owed *first, **end;
	size_t n;
};

struct suspensions *suspensions_new(struct engine *engine, struct store *store)
{
	struct suspensions *s = xcalloc(1, sizeof(*s));
	s->engine = engine;
	s->store = store;
	s->end = &s->first;
	return s;
}

static struct owed *take_first(struct suspensions *s)
{
	struct owed *owed = s->first;
	s->first = owed->next;
	if (!s->first)
		s->end = &s->first;
	s->n--;
	return owed;
}

void suspensions_free(struct suspensions *s)
{
	if (!s)
		return;
	if (s->n)
		log_event(LEVEL_ERROR, "suspensions", F_INT("lost", s->n),
			F_STR("effect", "the store never took them: they end with policyd"));
	while (s->first)
		free(take_first(s));
	free(s);
}

static void tell(
	const struct owed *owed, enum log_level level, const char *error, const char *effect)
{
	log_event(level, "suspension", F_SPAN("account", subject_shown(owed->event.account)),
		F_STR("error", error), F_STR("effect", effect));
}

/* Once each: a disk that is full stays so for a while. */
static void put_off(struct owed *owed, const char *error)
{
	struct suspensions *s = owed->suspensions;
	if (s->n == SUSPENSIONS_WAITING_MAX) {
		tell(owed, LEVEL_ERROR, error,
			"it is not in the store: it holds until policyd ends (too many wait)");
		free(owed);
		return;
	}
	if (!owed->is_again)
		tell(owed, LEVEL_ERROR, error,
			"it holds, but is not in the store yet: tried again every second");
	owed->is_again = true;
	owed->next = NULL;
	*s->end = owed;
	s->end = &owed->next;
	s->n++;
}

static void on_stored(void *ctx, int result, int64_t id, const char *error)
{
	struct owed *owed = ctx;
	(void)id;
	if (result < 0) {
		put_off(owed, error);
		return;
	}
	if (owed->is_again)
		tell(owed, LEVEL_NOTICE, "", "it is in the store now");
	free(owed);
}

/* 0, or -EAGAIN: it waits again, and so would the next. */
static int try_to_store(struct owed *owed)
{
	int r = store_event(owed->suspensions->store, &owed->event, on_stored, owed);
	if (r == -EAGAIN) {
		put_off(owed, "the store is busy");
	} else if (r != 0) {
		tell(owed, LEVEL_ERROR, "its name is too long", "it holds until policyd ends");
		free(owed);
		r = 0;
	}
	return r;
}

static struct span copied(struct owed *owed, struct span text, size_t most)
{
	char *at = owed->text + owed->texts;
	size_t n = text.n < most ? text.n : most;
	if (n)
		memcpy(at, text.p, n);
	owed->texts += n;
	return span_make(at, n);
}

void suspensions_keep(struct suspensions *s, const struct policy_event *event)
{
	struct owed *owed = xcalloc(1, sizeof(*owed));
	owed->suspensions = s;
	owed->event = *event;
	owed->event.limit = SPAN("");
	owed->event.account = copied(owed, event->account, EVENT_ACCOUNT_MAX);
	owed->event.reason = copied(owed, event->reason, EVENT_REASON_MAX);
	owed->event.author = copied(owed, event->author, EVENT_AUTHOR_MAX);
	(void)try_to_store(owed);
}

/* The desk may have released or suspended the account since, and the store knows that already. */
static bool still_holds(const struct owed *owed, struct now now)
{
	struct engine_account_view view;
	struct errbuf err;
	if (engine_account(owed->suspensions->engine, owed->event.account, now, &view, &err) != 0)
		return false;
	return view.standing && view.standing->since.us == owed->event.at.us &&
	       span_equal(span_of(view.standing->author), owed->event.author);
}

void suspensions_tick(struct suspensions *s, struct now now)
{
	/* While nothing can be written, one of them finds out whether that is over. */
	size_t tries = store_is_failing(s->store, NULL) ? 1 : TRIES_A_TICK;
	for (tries = tries < s->n ? tries : s->n; tries; tries--) {
		struct owed *owed = take_first(s);
		if (!still_holds(owed, now))
			free(owed);
		else if (try_to_store(owed) != 0)
			return;
	}
}
