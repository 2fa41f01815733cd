/* SPDX-License-Identifier: ISC */
/* What operators do. How the store keeps it is played by the list of events. */
#include <errno.h>

#include "policyd/units.h"
#include "scenario.h"

int desk_begin(struct scenario *s, const struct verb *verb, const struct words *words, size_t at,
	struct scenario_event **ret)
{
	struct scenario_event *made = &s->event[s->events];
	struct errbuf err;
	int64_t us;
	if (s->events == EVENTS_MAX)
		return fail(s, "more than %d acts of operators", EVENTS_MAX);
	*made = (struct scenario_event){
		.event =
			{
				.at = scenario_now(s).wall,
				.until = WALL_NEVER,
				.reason = SPAN("a scenario"),
				.author = SPAN("scenario"),
			},
	};
	if (subject_parse(span_of(words->word[1]), s->config, &made->name, &err) != 0)
		return fail(s, "%s", err.text);
	made->event.account = account_name_key(&made->name);
	*ret = made;
	if (words->n <= at)
		return 0;
	if (words->n != at + 2 || strcmp(words->word[at], "for") != 0 ||
		duration_parse(span_of(words->word[at + 1]), &us, &err) != 0)
		return fail(s, "usage: %s %s", verb->word, verb->usage);
	made->event.until.us = made->event.at.us + us;
	return 0;
}

/* The store gives back what holds, not what was. */
static void suspensions_end(struct scenario *s, struct span account)
{
	for (size_t i = 0; i < s->events; i++) {
		struct scenario_event *before = &s->event[i];
		before->is_over =
			before->is_over || (before->event.kind == EVENT_SUSPEND &&
						   span_equal(before->event.account, account));
	}
}

int desk_done(struct scenario *s, const struct scenario_event *made)
{
	if (made->event.kind == EVENT_RELEASE)
		suspensions_end(s, made->event.account);
	s->events++;
	engine_apply(s->engine, &made->event, scenario_now(s));
	return 0;
}

int desk_event(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_event *made;
	int r = desk_begin(s, verb, words, 2, &made);
	if (r != 0)
		return r;
	if (event_kind_of(span_of(verb->word), &made->event.kind) != 0)
		return fail(s, "no event is called %s", verb->word);
	return desk_done(s, made);
}

int desk_release(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_event *made;
	const char *verdict = words->n > 2 ? words->word[2] : "";
	int r = desk_begin(s, verb, words, words->n, &made);
	if (r != 0)
		return r;
	if (verdict[0] && strcmp(verdict, VERDICT_FALSE_POSITIVE) != 0 &&
		strcmp(verdict, VERDICT_CONFIRMED) != 0)
		return fail(s, "usage: %s %s", verb->word, verb->usage);
	made->event.kind = EVENT_RELEASE;
	made->event.limit = span_of(verdict);
	return desk_done(s, made);
}

int desk_override(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_event *made;
	struct errbuf err;
	bool is_set = strcmp(verb->word, "override") == 0;
	int r = desk_begin(s, verb, words, 4, &made);
	if (r != 0)
		return r;
	made->event.kind = is_set ? EVENT_OVERRIDE_SET : EVENT_OVERRIDE_UNSET;
	made->event.limit = span_of(words->word[2]);
	if (config_limit_of(s->config, made->event.limit) < 0)
		return fail(s, "no limit is called %s", words->word[2]);
	if (is_set && rate_parse(span_of(words->word[3]), &made->event.rate, &err) != 0)
		return fail(s, "%s", err.text);
	return desk_done(s, made);
}

int desk_class(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct engine_account_view view;
	struct errbuf err;
	(void)verb;
	s->checks++;
	if (engine_account(s->engine, span_of(words->word[1]), scenario_now(s), &view, &err) != 0)
		return fail(s, "%s", err.text);
	if (strcmp(view.class->name, words->word[2]) == 0)
		return 0;
	return fail(s, "class: expected %s; came %s", words->word[2], view.class->name);
}
