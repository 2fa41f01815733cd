/* SPDX-License-Identifier: ISC */
/*
 * What there is to look at: our addresses, the domains we send for, the keys we sign with. What goes is kept
 * for a while: an address that is found again has not lost what was found out about it.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* Of AUDIT_DOMAINS_MAX: what strangers write as their sender takes no more than the rest from local_domains. */
#define LOCAL_ROOM (AUDIT_DOMAINS_MAX / 2)
/* So long after its last signature a key is looked at: keys are changed, and old ones taken away. */
#define SELECTOR_KEEP_US (2 * DAY_US)
/* New ones begin within this, and so much more for each. */
#define SPREAD_US      (5 * SECOND_US)
#define SPREAD_EACH_US (200 * MSEC_US)

/* ---- one ---- */

/* What speaks of one subject stands together. */
static int kind_rank(enum unit_kind kind)
{
	static const int ranks[UNIT_KINDS] = {
		[UNIT_DOMAIN] = 1, [UNIT_PROBE] = 1, [UNIT_SELECTOR] = 2};
	return ranks[kind];
}

int unit_compare(const struct audit_unit *a, const struct audit_unit *b)
{
	int order = kind_rank(a->kind) - kind_rank(b->kind);
	if (order == 0)
		order = memcmp(a->ip.byte, b->ip.byte, sizeof(a->ip.byte));
	if (order == 0)
		order = strcmp(a->name, b->name);
	return order ? order : (int)a->kind - (int)b->kind;
}

struct audit_unit *unit_new(enum unit_kind kind, const struct ip *ip, struct span name)
{
	struct audit_unit *unit = xcalloc(1, sizeof(*unit));
	unit->kind = kind;
	if (ip)
		unit->ip = *ip;
	unit->name = xstrndup(name.n ? name.p : "", name.n);
	unit->due = MONO_NEVER;
	return unit;
}

static void findings_free(struct finding *finding, size_t n)
{
	for (size_t i = 0; i < n; i++)
		finding_release(&finding[i]);
	free(finding);
}

void unit_free(struct audit_unit *unit)
{
	findings_free(unit->finding, unit->finding_n);
	free(unit->name);
	free(unit->organisation);
	free(unit);
}

struct finding *unit_finding(struct audit_unit *unit, enum audit_check check, const struct ip *ip)
{
	for (size_t i = 0; i < unit->finding_n; i++) {
		struct finding *finding = &unit->finding[i];
		if (finding->check == check && ip_equal(&finding->ip, ip))
			return finding;
	}
	return NULL;
}

struct finding *unit_add(struct audit_unit *unit, enum audit_check check, const struct ip *ip)
{
	unit->finding = xrealloc(unit->finding, unit->finding_n + 1, sizeof(*unit->finding));
	struct finding *finding = &unit->finding[unit->finding_n++];
	*finding = (struct finding){.check = (uint8_t)check, .ip = *ip};
	return finding;
}

const char *unit_subject(const struct audit_unit *unit, char buf[IP_TEXT_SIZE])
{
	return unit->name[0] ? unit->name : ip_format(&unit->ip, buf);
}

/* ---- its findings ---- */

static bool is_asked(const struct egress_address *address)
{
	bool is_configured = strcmp(address->origin, "egress.addresses") == 0;
	return is_configured || ip_is_public(&address->ip);
}

/* Takes what is known over from the old ones. */
static void finding_make(struct audit_unit *unit, enum audit_check check, const struct ip *ip,
	struct audit_unit *old)
{
	struct finding *made = unit_add(unit, check, ip), *known = unit_finding(old, check, ip);
	if (!known)
		return;
	*made = *known;
	known->evidence = known->fix = NULL;
}

static void spf_findings_make(
	const struct audit *a, struct audit_unit *unit, struct audit_unit *old)
{
	for (size_t i = 0; i < a->address_n; i++) {
		if (is_asked(&a->address[i]))
			finding_make(unit, CHECK_SPF, &a->address[i].ip, old);
	}
	/* At the start our addresses may not be found yet. */
	for (size_t i = 0; i < old->finding_n && a->address_n == 0; i++) {
		if (old->finding[i].check == CHECK_SPF)
			finding_make(unit, CHECK_SPF, &old->finding[i].ip, old);
	}
}

/* True when there is one that was not there before. */
static bool findings_make(const struct audit *a, struct audit_unit *unit)
{
	static const struct ip none;
	struct audit_unit old = *unit;
	const struct ip *ip = unit->kind <= UNIT_AUTHORITY ? &unit->ip : &none;
	unit->finding = NULL;
	unit->finding_n = 0;
	if (unit->kind == UNIT_REVERSE) {
		for (int check = CHECK_PTR; check <= CHECK_GENERIC; check++)
			finding_make(unit, (enum audit_check)check, ip, &old);
	} else if (unit->kind == UNIT_AUTHORITY) {
		finding_make(unit, CHECK_AUTHORITY, ip, &old);
	} else if (unit->kind == UNIT_SELECTOR) {
		finding_make(unit, CHECK_DKIM, ip, &old);
	} else if (unit->kind == UNIT_PROBE) {
		finding_make(unit, CHECK_ABUSE, ip, &old);
		finding_make(unit, CHECK_POSTMASTER, ip, &old);
	} else {
		spf_findings_make(a, unit, &old);
		finding_make(unit, CHECK_DMARC, ip, &old);
		finding_make(unit, CHECK_MX, ip, &old);
	}
	bool is_new = unit->finding_n > old.finding_n;
	findings_free(old.finding, old.finding_n);
	return is_new;
}

