/* SPDX-License-Identifier: ISC */
/*
 * What all accounts have in common, in a snapshot: a head with the key by which everything is hashed, the
 * brake, then slices of the tables. Slices stand for themselves, so that they may come in any number of
 * pieces. Campaigns are not in it: they are of the last hour or two.
 */
#include <math.h>
#include <string.h>

#include "judging.h"
#include "site.h"

#define VERSION 1

/* Records; none is ever given to another. */
enum { RECORD_HEAD = 1, RECORD_USES, RECORD_BITS, RECORD_WORDS, RECORD_BRAKE };

#define USES_SLICE   4096 /* of at most 15 bytes each */
#define USES_SLICES  (USES_MAX / USES_SLICE)
#define WORDS_SLICE  4096 /* of 8 bytes: 32 KiB */
#define WORDS_SLICES (BLOOM_WORDS / WORDS_SLICE)
/* A distance between two bits takes one byte up to so many of them, two beyond. */
#define BITS_SPARSE (WORDS_SLICE * 64 / 24)

/* ---- save ---- */

static void double_save(struct bytes *out, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	bytes_number(out, bits);
}

static void head_save(const struct signals *s, struct bytes *out)
{
	const struct site *site = s->site;
	size_t mark = bytes_begin(out, RECORD_HEAD);
	bytes_number(out, VERSION);
	bytes_number(out, s->key.k0);
	bytes_number(out, s->key.k1);
	bytes_number(out, site->since);
	double_save(out, site->novel);
	double_save(out, site->judged);
	bytes_number(out, site->young);
	bytes_number(out, site->bloom[0].since);
	bytes_number(out, site->bloom[1].since);
	bytes_end(out, mark);
}

static bool uses_save(const struct site *site, unsigned slice, struct bytes *out)
{
	size_t before = out->n;
	size_t mark = bytes_begin(out, RECORD_USES), empty = out->n;
	for (unsigned i = slice * USES_SLICE; i < (slice + 1) * USES_SLICE; i++) {
		const struct site_use *use = &site->use[i];
		if (use->id == 0)
			continue;
		bytes_number(out, i);
		bytes_number(out, use->id);
		bytes_number(out, use->accounts);
		bytes_number(out, use->day);
	}
	bool is_empty = out->n == empty;
	bytes_end(out, mark);
	if (is_empty)
		out->n = before;
	return !is_empty;
}

static unsigned bits_of(const uint64_t *word, unsigned n)
{
	unsigned bits = 0;
	for (unsigned i = 0; i < n; i++)
		bits += (unsigned)__builtin_popcountll(word[i]);
	return bits;
}

/* The distances between them. */
static void bits_save(const uint64_t *word, struct bytes *out)
{
	unsigned last = 0;
	for (unsigned i = 0; i < WORDS_SLICE; i++) {
		for (uint64_t rest = word[i]; rest; rest &= rest - 1) {
			unsigned at = i * 64 + (unsigned)__builtin_ctzll(rest);
			bytes_number(out, at - last);
			last = at;
		}
	}
}

static bool words_save(const struct site *site, unsigned which, unsigned slice, struct bytes *out)
{
	const uint64_t *word = &site->bloom[which].word[slice * WORDS_SLICE];
	unsigned bits = bits_of(word, WORDS_SLICE);
	if (bits == 0)
		return false;
	bool is_sparse = bits < BITS_SPARSE;
	size_t mark = bytes_begin(out, is_sparse ? RECORD_BITS : RECORD_WORDS);
	bytes_number(out, which);
	bytes_number(out, slice);
	if (is_sparse)
		bits_save(word, out);
	else
		bytes_span(out, span_make((const char *)word, WORDS_SLICE * sizeof(*word)));
	bytes_end(out, mark);
	return true;
}

static bool slice_save(const struct signals *s, unsigned slice, struct bytes *out)
{
	if (slice < USES_SLICES)
		return uses_save(s->site, slice, out);
	slice -= USES_SLICES;
	return words_save(s->site, slice / WORDS_SLICES, slice % WORDS_SLICES, out);
}

