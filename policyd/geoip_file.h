/* SPDX-License-Identifier: ISC */
/* geoip_file.h - a file of geoip.databases as a copy in memory, read again only when it has changed. */
#ifndef POLICYD_GEOIP_FILE_H
#define POLICYD_GEOIP_FILE_H

#include "geoip.h"

/*
 * A descriptor of the copy; or negative: -EALREADY when the file is the same as at the last try (nothing
 * is said then), else err names the path and what is wrong.
 */
MUST_CHECK int geoip_file_copy(const char *path, struct geoip_stamp *stamp, struct errbuf *err);

#endif
