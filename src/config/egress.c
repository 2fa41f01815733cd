/* SPDX-License-Identifier: ISC */
/* What is looked up of our addresses. What they demand of each other is check_egress.c's business. */
#include "policyd/config.h"

#include "rule.h"
#include "rule_list.h"

const struct config_egress_address *config_egress_auto(const struct config *config)
{
	for (size_t i = 0; i < config->egress.addresses_n; i++) {
		const struct config_egress_address *address = &config->egress.addresses[i];

		if (address->address && rule_is_auto(span_of(address->address)))
			return address;
	}
	return NULL;
}

/* A day alone stands for its end in rule_until_parse(). */
wall_t config_warm_up(const struct config *config, const struct ip *egress)
{
	for (size_t i = 0; i < config->egress.addresses_n; i++) {
		const struct config_egress_address *address = &config->egress.addresses[i];
		struct ip ip;
		wall_t end;

		if (address->warm_up && address->address &&
			ip_parse(span_of(address->address), &ip) == 0 && ip_equal(&ip, egress) &&
			rule_until_parse(span_of(address->warm_up), &end, NULL) == 0)
			return (wall_t){.us = end.us - DAY_US};
	}
	return WALL_NEVER;
}
