/* SPDX-License-Identifier: ISC */
/*
 * What speaks of an egress as a whole: findings by lists and of our own house, each by its name. What is
 * not known any more speaks as it last did, for a while, and only to keep what there is.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

enum posture posture_of_severity(const struct postures *p, unsigned severity)
{
	const struct config_posture *config = &p->config->posture;
	if (severity == 0)
		return POSTURE_OK;
	if (severity >= config->hold_severity)
		return POSTURE_HOLD;
	if (severity >= config->throttle_severity)
		return POSTURE_THROTTLE;
	return severity >= config->watch_severity ? POSTURE_WATCH : POSTURE_OK;
}

static unsigned weight_of(const struct cause *cause)
{
	return cause->is_over ? 0 : cause->severity;
}

static const struct cause *cause_find(const struct station *station, struct span id)
{
	for (size_t i = 0; i < station->cause_n; i++) {
		if (span_equal(span_of(station->cause[i].id), id))
			return &station->cause[i];
	}
	return NULL;
}

unsigned cause_weight(const struct postures *p, const struct ip *egress, struct span id)
{
	const struct station *station = station_find(p, egress);
	const struct cause *cause = station ? cause_find(station, id) : NULL;
	return cause ? weight_of(cause) : 0;
}

static struct cause cause_of(
	const struct station *station, const struct posture_input *input, mono_t now)
{
	struct cause cause = {.is_unknown = input->is_unknown};
	(void)span_copy(span_of(input->id), cause.id, sizeof(cause.id));
	text_clean(span_of(input->why), cause.why, sizeof(cause.why));
	if (!input->is_unknown) {
		cause.severity = input->severity < SEVERITY_MAX ? input->severity : SEVERITY_MAX;
		return cause;
	}
	const struct cause *old = cause_find(station, span_of(cause.id));
	cause.unknown_since = now;
	if (!old)
		return cause;
	cause.severity = old->severity;
	/* What is not known has nothing to say; what it said is why. */
	(void)span_copy(span_of(old->why), cause.why, sizeof(cause.why));
	if (old->is_unknown) {
		cause.unknown_since = old->unknown_since;
		cause.is_over = old->is_over;
	}
	return cause;
}

/* In a full array the least goes for what is worse. */
static void cause_put(struct cause *list, size_t *n, const struct cause *cause)
{
	size_t least = 0;
	if (*n < POSTURE_INPUTS_MAX) {
		list[(*n)++] = *cause;
		return;
	}
	for (size_t i = 1; i < *n; i++) {
		if (weight_of(&list[i]) <= weight_of(&list[least]))
			least = i;
	}
	if (weight_of(cause) > weight_of(&list[least]))
		list[least] = *cause;
}

static bool cause_same(const struct cause *a, const struct cause *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->why, b->why) == 0 &&
	       a->severity == b->severity && a->is_unknown == b->is_unknown &&
	       a->is_over == b->is_over;
}

static bool causes_same(const struct station *station, const struct cause *list, size_t n)
{
	bool is_same = station->cause_n == n;
	for (size_t i = 0; i < n && is_same; i++)
		is_same = cause_same(&station->cause[i], &list[i]);
	return is_same;
}

void causes_take(
	struct postures *p, struct station *station, const struct posture_input *input, size_t n)
{
	size_t room = n < POSTURE_INPUTS_MAX ? n : POSTURE_INPUTS_MAX, taken = 0;
	struct cause *list = xcalloc(room ? room : 1, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		struct cause cause = cause_of(station, &input[i], p->now.mono);
		cause_put(list, &taken, &cause);
	}
	/* What was unknown before has its time from before. */
	if (!causes_same(station, list, taken))
		p->is_dirty = p->has_moved = true;
	free(station->cause);
	station->cause = list;
	station->cause_n = taken;
}

/* ---- what they ask for ---- */

static mono_t cause_end(const struct postures *p, const struct cause *cause)
{
	if (!cause->is_unknown || cause->is_over)
		return MONO_NEVER;
	return mono_after(cause->unknown_since, p->config->posture.unknown_keep_us);
}

mono_t causes_next(const struct postures *p, const struct station *station)
{
	mono_t next = MONO_NEVER;
	for (size_t i = 0; i < station->cause_n; i++)
		next = mono_min(next, cause_end(p, &station->cause[i]));
	return next;
}

const struct cause *causes_expire(struct postures *p, struct station *station, mono_t t)
{
	const struct cause *worst = NULL;
	for (size_t i = 0; i < station->cause_n; i++) {
		struct cause *cause = &station->cause[i];
		if (cause_end(p, cause).us > t.us)
			continue;
		cause->is_over = true;
		p->is_dirty = true;
		if (!worst || cause->severity > worst->severity)
			worst = cause;
	}
	return worst;
}

/* What is unknown keeps what there is, and no more than that. */
static enum posture kept_level(enum posture level, enum posture posture)
{
	enum posture most = posture == POSTURE_RECOVER ? POSTURE_WATCH : posture;
	return level < most ? level : most;
}

struct demand causes_demand(const struct postures *p, const struct station *station)
{
	struct demand demand = {.why = ""};
	for (size_t i = 0; i < station->cause_n; i++) {
		const struct cause *cause = &station->cause[i];
		enum posture level = posture_of_severity(p, weight_of(cause));
		if (!cause->is_unknown)
			demand.known = posture_max(demand.known, level);
		else
			level = kept_level(level, station->whole.posture);
		if (level > demand.level) {
			demand.level = level;
			demand.why = cause->why;
		}
	}
	return demand;
}
