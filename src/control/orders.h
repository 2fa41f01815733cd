/* SPDX-License-Identifier: ISC */
/*
 * orders.h - looks at the lists that somebody ordered. Who orders the same within 5 s shares one, so
 * that asking twice does not ask the world twice; each ends when nobody waits for it any more.
 */
#ifndef POLICYD_CONTROL_ORDERS_H
#define POLICYD_CONTROL_ORDERS_H

#include "policyd/control.h"
#include "policyd/egress.h"

/* Whoever waits is answered within 55 s: what is silent by then is unknown a little earlier. */
#define CHECK_DEADLINE_US (50 * SECOND_US)
#define CHECK_ANSWER_US   (55 * SECOND_US)

struct order_book;

struct order_book *orders_new(const struct control_setup *setup);
/* Ends those under way. NULL is fine. */
void orders_free(struct order_book *orders);

/*
 * Begins to look, or joins a look that is as good. Who waits leaves with orders_leave(); without
 * waits nobody does, and it ends by itself. 0, or as egress_check_begin().
 */
MUST_CHECK int orders_join(struct order_book *orders, const struct egress_check_query *query,
	bool waits, egress_check *ret, struct errbuf *err);
void orders_leave(struct order_book *orders, egress_check check);

#endif