/* ---- parked ---- */

static void parked_expire(struct audit *a)
{
	size_t kept = 0;
	for (size_t i = 0; i < a->parked_n; i++) {
		struct audit_unit *unit = a->parked[i];
		if (is_past(mono_after(unit->parked, PARKED_KEEP_US), a->now.mono))
			unit_free(unit);
		else
			a->parked[kept++] = unit;
	}
	a->parked_n = kept;
}

void unit_park(struct audit *a, struct audit_unit *unit)
{
	if (a->parked_n == UNITS_MAX) {
		unit_free(unit);
		return;
	}
	unit->is_running = false;
	unit->hurry = HURRY_NO;
	a->parked[a->parked_n++] = unit;
}

/* Or NULL. */
static struct audit_unit *unpark(struct audit *a, const struct audit_unit *like)
{
	for (size_t i = 0; i < a->parked_n; i++) {
		struct audit_unit *unit = a->parked[i];
		if (unit_compare(unit, like) != 0)
			continue;
		a->parked[i] = a->parked[--a->parked_n];
		return unit;
	}
	return NULL;
}

/* ---- what is wanted ---- */

struct wanted {
	struct audit *a;
	struct audit_unit **unit; /* UNITS_MAX */
	size_t n;
	size_t room;        /* of the kind that is being added, for as many more */
	struct table *name; /* that are there */
	size_t fresh;       /* not looked at before */
};

static void want_addresses(struct wanted *wanted)
{
	const struct audit *a = wanted->a;
	for (size_t i = 0; i < a->address_n; i++) {
		const struct ip *ip = &a->address[i].ip;
		if (!is_asked(&a->address[i]))
			continue;
		wanted->unit[wanted->n++] = unit_new(UNIT_REVERSE, ip, (struct span){0});
		wanted->unit[wanted->n++] = unit_new(UNIT_AUTHORITY, ip, (struct span){0});
	}
}

static void want_name(struct wanted *wanted, enum unit_kind kind, struct span text)
{
	char name[NAME_SIZE];
	char key[NAME_SIZE + 1];
	if (wanted->room == 0 || !name_canonical(text, name) || !name_is_public(name))
		return;
	/* A domain may be probed, too. */
	key[0] = (char)('0' + (int)kind);
	size_t n = 1 + span_copy(span_of(name), key + 1, sizeof(key) - 1);
	if (table_find(wanted->name, span_make(key, n)))
		return;
	(void)table_add(wanted->name, span_make(key, n), 0);
	wanted->unit[wanted->n++] = unit_new(kind, NULL, span_of(name));
	wanted->room--;
}

static void want_strings(
	struct wanted *wanted, enum unit_kind kind, const struct config_strings *strings)
{
	/* There may be a hundred thousand of them. */
	for (size_t i = 0; i < strings->n && wanted->room > 0; i++)
		want_name(wanted, kind, span_of(strings->text[i]));
}

static void want_volume(struct wanted *wanted)
{
	struct volume_row *row = xcalloc(VOLUME_MAX, sizeof(*row));
	size_t n = volume_rows(wanted->a->volume, row);
	for (size_t i = 0; i < n; i++)
		want_name(wanted, UNIT_DOMAIN, row[i].domain);
	free(row);
}

static void want_domains(struct wanted *wanted)
{
	const struct config *config = wanted->a->config;
	wanted->room = AUDIT_DOMAINS_MAX;
	want_strings(wanted, UNIT_DOMAIN, &config->egress.domains);
	size_t kept = wanted->room > LOCAL_ROOM ? wanted->room - LOCAL_ROOM : 0;
	wanted->room -= kept;
	want_strings(wanted, UNIT_DOMAIN, &config->local_domains);
	wanted->room += kept;
	want_volume(wanted);
	want_strings(wanted, UNIT_DOMAIN, &config->local_domains);
}

/*
 * Mail goes to the domain of a host, not to the host: its name without the first label, if that leaves two. This
 * may be wrong; then there is no MX, and nothing is known of it.
 */
static struct span domain_of_host(const char *host)
{
	const char *dot = strchr(host, '.');
	return span_of(dot && strchr(dot + 1, '.') ? dot + 1 : host);
}

static void want_probes(struct wanted *wanted)
{
	const struct audit *a = wanted->a;
	wanted->room = a->config->egress.probe ? AUDIT_PROBE_DOMAINS_MAX : 0;
	for (size_t i = 0; i < a->address_n; i++) {
		if (is_asked(&a->address[i]))
			want_name(wanted, UNIT_PROBE, domain_of_host(a->address[i].helo));
	}
	want_strings(wanted, UNIT_PROBE, &a->config->local_domains);
}

