/* SPDX-License-Identifier: ISC */
/*
 * The catalogue of blocklists: the text that is built in, or a file in its place, through the schema; and that
 * of programmes, which is built in only.
 */
#include <errno.h>
#include <stdlib.h>

#include "lists.h"
#include "policyd/mem.h"
#include "source.h"
#include "tree.h"

/* How messages call it. */
#define BUILT_IN            "blocklists.conf (built in)"
#define PROGRAMMES_BUILT_IN "programmes.conf (built in)"

static void text_read(struct walk *walk, struct span text, struct config_lists *lists)
{
	struct config_catalogue *catalogue = &lists->catalogue;
	uint64_t seen = 0;
	config_t tree;

	value_preset(&schema_catalogue, (struct config_place){.file = walk->origin.file, .line = 1},
		catalogue);
	if (tree_parse(&walk->origin, text, &tree) != 0) {
		lists->is_broken = true;
		return;
	}
	walk_whole(walk, &schema_catalogue, config_root_setting(&tree), catalogue, &seen);
	config_destroy(&tree);
}

/* Its text, from the snapshot that is read once more or from the file. 0, or told. */
static int file_read(struct walk *walk, const char *path, struct config_lists *lists)
{
	const struct config *known = walk->origin.known;
	struct source_want want = {.path = path, .max = SOURCE_BYTES_MAX};
	struct errbuf err;

	if (known && known->lists->text) {
		lists->text = xstrndup(known->lists->text, known->lists->text_n);
		lists->text_n = known->lists->text_n;
		return 0;
	}
	int r = source_read(&want, &lists->text, &lists->text_n, &err);
	if (r != 0)
		diag_error(walk->origin.diag, walk->config->egress.place,
			"egress.catalogue \"%s\": %s%s", path, err.text,
			r == -EFBIG ? ": shorten it" : "");
	return r;
}

void catalogue_read(struct walk *walk, struct config_lists *lists)
{
	const char *path = walk->config->egress.catalogue;
	struct walk own = *walk;

	own.origin.is_set = false;
	if (!path) {
		own.origin.file = diag_file(walk->origin.diag, BUILT_IN);
		text_read(&own, span_make(blocklist_catalogue, blocklist_catalogue_n), lists);
		return;
	}
	if (file_read(walk, path, lists) != 0) {
		lists->is_broken = true;
		return;
	}
	own.origin.file = diag_file(walk->origin.diag, path);
	text_read(&own, span_make(lists->text, lists->text_n), lists);
}

void programmes_read(struct walk *walk, struct config_lists *lists)
{
	struct walk own = *walk;
	uint64_t seen = 0;
	config_t tree;

	own.origin.is_set = false;
	own.origin.file = diag_file(walk->origin.diag, PROGRAMMES_BUILT_IN);
	value_preset(&schema_programmes, (struct config_place){.file = own.origin.file, .line = 1},
		&lists->programmes);
	if (tree_parse(&own.origin, span_make(programmes_catalogue, programmes_catalogue_n),
		    &tree) != 0)
		return;
	walk_whole(&own, &schema_programmes, config_root_setting(&tree), &lists->programmes, &seen);
	config_destroy(&tree);
}
