/* SPDX-License-Identifier: ISC */
/*
 * dns_client.h on real sockets, with a name server in the same loop. What packets say, retries and the
 * cache are test_dns.c's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "dns_peer.h"
#include "policyd/dns_client.h"
#include "policyd/log.h"
#include "policyd/policy_server.h"
#include "suite.h"

#define SERVER "127.0.0.1:%u"
#define SHORT  "timeout = \"150ms\"; attempts = 2;"

static struct world {
	struct event_base *base;
	struct peer peer;
	struct dns_client *client;
	struct config *config;
	size_t lines, warnings;
	char log[4096];
} world;

static void catch_line(void *ctx, enum log_level level, const char *text, size_t n)
{
	(void)ctx;
	world.lines++;
	world.warnings += level != LEVEL_NOTICE;
	size_t used = strlen(world.log);
	(void)snprintf(world.log + used, sizeof(world.log) - used, "%.*s\n", (int)n, text);
}

/* format: what stands in dns = { }. */
static struct config *config_with(const char *format, ...) PRINTF_LIKE(1, 2);
static struct config *config_with(const char *format, ...)
{
	char dns[1024], text[2048];
	struct config *config;
	struct config_report *report = config_report_new();
	va_list ap;
	va_start(ap, format);
	(void)vsnprintf(dns, sizeof(dns), format, ap);
	va_end(ap);
	(void)snprintf(text, sizeof(text),
		"listen = ( { address = \"unix:/run/p.sock\"; } );\n"
		"limits = ( { name = \"hourly\"; rate = \"200/1h\"; } );\ndns = { %s };\n",
		dns);
	int r = config_parse(span_of(text), "t.conf", &config, report);
	ck_assert_msg(r == 0, "%s", report->n ? report->line[0].text : "");
	config_report_free(report);
	return config;
}

/* A client of the peer; more: further settings. */
static void begin_with(const char *more)
{
	struct errbuf err;
	world = (struct world){.base = event_base_new()};
	log_set_sink(catch_line, NULL);
	peer_begin(&world.peer, world.base);
	world.config = config_with("servers = [ \"" SERVER "\" ]; %s", world.peer.port, more);
	ck_assert_int_eq(dns_client_new(world.base, world.config, &world.client, &err), 0);
}

static void begin(void)
{
	begin_with(SHORT);
}

static void end(void)
{
	dns_client_free(world.client);
	peer_end(&world.peer);
	config_unref(world.config);
	event_base_free(world.base);
	log_set_sink(NULL, NULL);
}

static struct dns_figures figures(void)
{
	struct dns_figures f;
	dns_client_figures(world.client, &f);
	return f;
}

/* ---- asking ---- */

struct heard {
	size_t times;
	enum dns_result result;
	size_t n;
	uint8_t last; /* octet of the first address */
	bool is_cached;
	char canonical[DNS_NAME_SIZE];
	/* What to do when it is told. */
	void (*then)(struct heard *self);
	dns_ticket ticket;
};

static void on_answer(void *ctx, const struct dns_answer *answer)
{
	struct heard *heard = ctx;
	heard->times++;
	if (heard->then)
		heard->then(heard);
	/* Whatever was done in between, the answer is still there. */
	heard->result = answer->result;
	heard->n = answer->n;
	heard->last = answer->n ? answer->rr[0].ip.byte[15] : 0;
	heard->is_cached = answer->is_cached;
	(void)span_copy(answer->canonical, heard->canonical, sizeof(heard->canonical));
}

static int ask_for(struct heard *heard, const char *name)
{
	return dns_client_ask(world.client,
		&(struct dns_question){.name = span_of(name), .type = DNS_A}, on_answer, heard,
		&heard->ticket);
}

static void ask(struct heard *heard, const char *name)
{
	size_t before = heard->times;
	ck_assert_int_eq(ask_for(heard, name), 0);
	ck_assert_uint_eq(heard->times, before);
	ck_assert_uint_ne(heard->ticket, 0);
}

