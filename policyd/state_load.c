/* SPDX-License-Identifier: ISC */
/* What an earlier run left behind, at the start. How it gets there is state.c's business. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "policyd/log.h"
#include "policyd/policy_server.h"
#include "policyd/snapshot.h"
#include "state.h"

/* Without it each start counts as a new boot: then the wall clock tells how much time has passed. */
static void boot_id_read(const struct state_load_setup *setup, struct state_loaded *ret)
{
	char text[sizeof(ret->boot_id)];
	ssize_t n = -1;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	struct span id = span_trim(span_make(text, n > 0 ? (size_t)n : 0));
	if (id.n > 0)
		span_copy(id, ret->boot_id, sizeof(ret->boot_id));
	else if (snprintf(ret->boot_id, sizeof(ret->boot_id), "start %016" PRIx64, setup->seed[0]) <
		 0)
		ret->boot_id[0] = '\0';
}

static struct engine *engine_make(const struct state_load_setup *setup)
{
	return engine_new(&(struct engine_setup){
		.config = setup->config,
		.charge = &charge_local,
		.seed = {setup->seed[0], setup->seed[1]},
	});
}

struct loading {
	struct engine *engine;
	struct engine_load load;
	uint64_t bytes;
};

static int block_load(void *ctx, struct span block)
{
	struct loading *loading = ctx;
	loading->bytes += block.n;
	return engine_load_block(loading->engine, &loading->load, block);
}

/* Whether the counters are there, or are not missed. */
static bool counters_load(
	const struct state_load_setup *setup, struct loading *loading, struct errbuf *err)
{
	const char *directory = setup->config->state.directory;
	int r = snapshot_read(directory, block_load, loading, err);
	if (r == 0)
		return true;
	loading->load.saved_at.us = 0;
	if (r == SNAPSHOT_NONE && !store_had_snapshot(setup->store))
		return true;
	if (r == SNAPSHOT_NONE)
		err_set(err,
			"%s/counters.snapshot is missing, although one was written. Counters start "
			"empty",
			directory);
	/* A good part may have been taken over already. */
	engine_free(loading->engine);
	loading->engine = engine_make(setup);
	return false;
}

static void tell_loaded(const struct engine_load *load, struct now began)
{
	struct now now = clock_now();
	if (load->saved_at.us == 0)
		return;
	log_event(LEVEL_NOTICE, "state loaded", F_INT("accounts", load->accounts),
		F_INT("messages", load->messages),
		F_INT("age_s", (began.wall.us - load->saved_at.us) / SECOND_US),
		F_INT("took_ms", (now.mono.us - began.mono.us) / MSEC_US));
}

static void lose(struct state_loaded *loaded, const char *why, struct now now)
{
	char rate[RATE_TEXT_SIZE], until[WALL_TEXT_SIZE] = "";
	if (!loaded->lost.text[0]) {
		err_set(&loaded->lost, "%s", why);
		engine_state_lost(loaded->engine, now);
	}
	mono_t end = engine_emergency_until(loaded->engine);
	if (end.us)
		wall_format(wall_of_mono(end, now), until);
	log_event(LEVEL_WARNING, "state lost", F_STR("why", why),
		F_STR("effect", "each account is also held to emergency_rate"),
		F_STR("emergency_rate",
			rate_format(&engine_config(loaded->engine)->emergency_rate, rate)),
		F_STR("until", until));
}

void state_load(const struct state_load_setup *setup, struct state_loaded *ret)
{
	struct now now = clock_now();
	struct errbuf err;
	const char *why = NULL;
	*ret = (struct state_loaded){0};
	boot_id_read(setup, ret);
	struct loading loading = {
		.engine = engine_make(setup),
		.load = {.boot_id = span_of(ret->boot_id), .now = now},
	};
	bool is_fine = counters_load(setup, &loading, &err);
	ret->engine = loading.engine;
	ret->saved_at = loading.load.saved_at;
	ret->saved_bytes = loading.bytes;
	tell_loaded(&loading.load, now);
	if (!is_fine)
		lose(ret, err.text, now);
	if (store_was_lost(setup->store, &why))
		lose(ret, why, now);
}
