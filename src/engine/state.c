/* SPDX-License-Identifier: ISC */
/*
 * What outlives the process: counters, learnt stages, unfinished messages, as blocks of records
 * (bytes.h). Where blocks are kept is the store's; standings and overrides are facts, and there too.
 *
 * Times are monotonic, with one reading of both clocks in the first record: after a reboot they are
 * moved by what the wall clock says has passed, and never back.
 */
#include "internal.h"

#include <errno.h>

#include "policyd/mem.h"

enum record {
	RECORD_HEADER = 1,
	RECORD_SHAPES,
	RECORD_HOOKS,
	RECORD_ENTRY,
	RECORD_MESSAGE,
	RECORD_SIGNALS,
	RECORD_WARM,
	RECORD_FRESH,
};

#define FORMAT 1
/* How many recipients of a message the signals were shown, above its flags. */
#define SEEN_AT 8

/* ---- save ---- */

/* The numbers of rings from here on: after a reload those of another plan. */
static void save_shapes(const struct engine *e, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_SHAPES);
	limits_save_shapes(e->plan, out);
	bytes_end(out, mark);
}

static void save_header(
	const struct engine *e, struct span boot_id, struct now now, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_HEADER);
	bytes_number(out, FORMAT);
	bytes_span(out, boot_id);
	bytes_signed(out, now.mono.us);
	bytes_signed(out, now.wall.us);
	bytes_signed(out, e->emergency_until.us);
	bytes_end(out, mark);
	save_shapes(e, out);
	mark = bytes_begin(out, RECORD_HOOKS);
	for (uint32_t i = 0; i < e->hooks; i++) {
		bytes_number(out, e->hook[i].id);
		bytes_span(out, span_of(stage_name(e->hook[i].latest)));
		bytes_number(out, e->hook[i].misses);
	}
	bytes_end(out, mark);
	mark = bytes_begin(out, RECORD_WARM);
	warmup_save(e, out);
	bytes_end(out, mark);
}

/* What all accounts share, a part a step, before the accounts: they are read by it. */
static void save_site(struct engine *e, struct engine_save *save, mono_t mono, struct bytes *out)
{
	size_t outside = out->n;
	size_t mark = bytes_begin(out, RECORD_SIGNALS);
	size_t begun = out->n;
	save->is_at_entries = !signals_save(e->signals, &save->part, out, mono);
	bool is_empty = out->n == begun;
	bytes_end(out, mark);
	if (is_empty)
		out->n = outside;
}

/* What a brief one leaves out of an account. */
static unsigned brief_of(const struct account *account, mono_t mono)
{
	unsigned score = signals_must_save(account, mono) ? 0 : 1u << PART_SCORE;
	return score | 1u << PART_BASELINE;
}

/* False at the end of the table. */
static bool save_entries(struct engine *e, struct engine_save *save,
	const struct engine_save_input *input, mono_t mono, struct bytes *out)
{
	size_t places = input->places;
	struct account *account;
	while (out->n < input->bytes &&
		(account = accounts_next(e->accounts, &save->cursor, &places))) {
		size_t outside = out->n;
		/* The numbers of rings are those of the plan in force. */
		if (account->part[PART_RINGS])
			(void)limits_rings(e->plan, account, 0, false);
		size_t mark = bytes_begin(out, RECORD_ENTRY);
		bool is_worth = account_save(e->accounts, account,
			input->is_brief ? brief_of(account, mono) : 0, out, mono);
		bytes_end(out, mark);
		if (!is_worth)
			out->n = outside;
		save->accounts += is_worth;
	}
	return places == 0 || out->n >= input->bytes;
}

/* An empty word for none. What Postfix is to be told needs no more than this. */
static void save_at_data(const struct decision *d, struct bytes *out)
{
	bytes_span(out, span_of(d ? action_rows[d->action].word : ""));
	if (!d)
		return;
	bytes_span(out, span_of(d->rule));
	bytes_span(out, span_of(d->reference));
	bytes_span(out, span_of(d->text));
	bytes_number(out, d->used);
	bytes_number(out, d->limit);
}

