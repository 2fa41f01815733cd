/* SPDX-License-Identifier: ISC */
/*
 * A look: the test points of one list and some or all of its subjects, asked through one resolver within
 * one span of time. Its answers wait until all are there. What they mean is list.c's and listing.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

/* RFC 1035 2.3.4, as text without the final dot. */
#define NAME_BYTES_MAX 253

/* ---- the queue of looks that have questions left ---- */

static size_t queue_of(const struct look *look)
{
	/* People wait for checks. */
	return look->purpose == LOOK_CHECK ? 0 : 1;
}

static void enqueue(struct egress *e, struct look *look)
{
	size_t q = queue_of(look);
	look->next = NULL;
	look->is_queued = true;
	*e->queue_end[q] = look;
	e->queue_end[q] = &look->next;
}

static void dequeue(struct egress *e, struct look *look)
{
	size_t q = queue_of(look);
	struct look **at = &e->queue[q];
	if (!look->is_queued)
		return;
	while (*at != look)
		at = &(*at)->next;
	*at = look->next;
	if (!*at)
		e->queue_end[q] = at;
	look->is_queued = false;
}

/* ---- life ---- */

static bool is_wanted(const struct look *look, const struct look_plan *plan, size_t subject)
{
	if (plan->only_tests || !list_takes(plan->list, &look->subjects->at[subject]))
		return false;
	return !plan->wants || plan->wants(plan->ctx, subject);
}

/*
 * What of ours the list is asked about, clients too; all, when there is nothing. Not what this look asks
 * about: then the list's state would depend on who looked last.
 */
static unsigned kinds_of(const struct egress *e, const struct blocklist *list)
{
	unsigned kinds = 0;
	for (size_t i = 0; i < e->subjects->n; i++)
		kinds |= 1u << e->subjects->at[i].kind;
	if (list->clients)
		kinds |= 1u << BLOCKLIST_IPV4 | 1u << BLOCKLIST_IPV6;
	kinds &= list->subjects;
	return kinds ? kinds | blocklist_first(list) : list->subjects;
}

const struct blocklist_test *look_test(const struct look *look, size_t item)
{
	return &look->list->test[look->item[item].subject];
}

struct look *look_new(struct egress *e, const struct look_plan *plan)
{
	const struct blocklist *list = plan->list;
	struct look *look = xcalloc(1, sizeof(*look));
	look->purpose = plan->purpose;
	look->config = config_ref(e->config);
	look->subjects = subjects_ref(e->subjects);
	look->list = list;
	look->kinds = kinds_of(e, list);
	look->item = xcalloc(list->test_n + e->subjects->n, sizeof(*look->item));
	for (size_t i = 0; i < list->test_n; i++) {
		if (plan->only_tests || (list->test[i].subjects & look->kinds))
			look->item[look->n++].subject = (uint16_t)i;
	}
	look->test_n = look->n;
	for (size_t i = 0; i < e->subjects->n; i++) {
		if (is_wanted(look, plan, i))
			look->item[look->n++].subject = (uint16_t)i;
	}
	look->item = xrealloc(look->item, look->n, sizeof(*look->item));
	look->limit = look->n;
	enqueue(e, look);
	return look;
}

void look_free(struct egress *e, struct look *look)
{
	if (!look)
		return;
	dequeue(e, look);
	flights_drop_look(e, look);
	for (size_t i = 0; i < look->n; i++)
		free(look->item[i].codes);
	free(look->item);
	subjects_unref(look->subjects);
	config_unref(look->config);
	free(look);
}

/* ---- questions ---- */

bool egress_name(struct egress *e, const char *label, const struct blocklist *list)
{
	int n = snprintf(e->name, sizeof(e->name), "%s.%s", label, list->zone_asked);
	return n > 0 && n <= NAME_BYTES_MAX;
}

bool egress_name_of(
	struct egress *e, const struct egress_subject *subject, const struct blocklist *list)
{
	char reversed[IP_REVERSED_SIZE];
	if (subject->kind == BLOCKLIST_DOMAIN)
		return egress_name(e, subject->text, list);
	ip_reversed(&subject->ip, reversed);
	return egress_name(e, reversed, list);
}

static bool name_item(struct egress *e, const struct look *look, size_t item)
{
	size_t at = look->item[item].subject;
	if (item < look->test_n)
		return egress_name(e, look_test(look, item)->label, look->list);
	return egress_name_of(e, &look->subjects->at[at], look->list);
}

/* Puts one question of the look; false: it could not be put, and was answered so. */
static bool ask_item(struct egress *e, struct look *look, size_t item, struct egress_effect *ret)
{
	struct list *list = list_live(e, look->list);
	if (list)
		list->asked++;
	if (!name_item(e, look, item)) {
		look_answered(e, look, item, NULL);
		return false;
	}
	struct flight *flight = flight_new(e, FLIGHT_LOOK, ret);
	flight->look = look;
	flight->item = item;
	ret->question = (struct dns_question){
		.name = span_of(e->name), .type = DNS_A, .is_fresh = true, .in_order = true};
	return true;
}

bool look_ask(struct egress *e, struct egress_effect *ret)
{
	for (size_t q = 0; q < 2; q++) {
		while (e->queue[q]) {
			struct look *look = e->queue[q];
			size_t item = look->asked++;
			/* One question each in turn, so that no list gets all of its own at once. */
			dequeue(e, look);
			if (look->asked < look->limit)
				enqueue(e, look);
			if (ask_item(e, look, item, ret))
				return true;
		}
	}
	return false;
}

