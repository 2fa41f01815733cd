/* SPDX-License-Identifier: ISC */
/*
 * From sources to a snapshot: the main file, conf.d, --set, then what can only be judged at the
 * end. Grammar is tree.c's business, settings are walk.c's.
 */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "policyd/mem.h"
#include "set.h"
#include "source.h"
#include "tree.h"

struct snapshot {
	struct config config; /* first, so that one is found from the other */
	unsigned refs;
	struct config_strings files; /* what places point at */
};

static struct snapshot *snapshot_of(struct config *config)
{
	return (struct snapshot *)config;
}

struct config *config_ref(struct config *config)
{
	snapshot_of(config)->refs++;
	return config;
}

void config_unref(struct config *config)
{
	struct snapshot *snapshot = config ? snapshot_of(config) : NULL;

	if (!snapshot || --snapshot->refs != 0)
		return;
	schema_release(&schema_top, config);
	for (size_t i = 0; i < snapshot->files.n; i++)
		free(snapshot->files.text[i]);
	free(snapshot->files.text);
	free(snapshot);
}

static void load_text(struct walk *walk, struct span text)
{
	config_t tree;

	if (tree_parse(&walk->origin, text, &tree) != 0) {
		walk->is_broken = true;
		return;
	}
	walk_root(walk, config_root_setting(&tree));
	config_destroy(&tree);
}

/* origin.file is the name of path, registered. */
static int load_file(struct walk *walk, const char *path)
{
	struct errbuf err;
	char *text;
	size_t n;
	int r = source_read(path, &text, &n, &err);

	if (r != 0) {
		diag_error(walk->origin.diag, (struct config_place){.file = walk->origin.file},
			"%s", err.text);
		walk->is_broken = true;
		return r;
	}
	load_text(walk, span_make(text, n));
	free(text);
	return 0;
}

/* All of conf.d; the first trouble with reading is returned, the rest is read nevertheless. */
static int load_dropins(struct walk *walk, const char *path)
{
	struct config_strings list;
	struct errbuf err;
	int trouble = source_list_dropins(path, &list, &err);

	if (trouble != 0) {
		diag_error(walk->origin.diag, (struct config_place){.file = walk->origin.file},
			"%s", err.text);
		walk->is_broken = true;
	}
	for (size_t i = 0; i < list.n; i++) {
		walk->origin.file = diag_file(walk->origin.diag, list.text[i]);
		int r = load_file(walk, list.text[i]);
		trouble = trouble ? trouble : r;
		free(list.text[i]);
	}
	free(list.text);
	return trouble;
}

static struct walk walk_begin(struct diag *diag, const char *name)
{
	struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
	struct walk walk = {
		.origin = {.diag = diag, .file = diag_file(diag, name)},
		.config = &snapshot->config,
	};

	snapshot->refs = 1;
	value_preset(&schema_top, (struct config_place){.file = walk.origin.file, .line = 1},
		walk.config);
	return walk;
}

/* trouble: what reading said. */
static int walk_end(
	struct walk *walk, int trouble, struct config **ret, struct config_report *report)
{
	struct diag *diag = walk->origin.diag;

	check_config(diag, walk->config);
	if (!walk->is_broken) {
		walk_missing(&walk->origin, &schema_top, walk->seen, walk->config->place);
		check_whole(diag, walk->config);
	}
	if (trouble == 0 && diag->errors)
		trouble = -EINVAL;
	diag_deliver(diag, report);
	if (trouble == 0) {
		snapshot_of(walk->config)->files = diag->files;
		diag->files = (struct config_strings){0};
		*ret = walk->config;
	} else {
		config_unref(walk->config);
	}
	diag_deinit(diag);
	return trouble;
}

int config_load(
	const struct config_source *source, struct config **ret, struct config_report *report)
{
	struct diag diag = {0};
	struct walk walk = walk_begin(&diag, source->path);
	int trouble = load_file(&walk, source->path);

	if (trouble != 0)
		return walk_end(&walk, trouble, ret, report);
	trouble = load_dropins(&walk, source->path);
	for (size_t i = 0; i < source->set_n; i++)
		set_apply(&walk, source->set[i]);
	return walk_end(&walk, trouble, ret, report);
}

int config_parse(
	struct span text, const char *name, struct config **ret, struct config_report *report)
{
	struct diag diag = {0};
	struct walk walk = walk_begin(&diag, name);

	load_text(&walk, text);
	return walk_end(&walk, 0, ret, report);
}
