/* SPDX-License-Identifier: ISC */
/* Who sent what: a walk over all accounts, twice, by use and by score, joined into one short list. */
#include "policyd/culprit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

#define TOP_MAX 100

struct culprits {
	struct fall fall[CULPRITS_FALLS]; /* newest first */
	size_t n;
	size_t waiting; /* of those, so many have not been looked at; they come first */
	struct engine_top top;
	bool is_walking;
};

struct culprits *culprits_new(void)
{
	return xcalloc(1, sizeof(struct culprits));
}

void culprits_free(struct culprits *c)
{
	free(c);
}

void culprits_begin(struct culprits *c, const struct ip *egress, enum posture posture,
	const char *why, struct now now)
{
	size_t kept = c->n < CULPRITS_FALLS ? c->n : CULPRITS_FALLS - 1;
	/* Several at once are looked at by one walk. */
	if (c->waiting == CULPRITS_FALLS)
		return;
	memmove(&c->fall[1], &c->fall[0], kept * sizeof(c->fall[0]));
	c->n = kept + 1;
	c->fall[0] = (struct fall){.egress = *egress, .posture = posture, .at = now.wall};
	span_copy(span_of(why), c->fall[0].why, sizeof(c->fall[0].why));
	c->waiting++;
	c->is_walking = false;
}

/* ---- the walk ---- */

static int64_t widest_of(const struct config *config)
{
	int64_t widest = 0;
	for (size_t i = 0; i < config->limits_n; i++) {
		const struct config_limit *limit = &config->limits[i];
		if (limit->key == KEY_ACCOUNT && limit->unit == UNIT_RECIPIENTS &&
			limit->mode == MODE_ENFORCE && limit->rate.window_us > widest)
			widest = limit->rate.window_us;
	}
	return widest;
}

/* How far up the ladder: a person's suspension is as good as its own, and what is observed as what acts. */
static enum step flag_of(const struct culprit *culprit)
{
	if (culprit->is_suspended)
		return STEP_SUSPEND;
	return culprit->would > culprit->step ? culprit->would : culprit->step;
}

/* Beyond what it usually sends: all of it where that is not known. */
static double excess_of(const struct culprit *culprit)
{
	double excess = (double)culprit->used - culprit->usual;
	return excess > 0 ? excess : 0;
}

static double share_of(double n, const struct fall *fall)
{
	return fall->recipients ? 100 * n / (double)fall->recipients : 0;
}

/* A note is a remark: of who sent no more than it does it says nothing. */
static bool does_stand_out(const struct culprit *culprit, const struct fall *fall)
{
	double excess = excess_of(culprit);
	enum step flag = flag_of(culprit);
	return flag > STEP_NOTE || (flag == STEP_NOTE && excess > 0) ||
	       share_of(excess, fall) >= CULPRIT_SHARE_MIN;
}

static bool is_before(const struct culprit *a, const struct culprit *b)
{
	enum step a_flag = flag_of(a), b_flag = flag_of(b);
	if (a->stands_out != b->stands_out)
		return a->stands_out;
	/* Where nobody is to blame, the biggest are what people want to see. */
	if (!a->stands_out)
		return a->used > b->used;
	if (a_flag != b_flag)
		return a_flag > b_flag;
	if (a_flag > STEP_NONE && a->score != b->score)
		return a->score > b->score;
	return excess_of(a) > excess_of(b);
}

static void fall_add(struct fall *fall, const struct culprit *culprit)
{
	size_t at = fall->n;
	for (size_t i = 0; i < fall->n; i++) {
		if (strcmp(fall->culprit[i].account, culprit->account) == 0)
			return;
	}
	if (fall->n == CULPRITS_MAX && !is_before(culprit, &fall->culprit[CULPRITS_MAX - 1]))
		return;
	if (fall->n < CULPRITS_MAX)
		fall->n++;
	else
		at = CULPRITS_MAX - 1;
	for (; at > 0 && is_before(culprit, &fall->culprit[at - 1]); at--)
		fall->culprit[at] = fall->culprit[at - 1];
	fall->culprit[at] = *culprit;
}

/* One account, as it stands to one fall. */
static void row_take(struct fall *fall, const struct engine_top_row *row, struct span key)
{
	int64_t days = (fall->window_us + DAY_US - 1) / DAY_US;
	struct culprit culprit = {
		.used = row->used,
		.score = row->score,
		.usual = row->usual * (double)(days > 0 ? days : 1),
		.step = row->step,
		.would = row->would,
		.is_suspended = row->suspended,
	};
	span_copy(key, culprit.account, sizeof(culprit.account));
	culprit.share = share_of((double)row->used, fall);
	culprit.stands_out = does_stand_out(&culprit, fall);
	fall_add(fall, &culprit);
}

static void rows_take(struct culprits *c, struct engine *e)
{
	const struct engine_top *top = &c->top;
	for (size_t i = 0; i < top->n; i++) {
		struct span key = engine_account_key(e, top->row[i].account);
		if (key.n == 0 || top->row[i].used == 0)
			continue;
		for (size_t k = 0; k < c->waiting; k++)
			row_take(&c->fall[k], &top->row[i], key);
	}
}