/* One round of the loop, or 20 ms without an event. */
static void step(void)
{
	const struct timeval soon = {.tv_usec = 20000};
	event_base_loopexit(world.base, &soon);
	event_base_loop(world.base, EVLOOP_ONCE);
}

/* The loop, until so many answers came; fails after 10 s. */
static void wait_for(const struct heard *heard, size_t times)
{
	int64_t until = clock_now().mono.us + 10 * SECOND_US;
	while (heard->times < times) {
		step();
		ck_assert_int_lt(clock_now().mono.us, until);
	}
}

/* What is left of an earlier step() ends the loop, too. */
static void run_for(int64_t us)
{
	int64_t left, until = clock_now().mono.us + us;
	while ((left = until - clock_now().mono.us) > 0) {
		struct timeval wait = {.tv_sec = left / SECOND_US, .tv_usec = left % SECOND_US};
		event_base_loopexit(world.base, &wait);
		event_base_dispatch(world.base);
	}
}

START_TEST(test_answers)
{
	struct heard heard = {0}, again = {0};
	begin();
	ask(&heard, "Host.Example.");
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, DNS_FOUND);
	ck_assert_uint_eq(heard.n, 1);
	ck_assert_uint_eq(heard.last, 2);
	ck_assert_str_eq(heard.canonical, "host.example");
	/* Cached: still not before the call has returned. */
	ask(&again, "host.example");
	wait_for(&again, 1);
	ck_assert(again.is_cached);
	ck_assert_uint_eq(world.peer.asked, 1);
	ck_assert_uint_eq(world.lines, 0);
	end();
}
END_TEST

START_TEST(test_refused_questions)
{
	struct heard heard = {0}, many[80] = {0};
	char name[32];
	size_t refused = 0;
	begin_with(SHORT "queue_max = 64; in_flight_max = 1;");
	world.peer.manner = SILENT;
	ck_assert_int_eq(ask_for(&heard, "a..example"), -EINVAL);
	for (size_t i = 0; i < 80; i++) {
		(void)snprintf(name, sizeof(name), "%zu.example", i);
		int r = ask_for(&many[i], name);
		ck_assert(r == 0 || r == -EAGAIN);
		refused += r == -EAGAIN;
	}
	ck_assert_uint_ge(refused, 15);
	ck_assert_int_eq(ask_for(&heard, "a..example"), -EINVAL);
	ck_assert_int_eq(ask_for(&heard, "another.example"), -EAGAIN);
	ck_assert_uint_eq(figures().dropped, refused + 1);
	end();
}
END_TEST

/* Nobody who does not see the packet can guess where the answer has to go. */
START_TEST(test_ports_and_ids)
{
	enum { N = 200 };
	static struct heard heard[N];
	size_t same_port = 0, same_id = 0, steps = 0;
	char name[32];
	begin();
	for (size_t i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "%zu.example", i);
		ask(&heard[i], name);
		wait_for(&heard[i], 1);
	}
	ck_assert_uint_eq(world.peer.asked, N);
	for (size_t i = 0; i < N; i++) {
		for (size_t k = 0; k < i; k++) {
			same_port += world.peer.from[i] == world.peer.from[k];
			same_id += world.peer.id[i] == world.peer.id[k];
		}
		steps += i && world.peer.id[i] == world.peer.id[i - 1] + 1;
	}
	/* By chance there are 0.3 equal ids, and 0.7 equal ports of the 28,000 that Linux uses. */
	ck_assert_uint_le(same_port, 8);
	ck_assert_uint_le(same_id, 6);
	ck_assert_uint_le(steps, 3);
	end();
}
END_TEST

static const struct {
	enum manner manner;
	enum dns_result result;
} manners[] = {
	{LIES_FROM_ELSEWHERE, DNS_TIMEOUT},
	{LIES_FROM_ELSEWHERE_FIRST, DNS_FOUND},
	{EMPTY_FIRST, DNS_FOUND},
	{SILENT, DNS_TIMEOUT},
};

START_TEST(test_manners)
{
	struct heard heard = {0};
	begin();
	world.peer.manner = manners[_i].manner;
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, manners[_i].result);
	ck_assert_uint_eq(heard.last, heard.result == DNS_FOUND ? 2 : 0);
	ck_assert_uint_eq(figures().in_flight, 0);
	end();
}
END_TEST

