/* SPDX-License-Identifier: ISC */
/*
 * policybench - load generator for Postfix policy delegation servers.
 *
 * Speaks the client side of SMTPD_POLICY_README as smtpd(8) of Postfix 3.7
 * does at RCPT: the same 29 attributes in the same order (checked against a
 * capture of Debian's 3.7.11), one blank line, one write() per request, and
 * lockstep: the next request goes out on a connection only after the reply.
 *
 * Build:  cc -O2 -o policybench policybench.c       (Linux, no libraries)
 * Usage:  policybench -h
 *
 * One thread, one epoll. Latencies go into a log-linear histogram (128 steps
 * per power of two: < 0.8 % error), from the send (or with --rate from the
 * scheduled time) to the byte that ends the reply.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#define REQMAX 2048
#define INMAX 8192
#define MAXPIDS 32
#define MAXACT 24

/* ---------------------------------------------------------------- options */

static struct {
    const char *unix_path, *tcp;
    int conns, depth, rcpts, domains, postfix38, eom, nodelay, cpu, dump, contacts;
    int reconnect_msgs, pid_tree, quiet;
    const char *state; /* other than RCPT: one request a message, there */
    uint64_t total, seed;
    uint64_t senders;
    int dist; /* 0 uniform 1 zipf 2 seq */
    double zipf_s, auth, duration, warmup, rate, timeout, retry_delay, grace, strangers;
    const char *expect, *label;
    int pids[MAXPIDS], npids;
} o = { .conns = 1, .depth = 1, .rcpts = 1, .domains = 100, .nodelay = 1,
    .cpu = -1, .seed = 1, .senders = 1000, .zipf_s = 1.1, .auth = 1.0,
    .duration = -1, .warmup = -1, .timeout = 100, .grace = 1.0, .label = "" };

static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("policybench: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

static void usage(FILE *f)
{
    fputs(
"usage: policybench (--unix PATH | --tcp HOST:PORT) [options]\n"
"  -c, --conns N         concurrent connections (1)\n"
"  -P, --pipeline P      requests in flight on each connection (1 = as Postfix)\n"
"  -d, --duration S      measure for S seconds (10, unless -n)\n"
"  -w, --warmup S        before that, S seconds not counted (1; 0 with -n)\n"
"  -n, --requests N      stop after N requests (with -d: whichever comes first)\n"
"  -s, --senders N       distinct senders (1000)\n"
"      --dist D          uniform | zipf | seq (each in turn, wrapping) (uniform)\n"
"      --zipf-s X        zipf exponent (1.1)\n"
"      --domains N       sender domains (100)\n"
"  -a, --auth F          fraction of messages that are authenticated (1.0)\n"
"  -r, --rcpts N         recipients per message, same instance= (1)\n"
"      --contacts N      each sender writes to N recipients of his own (0: anybody)\n"
"      --strangers F     fraction of recipients that are anybody nevertheless (0)\n"
"      --eom             after a message's RCPTs also ask at END-OF-MESSAGE\n"
"      --state S         RCPT, or one request a message at DATA | END-OF-MESSAGE\n"
"      --seed N          random seed (1)\n"
"      --rate R          open loop: R requests/s in all, latency from schedule\n"
"      --reconnect M     new connection after M messages (never)\n"
"      --retry-delay MS  wait before reconnecting after the server closed (0;\n"
"                        Postfix waits 1000)\n"
"      --timeout S       a reply later than this is an error (100, as Postfix)\n"
"      --expect WORD     any other action counts as an error\n"
"      --pid P[,P]       server's process ids: CPU time, RSS\n"
"      --pid-tree        their descendants too (prefork servers)\n"
"      --postfix38       add compatibility_level and mail_version (Postfix 3.8+)\n"
"      --delay           leave Nagle on (TCP)\n"
"      --cpu N           pin this program to CPU N\n"
"      --label TEXT      first field of the key=value line\n"
"      --dump N          print N requests to stdout and stop\n"
"  -q, --quiet           only the key=value line\n"
"exit: 0 no errors, 1 errors (see the line), 2 usage or cannot start\n", f);
}

/* ------------------------------------------------------------- small tools */

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000ull + (uint64_t) t.tv_nsec;
}

