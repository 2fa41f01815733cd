/* SPDX-License-Identifier: ISC */
/*
 * Whether a list can be believed: what its test points say (RFC 5782 5), and what no list would say of
 * anybody. When it is asked is not decided here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* Looks without any answer, one after the other, before a list that answered counts as unreachable. */
#define VOIDS_MAX 2

struct list *list_of_name(const struct egress *e, const char *name)
{
	for (size_t i = 0; i < e->list_n; i++) {
		if (strcmp(e->list[i].def->name, name) == 0)
			return &e->list[i];
	}
	return NULL;
}

struct list *list_live(const struct egress *e, const struct blocklist *def)
{
	/* A list whose zone is another one is another list. */
	struct list *list = list_of_name(e, def->name);
	return list && strcmp(list->def->zone, def->zone) == 0 ? list : NULL;
}

bool list_is_asked(const struct list *list)
{
	return list->def->is_enabled && (list->record_n > 0 || list->def->clients);
}

/* ---- what a look brought ---- */

/*
 * A list without the first of what it should know is dead. One that lists the test point of IPv4, and not that
 * of IPv6, may just not have any IPv6 (RFC 5782 5): see look_settle().
 */
static enum list_state state_of_missing(const struct look *look, const struct blocklist_test *test)
{
	return test->subjects & blocklist_first(look->list) ? LIST_DEAD : LIST_OK;
}

static enum list_state state_of_test(
	const struct look *look, const struct blocklist_test *test, enum sight_kind kind)
{
	switch (kind) {
	case SIGHT_CLEAN:
	case SIGHT_UNPROVEN:
		return test->is_listed ? state_of_missing(look, test) : LIST_OK;
	case SIGHT_LISTED:
	case SIGHT_UNMATCHED:
		return test->is_listed ? LIST_OK : LIST_WORLD;
	case SIGHT_ERROR:
		return LIST_REFUSED;
	case SIGHT_OUTSIDE:
		return LIST_WORLD;
	case SIGHT_FAILED:
	case SIGHT_UNASKED:
	case SIGHT_ELSEWHERE:
		return LIST_UNREACHABLE;
	case SIGHT_NONE:
		break;
	}
	return LIST_UNTESTED;
}

enum list_state look_item_state(const struct look *look, size_t item)
{
	enum sight_kind kind = look->item[item].kind;
	if (item < look->test_n)
		return state_of_test(look, look_test(look, item), kind);
	/* Of a subject: what a list in order would say of nobody. Errors of its own may be about the subject. */
	if (kind == SIGHT_ERROR)
		return codes_refuse(look->item[item].codes) ? LIST_REFUSED : LIST_OK;
	return kind == SIGHT_OUTSIDE ? LIST_WORLD : LIST_OK;
}

/* What is worse; a test point that was not answered leaves all open, but for what is worse yet. */
static unsigned rank_of(enum list_state state)
{
	static const unsigned ranks[LIST_STATES] = {
		[LIST_OK] = 0,
		[LIST_UNTESTED] = 1,
		[LIST_UNREACHABLE] = 2,
		[LIST_DEAD] = 3,
		[LIST_WORLD] = 4,
		[LIST_REFUSED] = 5,
	};
	return ranks[state];
}

static void why_of(const struct look *look, size_t item, char why[LIST_WHY_SIZE])
{
	char text[SIGHT_TEXT_SIZE];
	struct sight sight;
	const char *who = item < look->test_n ? look_test(look, item)->label
					      : look->subjects->at[look->item[item].subject].text;
	look_sight(&look->item[item], &sight);
	(void)sight_text(look->list, &sight, text);
	int n = snprintf(why, LIST_WHY_SIZE, "%s%.70s: %.100s",
		item < look->test_n ? "test point " : "", who, text);
	if (n < 0)
		why[0] = '\0';
}

/* What a point speaks for may be none of ours; then only who asked for it hears of it. */
static bool is_for(const struct look *look, size_t item, unsigned kinds)
{
	return item >= look->test_n || (look_test(look, item)->subjects & kinds);
}

enum list_state look_outcome(const struct look *look, unsigned kinds, char why[LIST_WHY_SIZE])
{
	enum list_state worst = LIST_OK;
	why[0] = '\0';
	for (size_t i = 0; i < look->n; i++) {
		enum list_state state = look_item_state(look, i);
		if (rank_of(state) <= rank_of(worst) || !is_for(look, i, kinds))
			continue;
		worst = state;
		why_of(look, i, why);
	}
	return worst;
}

/* ---- learning from it ---- */

static bool are_all_lost(const struct egress *e)
{
	size_t n = 0;
	for (size_t i = 0; i < e->list_n; i++) {
		if (!list_is_asked(&e->list[i]))
			continue;
		if (e->list[i].state != LIST_UNREACHABLE)
			return false;
		n++;
	}
	return n > 0;
}

