/* SPDX-License-Identifier: ISC */
/*
 * Before a start: which of geoip.databases cannot be read. Only a warning: they may come later, and
 * without them policyd works all the same. Whether the daemon's own user may read them shows when it runs.
 */
#include <stdio.h>

#include "geoip.h"
#include "policyd/mem.h"

static void report_warn(struct config_report *report, const struct config *config, const char *text)
{
	const struct config_place *place = &config->geoip.place;
	char line[sizeof(((struct errbuf *)NULL)->text) + 300];
	int n = snprintf(line, sizeof(line), "%.280s:%u: %s",
		place->file ? place->file : "geoip.databases", place->line, text);
	report->line = xrealloc(report->line, report->n + 1, sizeof(*report->line));
	report->line[report->n++] = (struct config_line){.text = xstrdup(n > 0 ? line : text)};
}

void geoip_check(const struct config *config, struct config_report *report)
{
	const struct config_strings *paths = &config->geoip.databases;
	for (size_t i = 0; i < paths->n; i++) {
		struct geoip_stamp stamp = {0};
		struct geoip_database *database = NULL;
		struct errbuf err;
		if (geoip_database_open(paths->text[i], &stamp, &database, &err) < 0)
			report_warn(report, config, err.text);
		geoip_database_close(database);
	}
}
