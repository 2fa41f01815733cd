/* SPDX-License-Identifier: ISC */
/* From root to the configured user. Files are given to that user only when they are made here. */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/mem.h"

static int tell(struct errbuf *err, const char *what, const char *which)
{
	int r = errno ? -errno : -EINVAL;
	err_set(err, "%s %s: %s", what, which, strerror(-r));
	return r;
}

static int user_find(const struct config *config, struct passwd *ret, struct errbuf *err)
{
	errno = 0;
	const struct passwd *found = getpwnam(config->user);
	if (!found) {
		err_set(err,
			"user: there is no user \"%s\"; make it (useradd --system), or leave "
			"the setting out",
			config->user);
		return -ENOENT;
	}
	*ret = *found;
	return 0;
}

/* The mode whatever the umask is (narrow, in the background); the user where there is one. */
static int directory_give(
	int fd, const char *path, mode_t mode, const struct passwd *user, struct errbuf *err)
{
	if (fchmod(fd, mode) != 0)
		return tell(err, "cannot set the mode of the directory", path);
	if (user && fchown(fd, user->pw_uid, user->pw_gid) != 0)
		return tell(err, "cannot give away the directory", path);
	return 0;
}

static int directory_make(
	const char *path, mode_t mode, const struct passwd *user, struct errbuf *err)
{
	if (mkdir(path, mode) != 0)
		return errno == EEXIST ? 0 : tell(err, "cannot make the directory", path);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tell(err, "cannot open the directory", path);
	int r = directory_give(fd, path, mode, user, err);
	close(fd);
	return r;
}

int privilege_prepare(const struct config *config, struct errbuf *err)
{
	struct passwd entry = {0};
	const struct passwd *user = config->user && geteuid() == 0 ? &entry : NULL;
	int r = 0;
	if (user)
		r = user_find(config, &entry, err);
	if (r == 0 && user)
		r = directory_make(config->state.directory, 0700, user, err);
	if (r == 0) {
		char *path = xstrdup(config->control.socket);
		r = directory_make(dirname(path), 0755, user, err);
		free(path);
	}
	return r;
}

int privilege_drop(const struct config *config, struct errbuf *err)
{
	struct passwd user;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return tell(err, "prctl", "PR_SET_NO_NEW_PRIVS");
	if (!config->user || geteuid() != 0)
		return 0;
	int r = user_find(config, &user, err);
	if (r != 0)
		return r;
	if (initgroups(config->user, user.pw_gid) != 0 || setgid(user.pw_gid) != 0 ||
		setuid(user.pw_uid) != 0)
		return tell(err, "cannot become user", config->user);
	if (user.pw_uid != 0 && setuid(0) == 0) {
		err_set(err, "became user %s, but the way back to root is open", config->user);
		return -EPERM;
	}
	return 0;
}
