/* SPDX-License-Identifier: ISC */
/* value.h - one value of the tree, or a preset, into its field. Groups are walked in walk.c. */
#ifndef POLICYD_CONFIG_VALUE_H
#define POLICYD_CONFIG_VALUE_H

#include <libconfig.h>

#include "diag.h"
#include "file.h"
#include "schema.h"

/* Where a tree came from. */
struct origin {
	struct diag *diag;
	const char *file;         /* registered with diag */
	bool is_set;              /* --set: has no lines, and its lists replace */
	struct file_watch *watch; /* files of lines that were read */
	const struct config
		*known; /* its secrets are taken over instead of being read again; or NULL */
};

struct config_place origin_place(const struct origin *origin, const config_setting_t *setting);

/* Writes an error that wants setting to be of the type that row i has, with an example. */
void value_complain_type(const struct origin *origin, const struct schema_section *section,
	size_t i, const config_setting_t *setting);

/* A value of that kind as a file has it, for hints. */
const char *value_sample(enum value_kind kind);

/*
 * Reads setting into the field of row i in owner; errors go to origin's diag and leave the field as
 * it was. Not for SECTION, LIST and LATER.
 */
void value_read(const struct origin *origin, const struct schema_section *section, size_t i,
	const config_setting_t *setting, void *owner);

/* Fills every field of a zeroed struct with its preset. */
void value_preset(const struct schema_section *section, struct config_place place, void *owner);

#endif
