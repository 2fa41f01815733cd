/* SPDX-License-Identifier: ISC */
/* egress programmes: what receivers offer to senders, where we are enrolled, and until when. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "handle_standing.h"
#include "policyd/blocklist.h"
#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "standing_view.h"
#include "text.h"

/* ---- what there is ---- */

static bool is_enrolled(const struct programme_entry *entry)
{
	return entry && entry->since.us && !entry->left.us;
}

/* "since 2026-01-02, until 2026-11-01 (in 12d)", "no", "no, left on 2026-02-03". */
static json_t *standing_text(const struct programme_entry *entry, struct now now)
{
	char since[WALL_TEXT_SIZE], until[WALL_TEXT_SIZE], left[WALL_TEXT_SIZE];
	if (!entry)
		return json_string("no");
	if (!is_enrolled(entry))
		return json_sprintf("no, left on %.10s", wall_format(entry->left, left));
	wall_format(entry->since, since);
	if (entry->until.us == WALL_NEVER.us)
		return json_sprintf("since %.10s", since);
	wall_format(entry->until, until);
	if (entry->until.us <= now.wall.us)
		return json_sprintf(
			"it has RUN OUT on %.10s (since %.10s): renew it", until, since);
	json_t *rest = text_stretch(entry->until.us - now.wall.us);
	json_t *text = json_sprintf("since %.10s, until %.10s, in %s%s", since, until,
		json_string_value(rest),
		entry->until.us - now.wall.us <= LEDGER_SOON_US ? ": renew it" : "");
	json_decref(rest);
	return text;
}

static json_t *enrolment_json(const struct programme_entry *entry, struct now now)
{
	static const struct programme_entry nothing = {.until = {.us = INT64_MAX}};
	const struct programme_entry *known = entry ? entry : &nothing;
	bool has_end = is_enrolled(known) && known->until.us != WALL_NEVER.us;
	json_t *row = json_pack("{s:b, s:o, s:o, s:o, s:o}", "enrolled", is_enrolled(known),
		"standing", standing_text(entry, now), "since", text_moment(known->since), "until",
		has_end ? text_time(known->until) : json_null(), "left", text_moment(known->left));
	json_object_set_new(row, "note", text_or_null(known->note));
	json_object_set_new(row, "author", text_or_null(known->author));
	json_object_set_new(row, "is_to_be_renewed",
		json_boolean(has_end && known->until.us - LEDGER_SOON_US <= now.wall.us));
	return row;
}

static json_t *programme_json(const struct config_programme *programme,
	const struct programme_entry *entry, struct now now)
{
	json_t *row = enrolment_json(entry, now);
	json_object_set_new(row, "programme", text_json(span_of(programme->name)));
	json_object_set_new(row, "title", text_or_null(programme->title));
	json_object_set_new(row, "gives", text_or_null(programme->gives));
	json_object_set_new(row, "identifies", text_or_null(programme->identifies));
	json_object_set_new(row, "url", text_or_null(programme->url));
	json_object_set_new(row, "enrol", text_or_null(programme->enrol));
	json_object_set_new(row, "renew",
		programme->renew_us ? text_stretch(programme->renew_us) : json_null());
	json_object_set_new(row, "remark", text_or_null(programme->note));
	return row;
}

static const struct config_programme *programme_of(const struct config *config, struct span name)
{
	size_t n;
	const struct config_programme *programme = config_programmes(config, &n);
	for (size_t i = 0; i < n; i++) {
		if (programme[i].name && span_equal_nocase(name, span_of(programme[i].name)))
			return &programme[i];
	}
	return NULL;
}

static void programmes_show(struct control_call *call)
{
	size_t n;
	struct now now = call_now(call);
	const struct config *config = engine_config(call->setup->engine);
	const struct config_programme *programme = config_programmes(config, &n);
	const struct programme_entry *entry;
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows,
			programme_json(&programme[i],
				programme_find(call->setup->ledger, span_of(programme[i].name)),
				now));
	/* Of another version's catalogue: what was written down is not hidden. */
	for (size_t i = 0; (entry = programmes_at(call->setup->ledger, i)); i++) {
		const struct config_programme left = {.name = entry->name};
		if (!programme_of(config, span_of(entry->name)))
			json_array_append_new(rows, programme_json(&left, entry, now));
	}
	call_answer(call, rows);
}

/* ---- what a person tells ---- */

#define DATE_SIZE 10 /* 2026-12-31 */

/* Its end in UTC. 0 or -EINVAL. */
static int date_parse(struct span text, wall_t *ret)
{
	static const char form[] = "dddd-dd-dd";
	struct tm tm = {0}, back;
	uint64_t year = 0, month = 0, day = 0;
	if (text.n != DATE_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < DATE_SIZE; i++) {
		bool is_digit = text.p[i] >= '0' && text.p[i] <= '9';
		if (form[i] == 'd' ? !is_digit : text.p[i] != form[i])
			return -EINVAL;
	}
	if (span_to_u64(span_make(text.p, 4), &year) != 0 || year < 1970 ||
		span_to_u64(span_make(text.p + 5, 2), &month) != 0 ||
		span_to_u64(span_make(text.p + 8, 2), &day) != 0)
		return -EINVAL;
	tm.tm_year = (int)year - 1900;
	tm.tm_mon = (int)month - 1;
	tm.tm_mday = (int)day;
	time_t t = timegm(&tm);
	/* The 31st of June is the 1st of July to timegm(). */
	if (!gmtime_r(&t, &back) || back.tm_mday != (int)day || back.tm_mon != (int)month - 1)
		return -EINVAL;
	ret->us = (int64_t)t * SECOND_US + DAY_US;
	return 0;
}

