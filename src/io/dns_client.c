/* SPDX-License-Identifier: ISC */
/*
 * The resolver on the loop: chance, time, timers, and who is told the answers. Effects are carried out in
 * one place, on_pump(), which only the loop calls: so nobody is called back from within a call of his
 * own, and a callback may ask, cancel, configure or free as it likes.
 */
#include "policyd/dns_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/time.h>

#include "dns_conf.h"
#include "dns_socket.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/policy_server.h"
#include "policyd/table.h"

#define PUMP_MAX        64 /* effects in a row; then others on the loop have their turn */
#define LOOK_S          5  /* at resolv.conf */
#define WARN_EVERY_S    60
#define RANDOM_BYTES    256 /* getrandom(2) gives as many at once, always */
#define TIMER_LONGEST_S 3600

struct dns_client {
	struct event_base *base;
	struct dns *dns;
	struct dns_sockets *sockets;
	struct dns_conf conf;
	struct table *waiters; /* by ticket */
	struct event *pump, *timer, *look;
	bool is_pumping,
		is_gone; /* gone: freed by a callback of the pump, which does it at its end */
	uint64_t unsent; /* attempts for want of descriptors or memory */
	struct log_throttle unsent_warning;
	uint64_t dropped; /* questions, when it was looked at last */
	struct known_server {
		struct dns_server server;
		bool is_down;
	} known[DNS_SERVERS_MAX]; /* as was told last */
	size_t random_left;
	uint8_t random[RANDOM_BYTES];
};

struct waiter {
	struct table_node node;
	dns_client_done *done;
	void *ctx;
};

static struct span key_of(const dns_ticket *ticket)
{
	return span_make((const char *)ticket, sizeof(*ticket));
}

/* Without chance every id could be guessed: rather none at all. */
static void random_take(void *ctx, void *buf, size_t n)
{
	struct dns_client *client = ctx;
	uint8_t *to = buf;
	for (size_t i = 0; i < n; i++) {
		if (client->random_left == 0) {
			if (getrandom(client->random, RANDOM_BYTES, 0) != RANDOM_BYTES)
				abort();
			client->random_left = RANDOM_BYTES;
		}
		to[i] = client->random[--client->random_left];
		client->random[client->random_left] = 0;
	}
}

/* From the loop, never from here. A pump that is at it sees for itself. */
static void pump_later(struct dns_client *client)
{
	if (!client->is_pumping)
		event_active(client->pump, EV_TIMEOUT, 1);
}

/* ---- what comes in ---- */

static void on_received(void *ctx, dns_attempt attempt, struct span wire)
{
	struct dns_client *client = ctx;
	dns_received(client->dns, attempt, wire, clock_now());
	pump_later(client);
}

static void on_failed(void *ctx, dns_attempt attempt)
{
	struct dns_client *client = ctx;
	dns_failed(client->dns, attempt, clock_now());
	pump_later(client);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_client *client = arg;
	(void)fd;
	(void)what;
	dns_tick(client->dns, clock_now());
	pump_later(client);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct dns_client *client = arg;
	(void)fd;
	(void)what;
	if (!dns_conf_look(&client->conf))
		return;
	dns_configure(client->dns, &client->conf.options);
	pump_later(client);
}

/* ---- effects ---- */

static void unsent_count(struct dns_client *client, int error, struct now now)
{
	uint64_t missed;
	client->unsent++;
	if (log_may(&client->unsent_warning, now.mono.us / SECOND_US, WARN_EVERY_S, &missed))
		log_event(LEVEL_WARNING, "dns question not sent", F_STR("error", strerror(error)),
			F_INT("not_told", missed),
			F_STR("remedy", "raise LimitNOFILE, or lower dns.in_flight_max"));
}

static void question_send(
	struct dns_client *client, const struct dns_effect *effect, struct now now)
{
	dns_attempt attempt = effect->attempt;
	int r = dns_sockets_send(client->sockets, effect);
	if (r == 0)
		return;
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS) {
		unsent_count(client, -r, now);
		dns_unsent(client->dns, attempt, now);
		return;
	}
	dns_failed(client->dns, attempt, now);
}

static void answer_give(struct dns_client *client, const struct dns_effect *effect)
{
	struct waiter *waiter = table_find(client->waiters, key_of(&effect->ticket));
	if (!waiter)
		return;
	dns_client_done *done = waiter->done;
	void *ctx = waiter->ctx;
	table_remove(client->waiters, waiter);
	done(ctx, effect->answer);
}

static void effect_run(struct dns_client *client, const struct dns_effect *effect, struct now now)
{
	switch (effect->kind) {
	case DNS_SEND:
		question_send(client, effect, now);
		break;
	case DNS_CLOSE:
		dns_sockets_close(client->sockets, effect->attempt);
		break;
	case DNS_ANSWER:
		answer_give(client, effect);
		break;
	}
}

/* A change is told once; another server in the same place begins anew. */
static void server_watch(struct dns_client *client, size_t i, const struct dns_figures *figures)
{
	struct known_server *known = &client->known[i];
	struct dns_server server;
	char text[DNS_SERVER_TEXT_SIZE];
	bool is_down = !dns_server_is_up(client->dns, i, &server);
	if (!dns_server_equal(&server, &known->server))
		*known = (struct known_server){.server = server};
	if (is_down == known->is_down)
		return;
	known->is_down = is_down;
	log_event(is_down ? LEVEL_WARNING : LEVEL_NOTICE,
		is_down ? "dns server does not answer" : "dns server answers again",
		F_STR("server", dns_server_format(&server, text)), F_INT("down", figures->down_n),
		F_INT("of", figures->server_n));
}

