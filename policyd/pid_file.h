/* SPDX-License-Identifier: ISC */
/*
 * pid_file.h - the process number in a file. The file is opened while there may still be rights to
 * make one in /run, and written when the start is complete: until then it keeps what it held.
 */
#ifndef POLICYD_PID_FILE_H
#define POLICYD_PID_FILE_H

#include "policyd/err.h"

struct pid_file {
	const char *path; /* borrowed; NULL: there is none */
	int fd;
};

/* path NULL: there is to be none. 0, or negative with err. */
MUST_CHECK int pid_file_open(const char *path, struct pid_file *ret, struct errbuf *err);
/* This process. 0, or negative with err. */
MUST_CHECK int pid_file_write(const struct pid_file *file, struct errbuf *err);
/*
 * Removes the file if it is still the one that was opened and holds this process's number, or
 * nothing; where it cannot be removed any more, it is emptied.
 */
void pid_file_close(struct pid_file *file);

#endif
