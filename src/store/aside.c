/* SPDX-License-Identifier: ISC */
/* Moving files aside, and how many are kept. Why they are moved is the caller's business. */
#include "aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "policyd/span.h"

#define KEPT       5
#define NUMBER_MAX 999999999 /* larger ones are not ours */

/* SQLite's two files beside a database; other files have none. */
static const char *const suffixes[] = {"", "-wal", "-shm"};
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* The number of a file that was moved aside under that name; 0 when it is something else. */
static uint64_t number_of(const char *file, const char *name)
{
	struct span rest = span_of(file), prefix = span_of(name);
	uint64_t number;
	size_t digits = 0;

	if (!span_starts(rest, prefix))
		return 0;
	rest = span_make(rest.p + prefix.n, rest.n - prefix.n);
	if (!span_starts(rest, SPAN(".bad-")))
		return 0;
	rest = span_make(rest.p + 5, rest.n - 5);
	while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
		digits++;
	if (span_to_u64(span_make(rest.p, digits), &number) != 0 || number > NUMBER_MAX)
		return 0;
	return number;
}

/* Returns the highest number there is, having removed the files of those up to last. */
static uint64_t look_through(int directory_fd, const char *name, uint64_t last)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t highest = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		uint64_t number = number_of(entry->d_name, name);

		if (number > highest)
			highest = number;
		/* What stays is only one file too many. */
		if (number > 0 && number <= last)
			(void)unlinkat(directory_fd, entry->d_name, 0);
	}
	closedir(dir);
	return highest;
}

static int rename_all(int directory_fd, const char *name, const char *new_name)
{
	char from[ASIDE_NAME_SIZE + 8], to[ASIDE_NAME_SIZE + 8];

	for (size_t i = 0; i < SUFFIXES; i++) {
		int n = snprintf(from, sizeof(from), "%s%s", name, suffixes[i]);
		int m = snprintf(to, sizeof(to), "%s%s", new_name, suffixes[i]);

		if (n < 0 || m < 0)
			return -EINVAL;
		if (renameat(directory_fd, from, directory_fd, to) == 0)
			continue;
		/* Without the file itself there is nothing to move the others to. */
		if (i == 0)
			return -errno;
	}
	return 0;
}

int aside_move(int directory_fd, const char *name, char ret_name[ASIDE_NAME_SIZE])
{
	char new_name[ASIDE_NAME_SIZE];
	uint64_t number = look_through(directory_fd, name, 0) + 1;
	uint64_t kept = KEPT;
	struct stat st;
	int n = snprintf(new_name, sizeof(new_name), "%s.bad-%" PRIu64, name, number);
	int r = n > 0 && (size_t)n < sizeof(new_name) ? 0 : -ENAMETOOLONG;

	if (r == 0)
		r = rename_all(directory_fd, name, new_name);
	if (r != 0)
		return r;
	if (fstatat(directory_fd, new_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		directory_room(directory_fd) < (uint64_t)st.st_size)
		kept = 1;
	if (number > kept)
		(void)look_through(directory_fd, name, number - kept);
	/* Should it not last, the next start moves it once more. */
	(void)fsync(directory_fd);
	(void)snprintf(ret_name, ASIDE_NAME_SIZE, "%s", new_name);
	return 0;
}
