/* SPDX-License-Identifier: ISC */
/* privilege.h - from root to the configured user, for good. */
#ifndef POLICYD_PRIVILEGE_H
#define POLICYD_PRIVILEGE_H

#include "policyd/config.h"
#include "policyd/err.h"

/*
 * Before binding: makes the directory of the control socket (0755), where it is missing; as root
 * with a user setting also that of the state (0700), both for that user. 0 or negative with err.
 */
MUST_CHECK int privilege_prepare(const struct config *config, struct errbuf *err);
/*
 * After binding: becomes that user, and checks that there is no way back. Without a user setting it
 * keeps the one that started policyd. 0 or negative with err.
 */
MUST_CHECK int privilege_drop(const struct config *config, struct errbuf *err);

#endif
