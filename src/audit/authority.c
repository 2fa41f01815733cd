/* SPDX-License-Identifier: ISC */
/*
 * What each authoritative server says of an address and of its name: servers that do not answer, or not the
 * same, are why receivers now and then refuse mail from an address that looks right. For the reverse and
 * the forward zone: where the zone is cut, walking up SOA by SOA (below a /24 by way of a CNAME, RFC 2317), its
 * servers, and from each the SOA and the records.
 */
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* As many as the root has; nobody needs more. */
#define SERVERS_MAX 13
#define SAID_SIZE   100
#define DNS_PORT    53

struct server {
	char name[NAME_SIZE];
	struct dns_server at;
	bool has_address, is_authoritative;
	enum dns_result result; /* of SOA, then of the records */
	uint32_t serial;
	size_t n;     /* records */
	uint64_t set; /* their sum */
	char said[SAID_SIZE];
};

enum step { STEP_OWNER, STEP_CUT, STEP_NS, STEP_HOST, STEP_SERIAL, STEP_SET, STEP_OVER };

struct zone {
	enum step step;
	enum dns_type type;
	char owner[DNS_NAME_SIZE]; /* at the end of its chain of CNAME */
	enum dns_result owner_result;
	size_t cut,
		dead; /* in owner: the zone; what was not answered though the zone above it was */
	bool has_cut, has_dead;
	enum dns_result failure; /* has_dead: why; and that of NS */
	bool has_ns, wants_v6;
	size_t n, at;
	struct server *server; /* SERVERS_MAX */
};

struct authority {
	char helo[NAME_SIZE];
	struct zone reverse, forward;
	bool has_forward; /* there is a name */
};

static void *authority_begin(const struct audit *a, const struct audit_unit *unit)
{
	struct authority *walk = xcalloc(1, sizeof(*walk));
	for (size_t i = 0; i < a->address_n; i++) {
		if (ip_equal(&a->address[i].ip, &unit->ip) &&
			!name_canonical(span_of(a->address[i].helo), walk->helo))
			walk->helo[0] = '\0';
	}
	walk->reverse.type = DNS_PTR;
	walk->forward.type = ip_is_v4(&unit->ip) ? DNS_A : DNS_AAAA;
	(void)name_reverse(&unit->ip, walk->reverse.owner);
	walk->reverse.server = xcalloc(SERVERS_MAX, sizeof(struct server));
	walk->forward.server = xcalloc(SERVERS_MAX, sizeof(struct server));
	return walk;
}

static void authority_free(void *walk)
{
	struct authority *it = walk;
	free(it->reverse.server);
	free(it->forward.server);
	free(it);
}

/* ---- questions ---- */

static bool zone_question(const struct zone *zone, struct dns_question *ret)
{
	const struct server *server = &zone->server[zone->at];
	struct span owner = span_of(zone->owner), cut = span_of(zone->owner + zone->cut);
	switch (zone->step) {
	case STEP_OWNER:
		*ret = (struct dns_question){.name = owner, .type = zone->type};
		return true;
	case STEP_CUT:
		*ret = (struct dns_question){.name = cut, .type = DNS_SOA};
		return true;
	case STEP_NS:
		*ret = (struct dns_question){.name = cut, .type = DNS_NS};
		return true;
	case STEP_HOST:
		*ret = (struct dns_question){
			.name = span_of(server->name), .type = zone->wants_v6 ? DNS_AAAA : DNS_A};
		return true;
	case STEP_SERIAL:
		*ret = (struct dns_question){.name = cut, .type = DNS_SOA, .server = &server->at};
		return true;
	case STEP_SET:
		*ret = (struct dns_question){
			.name = owner, .type = zone->type, .server = &server->at};
		return true;
	case STEP_OVER:
		break;
	}
	return false;
}

static bool authority_question(void *walk, struct dns_question *ret)
{
	struct authority *it = walk;
	return zone_question(&it->reverse, ret) ||
	       (it->has_forward && zone_question(&it->forward, ret));
}

