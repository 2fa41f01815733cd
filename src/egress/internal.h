/* SPDX-License-Identifier: ISC */
/*
 * internal.h - what the files of this module share; private to it.
 *
 *	egress.c    its life: a new snapshot, time passing, effects out, answers in
 *	subject.c   our addresses and domains: what there is to ask about
 *	ptr.c       names that our addresses have in DNS
 *	classify.c  one answer: clean, listed, an error
 *	sight.c     the same in words
 *	look.c      questions that belong together: test points and subjects of one list
 *	list.c      whether a list can be believed
 *	record.c    what is known of one subject on one list
 *	listing.c   N of M: from looks to a verdict; aging
 *	cycle.c     when which list is asked
 *	text.c      a list's TXT for a listing
 *	flight.c    questions that are open
 *	change.c    events and notes
 *	check.c     looking now
 *	client.c    clients of accounts
 *	view.c, figures.c  what people see
 *	save.c, load.c  what outlives the process
 *
 * A look holds its answers until all of them are there: those of the subjects count only when the test
 * points of the same look were right.
 */
#ifndef POLICYD_EGRESS_INTERNAL_H
#define POLICYD_EGRESS_INTERNAL_H

#include "policyd/egress.h"
#include "policyd/table.h"

/* ---- subject.c ---- */

struct egress_subject {
	struct ip ip; /* of an address */
	char *text;
	enum blocklist_subject kind;
	const char *why;
};

/* What is asked about, addresses first. Never changed, but replaced; a look keeps its own. */
struct subjects {
	unsigned refs;
	size_t n, domain_n;
	size_t cut;  /* names beyond EGRESS_DOMAINS_MAX */
	size_t room; /* while it is made: domains that may be in it so far */
	struct egress_subject *at;
};
struct subjects *subjects_ref(struct subjects *s);
void subjects_unref(struct subjects *s);
/* The place of a text, or -1. */
ptrdiff_t subjects_find(const struct subjects *s, struct span text);

#define PTR_NAMES_MAX 4
struct own_address {
	struct egress_address address;
	bool is_configured;
	bool is_asking; /* its PTR */
	mono_t ptr_due;
	size_t ptr_n;
	char *ptr[PTR_NAMES_MAX];
};

/* Lays configured and found addresses together, keeping the PTR names of those that stay. */
void own_addresses_update(struct egress *e);
void own_addresses_free(struct egress *e);
/* Or NULL. */
struct own_address *own_address_of(struct egress *e, const struct ip *ip);
struct subjects_moves {
	const struct subjects *old; /* NULL: there was none */
	int32_t *from;              /* of each present subject: its place in old, or -1 */
};
/* Makes the subjects anew, and the records of all lists when they or the lists are other ones. */
void subjects_update(struct egress *e, bool are_lists_new);
/* A host's or domain's name in its canonical form; false: it is none that a list could know. */
bool egress_domain(struct span text, char buf[254]);

/* ---- classify.c ---- */

/* Sorted, so that equal sets are equal bytes. */
struct codes {
	uint8_t n;
	uint8_t at[LISTING_CODES_MAX][4];
};

enum sight_kind {
	SIGHT_NONE, /* not answered */
	SIGHT_CLEAN,
	SIGHT_LISTED,
	SIGHT_UNMATCHED, /* codes that the list's description does not have */
	SIGHT_ERROR,     /* a code that is no listing */
	SIGHT_OUTSIDE,   /* an address outside of 127/8 */
	SIGHT_FAILED,    /* no answer; result says why */
	SIGHT_UNASKED,   /* it could not be put: no room, or the name is too long */
	SIGHT_UNPROVEN,  /* clean, on a list that does not show that it knows of such subjects */
	SIGHT_ELSEWHERE, /* answered by another resolver than the test points */
};

/* One answer of a list. */
struct sight {
	enum sight_kind kind;
	enum dns_result result;
	uint32_t ttl_s;
	mono_t fetched;
	struct codes codes; /* those that made it what it is */
};
/* answer NULL: it could not be put. */
void sight_of(const struct blocklist *list, const struct dns_answer *answer, struct now now,
	struct sight *ret);
/* An error that is meant for whoever asks, whatever is asked about: 127.255.255.x, 127.0.0.1. */
bool codes_refuse(const struct codes *codes);
bool codes_equal(const struct codes *a, const struct codes *b);
void codes_add(struct codes *codes, const uint8_t code[4]);
/* The worst row that any of them has; NULL: the list has no codes, or none of these. */
const struct blocklist_code *codes_worst(const struct blocklist *list, const struct codes *codes);
/* What they mean at worst; without a row: behaviour, severity 3 (semantics 28). */
struct meaning {
	enum listing_kind kind;
	uint8_t severity;
	const char *text; /* NULL: nothing is said */
};
struct meaning codes_meaning(const struct blocklist *list, const struct codes *codes);
/* A list of scores: its codes change all the time within a row. */
bool list_has_scores(const struct blocklist *list);

