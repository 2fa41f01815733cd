/* SPDX-License-Identifier: ISC */
/*
 * Which message a request belongs to: found by (peer, instance), not by connection (semantics 7).
 * What a message is, is transaction.c's.
 */
#include "internal.h"

#include <stddef.h>

static bool is_instance(const struct transaction *tx, struct span instance)
{
	struct span key = table_key(tx);
	const size_t peer_n = sizeof(struct ip);
	size_t room = sizeof(((struct transaction_key *)NULL)->bytes) - peer_n;
	if (instance.n > room)
		instance.n = room;
	return span_equal(span_make(key.p + peer_n, key.n - peer_n), instance);
}

/* A new instance on a connection ends that connection's message; an empty one ends nothing. */
struct transaction *conn_message(
	struct engine *e, struct conn *conn, struct span instance, struct now now)
{
	struct transaction *tx = table_get(e->transactions, conn->transaction);
	if (!tx || instance.n == 0)
		return tx;
	if (is_instance(tx, instance))
		return tx;
	transaction_end(e, tx, now);
	conn->transaction = (struct table_ref){0};
	return NULL;
}

static void conn_attach(struct engine *e, struct conn *conn, struct transaction *tx)
{
	conn->transaction = table_ref_of(tx);
	if (tx->conns++ == 0 && tx->node.list == TRANSACTION_LOST)
		table_move(e->transactions, tx, TRANSACTION_OPEN);
}

/*
 * A message that is this one request: whoever asks without an instance is not followed (semantics
 * 7).
 */
static struct transaction *message_nameless(struct call *c)
{
	struct engine *e = c->e;
	struct transaction_key key;
	uint64_t number = ++e->next_nameless;
	/* No instance that Postfix sends begins with NUL. */
	char name[1 + sizeof(number)] = {0};
	memcpy(name + 1, &number, sizeof(number));
	transaction_key(&key, &e->conn[0].peer, span_make(name, sizeof(name)));
	struct transaction *tx = transaction_open(e, &key, c->account, HOOK_NONE, c->now);
	tx->is_nameless = true;
	return tx;
}

struct transaction *message_of(struct call *c, engine_conn id, struct transaction *tx)
{
	struct engine *e = c->e;
	struct transaction_key key;
	if (c->request->instance.n == 0)
		return message_nameless(c);
	if (!tx) {
		transaction_key(&key, &e->conn[id].peer, c->request->instance);
		tx = table_find(e->transactions, span_make(key.bytes, key.n));
		if (tx && id)
			conn_attach(e, &e->conn[id], tx);
	}
	/* One instance, two accounts: not Postfix. The first one must not pay for the second. */
	if (tx && tx->account.index != account_ref(c->account).index) {
		transaction_end(e, tx, c->now);
		tx = NULL;
	}
	if (tx) {
		transaction_replan(e, tx);
		/* One that came back from a lost connection is not where expiry looks first. */
		transaction_lapse(e, tx, c->now);
		return tx;
	}
	transaction_key(&key, &e->conn[id].peer, c->request->instance);
	tx = transaction_open(
		e, &key, c->account, hook_of(e, &e->conn[id], c->request->server_port), c->now);
	if (id)
		conn_attach(e, &e->conn[id], tx);
	return tx;
}