static void want_selectors(struct wanted *wanted)
{
	struct audit *a = wanted->a;
	size_t kept = 0;
	wanted->room = AUDIT_SELECTORS_MAX;
	want_strings(wanted, UNIT_SELECTOR, &a->config->egress.dkim_selectors);
	for (size_t i = 0; i < a->selector_n; i++) {
		if (is_past(mono_after(a->selector[i].at, SELECTOR_KEEP_US), a->now.mono))
			continue;
		if (i > kept)
			a->selector[kept] = a->selector[i];
		want_name(wanted, UNIT_SELECTOR, span_of(a->selector[kept++].name));
	}
	a->selector_n = kept;
}

static int by_unit(const void *a, const void *b)
{
	return unit_compare(*(struct audit_unit *const *)a, *(struct audit_unit *const *)b);
}

static struct audit_unit **unit_place(
	struct audit_unit **unit, size_t n, const struct audit_unit *like)
{
	return n ? bsearch(&like, unit, n, sizeof(struct audit_unit *), by_unit) : NULL;
}

/* ---- all ---- */

/* The one that is there already, or was, in place of the one that was made. */
static struct audit_unit *known_unit(
	struct wanted *wanted, struct audit_unit *made, struct audit_unit **old)
{
	struct audit *a = wanted->a;
	struct audit_unit **place = unit_place(a->unit, a->unit_n, made), *unit = made;
	if (place) {
		unit = *place;
		old[place - a->unit] = NULL;
	} else if ((unit = unpark(a, made))) {
		a->is_dirty = true;
	} else {
		unit = made;
	}
	if (unit != made)
		unit_free(made);
	if (findings_make(a, unit))
		unit->due = MONO_NEVER;
	wanted->fresh += unit->due.us == MONO_NEVER.us;
	return unit;
}

static void plan_fresh(const struct wanted *wanted)
{
	struct audit *a = wanted->a;
	int64_t spread = SPREAD_US + (int64_t)wanted->fresh * SPREAD_EACH_US;
	int64_t interval = audit_interval_us(a);
	spread = spread < interval ? spread : interval;
	for (size_t i = 0; i < wanted->n; i++) {
		struct audit_unit *unit = wanted->unit[i];
		bool is_address = unit->kind <= UNIT_AUTHORITY;
		if (unit->due.us == MONO_NEVER.us)
			unit->due = mono_after(
				a->now.mono, audit_chance(a, is_address ? SPREAD_US : spread));
	}
}

/* What is not wanted any more. */
static void drop_old(struct audit *a, struct audit_unit **old, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!old[i])
			continue;
		runs_drop(a, old[i]);
		a->is_dirty = true;
		old[i]->parked = a->now.mono;
		if (a->config->egress.audit)
			unit_park(a, old[i]);
		else
			unit_free(old[i]);
	}
}

static void parked_forget(struct audit *a)
{
	for (size_t i = 0; i < a->parked_n; i++)
		unit_free(a->parked[i]);
	a->parked_n = 0;
}

static void want_all(struct wanted *wanted)
{
	const struct siphash_key hash_key = {(uint64_t)audit_chance(wanted->a, INT64_MAX),
		(uint64_t)audit_chance(wanted->a, INT64_MAX)};
	const struct table_setup setup = {
		.entry_bytes = sizeof(struct table_node), .lists = 1, .hash_key = hash_key};
	if (!audit_is_on(wanted->a))
		return;
	wanted->name = table_new(&setup);
	want_addresses(wanted);
	want_domains(wanted);
	want_selectors(wanted);
	want_probes(wanted);
	table_free(wanted->name);
	qsort(wanted->unit, wanted->n, sizeof(void *), by_unit);
}

void units_update(struct audit *a)
{
	struct wanted wanted = {.a = a, .unit = xcalloc(UNITS_MAX, sizeof(void *))};
	size_t old_n = a->unit_n;
	parked_expire(a);
	want_all(&wanted);
	struct audit_unit **old = xcalloc(old_n ? old_n : 1, sizeof(struct audit_unit *));
	if (old_n)
		memcpy(old, a->unit, old_n * sizeof(struct audit_unit *));
	for (size_t i = 0; i < wanted.n; i++)
		wanted.unit[i] = known_unit(&wanted, wanted.unit[i], old);
	drop_old(a, old, old_n);
	if (!a->config->egress.audit)
		parked_forget(a);
	plan_fresh(&wanted);
	free(old);
	free(a->unit);
	a->unit = wanted.unit;
	a->unit_n = wanted.n;
	a->aging = a->now.mono;
}

void units_forget(struct audit *a)
{
	for (size_t i = 0; i < a->unit_n; i++) {
		runs_drop(a, a->unit[i]);
		unit_free(a->unit[i]);
	}
	a->unit_n = 0;
}

void units_free(struct audit *a)
{
	units_forget(a);
	parked_forget(a);
	free(a->unit);
	free(a->parked);
}
