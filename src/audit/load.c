/* SPDX-License-Identifier: ISC */
/*
 * What outlived the process, from bytes (state.h). The file may be damaged or of another version: what
 * cannot be is passed over, record by record. What is known waits, parked, until what it speaks of is there:
 * our addresses may be found later.
 */
#include <errno.h>

#include "policyd/mem.h"
#include "state.h"

/* No time that is saved is further away, before or ahead. */
#define AGO_MAX_US   (3650 * DAY_US)
#define AHEAD_MAX_US (2 * DAY_US)
/* SPF of each address, DMARC and MX. */
#define FINDINGS_MAX (EGRESS_ADDRESSES_MAX + 2)
/* What was due while nobody ran is not asked all at once. */
#define SPREAD_US (5 * MINUTE_US)
#define COUNT_MAX (UINT64_C(1) << 48)

struct loading {
	struct audit *a;
	int64_t passed_us; /* since it was saved */
	size_t volume_n;
};

static mono_t load_time(const struct loading *load, struct reader *in, int64_t ahead_max_us)
{
	int64_t ago_us = reader_signed(in);
	if (ago_us > AGO_MAX_US)
		ago_us = AGO_MAX_US;
	if (ago_us < -ahead_max_us)
		ago_us = -ahead_max_us;
	return mono_after(load->a->now.mono, -ago_us - load->passed_us);
}

/* A clock that was set back has no future behind it. */
static wall_t load_wall(const struct loading *load, struct reader *in)
{
	int64_t us = reader_signed(in), now_us = load->a->now.wall.us;
	if (us < 0)
		us = 0;
	return (wall_t){.us = us < now_us ? us : now_us};
}

/* A number that must be below most; what is not spoils the record. */
static uint8_t load_small(struct reader *in, unsigned below)
{
	uint64_t number = reader_number(in);
	if (number >= below) {
		in->is_bad = true;
		in->n = 0;
		return 0;
	}
	return (uint8_t)number;
}

static void load_ip(struct reader *in, struct ip *ret)
{
	struct span bytes = reader_span(in);
	*ret = (struct ip){0};
	if (bytes.n == sizeof(ret->byte))
		memcpy(ret->byte, bytes.p, bytes.n);
	else
		in->is_bad = true;
}

/* What was saved is harmless; what somebody wrote there may not be. */
static char *load_text(struct reader *in)
{
	struct span text = reader_span(in);
	if (text.n == 0 || text.n >= AUDIT_TEXT_SIZE)
		return NULL;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return NULL;
	}
	return xstrndup(text.p, text.n);
}

/* AUDIT_CHECKS: none that there is today. */
static unsigned load_check(struct reader *in)
{
	struct span name = reader_span(in);
	unsigned check = 0;
	while (check < AUDIT_CHECKS && !span_equal(name, span_of(audit_rows[check].name)))
		check++;
	return check;
}

static void load_finding(const struct loading *load, struct audit_unit *unit, struct reader *in)
{
	struct finding read = {0};
	unsigned check = load_check(in);
	load_ip(in, &read.ip);
	read.verdict = load_small(in, AUDIT_RESULTS);
	read.seen = load_small(in, AUDIT_RESULTS);
	read.failed = load_small(in, UINT8_MAX + 1);
	read.good = load_small(in, UINT8_MAX + 1);
	read.was_known = load_small(in, 2);
	read.has_failing = load_small(in, 2);
	read.failing = load_time(load, in, 0);
	read.counted = load_time(load, in, 0);
	read.renewed = load_time(load, in, 0);
	read.since = load_wall(load, in);
	read.looked = load_wall(load, in);
	char *evidence = load_text(in), *fix = load_text(in);
	read.evidence = evidence;
	read.fix = fix;
	if (in->is_bad || check == AUDIT_CHECKS || unit->finding_n == FINDINGS_MAX ||
		unit_finding(unit, (enum audit_check)check, &read.ip)) {
		finding_release(&read);
		return;
	}
	read.check = (uint8_t)check;
	*unit_add(unit, (enum audit_check)check, &read.ip) = read;
}