bool signals_save(const struct signals *s, unsigned *part, struct bytes *out, mono_t mono)
{
	(void)mono;
	if (*part == 0) {
		head_save(s, out);
		size_t mark = bytes_begin(out, RECORD_BRAKE);
		brake_save(s->brake, out);
		bytes_end(out, mark);
		*part = 1;
		return true;
	}
	while (*part <= USES_SLICES + 2 * WORDS_SLICES) {
		if (slice_save(s, (*part)++ - 1, out))
			return true;
	}
	return false;
}

/* ---- load ---- */

static bool double_load(struct reader *in, double most, double *ret)
{
	uint64_t bits = reader_number(in);
	memcpy(ret, &bits, sizeof(bits));
	return !in->is_bad && isfinite(*ret) && *ret >= 0 && *ret <= most;
}

static bool head_load(struct signals *s, struct reader *in, int64_t shift_s)
{
	struct site *site = s->site;
	double novel, judged;
	if (reader_number(in) != VERSION)
		return false;
	struct siphash_key key = {.k0 = reader_number(in)};
	key.k1 = reader_number(in);
	second_t since = second_load(in, shift_s);
	if (!double_load(in, 1e6, &novel) || !double_load(in, 1e6, &judged) || judged < 1 ||
		novel > judged)
		return false;
	uint64_t young = reader_number(in);
	second_t first = second_load(in, shift_s), second = second_load(in, shift_s);
	if (in->is_bad || young > 1)
		return false;
	s->key = key;
	marks_kept_clear(s->kept);
	site->since = since;
	site->novel = novel;
	site->judged = judged;
	site->young = (unsigned)young;
	site->bloom[0].since = first;
	site->bloom[1].since = second;
	return true;
}

static bool uses_load(struct site *site, struct reader *in, int64_t shift_s)
{
	while (in->n) {
		uint64_t at = reader_number(in), id = reader_number(in);
		uint64_t accounts = reader_number(in), day = reader_number(in);
		if (in->is_bad || at >= USES_MAX || id > UINT32_MAX || accounts > UINT16_MAX ||
			day > UINT16_MAX)
			return false;
		site->use[at] = (struct site_use){.id = (uint32_t)id,
			.accounts = (uint16_t)accounts,
			.day = (uint16_t)((int64_t)day + shift_s / 86400)};
	}
	return true;
}

/* Into its slice, which is counted anew. */
static bool words_load(struct site *site, struct reader *in, bool is_sparse)
{
	uint64_t which = reader_number(in), slice = reader_number(in);
	if (in->is_bad || which > 1 || slice >= WORDS_SLICES)
		return false;
	struct bloom *bloom = &site->bloom[which];
	uint64_t *word = &bloom->word[slice * WORDS_SLICE];
	unsigned before = bits_of(word, WORDS_SLICE);
	if (is_sparse) {
		for (uint64_t at = 0; in->n;) {
			at += reader_number(in) % (WORDS_SLICE * 64);
			if (in->is_bad || at >= WORDS_SLICE * 64)
				return false;
			word[at / 64] |= UINT64_C(1) << (at % 64);
		}
	} else {
		struct span text = reader_span(in);
		if (in->is_bad || text.n != WORDS_SLICE * sizeof(*word))
			return false;
		memcpy(word, text.p, text.n);
	}
	bloom->set += bits_of(word, WORDS_SLICE) - before;
	return true;
}

static bool record_load(struct signals *s, unsigned type, struct reader *record, int64_t shift_us)
{
	const int64_t shift_s = shift_us / SECOND_US;
	switch (type) {
	case RECORD_HEAD:
		return head_load(s, record, shift_s);
	case RECORD_USES:
		return uses_load(s->site, record, shift_s);
	case RECORD_BITS:
	case RECORD_WORDS:
		return words_load(s->site, record, type == RECORD_BITS);
	case RECORD_BRAKE:
		return brake_load(s->brake, record, shift_us);
	default:
		return true;
	}
}

bool signals_load(struct signals *s, struct reader *in, int64_t shift_us)
{
	struct reader record;
	unsigned type;
	bool is_good = true;
	while (is_good && reader_record(in, &type, &record))
		is_good = record_load(s, type, &record, shift_us);
	is_good = is_good && !in->is_bad;
	if (!is_good)
		site_clear(s->site);
	return is_good;
}
