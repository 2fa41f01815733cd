/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of this module share; private to it (SPF, DKIM and DMARC have headers of
 * their own).
 *
 *	audit.c      its life: a new snapshot, our addresses, time passing, effects out
 *	unit.c       what there is to look at: addresses, domains, keys
 *	volume.c     which sender domains are used most
 *	run.c        looks that are under way, one question each
 *	reverse.c    an address: its names, where they lead, HELO
 *	helo_spf.c   an address: SPF of its HELO name
 *	authority.c  an address: what each authoritative server says
 *	domain.c     a domain: SPF for each address, DMARC, MX
 *	selector.c   a key
 *	probe.c      a domain: whether abuse@ and postmaster@ are accepted
 *	name.c, generic.c  what a host's name may look like, and what it should not
 *	record.c     SPF in words, records to publish
 *	finding.c    from looks to verdicts; what people see
 *	change.c     events
 *	save.c, load.c  what outlives the process
 *
 * A unit is looked at as a whole, by one walk: a small machine that has one question at a time, takes its
 * answer, and in the end reports what it saw of each check.
 */
#ifndef POLICYD_AUDIT_INTERNAL_H
#define POLICYD_AUDIT_INTERNAL_H

#include "policyd/audit.h"
#include "policyd/spf.h"
#include "policyd/table.h"

/* ---- finding.c ---- */

/* What one look says of one check. */
struct sighting {
	enum audit_result seen;
	char evidence[AUDIT_TEXT_SIZE], fix[AUDIT_TEXT_SIZE];
};
/* Sets both; printed text is made harmless: only what is printable ASCII stays. */
void sighting_set(struct sighting *s, enum audit_result seen, const char *format, ...)
	PRINTF_LIKE(3, 4);
void sighting_fix(struct sighting *s, const char *format, ...) PRINTF_LIKE(2, 3);

/* Text that grows within a buffer; what does not fit is cut. */
struct words {
	char *buf;
	size_t size, n;
};
/* The buffer is empty then. */
struct words words_in(char *buf, size_t size);
void words_add(struct words *words, const char *format, ...) PRINTF_LIKE(2, 3);

struct finding {
	struct ip ip;          /* of SPF; zero: all */
	uint8_t check;         /* enum audit_check */
	uint8_t verdict, seen; /* enum audit_result */
	uint8_t failed, good;  /* looks in a row, as far as they count */
	bool was_known;        /* it had a verdict once */
	bool has_failing;      /* failing says something */
	mono_t failing;        /* the first of the failed looks in a row */
	mono_t counted;        /* the last look that counted */
	mono_t renewed;        /* the last look that told something */
	wall_t since, looked;
	char *evidence, *fix;
};
struct audit_unit;
void finding_learn(struct audit *a, const struct audit_unit *unit, struct finding *finding,
	const struct sighting *sighting);
void finding_release(struct finding *finding);
/* What was not renewed becomes unknown. */
void findings_age(struct audit *a);
mono_t findings_due(const struct audit *a);
bool finding_wants_again(const struct finding *finding);

/* ---- unit.c ---- */

/* Their numbers are saved. */
enum unit_kind { UNIT_REVERSE, UNIT_AUTHORITY, UNIT_DOMAIN, UNIT_SELECTOR, UNIT_PROBE, UNIT_KINDS };
enum hurry { HURRY_NO, HURRY_WANTED, HURRY_RUNNING };

