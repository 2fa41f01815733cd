/* SPDX-License-Identifier: ISC */
/* app.h - the daemon as a whole: builds every object, wires them, runs until a signal ends it. */
#ifndef POLICYD_APP_H
#define POLICYD_APP_H

#include "policyd/config.h"

struct app_setup {
	struct config *config; /* taken over */
	const char *config_path;
	bool log_to_syslog;       /* once it is ready; before, and else, to standard error */
	void (*ready)(void *ctx); /* Postfix can ask */
	void *ctx;
};

/* Runs in this process until SIGTERM or SIGINT. Returns the exit code of sysexits(3). */
int app_run(const struct app_setup *setup);

#endif