/* ---- answers ---- */

static void owner_answered(struct zone *zone, const struct dns_answer *answer)
{
	zone->owner_result = answer->result;
	zone->step = STEP_CUT;
	if (dns_is_told(answer->result) && answer->canonical.n > 0 &&
		answer->canonical.n < sizeof(zone->owner))
		(void)span_copy(answer->canonical, zone->owner, sizeof(zone->owner));
}

static void cut_answered(struct zone *zone, const struct dns_answer *answer)
{
	if (answer->result == DNS_FOUND) {
		zone->has_cut = true;
		/* The zone above answers: it is the one below that is dead, and nobody says who has it. */
		zone->step = zone->has_dead ? STEP_OVER : STEP_NS;
		return;
	}
	if (!dns_is_told(answer->result)) {
		zone->has_dead = true;
		zone->dead = zone->cut;
		zone->failure = answer->result;
	}
	const char *dot = strchr(zone->owner + zone->cut, '.');
	if (dot && dot[1])
		zone->cut = (size_t)(dot + 1 - zone->owner);
	else
		zone->step = STEP_OVER;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct server *)a)->name, ((const struct server *)b)->name);
}

static void ns_answered(struct zone *zone, const struct dns_answer *answer)
{
	zone->failure = answer->result;
	zone->has_ns = answer->result == DNS_FOUND;
	for (size_t i = 0; zone->has_ns && i < answer->n && zone->n < SERVERS_MAX; i++)
		zone->n += name_canonical(answer->rr[i].name, zone->server[zone->n].name);
	qsort(zone->server, zone->n, sizeof(*zone->server), by_name);
	zone->step = zone->n > 0 ? STEP_HOST : STEP_OVER;
}

/* The next server that can be asked, from the present one on. */
static void serial_next(struct zone *zone)
{
	while (zone->at < zone->n && !zone->server[zone->at].has_address)
		zone->at++;
	zone->step = zone->at < zone->n ? STEP_SERIAL : STEP_OVER;
}

static void host_answered(struct zone *zone, const struct dns_answer *answer)
{
	struct server *server = &zone->server[zone->at];
	server->has_address = answer->result == DNS_FOUND && answer->n > 0;
	server->result = answer->result;
	if (server->has_address)
		server->at = (struct dns_server){.ip = answer->rr[0].ip, .port = DNS_PORT};
	zone->wants_v6 = !zone->wants_v6 && !server->has_address;
	if (zone->wants_v6)
		return;
	if (++zone->at < zone->n)
		return;
	zone->at = 0;
	serial_next(zone);
}

static void serial_answered(struct zone *zone, const struct dns_answer *answer)
{
	struct server *server = &zone->server[zone->at];
	server->result = answer->result;
	server->is_authoritative = answer->is_authoritative;
	if (answer->result == DNS_FOUND && answer->n > 0 && answer->is_authoritative) {
		server->serial = answer->rr[0].serial;
		zone->step = STEP_SET;
		return;
	}
	zone->at++;
	serial_next(zone);
}