/* As much as a datagram holds is read whole; what it says is the core's affair. */
START_TEST(test_largest)
{
	struct heard heard = {0};
	begin();
	world.peer.manner = LARGEST;
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert(heard.result == DNS_FOUND || heard.result == DNS_MALFORMED);
	end();
}
END_TEST

START_TEST(test_tcp)
{
	struct heard heard = {0};
	begin();
	world.peer.manner = TRUNCATES;
	world.peer.tcp = (enum tcp_manner)_i;
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, _i < CLOSES ? DNS_FOUND : DNS_TIMEOUT);
	ck_assert_uint_eq(heard.last, _i < CLOSES ? 2 : 0);
	ck_assert_uint_ge(world.peer.asked_tcp, 1);
	ck_assert_uint_ge(figures().sent_tcp, 1);
	run_for(10000);
	ck_assert_uint_eq(figures().in_flight, 0);
	if (_i < CLOSES)
		ck_assert_uint_eq(world.peer.closed, world.peer.connections);
	end();
}
END_TEST

/* The kernel says at once that nobody is there. */
START_TEST(test_nobody_there)
{
	struct heard heard = {0};
	begin_with("timeout = \"20s\"; attempts = 1;");
	peer_end(&world.peer);
	ask(&heard, "host.example");
	int64_t began = clock_now().mono.us;
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, DNS_TIMEOUT);
	ck_assert_int_lt(clock_now().mono.us - began, 5 * SECOND_US);
	end();
}
END_TEST

/* TC, and nobody on TCP. */
START_TEST(test_no_tcp_there)
{
	struct heard heard = {0};
	begin_with("timeout = \"20s\"; attempts = 1;");
	world.peer.manner = TRUNCATES;
	event_free(world.peer.listen_event);
	close(world.peer.listener);
	world.peer.listen_event = event_new(world.base, -1, 0, peer_on_accept, NULL);
	world.peer.listener = dup(world.peer.udp);
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_int_ge(heard.result, DNS_SERVFAIL);
	end();
}
END_TEST

/* ---- no answer wanted any more ---- */

START_TEST(test_cancel)
{
	struct heard heard = {0}, other = {0};
	begin();
	ask(&heard, "host.example");
	dns_client_cancel(world.client, heard.ticket);
	dns_client_cancel(world.client, heard.ticket);
	dns_client_cancel(world.client, 12345);
	world.peer.manner = SILENT;
	ask(&heard, "gone.example");
	ask(&other, "gone.example");
	run_for(20000);
	ck_assert_uint_eq(figures().in_flight, 1);
	dns_client_cancel(world.client, heard.ticket);
	world.peer.manner = ANSWERS;
	wait_for(&other, 1);
	run_for(50000);
	ck_assert_uint_eq(heard.times, 0);
	ck_assert_uint_eq(other.times, 1);
	ck_assert_int_eq(other.result, DNS_FOUND);
	ck_assert_uint_eq(figures().in_flight, 0);
	end();
}
END_TEST

/* Freed with questions queued, in flight over UDP, and over TCP at each stage. */
START_TEST(test_free_open)
{
	static struct heard heard[40];
	char name[32];
	memset(heard, 0, sizeof(heard));
	begin_with(SHORT "in_flight_max = 20;");
	world.peer.manner = _i & 1 ? SILENT : TRUNCATES;
	world.peer.tcp = HALF;
	for (size_t i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "%zu.example", i);
		ask(&heard[i], name);
	}
	for (int i = 0; i < _i; i++)
		step();
	dns_client_free(world.client);
	world.client = NULL;
	size_t told = 0, now = 0;
	for (size_t i = 0; i < 40; i++)
		told += heard[i].times;
	run_for(20000);
	for (size_t i = 0; i < 40; i++)
		now += heard[i].times;
	ck_assert_uint_eq(now, told);
	end();
}
END_TEST

/* ---- callbacks that do something ---- */

