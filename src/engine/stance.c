/* SPDX-License-Identifier: ISC */
/*
 * What the standing of our addresses means to a request (semantics 24 to 27): from which address its mail
 * leaves, how that one stands, what its class gets there. Who changes the standing is posture.h's.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "policyd/mem.h"

/* ---- where it leaves from ---- */

/* Of an address as it is written; the number of addresses: it is none of them. */
static size_t egress_called(const struct engine *e, const char *text)
{
	struct ip ip;
	size_t i = 0;
	if (!text || ip_parse(span_of(text), &ip) != 0)
		return e->egresses;
	while (i < e->egresses && !ip_equal(&e->egress[i].stands.egress, &ip))
		i++;
	return i;
}

/* In the domain or below it. */
static bool is_below(struct span name, const char *domain)
{
	size_t n = strlen(domain);
	if (name.n < n || !span_equal_nocase(span_make(name.p + name.n - n, n), span_of(domain)))
		return false;
	return name.n == n || name.p[name.n - n - 1] == '.';
}

static bool fits(const struct config_egress_map *map, const struct request *r)
{
	struct ip ip, own;
	ptrdiff_t at = span_rfind(r->sender, '@');
	size_t domain_at = at < 0 ? r->sender.n : (size_t)at + 1;
	if (map->domain &&
		!is_below(span_make(r->sender.p + domain_at, r->sender.n - domain_at), map->domain))
		return false;
	if (map->context && !span_equal(r->policy_context, span_of(map->context)))
		return false;
	return !map->server_address ||
	       (ip_parse(r->server_address, &ip) == 0 &&
		       ip_parse(span_of(map->server_address), &own) == 0 && ip_equal(&ip, &own));
}

size_t stance_egress(const struct call *c)
{
	const struct engine *e = c->e;
	const struct config *config = e->plan->snapshot;
	size_t i, found = e->egresses;
	for (i = 0; i < config->egress.map_n && found == e->egresses; i++) {
		if (fits(&config->egress.map[i], c->request))
			found = egress_called(e, config->egress.map[i].egress);
	}
	if (found == e->egresses)
		found = egress_called(e, config->classes[c->subject.class].egress);
	return found < e->egresses ? found : 0;
}

/* That address with the recipient's provider, where receivers there think worse of it than the lists do. */
static const struct posture_view *view_of(const struct call *c, bool *ret_is_provider)
{
	const struct engine *e = c->e;
	size_t at = stance_egress(c);
	const struct posture_view *all = &e->egress[at].stands, *found = all;
	struct span provider =
		config_provider_of(e->plan->snapshot, recipient_domain(&c->recipient));
	for (size_t i = at + 1; i < e->egresses && e->egress[i].stands.provider[0]; i++) {
		const struct posture_view *view = &e->egress[i].stands;
		if (view->posture > found->posture && span_equal(provider, span_of(view->provider)))
			found = view;
	}
	*ret_is_provider = found != all;
	return found;
}

/* ---- what it gets ---- */

#define PASS                                                                                       \
	{                                                                                          \
		.treat = TREAT_PASS                                                                \
	}
#define RAMP                                                                                       \
	{                                                                                          \
		.treat = TREAT_RAMP                                                                \
	}
#define SHARE(percent)                                                                             \
	{                                                                                          \
		.treat = TREAT_SHARE, .share = (percent)                                           \
	}
#define DEFERRED                                                                                   \
	{                                                                                          \
		.treat = TREAT_ACTION, .action.action = ACTION_DEFER_IF_PERMIT                     \
	}
/* Semantics 27. */
static const struct config_treatment usual[SENDS_COUNT][POSTURE_COUNT] = {
	[SENDS_HUMAN] = {[POSTURE_WATCH] = PASS,
		[POSTURE_RECOVER] = RAMP,
		[POSTURE_THROTTLE] = PASS,
		[POSTURE_HOLD] = SHARE(50)},
	[SENDS_APPLICATION] = {[POSTURE_WATCH] = PASS,
		[POSTURE_RECOVER] = RAMP,
		[POSTURE_THROTTLE] = SHARE(50),
		[POSTURE_HOLD] = DEFERRED},
	[SENDS_NEWSLETTER] = {[POSTURE_WATCH] = PASS,
		[POSTURE_RECOVER] = RAMP,
		[POSTURE_THROTTLE] = SHARE(10),
		[POSTURE_HOLD] = DEFERRED},
};

static enum sends sends_of(const struct config_class *class)
{
	if (class->posture.kind != SENDS_AUTO)
		return class->posture.kind;
	if (strcmp(class->name, "newsletter") == 0)
		return SENDS_NEWSLETTER;
	return strcmp(class->name, "application") == 0 ? SENDS_APPLICATION : SENDS_HUMAN;
}

static const struct config_treatment *usual_of(
	const struct config_class *class, enum posture posture)
{
	return &usual[sends_of(class)][posture];
}

static const struct config_treatment *given_of(
	const struct config_class_posture *own, enum posture posture)
{
	const struct config_treatment *const given[POSTURE_COUNT] = {[POSTURE_WATCH] = &own->watch,
		[POSTURE_RECOVER] = &own->recover,
		[POSTURE_THROTTLE] = &own->throttle,
		[POSTURE_HOLD] = &own->hold};
	return given[posture];
}

static const struct config_treatment *flagged_of(
	const struct config_posture *config, enum posture posture)
{
	const struct config_treatment *const given[POSTURE_COUNT] = {
		[POSTURE_WATCH] = &config->flagged_watch,
		[POSTURE_RECOVER] = &config->flagged_recover,
		[POSTURE_THROTTLE] = &config->flagged_throttle,
		[POSTURE_HOLD] = &config->flagged_hold};
	return given[posture];
}