static uint64_t rng_s;
static uint64_t rnd(void) /* splitmix64 */
{
    uint64_t z = (rng_s += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 33)) * 0xff51afd7ed558ccdull;
    z = (z ^ (z >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return z ^ (z >> 33);
}
static uint64_t rnd_below(uint64_t n)
{
    return (uint64_t) (((unsigned __int128) rnd() * n) >> 64);
}
static double rnd01(void) { return (double) (rnd() >> 11) * 0x1p-53; }

/* ln and exp, so that a plain `cc -O2` links (no -lm) */
static double my_log(double x)
{
    int e = 0;
    while (x >= 1.4142135623730951) { x *= 0.5; e++; }
    while (x < 0.7071067811865476) { x *= 2; e--; }
    double y = (x - 1) / (x + 1), y2 = y * y, t = y, s = 0;
    for (int k = 1; k < 60; k += 2) { s += t / k; t *= y2; }
    return 2 * s + e * 0.6931471805599453;
}
static double my_exp(double x)
{
    int n = (int) (x / 0.6931471805599453 + (x < 0 ? -0.5 : 0.5));
    double r = x - n * 0.6931471805599453, t = 1, s = 1;
    for (int k = 1; k < 24; k++) { t *= r / k; s += t; }
    for (; n > 0; n--) s *= 2;
    for (; n < 0; n++) s *= 0.5;
    return s;
}

/* Walker/Vose alias table for zipf: O(1) a draw */
static float *al_p;
static uint32_t *al_i;
static void zipf_init(void)
{
    uint64_t n = o.senders;
    double *w = malloc(n * sizeof *w), sum = 0;
    uint32_t *small = malloc(n * 4), *large = malloc(n * 4);
    uint64_t ns = 0, nl = 0;
    al_p = malloc(n * sizeof *al_p);
    al_i = malloc(n * sizeof *al_i);
    if (!w || !small || !large || !al_p || !al_i)
        die("out of memory");
    for (uint64_t k = 0; k < n; k++)
        sum += w[k] = my_exp(-o.zipf_s * my_log((double) (k + 1)));
    for (uint64_t k = 0; k < n; k++) {
        w[k] *= (double) n / sum;
        if (w[k] < 1) small[ns++] = (uint32_t) k; else large[nl++] = (uint32_t) k;
    }
    while (ns && nl) {
        uint32_t s = small[--ns], l = large[--nl];
        al_p[s] = (float) w[s];
        al_i[s] = l;
        w[l] -= 1 - w[s];
        if (w[l] < 1) small[ns++] = l; else large[nl++] = l;
    }
    while (nl) { uint32_t l = large[--nl]; al_p[l] = 1; al_i[l] = l; }
    while (ns) { uint32_t s = small[--ns]; al_p[s] = 1; al_i[s] = s; }
    free(w); free(small); free(large);
}

static uint64_t seq_next;
static uint8_t *seen;
static uint64_t distinct;
static uint64_t pick_sender(void)
{
    uint64_t id;
    if (o.dist == 2) {
        id = seq_next++ % o.senders;
    } else if (o.dist == 1) {
        id = rnd_below(o.senders);
        if ((float) rnd01() >= al_p[id])
            id = al_i[id];
    } else {
        id = rnd_below(o.senders);
    }
    if (!(seen[id >> 3] & (1 << (id & 7)))) {
        seen[id >> 3] |= (uint8_t) (1 << (id & 7));
        distinct++;
    }
    return id;
}

/* ------------------------------------------------------------- histogram */

#define SUBBITS 7
#define SUB (1 << SUBBITS)
#define NBUCKET ((64 - SUBBITS) * SUB + SUB)
static uint64_t hist[NBUCKET];
static uint64_t h_n, h_max, h_min = UINT64_MAX;
static double h_sum;

static unsigned bucket(uint64_t v)
{
    if (v < SUB)
        return (unsigned) v;
    int e = 63 - __builtin_clzll(v) - SUBBITS;
    return (unsigned) ((e + 1) * SUB + (int) ((v >> e) - SUB));
}
static uint64_t bucket_top(unsigned b)
{
    if (b < SUB)
        return b;
    int e = (int) (b / SUB) - 1;
    return (((uint64_t) (b % SUB) + SUB + 1) << e) - 1;
}
static void hist_add(uint64_t v)
{
    hist[bucket(v)]++;
    h_n++;
    h_sum += (double) v;
    if (v > h_max) h_max = v;
    if (v < h_min) h_min = v;
}
static double hist_q(double q) /* microseconds */
{
    if (!h_n)
        return 0;
    double want = q * (double) h_n;
    uint64_t rank = (uint64_t) want;
    if ((double) rank < want) rank++;
    if (rank < 1) rank = 1;
    uint64_t acc = 0;
    for (unsigned b = 0; b < NBUCKET; b++) {
        acc += hist[b];
        if (acc >= rank) {
            uint64_t v = bucket_top(b);
            return (double) (v > h_max ? h_max : v) / 1e3;
        }
    }
    return (double) h_max / 1e3;
}

/* ------------------------------------------------------- server's /proc */

struct usage_s {
    double user, sys;
    long rss, hwm, pss;
    int procs, missing;
};

static int read_file(const char *path, char *buf, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t got = 0;
    ssize_t r;
    while (got < n - 1 && (r = read(fd, buf + got, n - 1 - got)) > 0)
        got += (size_t) r;
    close(fd);
    buf[got] = 0;
    return (int) got;
}

static long kb_field(const char *buf, const char *key)
{
    const char *p = strstr(buf, key);
    return p ? atol(p + strlen(key)) : 0;
}

static void add_pid(int pid, struct usage_s *u)
{
    char path[64], buf[8192];
    unsigned long long ut, st;
    long long cu, cs;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_file(path, buf, sizeof buf) <= 0) { u->missing++; return; }
    char *p = strrchr(buf, ')');
    if (!p || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
                     &ut, &st, &cu, &cs) != 4) { u->missing++; return; }
    double hz = (double) sysconf(_SC_CLK_TCK);
    /* with the tree: reaped children's time too, so that a prefork server's
       short-lived workers are not lost */
    u->user += ((double) ut + (o.pid_tree ? (double) cu : 0)) / hz;
    u->sys += ((double) st + (o.pid_tree ? (double) cs : 0)) / hz;
    u->procs++;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    if (read_file(path, buf, sizeof buf) > 0) {
        u->rss += kb_field(buf, "\nVmRSS:");
        u->hwm += kb_field(buf, "\nVmHWM:");
    }
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    if (read_file(path, buf, sizeof buf) > 0)
        u->pss += kb_field(buf, "\nPss:");
}

static void server_usage(struct usage_s *u)
{
    memset(u, 0, sizeof *u);
    if (!o.npids)
        return;
    if (!o.pid_tree) {
        for (int i = 0; i < o.npids; i++)
            add_pid(o.pids[i], u);
        return;
    }
    static int pid[32768], ppid[32768];
    static char in[32768];
    int n = 0;
    DIR *d = opendir("/proc");
    struct dirent *e;
    if (!d)
        return;
    while ((e = readdir(d)) && n < 32768) {
        char path[300], buf[1024], *p;
        int id = atoi(e->d_name);
        if (id <= 0)
            continue;
        snprintf(path, sizeof path, "/proc/%d/stat", id);
        if (read_file(path, buf, sizeof buf) <= 0 || !(p = strrchr(buf, ')')))
            continue;
        pid[n] = id;
        ppid[n] = atoi(p + 4);
        in[n] = 0;
        for (int i = 0; i < o.npids; i++)
            if (o.pids[i] == id)
                in[n] = 1;
        n++;
    }
    closedir(d);
    for (int again = 1; again;) {
        again = 0;
        for (int i = 0; i < n; i++)
            if (!in[i])
                for (int j = 0; j < n; j++)
                    if (in[j] && pid[j] == ppid[i]) { in[i] = 1; again = 1; break; }
    }
    for (int i = 0; i < n; i++)
        if (in[i])
            add_pid(pid[i], u);
}