/* ---- sight.c ---- */

#define SIGHT_TEXT_SIZE 320
#define CODES_TEXT_SIZE 300
const char *codes_text(const struct codes *codes, char buf[CODES_TEXT_SIZE]);
const char *sight_text(
	const struct blocklist *list, const struct sight *sight, char buf[SIGHT_TEXT_SIZE]);

/* ---- record.c ---- */

enum unknown_why {
	UNKNOWN_UNASKED, /* not asked yet */
	UNKNOWN_SIGHT,   /* the last answer told nothing */
	UNKNOWN_FEW,     /* not confirmed yet */
	UNKNOWN_OLD,     /* it was known, and has aged */
};

/* Only of what is, was or may become listed. */
struct detail {
	struct codes verdict, seen, next; /* next: a set that may take the verdict's place */
	uint8_t next_looks;
	char *text;       /* TXT or NULL */
	bool text_missed; /* TXT was asked, and no answer came: again with the next look */
};

struct record {
	uint16_t subject;   /* in e->subjects */
	uint16_t history;   /* of answers that counted: bit 0 the last; 1: listed */
	uint8_t history_n;  /* how many there were, at most HISTORY_MAX */
	uint8_t clean_run;  /* clean ones in a row */
	uint8_t verdict;    /* enum verdict_state */
	uint8_t seen;       /* enum verdict_state */
	uint8_t why;        /* enum unknown_why */
	uint8_t sight_kind; /* of the last answer: enum sight_kind */
	uint8_t result;     /* of the last answer: enum dns_result */
	uint8_t silent; /* looks in a row that told nothing, though the ones before leave it open */
	bool was_listed;      /* it aged from listed: one clean look is not enough */
	bool has_counted;     /* counted_until says something */
	bool wants_text;      /* TXT is to be asked */
	mono_t counted_until; /* the last answer that counted is in caches until then */
	mono_t renewed;       /* while there is a verdict */
	mono_t recheck;       /* MONO_NEVER: none */
	wall_t since, looked;
	struct detail *detail;
};
#define HISTORY_MAX 16

/* Of a subject that is not there at present: an address that is found anew gets it back. */
struct parked {
	char *text;
	mono_t since;
	struct record record;
};

struct list;
struct detail *record_detail(struct record *record);
void record_release(struct record *record);
struct record *record_of(const struct list *list, size_t subject);
/* Whether the list is asked about it: a list's own test point is nobody's name. */
bool list_takes(const struct blocklist *list, const struct egress_subject *subject);
/* The records that the present subjects need; what is known of old ones goes over. */
void list_records_update(struct egress *e, struct list *list, const struct subjects_moves *moves);
void list_records_free(struct list *list);
/* The last look at the list told nothing of anybody. */
void list_records_void(struct list *list);
/* Keeps what is known of a subject that is not there. */
void list_park(struct list *list, struct span text, struct record *record, mono_t now);

/* ---- list.c ---- */

#define LIST_WHY_SIZE 200

struct list {
	const struct blocklist *def; /* of e->config */
	enum list_state state;
	unsigned voids; /* looks in a row that brought no answer at all */
	wall_t since, tested;
	char *why;
	bool has_begun; /* begun says something */
	bool is_late;   /* its cycle was put off already: the process had been asleep */
	mono_t begun;   /* the last cycle */
	mono_t due;     /* the next cycle; MONO_NEVER: none, or one is under way */
	mono_t recheck; /* the earliest of its records */
	mono_t aging;   /* the earliest that a verdict may run out */
	uint64_t asked, failed;
	size_t text_n; /* records that want TXT */
	size_t record_n, parked_n;
	struct record *record; /* by subject */
	struct parked *parked;
	struct look *look; /* its cycle or recheck */
};
struct list *list_of_name(const struct egress *e, const char *name);
/* The present one of the same name and zone, or NULL. */
struct list *list_live(const struct egress *e, const struct blocklist *def);
/* True while there is something to ask it. */
bool list_is_asked(const struct list *list);
struct look;
/*
 * What a look brought, as a state, and why in words; of the test points those that speak for one of
 * kinds (bits 1 << BLOCKLIST_x).
 */
enum list_state look_outcome(const struct look *look, unsigned kinds, char why[LIST_WHY_SIZE]);
/* What the answer of one item alone says of the list. */
enum list_state look_item_state(const struct look *look, size_t item);
void list_learn(struct egress *e, struct list *list, const struct look *look);
/* A client's question told that the list does not answer as it should. */
void list_learn_error(struct egress *e, struct list *list, const struct sight *sight,
	const struct dns_answer *answer);