static void walk_begin(struct culprits *c, bool by_score)
{
	c->top = (struct engine_top){.unit = UNIT_RECIPIENTS, .by_score = by_score, .max = TOP_MAX};
	c->is_walking = true;
}

/* By use comes first: it tells how much all of them sent. */
static void walk_end(struct culprits *c, struct engine *e)
{
	for (size_t i = 0; i < c->waiting && !c->top.by_score; i++) {
		c->fall[i].recipients = c->top.total;
		c->fall[i].window_us = widest_of(engine_config(e));
	}
	rows_take(c, e);
	if (!c->top.by_score) {
		walk_begin(c, true);
		return;
	}
	c->is_walking = false;
	c->waiting = 0;
}

bool culprits_step(struct culprits *c, struct engine *e, struct now now)
{
	if (c->waiting == 0)
		return false;
	if (!c->is_walking) {
		for (size_t i = 0; i < c->waiting; i++)
			c->fall[i].n = 0;
		walk_begin(c, false);
	}
	if (engine_top_step(e, &c->top, now))
		walk_end(c, e);
	return c->waiting > 0;
}

const struct fall *culprits_at(const struct culprits *c, size_t i)
{
	return i < c->n - c->waiting ? &c->fall[c->waiting + i] : NULL;
}

/* ---- what outlives the process ---- */

#define FORMAT 2
enum { RECORD_FALL = 1, RECORD_CULPRIT };

static void save_culprit(const struct culprit *culprit, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_CULPRIT);
	bytes_span(out, span_of(culprit->account));
	bytes_number(out, culprit->used);
	bytes_number(out, (uint64_t)(culprit->share * 1000));
	bytes_number(out, (uint64_t)(culprit->score * 1000));
	bytes_number(out, culprit->step);
	bytes_number(out, culprit->stands_out);
	bytes_number(out, culprit->would);
	bytes_number(out, (uint64_t)culprit->usual);
	bytes_number(out, culprit->is_suspended);
	bytes_end(out, mark);
}

void culprits_save(const struct culprits *c, struct bytes *out)
{
	bytes_number(out, FORMAT);
	for (size_t i = c->waiting; i < c->n; i++) {
		const struct fall *fall = &c->fall[i];
		size_t mark = bytes_begin(out, RECORD_FALL);
		bytes_span(out, span_make((const char *)fall->egress.byte, sizeof(fall->egress)));
		bytes_number(out, fall->posture);
		bytes_signed(out, fall->at.us);
		bytes_span(out, span_of(fall->why));
		bytes_number(out, fall->recipients);
		bytes_signed(out, fall->window_us);
		for (size_t k = 0; k < fall->n; k++)
			save_culprit(&fall->culprit[k], out);
		bytes_end(out, mark);
	}
}

static void load_culprit(struct fall *fall, struct reader *in)
{
	struct culprit culprit = {0};
	struct span account = reader_span(in);
	culprit.used = reader_number(in);
	culprit.share = (double)reader_number(in) / 1000;
	culprit.score = (double)reader_number(in) / 1000;
	uint64_t step = reader_number(in), stands_out = reader_number(in);
	uint64_t would = reader_number(in);
	culprit.usual = (double)reader_number(in);
	culprit.is_suspended = reader_number(in) == 1;
	if (in->is_bad || step >= STEP_COUNT || would >= STEP_COUNT ||
		account.n > ACCOUNT_KEY_MAX || fall->n == CULPRITS_MAX)
		return;
	culprit.step = (enum step)step;
	culprit.would = (enum step)would;
	culprit.stands_out = stands_out == 1;
	span_copy(account, culprit.account, sizeof(culprit.account));
	fall->culprit[fall->n++] = culprit;
}

static void load_fall(struct culprits *c, struct reader *in)
{
	struct fall *fall = &c->fall[c->n];
	struct reader record;
	unsigned type;
	*fall = (struct fall){0};
	struct span ip = reader_span(in);
	uint64_t posture = reader_number(in);
	fall->at.us = reader_signed(in);
	struct span why = reader_span(in);
	fall->recipients = reader_number(in);
	fall->window_us = reader_signed(in);
	if (in->is_bad || ip.n != sizeof(fall->egress) || posture >= POSTURE_COUNT)
		return;
	memcpy(fall->egress.byte, ip.p, ip.n);
	fall->posture = (enum posture)posture;
	span_copy(why, fall->why, sizeof(fall->why));
	while (reader_record(in, &type, &record)) {
		if (type == RECORD_CULPRIT)
			load_culprit(fall, &record);
	}
	c->n++;
}

int culprits_load(struct culprits *c, struct span saved)
{
	struct reader in = reader_of(saved), record;
	unsigned type;
	if (reader_number(&in) != FORMAT)
		return -EBADMSG;
	while (c->n < CULPRITS_FALLS && reader_record(&in, &type, &record)) {
		if (type == RECORD_FALL)
			load_fall(c, &record);
	}
	return in.is_bad ? -EBADMSG : 0;
}