static void servers_watch(struct dns_client *client)
{
	struct dns_figures figures;
	dns_figures(client->dns, &figures);
	for (size_t i = 0; i < figures.server_n && i < DNS_SERVERS_MAX; i++)
		server_watch(client, i, &figures);
}

static void timer_set(struct dns_client *client, struct now now)
{
	mono_t due = dns_due(client->dns);
	if (due.us == MONO_NEVER.us) {
		event_del(client->timer);
		return;
	}
	int64_t wait_us = due.us > now.mono.us ? due.us - now.mono.us : 0;
	if (wait_us > TIMER_LONGEST_S * SECOND_US)
		wait_us = TIMER_LONGEST_S * SECOND_US;
	struct timeval wait = {.tv_sec = wait_us / SECOND_US, .tv_usec = wait_us % SECOND_US};
	event_add(client->timer, &wait);
}

static void client_destroy(struct dns_client *client);

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct dns_client *client = arg;
	struct dns_effect effect;
	const struct timeval at_once = {0};
	struct now now = clock_now();
	int n = 0;
	(void)fd;
	(void)what;
	client->is_pumping = true;
	while (n < PUMP_MAX && !client->is_gone && dns_effect(client->dns, &effect)) {
		effect_run(client, &effect, now);
		n++;
	}
	client->is_pumping = false;
	if (client->is_gone) {
		client_destroy(client);
		return;
	}
	/* By a timer: what is only activated runs before libevent looks at anybody else. */
	if (n == PUMP_MAX)
		event_add(client->pump, &at_once);
	servers_watch(client);
	timer_set(client, now);
}

/* ---- asking ---- */

int dns_client_ask(struct dns_client *client, const struct dns_question *question,
	dns_client_done *done, void *ctx, dns_ticket *ret_ticket)
{
	dns_ticket ticket = dns_ask(client->dns, question, clock_now());
	if (ticket == 0) {
		struct dns_figures figures;
		dns_figures(client->dns, &figures);
		bool is_full = figures.dropped != client->dropped;
		client->dropped = figures.dropped;
		return is_full ? -EAGAIN : -EINVAL;
	}
	struct waiter *waiter = table_add(client->waiters, key_of(&ticket), 0);
	waiter->done = done;
	waiter->ctx = ctx;
	pump_later(client);
	*ret_ticket = ticket;
	return 0;
}

void dns_client_cancel(struct dns_client *client, dns_ticket ticket)
{
	struct waiter *waiter = table_find(client->waiters, key_of(&ticket));
	if (!waiter)
		return;
	table_remove(client->waiters, waiter);
	dns_cancel(client->dns, ticket);
	pump_later(client);
}

void dns_client_figures(const struct dns_client *client, struct dns_figures *ret)
{
	dns_figures(client->dns, ret);
}

bool dns_client_server_is_up(const struct dns_client *client, size_t i, struct dns_server *ret)
{
	return dns_server_is_up(client->dns, i, ret);
}

uint64_t dns_client_unsent(const struct dns_client *client)
{
	return client->unsent;
}

/* ---- life ---- */

static void client_destroy(struct dns_client *client)
{
	struct event *const event[] = {client->pump, client->timer, client->look};
	for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++)
		if (event[i])
			event_free(event[i]);
	dns_sockets_free(client->sockets);
	if (client->dns)
		dns_free(client->dns);
	table_free(client->waiters);
	dns_conf_deinit(&client->conf);
	free(client);
}

void dns_client_free(struct dns_client *client)
{
	if (!client)
		return;
	client->is_gone = true;
	if (!client->is_pumping)
		client_destroy(client);
}

static struct siphash_key hash_key(struct dns_client *client)
{
	struct siphash_key key;
	random_take(client, &key, sizeof(key));
	return key;
}

static void client_begin(struct dns_client *client)
{
	const struct timeval look = {.tv_sec = LOOK_S};
	struct dns_setup setup = {
		.options = client->conf.options, .entropy = random_take, .entropy_ctx = client};
	random_take(client, setup.seed, sizeof(setup.seed));
	client->dns = dns_new(&setup);
	client->sockets = dns_sockets_new(&(struct dns_sockets_setup){
		.base = client->base,
		.hash_key = hash_key(client),
		.received = on_received,
		.failed = on_failed,
		.ctx = client,
	});
	/* Never evicts: the resolver bounds what waits. */
	client->waiters = table_new(&(struct table_setup){
		.entry_bytes = sizeof(struct waiter), .lists = 1, .hash_key = hash_key(client)});
	client->pump = evtimer_new(client->base, on_pump, client);
	client->timer = evtimer_new(client->base, on_timer, client);
	client->look = event_new(client->base, -1, EV_PERSIST, on_look, client);
	event_add(client->look, &look);
}

int dns_client_new(struct event_base *base, const struct config *config, struct dns_client **ret,
	struct errbuf *err)
{
	struct dns_client *client = xcalloc(1, sizeof(*client));
	client->base = base;
	int r = dns_conf_set(&client->conf, config, err);
	if (r != 0) {
		client_destroy(client);
		return r;
	}
	client_begin(client);
	*ret = client;
	return 0;
}

void dns_client_configure(struct dns_client *client, const struct config *config)
{
	struct errbuf err;
	/* What is checked when it is loaded; should it not be, the servers before are the better ones. */
	if (dns_conf_set(&client->conf, config, &err) != 0) {
		log_event(LEVEL_WARNING, "dns settings not taken", F_STR("error", err.text));
		return;
	}
	dns_configure(client->dns, &client->conf.options);
	pump_later(client);
}
