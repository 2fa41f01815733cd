/* SPDX-License-Identifier: ISC */
/*
 * libmaxminddb (1.7.1) multiplies the number of nodes by their size in 32 bits, and walks the tree while
 * it opens the file: a number that is damaged in the right way makes it read far beyond the end. So
 * both numbers are read here first, from the map at the end of the file, by the rules of the format
 * (MaxMind DB 2.0) and no further than that map goes.
 */
#include "geoip_meta.h"

#include <string.h>

#include "policyd/span.h"

#define MARK        "\xab\xcd\xefMaxMind.com"
#define MARK_BYTES  (sizeof(MARK) - 1)
#define META_MAX    (128U * 1024)
#define DEPTH_MAX   8
#define MEMBERS_MAX 4096

enum {
	TYPE_EXTENDED,
	TYPE_POINTER,
	TYPE_TEXT,
	TYPE_U16 = 5,
	TYPE_U32 = 6,
	TYPE_MAP = 7,
	TYPE_U64 = 9,
	TYPE_LIST = 11,
	TYPE_BOOL = 14
};

struct cursor {
	const uint8_t *p;
	size_t n, at;
	unsigned budget; /* of values: what is nested is not walked for ever */
};

struct head {
	unsigned type;
	size_t size; /* of a pointer: where it leads */
};

/* A number of n bytes, most significant first. */
static bool number_take(struct cursor *c, size_t n, uint64_t *ret)
{
	uint64_t number = 0;
	if (n > 8 || c->n - c->at < n)
		return false;
	for (size_t i = 0; i < n; i++)
		number = number << 8 | c->p[c->at++];
	*ret = number;
	return true;
}

static bool pointer_take(struct cursor *c, unsigned control, struct head *ret)
{
	static const uint32_t base[] = {0, 2048, 526336, 0};
	unsigned size = control >> 3 & 3;
	uint64_t to;
	if (!number_take(c, size + 1, &to))
		return false;
	if (size < 3)
		to += (uint64_t)(control & 7) << (8 * (size + 1));
	*ret = (struct head){.type = TYPE_POINTER, .size = (size_t)to + base[size]};
	return true;
}

static bool head_take(struct cursor *c, struct head *ret)
{
	static const uint32_t base[] = {29, 285, 65821};
	uint64_t control, more;
	if (c->budget == 0 || !number_take(c, 1, &control))
		return false;
	c->budget--;
	unsigned type = (unsigned)control >> 5;
	if (type == TYPE_POINTER)
		return pointer_take(c, (unsigned)control, ret);
	if (type == TYPE_EXTENDED) {
		if (!number_take(c, 1, &more))
			return false;
		type = (unsigned)more + 7;
	}
	size_t size = control & 31;
	if (size >= 29) {
		size_t step = size - 29;
		if (!number_take(c, step + 1, &more))
			return false;
		size = (size_t)more + base[step];
	}
	*ret = (struct head){.type = type, .size = size};
	return true;
}

/* A head, through one pointer: the format allows no pointer to a pointer. inside: behind the head. */
static bool head_follow(struct cursor *c, struct head *ret, struct cursor *inside)
{
	if (!head_take(c, ret))
		return false;
	*inside = *c;
	if (ret->type != TYPE_POINTER)
		return true;
	inside->at = ret->size < c->n ? ret->size : c->n;
	return head_take(inside, ret) && ret->type != TYPE_POINTER;
}

/* Passes over a value; what a pointer leads to is not part of it. */
static bool value_skip(struct cursor *c, unsigned depth)
{
	struct head head;
	if (depth > DEPTH_MAX || !head_take(c, &head))
		return false;
	if (head.type == TYPE_POINTER || head.type == TYPE_BOOL)
		return true;
	if (head.type == TYPE_MAP || head.type == TYPE_LIST) {
		size_t values = head.type == TYPE_MAP ? head.size * 2 : head.size;
		bool is_whole = true;
		for (size_t i = 0; is_whole && i < values; i++)
			is_whole = value_skip(c, depth + 1);
		return is_whole;
	}
	if (c->n - c->at < head.size)
		return false;
	c->at += head.size;
	return true;
}

/* The value at the cursor, if it is a number. */
static bool number_at(struct cursor at, uint64_t *ret)
{
	struct head head;
	struct cursor inside;
	if (!head_follow(&at, &head, &inside))
		return false;
	bool is_number = head.type == TYPE_U16 || head.type == TYPE_U32 || head.type == TYPE_U64;
	return is_number && number_take(&inside, head.size, ret);
}

/* The first member of that name counts, as it does for the library. */
static bool member_find(struct cursor c, struct span name, uint64_t *ret)
{
	struct head map, key;
	struct cursor inside;
	if (!head_take(&c, &map) || map.type != TYPE_MAP || map.size > MEMBERS_MAX)
		return false;
	for (size_t i = 0; i < map.size; i++) {
		if (!head_follow(&c, &key, &inside) || key.type != TYPE_TEXT ||
			inside.n - inside.at < key.size)
			return false;
		struct span text = span_make((const char *)inside.p + inside.at, key.size);
		/* What is behind a pointer is not behind the pointer. */
		if (inside.at == c.at)
			c.at += key.size;
		if (span_equal(text, name))
			return number_at(c, ret);
		if (!value_skip(&c, 0))
			return false;
	}
	return false;
}

/* What stands behind the last mark. */
static struct cursor meta_find(const uint8_t *bytes, size_t n)
{
	struct cursor c = {.p = bytes + (n > META_MAX ? n - META_MAX : 0),
		.n = n > META_MAX ? META_MAX : n,
		.budget = MEMBERS_MAX};
	const uint8_t *mark = memmem(c.p, c.n, MARK, MARK_BYTES), *last = NULL;
	while (mark) {
		last = mark + MARK_BYTES;
		mark = memmem(last, (size_t)(c.p + c.n - last), MARK, MARK_BYTES);
	}
	if (!last)
		return (struct cursor){.p = bytes};
	c.n = (size_t)(c.p + c.n - last);
	c.p = last;
	return c;
}

bool geoip_meta_read(const uint8_t *bytes, size_t n, struct geoip_meta *ret)
{
	struct cursor c = meta_find(bytes, n);
	struct geoip_meta meta;
	if (!member_find(c, SPAN("node_count"), &meta.nodes) ||
		!member_find(c, SPAN("record_size"), &meta.record_bits))
		return false;
	if (meta.record_bits != 24 && meta.record_bits != 28 && meta.record_bits != 32)
		return false;
	/* Sixteen bytes stand between the tree and the records. */
	if (meta.nodes > UINT32_MAX || meta.nodes * (meta.record_bits / 4) + 16 > n)
		return false;
	*ret = meta;
	return true;
}
