/* SPDX-License-Identifier: ISC */
/* What speaks for a compromised account: where clients stand, what is told of one, what the ladder did. */
#include <stdio.h>
#include <stdlib.h>

#include "scenario.h"

/* ---- where a client stands ---- */

/* The text up to the next '/', which goes; an empty one at the end. */
static struct span part_take(struct span *rest)
{
	const char *slash = rest->n ? memchr(rest->p, '/', rest->n) : NULL;
	struct span part = slash ? span_make(rest->p, (size_t)(slash - rest->p)) : *rest;
	*rest = slash ? span_make(slash + 1, rest->n - part.n - 1) : span_make(NULL, 0);
	return part;
}

/* Degrees, "-33.8", in hundredths. */
static bool degrees_parse(struct span text, double most, int16_t *ret)
{
	char buf[16], *end;
	if (text.n == 0 || text.n >= sizeof(buf))
		return false;
	span_copy(text, buf, sizeof(buf));
	double degrees = strtod(buf, &end);
	if (*end || !(degrees >= -most && degrees <= most))
		return false;
	*ret = (int16_t)(degrees * 100);
	return true;
}

bool geo_parse(struct span text, struct geo *ret)
{
	struct geo geo = {.asn = 0};
	uint64_t asn = 0;
	*ret = geo;
	if (span_equal(text, SPAN("-")))
		return true;
	struct span country = part_take(&text), number = part_take(&text);
	struct span latitude = part_take(&text), longitude = part_take(&text);
	if (country.n != 2 || text.n || (number.n && span_to_u64(number, &asn) != 0) ||
		asn > UINT32_MAX)
		return false;
	memcpy(geo.country, country.p, 2);
	geo.asn = (uint32_t)asn;
	geo.has_position = latitude.n > 0;
	if (geo.has_position && (!degrees_parse(latitude, 90, &geo.latitude) ||
					!degrees_parse(longitude, 180, &geo.longitude)))
		return false;
	*ret = geo;
	return true;
}

/* ---- what is told of an account ---- */

int signal_add(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_event *made;
	int r = desk_begin(s, verb, words, words->n, &made);
	if (r != 0)
		return r;
	if (signal_of(span_of(words->word[2])) == SIGNAL_COUNT)
		return fail(s, "no signal is called %s", words->word[2]);
	made->event.kind = EVENT_SIGNAL;
	/* Words of a line lie one behind the other: "complaints" and "3" are one text again. */
	if (words->n > 3)
		words->word[2][strlen(words->word[2])] = ' ';
	made->event.limit = span_of(words->word[2]);
	return desk_done(s, made);
}

static int view_of(struct scenario *s, const char *account, struct signals_view *ret)
{
	struct errbuf err;
	if (engine_signals(s->engine, span_of(account), scenario_now(s), ret, &err) != 0)
		return fail(s, "%s", err.text);
	return 0;
}

int signal_step(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct signals_view view;
	int r = view_of(s, words->word[1], &view);
	(void)verb;
	s->checks++;
	if (r != 0)
		return r;
	if (strcmp(step_name(view.step), words->word[2]) == 0)
		return 0;
	return fail(s, "step: expected %s; came %s with score %.1f (would be %s)", words->word[2],
		step_name(view.step), view.score, step_name(view.would));
}

int signal_evidence(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct signals_view view;
	const struct signals_evidence *found = NULL;
	const char *name = words->word[2], *text = words->n > 4 ? words->word[4] : "";
	enum signal signal = signal_of(span_of(name));
	(void)verb;
	if (signal == SIGNAL_COUNT)
		return fail(s, "no signal is called %s", name);
	int r = view_of(s, words->word[1], &view);
	for (size_t i = 0; r == 0 && i < view.evidence_n; i++)
		found = view.evidence[i].signal == signal ? &view.evidence[i] : found;
	if (r == 0)
		r = verb_within(s, name, found ? found->points : 0, words->word[3]);
	if (r == 0 && *text && (!found || !strstr(found->text, text)))
		r = fail(s, "%s: expected \"%s\"; came \"%s\"", name, text,
			found ? found->text : "");
	return r;
}

int signal_show(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct signals_view view;
	int r = view_of(s, words->word[1], &view);
	(void)verb;
	if (r != 0)
		return r;
	printf("# line %u: %s: %.1f points, step %s; %u delivered\n", s->line, words->word[1],
		view.score, step_name(view.step), s->delivered);
	for (size_t i = 0; i < view.evidence_n; i++)
		printf("#   %5.1f %s: %s\n", view.evidence[i].points,
			signal_rows[view.evidence[i].signal].name, view.evidence[i].text);
	return 0;
}

int signal_score(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct signals_view view;
	int r = view_of(s, words->word[1], &view);
	return r == 0 ? verb_within(s, verb->word, view.score, words->word[2]) : r;
}

/* ---- what the ladder did ---- */

/* A suspension is kept as the store would keep it. */
static void suspension_keep(struct scenario *s, const struct policy_event *event)
{
	struct scenario_event *made = &s->event[s->events];
	struct errbuf err;
	if (s->events == EVENTS_MAX)
		return;
	*made = (struct scenario_event){.event = *event};
	if (subject_parse(event->account, s->config, &made->name, &err) != 0)
		return;
	made->event.account = account_name_key(&made->name);
	made->event.reason = SPAN("told by the ladder");
	made->event.author = SPAN(AUTHOR_SELF);
	s->events++;
}

void signal_effect(struct scenario *s, const struct effect *effect)
{
	if (effect->kind != EFFECT_EVENT)
		return;
	const struct policy_event *event = effect->event;
	bool is_suspension = event->kind == EVENT_SUSPEND;
	struct span shown = subject_shown(event->account);
	struct span step = is_suspension ? SPAN("suspended") : event->limit;
	if (is_suspension)
		suspension_keep(s, event);
	if (s->steps == NOTES_MAX)
		return;
	if (snprintf(s->step[s->steps], sizeof(s->step[0]), "%.*s %.*s", (int)shown.n, shown.p,
		    (int)step.n, step.p) > 0)
		s->steps++;
}

int signal_event(struct scenario *s, const struct verb *verb, const struct words *words)
{
	char wanted[64];
	(void)verb;
	s->checks++;
	if (words->n == 2 && strcmp(words->word[1], "nothing") == 0)
		return s->steps == 0 ? 0 : fail(s, "nothing expected; told: %s", s->step[0]);
	if (snprintf(wanted, sizeof(wanted), "%s %s", words->word[1],
		    words->n > 2 ? words->word[2] : "") < 0)
		return fail(s, "too long");
	if (s->steps == 0 || strcmp(s->step[0], wanted) != 0)
		return fail(s, "told: expected \"%s\"; came \"%s\"", wanted,
			s->steps ? s->step[0] : "");
	memmove(s->step[0], s->step[1], sizeof(s->step[0]) * (NOTES_MAX - 1));
	s->steps--;
	return 0;
}
