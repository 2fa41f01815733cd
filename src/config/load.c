/* SPDX-License-Identifier: ISC */
/*
 * From sources to a snapshot: the main file, conf.d, --set, then what can only be judged at the
 * end. Grammar is tree.c's business, settings are walk.c's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lists.h"
#include "maps.h"
#include "policyd/mem.h"
#include "set.h"
#include "snapshot.h"
#include "source.h"
#include "tree.h"

/* What was read, so that it can be read once more without its file. */
struct source {
	char *name; /* of a file; NULL: text is an assignment of --set */
	char *text;
	size_t n;
};

struct snapshot {
	struct config config; /* first, so that one is found from the other */
	unsigned refs;
	struct config_strings files; /* what places point at */
	struct file_watch watch;     /* files of lines */
	struct source *source;
	size_t source_n;
};

static struct snapshot *snapshot_of(struct config *config)
{
	return (struct snapshot *)config;
}

static const struct snapshot *snapshot_of_const(const struct config *config)
{
	return (const struct snapshot *)config;
}

const struct config_strings *snapshot_files(const struct config *config)
{
	return &snapshot_of_const(config)->files;
}

const struct config_secret *snapshot_secret(const struct config *config, struct span path)
{
	const struct config_secret *secret = &config->token.key_file;

	if (secret->path && span_equal(path, span_of(secret->path)))
		return secret;
	for (size_t i = 0; i < config->blocklists_n; i++) {
		secret = &config->blocklists[i].key_file;
		if (secret->path && span_equal(path, span_of(secret->path)))
			return secret;
	}
	return lists_secret(config->lists, path);
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
	maps_free(config->maps);
	lists_free(config->lists);
	file_watch_deinit(&snapshot->watch);
	for (size_t i = 0; i < snapshot->files.n; i++)
		free(snapshot->files.text[i]);
	free(snapshot->files.text);
	for (size_t i = 0; i < snapshot->source_n; i++) {
		free(snapshot->source[i].name);
		free(snapshot->source[i].text);
	}
	free(snapshot->source);
	free(snapshot);
}

/* Takes over text. */
static void source_keep(struct walk *walk, const char *name, char *text, size_t n)
{
	struct snapshot *snapshot = snapshot_of(walk->config);

	snapshot->source =
		xrealloc(snapshot->source, snapshot->source_n + 1, sizeof(*snapshot->source));
	snapshot->source[snapshot->source_n++] =
		(struct source){.name = xstrdup(name), .text = text, .n = n};
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

/* What to do about a file that is too large is the caller's to say. */
static void complain_file(const struct origin *origin, int r, const struct errbuf *err)
{
	diag_error(origin->diag, (struct config_place){.file = origin->file}, "%s%s", err->text,
		r == -EFBIG ? ": move parts into conf.d/" : "");
}

/* origin.file is the name of path, registered. */
static int load_file(struct walk *walk, const char *path)
{
	struct source_want want = {.path = path, .max = SOURCE_BYTES_MAX, .may_pipe = true};
	struct errbuf err;
	char *text;
	size_t n;
	int r = source_read(&want, &text, &n, &err);

	if (r != 0) {
		complain_file(&walk->origin, r, &err);
		walk->is_broken = true;
		return r;
	}
	load_text(walk, span_make(text, n));
	source_keep(walk, walk->origin.file, text, n);
	return 0;
}

static void load_set(struct walk *walk, const char *assignment)
{
	walk->origin.file = set_name(walk->origin.diag, assignment);
	set_apply(walk, assignment);
	source_keep(walk, NULL, xstrdup(assignment), strlen(assignment));
}

/* All of conf.d; the first trouble with reading is returned, the rest is read nevertheless. */
static int load_dropins(struct walk *walk, const char *path)
{
	struct config_strings list;
	struct errbuf err;
	int trouble = source_list_dropins(path, &list, &err);

	if (trouble != 0) {
		complain_file(&walk->origin, trouble, &err);
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
		.origin = {.diag = diag, .file = diag_file(diag, name), .watch = &snapshot->watch},
		.config = &snapshot->config,
	};

	snapshot->refs = 1;
	value_preset(&schema_top, (struct config_place){.file = walk.origin.file, .line = 1},
		walk.config);
	return walk;
}

/* Whether reading was in trouble. */
struct walk_end {
	int trouble;
	wall_t wall;
};

static int walk_end(
	struct walk *walk, struct walk_end end, struct config **ret, struct config_report *report)
{
	struct diag *diag = walk->origin.diag;
	int r = end.trouble;

	walk->config->given = walk->seen;
	maps_build(diag, walk->config, end.wall);
	lists_build(walk);
	check_config(diag, walk->config);
	if (!walk->is_broken) {
		walk_missing(&walk->origin, &schema_top, walk->seen, walk->config->place);
		check_whole(diag, walk->config);
	}
	if (r == 0 && diag->errors)
		r = -EINVAL;
	diag_deliver(diag, report);
	if (r == 0) {
		snapshot_of(walk->config)->files = diag->files;
		diag->files = (struct config_strings){0};
		*ret = walk->config;
	} else {
		config_unref(walk->config);
	}
	diag_deinit(diag);
	return r;
}

int config_load(
	const struct config_source *source, struct config **ret, struct config_report *report)
{
	struct diag diag = {0};
	struct walk walk = walk_begin(&diag, source->path);
	struct walk_end end = {.trouble = load_file(&walk, source->path), .wall = source->wall};

	if (end.trouble != 0)
		return walk_end(&walk, end, ret, report);
	end.trouble = load_dropins(&walk, source->path);
	for (size_t i = 0; i < source->set_n; i++)
		load_set(&walk, source->set[i]);
	return walk_end(&walk, end, ret, report);
}

int config_parse(
	struct span text, const char *name, struct config **ret, struct config_report *report)
{
	struct diag diag = {0};
	struct walk walk = walk_begin(&diag, name);

	load_text(&walk, text);
	source_keep(&walk, name, xstrndup(text.p, text.n), text.n);
	return walk_end(&walk, (struct walk_end){0}, ret, report);
}

bool config_lines_changed(const struct config *config)
{
	return file_watch_changed(&snapshot_of_const(config)->watch);
}

int config_reread_lines(
	const struct config *config, struct config **ret, struct config_report *report)
{
	const struct snapshot *from = snapshot_of_const(config);
	struct diag diag = {0};
	struct walk walk = walk_begin(&diag, from->source[0].name);

	/* Whoever may read it may have gone with root's rights. */
	walk.origin.known = config;
	for (size_t i = 0; i < from->source_n; i++) {
		const struct source *source = &from->source[i];

		if (!source->name) {
			load_set(&walk, source->text);
			continue;
		}
		if (i > 0)
			walk.origin.file = diag_file(&diag, source->name);
		load_text(&walk, span_make(source->text, source->n));
		source_keep(&walk, source->name, xstrndup(source->text, source->n), source->n);
	}
	return walk_end(&walk, (struct walk_end){0}, ret, report);
}
