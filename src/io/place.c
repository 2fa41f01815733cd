/* SPDX-License-Identifier: ISC */
/* Listening sockets and their files. Accepting, and who may say what, is not done here. */
#include "policyd/place.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policyd/addr.h"
#include "policyd/mem.h"
#include "policyd/span.h"

union address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static int errno_tell(const char *where, const char *what, struct errbuf *err)
{
	int r = -errno;
	err_set(err, "%s: %s: %s", where, what, strerror(-r));
	return r;
}

/* ---- inet ---- */

static int inet_address(struct span text, union address *ret, socklen_t *ret_n)
{
	struct ip ip;
	uint64_t port;
	ptrdiff_t colon = span_rfind(text, ':');
	if (colon < 0)
		return -EINVAL;
	struct span host = span_make(text.p, (size_t)colon);
	struct span digits = span_make(text.p + colon + 1, text.n - (size_t)colon - 1);
	if (span_starts(host, SPAN("[")) && span_ends(host, SPAN("]")))
		host = span_make(host.p + 1, host.n - 2);
	if (ip_parse(host, &ip) != 0 || span_to_u64(digits, &port) != 0 || port < 1 || port > 65535)
		return -EINVAL;
	*ret = (union address){0};
	if (ip_is_v4(&ip)) {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = htons((uint16_t)port);
		memcpy(&ret->in.sin_addr, ip.byte + 12, 4);
		*ret_n = sizeof(ret->in);
	} else {
		ret->in6.sin6_family = AF_INET6;
		ret->in6.sin6_port = htons((uint16_t)port);
		memcpy(&ret->in6.sin6_addr, ip.byte, 16);
		*ret_n = sizeof(ret->in6);
	}
	return 0;
}