static void ask_on(struct heard *self)
{
	char name[32];
	if (self->times == 100)
		return;
	(void)snprintf(name, sizeof(name), "%zu.example", self->times);
	ck_assert_int_eq(ask_for(self, name), 0);
}

START_TEST(test_asks_on)
{
	struct heard heard = {.then = ask_on};
	begin();
	ask(&heard, "first.example");
	wait_for(&heard, 100);
	run_for(20000);
	ck_assert_uint_eq(heard.times, 100);
	ck_assert_int_eq(heard.result, DNS_FOUND);
	end();
}
END_TEST

/* An answer from the cache does not starve the loop, however often it is asked for again. */
static void ask_same(struct heard *self)
{
	ck_assert_int_eq(ask_for(self, "host.example"), 0);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(size_t *)arg;
}

START_TEST(test_shares_the_loop)
{
	struct heard heard = {.then = ask_same};
	const struct timeval every = {.tv_usec = 5000};
	size_t ticks = 0;
	begin();
	struct event *tick = event_new(world.base, -1, EV_PERSIST, on_tick, &ticks);
	event_add(tick, &every);
	ask(&heard, "host.example");
	run_for(300000);
	ck_assert_uint_ge(ticks, 3);
	ck_assert_uint_ge(heard.times, 1000);
	ck_assert_uint_eq(world.peer.asked, 1);
	event_free(tick);
	end();
}
END_TEST

static struct heard crowd[64];

static void ask_crowd(struct heard *self)
{
	char name[32];
	(void)self;
	for (size_t i = 0; i < 64; i++) {
		(void)snprintf(name, sizeof(name), "crowd%zu.example", i);
		ck_assert_int_eq(ask_for(&crowd[i], name), 0);
	}
}

/* The cache is full and evicts while the answer is still being read. */
START_TEST(test_asks_many)
{
	struct heard heard = {.then = ask_crowd};
	begin_with(SHORT "cache_max = 16;");
	memset(crowd, 0, sizeof(crowd));
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_str_eq(heard.canonical, "host.example");
	for (size_t i = 0; i < 64; i++)
		wait_for(&crowd[i], 1);
	heard.times = 0;
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_str_eq(heard.canonical, "host.example");
	end();
}
END_TEST

static void cancel_crowd(struct heard *self)
{
	(void)self;
	for (size_t i = 0; i < 64; i++)
		dns_client_cancel(world.client, crowd[i].ticket);
}

START_TEST(test_cancels_others)
{
	struct heard heard = {.then = cancel_crowd}, last = {0};
	begin();
	memset(crowd, 0, sizeof(crowd));
	ask(&heard, "host.example");
	ask_crowd(NULL);
	wait_for(&heard, 1);
	size_t told = 0, now = 0;
	for (size_t i = 0; i < 64; i++)
		told += crowd[i].times;
	run_for(200000);
	for (size_t i = 0; i < 64; i++)
		now += crowd[i].times;
	ck_assert_uint_eq(now, told);
	ck_assert_uint_eq(figures().in_flight, 0);
	ask(&last, "last.example");
	wait_for(&last, 1);
	ck_assert_int_eq(last.result, DNS_FOUND);
	end();
}
END_TEST

static struct peer other_peer;

static void configure_other(struct heard *self)
{
	(void)self;
	struct config *config =
		config_with("servers = [ \"" SERVER "\" ]; " SHORT, other_peer.port);
	dns_client_configure(world.client, config);
	config_unref(config);
}

START_TEST(test_configures)
{
	struct heard heard = {.then = configure_other}, next = {0};
	begin();
	peer_begin(&other_peer, world.base);
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_str_eq(heard.canonical, "host.example");
	/* The cache went with the servers; told once. */
	ask(&next, "host.example");
	wait_for(&next, 1);
	ck_assert(!next.is_cached);
	ck_assert_uint_eq(other_peer.asked, 1);
	ck_assert_uint_eq(world.peer.asked, 1);
	ck_assert_ptr_nonnull(strstr(world.log, "dns servers are other ones servers=127.0.0.1:"));
	ck_assert_uint_eq(world.lines, 1);
	configure_other(NULL);
	ck_assert_uint_eq(world.lines, 1);
	peer_end(&other_peer);
	end();
}
END_TEST

