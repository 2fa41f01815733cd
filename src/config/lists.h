/* SPDX-License-Identifier: ISC */
/*
 * lists.h - the blocklists of a snapshot: the catalogue as it was read, and what became of it and of the
 * configuration's rows (blocklist.h).
 */
#ifndef POLICYD_CONFIG_LISTS_H
#define POLICYD_CONFIG_LISTS_H

#include "policyd/blocklist.h"
#include "walk.h"

/* Rows of SETTINGS_BLOCKLIST, as bits of config_blocklist.given. */
enum blocklist_row {
#define ROW(type, name, ...) BLOCKLIST_ROW_##name,
	SETTINGS_BLOCKLIST(ROW)
#undef ROW
};
#define BLOCKLIST_GIVEN(row, name) (((row)->given >> BLOCKLIST_ROW_##name & 1) != 0)

/* Rows of SETTINGS_TOP, as bits of config.given. */
enum top_row {
#define ROW(type, name, ...) TOP_ROW_##name,
	SETTINGS_TOP(ROW)
#undef ROW
};
#define CONFIG_GIVEN(config, name) (((config)->given >> TOP_ROW_##name & 1) != 0)

struct config_lists {
	struct config_catalogue catalogue;
	char *text; /* of egress.catalogue, to read it once more without its file; NULL: built in */
	size_t text_n;
	struct config_programmes programmes;
	bool is_broken; /* the catalogue could not be read: that a name is not in it proves nothing */
	struct blocklist *list;
	size_t n, room;
	struct config_strings owned; /* texts made from those of the rows; some hold keys */
};

/* Makes walk->config->lists; what is wrong with catalogue or lists is told. */
void lists_build(struct walk *walk);
void lists_free(struct config_lists *lists);

/* The parts of lists_build(), in this order. */
void catalogue_read(struct walk *walk, struct config_lists *lists);
void programmes_read(struct walk *walk, struct config_lists *lists);
void blocklists_build(struct diag *diag, const struct config *config, struct config_lists *lists);
/* One row, of the catalogue or of the configuration, by itself. */
void check_blocklist(struct diag *diag, const struct config_blocklist *row);

/* What subjects a row asks, as bits; all that make no sense are left out. */
unsigned blocklist_subjects(const struct config_blocklist *row);
/* The hint of the dead list that zone is, is called or lies below; or NULL. */
const char *dead_list_find(const struct config_lists *lists, struct span zone);
/* The secret that was read from path, or NULL. */
const struct config_secret *lists_secret(const struct config_lists *lists, struct span path);

#endif
