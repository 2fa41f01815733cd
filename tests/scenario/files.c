/* SPDX-License-Identifier: ISC */
/* Files beside the configuration: lists and secrets, in a folder of their own for each scenario. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "scenario.h"

static bool is_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !strchr(name, '/') && strlen(name) < NAME_SIZE;
}

int files_write(struct scenario *s, const char *name, const char *text)
{
	char path[sizeof(s->dir) + NAME_SIZE + 1];
	if (!is_name(name))
		return fail(s, "\"%s\" is no name of a file", name);
	if (s->dir[0] == '\0') {
		span_copy(SPAN("/tmp/policyd-scenario-XXXXXX"), s->dir, sizeof(s->dir));
		if (!mkdtemp(s->dir)) {
			s->dir[0] = '\0';
			return fail(s, "/tmp: no folder can be made there");
		}
	}
	int n = snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	int fd = n < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0 && close(fd) != 0)
		is_written = false;
	return is_written ? 0 : fail(s, "%s cannot be written", path);
}

char *files_named(const struct scenario *s, const char *text)
{
	const size_t mark_n = sizeof(DIR_MARK) - 1;
	size_t n = strlen(text) + 1;
	for (const char *at = text; (at = strstr(at, DIR_MARK)); at += mark_n)
		n += sizeof(s->dir);
	char *named = xmalloc(n), *to = named;
	for (const char *at; (at = strstr(text, DIR_MARK)); text = at + mark_n) {
		memcpy(to, text, (size_t)(at - text));
		to += at - text;
		to += span_copy(span_of(s->dir), to, sizeof(s->dir));
	}
	memcpy(to, text, strlen(text) + 1);
	return named;
}

int files_reread(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct config *config = NULL;
	struct config_report *report = config_report_new();
	(void)verb;
	(void)words;
	int r = config_lines_changed(s->config) ? config_reread_lines(s->config, &config, report)
						: fail(s, "no list has changed");
	if (r != 0 && report->n)
		r = fail(s, "%s", report->line[0].text);
	config_report_free(report);
	if (r != 0)
		return r;
	config_unref(s->config);
	s->config = config;
	engine_configure(s->engine, config);
	standing_configure(s);
	return 0;
}

void files_free(struct scenario *s)
{
	DIR *dir = s->dir[0] ? opendir(s->dir) : NULL;
	struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	if (dir)
		(void)closedir(dir);
	if (s->dir[0])
		(void)rmdir(s->dir);
}
