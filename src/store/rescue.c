/* SPDX-License-Identifier: ISC */
/*
 * A database that somebody removes or replaces while policyd runs, on the writer thread. SQLite
 * would go on writing to files that have no name any more, and each of those commits would be gone
 * with the process: an acknowledged suspension must not be.
 *
 * A full disk and one that fails need nothing here: SQLite's connection works again when the disk
 * does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_private.h"

#define NAME     "policyd.db"
#define NAME_NEW "policyd.db.new"

/* Groups that pass between two tries: one copies the whole database. */
#define PAUSE 64

static struct store_file file_of(const struct store *s, const char *name)
{
	struct stat st;

	if (fstatat(s->directory.fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return (struct store_file){0};
	return (struct store_file){.device = st.st_dev, .inode = st.st_ino};
}

static bool is_same(struct store_file a, struct store_file b)
{
	return a.device == b.device && a.inode == b.inode;
}

void rescue_remember(struct store *s)
{
	s->database = file_of(s, NAME);
	s->log = file_of(s, NAME "-wal");
}

/* Hands up errno with a sentence. */
static int complain(const struct store *s, struct errbuf *err)
{
	int error = errno;

	err_set(err, "%s: was removed while policyd ran, and cannot be made anew: %s", s->path,
		strerror(error));
	return -error;
}

/* All that the old connection sees, in a file of its own, on the disk. */
static int copy(const struct store *s, struct errbuf *err)
{
	char *text;
	int fd, r;

	(void)unlinkat(s->directory.fd, NAME_NEW, 0);
	fd = openat(s->directory.fd, NAME_NEW, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		S_IRUSR | S_IWUSR);
	if (fd < 0)
		return complain(s, err);
	text = sqlite3_mprintf("VACUUM INTO '%q.new'", s->path);
	r = text ? sql_text(&s->sql, text, err) : sql_failure(&s->sql, SQLITE_NOMEM, err);
	sqlite3_free(text);
	if (r == 0 && fsync(fd) != 0)
		r = complain(s, err);
	close(fd);
	return r;
}

/* Names the copy, without what is left of the old files beside it, and opens it. */
static int publish(struct store *s, struct sql *fresh, struct errbuf *err)
{
	int r;

	(void)unlinkat(s->directory.fd, NAME "-wal", 0);
	(void)unlinkat(s->directory.fd, NAME "-shm", 0);
	if (renameat(s->directory.fd, NAME_NEW, s->directory.fd, NAME) != 0)
		return complain(s, err);
	s->copy = file_of(s, NAME);
	if (fsync(s->directory.fd) != 0)
		return complain(s, err);
	r = sql_open(fresh, s->path, err);
	if (r == 0)
		r = store_tune(s, fresh, err);
	/* Makes the log, so that it is seen when that is removed. */
	return r == 0 ? sql_text(fresh, "BEGIN IMMEDIATE; COMMIT", err) : r;
}

static int rescue(struct store *s, struct errbuf *err)
{
	struct sql fresh = {0};
	int keep = 1;
	int r = copy(s, err);

	if (r == 0)
		r = publish(s, &fresh, err);
	if (r != 0) {
		sql_close(&fresh);
		(void)unlinkat(s->directory.fd, NAME_NEW, 0);
		return r;
	}
	/* Else closing removes the new connection's files, which have the names of the old ones. */
	(void)sqlite3_file_control(s->sql.db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	sql_close(&s->sql);
	s->sql = fresh;
	rescue_remember(s);
	s->was_rescued = true;
	return 0;
}

/* Whoever opens the new file would work our log into it, and ruin it. */
static void drop_log(const struct store *s)
{
	if (s->log.inode == 0 || !is_same(file_of(s, NAME "-wal"), s->log))
		return;
	(void)unlinkat(s->directory.fd, NAME "-wal", 0);
	(void)unlinkat(s->directory.fd, NAME "-shm", 0);
}

int rescue_check(struct store *s, bool is_vital, struct errbuf *err)
{
	struct store_file database = file_of(s, NAME);
	size_t folder_n = strlen(s->path) - strlen("/" NAME);
	char folder[4096];
	int r;

	span_copy(span_make(s->path, folder_n), folder, sizeof(folder));
	if (directory_is_moved(s->directory.fd, folder)) {
		err_set(err,
			"%s: was moved or replaced while policyd ran; what is in force stays so."
			" Put it back, or restart policyd to go on with what is there now",
			folder);
		return -ESTALE;
	}

	/* On a full disk there was none at start. */
	if (s->log.inode == 0)
		s->log = file_of(s, NAME "-wal");
	if (is_same(database, s->database) && is_same(file_of(s, NAME "-wal"), s->log))
		return 0;
	if (database.inode != 0 && !is_same(database, s->database) && !is_same(database, s->copy)) {
		drop_log(s);
		err_set(err,
			"%s: was replaced by another file while policyd ran; what is in force stays"
			" so. Restart policyd to go on with that file",
			s->path);
		return -ESTALE;
	}
	if (s->group.is_rescue_tried || (!is_vital && s->rescue_pause > 0)) {
		s->rescue_pause -= !is_vital && s->rescue_pause > 0;
		err_set(err, "%s: was removed while policyd ran, and could not be made anew",
			s->path);
		return -ESTALE;
	}
	s->group.is_rescue_tried = true;
	r = rescue(s, err);
	s->rescue_pause = r == 0 ? 0 : PAUSE;
	return r;
}