static void save_message(struct engine *e, const struct transaction *tx,
	const struct account *account, struct bytes *out)
{
	size_t mark = bytes_begin(out, RECORD_MESSAGE);
	bytes_span(out, table_key(tx));
	bytes_span(out, table_key(account));
	bytes_number(out, tx->hook == HOOK_NONE ? 0 : e->hook[tx->hook].id);
	bytes_span(out, span_of(stage_name(tx->commit_at)));
	bytes_signed(out, tx->opened.us);
	bytes_number(out, tx->accepted);
	bytes_number(out, tx->counted);
	bytes_number(out, tx->external);
	bytes_number(out, tx->external_counted);
	bytes_number(out, tx->exempt);
	bytes_number(out, (uint64_t)tx->is_booked | (uint64_t)tx->is_diverted << 1 |
				  (uint64_t)tx->is_held << 2 | (uint64_t)tx->seen << SEEN_AT);
	save_at_data(tx->at_data, out);
	for (uint32_t i = 0; i < tx->held_n; i++) {
		const struct account *entry = account_get(e->accounts, tx->held[i].entry);
		if (!entry)
			continue;
		bytes_span(out, table_key(entry));
		bytes_number(out, tx->held[i].ring);
		bytes_number(out, tx->held[i].amount);
	}
	bytes_end(out, mark);
}

static bool save_messages(struct engine *e, struct engine_save *save,
	const struct engine_save_input *input, struct bytes *out)
{
	size_t places = input->places;
	struct transaction *tx;
	while (out->n < input->bytes &&
		(tx = table_next(e->transactions, &save->cursor, &places))) {
		const struct account *account = account_get(e->accounts, tx->account);
		if (!account || tx->is_nameless ||
			(tx->accepted == 0 && !tx->is_diverted && !tx->at_data))
			continue;
		transaction_replan(e, tx);
		save_message(e, tx, account, out);
	}
	return places == 0 || out->n >= input->bytes;
}

static bool save_fresh(const struct engine *e, struct engine_save *save,
	const struct engine_save_input *input, struct bytes *out)
{
	size_t places = input->places;
	const struct fresh *fresh;
	while (out->n < input->bytes && (fresh = fresh_next(e, &save->cursor, &places))) {
		size_t mark = bytes_begin(out, RECORD_FRESH);
		fresh_save(fresh, out);
		bytes_end(out, mark);
	}
	return places == 0 || out->n >= input->bytes;
}

enum engine_save_step engine_save_step(struct engine *e, struct engine_save *save,
	const struct engine_save_input *input, struct now now, struct bytes *out)
{
	e->now = now;
	if (!save->is_begun) {
		*save = (struct engine_save){.is_begun = true, .configured = e->configured};
		save_header(e, input->boot_id, now, out);
	}
	if (save->configured != e->configured) {
		save->configured = e->configured;
		save_shapes(e, out);
	}
	if (!save->is_at_entries && input->is_brief) {
		save->is_at_entries = true;
		return SAVE_MORE;
	}
	if (!save->is_at_entries) {
		save_site(e, save, now.mono, out);
		return SAVE_MORE;
	}
	if (!save->is_at_messages) {
		if (save_entries(e, save, input, now.mono, out))
			return SAVE_MORE;
		save->is_at_messages = true;
		save->cursor = 0;
		return SAVE_MORE;
	}
	if (!save->is_at_fresh) {
		save->is_at_fresh = !save_messages(e, save, input, out);
		save->cursor = save->is_at_fresh ? 0 : save->cursor;
		return SAVE_MORE;
	}
	return save_fresh(e, save, input, out) ? SAVE_MORE : SAVE_DONE;
}

/* ---- load ---- */

/* Far beyond any clock, and near enough to be added to and taken from each other. */
static bool is_time(int64_t us)
{
	const int64_t most = INT64_C(1) << 60;
	return us >= -most && us <= most;
}

/* What is to be added to a time of the file's monotonic clock. */
static int64_t shift_of(struct now now, struct now then, bool is_same_boot)
{
	int64_t passed = now.wall.us - then.wall.us;
	if (is_same_boot)
		return 0;
	/* A wall clock that went back says nothing: then no time has passed. */
	return now.mono.us - then.mono.us - (passed > 0 ? passed : 0);
}

