/* SPDX-License-Identifier: ISC */
/* Instead of geoip_database.c where policyd was built without libmaxminddb: no database opens. */
#include <errno.h>

#include "geoip.h"

int geoip_database_open(const char *path, struct geoip_stamp *stamp, struct geoip_database **ret,
	struct errbuf *err)
{
	(void)ret;
	if (stamp->error == ENOSYS)
		return GEOIP_SAME;
	*stamp = (struct geoip_stamp){.error = ENOSYS};
	err_set(err,
		"%s: this policyd was built without libmaxminddb; build it with -Dgeoip=enabled, "
		"or "
		"take the file out of geoip.databases",
		path);
	return -ENOSYS;
}

void geoip_database_close(struct geoip_database *database)
{
	(void)database;
}

bool geoip_database_look(
	const struct geoip_database *database, const struct ip *ip, struct geo *geo)
{
	(void)database;
	(void)ip;
	(void)geo;
	return true;
}

const char *geoip_database_type(const struct geoip_database *database)
{
	(void)database;
	return "";
}

const char *geoip_database_knows(const struct geoip_database *database)
{
	(void)database;
	return "";
}