/* While questions are under way: each is answered, by whomever. */
START_TEST(test_configure_open)
{
	begin();
	memset(crowd, 0, sizeof(crowd));
	world.peer.manner = SILENT;
	peer_begin(&other_peer, world.base);
	ask_crowd(NULL);
	for (int i = 0; i < _i; i++)
		step();
	configure_other(NULL);
	for (size_t i = 0; i < 64; i++)
		wait_for(&crowd[i], 1);
	ck_assert_uint_eq(figures().in_flight, 0);
	ck_assert_uint_eq(figures().queued, 0);
	peer_end(&other_peer);
	end();
}
END_TEST

static void free_client(struct heard *self)
{
	(void)self;
	dns_client_free(world.client);
	world.client = NULL;
}

START_TEST(test_frees)
{
	struct heard heard = {.then = free_client};
	begin();
	memset(crowd, 0, sizeof(crowd));
	ask(&heard, "host.example");
	ask_crowd(NULL);
	wait_for(&heard, 1);
	ck_assert_str_eq(heard.canonical, "host.example");
	run_for(50000);
	ck_assert_uint_eq(heard.times, 1);
	end();
}
END_TEST

/* ---- trouble ---- */

START_TEST(test_no_descriptors)
{
	struct heard heard = {0}, later = {0};
	struct rlimit limit, few;
	begin();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, DNS_TIMEOUT);
	ck_assert_uint_ge(dns_client_unsent(world.client), 1);
	ck_assert_ptr_nonnull(
		strstr(world.log, "dns question not sent error=\"Too many open files\""));
	ck_assert_ptr_null(strstr(strstr(world.log, "not sent") + 1, "not sent"));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ask(&later, "later.example");
	wait_for(&later, 1);
	ck_assert_int_eq(later.result, DNS_FOUND);
	end();
}
END_TEST

static size_t count_of(const char *text)
{
	size_t n = 0;
	for (const char *at = world.log; (at = strstr(at, text)); at++)
		n++;
	return n;
}

/* A server that goes and comes back is told of once each. */
START_TEST(test_server_down)
{
	struct dns_server server;
	struct heard heard[8] = {0};
	char name[32];
	begin();
	world.peer.manner = SILENT;
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "%zu.example", i);
		ask(&heard[i], name);
		wait_for(&heard[i], 1);
	}
	ck_assert(!dns_client_server_is_up(world.client, 0, &server));
	ck_assert_uint_eq(server.port, world.peer.port);
	ck_assert_uint_eq(figures().down_n, 1);
	ck_assert_uint_eq(count_of("dns server does not answer server=127.0.0.1:"), 1);
	world.peer.manner = ANSWERS;
	ask(&heard[6], "back.example");
	wait_for(&heard[6], 1);
	ck_assert_int_eq(heard[6].result, DNS_FOUND);
	ck_assert(dns_client_server_is_up(world.client, 0, &server));
	ck_assert_uint_eq(count_of("dns server answers again server=127.0.0.1:"), 1);
	ck_assert_uint_eq(world.lines, 2);
	end();
}
END_TEST

/* ---- settings ---- */

static const char *const bad_servers[] = {"", "localhost", "192.0.2.1:", "192.0.2.1:0",
	"192.0.2.1:65536", "[::1", "[::1]:", "::1:53x"};

START_TEST(test_bad_servers)
{
	struct errbuf err;
	struct dns_client *client = NULL;
	char text[32];
	begin();
	struct config copy = *world.config;
	(void)snprintf(text, sizeof(text), "%s", bad_servers[_i]);
	copy.dns.servers.text = &(char *){text};
	copy.dns.servers.n = 1;
	ck_assert_int_eq(dns_client_new(world.base, &copy, &client, &err), -EINVAL);
	ck_assert_ptr_null(client);
	ck_assert_ptr_nonnull(strstr(err.text, "dns.servers: "));
	/* A reload with it leaves all as it is. */
	dns_client_configure(world.client, &copy);
	ck_assert_uint_eq(world.warnings, 1);
	struct heard heard = {0};
	ask(&heard, "host.example");
	wait_for(&heard, 1);
	ck_assert_int_eq(heard.result, DNS_FOUND);
	end();
}
END_TEST

