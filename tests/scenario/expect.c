/* SPDX-License-Identifier: ISC */
/* What a verdict should be, and whether it is. */
#include <stdio.h>

#include "scenario.h"

int expect_parse(struct scenario *s, char *const *word, size_t n, struct expect *ret)
{
	*ret = (struct expect){.action = ACTION_COUNT};
	bool is_any = n && strcmp(word[0], "any") == 0;
	if (n == 0 || (!is_any && action_of(span_of(word[0]), &ret->action) != 0))
		return fail(s, "expect needs an action, and \"%s\" is none", n ? word[0] : "");
	const struct {
		const char *word;
		struct span *value;
	} keys[] = {
		{"code", &ret->code},
		{"rule", &ret->rule},
		{"would", &ret->would},
		{"text", &ret->text},
		{"reference", &ret->reference},
		{"step", &ret->step},
		{"would-step", &ret->would_step},
	};
	for (size_t i = 1; i < n; i += 2) {
		struct span *value = NULL;
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			value = strcmp(word[i], keys[k].word) == 0 ? keys[k].value : value;
		if (!value || i + 1 == n)
			return fail(s,
				"\"%s\": code, rule, would, text, reference, step or would-step "
				"and a "
				"word expected",
				word[i]);
		*value = span_of(word[i + 1]);
	}
	return 0;
}

static bool is_word(struct span expected, const char *came)
{
	return !expected.p || span_equal(expected, span_of(came));
}

/* A name's first reference must be new; later it must be that one again. */
static bool is_reference(struct scenario *s, struct span name, const char *came)
{
	if (!name.p)
		return true;
	for (size_t i = 0; i < s->references; i++) {
		bool is_same = strcmp(s->reference[i].reference, came) == 0;
		if (span_equal(name, span_of(s->reference[i].name)))
			return is_same;
		if (is_same)
			return false;
	}
	if (came[0] == '\0' || s->references == REFERENCES_MAX)
		return false;
	span_copy(name, s->reference[s->references].name, NAME_SIZE);
	span_copy(span_of(came), s->reference[s->references++].reference, REFERENCE_SIZE);
	return true;
}

static int add(char *buf, int at, int size, const char *key, struct span value)
{
	if (!value.p || at < 0 || at >= size)
		return at;
	int n = snprintf(buf + at, (size_t)(size - at), " %s \"%.*s\"", key, (int)value.n, value.p);
	return n < 0 ? n : at + n;
}

/* Whatever is in it: one line of printable ASCII, and no longer than people read (semantics 18). */
static bool is_sound(const struct verdict *verdict)
{
	char reply[REPLY_MAX];
	size_t n = reply_format(verdict, reply);
	if (n < 3 || memcmp(reply + n - 2, "\n\n", 2) != 0 ||
		strlen(verdict->text) > VERDICT_TEXT_MAX)
		return false;
	for (size_t i = 0; i < n - 2; i++) {
		if (reply[i] < 0x20 || reply[i] > 0x7e)
			return false;
	}
	return true;
}

/* "0" is the action's own word. */
static bool is_code(struct span expected, unsigned came)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", came);
	return !expected.p || (n > 0 && span_equal(expected, span_of(text)));
}

static int mismatch(
	struct scenario *s, const struct expect *expect, const struct verdict *v, const char *what)
{
	char wanted[400], code[24] = "";
	const int size = sizeof(wanted);
	int n = snprintf(wanted, sizeof(wanted), "%s",
		expect->action == ACTION_COUNT ? "any" : action_rows[expect->action].word);
	n = add(wanted, n, size, "code", expect->code);
	n = add(wanted, n, size, "rule", expect->rule);
	n = add(wanted, n, size, "would", expect->would);
	n = add(wanted, n, size, "text", expect->text);
	n = add(wanted, n, size, "reference", expect->reference);
	n = add(wanted, n, size, "step", expect->step);
	(void)add(wanted, n, size, "would-step", expect->would_step);
	if (v->code && snprintf(code, sizeof(code), " code %u", (unsigned)v->code) < 0)
		code[0] = '\0';
	return fail(s,
		"%s: expected %s; came %s%s rule \"%s\" would \"%s\" text \"%s\"%s%s step %s "
		"would-step %s score %.1f",
		what, wanted, action_rows[v->action].word, code, v->rule, v->would, v->text,
		v->reference[0] ? " reference " : "", v->reference, step_name((enum step)v->step),
		step_name((enum step)v->would_step), v->score);
}

int expect_check(struct scenario *s, const struct expect *expect, const struct verdict *verdict,
	const char *what)
{
	bool has_text = !expect->text.p || memmem(verdict->text, strlen(verdict->text),
						   expect->text.p, expect->text.n);
	s->checks++;
	if (!is_sound(verdict))
		return fail(
			s, "%s: the reply is not one line of ASCII: \"%s\"", what, verdict->text);
	bool is_action = expect->action == ACTION_COUNT || expect->action == verdict->action;
	if (is_action && is_code(expect->code, verdict->code) &&
		is_word(expect->rule, verdict->rule) && is_word(expect->would, verdict->would) &&
		is_word(expect->step, step_name((enum step)verdict->step)) &&
		is_word(expect->would_step, step_name((enum step)verdict->would_step)) &&
		has_text && is_reference(s, expect->reference, verdict->reference))
		return 0;
	return mismatch(s, expect, verdict, what);
}