static int until_parse(const struct control_call *call, const struct config_programme *programme,
	wall_t now, wall_t *ret, struct errbuf *err)
{
	struct span text = call_arg(call, "until");
	*ret = WALL_NEVER;
	if (programme->renew_us)
		ret->us = now.us + programme->renew_us;
	if (json_object_get(call->args, "until") == NULL)
		return 0;
	if (date_parse(text, ret) != 0) {
		err_set(err, "--until needs a date, as in 2027-03-31");
		return -EINVAL;
	}
	if (ret->us > now.us)
		return 0;
	err_set(err, "--until %.*s is over already: give the last day of the enrolment",
		(int)text.n, text.p);
	return -EINVAL;
}

struct enrolment {
	const struct config_programme *programme;
	bool is_left;
	wall_t until;
};

static int name_parse(const struct control_call *call, struct enrolment *ret, struct errbuf *err)
{
	char text[SUGGEST_TEXT_SIZE];
	struct suggestion near = {0};
	struct span enrol = call_arg(call, "enrol"), leave = call_arg(call, "leave");
	bool has_enrol = json_object_get(call->args, "enrol") != NULL;
	ret->is_left = json_object_get(call->args, "leave") != NULL;
	if (has_enrol == ret->is_left) {
		err_set(err, has_enrol ? "say one of --enrol and --leave"
				       : "--until and --note go with --enrol NAME or --leave NAME");
		return -EINVAL;
	}
	const struct config *config = engine_config(call->setup->engine);
	struct span name = span_trim(ret->is_left ? leave : enrol);
	ret->programme = programme_of(config, name);
	if (ret->programme)
		return 0;
	size_t n;
	const struct config_programme *known = config_programmes(config, &n);
	for (size_t i = 0; i < n; i++)
		suggest_offer(name, known[i].name, &near);
	err_set(err, "%.*s is no programme that is known%s: egress programmes shows them all",
		(int)(name.n < 80 ? name.n : 80), name.p, suggest_text(&near, text));
	return -ENOENT;
}

static int enrolment_parse(
	const struct control_call *call, struct enrolment *ret, struct now now, struct errbuf *err)
{
	int r = name_parse(call, ret, err);
	if (r == 0 && ret->is_left && json_object_get(call->args, "until")) {
		err_set(err, "--until goes with --enrol");
		r = -EINVAL;
	}
	if (r == 0)
		r = desk_check_text(call, "note", err);
	if (r == 0)
		r = until_parse(call, ret->programme, now.wall, &ret->until, err);
	if (r == 0 && ret->is_left &&
		!is_enrolled(programme_find(call->setup->ledger, span_of(ret->programme->name)))) {
		err_set(err, "we are not enrolled in %s", ret->programme->name);
		r = -ENOENT;
	}
	return r;
}

/* Of the work, which may outlive the snapshot. */
struct enrolment_extra {
	char name[LEDGER_NAME_MAX + 1];
	bool is_left;
	wall_t until;
};

static void enrolment_before(struct control_call *call, struct desk_work *work, struct now now)
{
	const struct enrolment_extra *extra = work->extra;
	const struct programme_order order = {.name = span_of(extra->name),
		.is_left = extra->is_left,
		.until = extra->until,
		.note = call_arg(call, "note"),
		.author = work->event.author};
	ledger_programme(call->setup->ledger, &order, work->event.at);
	json_object_set_new(work->answer, "standing",
		standing_text(programme_find(call->setup->ledger, order.name), now));
}

static void enrolment_begin(
	struct control_call *call, const struct enrolment *enrolment, struct now now)
{
	struct span name = span_of(enrolment->programme->name);
	struct enrolment_extra *extra = xcalloc(1, sizeof(*extra));
	struct desk_work *work = standing_work(EVENT_PROGRAMME, "programme", name, now);
	bool has_end = !enrolment->is_left && enrolment->until.us != WALL_NEVER.us;
	char before[64], end[WALL_TEXT_SIZE];
	span_copy(span_of(enrolment->is_left ? "left: " : "enrolled: "), before, sizeof(before));
	span_copy(name, extra->name, sizeof(extra->name));
	extra->is_left = enrolment->is_left;
	extra->until = enrolment->until;
	if (!enrolment->is_left)
		work->event.until = enrolment->until;
	if (has_end)
		(void)snprintf(before, sizeof(before),
			"enrolled until %s: ", wall_format(enrolment->until, end));
	desk_set_reason(work, before, call_arg(call, "note"));
	work->answer = json_pack("{s:o, s:b, s:o}", "programme", text_json(name), "enrolled",
		!enrolment->is_left, "until", has_end ? text_time(enrolment->until) : json_null());
	work->extra = extra;
	work->before = enrolment_before;
	desk_commit(call, work);
}

void handle_egress_programmes(struct control_call *call)
{
	struct enrolment enrolment = {0};
	struct errbuf err;
	struct now now = call_now(call);
	if (standing_must_be(call) != 0)
		return;
	if (json_object_size(call->args) == 0) {
		programmes_show(call);
		return;
	}
	/* To look is for everybody; to write down is not. */
	if (call_must_have(call, RIGHT_DESK) != 0)
		return;
	if (enrolment_parse(call, &enrolment, now, &err) != 0)
		call_fail(call, EX_USAGE, "%s", err.text);
	else
		enrolment_begin(call, &enrolment, now);
}