static bool refuses(const struct config_treatment *treatment)
{
	return treatment->treat == TREAT_ACTION && !action_rows[treatment->action.action].accepts;
}

/* Who is flagged gets what is for those, unless its class is refused outright. */
static const struct config_treatment *treatment_of(const struct call *c, enum posture posture)
{
	const struct config *config = c->e->plan->snapshot;
	const struct config_class *class = &config->classes[c->subject.class];
	const struct config_treatment *own = given_of(&class->posture, posture);
	const struct config_treatment *flagged = flagged_of(&config->posture, posture);
	if (own->treat == TREAT_NONE)
		own = usual_of(class, posture);
	bool is_flagged = c->says.step >= STEP_NOTE;
	return is_flagged && flagged->treat != TREAT_NONE && !refuses(own) ? flagged : own;
}

/* Of an address that is well; who is flagged must not burn that one too. */
static const char *shift_to(const struct call *c)
{
	const struct engine *e = c->e;
	for (size_t i = 0; i < e->egresses && c->says.step < STEP_NOTE; i++) {
		const struct engine_egress *egress = &e->egress[i];
		if (!egress->stands.provider[0] && egress->stands.posture == POSTURE_OK &&
			egress->transport[0])
			return egress->transport;
	}
	return NULL;
}

static void stance_fill(const struct call *c, const struct config_treatment *treatment,
	const struct posture_view *view, struct stance *ret)
{
	ret->treat = treatment->treat;
	ret->share = treatment->share;
	ret->action = &treatment->action;
	ret->view = view;
	if (treatment->treat == TREAT_RAMP) {
		ret->treat = view->share < 100 ? TREAT_SHARE : TREAT_PASS;
		ret->share = view->share;
	}
	if (treatment->treat != TREAT_SHIFT)
		return;
	ret->transport = shift_to(c);
	if (!ret->transport)
		stance_fill(c,
			usual_of(&c->e->plan->snapshot->classes[c->subject.class], view->posture),
			view, ret);
}

/* Bounces, exempt recipients and what is essential always flow. */
static bool is_concerned(const struct call *c)
{
	const struct config *config = c->e->plan->snapshot;
	const struct asked *asked = &c->pending.asked;
	return asked->stage == STAGE_RCPT && asked->externals && !asked->is_free &&
	       !asked->is_favour && !c->subject.is_null_sender &&
	       !config->classes[c->subject.class].posture.essential;
}

static void by_standing(struct call *c, struct stance *ret)
{
	static const struct config_action put_off = {.action = ACTION_DEFER_IF_PERMIT};
	bool is_provider;
	const struct posture_view *view = view_of(c, &is_provider);
	if (view->posture == POSTURE_OK)
		return;
	stance_fill(c, treatment_of(c, view->posture), view, ret);
	ret->is_observed = c->e->plan->snapshot->posture.mode == MODE_OBSERVE;
	c->pending.asked.slow_generation = ret->treat == TREAT_SLOW ? view->generation : 0;
	/* HOLD would keep the recipients elsewhere too (semantics 16). */
	if (is_provider && ret->treat == TREAT_ACTION && ret->action->action == ACTION_HOLD)
		ret->action = &put_off;
}

void stance_of(struct call *c, struct stance *ret)
{
	*ret = (struct stance){.treat = TREAT_PASS};
	if ((!c->e->is_any_bad && !c->e->is_any_new) || !is_concerned(c))
		return;
	if (c->e->is_any_bad)
		by_standing(c, ret);
	if (c->e->is_any_new)
		warmup_take(c, stance_egress(c), ret);
}

/* ---- as slow as the ladder's step ---- */

static uint32_t second_of_call(const struct call *c)
{
	return (uint32_t)(c->now.mono.us / SECOND_US) + 1;
}

bool stance_is_slow(const struct call *c, mono_t *ret_room_at)
{
	const struct rate *rate = &c->e->plan->snapshot->ladder.slow_rate;
	const struct fresh *fresh = fresh_of(c->e, c->account, c->stance.view->generation);
	uint32_t now = second_of_call(c);
	if (rate->n == RATE_UNLIMITED || window_sum(&fresh->slow, rate->window_us, now) < rate->n)
		return false;
	uint32_t room = window_room(&fresh->slow, rate, now);
	ret_room_at->us = room ? ((int64_t)room - 1) * SECOND_US : 0;
	return true;
}

void stance_granted(struct call *c)
{
	const struct rate *rate = &c->e->plan->snapshot->ladder.slow_rate;
	uint64_t generation = c->pending.asked.slow_generation;
	warmup_granted(c);
	if (generation == 0 || rate->n == RATE_UNLIMITED)
		return;
	struct fresh *fresh = fresh_of(c->e, c->account, generation);
	window_count(&fresh->slow, rate->window_us, second_of_call(c));
}

/* ---- what is told ---- */

void engine_egresses(struct engine *e, const struct engine_egress *egress, size_t n)
{
	n = n < ENGINE_EGRESSES_MAX ? n : ENGINE_EGRESSES_MAX;
	e->egress = xrealloc(e->egress, n ? n : 1, sizeof(*egress));
	if (n)
		memcpy(e->egress, egress, n * sizeof(*egress));
	e->egresses = n;
	e->is_any_bad = false;
	for (size_t i = 0; i < n; i++)
		e->is_any_bad = e->is_any_bad || egress[i].stands.posture != POSTURE_OK;
	warmup_configure(e);
}