struct audit_unit {
	enum unit_kind kind;
	struct ip ip; /* of an address, else zero */
	char *name;   /* of an address "" */
	char *organisation; /* of a domain: its organisational domain (RFC 9989 4.10.2); NULL: not known */
	mono_t due;
	mono_t not_before; /* of a probe: whoever is in a hurry, its domain's MX is not asked again until then */
	mono_t parked; /* since when it is not there */
	bool is_running;
	enum hurry hurry;
	size_t finding_n;
	struct finding *finding;
};
/* By address, then domains, then keys. */
int unit_compare(const struct audit_unit *a, const struct audit_unit *b);
struct audit_unit *unit_new(enum unit_kind kind, const struct ip *ip, struct span name);
void unit_free(struct audit_unit *unit);
struct finding *unit_finding(struct audit_unit *unit, enum audit_check check, const struct ip *ip);
/* Adds one that knows nothing. */
struct finding *unit_add(struct audit_unit *unit, enum audit_check check, const struct ip *ip);
/* "192.0.2.1", "example.org". */
const char *unit_subject(const struct audit_unit *unit, char buf[IP_TEXT_SIZE]);
/* Lays together anew what there is to look at; what is known of what stays goes over. */
void units_update(struct audit *a);
void units_free(struct audit *a);
/* As if there were nothing to look at; units_update() follows. */
void units_forget(struct audit *a);
/* Takes over what is known of a unit; it belongs to the audit then. */
void unit_park(struct audit *a, struct audit_unit *unit);
#define PARKED_KEEP_US (7 * DAY_US)
#define UNITS_MAX                                                                                  \
	(2 * EGRESS_ADDRESSES_MAX + AUDIT_DOMAINS_MAX + AUDIT_SELECTORS_MAX +                      \
		AUDIT_PROBE_DOMAINS_MAX)

/* ---- volume.c ---- */

struct volume;
struct volume *audit_volume_new(const struct siphash_key *hash_key);
void audit_volume_free(struct volume *v);
void audit_volume_add(struct volume *v, struct span domain, uint64_t recipients);
/* Halves all counts; what comes to nothing goes. */
void volume_decay(struct volume *v);
size_t volume_n(const struct volume *v);
size_t volume_bytes(const struct volume *v);
struct volume_row {
	struct span domain;
	uint64_t count; /* at least so many */
};
#define VOLUME_MAX ((size_t)2 * AUDIT_DOMAINS_MAX)
/* All of them, by how much is sent for sure; row has room for VOLUME_MAX. */
size_t volume_rows(const struct volume *v, struct volume_row *row);

/* ---- run.c ---- */

/* A walk over what one unit asks. */
struct walk_kind {
	void *(*begin)(const struct audit *a, const struct audit_unit *unit);
	/* The next question; its name and server are the walk's. False: it is over. */
	bool (*question)(void *walk, struct dns_question *ret);
	/* Never NULL. */
	void (*answered)(void *walk, const struct dns_answer *answer);
	void (*report)(struct audit *a, struct audit_unit *unit, void *walk);
	void (*free)(void *walk);
	/* When it has no question any more: whom to probe; NULL: nobody, or it was told. Both may be absent. */
	const struct probe_order *(*order)(void *walk);
	/* NULL: it could not be carried out. */
	void (*probed)(void *walk, const struct probe_outcome *outcome);
};
extern const struct walk_kind reverse_walk, authority_walk, domain_walk, selector_walk, probe_walk;
void report(struct audit *a, struct audit_unit *unit, enum audit_check check, const struct ip *ip,
	const struct sighting *sighting);

struct run {
	struct audit_unit *unit;      /* NULL: it is gone, and what comes is passed over */
	const struct walk_kind *kind; /* NULL: the place is free */
	void *walk;
	bool is_fresh; /* asks behind our own cache */
	bool is_asking;
	bool is_probing; /* what it asks is no question to DNS */
	audit_ask id;
	mono_t until; /* nobody waits longer for an answer */
};
bool run_ask(struct audit *a, struct audit_effect *ret);
void runs_tick(struct audit *a);
mono_t runs_due(const struct audit *a);
/* The unit is no more. */
void runs_drop(struct audit *a, const struct audit_unit *unit);
void runs_free(struct audit *a);

/* ---- record.c ---- */

/* What SPF says of one address. */
struct spf_seen {
	struct ip ip;
	enum spf_verdict verdict;
	char term[SPF_TEXT_SIZE], why[SPF_TEXT_SIZE];
};
/* Of a walk that is over, and the end of it; the record that it found, to be freed. */
char *spf_take(struct spf_walk **walk, struct spf_seen *ret);
/* A record with the address in it would mend it. */
bool spf_is_missing(enum spf_verdict verdict);
/* In words; of a record that is wrong the fix too. */
void spf_say(struct sighting *s, const char *domain, const struct spf_seen *seen);
/* The SPF record with the mechanisms of these addresses put in front, or a sentence where it is too long. */
struct spf_missing {
	const struct ip *ip;
	size_t n;
};
void spf_fix(struct sighting *s, const char *domain, const char *record,
	const struct spf_missing *missing);