static int inet_open(const struct place_setup *setup, struct place *ret, struct errbuf *err)
{
	union address address;
	socklen_t n;
	int one = 1;
	struct span text = span_of(setup->address);
	if (inet_address(span_make(text.p + 5, text.n - 5), &address, &n) != 0) {
		err_set(err, "%s: not inet:ADDRESS:PORT", setup->address);
		return -EINVAL;
	}
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno_tell(setup->address, "socket", err);
	int r = 0;
	/* An IPv6 listener is for IPv6: the IPv4 one is configured by itself. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		(address.any.sa_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
		bind(fd, &address.any, n) != 0 || listen(fd, setup->backlog) != 0)
		r = errno_tell(setup->address, "cannot listen", err);
	if (r != 0) {
		close(fd);
		return r;
	}
	*ret = (struct place){.fd = fd};
	return 0;
}

/* ---- unix ---- */

/* 0: nobody listens there (any more); -EADDRINUSE: somebody does. */
static int probe(const union address *address, struct errbuf *err)
{
	const char *path = address->un.sun_path;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno_tell(path, "socket", err);
	int r = connect(fd, &address->any, sizeof(address->un)) == 0 ? 0 : -errno;
	close(fd);
	if (r == -ECONNREFUSED)
		return 0;
	/* EAGAIN is a listener whose queue is full; any other error says nothing against one. */
	err_set(err, "%s: another program is listening there; is policyd running already?", path);
	return -EADDRINUSE;
}

static int stale_remove(const union address *address, struct errbuf *err)
{
	const char *path = address->un.sun_path;
	struct stat st;
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : errno_tell(path, "stat", err);
	if (!S_ISSOCK(st.st_mode)) {
		err_set(err, "%s: is there and is no socket; remove it or choose another path",
			path);
		return -EEXIST;
	}
	int r = probe(address, err);
	if (r == 0 && unlink(path) != 0)
		return errno_tell(path, "cannot remove the stale socket", err);
	return r;
}

/* Big enough for any group's entry; a longer one has more members than can be meant. */
#define GROUP_BYTES (64 * 1024)

static int group_give(const struct place_setup *setup, const char *path, struct errbuf *err)
{
	struct group entry, *found = NULL;
	if (!setup->group)
		return 0;
	char *buf = xmalloc(GROUP_BYTES);
	int r = getgrnam_r(setup->group, &entry, buf, GROUP_BYTES, &found);
	gid_t gid = found ? found->gr_gid : 0;
	free(buf);
	if (!found) {
		err_set(err, "%s: there is no group \"%s\"%s%s", path, setup->group, r ? ": " : "",
			r ? strerror(r) : "");
		return -ENOENT;
	}
	/*
	 * Never through a link: in a directory of another user root would give away what it points
	 * at.
	 */
	if (lchown(path, (uid_t)-1, gid) != 0)
		return errno_tell(path, "cannot give it its group", err);
	return 0;
}

/*
 * The file is made with its mode, since by its path it might be another one a moment later. A
 * socket's own mode is 0777, so that the umask alone decides; it lets through no more than that,
 * for whatever another thread makes meanwhile.
 */
static int unix_bind(int fd, mode_t mode, const union address *address)
{
	mode_t before = umask(~mode & 0777);
	int r = bind(fd, &address->any, sizeof(address->un)) == 0 ? 0 : -errno;
	(void)umask(before);
	return r;
}

/* The group comes before listen(): until then nobody gets in. */
static int unix_listen(
	int fd, const struct place_setup *setup, const union address *address, struct errbuf *err)
{
	const char *path = address->un.sun_path;
	int r = unix_bind(fd, (mode_t)setup->mode, address);
	if (r != 0) {
		err_set(err, "%s: cannot make the socket; does its directory exist?: %s", path,
			strerror(-r));
		return r;
	}
	r = group_give(setup, path, err);
	if (r == 0 && listen(fd, setup->backlog) != 0)
		r = errno_tell(path, "listen", err);
	if (r != 0)
		unlink(path);
	return r;
}

static int unix_open(const struct place_setup *setup, struct place *ret, struct errbuf *err)
{
	union address address = {.un = {.sun_family = AF_UNIX}};
	struct stat st;
	struct span text = span_of(setup->address);
	struct span path = span_make(text.p + 5, text.n - 5);
	if (path.n == 0 || path.n >= sizeof(address.un.sun_path)) {
		err_set(err, "%s: the path of a socket has 1 to %zu bytes", setup->address,
			sizeof(address.un.sun_path) - 1);
		return -EINVAL;
	}
	span_copy(path, address.un.sun_path, sizeof(address.un.sun_path));
	int r = stale_remove(&address, err);
	if (r != 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno_tell(address.un.sun_path, "socket", err);
	r = unix_listen(fd, setup, &address, err);
	if (r == 0 && lstat(address.un.sun_path, &st) != 0)
		r = errno_tell(address.un.sun_path, "stat", err);
	if (r != 0) {
		close(fd);
		return r;
	}
	*ret = (struct place){
		.fd = fd,
		.path = xstrndup(path.p, path.n),
		.device = st.st_dev,
		.inode = st.st_ino,
	};
	return 0;
}

int place_open(const struct place_setup *setup, struct place *ret, struct errbuf *err)
{
	struct span text = span_of(setup->address);
	if (span_starts(text, SPAN("unix:")))
		return unix_open(setup, ret, err);
	if (span_starts(text, SPAN("inet:")))
		return inet_open(setup, ret, err);
	err_set(err, "%s: an address begins with unix: or inet:", setup->address);
	return -EINVAL;
}

void place_unlink(struct place *place)
{
	struct stat st;
	if (place->path && lstat(place->path, &st) == 0 && st.st_dev == place->device &&
		st.st_ino == place->inode)
		unlink(place->path);
	free(place->path);
	place->path = NULL;
}

void place_close(struct place *place)
{
	if (place->fd > 0)
		close(place->fd);
	place->fd = -1;
	place_unlink(place);
}
