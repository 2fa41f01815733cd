/* SPDX-License-Identifier: ISC */
/* Which egresses there are. */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

struct station *station_find(const struct postures *p, const struct ip *ip)
{
	for (size_t i = 0; i < p->station_n; i++) {
		if (ip_equal(&p->station[i]->ip, ip))
			return p->station[i];
	}
	return NULL;
}

void station_free(struct station *station)
{
	for (size_t i = 0; i < station->receiver_n; i++)
		free(station->receiver[i]);
	free(station->cause);
	free(station);
}

void station_forget(struct postures *p, size_t i)
{
	station_free(p->station[i]);
	p->station_n--;
	for (; i < p->station_n; i++)
		p->station[i] = p->station[i + 1];
	p->is_dirty = true;
}

/* Of those that are away the one that has been so for longest; STATIONS_MAX: none is. */
static size_t away_longest(const struct postures *p)
{
	size_t found = STATIONS_MAX;
	mono_t since = MONO_NEVER;
	for (size_t i = 0; i < p->station_n; i++) {
		if (p->station[i]->away.us < since.us) {
			since = p->station[i]->away;
			found = i;
		}
	}
	return found;
}

/* In front of those that are away. */
static void station_insert(struct postures *p, struct station *station)
{
	size_t i = p->station_n++;
	while (i > 0 && p->station[i - 1]->away.us != MONO_NEVER.us) {
		p->station[i] = p->station[i - 1];
		i--;
	}
	p->station[i] = station;
}

void station_last(struct postures *p, struct station *station)
{
	size_t i = 0;
	while (p->station[i] != station)
		i++;
	for (; i + 1 < p->station_n; i++)
		p->station[i] = p->station[i + 1];
	p->station[i] = station;
}

struct station *station_made(struct postures *p, const struct ip *ip)
{
	struct station *station = station_find(p, ip);
	if (station)
		return station;
	size_t longest = p->station_n == STATIONS_MAX ? away_longest(p) : 0;
	if (longest == STATIONS_MAX)
		return NULL;
	if (p->station_n == STATIONS_MAX)
		station_forget(p, longest);
	station = xcalloc(1, sizeof(*station));
	station->ip = *ip;
	station->away = MONO_NEVER;
	station->walked = p->now.mono;
	station->due = MONO_NEVER;
	standing_init(p, &station->whole, p->now);
	station_insert(p, station);
	p->is_dirty = p->has_moved = true;
	return station;
}

static void station_leaves(struct postures *p, struct station *station)
{
	if (station->away.us != MONO_NEVER.us)
		return;
	station->away = p->now.mono;
	station->due = mono_min(station->due, mono_after(p->now.mono, AWAY_MAX_US));
	p->is_dirty = p->has_moved = true;
}

static void station_comes(struct postures *p, struct station *station)
{
	if (station->away.us == MONO_NEVER.us)
		return;
	station->away = MONO_NEVER;
	p->is_dirty = p->has_moved = true;
}

/* In the order in which they were given, the others behind them. */
static void stations_sort(struct postures *p, const struct ip *egress, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		size_t at = kept;
		while (at < p->station_n && !ip_equal(&p->station[at]->ip, &egress[i]))
			at++;
		if (at == p->station_n)
			continue;
		struct station *station = p->station[at];
		for (; at > kept; at--)
			p->station[at] = p->station[at - 1];
		p->station[kept++] = station;
	}
}

void postures_egresses(struct postures *p, const struct ip *egress, size_t n, struct now now)
{
	postures_tick(p, now);
	n = n < STATIONS_MAX ? n : STATIONS_MAX;
	for (size_t i = 0; i < n; i++) {
		struct station *station = station_find(p, &egress[i]);
		if (station)
			station_comes(p, station);
	}
	/* Those that go make room for new ones. */
	for (size_t i = 0; i < p->station_n; i++) {
		struct station *station = p->station[i];
		size_t j = 0;
		while (station && j < n && !ip_equal(&station->ip, &egress[j]))
			j++;
		if (station && j == n)
			station_leaves(p, station);
	}
	for (size_t i = 0; i < n; i++)
		(void)station_made(p, &egress[i]);
	stations_sort(p, egress, n);
}
