/* SPDX-License-Identifier: ISC */
/*
 * What a request asks for, given what its message has been granted already (semantics 6, 10), and
 * under which names it is counted. Whether there is room is not known here.
 */
#include "internal.h"

/*
 * Repetitions are alike in (stage, recipient); at DATA and later only with the same count of
 * recipients.
 */
uint64_t answer_id(const struct call *c)
{
	uint64_t id = siphash13(&c->e->key, c->request->recipient);
	id += (uint64_t)c->request->stage * UINT64_C(0x9e3779b97f4a7c15);
	if (c->request->stage != STAGE_RCPT)
		id += (uint64_t)c->request->recipients * UINT64_C(0xc2b2ae3d27d4eb4f);
	return id;
}

static void charge(struct cost *cost, enum unit unit, uint64_t n)
{
	cost->look[unit] += n;
	cost->charge[unit] += n;
}

/* One more recipient of the message. */
static void cost_of_recipient(const struct call *c, struct asked *asked)
{
	const struct recipient *recipient = &c->recipient;
	const struct config *config = c->e->plan->snapshot;
	bool is_counted = !recipient->is_local || config->count_local_recipients;
	asked->accepts = 1;
	asked->externals = !recipient->is_local;
	asked->is_free = recipient->is_exempt && recipient->is_local;
	asked->is_favour = recipient->is_exempt && !recipient->is_local;
	asked->exempts = asked->is_free;
	if (asked->is_free)
		return;
	asked->counts = is_counted;
	if (is_counted) {
		charge(&asked->cost, UNIT_MESSAGES, c->tx->counted == 0);
		charge(&asked->cost, UNIT_RECIPIENTS, 1);
	}
	asked->externals_counted = asked->externals;
	charge(&asked->cost, UNIT_EXTERNAL_RECIPIENTS, asked->externals);
	if (c->e->plan->needs_new && is_counted)
		charge(&asked->cost, UNIT_NEW_RECIPIENTS, sight_is_new(c, &asked->new_id));
	/* Whether Postfix will refuse it shows at DATA; more may not be refused than N already. */
	asked->cost.look[UNIT_REJECTED_RECIPIENTS] = 1;
}

/*
 * The only recipient, and one that RCPT was not asked about: Postfix takes RCPT TO:<postmaster> by
 * itself, and names it at DATA.
 */
static bool is_exempt_alone(const struct call *c)
{
	struct recipient recipient;
	if (c->tx->accepted || c->request->recipients != 1 || c->request->recipient.n == 0)
		return false;
	recipient_of(c->request, c->e->plan->snapshot, &recipient);
	return recipient.is_exempt && recipient.is_local;
}

/*
 * Recipients that RCPT was not asked about: a duplicate, or a message that a restart cut in two.
 * Where they go is not known; if any was external so far, or none is known, they count as such.
 */
static void cost_of_excess(const struct call *c, struct asked *asked)
{
	const struct transaction *tx = c->tx;
	uint32_t count = asked->recipients;
	uint32_t excess = count > tx->accepted ? count - tx->accepted : 0;
	/* All of them were let through for nothing, and nobody else is written to. */
	asked->is_free =
		is_exempt_alone(c) || (tx->exempt > 0 && tx->exempt == tx->accepted && excess == 0);
	if (excess == 0 || asked->is_free)
		return;
	asked->accepts = asked->counts = excess;
	charge(&asked->cost, UNIT_MESSAGES, tx->counted == 0);
	charge(&asked->cost, UNIT_RECIPIENTS, excess);
	if (tx->accepted == 0 || tx->external > 0) {
		asked->externals = asked->externals_counted = excess;
		charge(&asked->cost, UNIT_EXTERNAL_RECIPIENTS, excess);
	}
}

/* Accepted before, and asked again because of a suspension: it is paid for. */
static void paid(struct asked *asked)
{
	asked->cost = (struct cost){0};
	asked->accepts = asked->counts = asked->exempts = 0;
	asked->externals = asked->externals_counted = 0;
	asked->is_favour = false;
}

/* Calls each(c, key, name) for every name but the account's that the class's rules count by. */
static void each_name(
	struct call *c, void (*each)(struct call *c, enum key key, const struct account_name *name))
{
	unsigned keys = c->e->plan->class[c->pending.asked.class].keys;
	struct account_name name;
	const struct key_input input = {
		.request = c->request,
		.config = c->e->plan->snapshot,
		.subject = &c->subject,
		.recipient = c->request->stage == STAGE_RCPT ? &c->recipient : NULL,
	};
	for (unsigned key = KEY_ACCOUNT + 1; keys >> key; key++) {
		if ((keys >> key & 1) && key_name_of((enum key)key, &input, &name))
			each(c, (enum key)key, &name);
	}
}

static void place_find(struct call *c, enum key key, const struct account_name *name)
{
	struct asked *asked = &c->pending.asked;
	struct account *entry = account_find(c->e->accounts, account_name_key(name));
	if (!entry) {
		asked->unknown |= 1u << key;
		return;
	}
	account_used(c->e->accounts, entry, c->now.mono);
	asked->place[key] = account_ref(entry);
}

static void place_make(struct call *c, enum key key, const struct account_name *name)
{
	struct asked *asked = &c->pending.asked;
	asked->place[key] = account_ref(account_touch(c->e->accounts, name, c->now.mono));
	asked->unknown &= ~(1u << key);
}

void asked_places_find(struct call *c)
{
	each_name(c, place_find);
}

void asked_places_make(struct call *c)
{
	each_name(c, place_make);
}

void asked_fill(struct call *c)
{
	const struct request *request = c->request;
	struct asked *asked = &c->pending.asked;
	*asked = (struct asked){
		.stage = request->stage,
		.answer_id = c->pending.asked.answer_id,
		.recipients = request->recipients,
		.bytes = request->bytes,
		.class = c->subject.class,
	};
	if (request->stage == STAGE_RCPT) {
		recipient_of(request, c->e->plan->snapshot, &c->recipient);
		cost_of_recipient(c, asked);
	} else {
		cost_of_excess(c, asked);
	}
	/* At RCPT and DATA the size is what the client says it will be. */
	asked->cost.look[UNIT_BYTES] = request->bytes;
	if (request->stage == STAGE_EOM)
		asked->cost.charge[UNIT_BYTES] = request->bytes;
	if (c->was_accepted)
		paid(asked);
	asked->place[KEY_ACCOUNT] = account_ref(c->account);
}
