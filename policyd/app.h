/* SPDX-License-Identifier: ISC */
/* app.h - the daemon as a whole: builds every object, wires them, runs until a signal ends it. */
#ifndef POLICYD_APP_H
#define POLICYD_APP_H

#include "policyd/config.h"

/*
 * Runs in the foreground of this process until SIGTERM or SIGINT. Calls ready(ctx) once Postfix can ask.
 * Takes over config. Returns the exit code of sysexits(3).
 */
int app_run(struct config *config, const char *config_path, void (*ready)(void *ctx), void *ctx);

/* Prints a report; errors and warnings as they are. */
void report_print(const struct config_report *report);

#endif
