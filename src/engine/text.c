/* SPDX-License-Identifier: ISC */
/*
 * The words of a verdict: reason, reference, when room returns, whom to ask (semantics 18). That
 * they are printable and short is seen to where the reply is made.
 */
#include "internal.h"

/* Appends; what does not fit is cut. A refusal is made for each request of a flood: no printf(). */
static void add_span(struct decision *d, size_t *n, struct span text)
{
	size_t room = sizeof(d->text) - 1 - *n;
	size_t more = text.n < room ? text.n : room;
	if (more)
		memcpy(d->text + *n, text.p, more);
	*n += more;
	d->text[*n] = '\0';
}

static void add(struct decision *d, size_t *n, const char *text)
{
	add_span(d, n, span_of(text));
}

static void add_number(struct decision *d, size_t *n, uint64_t number)
{
	char digits[NUMBER_TEXT_SIZE];
	add_span(d, n, span_of_u64(number, digits));
}

/* A name, cut where it would leave no room for the rest. */
static void add_name(struct decision *d, size_t *n, struct span key)
{
	struct span shown = subject_shown(key);
	add_span(d, n, span_make(shown.p, shown.n < 64 ? shown.n : 64));
}

/* The enhanced code; "4.5.3" is too many recipients (RFC 3463 3.6). */
static void add_code(struct decision *d, size_t *n, bool is_cap)
{
	const char *code = action_rows[d->action].code;
	if (is_cap && d->code) {
		add(d, n, d->code < 500 ? "4.5.3 " : "5.5.3 ");
	} else if (code[0]) {
		add(d, n, code);
		add(d, n, " ");
	}
}

/* Reference, and whom the sender may ask, where the configuration says so. */
static void add_help(struct decision *d, size_t *n, const struct config *config)
{
	if (d->reference[0]) {
		add(d, n, "; reference ");
		add(d, n, d->reference);
	}
	if (config->contact) {
		add(d, n, "; contact ");
		add(d, n, config->contact);
	}
	if (config->aup) {
		add(d, n, "; see ");
		add(d, n, config->aup);
	}
}

/* The operator's own words, which begin with a code of theirs where there is to be one. */
static void add_own(struct decision *d, size_t *n, const char *own)
{
	const char *code = action_rows[d->action].code;
	bool has_code = own[0] >= '2' && own[0] <= '5' && own[1] == '.';
	if (!has_code && code[0]) {
		/* 5NN with words of its own: x.7.1 of that class. */
		add_span(d, n, d->code >= 500 ? SPAN("5") : span_make(code, 1));
		add(d, n, code + 1);
		add(d, n, " ");
	}
	add(d, n, own);
}

static void add_cap(struct decision *d, size_t *n, const struct config_limit *limit)
{
	add(d, n, "Message limit ");
	add(d, n, limit->name);
	add(d, n, ": at most ");
	add_number(d, n, d->limit);
	add(d, n, " ");
	add(d, n, unit_name(limit->unit));
	add(d, n, " in one message");
}

static void add_limit(struct decision *d, size_t *n, const struct finding *finding, struct span who)
{
	const struct config_limit *limit = finding->rule->config;
	char window[DURATION_TEXT_SIZE], room[WALL_TEXT_SIZE];
	add(d, n, "Sending limit ");
	add(d, n, limit->name);
	add(d, n, " reached: ");
	add_number(d, n, d->used);
	add(d, n, " of ");
	add_number(d, n, d->limit);
	add(d, n, " ");
	add(d, n, unit_name(limit->unit));
	add(d, n, " in ");
	add(d, n, duration_format(limit->rate.window_us, window));
	add(d, n, " used by ");
	add_name(d, n, who);
	if (finding->is_scaled)
		add(d, n, ", which is less than usual while our sending address stands badly");
	if (finding->is_too_large) {
		add(d, n, "; this message alone is more");
	} else if (d->room_at.us) {
		add(d, n, "; room returns at ");
		add(d, n, wall_format(d->room_at, room));
	} else {
		add(d, n, "; room returns when unfinished messages end");
	}
}

void text_limit(struct decision *d, const struct config *config, const struct finding *finding,
	struct span who)
{
	const struct config_action *action = &finding->action;
	size_t n = 0;
	d->text[0] = '\0';
	if (action_rows[d->action].argument) {
		add(d, &n, action->text ? action->text : "");
		return;
	}
	if (action->text) {
		add_own(d, &n, action->text);
	} else {
		add_code(d, &n, finding->rule->is_cap);
		if (finding->rule->is_cap)
			add_cap(d, &n, finding->rule->config);
		else
			add_limit(d, &n, finding, who);
	}
	add_help(d, &n, config);
}

void text_ladder(struct decision *d, const struct config *config)
{
	char room[WALL_TEXT_SIZE];
	size_t n = 0;
	d->text[0] = '\0';
	add_code(d, &n, false);
	/* Of what is put off nothing is kept here: its sender must not take it for sent. */
	bool is_put_off = d->step >= STEP_HOLD && d->action != ACTION_HOLD;
	add(d, &n,
		d->action == ACTION_HOLD ? "Held for review: mail of "
		: is_put_off             ? "Mail of "
					 : "Sending is slowed for ");
	add_name(d, &n, span_of(d->account));
	if (is_put_off)
		add(d, &n, " is put off until it has been reviewed");
	if (d->room_at.us) {
		add(d, &n, "; room returns at ");
		add(d, &n, wall_format(d->room_at, room));
	}
	add_help(d, &n, config);
}

void text_stance(struct decision *d, const struct config *config, const struct stance *stance)
{
	char ip[IP_TEXT_SIZE], room[WALL_TEXT_SIZE];
	size_t n = 0;
	d->text[0] = '\0';
	if (stance->treat == TREAT_SHIFT) {
		add(d, &n, stance->transport);
		add(d, &n, ":");
		return;
	}
	if (stance->treat == TREAT_ACTION && stance->action->text) {
		if (action_rows[d->action].argument)
			add(d, &n, stance->action->text);
		else
			add_own(d, &n, stance->action->text);
	} else {
		add_code(d, &n, false);
		add(d, &n, d->action == ACTION_HOLD ? "Held" : "Put off");
		add(d, &n, ": our sending address ");
		add(d, &n, ip_format(&stance->view->egress, ip));
		add(d, &n,
			stance->warm_cap ? " is new, and has sent there what it may today"
					 : " stands badly with receivers at present");
		if (d->room_at.us) {
			add(d, &n, "; room returns at ");
			add(d, &n, wall_format(d->room_at, room));
		}
	}
	if (!action_rows[d->action].argument)
		add_help(d, &n, config);
}

void text_standing(struct decision *d, const struct config *config, const struct standing *standing)
{
	char until[WALL_TEXT_SIZE];
	bool is_permanent = standing->until.us == WALL_NEVER.us;
	size_t n = 0;
	d->text[0] = '\0';
	if (config->suspension.action.text) {
		add_own(d, &n, config->suspension.action.text);
	} else {
		add_code(d, &n, false);
		add(d, &n, "Sending is suspended for ");
		add_name(d, &n, span_of(d->account));
		add(d, &n, is_permanent ? " until further notice" : " until ");
		if (!is_permanent)
			add(d, &n, wall_format(standing->until, until));
	}
	add_help(d, &n, config);
}
