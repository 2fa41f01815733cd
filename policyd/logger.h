/* SPDX-License-Identifier: ISC */
/* logger.h - log lines to standard error or syslog, without ever waiting for whoever reads them. */
#ifndef POLICYD_LOGGER_H
#define POLICYD_LOGGER_H

#include <event2/event.h>

#include "policyd/err.h"

struct logger;

/*
 * From now on lines go through a thread of their own: to syslog mail at that socket (_PATH_LOG), or
 * to standard error where it is NULL. A reader who is stuck for a second costs lines, which are
 * counted, and nothing else. NULL with err when there is no thread to be had.
 */
struct logger *logger_new(struct event_base *base, const char *syslog_path, struct errbuf *err);
/* What has gathered goes to the thread at once; NULL is fine. */
void logger_flush(struct logger *logger);
/* Writes what has gathered; lines after that are written where they are made. NULL is fine. */
void logger_free(struct logger *logger);

#endif
