/* SPDX-License-Identifier: ISC */
/* From where, and with what: networks, providers, countries, programs, hours. */
#include <math.h>

#include "judging.h"
#include "rows.h"

#define DAY_S 86400u

bool signal_new_place(const struct look *l, struct finding_of *ret)
{
	ret->units = l->known[HABIT_NETWORK] == KNOWN_NOT ? l->place : 0;
	ret->n = 100 * l->place;
	return l->marks.habit[HABIT_NETWORK] != 0;
}

/* Great-circle distance; the positions are in hundredths of a degree. */
static double distance_km(double latitude, double longitude, double other_lat, double other_long)
{
	const double unit = M_PI / 18000, radius_km = 6371;
	double north = sin((latitude - other_lat) * unit / 2);
	double east = sin((longitude - other_long) * unit / 2);
	double share = north * north + cos(latitude * unit) * cos(other_lat * unit) * east * east;
	return 2 * radius_km * asin(lesser(1, sqrt(share)));
}

/* A quarter of an hour is granted to clocks and databases. */
bool signal_travel(const struct look *l, struct finding_of *ret)
{
	const double grace_h = 0.25, speed_max = 1000;
	const struct geo *geo = l->marks.geo;
	const struct normal *normal = &l->normal;
	if (!geo || !geo->has_position || !normal->has_position || l->place <= 0.3 ||
		marks_home_country(l->s, l->sight))
		return false;
	double km = distance_km(geo->latitude, geo->longitude, normal->latitude, normal->longitude);
	double hours = l->at > normal->position_at ? (l->at - normal->position_at) / 3600.0 : 0;
	if (km > signal_rows[SIGNAL_TRAVEL].minimum && km / (hours + grace_h) > speed_max)
		ret->units = l->place;
	ret->n = km;
	ret->m = hours * 60;
	return true;
}

bool signal_device(const struct look *l, struct finding_of *ret)
{
	ret->units = l->known[HABIT_HELO] == KNOWN_NOT ? l->device : 0;
	return l->marks.habit[HABIT_HELO] != 0;
}

bool signal_login_method(const struct look *l, struct finding_of *ret)
{
	ret->units = l->known[HABIT_LOGIN] == KNOWN_NOT ? l->method : 0;
	return l->marks.habit[HABIT_LOGIN] != 0;
}

bool signal_off_hours(const struct look *l, struct finding_of *ret)
{
	const struct normal *normal = &l->normal;
	if (normal->messages < signal_rows[SIGNAL_OFF_HOURS].minimum)
		return false;
	ret->units = normal->hour_share <= 0;
	return true;
}

/* How many strange ones there were within a day; a second one is the first that tells. */
static bool strange_ones(
	const struct look *l, enum signal signal, enum habit kind, struct finding_of *ret)
{
	if (l->marks.habit[kind] == 0)
		return false;
	second_t since = l->at > DAY_S ? l->at - DAY_S : 1;
	double sum = baseline_strange(baseline_of(l->account), kind, since);
	ret->units = greater(0, sum - signal_rows[signal].minimum);
	ret->n = ceil(sum);
	ret->m = DAY_S / 3600.0;
	return true;
}

bool signal_networks(const struct look *l, struct finding_of *ret)
{
	return strange_ones(l, SIGNAL_NETWORKS, HABIT_NETWORK, ret);
}

bool signal_countries(const struct look *l, struct finding_of *ret)
{
	return strange_ones(l, SIGNAL_COUNTRIES, HABIT_COUNTRY, ret);
}

bool signal_providers(const struct look *l, struct finding_of *ret)
{
	return strange_ones(l, SIGNAL_PROVIDERS, HABIT_ASN, ret);
}
