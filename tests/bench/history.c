/* SPDX-License-Identifier: ISC */
/*
 * What logins did before a benchmark: requests as policybench --dump writes them, from standard input,
 * through the engine in virtual time, spread evenly over the days that end now, into a snapshot from
 * which policyd starts. What is learnt needs a day to settle, and a benchmark has none.
 *
 * usage: history -c FILE [-n REQUESTS] [-d DAYS]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "policyd/address.h"
#include "policyd/engine.h"
#include "policyd/mem.h"
#include "policyd/snapshot.h"

struct history {
	struct engine *engine;
	engine_conn conn;
	struct now end;
	double days, requests;
};

static struct now clock_read(void)
{
	struct timespec wall, mono;
	(void)clock_gettime(CLOCK_REALTIME, &wall);
	(void)clock_gettime(CLOCK_MONOTONIC, &mono);
	return (struct now){
		.mono = {.us = mono.tv_sec * SECOND_US + mono.tv_nsec / 1000},
		.wall = {.us = wall.tv_sec * SECOND_US + wall.tv_nsec / 1000},
	};
}

/* Of the nth request. The engine's clock may begin anywhere but not before 0. */
static struct now when(const struct history *h, double nth)
{
	int64_t ago_us = (int64_t)((1 - nth / h->requests) * h->days * (double)DAY_US);
	return (struct now){
		.mono = {.us = 1000 * DAY_US - ago_us},
		.wall = {.us = h->end.wall.us - ago_us},
	};
}

/* As databases() of signals.py says it. */
static void look(struct span client, struct geo *ret)
{
	static const char country[5][2] = {
		{'D', 'E'}, {'F', 'R'}, {'N', 'L'}, {'A', 'T'}, {'P', 'L'}};
	struct ip ip;
	if (ip_parse(client, &ip) != 0)
		return;
	unsigned half = ip.byte[13], third = ip.byte[14];
	memcpy(ret->country, country[third % 5], sizeof(ret->country));
	ret->asn = 64512 + (half - 18) * 256 + third;
	ret->has_position = true;
	ret->latitude = (int16_t)(4500 + third);
	ret->longitude = 1000;
}

static void ask(struct history *h, struct request *request, struct now now)
{
	struct verdict verdict;
	struct effect effect;
	uint64_t ticket;
	look(request->client_address, &request->geo);
	if (engine_next_due(h->engine).us <= now.mono.us)
		engine_tick(h->engine, now);
	if (engine_begin(h->engine, h->conn, request, now, &verdict, &ticket) != ENGINE_DONE)
		exit(EX_SOFTWARE);
	while (engine_effect(h->engine, &effect))
		;
}

static void ask_all(struct history *h)
{
	static char buf[1 << 20];
	size_t kept = 0, n;
	double nth = 0;
	while ((n = fread(buf + kept, 1, sizeof(buf) - kept, stdin)) > 0) {
		struct request request;
		struct errbuf err;
		size_t used, at = 0;
		n += kept;
		while (request_parse(span_make(buf + at, n - at), &request, &used, &err) ==
			REQUEST_DONE) {
			at += used;
			ask(h, &request, when(h, nth++));
		}
		kept = n - at;
		memmove(buf, buf + at, kept);
	}
}

static void on_saved(void *ctx, int result, const char *error)
{
	(void)ctx;
	if (result == 0)
		return;
	fprintf(stderr, "the snapshot: %s\n", error);
	exit(EX_IOERR);
}

static void block_put(struct snapshots *snapshots, struct bytes *out)
{
	while (out->n && !snapshot_block(snapshots, out)) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		snapshots_collect(snapshots);
	}
}

static void save(struct history *h, const char *directory)
{
	struct engine_save state = {0};
	struct engine_save_input input = {.boot_id = SPAN("before"), .places = 500, .bytes = 65536};
	struct snapshots *snapshots;
	struct bytes out = {0};
	struct errbuf err;
	enum engine_save_step step;
	if (snapshots_new(directory, &snapshots, &err) != 0 || !snapshot_begin(snapshots)) {
		fprintf(stderr, "%s\n", err.text);
		exit(EX_CANTCREAT);
	}
	do {
		step = engine_save_step(h->engine, &state, &input, when(h, h->requests), &out);
		block_put(snapshots, &out);
	} while (step == SAVE_MORE);
	snapshot_commit(snapshots, on_saved, NULL);
	snapshots_free(snapshots);
	bytes_free(&out);
}

int main(int argc, char **argv)
{
	struct history h = {.end = clock_read(), .days = 40, .requests = 100000};
	const char *path = NULL;
	int option;
	while ((option = getopt(argc, argv, "c:n:d:")) != -1) {
		if (option == 'c')
			path = optarg;
		else if (option == 'n')
			h.requests = strtod(optarg, NULL);
		else if (option == 'd')
			h.days = strtod(optarg, NULL);
		else
			return EX_USAGE;
	}
	if (!path || h.requests < 1) {
		fprintf(stderr, "usage: history -c FILE [-n REQUESTS] [-d DAYS]\n");
		return EX_USAGE;
	}
	struct config *config;
	struct config_report *report = config_report_new();
	if (config_load(&(struct config_source){.path = path}, &config, report) != 0) {
		fprintf(stderr, "%s\n", report->line[0].text);
		return EX_CONFIG;
	}
	config_report_free(report);
	h.engine = engine_new(
		&(struct engine_setup){.config = config, .charge = &charge_local, .seed = {1, 2}});
	h.conn = engine_conn_open(h.engine, SPAN("history"), NULL);
	ask_all(&h);
	save(&h, config->state.directory);
	engine_free(h.engine);
	config_unref(config);
	return 0;
}
