/* SPDX-License-Identifier: ISC */
/*
 * From looks to verdicts. A failure is one when it was seen three times over 30 minutes; a failure that is
 * gone must be gone twice. What could not be looked up counts for neither. What was not renewed for three
 * intervals becomes unknown.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

#define FAILED_LOOKS   3
#define FAILED_OVER_US (30 * MINUTE_US)
#define GOOD_LOOKS     2
/* Looks that follow one another faster, because somebody is in a hurry, say nothing new. */
#define FAILED_APART_US (5 * MINUTE_US)
#define GOOD_APART_US   MINUTE_US
#define AGE_MIN_US      HOUR_US

static const struct ip everywhere;

/* ---- text ---- */

/* Records of DNS may hold any byte. */
static void make_harmless(char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text > 0x7e)
			*text = '?';
	}
}

void sighting_set(struct sighting *s, enum audit_result seen, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(s->evidence, sizeof(s->evidence), format, args);
	va_end(args);
	if (n < 0)
		s->evidence[0] = '\0';
	make_harmless(s->evidence);
	s->seen = seen;
	s->fix[0] = '\0';
}

void sighting_fix(struct sighting *s, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(s->fix, sizeof(s->fix), format, args);
	va_end(args);
	if (n < 0)
		s->fix[0] = '\0';
	make_harmless(s->fix);
}

struct words words_in(char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct words){.buf = buf, .size = size};
}

void words_add(struct words *words, const char *format, ...)
{
	va_list args;
	size_t room = words->size - words->n;
	va_start(args, format);
	int n = vsnprintf(words->buf + words->n, room, format, args);
	va_end(args);
	if (n > 0)
		words->n += (size_t)n < room ? (size_t)n : room - 1;
}

/* ---- one look ---- */

static void set_text(char **place, const char *text)
{
	if (*place && strcmp(*place, text) == 0)
		return;
	free(*place);
	*place = text[0] ? xstrdup(text) : NULL;
}

void finding_release(struct finding *finding)
{
	free(finding->evidence);
	free(finding->fix);
	finding->evidence = finding->fix = NULL;
}

static bool counts(const struct finding *finding, int64_t apart_us, mono_t now)
{
	return is_past(mono_after(finding->counted, apart_us), now);
}

static enum audit_result learn_failure(struct finding *finding, mono_t now)
{
	finding->good = 0;
	if (!finding->has_failing) {
		finding->has_failing = true;
		finding->failing = finding->counted = now;
		finding->failed = 1;
	} else if (counts(finding, FAILED_APART_US, now)) {
		finding->counted = now;
		finding->failed = (uint8_t)(finding->failed + (finding->failed < UINT8_MAX));
	}
	if (finding->failed >= FAILED_LOOKS &&
		is_past(mono_after(finding->failing, FAILED_OVER_US), now))
		return AUDIT_FAIL;
	return (enum audit_result)finding->verdict;
}

static enum audit_result learn_good(struct finding *finding, enum audit_result seen, mono_t now)
{
	if (finding->has_failing || finding->good == 0) {
		finding->has_failing = false;
		finding->failed = 0;
		finding->good = 1;
		finding->counted = now;
	} else if (finding->good < GOOD_LOOKS && counts(finding, GOOD_APART_US, now)) {
		finding->counted = now;
		finding->good++;
	}
	if (finding->verdict == AUDIT_FAIL && finding->good < GOOD_LOOKS)
		return AUDIT_FAIL;
	return seen;
}

static void set_verdict(struct audit *a, const struct audit_unit *unit, struct finding *finding,
	enum audit_result to)
{
	enum audit_result from = (enum audit_result)finding->verdict;
	if (from == to)
		return;
	finding->verdict = (uint8_t)to;
	finding->since = a->now.wall;
	/* That all is well at the first look is no news. */
	if (finding->was_known || to != AUDIT_PASS)
		change_verdict(a, unit, finding, from);
	finding->was_known = true;
}

void finding_learn(struct audit *a, const struct audit_unit *unit, struct finding *finding,
	const struct sighting *sighting)
{
	enum audit_result to = (enum audit_result)finding->verdict;
	finding->seen = (uint8_t)sighting->seen;
	a->is_dirty = true;
	if (sighting->seen == AUDIT_UNKNOWN) {
		if (to == AUDIT_UNKNOWN) {
			set_text(&finding->evidence, sighting->evidence);
			set_text(&finding->fix, sighting->fix);
		}
		return;
	}
	finding->looked = a->now.wall;
	finding->renewed = a->now.mono;
	set_text(&finding->evidence, sighting->evidence);
	set_text(&finding->fix, sighting->fix);
	if (sighting->seen == AUDIT_FAIL)
		to = learn_failure(finding, a->now.mono);
	else
		to = learn_good(finding, sighting->seen, a->now.mono);
	set_verdict(a, unit, finding, to);
}

bool finding_wants_again(const struct finding *finding)
{
	return finding->seen != finding->verdict || finding->seen == AUDIT_FAIL ||
	       finding->seen == AUDIT_UNKNOWN;
}

