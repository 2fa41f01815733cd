/* SPDX-License-Identifier: ISC */
/* Where resolvers are told from. What the lines of resolv.conf mean is said in dns.h. */
#include "dns_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policyd/clock.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/policy_server.h"

#define RESOLV_CONF_MAX 65536 /* what is behind is passed over */
/* Within this time a file may change again without another time or size. */
#define STAMP_DOUBT_US (2 * SECOND_US)

/* ---- resolv.conf ---- */

static uint32_t scope_of(const char *name)
{
	return if_nametoindex(name);
}

static struct dns_conf_stamp stamp_of(const struct stat *st)
{
	return (struct dns_conf_stamp){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = st->st_size,
		.changed = st->st_mtim,
	};
}

static bool stamp_equal(const struct dns_conf_stamp *a, const struct dns_conf_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* A file that was written just now is read again at the next look. */
static bool is_settled(const struct stat *st)
{
	int64_t changed_us = (int64_t)st->st_mtim.tv_sec * SECOND_US;
	return clock_now().wall.us - changed_us > STAMP_DOUBT_US;
}

/* Bytes, or -errno. O_NONBLOCK, since a pipe in its place would make the loop wait. */
static ssize_t file_read(const char *path, char buf[RESOLV_CONF_MAX], struct stat *ret)
{
	size_t used = 0;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, ret) != 0)
		n = -errno;
	else if (!S_ISREG(ret->st_mode))
		n = -EINVAL;
	while (n > 0 && used < RESOLV_CONF_MAX) {
		n = read(fd, buf + used, RESOLV_CONF_MAX - used);
		if (n < 0)
			n = -errno;
		else
			used += (size_t)n;
	}
	close(fd);
	return n < 0 ? n : (ssize_t)used;
}

/* Told once, and only where it matters: with servers of our own it may be missing. */
static void missing_tell(struct dns_conf *conf, int r)
{
	if (!conf->is_missing && conf->given.server_n == 0)
		log_event(LEVEL_WARNING, "resolv.conf cannot be read", F_STR("file", conf->path),
			F_STR("error", strerror(-r)),
			F_STR("meanwhile", conf->options.server_n
						   ? "the servers known so far are asked"
						   : "127.0.0.1 is asked"),
			F_STR("remedy", "set dns.servers or dns.resolv_conf"));
	conf->is_missing = true;
}

static void options_merge(const struct dns_options *given, struct dns_options *options)
{
	if (given->server_n) {
		memcpy(options->server, given->server, sizeof(options->server));
		options->server_n = given->server_n;
	}
	if (given->timeout_us)
		options->timeout_us = given->timeout_us;
	if (given->attempts)
		options->attempts = given->attempts;
	options->in_flight_max = given->in_flight_max;
	options->queue_max = given->queue_max;
	options->cache_max = given->cache_max;
}

static bool servers_equal(const struct dns_options *a, const struct dns_options *b)
{
	if (a->server_n != b->server_n)
		return false;
	for (size_t i = 0; i < a->server_n; i++)
		if (!dns_server_equal(&a->server[i], &b->server[i]))
			return false;
	return true;
}

static bool options_equal(const struct dns_options *a, const struct dns_options *b)
{
	return servers_equal(a, b) && a->timeout_us == b->timeout_us &&
	       a->attempts == b->attempts && a->rotate == b->rotate && a->use_tcp == b->use_tcp &&
	       a->no_edns == b->no_edns && a->in_flight_max == b->in_flight_max &&
	       a->queue_max == b->queue_max && a->cache_max == b->cache_max;
}

/* ---- what is in force ---- */