/* FNV-1a (Fowler, Noll, Vo). The sum of all, so that their order does not matter. */
static uint64_t hash_of(struct span text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (uint8_t)text.p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void set_answered(struct zone *zone, const struct dns_answer *answer)
{
	struct server *server = &zone->server[zone->at];
	struct words words = words_in(server->said, sizeof(server->said));
	char ip[IP_TEXT_SIZE];
	server->result = answer->result;
	server->is_authoritative = answer->is_authoritative;
	server->n = answer->result == DNS_FOUND ? answer->n : 0;
	for (size_t i = 0; i < server->n; i++) {
		struct span text = zone->type == DNS_PTR
					   ? answer->rr[i].name
					   : span_of(ip_format(&answer->rr[i].ip, ip));
		server->set += hash_of(text);
		words_add(&words, "%s%.*s", i ? " " : "", (int)(text.n < 80 ? text.n : 80), text.p);
	}
	if (server->n == 0)
		words_add(&words, "that there is nothing");
	zone->at++;
	serial_next(zone);
}

static void zone_answered(struct zone *zone, const struct dns_answer *answer)
{
	static void (*const takes[])(struct zone * zone, const struct dns_answer *answer) = {
		[STEP_OWNER] = owner_answered,
		[STEP_CUT] = cut_answered,
		[STEP_NS] = ns_answered,
		[STEP_HOST] = host_answered,
		[STEP_SERIAL] = serial_answered,
		[STEP_SET] = set_answered,
	};
	if (zone->step != STEP_OVER)
		takes[zone->step](zone, answer);
}

/* The name whose zone is looked at too: that of reverse DNS, else HELO. */
static void take_forward(struct authority *walk, const struct dns_answer *answer)
{
	char name[NAME_SIZE];
	const char *best = walk->helo;
	for (size_t i = 0; answer->result == DNS_FOUND && i < answer->n; i++) {
		if (!name_canonical(answer->rr[i].name, name) || name_fault(name))
			continue;
		best = name;
		break;
	}
	walk->has_forward = !name_fault(best);
	(void)span_copy(span_of(best), walk->forward.owner, sizeof(walk->forward.owner));
}

static void authority_answered(void *walk, const struct dns_answer *answer)
{
	struct authority *it = walk;
	bool is_first = it->reverse.step == STEP_OWNER;
	if (is_first)
		take_forward(it, answer);
	zone_answered(it->reverse.step != STEP_OVER ? &it->reverse : &it->forward, answer);
}

/* ---- what it says ---- */

static bool is_good(const struct server *server)
{
	return server->has_address && server->is_authoritative && dns_is_told(server->result);
}

static const char *server_trouble(const struct server *server)
{
	if (!server->has_address)
		return dns_is_told(server->result) ? "has no address" : "its address is not known";
	if (server->result == DNS_FOUND)
		return "does not have the zone";
	return dns_is_told(server->result) ? "does not know the zone"
					   : dns_result_name(server->result);
}

struct tally {
	const struct server *good, *other; /* that says another thing */
	size_t good_n, impostors;
	bool has_serials; /* of good ones, that differ */
	char bad[200];    /* the others, with their trouble */
	size_t bad_n;
};

static void tally_good(struct tally *tally, const struct server *server)
{
	tally->good_n++;
	if (!tally->good) {
		tally->good = server;
		return;
	}
	if (tally->good->n != server->n || tally->good->set != server->set)
		tally->other = server;
	tally->has_serials = tally->has_serials || tally->good->serial != server->serial;
}

static struct tally tally_of(const struct zone *zone)
{
	struct tally tally = {0};
	struct words bad = words_in(tally.bad, sizeof(tally.bad));
	for (size_t i = 0; i < zone->n; i++) {
		const struct server *server = &zone->server[i];
		if (is_good(server)) {
			tally_good(&tally, server);
			continue;
		}
		tally.impostors += server->has_address && server->result == DNS_FOUND;
		words_add(&bad, "%s%.80s (%s)", tally.bad_n++ ? ", " : "", server->name,
			server_trouble(server));
	}
	return tally;
}

static void judge_none(const struct zone *zone, const struct tally *tally, struct sighting *s)
{
	const char *name = zone->owner + zone->cut;
	if (tally->impostors == zone->n)
		sighting_set(s, AUDIT_UNKNOWN,
			"no server of %.100s answers as one: something may answer in their place",
			name);
	else
		sighting_set(s, AUDIT_UNKNOWN,
			"no server of %.100s answers us (is port 53 outward "
			"open?): %s",
			name, tally->bad);
}

static void judge_servers(const struct zone *zone, struct sighting *s)
{
	const char *name = zone->owner + zone->cut;
	struct tally tally = tally_of(zone);
	if (tally.good_n == 0) {
		judge_none(zone, &tally, s);
	} else if (tally.other) {
		sighting_set(s, AUDIT_FAIL, "of %.80s %.60s says %s, %.60s says %s", zone->owner,
			tally.good->name, tally.good->said, tally.other->name, tally.other->said);
		sighting_fix(s, "have all servers of %.200s load the same zone (serials %u and %u)",
			name, tally.good->serial, tally.other->serial);
	} else if (tally.bad_n > 0) {
		sighting_set(s, AUDIT_WARN, "of the %zu servers of %.100s %zu are lame: %s",
			zone->n, name, tally.bad_n, tally.bad);
		sighting_fix(s, "mend these servers, or take them out of the NS records of %.200s",
			name);
	} else if (tally.has_serials) {
		sighting_set(s, AUDIT_WARN, "the servers of %.200s have different serials", name);
		sighting_fix(s, "see whether zone transfers of %.200s work", name);
	} else {
		sighting_set(s, AUDIT_PASS, "the %zu servers of %.200s agree", zone->n, name);
	}
}

/* "192.in-addr.arpa" belongs to a registry, with rare exceptions. */
static bool is_registry(const char *name)
{
	unsigned dots = 0;
	for (const char *at = name; (at = strchr(at, '.')); at++)
		dots++;
	return dots <= 2;
}

static void judge_zone(const struct zone *zone, struct sighting *s)
{
	const char *name = zone->owner + zone->cut;
	if (zone->has_dead && zone->has_cut) {
		sighting_set(s, AUDIT_WARN,
			"%.120s cannot be looked up (%s), %.100s above it can: its servers are "
			"lame, or "
			"not to be reached from here",
			zone->owner + zone->dead, dns_result_name(zone->failure), name);
		sighting_fix(s, "ask who runs %.200s", zone->owner + zone->dead);
	} else if (!zone->has_cut) {
		sighting_set(s, AUDIT_UNKNOWN, "the zone of %.200s could not be found%s%s",
			zone->owner, zone->has_dead ? ": " : "",
			zone->has_dead ? dns_result_name(zone->failure) : "");
	} else if (zone->type == DNS_PTR && zone->owner_result != DNS_FOUND && is_registry(name)) {
		sighting_set(
			s, AUDIT_WARN, "the reverse zone is not delegated: the next is %s", name);
		sighting_fix(s, "who gave you the address has to have its reverse zone delegated");
	} else if (!zone->has_ns) {
		sighting_set(s, AUDIT_UNKNOWN, "the servers of %.200s could not be looked up: %s",
			name, dns_result_name(zone->failure));
	} else {
		judge_servers(zone, s);
	}
}

/* What is wrong goes before what is not known, and that before what is right. */
static int weight(enum audit_result result)
{
	static const int weights[AUDIT_RESULTS] = {
		[AUDIT_PASS] = 0, [AUDIT_UNKNOWN] = 1, [AUDIT_WARN] = 2, [AUDIT_FAIL] = 3};
	return weights[result];
}

static void authority_report(struct audit *a, struct audit_unit *unit, void *walk)
{
	const struct authority *it = walk;
	struct sighting reverse = {0}, forward = {0};
	judge_zone(&it->reverse, &reverse);
	if (it->has_forward)
		judge_zone(&it->forward, &forward);
	bool is_forward = it->has_forward && weight(forward.seen) > weight(reverse.seen);
	if (it->has_forward && forward.seen == AUDIT_PASS && reverse.seen == AUDIT_PASS)
		sighting_set(&reverse, AUDIT_PASS,
			"the servers of %.150s (%zu) and %.150s (%zu) agree",
			it->reverse.owner + it->reverse.cut, it->reverse.n,
			it->forward.owner + it->forward.cut, it->forward.n);
	report(a, unit, CHECK_AUTHORITY, &unit->ip, is_forward ? &forward : &reverse);
}

const struct walk_kind authority_walk = {authority_begin, authority_question, authority_answered,
	authority_report, authority_free, NULL, NULL};
