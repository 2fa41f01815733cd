/* SPDX-License-Identifier: ISC */
/* Files that settings name. What their lines mean is account.c's and class.c's business. */
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/mem.h"
#include "source.h"

static struct file_seen seen_of(const struct stat *stat)
{
	return (struct file_seen){
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.bytes = (uint64_t)stat->st_size,
		.modified_s = stat->st_mtim.tv_sec,
		.modified_ns = stat->st_mtim.tv_nsec,
	};
}

static bool is_same(const struct file_seen *a, const struct file_seen *b)
{
	return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
	       a->modified_s == b->modified_s && a->modified_ns == b->modified_ns;
}

static int watch_add(struct file_watch *watch, const struct config_lines *lines,
	const struct stat *stat, struct errbuf *err)
{
	if (lines->n > FILE_LINES_ALL_MAX - watch->lines) {
		err_set(err, "with it all files together have more than %zu lines: remove some",
			FILE_LINES_ALL_MAX);
		return -EFBIG;
	}
	watch->lines += lines->n;
	watch->file = xrealloc(watch->file, watch->n + 1, sizeof(*watch->file));
	watch->file[watch->n] = seen_of(stat);
	watch->file[watch->n++].path = xstrdup(lines->path);
	return 0;
}

bool file_watch_changed(const struct file_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++) {
		struct stat stat_now;

		if (stat(watch->file[i].path, &stat_now) != 0)
			return true;
		struct file_seen now = seen_of(&stat_now);
		if (!is_same(&now, &watch->file[i]))
			return true;
	}
	return false;
}

void file_watch_deinit(struct file_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		free(watch->file[i].path);
	free(watch->file);
	*watch = (struct file_watch){0};
}

void lines_release(struct config_lines *lines)
{
	free(lines->path);
	free(lines->bytes);
	free(lines->line);
	*lines = (struct config_lines){0};
}

/* A comment begins with '#' at the beginning or after a blank: addresses may hold one. */
static struct span line_content(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '#' && (i == 0 || text.p[i - 1] == ' ' || text.p[i - 1] == '\t')) {
			text.n = i;
			break;
		}
	}
	return span_trim(text);
}

static int line_check(struct span text, unsigned number, struct errbuf *err)
{
	if (text.n > FILE_LINE_MAX) {
		err_set(err, "line %u is longer than %zu bytes: shorten it", number, FILE_LINE_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f) {
			err_set(err, "line %u holds a control character: remove it", number);
			return -EINVAL;
		}
	}
	return 0;
}

static size_t newlines_count(struct span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

/* Cuts lines->bytes in place. The bytes are ours and end in a NUL at text.n. */
static int lines_split(struct config_lines *lines, size_t bytes, struct errbuf *err)
{
	char *end = lines->bytes + bytes;
	size_t most = newlines_count(span_make(lines->bytes, bytes)) + 1;
	unsigned number = 0;

	if (most > FILE_LINES_MAX + 1) {
		err_set(err, "has more than %zu lines: remove some", FILE_LINES_MAX);
		return -EFBIG;
	}
	lines->line = xcalloc(most, sizeof(*lines->line));
	for (char *at = lines->bytes, *next; at < end; at = next) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;
		struct span text = line_content(span_make(at, (size_t)(stop - at)));

		next = stop + 1;
		number++;
		int r = line_check(text, number, err);
		if (r != 0)
			return r;
		if (text.n == 0)
			continue;
		char *begin = at + (text.p - at);
		begin[text.n] = '\0';
		/* All blanks are alike to whoever takes the words. */
		for (char *tab = strchr(begin, '\t'); tab; tab = strchr(tab, '\t'))
			*tab = ' ';
		lines->line[lines->n++] = (struct config_text_line){.text = begin, .line = number};
	}
	return 0;
}

int lines_read(
	struct span path, struct file_watch *watch, struct config_lines *ret, struct errbuf *err)
{
	struct config_lines lines = {.path = xstrndup(path.p, path.n)};
	struct stat stat;
	size_t n = 0;
	int r = source_read(
		&(struct source_want){
			.path = lines.path, .max = FILE_LINES_BYTES_MAX, .ret_stat = &stat},
		&lines.bytes, &n, err);
	if (r == -EFBIG)
		err_set(err, "larger than %zu bytes: remove some lines", FILE_LINES_BYTES_MAX);
	if (r == 0)
		r = lines_split(&lines, n, err);
	if (r == 0)
		r = watch_add(watch, &lines, &stat, err);
	if (r == 0)
		*ret = lines;
	else
		lines_release(&lines);
	return r;
}

void secret_release(struct config_secret *secret)
{
	if (secret->bytes)
		explicit_bzero(secret->bytes, secret->n);
	free(secret->bytes);
	free(secret->path);
	*secret = (struct config_secret){0};
}

/*
 * Root may read the secret of whomever it becomes (setting user), who could not read one of root's at
 * the next reload: so as root only the mode is looked at.
 */
static int secret_check(const char *path, const struct stat *stat, struct errbuf *err)
{
	uid_t self = geteuid();

	if (stat->st_mode & 066) {
		err_set(err, "is open to others: chmod 600 %.400s", path);
		return -EACCES;
	}
	if (self != 0 && stat->st_uid != 0 && stat->st_uid != self) {
		err_set(err, "belongs to another user: chown %u %.400s", (unsigned)self, path);
		return -EACCES;
	}
	return 0;
}

/* Without the newline that editors put at the end. */
static void secret_trim(struct config_secret *secret)
{
	size_t n = secret->n;

	if (n && secret->bytes[n - 1] == '\n')
		n--;
	if (n && n < secret->n && secret->bytes[n - 1] == '\r')
		n--;
	explicit_bzero(secret->bytes + n, secret->n - n);
	secret->n = n;
}

int secret_read(struct span path, const struct config_secret *known, struct config_secret *ret,
	struct errbuf *err)
{
	struct config_secret secret = {.path = xstrndup(path.p, path.n)};
	struct stat stat;
	int r;

	if (known && known->path && span_equal(path, span_of(known->path))) {
		secret.bytes = xstrndup(known->bytes, known->n);
		secret.n = known->n;
		*ret = secret;
		return 0;
	}
	r = source_read(
		&(struct source_want){
			.path = secret.path, .max = FILE_SECRET_MAX, .ret_stat = &stat},
		&secret.bytes, &secret.n, err);
	if (r == -EACCES)
		err_set(err, "cannot be read: chown %u %.400s", (unsigned)geteuid(), secret.path);
	if (r == 0)
		r = secret_check(secret.path, &stat, err);
	if (r != 0) {
		secret_release(&secret);
		return r;
	}
	secret_trim(&secret);
	*ret = secret;
	return 0;
}