/* NULL: it is none. */
static struct audit_unit *load_head(const struct loading *load, struct reader *in)
{
	struct ip ip;
	struct audit *a = load->a;
	unsigned kind = load_small(in, UNIT_KINDS);
	load_ip(in, &ip);
	struct span name = reader_span(in);
	mono_t due = load_time(load, in, AHEAD_MAX_US), parked = load_time(load, in, 0);
	bool is_named = kind > UNIT_AUTHORITY;
	if (in->is_bad || is_named != (name.n > 0) || name.n >= NAME_SIZE)
		return NULL;
	struct audit_unit *unit = unit_new((enum unit_kind)kind, is_named ? NULL : &ip, name);
	unit->due = due;
	if (kind == UNIT_PROBE)
		unit->not_before = due;
	if (is_past(due, a->now.mono))
		unit->due = mono_after(a->now.mono, audit_chance(a, SPREAD_US));
	unit->parked = parked;
	if (!is_named || name_is_public(unit->name))
		return unit;
	unit_free(unit);
	return NULL;
}

static void load_unit(const struct loading *load, struct reader in)
{
	struct reader record;
	unsigned type;
	struct audit_unit *unit = NULL;
	if (reader_record(&in, &type, &record) && type == STATE_UNIT_HEAD)
		unit = load_head(load, &record);
	if (!unit)
		return;
	while (reader_record(&in, &type, &record)) {
		if (type == STATE_UNIT_FINDING)
			load_finding(load, unit, &record);
	}
	unit_park(load->a, unit);
}

static void load_volume(struct loading *load, struct reader *in)
{
	char name[NAME_SIZE];
	struct span domain = reader_span(in);
	uint64_t count = reader_number(in);
	if (in->is_bad || count == 0 || load->volume_n == VOLUME_MAX ||
		!name_canonical(domain, name) || !name_is_public(name))
		return;
	load->volume_n++;
	audit_volume_add(load->a->volume, span_of(name), count < COUNT_MAX ? count : COUNT_MAX);
}

static void load_selector(const struct loading *load, struct reader *in)
{
	struct audit *a = load->a;
	char name[NAME_SIZE];
	struct span text = reader_span(in);
	mono_t at = load_time(load, in, 0);
	if (in->is_bad || a->selector_n == AUDIT_SELECTORS_MAX || !name_canonical(text, name) ||
		!name_is_public(name))
		return;
	struct seen_selector *selector = &a->selector[a->selector_n++];
	selector->at = at;
	memcpy(selector->name, name, sizeof(name));
}

static bool load_header(struct loading *load, struct reader *in)
{
	struct audit *a = load->a;
	uint64_t format = reader_number(in);
	int64_t then_us = reader_signed(in);
	if (in->is_bad || format != STATE_FORMAT || then_us < 0)
		return false;
	load->passed_us = a->now.wall.us - then_us;
	if (load->passed_us < 0)
		load->passed_us = 0;
	if (load->passed_us > AGO_MAX_US)
		load->passed_us = AGO_MAX_US;
	mono_t decay = load_time(load, in, DAY_US);
	a->decay = decay.us > a->now.mono.us ? decay : a->now.mono;
	return true;
}

int audit_load(struct audit *a, struct span saved, struct now now)
{
	struct loading load = {.a = a};
	struct reader in = reader_of(saved), all, record;
	unsigned type;
	a->now = now;
	if (!reader_record(&in, &type, &all) || type != STATE_ALL || !reader_is_whole(all))
		return -EBADMSG;
	if (!reader_record(&all, &type, &record) || type != STATE_HEADER ||
		!load_header(&load, &record))
		return -EBADMSG;
	while (reader_record(&all, &type, &record)) {
		if (type == STATE_VOLUME)
			load_volume(&load, &record);
		else if (type == STATE_SELECTOR)
			load_selector(&load, &record);
		else if (type == STATE_UNIT)
			load_unit(&load, record);
	}
	/* What is there already knows nothing; it is made anew from what was parked. */
	units_forget(a);
	units_update(a);
	return 0;
}