static void tell_all_lost(struct egress *e)
{
	char server[DNS_SERVER_TEXT_SIZE];
	bool are_lost = are_all_lost(e);
	if (are_lost && !e->is_all_lost)
		change_note(e, "no list can be reached: is the resolver %s up?",
			e->server.port ? dns_server_format(&e->server, server)
				       : "in resolv.conf or dns.servers");
	e->is_all_lost = are_lost;
}

static void tell_refused(struct egress *e, const struct list *list, const struct dns_server *server)
{
	char text[DNS_SERVER_TEXT_SIZE];
	change_note(e, "your resolver%s%s is refused by list %s: %s", server->port ? " " : "",
		server->port ? dns_server_format(server, text) : "", list->def->name, list->why);
}

static void list_set_state(
	struct egress *e, struct list *list, enum list_state state, const struct dns_server *server)
{
	enum list_state from = list->state;
	if (from == state)
		return;
	list->state = state;
	list->since = e->now.wall;
	change_list_state(e, list, from);
	if (state == LIST_REFUSED)
		tell_refused(e, list, server);
	tell_all_lost(e);
}

static void list_set_why(struct list *list, const char *why)
{
	free(list->why);
	list->why = why[0] ? xstrdup(why) : NULL;
}

void list_learn(struct egress *e, struct list *list, const struct look *look)
{
	char why[LIST_WHY_SIZE];
	enum list_state outcome = look_outcome(look, look->kinds, why);
	if (outcome == LIST_UNTESTED)
		return;
	if (outcome != LIST_OK)
		list_records_void(list);
	e->is_dirty = true;
	list->tested = e->now.wall;
	if (outcome == LIST_UNREACHABLE) {
		list->voids += list->voids < VOIDS_MAX;
		/* One lost packet is none of the list's doing. */
		if (list->state != LIST_UNTESTED && list->voids < VOIDS_MAX)
			return;
	} else {
		list->voids = 0;
	}
	list_set_why(list, why);
	list_set_state(e, list, outcome, &look->server);
}

void list_learn_error(struct egress *e, struct list *list, const struct sight *sight,
	const struct dns_answer *answer)
{
	char text[SIGHT_TEXT_SIZE], why[LIST_WHY_SIZE];
	(void)sight_text(list->def, sight, text);
	int n = snprintf(why, sizeof(why), "a client: %.180s", text);
	if (n < 0)
		return;
	e->is_dirty = true;
	list_set_why(list, why);
	list_records_void(list);
	list_set_state(
		e, list, sight->kind == SIGHT_ERROR ? LIST_REFUSED : LIST_WORLD, &answer->server);
	cycle_hasten(e, list);
}

/* ---- the lists of a snapshot ---- */

static void list_take(struct egress *e, struct list *list, struct list *old)
{
	const struct blocklist *def = list->def;
	bool is_other_interval = old->def->interval_us != def->interval_us ||
				 old->def->interval_min_us != def->interval_min_us;
	*list = *old;
	list->def = def;
	old->look = NULL;
	old->why = NULL;
	old->record = NULL;
	old->parked = NULL;
	old->record_n = old->parked_n = 0;
	if (is_other_interval && list->due.us != MONO_NEVER.us)
		cycle_plan(e, list);
}

static void list_release(struct egress *e, struct list *list)
{
	look_free(e, list->look);
	list_records_free(list);
	free(list->why);
}

void egress_lists_update(struct egress *e, struct config *config)
{
	size_t n;
	const struct blocklist *def = config_blocklists(config, &n);
	struct list *made = xcalloc(n ? n : 1, sizeof(*made));
	size_t *moved = xcalloc(e->list_n ? e->list_n : 1, sizeof(*moved));
	for (size_t i = 0; i < e->list_n; i++)
		moved[i] = LIST_GONE;
	e->client_lists = 0;
	for (size_t i = 0; i < n; i++) {
		struct list *old = list_live(e, &def[i]);
		made[i].def = &def[i];
		made[i].due = made[i].recheck = made[i].aging = MONO_NEVER;
		e->client_lists += def[i].is_enabled && def[i].clients;
		if (!old)
			continue;
		moved[old - e->list] = i;
		list_take(e, &made[i], old);
	}
	clients_remap(e, moved);
	free(moved);
	for (size_t i = 0; i < e->list_n; i++)
		list_release(e, &e->list[i]);
	free(e->list);
	e->list = made;
	e->list_n = n;
}

void egress_lists_free(struct egress *e)
{
	for (size_t i = 0; i < e->list_n; i++)
		list_release(e, &e->list[i]);
	free(e->list);
	e->list = NULL;
	e->list_n = 0;
}
