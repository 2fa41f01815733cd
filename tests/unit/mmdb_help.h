/* SPDX-License-Identifier: ISC */
/*
 * mmdb_help.h - small files in the MaxMind DB format (2.0), made of records in JSON: integers become
 * uint32, fractions double. Networks of one file must not overlap.
 */
#ifndef POLICYD_TEST_MMDB_HELP_H
#define POLICYD_TEST_MMDB_HELP_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "policyd/addr.h"

struct mmdb_row {
	const char *net, *record;
};

struct mmdb_file {
	const char *type;
	unsigned version; /* 4 or 6 */
	size_t n;
	struct mmdb_row row[8];
};

#define MMDB_NODES_MAX 2048
#define MMDB_BYTES_MAX 65536

struct mmdb_writer {
	size_t nodes, n;                 /* n: bytes of data */
	int64_t side[MMDB_NODES_MAX][2]; /* a node; ~offset of a record; 0: nothing */
	unsigned char data[MMDB_BYTES_MAX];
};

static inline void mmdb_byte(struct mmdb_writer *w, unsigned byte)
{
	ck_assert_uint_lt(w->n, sizeof(w->data));
	w->data[w->n++] = (unsigned char)byte;
}

/* A number's last n bytes, most significant first. */
static inline void mmdb_number(struct mmdb_writer *w, uint64_t number, unsigned n)
{
	for (unsigned i = n; i-- > 0;)
		mmdb_byte(w, (unsigned)(number >> (8 * i)) & 0xff);
}

enum { MMDB_TEXT = 2, MMDB_DOUBLE, MMDB_U16 = 5, MMDB_U32, MMDB_MAP, MMDB_U64 = 9, MMDB_LIST = 11 };

static inline void mmdb_head(struct mmdb_writer *w, unsigned type, size_t size)
{
	ck_assert_uint_lt(size, 29 + 256);
	unsigned small = size < 29 ? (unsigned)size : 29;
	mmdb_byte(w, (type < 8 ? type : 0) << 5 | small);
	if (type >= 8)
		mmdb_byte(w, type - 7);
	if (small == 29)
		mmdb_byte(w, (unsigned)size - 29);
}

static inline void mmdb_text(struct mmdb_writer *w, const char *text)
{
	size_t n = strlen(text);
	mmdb_head(w, MMDB_TEXT, n);
	for (size_t i = 0; i < n; i++)
		mmdb_byte(w, (unsigned char)text[i]);
}

static inline void mmdb_value(struct mmdb_writer *w, json_t *value)
{
	const char *key;
	json_t *member;
	if (json_is_string(value)) {
		mmdb_text(w, json_string_value(value));
	} else if (json_is_integer(value)) {
		mmdb_head(w, MMDB_U32, 4);
		mmdb_number(w, (uint64_t)json_integer_value(value), 4);
	} else if (json_is_real(value)) {
		double real = json_real_value(value);
		uint64_t bits;
		memcpy(&bits, &real, sizeof(bits));
		mmdb_head(w, MMDB_DOUBLE, 8);
		mmdb_number(w, bits, 8);
	} else {
		mmdb_head(w, MMDB_MAP, json_object_size(value));
		json_object_foreach(value, key, member)
		{
			mmdb_text(w, key);
			mmdb_value(w, member);
		}
	}
}

static inline void mmdb_add(struct mmdb_writer *w, const struct mmdb_row *row, unsigned version)
{
	struct ip_net net;
	json_t *record = json_loads(row->record, JSON_DECODE_ANY, NULL);
	ck_assert_msg(record != NULL, "%s", row->record);
	ck_assert_int_eq(ip_net_parse(span_of(row->net), &net), 0);
	/* An IPv4 network lies in ::/96. */
	if (ip_is_v4(&net.base))
		memset(net.base.byte, 0, 12);
	size_t node = 0;
	int64_t at = ~(int64_t)w->n;
	for (unsigned bit = version == 4 ? 96 : 0; bit < net.bits; bit++) {
		unsigned side = net.base.byte[bit / 8] >> (7 - bit % 8) & 1;
		if (bit + 1 == net.bits) {
			w->side[node][side] = at;
		} else if (w->side[node][side] > 0) {
			node = (size_t)w->side[node][side];
		} else {
			ck_assert_uint_lt(w->nodes, MMDB_NODES_MAX);
			w->side[node][side] = (int64_t)w->nodes;
			node = w->nodes++;
		}
	}
	mmdb_value(w, record);
	json_decref(record);
}

static inline void mmdb_meta(struct mmdb_writer *w, const struct mmdb_file *file)
{
	const struct {
		const char *key;
		unsigned type, n;
		uint64_t value;
	} rows[] = {
		{"node_count", MMDB_U32, 4, w->nodes},
		{"record_size", MMDB_U16, 2, 32},
		{"ip_version", MMDB_U16, 2, file->version},
		{"binary_format_major_version", MMDB_U16, 2, 2},
		{"binary_format_minor_version", MMDB_U16, 2, 0},
		{"build_epoch", MMDB_U64, 8, 1700000000},
	};
	w->n = 0;
	mmdb_head(w, MMDB_MAP, sizeof(rows) / sizeof(rows[0]) + 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		mmdb_text(w, rows[i].key);
		mmdb_head(w, rows[i].type, rows[i].n);
		mmdb_number(w, rows[i].value, rows[i].n);
	}
	mmdb_text(w, "database_type");
	mmdb_text(w, file->type);
	mmdb_text(w, "languages");
	mmdb_head(w, MMDB_LIST, 0);
	mmdb_text(w, "description");
	mmdb_head(w, MMDB_MAP, 0);
}

static inline void mmdb_write(const char *path, const struct mmdb_file *file)
{
	static struct mmdb_writer w;
	static const char zeros[16], mark[] = "\xab\xcd\xefMaxMind.com";
	memset(&w, 0, sizeof(w));
	w.nodes = 1;
	for (size_t i = 0; i < file->n; i++)
		mmdb_add(&w, &file->row[i], file->version);
	FILE *out = fopen(path, "we");
	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < w.nodes * 2; i++) {
		int64_t side = w.side[i / 2][i % 2];
		uint64_t to = side > 0   ? (uint64_t)side
			      : side < 0 ? w.nodes + 16 + (uint64_t)~side
					 : w.nodes;
		unsigned char bytes[4] = {(unsigned char)(to >> 24), (unsigned char)(to >> 16),
			(unsigned char)(to >> 8), (unsigned char)to};
		ck_assert_uint_eq(fwrite(bytes, 1, 4, out), 4);
	}
	ck_assert_uint_eq(fwrite(zeros, 1, sizeof(zeros), out), sizeof(zeros));
	ck_assert_uint_eq(fwrite(w.data, 1, w.n, out), w.n);
	ck_assert_uint_eq(fwrite(mark, 1, sizeof(mark) - 1, out), sizeof(mark) - 1);
	mmdb_meta(&w, file);
	ck_assert_uint_eq(fwrite(w.data, 1, w.n, out), w.n);
	ck_assert_int_eq(fclose(out), 0);
}

#endif
