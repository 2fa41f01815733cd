/* SPDX-License-Identifier: ISC */
/* The maps of a snapshot as a whole. Each is filled and asked where its names are understood. */
#include "maps.h"

#include <stdlib.h>

#include "policyd/address.h"
#include "policyd/mem.h"

static void local_build(struct config *config)
{
	for (size_t i = 0; i < config->local_domains.n; i++) {
		char domain[ADDRESS_MAX];
		size_t n = domain_normalise(span_of(config->local_domains.text[i]), domain);

		(void)map_add(
			&config->maps->local, span_make(domain, n), 0, (struct config_place){0});
	}
}

static void maps_each(struct config_maps *maps, void (*each)(struct map *map))
{
	each(&maps->local);
	each(&maps->aliases);
	each(&maps->accounts);
	each(&maps->domains);
	each(&maps->contexts);
	each(&maps->nets);
	each(&maps->overrides);
	each(&maps->providers);
	each(&maps->traps);
}

void maps_build(struct diag *diag, struct config *config, wall_t wall)
{
	config->maps = xcalloc(1, sizeof(*config->maps));
	local_build(config);
	account_build(diag, config);
	class_build(diag, config);
	override_build(diag, config, wall);
	provider_build(diag, config);
	signal_build(config);
	maps_each(config->maps, map_seal);
}

void maps_free(struct config_maps *maps)
{
	if (!maps)
		return;
	maps_each(maps, map_deinit);
	free(maps->override_next);
	free(maps);
}

bool config_is_local(const struct config *config, struct span domain)
{
	return map_find(&config->maps->local, domain) != NULL;
}

ptrdiff_t config_limit_of(const struct config *config, struct span name)
{
	for (size_t i = 0; i < config->limits_n; i++) {
		if (span_equal(name, span_of(config->limits[i].name)))
			return (ptrdiff_t)i;
	}
	return -1;
}