/* ---- answers ---- */

/* Of the subject asked about; NULL: it is none of ours any more. */
static struct record *item_record(const struct egress *e, const struct list *list,
	const struct look *look, const struct look_item *item)
{
	ptrdiff_t at = item->subject;
	if (look->subjects != e->subjects)
		at = subjects_find(e->subjects, span_of(look->subjects->at[item->subject].text));
	return at < 0 ? NULL : record_of(list, (size_t)at);
}

static void observe_all(struct egress *e, struct list *list, const struct look *look)
{
	for (size_t i = look->test_n; i < look->n; i++) {
		const struct look_item *item = &look->item[i];
		struct sight sight;
		struct record *record = item_record(e, list, look, item);
		if (item->kind == SIGHT_NONE || !record)
			continue;
		look_sight(item, &sight);
		listing_observe(e, list, record, &sight);
	}
}

/* The answer to a test point was lost: who was listed meanwhile is looked at again soon, not in an interval. */
static void suspect_all(struct egress *e, struct list *list, const struct look *look)
{
	for (size_t i = look->test_n; i < look->n; i++) {
		struct record *record = item_record(e, list, look, &look->item[i]);
		if (record && look->item[i].kind == SIGHT_LISTED)
			listing_suspect(e, record);
	}
}

static bool is_answered(const struct look_item *item)
{
	return item->kind != SIGHT_NONE && item->kind != SIGHT_FAILED &&
	       item->kind != SIGHT_UNASKED;
}

/* Kinds of subjects whose test point that must be listed is not. */
static unsigned kinds_unproven(const struct look *look)
{
	unsigned kinds = 0;
	for (size_t i = 0; i < look->test_n; i++) {
		const struct blocklist_test *test = look_test(look, i);
		if (test->is_listed && look->item[i].kind == SIGHT_CLEAN)
			kinds |= test->subjects;
	}
	return kinds;
}

/*
 * Unknown is never clean, nor listed. What the test points show of one resolver they do not show of another
 * that stepped in for it; and nobody is listed where a list has no subjects of that kind at all.
 */
static void look_settle(struct look *look)
{
	const struct look_item *first = &look->item[0];
	for (size_t i = 1; is_answered(first) && i < look->n; i++) {
		struct look_item *item = &look->item[i];
		if (is_answered(item) && !dns_server_equal(&first->server, &item->server))
			item->kind = SIGHT_ELSEWHERE;
	}
	unsigned unproven = kinds_unproven(look);
	for (size_t i = look->test_n; unproven && i < look->n; i++) {
		struct look_item *item = &look->item[i];
		unsigned kind = 1u << look->subjects->at[item->subject].kind;
		if ((unproven & kind) && item->kind == SIGHT_CLEAN)
			item->kind = SIGHT_UNPROVEN;
	}
}

static void look_over(struct egress *e, struct look *look)
{
	char why[LIST_WHY_SIZE];
	struct list *list = list_live(e, look->list);
	look->is_over = true;
	look_settle(look);
	look->outcome = look_outcome(look, look->list->subjects, why);
	if (list) {
		list_learn(e, list, look);
		if (look->outcome == LIST_OK)
			observe_all(e, list, look);
		else if (look->outcome == LIST_UNREACHABLE)
			suspect_all(e, list, look);
		list_recheck_update(list);
	}
	if (look->purpose != LOOK_CHECK) {
		cycle_over(e, list);
		return;
	}
	if (list)
		cycle_hasten(e, list);
	check_look_over(e, look->check);
}

void look_sight(const struct look_item *item, struct sight *ret)
{
	*ret = (struct sight){
		.kind = item->kind,
		.result = item->result,
		.ttl_s = item->ttl_s,
		.fetched = item->fetched,
	};
	if (item->codes)
		ret->codes = *item->codes;
}

static void item_set(struct look_item *item, const struct sight *sight)
{
	item->kind = (uint8_t)sight->kind;
	item->result = (uint8_t)sight->result;
	item->ttl_s = sight->ttl_s;
	item->fetched = sight->fetched;
	if (sight->codes.n) {
		item->codes = xmalloc(sizeof(*item->codes));
		*item->codes = sight->codes;
	}
}

/* The list says nothing: its subjects need not be asked any more, but the other test points are. */
static void look_trim(struct egress *e, struct look *look)
{
	look->limit = look->asked > look->test_n ? look->asked : look->test_n;
	if (look->asked >= look->limit)
		dequeue(e, look);
}

void look_answered(
	struct egress *e, struct look *look, size_t item, const struct dns_answer *answer)
{
	struct sight sight;
	struct list *list = list_live(e, look->list);
	sight_of(look->list, answer, e->now, &sight);
	item_set(&look->item[item], &sight);
	if (answer)
		look->item[item].server = answer->server;
	look->done++;
	if (list)
		list->failed += sight.kind >= SIGHT_FAILED;
	if (look_item_state(look, item) != LIST_OK) {
		if (answer && answer->server.port)
			look->server = answer->server;
		look_trim(e, look);
	}
	if (look->done == look->limit)
		look_over(e, look);
}

void look_end(struct egress *e, struct look *look)
{
	dequeue(e, look);
	flights_drop_look(e, look);
	look->limit = look->done;
	look_over(e, look);
}
