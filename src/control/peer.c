/* SPDX-License-Identifier: ISC */
/*
 * Users and rights. Which right a command needs stands in its row; that it is asked for is the
 * server's business.
 */
#include "peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policyd/log.h"
#include "policyd/mem.h"

#define PASSWD_BYTES 16384 /* one entry with its texts; a longer one is nobody we know */

void operators_load(struct operators *operators, const struct config *config)
{
	const struct config_strings *names = &config->control.operators;
	char *buf = xmalloc(PASSWD_BYTES);
	operators_deinit(operators);
	operators->uid = xcalloc(names->n + 1, sizeof(*operators->uid));
	for (size_t i = 0; i < names->n; i++) {
		struct passwd entry, *found = NULL;
		if (getpwnam_r(names->text[i], &entry, buf, PASSWD_BYTES, &found) == 0 && found)
			operators->uid[operators->n++] = found->pw_uid;
		else
			log_event(LEVEL_WARNING, "operator-unknown", F_STR("user", names->text[i]),
				F_STR("setting", "control.operators"));
	}
	free(buf);
}

void operators_deinit(struct operators *operators)
{
	free(operators->uid);
	*operators = (struct operators){0};
}

enum command_right peer_right(uid_t uid, const struct operators *operators)
{
	if (uid == 0 || uid == geteuid())
		return RIGHT_ADMIN;
	for (size_t i = 0; i < operators->n; i++) {
		if (operators->uid[i] == uid)
			return RIGHT_DESK;
	}
	return RIGHT_VIEW;
}

int peer_read(int fd, uid_t *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return -errno;
	*ret = cred.uid;
	return 0;
}

const char *peer_format(uid_t uid, char buf[EVENT_AUTHOR_MAX + 1])
{
	struct passwd entry, *found = NULL;
	char *names = xmalloc(PASSWD_BYTES);
	int r = getpwuid_r(uid, &entry, names, PASSWD_BYTES, &found);
	const char *name = r == 0 && found ? found->pw_name : "unknown user";
	int n = snprintf(buf, EVENT_AUTHOR_MAX + 1, "%.64s (uid %u)", name, (unsigned)uid);
	if (n < 0)
		buf[0] = '\0';
	free(names);
	return buf;
}
