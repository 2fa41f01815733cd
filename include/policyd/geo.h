/* SPDX-License-Identifier: ISC */
/*
 * geo.h - what the world knows of a client's address: its country, who routes it, where it stands. A
 * value like any other: whoever has a database looks it up at the rim and hands it in with the request.
 * All zero: nothing is known, and no signal may rest on it.
 */
#ifndef POLICYD_GEO_H
#define POLICYD_GEO_H

#include <stdbool.h>
#include <stdint.h>

struct geo {
	char country[2]; /* ISO 3166-1 alpha-2, upper case; '\0': unknown */
	bool has_position;
	uint32_t asn;                /* 0: unknown */
	int16_t latitude, longitude; /* hundredths of a degree */
};

static inline bool geo_has_country(const struct geo *geo)
{
	return geo->country[0] != '\0';
}

#endif
