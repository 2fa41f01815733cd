/* SPDX-License-Identifier: ISC */
/*
 * Postfix and the kernel are asked first, DNS about what they hide. What cannot be asked at present
 * changes nothing: an address that was ours an hour ago is a better guess than none.
 */
#include "address_watch.h"

#include <stdlib.h>
#include <string.h>

#include "own_addresses.h"
#include "policyd/log.h"
#include "policyd/mem.h"
#include "policyd/policy_server.h"
#include "policyd/writer.h"
#include "postconf.h"
#include "who_am_i.h"

#define EVERY_US (3600 * SECOND_US)
#define AGAIN_US (60 * SECOND_US)
#define ORIGIN   "who_am_i"

struct address_watch {
	struct address_watch_setup setup;
	struct config *config; /* NULL: nothing says auto */
	struct writer *worker; /* made when it is needed */
	struct event *collect;
	struct who_am_i *who;
	mono_t due;
	bool is_under_way, is_wanted, is_stopping;
	bool has_postfix;         /* own is what Postfix said */
	struct own_addresses own; /* without what DNS says */
	/* As it was told last. */
	struct egress_address found[EGRESS_ADDRESSES_MAX];
	size_t n;
	char note[sizeof(((struct own_addresses *)NULL)->note)];
	bool is_told;
};

/* On the worker: Postfix is asked for seconds. */
struct job {
	struct writer_job base; /* first */
	struct config *config;  /* the job's reference is the loop's to drop */
	struct own_addresses own;
};

/* ---- what is told ---- */

static bool is_known(const struct address_watch *watch, const struct own_addresses *own)
{
	return watch->is_told && own->n == watch->n && strcmp(own->note, watch->note) == 0 &&
	       (own->n == 0 || memcmp(own->found, watch->found, own->n * sizeof(*own->found)) == 0);
}

static void tell(struct address_watch *watch, const struct own_addresses *own)
{
	bool is_new_note = strcmp(own->note, watch->note) != 0;
	if (is_known(watch, own))
		return;
	memcpy(watch->found, own->found, sizeof(watch->found));
	memcpy(watch->note, own->note, sizeof(watch->note));
	watch->n = own->n;
	watch->is_told = true;
	if (is_new_note && *watch->note)
		log_event(LEVEL_WARNING, "egress addresses", F_STR("note", watch->note));
	watch->setup.found(watch->setup.ctx, watch->found, watch->n, watch->note);
}

/* ---- what DNS says ---- */

/* What it said before, when it does not answer now. */
static bool said_before(const struct address_watch *watch, int family, struct ip *ret)
{
	for (size_t i = 0; i < watch->n; i++) {
		const struct egress_address *address = &watch->found[i];
		if (ip_is_v4(&address->ip) != (family == SENDING_V4) ||
			strcmp(address->origin, ORIGIN) != 0)
			continue;
		*ret = address->ip;
		return true;
	}
	return false;
}

static void note_why(struct own_addresses *own, const char *why)
{
	size_t n = strlen(own->note);
	if (n)
		n += span_copy(SPAN("; "), own->note + n, sizeof(own->note) - n);
	n += span_copy(SPAN("egress.who_am_i "), own->note + n, sizeof(own->note) - n);
	(void)span_copy(span_of(why), own->note + n, sizeof(own->note) - n);
}

static void on_who(void *ctx, const struct who_am_i_answer *answer)
{
	struct address_watch *watch = ctx;
	struct own_addresses own = watch->own;
	for (int i = 0; i < 2; i++) {
		struct ip ip = answer->ip[i];
		if (watch->own.is_hidden[i] &&
			(answer->is_known[i] || (answer->has_failed && said_before(watch, i, &ip))))
			own_addresses_add(&own, &watch->own.hidden[i], &ip, ORIGIN);
	}
	/* A server that is reached over one family tells nothing about the other: that is no trouble. */
	if (answer->has_failed || own.n == 0)
		note_why(&own, *answer->why ? answer->why : "tells a private address");
	if (answer->has_failed)
		watch->due.us = clock_now().mono.us + AGAIN_US;
	tell(watch, &own);
}

/* ---- what Postfix and the kernel say ---- */

static void job_run(void *ctx, struct writer_job *base)
{
	struct job *job = (struct job *)base;
	(void)ctx;
	own_addresses_find(job->config, &job->own);
}

static void settle(struct address_watch *watch)
{
	const char *spec = watch->config->egress.who_am_i;
	if (spec && (watch->own.is_hidden[SENDING_V4] || watch->own.is_hidden[SENDING_V6])) {
		who_am_i_ask(watch->who, span_of(spec), watch->own.is_hidden);
		return;
	}
	own_addresses_note_hidden(&watch->own);
	tell(watch, &watch->own);
}

static void find(struct address_watch *watch);