/* ---- resolv.conf ---- */

static struct {
	char dir[64], path[80], other[80];
} file;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* A client whose servers resolv.conf tells. */
static void begin_file(const char *text)
{
	struct errbuf err;
	world = (struct world){.base = event_base_new()};
	log_set_sink(catch_line, NULL);
	(void)snprintf(file.dir, sizeof(file.dir), "/tmp/policyd-dns-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(file.dir));
	(void)snprintf(file.path, sizeof(file.path), "%s/resolv.conf", file.dir);
	(void)snprintf(file.other, sizeof(file.other), "%s/other", file.dir);
	if (text)
		put(file.path, text);
	world.config = config_with("resolv_conf = \"%s\";", file.path);
	ck_assert_int_eq(dns_client_new(world.base, world.config, &world.client, &err), 0);
}

static void end_file(void)
{
	(void)unlink(file.path);
	(void)rmdir(file.path);
	(void)unlink(file.other);
	ck_assert_int_eq(rmdir(file.dir), 0);
	end();
}

/* "192.0.2.1:53 [::1]:53" */
static const char *servers(void)
{
	static char text[DNS_SERVERS_MAX * DNS_SERVER_TEXT_SIZE];
	char one[DNS_SERVER_TEXT_SIZE];
	struct dns_server server;
	text[0] = '\0';
	for (size_t i = 0; i < figures().server_n; i++) {
		(void)dns_client_server_is_up(world.client, i, &server);
		size_t n = strlen(text);
		(void)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
			dns_server_format(&server, one));
	}
	return text;
}

START_TEST(test_resolv_conf)
{
	begin_file("nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch example.org\n");
	ck_assert_str_eq(servers(), "192.0.2.1:53 [2001:db8::1]:53");
	ck_assert_uint_eq(world.lines, 0);
	put(file.path, "nameserver 192.0.2.2\n");
	dns_client_configure(world.client, world.config);
	ck_assert_str_eq(servers(), "192.0.2.2:53");
	/* Of the same size and within the same moment, but another file. */
	put(file.other, "nameserver 192.0.2.3\n");
	ck_assert_int_eq(rename(file.other, file.path), 0);
	dns_client_configure(world.client, world.config);
	ck_assert_str_eq(servers(), "192.0.2.3:53");
	/* The same file, size and moment. */
	struct stat st;
	ck_assert_int_eq(stat(file.path, &st), 0);
	put(file.path, "nameserver 192.0.2.4\n");
	const struct timespec moment[2] = {st.st_mtim, st.st_mtim};
	ck_assert_int_eq(utimensat(AT_FDCWD, file.path, moment, 0), 0);
	dns_client_configure(world.client, world.config);
	ck_assert_str_eq(servers(), "192.0.2.4:53");
	ck_assert_uint_eq(count_of("dns servers are other ones"), 3);
	ck_assert_uint_eq(world.warnings, 0);
	/* The configuration has precedence. */
	struct config *config =
		config_with("servers = [ \"192.0.2.9:5353\" ]; resolv_conf = \"%s\";", file.path);
	dns_client_configure(world.client, config);
	config_unref(config);
	ck_assert_str_eq(servers(), "192.0.2.9:5353");
	ck_assert_ptr_nonnull(strstr(world.log, "servers=192.0.2.9:5353 from=dns.servers"));
	dns_client_configure(world.client, world.config);
	ck_assert_str_eq(servers(), "192.0.2.4:53");
	end_file();
}
END_TEST

/* By itself, within a few seconds. */
START_TEST(test_resolv_conf_looked_at)
{
	begin_file("nameserver 192.0.2.1\n");
	put(file.path, "nameserver 192.0.2.2\n");
	run_for(6 * SECOND_US);
	ck_assert_str_eq(servers(), "192.0.2.2:53");
	ck_assert_uint_eq(count_of("dns servers are other ones servers=192.0.2.2:53"), 1);
	end_file();
}
END_TEST

