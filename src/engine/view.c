/* SPDX-License-Identifier: ISC */
/*
 * What the desk sees of one account. Views make nothing and change nothing; how they are printed is
 * not known here.
 */
#include "internal.h"

/*
 * An account that is known may have rings of an older plan: those are laid out anew, as at a
 * request.
 */
static const struct rings *rings_of(struct engine *e, struct account *entry)
{
	if (!entry || !entry->part[PART_RINGS])
		return NULL;
	return limits_rings(e->plan, entry, 0, false);
}

bool engine_wants_place(const struct engine *e, const struct request *request)
{
	struct subject subject;
	/* Recipients are looked at, and nothing else. */
	if (request->stage != STAGE_RCPT)
		return false;
	/* A login is always an account: most requests need no more than a look at that. */
	return request->sasl_username.n || subject_of(request, e->plan->snapshot, &subject);
}

/* An account as it would ask, as far as that is known without a request. */
struct viewed {
	struct engine *e;
	struct account *account; /* NULL: not known */
	struct subject subject;
	struct request request;
	struct override_scope scope;
	struct now now;
};

unsigned class_of_key(const struct engine *e, struct span key)
{
	struct class_query query = {.account = key, .domain = subject_domain(key)};
	struct span word = span_of(kind_rows[ACCOUNT_ADDR].word);
	struct ip ip;
	if (span_starts(key, word)) {
		if (host_parse(span_make(key.p + word.n, key.n - word.n), &ip) == 0)
			query.client = &ip;
	}
	return config_class_of(e->plan->snapshot, &query);
}

/* Whose ring a rule looks at; NULL when only a request tells, or nothing was counted yet. */
static struct account *entry_of(struct viewed *v, enum key key, bool *ret_is_counted)
{
	struct account_name name;
	const struct key_input input = {
		.request = &v->request, .config = v->e->plan->snapshot, .subject = &v->subject};
	*ret_is_counted = true;
	if (key == KEY_ACCOUNT || key_kind(key) == v->subject.name.kind)
		return v->account;
	*ret_is_counted = key_name_of(key, &input, &name);
	if (!*ret_is_counted)
		return NULL;
	return account_find(v->e->accounts, span_make(name.key, name.n));
}

static void view_limit(
	struct viewed *v, const struct limit_rule *rule, struct engine_limit_view *ret)
{
	const struct limits_plan *plan = v->e->plan;
	struct override_found other;
	override_find(&v->scope, rule->config, &other);
	*ret = (struct engine_limit_view){
		.config = rule->config,
		.action = rule_action(rule, &plan->class[v->subject.class]),
		.rate = other.rate,
		.override = other.override,
		.config_override = other.config_override,
		.next_fits = true,
		.room_at = v->now.mono,
	};
	if (rule->ring == RING_NONE)
		return;
	const struct ring_shape *shape = &plan->ring[rule->ring];
	struct account *entry = entry_of(v, rule->config->key, &ret->is_counted);
	const struct rings *rings = rings_of(v->e, entry);
	uint32_t used = ring_used(rings, rule->ring, v->now.mono);
	uint32_t cells = ring_cells_down(shape, other.rate.n);
	ret->used = ring_units(shape, used);
	ret->reserved = ring_units(shape, ring_reserved(rings, rule->ring));
	ret->next_fits = used < cells;
	ret->room_at = ring_room_at(rings, rule->ring,
		&(struct ring_ask){.cost = 1, .limit = cells, .mono = v->now.mono});
}

/* The finding that the view of a limit stands for. */
static struct finding finding_of(const struct limit_rule *rule, const struct engine_limit_view *l)
{
	return (struct finding){.rule = rule,
		.action = l->action,
		.used = l->used,
		.limit = l->rate.n,
		.room_at = l->room_at};
}

static void next_by_standing(
	const struct config *config, const struct standing *standing, struct decision *d)
{
	d->action = config->suspension.action.action;
	d->code = config->suspension.action.code;
	text_standing(d, config, standing);
	span_copy(SPAN(RULE_SUSPENDED), d->rule, sizeof(d->rule));
}