/* ---- aging ---- */

static int64_t age_us(const struct audit *a)
{
	int64_t us = 3 * audit_interval_us(a);
	return us > AGE_MIN_US ? us : AGE_MIN_US;
}

static void finding_age(struct audit *a, const struct audit_unit *unit, struct finding *finding)
{
	mono_t end = mono_after(finding->renewed, age_us(a));
	if (finding->verdict == AUDIT_UNKNOWN)
		return;
	if (!is_past(end, a->now.mono)) {
		a->aging = mono_min(a->aging, end);
		return;
	}
	set_text(&finding->evidence, "it could not be looked up for a long time");
	set_text(&finding->fix, "");
	finding->seen = AUDIT_UNKNOWN;
	finding->good = 0;
	set_verdict(a, unit, finding, AUDIT_UNKNOWN);
	a->is_dirty = true;
}

void findings_age(struct audit *a)
{
	if (!is_past(a->aging, a->now.mono))
		return;
	/* What is known later than now runs out later than this; MONO_NEVER while nothing is known. */
	a->aging = mono_after(a->now.mono, age_us(a));
	for (size_t i = 0; i < a->unit_n; i++) {
		for (size_t j = 0; j < a->unit[i]->finding_n; j++)
			finding_age(a, a->unit[i], &a->unit[i]->finding[j]);
	}
}

mono_t findings_due(const struct audit *a)
{
	return a->unit_n > 0 ? a->aging : MONO_NEVER;
}

/* ---- for people ---- */

const struct audit_row audit_rows[AUDIT_CHECKS] = {
#define AUDIT(id, name, subject, severity, text) {name, AUDIT_##subject, severity, text},
#include "policyd/audit.def"
#undef AUDIT
};

const char *audit_result_name(enum audit_result result)
{
	static const char *const names[AUDIT_RESULTS] = {"unknown", "pass", "warn", "fail"};
	return names[result];
}

static const char *why_unknown(const struct finding *finding)
{
	return finding->seen == AUDIT_UNKNOWN ? "not looked at yet" : "";
}

static bool tell(const struct audit_unit *unit, const struct finding *finding, struct now now,
	audit_each *each, void *ctx)
{
	char subject[IP_TEXT_SIZE];
	struct audit_finding view = {
		.check = (enum audit_check)finding->check,
		.subject = unit_subject(unit, subject),
		.ip = finding->ip,
		.result = (enum audit_result)finding->verdict,
		.seen = (enum audit_result)finding->seen,
		.severity = audit_rows[finding->check].severity,
		.evidence = finding->evidence ? finding->evidence : why_unknown(finding),
		.fix = finding->fix ? finding->fix : "",
		.since = finding->since,
		.looked = finding->looked,
		.next = wall_of_mono(unit->is_running ? now.mono : unit->due, now),
		.failed_looks = finding->failed,
	};
	return each(ctx, &view);
}

void audit_findings(const struct audit *a, struct now now, audit_each *each, void *ctx)
{
	/* Units of one address stand together, and have their checks in order. */
	for (size_t i = 0; i < a->unit_n; i++) {
		for (size_t j = 0; j < a->unit[i]->finding_n; j++) {
			if (!tell(a->unit[i], &a->unit[i]->finding[j], now, each, ctx))
				return;
		}
	}
}

static uint64_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static uint64_t unit_bytes(const struct audit_unit *unit)
{
	uint64_t bytes = sizeof(*unit) + text_bytes(unit->name) + text_bytes(unit->organisation);
	for (size_t i = 0; i < unit->finding_n; i++)
		bytes += sizeof(unit->finding[i]) + text_bytes(unit->finding[i].evidence) +
			 text_bytes(unit->finding[i].fix);
	return bytes;
}

void audit_figures(const struct audit *a, struct audit_figures *ret)
{
	*ret = (struct audit_figures){
		.in_flight = a->run_n, .asked = a->asked, .dropped = a->dropped};
	ret->bytes = sizeof(*a) + volume_bytes(a->volume) +
		     EGRESS_ADDRESSES_MAX * sizeof(*a->address) +
		     AUDIT_SELECTORS_MAX * sizeof(*a->selector);
	for (size_t i = 0; i < a->unit_n; i++) {
		const struct audit_unit *unit = a->unit[i];
		ret->domains += unit->kind == UNIT_DOMAIN;
		ret->selectors += unit->kind == UNIT_SELECTOR;
		ret->bytes += unit_bytes(unit);
		for (size_t j = 0; j < unit->finding_n; j++)
			ret->findings[unit->finding[j].verdict]++;
	}
	for (size_t i = 0; i < a->parked_n; i++)
		ret->bytes += unit_bytes(a->parked[i]);
}

void report(struct audit *a, struct audit_unit *unit, enum audit_check check, const struct ip *ip,
	const struct sighting *sighting)
{
	struct finding *finding = unit_finding(unit, check, ip ? ip : &everywhere);
	/* An address that went while it was looked at. */
	if (finding)
		finding_learn(a, unit, finding, sighting);
}
