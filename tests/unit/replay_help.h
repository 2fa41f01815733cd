/* SPDX-License-Identifier: ISC */
/* replay_help.h - a folder of a suite's own for its files, and files in it. */
#ifndef POLICYD_TEST_REPLAY_HELP_H
#define POLICYD_TEST_REPLAY_HELP_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policyd/span.h"
#include "suite.h"

static char folder[] = "/tmp/policyd-test-XXXXXX";

static inline const char *path_in(const char *name, char path[static 100])
{
	snprintf(path, 100, "%s/%s", folder, name);
	return path;
}

static inline void write_file(const char *path, const char *bytes, size_t n)
{
	FILE *file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

/* Before the suite forks. */
static inline bool folder_begin(void)
{
	return mkdtemp(folder) != NULL;
}

/* Removes what the cases left, and hands the result on. */
static inline int folder_end(int result)
{
	const struct dirent *entry;
	char path[400];
	DIR *dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) > 0)
			(void)unlink(path);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(folder);
	return result;
}

#endif
