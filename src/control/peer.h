/* SPDX-License-Identifier: ISC */
/* peer.h - who asks, by the kernel's word, and what they may. */
#ifndef POLICYD_CONTROL_PEER_H
#define POLICYD_CONTROL_PEER_H

#include <stddef.h>
#include <sys/types.h>

#include "policyd/command.h"
#include "policyd/config.h"
#include "policyd/event.h"

struct operators {
	uid_t *uid;
	size_t n;
};

/* The uids behind control.operators; a name that is no user is logged and passed over. */
void operators_load(struct operators *operators, const struct config *config);
void operators_deinit(struct operators *operators);

/* The user behind a connected unix socket. 0 or negative: then nothing may be done for it. */
MUST_CHECK int peer_read(int fd, uid_t *ret);
/* What that user may do now: asked anew for each command, so that a reload counts at once. */
enum command_right peer_right(uid_t uid, const struct operators *operators);
/* "root (uid 0)", for the record. */
const char *peer_format(uid_t uid, char buf[EVENT_AUTHOR_MAX + 1]);

#endif
