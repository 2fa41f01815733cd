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

/* What is asked for: the address, or the text of a short one as it came, which need not be read then. */
struct question {
	enum { ASKED_NOTHING, ASKED_IP, ASKED_TEXT } by;
	struct ip ip;
};

struct cached {
	struct question question;
	struct geo geo;
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

static bool is_of(const struct cached *cached, const struct question *question)
{
	return cached->question.by == question->by && ip_equal(&cached->question.ip, &question->ip);
}

/* NULL: it is not remembered. */
static const struct geo *recall(struct geoip *geoip, const struct question *question)
{
	const struct cached *cached = &geoip->cache[place_of(&question->ip)];
	bool is_second = is_of(&cached[1], question);
	if (!is_second && !is_of(&cached[0], question))
		return NULL;
	geoip->lookups++;
	geoip->cached++;
	return &cached[is_second].geo;
}

static void look_anew(
	struct geoip *geoip, const struct question *question, const struct ip *ip, struct geo *ret)
{
	struct cached *cached = &geoip->cache[place_of(&question->ip)];
	geoip->lookups++;
	cached[1] = cached[0];
	cached[0].question = *question;
	look_all(geoip, ip, &cached[0].geo);
	*ret = cached[0].geo;
}

void geoip_look(struct geoip *geoip, const struct ip *ip, struct geo *ret)
{
	*ret = (struct geo){0};
	if (!geoip || geoip->loaded == 0)
		return;
	const struct question question = {.by = ASKED_IP, .ip = *ip};
	const struct geo *known = recall(geoip, &question);
	if (known)
		*ret = *known;
	else
		look_anew(geoip, &question, ip, ret);
}

void geoip_locate(struct geoip *geoip, struct span address, struct geo *ret)
{
	*ret = (struct geo){0};
	if (!geoip || geoip->loaded == 0)
		return;
	struct question question = {.by = ASKED_TEXT};
	struct ip ip;
	if (address.n > sizeof(question.ip.byte)) {
		if (ip_parse(address, &ip) == 0)
			geoip_look(geoip, &ip, ret);
		return;
	}
	for (size_t i = 0; i < address.n; i++)
		question.ip.byte[i] = (uint8_t)address.p[i];
	const struct geo *known = recall(geoip, &question);
	if (known)
		*ret = *known;
	else if (ip_parse(address, &ip) == 0)
		look_anew(geoip, &question, &ip, ret);
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