/* The lists of a new snapshot, with what is known of those that stay. */
#define LIST_GONE SIZE_MAX
void egress_lists_update(struct egress *e, struct config *config);
void egress_lists_free(struct egress *e);

/* ---- listing.c ---- */

void listing_observe(
	struct egress *e, struct list *list, struct record *record, const struct sight *sight);
/* Seen as listed by a look that came to nothing: worth another one soon. */
void listing_suspect(const struct egress *e, struct record *record);
/* Verdicts that were not renewed become unknown. */
void list_age(struct egress *e, struct list *list);
/* When a verdict of the list that was renewed now runs out. */
int64_t list_age_us(const struct list *list);
unsigned record_listed_looks(const struct egress *e, const struct record *record);

/* Why nothing is known of it, in words. */
#define UNKNOWN_TEXT_SIZE 600
const char *unknown_text(const struct egress *e, const struct list *list,
	const struct record *record, char buf[UNKNOWN_TEXT_SIZE]);

/* ---- look.c ---- */

/* One question of a look, and its answer. */
struct look_item {
	uint16_t subject; /* in look->subjects; of a test point: in list->test */
	uint8_t kind;     /* enum sight_kind */
	uint8_t result;   /* enum dns_result */
	uint32_t ttl_s;
	mono_t fetched;
	struct codes *codes;      /* NULL: none */
	struct dns_server server; /* who answered */
};

enum look_purpose { LOOK_CYCLE, LOOK_RECHECK, LOOK_CHECK };

struct look {
	struct look *next; /* of those that have questions left */
	enum look_purpose purpose;
	struct check *check; /* of a CHECK */
	struct config *config;
	const struct blocklist *list;
	struct subjects *subjects;
	unsigned kinds;           /* of what is asked about: bits 1 << BLOCKLIST_x */
	struct dns_server server; /* that gave the last answer that was no good */
	size_t n, test_n;         /* items; those of test points come first */
	size_t limit;             /* items that are asked at all: a bad test point ends it early */
	size_t asked, done;
	bool is_queued, is_over;
	enum list_state outcome; /* when it is over */
	struct look_item *item;
};
/* wants(ctx, subject): whether that one is asked; NULL: all that the list has. */
typedef bool look_wants(const void *ctx, size_t subject);
struct look_plan {
	enum look_purpose purpose;
	const struct blocklist *list;
	look_wants *wants;
	const void *ctx;
	bool only_tests;
};
/* Its questions are put when there is room. Never NULL. */
struct look *look_new(struct egress *e, const struct look_plan *plan);
/* Answers that are still to come are passed over. NULL is fine. */
void look_free(struct egress *e, struct look *look);
/* The next question of all looks; false: nothing is left to ask. */
bool look_ask(struct egress *e, struct egress_effect *ret);
void look_answered(
	struct egress *e, struct look *look, size_t item, const struct dns_answer *answer);
/* What has not been answered will not be: a deadline has come. */
void look_end(struct egress *e, struct look *look);
void look_sight(const struct look_item *item, struct sight *ret);
const struct blocklist_test *look_test(const struct look *look, size_t item);

/* ---- cycle.c ---- */

/* Sets when the list is asked next: after a cycle, or as a new one. */
void cycle_plan(struct egress *e, struct list *list);
/* Sooner than it was planned, when somebody else found that there is trouble. */
void cycle_hasten(struct egress *e, struct list *list);
void list_tick(struct egress *e, struct list *list);
mono_t list_due(const struct list *list);
/* Its look is over, and is freed. */
void cycle_over(struct egress *e, struct list *list);
/* Finds the earliest of its records anew. */
void list_recheck_update(struct list *list);

/* ---- flight.c ---- */

enum flight_kind { FLIGHT_FREE, FLIGHT_GONE, FLIGHT_LOOK, FLIGHT_TEXT, FLIGHT_PTR, FLIGHT_CLIENT };

struct flight {
	enum flight_kind kind;
	egress_ask id;
	mono_t until; /* nobody waits longer */
	union {
		struct {
			struct look *look;
			size_t item;
		};
		struct {
			const struct blocklist *list; /* of config */
			struct subjects *subjects;    /* a reference */
			struct config *config;        /* likewise */
			size_t subject;
		} text;
		struct ip ip; /* PTR */
		struct {
			struct table_ref ref;
			size_t list;
		} client;
	};
};
/* An open question; there is room, says flight_has_room(). Writes ask and kind to ret. */
struct flight *flight_new(struct egress *e, enum flight_kind kind, struct egress_effect *ret);
bool flight_has_room(const struct egress *e);
void flights_tick(struct egress *e);
mono_t flights_due(const struct egress *e);
/* The look is no more. */
void flights_drop_look(struct egress *e, const struct look *look);
void flights_drop_clients(struct egress *e);
void flights_free(struct egress *e);

/* ---- text.c, ptr.c ---- */

