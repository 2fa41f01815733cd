/* SPDX-License-Identifier: ISC */
/*
 * privilege.h - from root to the configured user, for good. Until then, what belongs to that user is
 * opened as that user.
 *
 *	privilege_prepare(config, &err);
 *	privilege_borrow(config, &err);       the state is opened and locked
 *	privilege_give_back(config, &err);    sockets are bound
 *	privilege_drop(config, &err);
 */
#ifndef POLICYD_PRIVILEGE_H
#define POLICYD_PRIVILEGE_H

#include "policyd/config.h"
#include "policyd/err.h"

/* Whether the setting user names somebody. 0, or negative with err. */
MUST_CHECK int privilege_check(const struct config *config, struct errbuf *err);
/* Whether policyd was started by neither root nor that user, so that the setting has no effect. */
bool privilege_is_missing(const struct config *config);
/*
 * Before anything is opened: files are made for their owner alone unless their mode is set; makes the
 * directory of the control socket (0755), where it is missing; as root with a user setting also that
 * of the state (0700), both for that user, and allows as many descriptors as connections_max needs.
 * 0 or negative with err.
 */
MUST_CHECK int privilege_prepare(const struct config *config, struct errbuf *err);
/* As root with a user setting: acts as that user, until it is given back. 0 or negative with err. */
MUST_CHECK int privilege_borrow(const struct config *config, struct errbuf *err);
MUST_CHECK int privilege_give_back(const struct config *config, struct errbuf *err);
/*
 * After binding: becomes that user, and checks that there is no way back. Without a user setting it
 * keeps the one that started policyd. 0 or negative with err.
 */
MUST_CHECK int privilege_drop(const struct config *config, struct errbuf *err);
/* In the log: that there is no other user to become. */
void privilege_tell(const struct config *config);
/* After the drop, in the log: files that a reload could not read (path: the configuration's), now rather
 * than then. */
void privilege_tell_files(const struct config *config, const char *path);

#endif
