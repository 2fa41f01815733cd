/* SPDX-License-Identifier: ISC */
/* The life of a snapshot's blocklists, and what is asked of them. */
#include "lists.h"

#include <stdlib.h>
#include <string.h>

#include "policyd/mem.h"

void lists_build(struct walk *walk)
{
	struct config_lists *lists = xcalloc(1, sizeof(*lists));

	walk->config->lists = lists;
	catalogue_read(walk, lists);
	programmes_read(walk, lists);
	blocklists_build(walk->origin.diag, walk->config, lists);
}

void lists_free(struct config_lists *lists)
{
	if (!lists)
		return;
	for (size_t i = 0; i < lists->n; i++) {
		free(lists->list[i].code);
		free(lists->list[i].error);
		free(lists->list[i].test);
	}
	free(lists->list);
	for (size_t i = 0; i < lists->owned.n; i++) {
		explicit_bzero(lists->owned.text[i], strlen(lists->owned.text[i]));
		free(lists->owned.text[i]);
	}
	free(lists->owned.text);
	schema_release(&schema_catalogue, &lists->catalogue);
	schema_release(&schema_programmes, &lists->programmes);
	free(lists->text);
	free(lists);
}

const struct config_secret *lists_secret(const struct config_lists *lists, struct span path)
{
	for (size_t i = 0; i < lists->catalogue.lists_n; i++) {
		const struct config_secret *secret = &lists->catalogue.lists[i].key_file;

		if (secret->path && span_equal(path, span_of(secret->path)))
			return secret;
	}
	return NULL;
}

/* True for the zone itself and for what lies below it. */
static bool is_below(struct span name, struct span zone)
{
	if (name.n < zone.n)
		return false;
	struct span end = span_make(name.p + name.n - zone.n, zone.n);
	return span_equal_nocase(end, zone) &&
	       (name.n == zone.n || name.p[name.n - zone.n - 1] == '.');
}

const char *dead_list_find(const struct config_lists *lists, struct span zone)
{
	if (span_ends(zone, SPAN(".")))
		zone.n--;
	for (size_t i = 0; i < lists->catalogue.dead_n; i++) {
		const struct config_dead_list *dead = &lists->catalogue.dead[i];

		if (!dead->zone || !dead->hint)
			continue;
		if (is_below(zone, span_of(dead->zone)) ||
			(dead->name && span_equal_nocase(zone, span_of(dead->name))))
			return dead->hint;
	}
	return NULL;
}

const struct blocklist *config_blocklists(const struct config *config, size_t *ret_n)
{
	*ret_n = config->lists->n;
	return config->lists->list;
}

const struct blocklist *config_blocklist_of(const struct config *config, struct span name)
{
	const struct config_lists *lists = config->lists;

	for (size_t i = 0; i < lists->n; i++) {
		if (span_equal_nocase(name, span_of(lists->list[i].name)))
			return &lists->list[i];
	}
	if (span_ends(name, SPAN(".")))
		name.n--;
	for (size_t i = 0; i < lists->n; i++) {
		if (span_equal_nocase(name, span_of(lists->list[i].zone)))
			return &lists->list[i];
	}
	return NULL;
}

const struct config_programme *config_programmes(const struct config *config, size_t *ret_n)
{
	*ret_n = config->lists->programmes.programmes_n;
	return config->lists->programmes.programmes;
}

const char *config_dead_list_of(const struct config *config, struct span zone)
{
	return dead_list_find(config->lists, zone);
}
