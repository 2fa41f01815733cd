/* SPDX-License-Identifier: ISC */
/* geoip_meta.h - whether the tree that a MaxMind DB file claims to have fits into the file. */
#ifndef POLICYD_GEOIP_META_H
#define POLICYD_GEOIP_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct geoip_meta {
	uint64_t nodes, record_bits;
};

/* False: it makes no sense; else *ret is what the library is going to find. */
bool geoip_meta_read(const uint8_t *bytes, size_t n, struct geoip_meta *ret);

#endif
