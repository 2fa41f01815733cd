/* SPDX-License-Identifier: ISC */
/* From root to the configured user. Files are given to that user only when they are made here. */
#include "privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/log.h"
#include "policyd/mem.h"

static int tell(struct errbuf *err, const char *what, const char *which)
{
	int r = errno ? -errno : -EINVAL;
	err_set(err, "%s %s: %s", what, which, strerror(-r));
	return r;
}

/* Which users there are is asked of more than /etc/passwd: it may be out of reach just now. */
static int user_find(const struct config *config, struct passwd *ret, struct errbuf *err)
{
	errno = 0;
	const struct passwd *found = getpwnam(config->user);
	if (found) {
		*ret = *found;
		return 0;
	}
	if (errno == 0 || errno == ENOENT || errno == ESRCH)
		err_set(err,
			"user: there is no user \"%s\"; make it (useradd --system), or leave the "
			"setting out",
			config->user);
	else
		err_set(err, "user: cannot look up \"%s\": %s", config->user, strerror(errno));
	return -ENOENT;
}

static bool is_changing(const struct config *config)
{
	return config->user && getuid() == 0;
}

int privilege_check(const struct config *config, struct errbuf *err)
{
	struct passwd ignored;
	return config->user ? user_find(config, &ignored, err) : 0;
}

bool privilege_is_missing(const struct config *config)
{
	struct passwd user;
	return config->user && getuid() != 0 && user_find(config, &user, NULL) == 0 &&
	       user.pw_uid != getuid();
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

/* Beside connections: store, control, log, the loop, lists that are read. */
#define DESCRIPTORS_BESIDE 256

/*
 * Beyond the hard limit, which only root can do, and before the drop. Up to it the server goes by
 * itself, and tells where that is not enough.
 */
static void descriptors_raise(const struct config *config)
{
	struct rlimit limit;
	rlim_t wanted = config->connections_max + (rlim_t)DESCRIPTORS_BESIDE;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max >= wanted)
		return;
	limit = (struct rlimit){.rlim_cur = wanted, .rlim_max = wanted};
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int privilege_prepare(const struct config *config, struct errbuf *err)
{
	struct passwd entry = {0};
	const struct passwd *user = is_changing(config) ? &entry : NULL;
	(void)umask(077);
	if (user)
		descriptors_raise(config);
	int r = user ? user_find(config, &entry, err) : 0;
	if (r == 0 && user)
		r = directory_make(config->state.directory, 0700, user, err);
	if (r == 0) {
		char *path = xstrdup(config->control.socket);
		r = directory_make(dirname(path), 0755, user, err);
		free(path);
	}
	return r;
}

/* The groups come first: without root's rights they could not be changed any more. */
static int groups_become(const struct config *config, const struct passwd *user, struct errbuf *err)
{
	if (initgroups(config->user, user->pw_gid) != 0)
		return tell(err, "cannot take the groups of user", config->user);
	return 0;
}

int privilege_borrow(const struct config *config, struct errbuf *err)
{
	struct passwd user;
	if (!is_changing(config))
		return 0;
	int r = user_find(config, &user, err);
	if (r == 0)
		r = groups_become(config, &user, err);
	if (r == 0 && (setegid(user.pw_gid) != 0 || seteuid(user.pw_uid) != 0))
		r = tell(err, "cannot act as user", config->user);
	return r;
}

int privilege_give_back(const struct config *config, struct errbuf *err)
{
	if (!is_changing(config))
		return 0;
	if (seteuid(0) != 0 || setegid(getgid()) != 0)
		return tell(err, "cannot act as root again after acting as user", config->user);
	return 0;
}

/* Real, effective and saved: with any of them left there would be a way back. */
static bool is_for_good(const struct passwd *user)
{
	uid_t uid[3];
	gid_t gid[3];
	if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0)
		return false;
	for (int i = 0; i < 3; i++) {
		if (uid[i] != user->pw_uid || gid[i] != user->pw_gid)
			return false;
	}
	return user->pw_uid == 0 || setuid(0) != 0;
}

int privilege_drop(const struct config *config, struct errbuf *err)
{
	struct passwd user;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return tell(err, "prctl", "PR_SET_NO_NEW_PRIVS");
	if (!is_changing(config))
		return 0;
	int r = user_find(config, &user, err);
	if (r == 0)
		r = groups_become(config, &user, err);
	if (r != 0)
		return r;
	if (setresgid(user.pw_gid, user.pw_gid, user.pw_gid) != 0 ||
		setresuid(user.pw_uid, user.pw_uid, user.pw_uid) != 0)
		return tell(err, "cannot become user", config->user);
	if (!is_for_good(&user)) {
		err_set(err, "became user %s, but the way back to root is open", config->user);
		return -EPERM;
	}
	return 0;
}

void privilege_tell(const struct config *config)
{
	if (!config->user)
		log_event(LEVEL_WARNING, "no user setting",
			F_STR("effect", "policyd keeps the user that started it"),
			F_INT("uid", geteuid()));
	else if (privilege_is_missing(config))
		log_event(LEVEL_WARNING, "user setting without effect",
			F_STR("why", "only root can become another user"), F_INT("uid", geteuid()));
}

static void tell_unreadable(const struct config *config, const char *path)
{
	if (!path || access(path, R_OK) == 0)
		return;
	log_event(LEVEL_WARNING, "file out of reach", F_STR("file", path),
		F_STR("error", strerror(errno)),
		F_STR("effect", "a reload will be refused; give it to the setting user (chown)"),
		F_STR("user", config->user ? config->user : ""));
}

void privilege_tell_files(const struct config *config, const char *path)
{
	tell_unreadable(config, path);
	tell_unreadable(config, config->token.key_file.path);
	tell_unreadable(config, config->egress.catalogue);
	for (size_t i = 0; i < config->blocklists_n; i++)
		tell_unreadable(config, config->blocklists[i].key_file.path);
}
