/* SPDX-License-Identifier: ISC */
/* walk.h - the tree against the schema: groups, lists of groups, and what is unknown or missing. */
#ifndef POLICYD_CONFIG_WALK_H
#define POLICYD_CONFIG_WALK_H

#include <libconfig.h>

#include "value.h"

struct walk {
	struct origin origin;
	struct config *config;
	uint64_t seen;  /* rows of the top that any source gave, by number */
	bool is_broken; /* a source was not read whole: that a setting is missing proves nothing */
};

/* A whole source of the configuration. */
void walk_root(struct walk *walk, const config_setting_t *root);
/* A whole source of which section is the top, into owner. */
void walk_whole(struct walk *walk, const struct schema_section *section,
	const config_setting_t *root, void *owner, uint64_t *seen);

/* One setting into the field of row i in owner, the struct of section. */
void walk_row(struct walk *walk, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner);

/* Tells that section has no such setting. */
void walk_unknown(const struct origin *origin, const struct schema_section *section,
	struct config_place place, struct span name);

/* Tells which required settings seen does not have. */
void walk_missing(const struct origin *origin, const struct schema_section *section, uint64_t seen,
	struct config_place place);

#endif