static void servers_tell(const struct dns_conf *conf)
{
	const struct dns_options *options = &conf->options;
	char text[DNS_SERVERS_MAX * (DNS_SERVER_TEXT_SIZE + 1)] = "", one[DNS_SERVER_TEXT_SIZE];
	size_t n = 0;
	for (size_t i = 0; i < options->server_n; i++) {
		if (i)
			text[n++] = ' ';
		n += span_copy(span_of(dns_server_format(&options->server[i], one)), text + n,
			sizeof(text) - n);
	}
	log_event(LEVEL_NOTICE, "dns servers are other ones",
		F_STR("servers", n ? text : "127.0.0.1:53"),
		F_STR("from", conf->given.server_n ? "dns.servers" : conf->path));
}

/* Puts together what resolv.conf and the configuration say. True: that is something else now. */
static bool options_settle(struct dns_conf *conf)
{
	struct dns_options before = conf->options;
	bool is_first = before.in_flight_max == 0;
	conf->options = conf->said;
	options_merge(&conf->given, &conf->options);
	if (options_equal(&conf->options, &before))
		return false;
	if (!is_first && !servers_equal(&conf->options, &before))
		servers_tell(conf);
	return true;
}

static bool is_as_read(const struct dns_conf *conf)
{
	static const struct dns_conf_stamp none;
	struct stat st;
	if (stamp_equal(&conf->stamp, &none) || stat(conf->path, &st) != 0)
		return false;
	struct dns_conf_stamp stamp = stamp_of(&st);
	return stamp_equal(&stamp, &conf->stamp);
}

/* A file that went is most often about to come back: until then holds what it said. */
static void file_take(struct dns_conf *conf)
{
	struct stat st = {0};
	char *buf = xmalloc(RESOLV_CONF_MAX);
	ssize_t n = file_read(conf->path, buf, &st);
	if (n < 0) {
		missing_tell(conf, (int)n);
	} else {
		conf->said = (struct dns_options){0};
		dns_options_parse(span_make(buf, (size_t)n), scope_of, &conf->said);
		conf->is_missing = false;
		conf->stamp = is_settled(&st) ? stamp_of(&st) : (struct dns_conf_stamp){0};
	}
	free(buf);
}

bool dns_conf_look(struct dns_conf *conf)
{
	if (is_as_read(conf))
		return false;
	file_take(conf);
	return options_settle(conf);
}

static int given_of(const struct config_dns *dns, struct dns_options *ret, struct errbuf *err)
{
	*ret = (struct dns_options){
		.timeout_us = dns->timeout_us,
		.attempts = dns->attempts,
		.in_flight_max = dns->in_flight_max,
		.queue_max = dns->queue_max,
		.cache_max = dns->cache_max,
	};
	if (dns->servers.n > DNS_SERVERS_MAX) {
		err_set(err, "dns.servers: at most %d are asked, leave out %zu", DNS_SERVERS_MAX,
			dns->servers.n - DNS_SERVERS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < dns->servers.n; i++) {
		const char *text = dns->servers.text[i];
		if (dns_server_parse(span_of(text), &ret->server[i]) != 0) {
			err_set(err,
				"dns.servers: %s: not an address; write 192.0.2.53 or "
				"[2001:db8::53]:53",
				text);
			return -EINVAL;
		}
	}
	ret->server_n = dns->servers.n;
	return 0;
}

int dns_conf_set(struct dns_conf *conf, const struct config *config, struct errbuf *err)
{
	struct dns_options given;
	int r = given_of(&config->dns, &given, err);
	if (r != 0)
		return r;
	conf->given = given;
	conf->is_missing = false;
	if (!conf->path || strcmp(conf->path, config->dns.resolv_conf) != 0) {
		free(conf->path);
		conf->path = xstrdup(config->dns.resolv_conf);
		conf->stamp = (struct dns_conf_stamp){0};
		conf->said = (struct dns_options){0};
		dns_options_parse(SPAN(""), scope_of, &conf->said);
	}
	if (!is_as_read(conf))
		file_take(conf);
	(void)options_settle(conf);
	return 0;
}

void dns_conf_deinit(struct dns_conf *conf)
{
	free(conf->path);
	conf->path = NULL;
}