static bool load_header(struct engine *e, struct engine_load *load, struct reader *in)
{
	uint64_t format = reader_number(in);
	struct span boot_id = reader_span(in);
	struct now then;
	then.mono.us = reader_signed(in);
	then.wall.us = reader_signed(in);
	int64_t emergency_us = reader_signed(in);
	if (in->is_bad || format != FORMAT || then.mono.us < 0 || !is_time(then.mono.us) ||
		!is_time(then.wall.us) || emergency_us < 0 ||
		emergency_us > then.mono.us + 31 * DAY_US)
		return false;
	load->saved_at = then.wall;
	load->account.shift_us = shift_of(load->now, then, span_equal(boot_id, load->boot_id));
	load->account.mono = load->now.mono;
	load->limits.plan = e->plan;
	load->account.ctx[PART_RINGS] = &load->limits;
	load->account.ctx[PART_BASELINE] = load->account.ctx[PART_SCORE] = e->signals;
	emergency_us += load->account.shift_us;
	if (emergency_us > load->now.mono.us)
		e->emergency_until.us = emergency_us;
	return true;
}

static uint32_t hook_of_id(struct engine *e, uint64_t id)
{
	for (uint32_t i = 0; i < e->hooks; i++) {
		if (e->hook[i].id == id)
			return i;
	}
	return HOOK_NONE;
}

static bool load_hooks(struct engine *e, struct reader *in)
{
	while (in->n && !in->is_bad) {
		struct hook hook = {.id = reader_number(in)};
		hook.latest = stage_of(reader_span(in));
		hook.misses = (uint32_t)reader_number(in);
		if (in->is_bad || hook.misses > HOOK_MISS_MAX || hook.latest < STAGE_RCPT ||
			hook.latest > STAGE_EOM)
			return false;
		if (e->hooks < HOOKS_MAX && hook_of_id(e, hook.id) == HOOK_NONE)
			e->hook[e->hooks++] = hook;
	}
	return !in->is_bad;
}

static bool is_key(struct span key)
{
	return key.n <= ACCOUNT_KEY_MAX && kind_of_key(key) != ACCOUNT_KINDS;
}

static bool load_held(
	struct engine *e, const struct engine_load *load, struct transaction *tx, struct reader *in)
{
	while (in->n && !in->is_bad) {
		struct span key = reader_span(in);
		uint64_t number = reader_number(in), amount = reader_number(in);
		if (in->is_bad || !is_key(key) || amount > UINT32_MAX)
			return false;
		uint32_t ring = number < load->limits.n ? load->limits.ring[number] : RING_NONE;
		/* What was booked is in the rings already. */
		if (ring != RING_NONE)
			transaction_hold(e, tx, account_ref(account_made(e->accounts, key)), ring,
				limits_load_cells(&load->limits, number, amount));
	}
	return true;
}

/* False: makes no sense. The request that it was made for is not known any more. */
static bool load_at_data(struct transaction *tx, struct span account, struct reader *in)
{
	struct span word = reader_span(in);
	enum action action;
	if (word.n == 0)
		return !in->is_bad;
	struct span rule = reader_span(in), reference = reader_span(in), text = reader_span(in);
	uint64_t used = reader_number(in), limit = reader_number(in);
	if (in->is_bad || action_of(word, &action) != 0 || !action_rows[action].argument ||
		rule.n >= RULE_SIZE || reference.n >= REFERENCE_SIZE || text.n > VERDICT_TEXT_MAX)
		return false;
	tx->at_data = xcalloc(1, sizeof(*tx->at_data));
	tx->at_data->action = action;
	tx->at_data->used = used;
	tx->at_data->limit = limit;
	span_copy(rule, tx->at_data->rule, sizeof(tx->at_data->rule));
	span_copy(reference, tx->at_data->reference, sizeof(tx->at_data->reference));
	span_copy(text, tx->at_data->text, sizeof(tx->at_data->text));
	span_copy(account, tx->at_data->account, sizeof(tx->at_data->account));
	return true;
}

