/* SPDX-License-Identifier: ISC */
/* Signals as a whole: the rows, the life of what all accounts share. */
#include <stdlib.h>
#include <string.h>

#include "judging.h"
#include "policyd/mem.h"

#define HOURS(n) ((n)*HOUR_US)
const struct signal_row signal_rows[SIGNAL_COUNT] = {
#define SIGNAL(id, name, family, weight, cap, half_life, window, minimum, needs, text)             \
	{name, FAMILY_##family, weight, cap, HOURS(half_life), HOURS(window), minimum, needs, text},
#include "policyd/signal.def"
#undef SIGNAL
};

enum signal signal_of(struct span name)
{
	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		if (span_equal(name, span_of(signal_rows[i].name)))
			return (enum signal)i;
	}
	return SIGNAL_COUNT;
}

const char *signal_family_name(enum signal_family family)
{
	static const char *const names[FAMILY_COUNT] = {
		[FAMILY_RECIPIENT] = "recipient",
		[FAMILY_VOLUME] = "volume",
		[FAMILY_PLACE] = "place",
		[FAMILY_IDENTITY] = "identity",
		[FAMILY_STRANGER] = "stranger",
		[FAMILY_CAMPAIGN] = "campaign",
		[FAMILY_FEEDBACK] = "feedback",
	};
	return names[family];
}

bool signal_is_fed(enum signal signal)
{
	return strcmp(signal_rows[signal].needs, "feedback") == 0;
}

const char *step_name(enum step step)
{
	static const char *const names[STEP_COUNT] = {"none", "note", "slow", "hold", "suspend"};
	return names[step];
}

struct signals *signals_new(const struct signals_setup *setup)
{
	struct signals *s = xcalloc(1, sizeof(*s));
	s->key = setup->hash_key;
	s->accounts = setup->accounts;
	s->site = site_new();
	s->campaign = campaign_new();
	s->brake = brake_new();
	s->kept = marks_kept_new();
	signals_configure(s, setup->config);
	return s;
}

void signals_free(struct signals *s)
{
	if (!s)
		return;
	site_free(s->site);
	campaign_free(s->campaign);
	brake_free(s->brake);
	marks_kept_free(s->kept);
	free(s->class_id);
	free(s);
}

/* Numbers of classes move when one is put in between; names do not. */
static void classes_name(struct signals *s)
{
	static const struct siphash_key key = {0};
	size_t n = s->config->classes_n;
	s->class_id = xrealloc(s->class_id, n ? n : 1, sizeof(s->class_id[0]));
	for (size_t i = 0; i < n; i++)
		s->class_id[i] = (uint32_t)siphash13(&key, span_of(s->config->classes[i].name));
}

void signals_configure(struct signals *s, const struct config *config)
{
	s->config = config;
	if (config)
		classes_name(s);
	marks_kept_clear(s->kept);
	for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
		s->tuned[i].share = 1;
		s->tuned[i].is_observed = false;
	}
	for (size_t i = 0; config && i < config->signals.tune_n; i++) {
		const struct config_signal *tune = &config->signals.tune[i];
		s->tuned[tune->signal_at].share = (float)tune->weight / 100;
		s->tuned[tune->signal_at].is_observed = tune->mode == MODE_OBSERVE;
	}
}

double signals_score(const struct signals *s, const struct account *account, mono_t mono)
{
	const struct score *score = score_of(account);
	return score_sum(s, score, !score || !ladder_acts(s, class_of_score(s, score)), mono);
}

size_t signals_bytes(const struct account *account)
{
	return baseline_bytes(baseline_of(account)) + score_bytes(score_of(account));
}

void signals_figures(const struct signals *s, struct signals_figures *ret)
{
	*ret = (struct signals_figures){
		.baselines = s->baselines,
		.scored = s->scored,
		.bytes = s->bytes + site_bytes(s->site) + campaign_bytes(s->campaign),
		.baseline_bytes = s->baseline_bytes,
		.braked = s->braked,
		.campaigns = s->campaigns,
		.is_braking = brake_was_on(s),
	};
	memcpy(ret->at_step, s->at_step, sizeof(ret->at_step));
	memcpy(ret->steps_up, s->steps_up, sizeof(ret->steps_up));
}