bool text_ask(struct egress *e, struct egress_effect *ret);
void text_answered(struct egress *e, const struct flight *flight, const struct dns_answer *answer);
bool ptr_ask(struct egress *e, struct egress_effect *ret);
void ptr_answered(struct egress *e, const struct ip *ip, const struct dns_answer *answer);
mono_t ptr_due(const struct egress *e);

/* ---- change.c ---- */

/* An event or a note that waits to be taken. */
struct change {
	struct change *next;
	bool is_note, is_grave;
	enum event_kind kind;
	wall_t at;
	char *account, *limit, *text;
};
/* All verdicts and states may change at once. */
#define CHANGES_MAX 40000

struct verdict_change {
	enum verdict_state from, to;
	const struct codes *codes; /* to listed, or from */
	const char *why;           /* to unknown */
};
void change_listing(struct egress *e, const struct list *list, const struct record *record,
	const struct verdict_change *change);
void change_list_state(struct egress *e, const struct list *list, enum list_state from);
void change_note(struct egress *e, const char *format, ...) PRINTF_LIKE(2, 3);
bool change_take(struct egress *e, struct egress_effect *ret);
void changes_free(struct egress *e);

/* ---- check.c ---- */

struct check {
	egress_check id; /* 0: the place is free */
	bool is_over;
	mono_t deadline; /* when it is over: when it is forgotten */
	struct look **look;
	size_t look_n, over_n;
};
void checks_tick(struct egress *e);
mono_t checks_due(const struct egress *e);
/* One of its looks is over. */
void check_look_over(struct egress *e, struct check *check);
void checks_free(struct egress *e);
const struct check *check_find(const struct egress *e, egress_check id);

/* ---- client.c ---- */

/* A listing of a client: the worst of a round over the lists. */
struct client_found {
	uint32_t list; /* in e->list; only while there are codes */
	struct codes codes;
};

struct client {
	struct table_node node;
	struct ip ip;
	bool is_asking;                  /* the question for the list at cursor is open */
	bool is_partial;                 /* of the lists of this round one said nothing */
	uint8_t state;                   /* enum verdict_state */
	uint32_t cursor;                 /* the list to ask next */
	uint32_t asked;                  /* lists that answered in this round */
	struct client_found worst, next; /* the last round's, and this one's */
	mono_t until;                    /* the result is good until then */
	wall_t looked;                   /* 0: not yet */
	char account[96];
};
struct table *clients_new(const struct siphash_key *hash_key);
/* The i-th list is now the moved[i]-th, or LIST_GONE. */
void clients_remap(struct egress *e, const size_t *moved);
bool client_ask(struct egress *e, struct egress_effect *ret);
void client_answered(
	struct egress *e, const struct flight *flight, const struct dns_answer *answer);
mono_t clients_due(const struct egress *e);
bool client_is_listed(const struct client *client, mono_t now);

/* ---- egress.c ---- */

struct egress {
	struct config *config;
	struct now now; /* of the call that is running */
	uint64_t chance;
	bool is_dirty;

	struct own_address own[EGRESS_ADDRESSES_MAX];
	size_t own_n;
	struct egress_address *found; /* EGRESS_ADDRESSES_MAX */
	size_t found_n;
	char note[sizeof(((struct errbuf *)0)->text)];
	struct subjects *subjects;
	size_t cut_told;

	struct list *list;
	size_t list_n;
	size_t text_cursor;       /* the list whose TXT is asked next */
	bool is_all_lost;         /* no list can be reached, and it was said */
	struct dns_server server; /* that answered last */
	uint64_t messages;        /* since lists were asked because of them */

	/* Looks with questions left: of checks, and others. */
	struct look *queue[2], **queue_end[2];
	struct flight flight[EGRESS_IN_FLIGHT_MAX];
	size_t in_flight;
	uint64_t serial;
	char name[512]; /* of the question that was given out last */

	struct check check[EGRESS_CHECKS_MAX];
	egress_check check_serial;

	struct table *clients;
	size_t client_lists; /* lists that are asked about clients */
	mono_t client_at;    /* the next question may be put then */

	struct change *changes, **changes_end, *given;
	size_t change_n;
	uint64_t asked, answered, failed, dropped, clients_put_off;
};
/* 0 to below - 1; below at least 1. */
int64_t egress_chance(struct egress *e, int64_t below_us);
/* label.zone into e->name; false: no such name can be. */
bool egress_name(struct egress *e, const char *label, const struct blocklist *list);
/* The same for a subject. */
bool egress_name_of(
	struct egress *e, const struct egress_subject *subject, const struct blocklist *list);
/* What names our own cycles begin within, after a start or a sleep. */
#define SPREAD_US (5 * SECOND_US)

static inline bool is_past(mono_t t, mono_t now)
{
	return t.us <= now.us;
}

#endif
