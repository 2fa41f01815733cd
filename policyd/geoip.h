/* SPDX-License-Identifier: ISC */
/*
 * geoip.h - where an address stands, by databases in the MaxMind DB format: country, autonomous
 * system, position.
 *
 * Any number of them; what one does not know is asked of the next. They come from several vendors, who
 * name things differently: which names a database uses is found out once, when it is opened, from its
 * first records. What is not found is unknown, and no error. Answers are remembered by address.
 *
 * A database is read into memory of its own: whoever writes over the file, in place or halfway, takes
 * nothing away from a running policyd.
 *
 *	struct geoip *geoip = geoip_open(config, &err);
 *	if (err.text[0])
 *		complain(err.text);
 *	geoip_look(geoip, &ip, &request.geo);
 *	geoip_close(geoip);
 */
#ifndef POLICYD_GEOIP_H
#define POLICYD_GEOIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/addr.h"
#include "policyd/config.h"
#include "policyd/err.h"
#include "policyd/geo.h"

struct geoip;

/*
 * Those of geoip.databases that can be read. NULL: none, which is fine for all that follow. err is
 * always set: what is wrong with the first that cannot be read, or "".
 */
struct geoip *geoip_open(const struct config *config, struct errbuf *err);
void geoip_close(struct geoip *geoip);
/* Adds a warning to the report for each that cannot be read. */
void geoip_check(const struct config *config, struct config_report *report);

/* *ret is all zero where nothing is known. */
void geoip_look(struct geoip *geoip, const struct ip *ip, struct geo *ret);
/* The same of an address in words, which is mostly remembered as such; of what is none nothing is known. */
void geoip_locate(struct geoip *geoip, struct span address, struct geo *ret);

/* ---- one database, which may be opened on another thread ---- */

struct geoip_database;

/* The file as it was when it was last read, or tried. All zero: never. */
struct geoip_stamp {
	uint64_t device, inode, size;
	int64_t mtime_s, mtime_ns;
	int error; /* of stat(): a file that is not there is not there again */
};

enum geoip_open_result {
	GEOIP_SAME = 1, /* the stamp says that it has been tried: nothing was opened */
};

/*
 * *stamp is looked at and brought up to date, also on failure. 0; GEOIP_SAME; negative: err names the
 * path and what is wrong, -EAGAIN among them: it is being written at the moment.
 */
MUST_CHECK int geoip_database_open(const char *path, struct geoip_stamp *stamp,
	struct geoip_database **ret, struct errbuf *err);
/* NULL is fine. */
void geoip_database_close(struct geoip_database *database);
/* Fills in what *geo does not know yet. False: the database is damaged there. */
bool geoip_database_look(
	const struct geoip_database *database, const struct ip *ip, struct geo *geo);
/* "GeoLite2-City", "country position": for people. Valid as long as it. */
const char *geoip_database_type(const struct geoip_database *database);
const char *geoip_database_knows(const struct geoip_database *database);

/* ---- a set of them that changes while it is used ---- */

/* n places, all of them empty. */
struct geoip *geoip_new(size_t n);
/* Takes over the database (NULL: none) and forgets what was remembered. */
void geoip_put(struct geoip *geoip, size_t at, struct geoip_database *database);
/* The database at that place, which is empty then; the caller's. */
struct geoip_database *geoip_take(struct geoip *geoip, size_t at);

struct geoip_figures {
	size_t databases, loaded;
	uint64_t lookups, cached, damaged;
};
/* geoip may be NULL. */
void geoip_figures(const struct geoip *geoip, struct geoip_figures *ret);

#endif
