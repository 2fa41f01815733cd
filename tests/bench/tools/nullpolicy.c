/* SPDX-License-Identifier: ISC */
/*
 * nullpolicy - answers action=DUNNO to every policy request: the floor.
 * What it costs is what the protocol costs on this machine.
 *
 *   cc -O2 -o nullpolicy-epoll nullpolicy.c
 *   cc -O2 -DLIBEVENT -o nullpolicy-event nullpolicy.c -levent_core
 *
 *   nullpolicy-epoll (--unix PATH | --tcp PORT) [--lines]
 *
 * TCP is bound to 127.0.0.1. Both find the blank line in the buffer and do not
 * look at the attributes. --lines (libevent only) takes the request apart with
 * evbuffer_readln(), a malloc a line, as a straightforward server would.
 * Ends on SIGTERM and SIGINT.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char REPLY[] = "action=DUNNO\n\n";
#define RLEN (sizeof REPLY - 1)
static int lines;
static const char *upath;

static void die(const char *what)
{
    fprintf(stderr, "nullpolicy: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void on_term(int s)
{
    (void) s;
    if (upath)
        unlink(upath);
    _exit(0);
}

static int listen_on(int argc, char **argv)
{
    int fd = -1, one = 1;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--lines")) {
            lines = 1;
        } else if (!strcmp(argv[i], "--unix") && i + 1 < argc && fd < 0) {
            struct sockaddr_un u = { .sun_family = AF_UNIX };
            upath = argv[++i];
            if (strlen(upath) >= sizeof u.sun_path) { errno = ENAMETOOLONG; die(upath); }
            strcpy(u.sun_path, upath);
            unlink(upath);
            fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (fd < 0 || bind(fd, (struct sockaddr *) &u, sizeof u) < 0) die(upath);
            chmod(upath, 0666);
        } else if (!strcmp(argv[i], "--tcp") && i + 1 < argc && fd < 0) {
            struct sockaddr_in a = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t) atoi(argv[++i])),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
            fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
            if (fd < 0 || bind(fd, (struct sockaddr *) &a, sizeof a) < 0) die(argv[i]);
        } else {
            fprintf(stderr, "usage: nullpolicy (--unix PATH | --tcp PORT) [--lines]\n");
            exit(2);
        }
    }
    if (fd < 0) {
        fprintf(stderr, "usage: nullpolicy (--unix PATH | --tcp PORT) [--lines]\n");
        exit(2);
    }
    if (listen(fd, 4096) < 0) die("listen");
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    signal(SIGINT, on_term);
    return fd;
}

static void nodelay(int fd)
{
    int one = 1;
    if (!upath)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

#ifndef LIBEVENT

struct conn {
    int fd, nl;         /* nl: the last byte seen was a newline (across reads) */
    int owed_off, owed; /* unsent bytes of replies, if the socket was full */
};

static int put(int ep, struct conn *c, int n)
{
    static char many[RLEN * 1024];
    if (!many[0])
        for (unsigned i = 0; i < 1024; i++)
            memcpy(many + i * RLEN, REPLY, RLEN);
    int was = c->owed;
    c->owed += n * (int) RLEN;
    while (c->owed) {
        int chunk = c->owed + c->owed_off > (int) sizeof many ? (int) sizeof many - c->owed_off : c->owed;
        ssize_t w = send(c->fd, many + c->owed_off, (size_t) chunk, 0);
        if (w < 0 && errno == EAGAIN) {
            if (!was) {
                struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
                epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
            }
            return 0;
        }
        if (w < 0)
            return -1;
        c->owed -= (int) w;
        c->owed_off = (c->owed_off + (int) w) % (int) RLEN;
    }
    if (was) {
        struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int lfd = listen_on(argc, argv), ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN }, ev[256];
    static char buf[65536];
    if (lines) { fprintf(stderr, "--lines is the libevent form's\n"); return 2; }
    if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &e) < 0) die("epoll");
    for (;;) {
        int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = ev[i].data.ptr;
            if (!c) {
                int fd;
                while ((fd = accept4(lfd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    nodelay(fd);
                    if (!(c = calloc(1, sizeof *c))) die("calloc");
                    c->fd = fd;
                    e.events = EPOLLIN;
                    e.data.ptr = c;
                    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
                }
                continue;
            }
            int bad = 0;
            if ((ev[i].events & EPOLLOUT) && c->owed)
                bad = put(ep, c, 0) < 0;
            if (!bad && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
                ssize_t r = recv(c->fd, buf, sizeof buf, 0);
                if (r > 0) {
                    int k = 0, nl = c->nl;
                    char *p = buf, *end = buf + r;
                    while (p < end) {
                        if (*p == '\n') {
                            if (nl) { k++; nl = 0; } else nl = 1;
                            p++;
                            continue;
                        }
                        nl = 0;
                        if (!(p = memchr(p, '\n', (size_t) (end - p)))) break;
                    }
                    c->nl = nl;
                    bad = k && put(ep, c, k) < 0;
                } else if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
                    bad = 1;
                }
            }
            if (bad) { close(c->fd); free(c); }
        }
    }
}

#else
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static void on_read(struct bufferevent *b, void *arg)
{
    (void) arg;
    struct evbuffer *in = bufferevent_get_input(b), *out = bufferevent_get_output(b);
    if (lines) {
        char *l;
        size_t n;
        volatile size_t attrs = 0;
        while ((l = evbuffer_readln(in, &n, EVBUFFER_EOL_LF))) {
            if (!n)
                evbuffer_add(out, REPLY, RLEN);
            else if (strchr(l, '='))
                attrs++;
            free(l);
        }
        return;
    }
    for (;;) {
        struct evbuffer_ptr p = evbuffer_search(in, "\n\n", 2, NULL);
        if (p.pos < 0)
            return;
        evbuffer_drain(in, (size_t) p.pos + 2);
        evbuffer_add(out, REPLY, RLEN);
    }
}

static void on_event(struct bufferevent *b, short what, void *arg)
{
    (void) arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(b);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *arg)
{
    (void) l; (void) a; (void) n;
    nodelay(fd);
    struct bufferevent *b = bufferevent_socket_new(arg, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(b, on_read, NULL, on_event, NULL);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    int lfd = listen_on(argc, argv);
    struct event_base *base = event_base_new();
    if (!evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_EXEC, 0, lfd)) die("listener");
    event_base_dispatch(base);
    return 0;
}
#endif
