/* SPDX-License-Identifier: ISC */
/* What is looked up of the settings about signals, in the form that it is looked up in. */
#include <stdlib.h>

#include "maps.h"
#include "policyd/address.h"
#include "policyd/mem.h"
#include "rule_signal.h"

static void countries_upper(const struct config_strings *countries)
{
	for (size_t i = 0; i < countries->n; i++) {
		for (char *at = countries->text[i]; *at; at++)
			*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
	}
}

/* A mailbox as recipients are written, or "@" and the domain. */
static size_t trap_normalise(
	const struct config *config, struct span typed, char buf[ADDRESS_MAX + 1])
{
	if (typed.n && typed.p[0] == '@') {
		buf[0] = '@';
		return 1 + domain_normalise(span_make(typed.p + 1, typed.n - 1), buf + 1);
	}
	return config_mailbox(config, typed, NULL, buf);
}

static void traps_build(struct config *config)
{
	const struct config_strings *traps = &config->signals.trap_recipients;
	char buf[ADDRESS_MAX + 1];

	for (size_t i = 0; i < traps->n; i++) {
		size_t n = trap_normalise(config, span_of(traps->text[i]), buf);

		free(traps->text[i]);
		traps->text[i] = xstrndup(buf, n);
		(void)map_add(&config->maps->traps, span_make(buf, n), 0, config->signals.place);
	}
}

/* Names were checked by their rule. */
static void rows_find(struct config *config)
{
	for (size_t i = 0; i < config->signals.tune_n; i++) {
		struct config_signal *signal = &config->signals.tune[i];
		int at = signal->name ? rule_signal_find(span_of(signal->name)) : -1;

		signal->signal_at = at < 0 ? 0 : (unsigned)at;
	}
}

void signal_build(struct config *config)
{
	countries_upper(&config->signals.home_countries);
	for (size_t i = 0; i < config->classes_n; i++)
		countries_upper(&config->classes[i].ladder.home_countries);
	rows_find(config);
	traps_build(config);
}

bool config_is_trap(const struct config *config, struct span recipient)
{
	const struct map *traps = &config->maps->traps;
	char buf[ADDRESS_MAX];

	if (traps->n == 0)
		return false;
	struct span address = span_make(buf, config_mailbox(config, recipient, NULL, buf));
	struct span domain = address_domain(address);
	return map_find(traps, address) ||
	       (domain.n && map_find(traps, span_make(domain.p - 1, domain.n + 1)));
}