/* ---- helo_spf.c ---- */

/* SPF of the name that an address says in HELO, which receivers judge bounces by (RFC 7208 2.3, 2.4). */
struct helo_spf {
	struct spf_walk *walk;
	bool is_over;
	struct spf_seen says;
	char *record;
};
/* helo: "" or no name, and there is nothing to ask. True: a question. */
bool helo_spf_question(
	struct helo_spf *spf, const struct ip *ip, const char *helo, struct dns_question *ret);
void helo_spf_answered(struct helo_spf *spf, const struct dns_answer *answer);
/* leads_here: the name has the address, so that the mechanism "a" lets it. */
void helo_spf_judge(
	const struct helo_spf *spf, const char *helo, bool leads_here, struct sighting *s);
void helo_spf_free(struct helo_spf *spf);

/* ---- name.c, generic.c ---- */

#define NAME_SIZE 254
/* Lower case and A-labels, without a dot at its end; false: too long or empty. */
bool name_canonical(struct span text, char buf[NAME_SIZE]);
/* Why it is no public host name, in words; NULL: it is one. */
const char *name_fault(const char *name);
/* A domain of the public DNS: as name_fault(), but '_' may be in it. */
bool name_is_public(const char *name);
/* "10.2.0.192.in-addr.arpa" */
#define REVERSE_SIZE (IP_REVERSED_SIZE + 16)
const char *name_reverse(const struct ip *ip, char buf[REVERSE_SIZE]);

#define GENERIC_SCORE   4U
#define GENERIC_WHY_MAX 100
/* How much it looks like the name of a line; from GENERIC_SCORE on it does. why: the most of it, in words. */
unsigned generic_score(const char *name, const struct ip *ip, char why[GENERIC_WHY_MAX]);

/* ---- change.c ---- */

/* An event that waits to be taken. */
struct change {
	struct change *next;
	bool is_grave;
	wall_t at;
	char *account, *text;
	const char *check;
};
/* All verdicts may change at once, but not more than people can read. */
#define CHANGES_MAX 10000
void change_verdict(struct audit *a, const struct audit_unit *unit, const struct finding *finding,
	enum audit_result from);
bool audit_change_take(struct audit *a, struct audit_effect *ret);
void audit_changes_free(struct audit *a);

/* ---- audit.c ---- */

/* A signature that was seen. */
struct seen_selector {
	char name[NAME_SIZE];
	mono_t at;
};

struct audit {
	struct config *config;
	struct now now; /* of the call that is running */
	uint64_t chance;
	bool is_dirty;

	struct egress_address *address; /* EGRESS_ADDRESSES_MAX */
	size_t address_n;
	struct volume *volume;
	struct seen_selector *selector; /* AUDIT_SELECTORS_MAX */
	size_t selector_n;

	struct audit_unit **unit, **parked; /* sorted; as they came */
	size_t unit_n, parked_n;
	bool wants_update; /* a domain or key is in use that may not be looked at yet */
	mono_t update;     /* when what there is to look at is laid together anew */
	mono_t decay;
	mono_t aging; /* the earliest that a verdict may run out */

	struct run run[AUDIT_IN_FLIGHT_MAX];
	size_t run_n;
	uint64_t serial;

	struct change *changes, **changes_end, *given;
	size_t change_n;
	uint64_t asked, dropped;
};
/* 0 to below - 1; below at least 1. */
int64_t audit_chance(struct audit *a, int64_t below_us);
/* What is looked at at all: there is something of ours, and it is wanted. */
bool audit_is_on(const struct audit *a);
int64_t audit_interval_us(const struct audit *a);
/* After a look that told nothing or that must be confirmed. */
#define AGAIN_US (10 * MINUTE_US)

static inline bool is_past(mono_t t, mono_t now)
{
	return t.us <= now.us;
}

static inline bool dns_is_told(enum dns_result result)
{
	return result <= DNS_NXDOMAIN;
}

#endif