/* As one whose connection was lost just now: Postfix asks about it again within seconds. */
static bool load_message(struct engine *e, struct engine_load *load, struct reader *in)
{
	struct transaction_key key;
	struct span name = reader_span(in), account_key = reader_span(in);
	uint64_t hook_id = reader_number(in);
	enum stage commit_at = stage_of(reader_span(in));
	int64_t opened_us = reader_signed(in);
	uint64_t n[5], flags;
	for (int i = 0; i < 5; i++)
		n[i] = reader_number(in);
	flags = reader_number(in);
	if (in->is_bad || name.n <= sizeof(struct ip) || name.n > sizeof(key.bytes) ||
		!is_key(account_key) || !is_time(opened_us) || commit_at < STAGE_RCPT ||
		commit_at > STAGE_EOM || n[0] > UINT32_MAX || n[1] > UINT32_MAX ||
		n[2] > UINT32_MAX || n[3] > UINT32_MAX || n[4] > UINT32_MAX)
		return false;
	if (table_find(e->transactions, name))
		return true;
	memcpy(key.bytes, name.p, name.n);
	key.n = name.n;
	struct account *account = account_made(e->accounts, account_key);
	struct transaction *tx =
		transaction_open(e, &key, account, hook_of_id(e, hook_id), load->now);
	int64_t opened = opened_us + load->account.shift_us;
	tx->opened.us = opened < load->now.mono.us ? opened : load->now.mono.us;
	tx->commit_at = commit_at;
	tx->accepted = (uint32_t)n[0];
	tx->counted = (uint32_t)n[1];
	tx->external = (uint32_t)n[2];
	tx->external_counted = (uint32_t)n[3];
	tx->exempt = (uint32_t)n[4];
	tx->is_booked = flags & 1;
	tx->is_diverted = flags >> 1 & 1;
	tx->is_held = flags >> 2 & 1;
	tx->seen = flags >> SEEN_AT < UINT32_MAX ? (uint32_t)(flags >> SEEN_AT) : UINT32_MAX;
	tx->lost = load->now.mono;
	table_move(e->transactions, tx, TRANSACTION_LOST);
	load->messages++;
	return load_at_data(tx, account_key, in) && load_held(e, load, tx, in);
}

/*
 * Without what all accounts share nothing that was learnt of one can be read: it is learnt anew, which
 * is no reason to forget the counters, nor the steps of the ladder. Of the pieces that follow nobody knows
 * by which key they are hashed.
 */
static void load_site(struct engine *e, struct engine_load *load, struct reader *in)
{
	if (!load->account.ctx[PART_BASELINE] ||
		signals_load(e->signals, in, load->account.shift_us))
		return;
	load->account.ctx[PART_BASELINE] = NULL;
	effect_note(e, "what was learnt of the accounts' habits could not be read from the "
		       "snapshot: it is learnt anew; steps of the ladder and counters are kept");
}

static bool load_record(
	struct engine *e, struct engine_load *load, unsigned type, struct reader *in)
{
	if (type == RECORD_HEADER)
		return load_header(e, load, in);
	/* Without the header nothing that follows has a meaning. */
	if (!load->limits.plan)
		return false;
	switch ((enum record)type) {
	case RECORD_SHAPES:
		return limits_load_shapes(&load->limits, in);
	case RECORD_HOOKS:
		return load_hooks(e, in);
	case RECORD_ENTRY:
		load->accounts++;
		return account_load(e->accounts, in, &load->account);
	case RECORD_MESSAGE:
		return load_message(e, load, in);
	case RECORD_SIGNALS:
		load_site(e, load, in);
		return true;
	case RECORD_WARM:
		return warmup_load(e, in);
	case RECORD_FRESH:
		return fresh_load(e, in, load->account.shift_us);
	case RECORD_HEADER:
		break;
	}
	return true;
}

int engine_load_block(struct engine *e, struct engine_load *load, struct span block)
{
	struct reader in = reader_of(block), record;
	unsigned type;
	e->now = load->now;
	while (reader_record(&in, &type, &record)) {
		if (!load_record(e, load, type, &record))
			return -EINVAL;
	}
	return in.is_bad ? -EINVAL : 0;
}

/* ---- lost ---- */

void engine_state_lost(struct engine *e, struct now now)
{
	const struct rate *rate = &e->plan->snapshot->emergency_rate;
	e->now = now;
	if (e->plan->emergency.ring != RING_NONE)
		e->emergency_until.us = now.mono.us + rate->window_us;
}

mono_t engine_emergency_until(const struct engine *e)
{
	return e->emergency_until;
}
