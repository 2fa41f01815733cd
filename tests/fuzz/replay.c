/* SPDX-License-Identifier: ISC */
/*
 * Runs a target over the files of a corpus, one case a file, as TAP: what was found once stays
 * found, also where there is no libFuzzer. Each file has a process of its own, so that a crash ends
 * one case only.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

/* Far above any seed; a larger file is a mistake. */
#define FILE_BYTES_MAX (1024 * 1024)

static int is_seed(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* False when the file cannot be read. */
static bool run_file(const char *folder, const char *name)
{
	static uint8_t room[FILE_BYTES_MAX];
	char path[4096];
	int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = length > 0 && (size_t)length < sizeof(path) ? fopen(path, "rb") : NULL;
	if (!file)
		return false;
	size_t n = fread(room, 1, sizeof(room), file);
	bool is_whole = !ferror(file) && n < sizeof(room);
	(void)fclose(file);
	if (!is_whole)
		return false;
	char *data = fuzz_copy(span_make((const char *)room, n));
	int r = LLVMFuzzerTestOneInput((const uint8_t *)data, n);
	free(data);
	return r == 0;
}

/* True when a process that runs the file ends well. */
static bool passes(const char *folder, const char *name)
{
	int status;
	/* Else the child would print again what stands in the buffer. */
	(void)fflush(stdout);
	pid_t pid = fork();
	/* exit(), not _exit(): leaks are looked for at exit. */
	if (pid == 0)
		exit(run_file(folder, name) ? EXIT_SUCCESS : EXIT_FAILURE);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(int argc, char **argv)
{
	struct dirent **entry;
	int failed = 0;
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 64;
	}
	int n = scandir(argv[1], &entry, is_seed, alphasort);
	if (n <= 0) {
		printf("1..1\nnot ok 1 - %s: %s\n", argv[1], n ? strerror(errno) : "no files");
		return EXIT_FAILURE;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool is_good = passes(argv[1], entry[i]->d_name);
		printf("%sok %d - %s\n", is_good ? "" : "not ", i + 1, entry[i]->d_name);
		failed += !is_good;
		free(entry[i]);
	}
	free(entry);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