/* Gone: what it said holds. Told once, until it is back. */
START_TEST(test_resolv_conf_gone)
{
	begin_file("nameserver 192.0.2.1\n");
	ck_assert_int_eq(unlink(file.path), 0);
	run_for(11 * SECOND_US);
	ck_assert_str_eq(servers(), "192.0.2.1:53");
	ck_assert_uint_eq(count_of("resolv.conf cannot be read"), 1);
	put(file.path, "nameserver 192.0.2.2\n");
	dns_client_configure(world.client, world.config);
	ck_assert_str_eq(servers(), "192.0.2.2:53");
	end_file();
}
END_TEST

START_TEST(test_resolv_conf_unreadable)
{
	struct errbuf err;
	begin_file(NULL);
	ck_assert_str_eq(servers(), "127.0.0.1:53");
	ck_assert_uint_eq(world.warnings, 1);
	ck_assert_ptr_nonnull(strstr(world.log, "127.0.0.1 is asked"));
	ck_assert_int_eq(_i ? mkdir(file.path, 0700) : mkfifo(file.path, 0600), 0);
	/* Neither makes the loop wait. */
	dns_client_free(world.client);
	ck_assert_int_eq(dns_client_new(world.base, world.config, &world.client, &err), 0);
	ck_assert_str_eq(servers(), "127.0.0.1:53");
	ck_assert_uint_eq(world.warnings, 2);
	end_file();
}
END_TEST

/* Too much of it is cut, not refused. */
START_TEST(test_resolv_conf_large)
{
	static char text[200000] = "nameserver 192.0.2.1\n#";
	memset(text + 22, 'x', sizeof(text) - 23);
	(void)snprintf(text + 150000, 50000, "\nnameserver 192.0.2.2\n");
	begin_file(text);
	ck_assert_str_eq(servers(), "192.0.2.1:53");
	ck_assert_uint_eq(world.lines, 0);
	end_file();
}
END_TEST

/* A settled file is not read again, an empty one means 127.0.0.1. */
START_TEST(test_resolv_conf_empty)
{
	begin_file("");
	ck_assert_str_eq(servers(), "127.0.0.1:53");
	ck_assert_uint_eq(world.lines, 0);
	end_file();
}
END_TEST

int main(void)
{
	const struct suite_row rows[] = {
		{"answers, also from the cache, never before the call returned", test_answers, 0},
		{"questions that are refused", test_refused_questions, 0},
		{"ports and ids that nobody can guess", test_ports_and_ids, 0},
		{"lies, empty datagrams, silence", test_manners, ROWS(manners)},
		{"the largest datagram", test_largest, 0},
		{"TCP", test_tcp, TCP_MANNERS},
		{"nobody there", test_nobody_there, 0},
		{"nobody on TCP", test_no_tcp_there, 0},
		{"cancel", test_cancel, 0},
		{"freed with questions open", test_free_open, 12},
		{"a callback asks on", test_asks_on, 0},
		{"shares the loop", test_shares_the_loop, 0},
		{"a callback asks for more than the cache holds", test_asks_many, 0},
		{"a callback cancels others", test_cancels_others, 0},
		{"a callback configures", test_configures, 0},
		{"other servers while questions are open", test_configure_open, 6},
		{"a callback frees", test_frees, 0},
		{"out of descriptors", test_no_descriptors, 0},
		{"a server that is down and back", test_server_down, 0},
		{"servers that are none", test_bad_servers, ROWS(bad_servers)},
		{"resolv.conf changes", test_resolv_conf, 0},
		{"resolv.conf is looked at", test_resolv_conf_looked_at, 0},
		{"resolv.conf is gone", test_resolv_conf_gone, 0},
		{"resolv.conf cannot be read", test_resolv_conf_unreadable, 2},
		{"resolv.conf is large", test_resolv_conf_large, 0},
		{"resolv.conf is empty", test_resolv_conf_empty, 0},
	};
	return SUITE_RUN("dns_client", rows);
}
