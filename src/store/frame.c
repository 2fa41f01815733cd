/* SPDX-License-Identifier: ISC */
/* The frames of a snapshot as bytes. Files, and what the blocks mean, are not known here. */
#include "frame.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>

#include "policyd/siphash.h"
#include "policyd/snapshot.h"

/* The last byte is the version of this format; what blocks hold has numbers of its own. */
#define VERSION 1
static const char magic[FRAME_MAGIC_SIZE] = {'p', 'o', 'l', 'i', 'c', 'y', 'd', VERSION};

/* The index goes into the key, so that a block that was lost or came twice is noticed. */
static uint64_t checksum(struct span bytes, uint64_t index)
{
	const struct siphash_key key = {
		.k0 = UINT64_C(0x736e617073686f74), /* "snapshot"; no secret */
		.k1 = index,
	};
	return siphash24(&key, bytes);
}

static void put_32(uint32_t number, char *ret)
{
	number = htole32(number);
	memcpy(ret, &number, sizeof(number));
}

static void put_64(uint64_t number, char *ret)
{
	number = htole64(number);
	memcpy(ret, &number, sizeof(number));
}

static uint32_t get_32(const char *p)
{
	uint32_t number;
	memcpy(&number, p, sizeof(number));
	return le32toh(number);
}

static uint64_t get_64(const char *p)
{
	uint64_t number;
	memcpy(&number, p, sizeof(number));
	return le64toh(number);
}

void frame_put_magic(char ret[FRAME_MAGIC_SIZE])
{
	memcpy(ret, magic, FRAME_MAGIC_SIZE);
}

void frame_put_head(struct span block, uint64_t index, char ret[FRAME_HEAD_SIZE])
{
	assert(block.n > 0 && block.n <= SNAPSHOT_BLOCK_MAX);
	put_32((uint32_t)block.n, ret);
	put_64(checksum(block, index), ret + 4);
}

void frame_put_end(uint64_t blocks, char ret[FRAME_END_SIZE])
{
	put_32(0, ret);
	put_64(blocks, ret + FRAME_HEAD_SIZE);
	put_64(checksum(span_make(ret + FRAME_HEAD_SIZE, 8), blocks), ret + 4);
}

static void take(struct frame_reader *r, struct span *in, size_t n)
{
	r->offset += n;
	*in = span_make(in->p + n, in->n - n);
}

/* When there is less than is needed. */
static int short_of(const struct frame_reader *r, size_t left, bool is_last, struct errbuf *err)
{
	if (!is_last)
		return FRAME_MORE;
	if (r->offset + left == 0)
		err_set(err, "it is empty");
	else
		err_set(err,
			"it is cut short: it ends at byte %" PRIu64 ", after %" PRIu64
			" whole blocks",
			r->offset + left, r->blocks);
	return -EBADMSG;
}

static int damaged(const struct frame_reader *r, struct errbuf *err)
{
	err_set(err,
		"it is damaged: block %" PRIu64 ", at byte %" PRIu64 ", is not as it was written",
		r->blocks + 1, r->offset);
	return -EBADMSG;
}

static int judge_magic(struct span in, struct errbuf *err)
{
	if (memcmp(in.p, magic, FRAME_MAGIC_SIZE) == 0)
		return 0;
	if (memcmp(in.p, magic, FRAME_MAGIC_SIZE - 1) == 0)
		err_set(err, "it is of version %u, and this policyd knows %d",
			(unsigned)(unsigned char)in.p[FRAME_MAGIC_SIZE - 1], VERSION);
	else
		err_set(err, "it is no snapshot of policyd");
	return -EBADMSG;
}

static int take_end(struct frame_reader *r, struct span *in, bool is_last, struct errbuf *err)
{
	if (in->n < FRAME_END_SIZE)
		return short_of(r, in->n, is_last, err);
	uint64_t blocks = get_64(in->p + FRAME_HEAD_SIZE);
	uint64_t sum = checksum(span_make(in->p + FRAME_HEAD_SIZE, 8), blocks);
	if (sum != get_64(in->p + 4) || blocks != r->blocks)
		return damaged(r, err);
	take(r, in, FRAME_END_SIZE);
	r->is_ended = true;
	return FRAME_END;
}

static int take_block(
	struct frame_reader *r, struct span *in, bool is_last, struct span *ret, struct errbuf *err)
{
	if (in->n < FRAME_HEAD_SIZE)
		return short_of(r, in->n, is_last, err);
	uint32_t n = get_32(in->p);
	if (n == 0)
		return take_end(r, in, is_last, err);
	if (n > SNAPSHOT_BLOCK_MAX)
		return damaged(r, err);
	if (in->n - FRAME_HEAD_SIZE < n)
		return short_of(r, in->n, is_last, err);
	struct span block = span_make(in->p + FRAME_HEAD_SIZE, n);
	if (!r->is_trusted && checksum(block, r->blocks) != get_64(in->p + 4))
		return damaged(r, err);
	take(r, in, FRAME_HEAD_SIZE + n);
	r->blocks++;
	*ret = block;
	return FRAME_BLOCK;
}

int frame_next(
	struct frame_reader *r, struct span *in, bool is_last, struct span *ret, struct errbuf *err)
{
	if (!r->is_begun) {
		if (in->n < FRAME_MAGIC_SIZE)
			return short_of(r, in->n, is_last, err);
		int wrong = judge_magic(*in, err);
		if (wrong != 0)
			return wrong;
		take(r, in, FRAME_MAGIC_SIZE);
		r->is_begun = true;
	}
	if (!r->is_ended) {
		int found = take_block(r, in, is_last, ret, err);
		if (found != FRAME_END)
			return found;
	}
	if (in->n > 0) {
		err_set(err, "there is more after its end, at byte %" PRIu64, r->offset);
		return -EBADMSG;
	}
	return is_last ? FRAME_END : FRAME_MORE;
}