/* ---------------------------------------------------------- connections */

struct slot {
    uint64_t sent;     /* when sent (or scheduled, with --rate) */
    int len;
    char req[REQMAX];
};

enum { C_WAIT, C_CONNECTING, C_UP };

struct conn {
    int fd, state, idx, pending_out, idle;
    int fresh;              /* no reply yet since this connection was opened */
    uint64_t retry_at;
    /* ring of unanswered requests */
    struct slot *ring;
    int head, inflight;
    int out_slot, out_off;  /* first request not wholly written: ring offset from head */
    /* input */
    char in[INMAX];
    int inlen;
    /* the current message */
    uint64_t sender, replies, msgs;
    int rcpt, authed, eom_due;
    uint32_t seq, sec, usec, port, caddr;
    uint64_t qid;
};

static struct conn *C;
static int ep, tfd;
static struct sockaddr_storage sa;
static socklen_t salen;
static uint64_t t_start, t_meas, t_end, t_stopped;
static int measuring, stopping;
static uint64_t n_sent, n_done_all, n_bytes, n_reqgen;
static uint64_t e_timeout, e_proto, e_connect, e_expect, n_closes, n_reconn;
static struct { char word[32]; uint64_t n; } act[MAXACT];
static int nact;
static struct usage_s u0, u1;
static struct rusage r0, r1;
static int *idle_stack, n_idle;
static uint64_t sched_next; /* --rate: index of the next scheduled request */

static void make_request(struct conn *c, struct slot *s)
{
    if (c->rcpt == 0) { /* a new message */
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        c->sender = pick_sender();
        c->authed = rnd01() < o.auth;
        c->sec = (uint32_t) t.tv_sec;
        c->usec = (uint32_t) (t.tv_nsec / 1000);
        c->seq = (uint32_t) (c->msgs & 0xffff);
        c->port = 1024 + (uint32_t) rnd_below(60000);
        c->qid = 0x10000 + rnd_below(0xfffffff);
        /* 198.18.0.0/15, the benchmarking range; a user keeps his address */
        c->caddr = (uint32_t) ((c->authed ? mix(c->sender + 77) : rnd()) & 0x1ffff);
        c->msgs++;
        if (o.state)
            c->eom_due = 1;
    }
    int eom = c->eom_due;
    uint64_t r = eom ? 0 : rnd();
    if (!eom && o.contacts && rnd01() >= o.strangers)
        r = mix(mix(c->sender + 99) + r % (uint64_t) o.contacts);
    char qid[24] = "", rcpt[80] = "", user[64] = "";
    if (c->rcpt > 0 || eom)
        snprintf(qid, sizeof qid, "%llX", (unsigned long long) c->qid);
    if (!eom || o.rcpts == 1)
        snprintf(rcpt, sizeof rcpt, "r%u@rcpt%u.example.net",
                 (unsigned) (r & 0xfffff), (unsigned) ((r >> 24) % 500));
    if (c->authed)
        snprintf(user, sizeof user, "user%07llu@d%llu.example.com",
                 (unsigned long long) c->sender,
                 (unsigned long long) (c->sender % (uint64_t) o.domains));
    unsigned a = 198, b = 18 + (c->caddr >> 16), d = (c->caddr >> 8) & 255, e = c->caddr & 255;
    s->len = snprintf(s->req, REQMAX,
        "request=smtpd_access_policy\n"
        "protocol_state=%s\n"
        "protocol_name=ESMTP\n"
        "client_address=%u.%u.%u.%u\n"
        "client_name=host-%u-%u-%u-%u.isp.example\n"
        "client_port=%u\n"
        "reverse_client_name=host-%u-%u-%u-%u.isp.example\n"
        "server_address=192.0.2.25\n"
        "server_port=%d\n"
        "helo_name=[192.168.%u.%u]\n"
        "sender=user%07llu@d%llu.example.com\n"
        "recipient=%s\n"
        "recipient_count=%d\n"
        "queue_id=%s\n"
        "instance=%x.%x.%x.%x\n"
        "size=%u\n"
        "etrn_domain=\n"
        "stress=\n"
        "sasl_method=%s\n"
        "sasl_username=%s\n"
        "sasl_sender=\n"
        "ccert_subject=\n"
        "ccert_issuer=\n"
        "ccert_fingerprint=\n"
        "ccert_pubkey_fingerprint=\n"
        "encryption_protocol=%s\n"
        "encryption_cipher=%s\n"
        "encryption_keysize=%d\n"
        "policy_context=\n"
        "%s"
        "\n",
        !eom ? "RCPT" : o.state ? o.state : "END-OF-MESSAGE",
        a, b, d, e, a, b, d, e, c->port, a, b, d, e,
        c->authed ? 587 : 25, d, e,
        (unsigned long long) c->sender,
        (unsigned long long) (c->sender % (uint64_t) o.domains),
        rcpt, eom ? o.rcpts : 0, qid,
        /* the connection's number stands for smtpd's pid */
        0x1000 + c->idx, c->sec, c->usec, c->seq,
        1000 + (unsigned) (mix(c->qid) % 100000),
        c->authed ? "PLAIN" : "", user,
        c->authed ? "TLSv1.3" : "",
        c->authed ? "TLS_AES_256_GCM_SHA384" : "",
        c->authed ? 256 : 0,
        o.postfix38 ? "compatibility_level=3.8\nmail_version=3.8.6\n" : "");
    if (s->len >= REQMAX)
        die("request too long");
    n_bytes += (uint64_t) s->len;
    n_reqgen++;
    if (eom) {
        c->eom_due = 0;
        c->rcpt = 0;
    } else if (++c->rcpt >= o.rcpts) {
        if (o.eom)
            c->eom_due = 1;
        else
            c->rcpt = 0;
    }
}

