/* SPDX-License-Identifier: ISC */
/* Several databases as one, and what was asked before. What a database is stands in geoip_database.c. */
#include "geoip.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

/*
 * An address has a pair of places: it takes the first, whoever had that the second. Who sends from
 * many addresses makes lookups, which are bounded, and no memory. A lookup costs a third of a request:
 * there is room for the clients of a large site, in a megabyte.
 */
#define CACHE_BITS 15
#define CACHE_N    (1U << CACHE_BITS)

struct cached {
	struct ip ip;
	struct geo geo;
	bool is_used;
};

struct geoip {
	size_t n, loaded;
	struct geoip_database **database;
	uint64_t lookups, cached, damaged;
	struct cached cache[CACHE_N];
};

struct geoip *geoip_new(size_t n)
{
	struct geoip *geoip = xcalloc(1, sizeof(*geoip));
	geoip->n = n;
	geoip->database = xcalloc(n ? n : 1, sizeof(struct geoip_database *));
	return geoip;
}

struct geoip_database *geoip_take(struct geoip *geoip, size_t at)
{
	struct geoip_database *database = geoip->database[at];
	if (database)
		geoip->loaded--;
	geoip->database[at] = NULL;
	memset(geoip->cache, 0, sizeof(geoip->cache));
	return database;
}

void geoip_put(struct geoip *geoip, size_t at, struct geoip_database *database)
{
	geoip_database_close(geoip_take(geoip, at));
	geoip->database[at] = database;
	if (database)
		geoip->loaded++;
}

struct geoip *geoip_open(const struct config *config, struct errbuf *err)
{
	const struct config_strings *paths = &config->geoip.databases;
	struct errbuf now;
	err->text[0] = '\0';
	if (paths->n == 0)
		return NULL;
	struct geoip *geoip = geoip_new(paths->n);
	for (size_t i = 0; i < paths->n; i++) {
		struct geoip_stamp stamp = {0};
		struct geoip_database *database = NULL;
		if (geoip_database_open(paths->text[i], &stamp, &database, &now) == 0)
			geoip_put(geoip, i, database);
		else if (err->text[0] == '\0')
			*err = now;
	}
	if (geoip->loaded)
		return geoip;
	geoip_close(geoip);
	return NULL;
}

void geoip_close(struct geoip *geoip)
{
	if (!geoip)
		return;
	for (size_t i = 0; i < geoip->n; i++)
		geoip_database_close(geoip->database[i]);
	free(geoip->database);
	free(geoip);
}

/*
 * The first of the pair. Multiplication spreads the low bits upwards (Knuth, 6.4); who finds equal ones
 * gains nothing.
 */
static size_t place_of(const struct ip *ip)
{
	uint64_t high, low;
	memcpy(&high, ip->byte, 8);
	memcpy(&low, ip->byte + 8, 8);
	uint64_t mixed = (high ^ (low >> 29) ^ low * UINT64_C(0x9e3779b97f4a7c15)) *
			 UINT64_C(0xff51afd7ed558ccd);
	return (size_t)(mixed >> (64 - CACHE_BITS)) & ~(size_t)1;
}

static void look_all(struct geoip *geoip, const struct ip *ip, struct geo *ret)
{
	*ret = (struct geo){0};
	for (size_t i = 0; i < geoip->n; i++) {
		if (geoip->database[i] && !geoip_database_look(geoip->database[i], ip, ret))
			geoip->damaged++;
	}
}

static bool is_of(const struct cached *cached, const struct ip *ip)
{
	return cached->is_used && ip_equal(&cached->ip, ip);
}

void geoip_look(struct geoip *geoip, const struct ip *ip, struct geo *ret)
{
	if (!geoip || geoip->loaded == 0) {
		*ret = (struct geo){0};
		return;
	}
	struct cached *cached = &geoip->cache[place_of(ip)];
	bool is_second = is_of(&cached[1], ip);
	geoip->lookups++;
	if (is_second || is_of(&cached[0], ip)) {
		geoip->cached++;
	} else {
		cached[1] = cached[0];
		cached[0].is_used = true;
		cached[0].ip = *ip;
		look_all(geoip, ip, &cached[0].geo);
	}
	*ret = cached[is_second].geo;
}

void geoip_figures(const struct geoip *geoip, struct geoip_figures *ret)
{
	*ret = (struct geoip_figures){0};
	if (!geoip)
		return;
	*ret = (struct geoip_figures){
		.databases = geoip->n,
		.loaded = geoip->loaded,
		.lookups = geoip->lookups,
		.cached = geoip->cached,
		.damaged = geoip->damaged,
	};
}
