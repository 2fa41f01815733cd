/* SPDX-License-Identifier: ISC */
/*
 * Which looks are under way, and who still waits for them. What is asked and what comes of it is the
 * business of egress; how it is told, of the handlers.
 */
#include "orders.h"

#include <errno.h>
#include <stdlib.h>

#include "policyd/mem.h"

#define SHARED_US (5 * SECOND_US)
#define SWEEP_S   1

struct order {
	egress_check check; /* 0: this place is free */
	char *subject, *list;
	bool only_tests;
	mono_t begun;
	unsigned waiters;
	bool stays; /* until it is over, whoever leaves */
};

struct order_book {
	struct control_setup setup;
	struct event *sweep; /* runs while there is a look */
	struct order order[EGRESS_CHECKS_MAX];
};

static struct now orders_now(const struct order_book *orders)
{
	return orders->setup.now(orders->setup.now_ctx);
}

static void poke(const struct order_book *orders)
{
	if (orders->setup.egress_poke)
		orders->setup.egress_poke(orders->setup.egress_ctx);
}

static void order_drop(struct order_book *orders, struct order *order)
{
	egress_check_drop(orders->setup.egress, order->check);
	free(order->subject);
	free(order->list);
	*order = (struct order){0};
	poke(orders);
}

static bool is_over(const struct order_book *orders, const struct order *order)
{
	struct egress_check_state state;
	return !egress_check_state(orders->setup.egress, order->check, &state) || state.is_over;
}

/* Nobody will ask for it any more: it is over, or nobody wanted more than that it began. */
static bool is_done_with(const struct order_book *orders, const struct order *order, struct now now)
{
	int64_t age_us = now.mono.us - order->begun.us;
	if (order->waiters)
		return false;
	if (!is_over(orders, order))
		return !order->stays || age_us > CHECK_ANSWER_US;
	return age_us > SHARED_US;
}

static void sweep_cb(evutil_socket_t fd, short what, void *ctx)
{
	struct order_book *orders = ctx;
	struct now now = orders_now(orders);
	bool is_empty = true;
	(void)fd;
	(void)what;
	for (unsigned i = 0; i < EGRESS_CHECKS_MAX; i++) {
		struct order *order = &orders->order[i];
		if (order->check && is_done_with(orders, order, now))
			order_drop(orders, order);
		is_empty = is_empty && !order->check;
	}
	if (!is_empty)
		event_add(orders->sweep, &(struct timeval){.tv_sec = SWEEP_S});
}

struct order_book *orders_new(const struct control_setup *setup)
{
	struct order_book *orders = xcalloc(1, sizeof(*orders));
	*orders = (struct order_book){
		.setup = *setup, .sweep = evtimer_new(setup->base, sweep_cb, orders)};
	return orders;
}

void orders_free(struct order_book *orders)
{
	if (!orders)
		return;
	for (unsigned i = 0; i < EGRESS_CHECKS_MAX; i++) {
		if (orders->order[i].check)
			order_drop(orders, &orders->order[i]);
	}
	event_free(orders->sweep);
	free(orders);
}

static bool is_same(const struct order *order, const struct egress_check_query *query)
{
	return order->only_tests == query->only_tests &&
	       span_equal(span_of(order->subject), query->subject) &&
	       span_equal(span_of(order->list), query->list);
}

static struct order *order_find(
	struct order_book *orders, const struct egress_check_query *query, struct now now)
{
	for (unsigned i = 0; i < EGRESS_CHECKS_MAX; i++) {
		struct order *order = &orders->order[i];
		if (order->check && is_same(order, query) &&
			now.mono.us - order->begun.us <= SHARED_US)
			return order;
	}
	return NULL;
}

/* A free place, or that of a look which is over and only kept to be shared. */
static struct order *order_place(struct order_book *orders)
{
	struct order *place = NULL;
	for (unsigned i = 0; i < EGRESS_CHECKS_MAX; i++) {
		struct order *order = &orders->order[i];
		if (!order->check)
			return order;
		if (!order->waiters && is_over(orders, order))
			place = order;
	}
	if (place)
		order_drop(orders, place);
	return place;
}

static int order_begin(struct order_book *orders, const struct egress_check_query *query,
	struct now now, struct order **ret, struct errbuf *err)
{
	egress_check check;
	struct order *order = order_place(orders);
	if (!order) {
		err_set(err, "%d checks are under way: try again in a minute", EGRESS_CHECKS_MAX);
		return -EAGAIN;
	}
	int r = egress_check_begin(orders->setup.egress, query,
		(mono_t){.us = now.mono.us + CHECK_DEADLINE_US}, now, &check, err);
	if (r != 0)
		return r;
	*order = (struct order){
		.check = check,
		.subject = xstrndup(query->subject.p, query->subject.n),
		.list = xstrndup(query->list.p, query->list.n),
		.only_tests = query->only_tests,
		.begun = now.mono,
	};
	event_add(orders->sweep, &(struct timeval){.tv_sec = SWEEP_S});
	poke(orders);
	*ret = order;
	return 0;
}

int orders_join(struct order_book *orders, const struct egress_check_query *query, bool waits,
	egress_check *ret, struct errbuf *err)
{
	struct now now = orders_now(orders);
	struct order *order = order_find(orders, query, now);
	if (!order) {
		int r = order_begin(orders, query, now, &order, err);
		if (r != 0)
			return r;
	}
	order->waiters += waits;
	order->stays = order->stays || !waits;
	*ret = order->check;
	return 0;
}

void orders_leave(struct order_book *orders, egress_check check)
{
	struct now now = orders_now(orders);
	for (unsigned i = 0; i < EGRESS_CHECKS_MAX; i++) {
		struct order *order = &orders->order[i];
		if (order->check != check)
			continue;
		order->waiters--;
		if (is_done_with(orders, order, now))
			order_drop(orders, order);
		return;
	}
}