static void ev_mod(struct conn *c, uint32_t ev)
{
    struct epoll_event e = { .events = ev, .data.u32 = (uint32_t) c->idx };
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void conn_lost(struct conn *c, uint64_t t, int by_server);

static void conn_open(struct conn *c, uint64_t t)
{
    int s = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (s < 0)
        die("socket: %s", strerror(errno));
    if (sa.ss_family != AF_UNIX && o.nodelay)
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = { .data.u32 = (uint32_t) c->idx };
    if (connect(s, (struct sockaddr *) &sa, salen) == 0) {
        c->state = C_UP;
        e.events = EPOLLIN;
    } else if (errno == EINPROGRESS) {
        c->state = C_CONNECTING;
        e.events = EPOLLOUT;
    } else { /* a full backlog (EAGAIN), or no one there: again in 10 ms */
        if (errno != EAGAIN)
            e_connect++;
        close(s);
        c->state = C_WAIT;
        c->retry_at = t + 10000000;
        return;
    }
    c->fd = s;
    c->fresh = 1;
    c->inlen = 0;
    c->pending_out = 0;
    if (epoll_ctl(ep, EPOLL_CTL_ADD, s, &e) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

static int conn_connected(struct conn *c, uint64_t t)
{
    int err = 0;
    socklen_t el = sizeof err;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &el);
    if (err) {
        e_connect++;
        close(c->fd);
        c->fd = -1;
        c->state = C_WAIT;
        c->retry_at = t + 10000000;
        return 0;
    }
    c->state = C_UP;
    ev_mod(c, EPOLLIN);
    return 1;
}

/* write what is unwritten of the queued requests */
static void conn_write(struct conn *c, uint64_t t)
{
    static char out[64 * REQMAX];
    while (c->out_slot < c->inflight) {
        int n = 0, k = c->out_slot, off = c->out_off;
        const char *p;
        if (c->inflight - k == 1) { /* the usual case: no copy */
            struct slot *s = &c->ring[(c->head + k) % o.depth];
            p = s->req + off;
            n = s->len - off;
        } else {
            for (; k < c->inflight && n + REQMAX < (int) sizeof out; k++, off = 0) {
                struct slot *s = &c->ring[(c->head + k) % o.depth];
                memcpy(out + n, s->req + off, (size_t) (s->len - off));
                n += s->len - off;
            }
            p = out;
        }
        ssize_t w = send(c->fd, p, (size_t) n, MSG_NOSIGNAL);
        if (w < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN) {
                if (!c->pending_out) {
                    c->pending_out = 1;
                    ev_mod(c, EPOLLIN | EPOLLOUT);
                }
                return;
            }
            conn_lost(c, t, 1);
            return;
        }
        while (w > 0) {
            struct slot *s = &c->ring[(c->head + c->out_slot) % o.depth];
            int left = s->len - c->out_off;
            if (w >= left) { w -= left; c->out_slot++; c->out_off = 0; }
            else { c->out_off += (int) w; w = 0; }
        }
    }
    if (c->pending_out) {
        c->pending_out = 0;
        ev_mod(c, EPOLLIN);
    }
}

static int may_send(void)
{
    return !stopping && (!o.total || n_sent < o.total);
}

static void queue_one(struct conn *c, uint64_t t)
{
    struct slot *s = &c->ring[(c->head + c->inflight) % o.depth];
    make_request(c, s);
    s->sent = t;
    c->inflight++;
    n_sent++;
}

/* fill the pipeline and write */
static void conn_fill(struct conn *c, uint64_t t)
{
    if (c->state != C_UP)
        return;
    if (o.rate > 0) {
        if (c->inflight == 0 && !c->idle) { c->idle = 1; idle_stack[n_idle++] = c->idx; }
    } else {
        while (c->inflight < o.depth && may_send())
            queue_one(c, t);
    }
    if (c->out_slot < c->inflight)
        conn_write(c, t);
}

/* --rate: hand the requests that are due to the idle connections */
static void pump_rate(uint64_t t)
{
    while (n_idle && may_send()) {
        uint64_t due = t_start + (uint64_t) ((double) sched_next * 1e9 / o.rate);
        if (due > t)
            break;
        struct conn *c = &C[idle_stack[--n_idle]];
        c->idle = 0;
        if (c->state != C_UP)
            continue;
        sched_next++;
        queue_one(c, due);
        conn_write(c, t);
    }
}

static void conn_lost(struct conn *c, uint64_t t, int by_server)
{
    close(c->fd);
    c->fd = -1;
    if (by_server)
        n_closes++;
    n_reconn++;
    c->state = C_WAIT;
    c->out_slot = c->out_off = 0; /* the unanswered go again, as Postfix does */
    c->inlen = 0;
    c->retry_at = t + (by_server ? (uint64_t) (o.retry_delay * 1e6) : 0);
    if (c->fresh && c->retry_at < t + 10000000) /* it only hangs up: no busy loop */
        c->retry_at = t + 10000000;
    if (c->retry_at <= t)
        conn_open(c, t);
    if (c->state == C_UP && c->inflight)
        conn_write(c, t);
}

static void count_action(const char *w, int n)
{
    int i;
    if (n > 31) n = 31;
    for (i = 0; i < nact; i++)
        if (!strncmp(act[i].word, w, (size_t) n) && !act[i].word[n])
            break;
    if (i == nact) {
        if (nact == MAXACT) { i = MAXACT - 1; strcpy(act[i].word, "(other)"); }
        else { memcpy(act[i].word, w, (size_t) n); act[i].word[n] = 0; nact++; }
    }
    act[i].n++;
}

/* one reply: the lines up to, without, the blank line */
static void got_reply(struct conn *c, const char *p, int n, uint64_t t)
{
    if (!c->inflight) { e_proto++; return; }
    struct slot *s = &c->ring[c->head];
    const char *w = 0, *end = p + n;
    for (const char *l = p; l < end;) {
        const char *e = memchr(l, '\n', (size_t) (end - l));
        if (!e) e = end;
        if (e - l > 7 && !memcmp(l, "action=", 7)) { w = l + 7; end = e; break; }
        l = e + 1;
    }
    if (measuring) {
        hist_add(t - s->sent);
        if (!w) {
            e_proto++;
        } else {
            int k = 0;
            while (w + k < end && w[k] != ' ' && w[k] != '\t' && w[k] != '\r') k++;
            count_action(w, k);
            if (o.expect && ((int) strlen(o.expect) != k || strncasecmp(o.expect, w, (size_t) k)))
                e_expect++;
        }
    }
    c->head = (c->head + 1) % o.depth;
    c->inflight--;
    if (c->out_slot > 0)
        c->out_slot--;
    else
        c->out_off = 0, e_proto++; /* answered before it was sent */
    c->replies++;
    c->fresh = 0;
    n_done_all++;
}

static void conn_read(struct conn *c, uint64_t *t)
{
    ssize_t r = recv(c->fd, c->in + c->inlen, (size_t) (INMAX - c->inlen), 0);
    *t = now_ns();
    if (r < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (r <= 0) {
        if (stopping && !c->inflight) { /* ours to close anyway */
            epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, 0);
            return;
        }
        conn_lost(c, *t, 1);
        return;
    }
    int from = c->inlen ? c->inlen - 1 : 0, start = 0;
    c->inlen += (int) r;
    for (int i = from; i + 1 < c->inlen; i++)
        if (c->in[i] == '\n' && c->in[i + 1] == '\n' && i + 1 >= start) {
            got_reply(c, c->in + start, i - start, *t);
            start = i + 2;
            i++;
        }
    if (start) {
        c->inlen -= start;
        memmove(c->in, c->in + start, (size_t) c->inlen);
    } else if (c->inlen == INMAX) {
        e_proto++;
        conn_lost(c, *t, 0);
        return;
    }
    if (o.reconnect_msgs && c->inflight == 0 && c->rcpt == 0 && c->msgs
        && c->msgs % (uint64_t) o.reconnect_msgs == 0 && !stopping && start) {
        conn_lost(c, *t, 0);
    }
    conn_fill(c, *t);
}

static void begin_measure(uint64_t t)
{
    memset(hist, 0, sizeof hist);
    h_n = h_max = 0;
    h_min = UINT64_MAX;
    h_sum = 0;
    nact = 0;
    server_usage(&u0);
    getrusage(RUSAGE_SELF, &r0);
    measuring = 1;
    t_meas = t;
    if (o.duration > 0)
        t_end = t + (uint64_t) (o.duration * 1e9);
}

static void end_measure(uint64_t t)
{
    getrusage(RUSAGE_SELF, &r1);
    server_usage(&u1);
    measuring = 0;
    stopping = 1;
    t_stopped = t;
}

static double tv(struct timeval a) { return (double) a.tv_sec + (double) a.tv_usec / 1e6; }

static volatile sig_atomic_t interrupted;
static void on_int(int s) { (void) s; interrupted = 1; }

static void parse_target(void)
{
    if (!o.unix_path == !o.tcp)
        die("give one of --unix and --tcp");
    if (o.unix_path) {
        struct sockaddr_un *u = (struct sockaddr_un *) &sa;
        u->sun_family = AF_UNIX;
        if (strlen(o.unix_path) >= sizeof u->sun_path)
            die("path too long");
        strcpy(u->sun_path, o.unix_path);
        salen = sizeof *u;
        return;
    }
    char host[256];
    const char *p = strrchr(o.tcp, ':');
    if (!p || p - o.tcp >= 255)
        die("--tcp HOST:PORT");
    memcpy(host, o.tcp, (size_t) (p - o.tcp));
    host[p - o.tcp] = 0;
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        host[strlen(host) - 1] = 0;
        memmove(host, host + 1, strlen(host));
    }
    struct addrinfo h = { .ai_socktype = SOCK_STREAM }, *r;
    int rc = getaddrinfo(host, p + 1, &h, &r);
    if (rc)
        die("%s: %s", o.tcp, gai_strerror(rc));
    memcpy(&sa, r->ai_addr, r->ai_addrlen);
    salen = r->ai_addrlen;
    freeaddrinfo(r);
}