static void job_done(void *ctx, struct writer_job *base)
{
	struct address_watch *watch = ctx;
	struct job *job = (struct job *)base;
	bool is_of_now = job->config == watch->config && !watch->is_stopping;
	watch->is_under_way = false;
	/* A Postfix that is being upgraded has not lost its addresses. */
	if (is_of_now && !job->own.has_postfix && watch->has_postfix) {
		watch->due.us = clock_now().mono.us + AGAIN_US;
	} else if (is_of_now) {
		watch->own = job->own;
		watch->has_postfix = job->own.has_postfix;
		settle(watch);
	}
	config_unref(job->config);
	free(job);
	if (watch->is_wanted && watch->config && !watch->is_stopping)
		find(watch);
}

static void on_collect(evutil_socket_t fd, short what, void *arg)
{
	const struct address_watch *watch = arg;
	(void)fd;
	(void)what;
	writer_collect(watch->worker);
}

/* False: no thread is to be had, which is told each time it is tried. */
static bool worker_begin(struct address_watch *watch)
{
	struct errbuf err;
	if (watch->worker)
		return true;
	watch->worker = writer_new(&(struct writer_group){0}, 1, &err);
	if (!watch->worker) {
		log_event(LEVEL_WARNING, "egress addresses", F_STR("error", err.text));
		return false;
	}
	watch->collect = event_new(watch->setup.base, writer_fd(watch->worker),
		EV_READ | EV_PERSIST, on_collect, watch);
	event_add(watch->collect, NULL);
	return true;
}

static void find(struct address_watch *watch)
{
	watch->due.us = clock_now().mono.us + EVERY_US;
	watch->is_wanted = watch->is_under_way;
	if (watch->is_under_way || !worker_begin(watch))
		return;
	struct job *job = xcalloc(1, sizeof(*job));
	job->base = (struct writer_job){.run = job_run, .done = job_done, .ctx = watch};
	job->config = config_ref(watch->config);
	/* There is one at a time, so there is room for it. */
	watch->is_under_way = writer_submit(watch->worker, &job->base);
	if (watch->is_under_way)
		return;
	config_unref(job->config);
	free(job);
}

/* ---- from outside ---- */

void address_watch_tick(struct address_watch *watch, mono_t mono)
{
	if (watch->config && mono.us >= watch->due.us)
		find(watch);
}

void address_watch_configure(struct address_watch *watch, struct config *config)
{
	static const struct own_addresses none;
	who_am_i_cancel(watch->who);
	config_unref(watch->config);
	watch->config = NULL;
	/* Other settings may ask another Postfix. */
	watch->has_postfix = false;
	if (own_addresses_wanted(config)) {
		watch->config = config_ref(config);
		find(watch);
	} else if (watch->is_told) {
		tell(watch, &none);
	}
}

enum { RECORD_ADDRESS = 1 };

static struct span text_of(const char *text, size_t size)
{
	return span_make(text, strnlen(text, size));
}

void address_watch_save(const struct address_watch *watch, struct bytes *out)
{
	for (size_t i = 0; i < watch->n; i++) {
		const struct egress_address *address = &watch->found[i];
		size_t mark = bytes_begin(out, RECORD_ADDRESS);
		bytes_span(out, span_make((const char *)address->ip.byte, sizeof(address->ip)));
		bytes_span(out, text_of(address->helo, sizeof(address->helo)));
		bytes_span(out, text_of(address->transport, sizeof(address->transport)));
		bytes_span(out, text_of(address->origin, sizeof(address->origin)));
		bytes_end(out, mark);
	}
}

static bool address_read(struct reader *in, struct egress_address *ret)
{
	struct span ip = reader_span(in);
	*ret = (struct egress_address){0};
	if (ip.n != sizeof(ret->ip.byte))
		return false;
	memcpy(ret->ip.byte, ip.p, ip.n);
	(void)span_copy(reader_span(in), ret->helo, sizeof(ret->helo));
	(void)span_copy(reader_span(in), ret->transport, sizeof(ret->transport));
	(void)span_copy(reader_span(in), ret->origin, sizeof(ret->origin));
	return !in->is_bad && ip_is_public(&ret->ip);
}

void address_watch_load(struct address_watch *watch, struct span saved)
{
	struct reader in = reader_of(saved), record;
	struct own_addresses own = {0};
	unsigned type;
	while (own.n < EGRESS_ADDRESSES_MAX && reader_record(&in, &type, &record)) {
		if (type == RECORD_ADDRESS && address_read(&record, &own.found[own.n]))
			own.n++;
	}
	tell(watch, &own);
}

struct address_watch *address_watch_new(const struct address_watch_setup *setup)
{
	struct address_watch *watch = xcalloc(1, sizeof(*watch));
	watch->setup = *setup;
	watch->who = who_am_i_new(setup->base, setup->dns, on_who, watch);
	return watch;
}

void address_watch_free(struct address_watch *watch)
{
	if (!watch)
		return;
	watch->is_stopping = true;
	postconf_stop();
	who_am_i_free(watch->who);
	if (watch->collect)
		event_free(watch->collect);
	writer_free(watch->worker);
	config_unref(watch->config);
	free(watch);
}
