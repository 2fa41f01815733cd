/* SPDX-License-Identifier: ISC */
/* What a verdict should be, and whether it is. */
#include <stdio.h>

#include "scenario.h"

int expect_parse(struct scenario *s, char *const *word, size_t n, struct expect *ret)
{
	*ret = (struct expect){.action = ACTION_DUNNO};
	if (n == 0 || action_of(span_of(word[0]), &ret->action) != 0)
		return fail(s, "expect needs an action, and \"%s\" is none", n ? word[0] : "");
	const struct {
		const char *word;
		struct span *value;
	} keys[] = {
		{"rule", &ret->rule},
		{"would", &ret->would},
		{"text", &ret->text},
		{"reference", &ret->reference},
	};
	for (size_t i = 1; i < n; i += 2) {
		struct span *value = NULL;
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			value = strcmp(word[i], keys[k].word) == 0 ? keys[k].value : value;
		if (!value || i + 1 == n)
			return fail(s, "\"%s\": rule, would, text or reference and a word expected",
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

static int mismatch(
	struct scenario *s, const struct expect *expect, const struct verdict *v, const char *what)
{
	char wanted[400];
	const int size = sizeof(wanted);
	int n = snprintf(wanted, sizeof(wanted), "%s", action_rows[expect->action].word);
	n = add(wanted, n, size, "rule", expect->rule);
	n = add(wanted, n, size, "would", expect->would);
	n = add(wanted, n, size, "text", expect->text);
	(void)add(wanted, n, size, "reference", expect->reference);
	return fail(s, "%s: expected %s; came %s rule \"%s\" would \"%s\" text \"%s\"%s%s", what,
		wanted, action_rows[v->action].word, v->rule, v->would, v->text,
		v->reference[0] ? " reference " : "", v->reference);
}

int expect_check(struct scenario *s, const struct expect *expect, const struct verdict *verdict,
	const char *what)
{
	bool has_text = !expect->text.p || memmem(verdict->text, strlen(verdict->text),
						   expect->text.p, expect->text.n);
	s->checks++;
	if (verdict->action == expect->action && is_word(expect->rule, verdict->rule) &&
		is_word(expect->would, verdict->would) && has_text &&
		is_reference(s, expect->reference, verdict->reference))
		return 0;
	return mismatch(s, expect, verdict, what);
}
