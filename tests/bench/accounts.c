/* SPDX-License-Identifier: ISC */
/*
 * What accounts cost: the engine in virtual time, so that 24 hours of a million logins take a
 * minute. Prints bytes an account, the longest single call while the table grew, while the
 * configuration was swapped and while a snapshot was taken, and how long saving and loading took.
 *
 * usage: accounts [-n ACCOUNTS] [-c FILE] [-h HOURS] [-d DIRECTORY]
 */
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "policyd/engine.h"
#include "policyd/mem.h"

struct bench {
	struct engine *engine;
	engine_conn conn;
	uint64_t messages; /* ever */
	double longest_us; /* of one call, since it was last looked at */
};

static double clock_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct now at_s(double s)
{
	int64_t us = (int64_t)(s * 1e6);
	return (struct now){.mono = {.us = us + 100 * DAY_US},
		.wall = {.us = us + INT64_C(1800000000) * SECOND_US}};
}

static double bytes_used(void)
{
	struct mallinfo2 info = mallinfo2();
	return (double)info.uordblks + (double)info.hblkhd;
}

static double resident_bytes(void)
{
	double pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*s %lf", &pages) != 1)
		pages = 0;
	(void)fclose(file);
	return pages * 4096;
}

static void timed_end(struct bench *b, double began)
{
	double took = clock_us() - began;
	if (took > b->longest_us)
		b->longest_us = took;
}

static double longest_ms(struct bench *b)
{
	double us = b->longest_us;
	b->longest_us = 0;
	return us / 1e3;
}

static void ask(struct bench *b, const struct request *request, double s)
{
	struct verdict verdict;
	struct effect effect;
	uint64_t ticket;
	double began = clock_us();
	if (engine_begin(b->engine, b->conn, request, at_s(s), &verdict, &ticket) != ENGINE_DONE)
		exit(EX_SOFTWARE);
	timed_end(b, began);
	while (engine_effect(b->engine, &effect))
		;
}

/* One message of one recipient by each account. */
static void round_of(struct bench *b, unsigned accounts, double s, double step_s)
{
	char login[40], instance[24];
	struct request request = {
		.client_address = SPAN("192.0.2.7"),
		.server_port = SPAN("587"),
		.recipient = SPAN("bob@example.net"),
	};
	for (unsigned i = 0; i < accounts; i++, s += step_s) {
		/* In an order that has nothing to do with the one in memory. */
		unsigned user = (unsigned)((uint64_t)i * 2654435761u % accounts);
		snprintf(login, sizeof(login), "user%07u@example.org", user);
		snprintf(instance, sizeof(instance), "%" PRIx64 ".0", ++b->messages);
		request.sasl_username = request.sender = span_of(login);
		request.instance = span_of(instance);
		request.stage = STAGE_RCPT;
		ask(b, &request, s);
		request.stage = STAGE_DATA;
		request.recipients = 1;
		ask(b, &request, s);
		request.recipients = 0;
		if (i % 1000 == 0) {
			double began = clock_us();
			engine_tick(b->engine, at_s(s));
			timed_end(b, began);
		}
	}
}

struct saved {
	struct bytes *block;
	size_t n;
	double bytes, took_ms, longest_ms;
};

static struct saved save(struct bench *b, double s)
{
	struct engine_save state = {0};
	struct engine_save_input input = {.boot_id = SPAN("bench"), .places = 500, .bytes = 65536};
	struct saved saved = {0};
	enum engine_save_step step;
	double begin = clock_us();
	do {
		saved.block = xrealloc(saved.block, saved.n + 1, sizeof(*saved.block));
		struct bytes *out = &saved.block[saved.n++];
		*out = (struct bytes){0};
		do {
			double began = clock_us();
			step = engine_save_step(b->engine, &state, &input, at_s(s), out);
			timed_end(b, began);
		} while (step == SAVE_MORE && out->n < input.bytes);
		saved.bytes += (double)out->n;
	} while (step == SAVE_MORE);
	saved.took_ms = (clock_us() - begin) / 1e3;
	saved.longest_ms = longest_ms(b);
	return saved;
}

static double load_ms(struct config *config, const struct saved *saved, double s)
{
	double began = clock_us();
	struct engine *engine = engine_new(
		&(struct engine_setup){.config = config, .charge = &charge_local, .seed = {3, 4}});
	struct engine_load load = {.boot_id = SPAN("bench"), .now = at_s(s)};
	for (size_t i = 0; i < saved->n; i++) {
		if (engine_load_block(
			    engine, &load, span_make(saved->block[i].p, saved->block[i].n)) != 0)
			exit(EX_SOFTWARE);
	}
	double took = (clock_us() - began) / 1e3;
	engine_free(engine);
	return took;
}

static struct config *config_of(const char *path)
{
	struct config *config;
	struct config_report *report = config_report_new();
	if (config_load(&(struct config_source){.path = path}, &config, report) != 0) {
		fprintf(stderr, "%s\n", report->line[0].text);
		exit(EX_CONFIG);
	}
	config_report_free(report);
	return config;
}

int main(int argc, char **argv)
{
	unsigned accounts = 1000000, hours = 24;
	const char *path = NULL;
	int option;
	while ((option = getopt(argc, argv, "n:c:h:")) != -1) {
		if (option == 'n')
			accounts = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'h')
			hours = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'c')
			path = optarg;
		else
			return EX_USAGE;
	}
	if (!path || accounts == 0) {
		fprintf(stderr, "usage: accounts -c FILE [-n ACCOUNTS] [-h HOURS]\n");
		return EX_USAGE;
	}
	struct config *config = config_of(path);
	struct bench b = {.engine = engine_new(&(struct engine_setup){
				  .config = config, .charge = &charge_local, .seed = {1, 2}})};
	double before = bytes_used();
	b.conn = engine_conn_open(b.engine, SPAN("bench"), NULL);
	round_of(&b, accounts, 0, 3600.0 / accounts);
	printf("growth_longest_ms %.3f\n", longest_ms(&b));
	for (unsigned hour = 1; hour < hours; hour++)
		round_of(&b, accounts, hour * 3600.0, 3600.0 / accounts);
	double s = hours * 3600.0;
	printf("use_longest_ms %.3f\n", longest_ms(&b));
	printf("bytes_per_account %.1f\n", (bytes_used() - before) / accounts);
	printf("resident_bytes_per_account %.1f\n", resident_bytes() / accounts);
	struct saved saved = save(&b, s);
	printf("snapshot_bytes %.0f\nsnapshot_cpu_ms %.1f\nsnapshot_longest_step_ms %.3f\n",
		saved.bytes, saved.took_ms, saved.longest_ms);
	printf("load_ms %.1f\n", load_ms(config, &saved, s));
	struct config *again = config_of(path);
	double began = clock_us();
	engine_configure(b.engine, again);
	printf("reload_ms %.3f\n", (clock_us() - began) / 1e3);
	round_of(&b, accounts, s, 3600.0 / accounts);
	printf("after_reload_longest_ms %.3f\n", longest_ms(&b));
	for (size_t i = 0; i < saved.n; i++)
		bytes_free(&saved.block[i]);
	free(saved.block);
	engine_free(b.engine);
	config_unref(again);
	config_unref(config);
	return 0;
}