static double num(const char *s, double lo, double hi, const char *what)
{
    char *e;
    double v = strtod(s, &e);
    if (*e || e == s || v < lo || v > hi)
        die("%s: '%s' is not in %g..%g", what, s, lo, hi);
    return v;
}

int main(int argc, char **argv)
{
    enum { O_UNIX = 256, O_TCP, O_DIST, O_ZS, O_DOM, O_EOM, O_SEED, O_RATE, O_RECON, O_RETRY,
        O_TMO, O_STATE, O_EXPECT, O_PID, O_TREE, O_PF38, O_DELAY, O_CPU, O_LABEL, O_DUMP,
        O_CONTACTS, O_STRANGERS };
    static const struct option lo[] = {
        { "unix", 1, 0, O_UNIX }, { "tcp", 1, 0, O_TCP }, { "conns", 1, 0, 'c' },
        { "pipeline", 1, 0, 'P' }, { "duration", 1, 0, 'd' }, { "warmup", 1, 0, 'w' },
        { "requests", 1, 0, 'n' }, { "senders", 1, 0, 's' }, { "dist", 1, 0, O_DIST },
        { "zipf-s", 1, 0, O_ZS }, { "domains", 1, 0, O_DOM }, { "auth", 1, 0, 'a' },
        { "rcpts", 1, 0, 'r' }, { "eom", 0, 0, O_EOM }, { "state", 1, 0, O_STATE }, { "seed", 1, 0, O_SEED },
        { "rate", 1, 0, O_RATE }, { "reconnect", 1, 0, O_RECON }, { "retry-delay", 1, 0, O_RETRY },
        { "timeout", 1, 0, O_TMO }, { "expect", 1, 0, O_EXPECT }, { "pid", 1, 0, O_PID },
        { "pid-tree", 0, 0, O_TREE }, { "postfix38", 0, 0, O_PF38 }, { "delay", 0, 0, O_DELAY },
        { "cpu", 1, 0, O_CPU }, { "label", 1, 0, O_LABEL }, { "dump", 1, 0, O_DUMP },
        { "contacts", 1, 0, O_CONTACTS }, { "strangers", 1, 0, O_STRANGERS },
        { "quiet", 0, 0, 'q' }, { "help", 0, 0, 'h' }, { 0, 0, 0, 0 } };
    int ch;
    while ((ch = getopt_long(argc, argv, "c:P:d:w:n:s:a:r:qh", lo, 0)) != -1)
        switch (ch) {
        case O_UNIX: o.unix_path = optarg; break;
        case O_TCP: o.tcp = optarg; break;
        case 'c': o.conns = (int) num(optarg, 1, 20000, "-c"); break;
        case 'P': o.depth = (int) num(optarg, 1, 60, "-P"); break;
        case 'd': o.duration = num(optarg, 0.001, 86400, "-d"); break;
        case 'w': o.warmup = num(optarg, 0, 86400, "-w"); break;
        case 'n': o.total = (uint64_t) num(optarg, 1, 1e12, "-n"); break;
        case 's': o.senders = (uint64_t) num(optarg, 1, 4e9, "-s"); break;
        case O_DIST:
            o.dist = !strcmp(optarg, "uniform") ? 0 : !strcmp(optarg, "zipf") ? 1
                : !strcmp(optarg, "seq") ? 2 : -1;
            if (o.dist < 0) die("--dist uniform | zipf | seq");
            break;
        case O_ZS: o.zipf_s = num(optarg, 0, 10, "--zipf-s"); break;
        case O_DOM: o.domains = (int) num(optarg, 1, 1e9, "--domains"); break;
        case 'a': o.auth = num(optarg, 0, 1, "-a"); break;
        case 'r': o.rcpts = (int) num(optarg, 1, 100000, "-r"); break;
        case O_EOM: o.eom = 1; break;
        case O_STATE:
            o.state = strcmp(optarg, "RCPT") ? optarg : NULL;
            if (o.state && strcmp(optarg, "DATA") && strcmp(optarg, "END-OF-MESSAGE"))
                die("--state RCPT | DATA | END-OF-MESSAGE");
            break;
        case O_SEED: o.seed = strtoull(optarg, 0, 0); break;
        case O_RATE: o.rate = num(optarg, 0.001, 1e8, "--rate"); break;
        case O_RECON: o.reconnect_msgs = (int) num(optarg, 1, 1e9, "--reconnect"); break;
        case O_RETRY: o.retry_delay = num(optarg, 0, 1e6, "--retry-delay"); break;
        case O_TMO: o.timeout = num(optarg, 0.001, 86400, "--timeout"); break;
        case O_EXPECT: o.expect = optarg; break;
        case O_PID:
            for (char *p = strtok(optarg, ","); p; p = strtok(0, ",")) {
                if (o.npids == MAXPIDS) die("too many --pid");
                o.pids[o.npids++] = (int) num(p, 1, 1e9, "--pid");
            }
            break;
        case O_TREE: o.pid_tree = 1; break;
        case O_PF38: o.postfix38 = 1; break;
        case O_DELAY: o.nodelay = 0; break;
        case O_CPU: o.cpu = (int) num(optarg, 0, 1023, "--cpu"); break;
        case O_LABEL: o.label = optarg; break;
        case O_CONTACTS: o.contacts = (int) num(optarg, 0, 1e6, "--contacts"); break;
        case O_STRANGERS: o.strangers = num(optarg, 0, 1, "--strangers"); break;
        case O_DUMP: o.dump = (int) num(optarg, 1, 1e7, "--dump"); break;
        case 'q': o.quiet = 1; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    if (optind < argc)
        die("what is '%s'?", argv[optind]);
    if (o.rate > 0 && o.depth > 1)
        die("--rate goes with -P 1");
    if (o.eom && o.state)
        die("--eom goes with --state RCPT");
    if (o.reconnect_msgs && o.depth > 1)
        die("--reconnect goes with -P 1");
    if (o.duration < 0)
        o.duration = o.total ? 0 : 10;
    if (o.warmup < 0)
        o.warmup = o.total ? 0 : 1;
    rng_s = mix(o.seed + 0x1234567);
    seen = calloc(1, o.senders / 8 + 1);
    if (!seen)
        die("out of memory");
    if (o.dist == 1)
        zipf_init();

    if (o.dump) {
        static struct conn c;
        static struct slot s;
        for (int i = 0; i < o.dump; i++) {
            make_request(&c, &s);
            fwrite(s.req, 1, (size_t) s.len, stdout);
        }
        return 0;
    }
    parse_target();
    for (int i = 0; i < o.npids; i++)
        if (kill(o.pids[i], 0) < 0 && errno == ESRCH)
            die("--pid %d: no such process", o.pids[i]);
    if (o.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(o.cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0)
            die("--cpu %d: %s", o.cpu, strerror(errno));
    }
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    if (rl.rlim_cur < (rlim_t) o.conns + 32) {
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_int);
    signal(SIGTERM, on_int);

    ep = epoll_create1(EPOLL_CLOEXEC);
    tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event te = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
    if (ep < 0 || tfd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &te) < 0)
        die("epoll/timerfd: %s", strerror(errno));
    C = calloc((size_t) o.conns, sizeof *C);
    idle_stack = calloc((size_t) o.conns + 1, sizeof *idle_stack);
    if (!C || !idle_stack)
        die("out of memory");

    /* the first connection is tried alone: no server is a start-up error */
    int probe = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0 || connect(probe, (struct sockaddr *) &sa, salen) < 0)
        die("connect: %s", strerror(errno));
    close(probe);

    uint64_t t = t_start = now_ns();
    for (int i = 0; i < o.conns; i++) {
        C[i].idx = i;
        C[i].fd = -1;
        C[i].ring = calloc((size_t) o.depth, sizeof *C[i].ring);
        if (!C[i].ring)
            die("out of memory");
        conn_open(&C[i], t);
    }
    /* all connections first, as far as they come within 2 s */
    static struct epoll_event ev[1024];
    for (uint64_t give_up = t + 2000000000ull; (t = now_ns()) < give_up;) {
        int up = 0;
        for (int i = 0; i < o.conns; i++) {
            if (C[i].state == C_WAIT && t >= C[i].retry_at)
                conn_open(&C[i], t);
            up += C[i].state == C_UP;
        }
        if (up == o.conns)
            break;
        int n = epoll_wait(ep, ev, 1024, 5);
        for (int i = 0; i < n; i++)
            if (ev[i].data.u32 != UINT32_MAX && C[ev[i].data.u32].state == C_CONNECTING)
                conn_connected(&C[ev[i].data.u32], t);
    }
    t_end = UINT64_MAX;
    t_start = t = now_ns();
    if (o.warmup == 0)
        begin_measure(t);
    for (int i = 0; i < o.conns; i++)
        conn_fill(&C[i], t);
    uint64_t warm_end = t_start + (uint64_t) (o.warmup * 1e9);
    uint64_t next_scan = t + 10000000;

    for (;;) {
        /* sleep until the next thing that is due */
        uint64_t wake = next_scan;
        if (!measuring && !stopping && warm_end < wake) wake = warm_end;
        if (!stopping && t_end < wake) wake = t_end;
        if (o.rate > 0 && n_idle && may_send()) {
            uint64_t due = t_start + (uint64_t) ((double) sched_next * 1e9 / o.rate);
            if (due < wake) wake = due;
        }
        int ms = 100;
        if (wake <= t) {
            ms = 0;
        } else if (wake - t < 100000000) {
            if (o.rate > 0) { /* finer than epoll's millisecond */
                struct itimerspec it = { .it_value = { (time_t) (wake / 1000000000),
                                                       (long) (wake % 1000000000) } };
                timerfd_settime(tfd, TFD_TIMER_ABSTIME, &it, 0);
                ms = 100;
            } else {
                ms = (int) ((wake - t) / 1000000) + 1;
            }
        }
        int n = epoll_wait(ep, ev, 1024, ms);
        t = now_ns();
        for (int i = 0; i < n; i++) {
            if (ev[i].data.u32 == UINT32_MAX) {
                uint64_t x;
                if (read(tfd, &x, sizeof x) < 0 && errno != EAGAIN)
                    die("timerfd: %s", strerror(errno));
                continue;
            }
            struct conn *c = &C[ev[i].data.u32];
            if (c->fd < 0)
                continue;
            if (c->state == C_CONNECTING) {
                if (conn_connected(c, t)) {
                    if (c->inflight)
                        conn_write(c, t);
                    conn_fill(c, t);
                }
                continue;
            }
            if ((ev[i].events & EPOLLOUT) && c->pending_out)
                conn_write(c, t);
            if (c->state == C_UP && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                conn_read(c, &t);
        }
        if (o.rate > 0)
            pump_rate(t);
        if (!measuring && !stopping && t >= warm_end)
            begin_measure(t);
        if (measuring && (t >= t_end || interrupted || (o.total && n_done_all + e_timeout >= o.total)))
            end_measure(t);
        if (t >= next_scan) { /* every 10 ms: reconnects; time-outs */
            next_scan = t + 10000000;
            for (int i = 0; i < o.conns; i++) {
                struct conn *c = &C[i];
                if (c->state == C_WAIT && t >= c->retry_at && !stopping) {
                    conn_open(c, t);
                    if (c->state == C_UP) {
                        if (c->inflight)
                            conn_write(c, t);
                        conn_fill(c, t);
                    }
                }
                if (c->inflight && !stopping
                    && t - c->ring[c->head].sent > (uint64_t) (o.timeout * 1e9)) {
                    e_timeout += (uint64_t) c->inflight;
                    c->head = c->inflight = 0;
                    if (c->fd >= 0)
                        conn_lost(c, t, 0);
                    conn_fill(c, t);
                }
            }
        }
        if (stopping) {
            int left = 0;
            for (int i = 0; i < o.conns && !left; i++)
                left = C[i].state == C_UP && C[i].inflight;
            if (!left || interrupted || t > t_stopped + (uint64_t) (o.grace * 1e9))
                break;
        }
    }

    /* what stayed without an answer */
    uint64_t unfinished = 0, oldest = 0;
    int unconnected = 0, unserved = 0;
    for (int i = 0; i < o.conns; i++) {
        struct conn *c = &C[i];
        unfinished += (uint64_t) c->inflight;
        if (c->inflight && t_stopped > c->ring[c->head].sent
            && t_stopped - c->ring[c->head].sent > oldest)
            oldest = t_stopped - c->ring[c->head].sent;
        unconnected += c->state != C_UP && c->replies == 0;
        unserved += c->replies == 0;
        if (c->fd >= 0)
            close(c->fd);
    }
    uint64_t backlog = 0; /* --rate: due, but no connection was free to send it */
    if (o.rate > 0 && !o.total) {
        double due = (double) (t_stopped - t_start) / 1e9 * o.rate;
        backlog = due > (double) sched_next + 1 ? (uint64_t) (due - (double) sched_next) : 0;
    }
    double secs = (double) (t_stopped - t_meas) / 1e9;
    double cli = tv(r1.ru_utime) + tv(r1.ru_stime) - tv(r0.ru_utime) - tv(r0.ru_stime);
    double su = u1.user - u0.user, ss = u1.sys - u0.sys;
    double per = h_n ? 1e6 / (double) h_n : 0;
    uint64_t errors = e_timeout + e_proto + e_expect + unfinished + (uint64_t) unconnected;
    double mean = h_n ? h_sum / (double) h_n / 1e3 : 0;

    printf("policybench%s%s target=%s conns=%d pipeline=%d rcpts=%d senders=%llu dist=%s auth=%g seed=%llu"
           " time_s=%.3f requests=%llu rps=%.1f p50_us=%.1f p90_us=%.1f p99_us=%.1f p999_us=%.1f"
           " max_us=%.1f mean_us=%.1f errors=%llu timeouts=%llu proto_errors=%llu unexpected=%llu"
           " connect_errors=%llu server_closes=%llu reconnects=%llu unconnected=%d unserved_conns=%d"
           " unfinished=%llu oldest_wait_us=%.0f backlog=%llu distinct=%llu req_bytes=%.0f cli_cpu_us_per_req=%.2f"
           " cli_cpu_share=%.2f",
           *o.label ? " label=" : "", o.label, o.unix_path ? o.unix_path : o.tcp, o.conns, o.depth,
           o.rcpts, (unsigned long long) o.senders,
           o.dist == 0 ? "uniform" : o.dist == 1 ? "zipf" : "seq", o.auth,
           (unsigned long long) o.seed, secs, (unsigned long long) h_n,
           secs > 0 ? (double) h_n / secs : 0, hist_q(.5), hist_q(.9), hist_q(.99), hist_q(.999),
           (double) h_max / 1e3, mean, (unsigned long long) errors, (unsigned long long) e_timeout,
           (unsigned long long) e_proto, (unsigned long long) e_expect,
           (unsigned long long) e_connect, (unsigned long long) n_closes,
           (unsigned long long) n_reconn, unconnected, unserved, (unsigned long long) unfinished,
           (double) oldest / 1e3, (unsigned long long) backlog, (unsigned long long) distinct,
           n_reqgen ? (double) n_bytes / (double) n_reqgen : 0, cli * per, secs > 0 ? cli / secs : 0);
    if (o.npids)
        printf(" srv_cpu_s=%.2f srv_user_s=%.2f srv_sys_s=%.2f srv_cpu_us_per_req=%.2f srv_cpu_share=%.2f"
               " srv_rss_kb=%ld srv_hwm_kb=%ld srv_pss_kb=%ld srv_procs=%d srv_lost_procs=%d",
               su + ss, su, ss, (su + ss) * per, secs > 0 ? (su + ss) / secs : 0,
               u1.rss, u1.hwm, u1.pss, u1.procs, u1.missing);
    for (int i = 0; i < nact; i++)
        printf(" act_%s=%llu", act[i].word, (unsigned long long) act[i].n);
    printf("\n");

    if (!o.quiet) {
        printf("\n  %-22s %12llu in %.2f s = %.0f/s\n", "requests", (unsigned long long) h_n, secs,
               secs > 0 ? (double) h_n / secs : 0);
        printf("  %-22s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f  mean %.1f  min %.1f\n",
               "latency (us)", hist_q(.5), hist_q(.9), hist_q(.99), hist_q(.999),
               (double) h_max / 1e3, mean, h_n ? (double) h_min / 1e3 : 0);
        for (int i = 0; i < nact; i++)
            printf("  %-22s %12llu  (%.2f %%)\n", act[i].word, (unsigned long long) act[i].n,
                   100.0 * (double) act[i].n / (double) h_n);
        printf("  %-22s %12llu  timeouts %llu, protocol %llu, unexpected action %llu, unanswered %llu (oldest %.0f ms),"
               " not connected %d\n",
               "errors", (unsigned long long) errors, (unsigned long long) e_timeout,
               (unsigned long long) e_proto, (unsigned long long) e_expect,
               (unsigned long long) unfinished, (double) oldest / 1e6, unconnected);
        printf("  %-22s %12d  never answered %d; closed by server %llu, reconnects %llu, refused %llu\n",
               "connections", o.conns, unserved, (unsigned long long) n_closes,
               (unsigned long long) n_reconn, (unsigned long long) e_connect);
        printf("  %-22s %12llu  of %llu\n", "distinct senders", (unsigned long long) distinct,
               (unsigned long long) o.senders);
        printf("  %-22s %12.2f us/request, %.0f %% of one CPU\n", "this program's CPU", cli * per,
               secs > 0 ? 100 * cli / secs : 0);
        if (backlog)
            printf("  %-22s %12llu  requests due but not sent: --rate is above what it can do\n",
                   "BACKLOG", (unsigned long long) backlog);
        if (o.npids) {
            printf("  %-22s %12.2f us/request (user %.2f + sys %.2f s), %.0f %% of one CPU\n",
                   "server's CPU", (su + ss) * per, su, ss, secs > 0 ? 100 * (su + ss) / secs : 0);
            printf("  %-22s %12ld kB now, %ld kB at most, PSS %ld kB, %d process%s%s\n", "server's RSS",
                   u1.rss, u1.hwm, u1.pss, u1.procs, u1.procs == 1 ? "" : "es",
                   u1.missing ? " (some are GONE)" : "");
        }
    }
    return errors ? 1 : 0;
}