static void next_by_ladder(const struct viewed *v, struct decision *d)
{
	struct ladder_says says;
	signals_next(v->e->signals, v->account, v->subject.class, v->now, &says);
	if (says.action == ACTION_DUNNO)
		return;
	d->action = says.action;
	d->step = (unsigned char)says.step;
	if (says.room_at.us && says.room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(says.room_at, v->now);
	text_ladder(d, v->e->plan->snapshot);
	span_copy(
		span_of(says.step >= STEP_HOLD ? RULE_HOLD : RULE_SLOW), d->rule, sizeof(d->rule));
}

static void next_by_limit(const struct viewed *v, const struct limit_rule *rule,
	const struct engine_limit_view *limit, struct decision *d)
{
	struct finding finding = finding_of(rule, limit);
	struct span key = span_of(d->account);
	d->action = limit->action.action;
	d->code = limit->action.code;
	d->used = limit->used;
	d->limit = limit->rate.n;
	d->room_at = (wall_t){0};
	if (limit->room_at.us != MONO_NEVER.us)
		d->room_at = wall_of_mono(limit->room_at, v->now);
	text_limit(d, v->e->plan->snapshot, &finding, key);
	span_copy(span_of(limit->config->name), d->rule, sizeof(d->rule));
}

/* The verdict in store for one more recipient: the strongest, as decide.c finds it. */
static void view_next(
	struct viewed *v, const struct limit_rule *const rule[], struct engine_account_view *view)
{
	struct decision d = {.action = ACTION_DUNNO};
	span_copy(span_make(view->name.key, view->name.n), d.account, sizeof(d.account));
	/* While it is suspended the ladder has nothing to say. */
	if (view->standing)
		next_by_standing(v->e->plan->snapshot, view->standing, &d);
	else if (v->account)
		next_by_ladder(v, &d);
	for (size_t i = 0; i < view->limits; i++) {
		const struct engine_limit_view *limit = &view->limit[i];
		if (limit->next_fits || limit->config->mode == MODE_OBSERVE ||
			action_rows[limit->action.action].strength <=
				action_rows[d.action].strength)
			continue;
		next_by_limit(v, rule[i], limit, &d);
	}
	view->next = (struct verdict){.action = d.action, .code = d.code};
	memcpy(view->next.rule, d.rule, sizeof(view->next.rule));
	memcpy(view->next.text, d.text, sizeof(view->next.text));
}

static void view_limits(struct viewed *v, struct engine_account_view *ret)
{
	const struct limits_plan *plan = v->e->plan;
	const struct config *config = plan->snapshot;
	const struct limit_rule *rule[CONFIG_LIMITS_MAX + 1] = {NULL};
	for (size_t i = 0; i < plan->rules; i++) {
		/* Unlimited ones are in no class's list, but people want to see them. */
		if (!(config->classes[v->subject.class].limit_set >> i & 1))
			continue;
		rule[ret->limits] = &plan->rule[i];
		view_limit(v, &plan->rule[i], &ret->limit[ret->limits++]);
	}
	if (is_emergency(v->e, v->now.mono)) {
		rule[ret->limits] = &plan->emergency;
		view_limit(v, &plan->emergency, &ret->limit[ret->limits++]);
	}
	view_next(v, rule, ret);
}

int engine_account(struct engine *e, struct span typed, struct now now,
	struct engine_account_view *ret, struct errbuf *err)
{
	struct viewed v = {.e = e, .now = now};
	struct account_name *name = &v.subject.name;
	int r = subject_parse(typed, e->plan->snapshot, name, err);
	if (r != 0)
		return r;
	struct span key = span_make(name->key, name->n);
	struct span shown = subject_shown(key);
	v.subject.class = class_of_key(e, key);
	v.account = account_find(e->accounts, key);
	if (address_domain(shown).n)
		v.request.sender = shown;
	*ret = (struct engine_account_view){.name = *name,
		.is_known = v.account != NULL,
		.class = &e->plan->snapshot->classes[v.subject.class]};
	if (v.account) {
		ret->last_seen.us = (int64_t)v.account->touched_s * SECOND_US;
		ret->standing = account_standing(e->accounts, v.account, now.mono);
		ret->open_messages = account_pins(v.account);
	}
	bool is_counted;
	struct account *from = entry_of(&v, KEY_SENDER_DOMAIN, &is_counted);
	struct account nobody = {.node = {.key = name->key, .key_n = (uint16_t)name->n}};
	override_scope(e, v.account ? v.account : &nobody, from, now, &v.scope);
	view_limits(&v, ret);
	return 0;
}

int engine_signals(struct engine *e, struct span typed, struct now now, struct signals_view *ret,
	struct errbuf *err)
{
	struct account_name name;
	int r = subject_parse(typed, e->plan->snapshot, &name, err);
	if (r != 0)
		return r;
	struct span key = account_name_key(&name);
	struct account nobody = {.node = {.key = name.key, .key_n = (uint16_t)name.n}};
	const struct account *account = account_find(e->accounts, key);
	signals_view(e->signals, account ? account : &nobody, class_of_key(e, key), now, ret);
	return 0;
}
