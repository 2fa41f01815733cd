/* SPDX-License-Identifier: ISC */
/* The answering side of the policy protocol: a verdict in, one safe reply out. */
#include "policyd/verdict.h"

#include <errno.h>

const struct action_row action_rows[ACTION_COUNT] = {
#define ACTION(action_word, action_strength, action_accepts, action_code, action_argument)         \
	[ACTION_##action_word] = {                                                                 \
		.word = #action_word,                                                              \
		.strength = action_strength,                                                       \
		.accepts = action_accepts,                                                         \
		.code = action_code,                                                               \
		.argument = action_argument,                                                       \
	},
#include "policyd/action.def"
#undef ACTION
};

int action_of(struct span word, enum action *ret)
{
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (span_equal_nocase(word, span_of(action_rows[i].word))) {
			*ret = (enum action)i;
			return 0;
		}
	}
	return -ENOENT;
}

static size_t put(char *buf, size_t at, struct span text)
{
	memcpy(buf + at, text.p, text.n);
	return at + text.n;
}

static size_t put_code(char *buf, size_t at, uint16_t code)
{
	buf[at++] = (char)('0' + code / 100 % 10);
	buf[at++] = (char)('0' + code / 10 % 10);
	buf[at++] = (char)('0' + code % 10);
	return at;
}

size_t reply_format(const struct verdict *verdict, char buf[REPLY_MAX])
{
	const struct action_row *row = &action_rows[verdict->action];
	struct span text =
		span_trim(span_make(verdict->text, strnlen(verdict->text, VERDICT_TEXT_MAX)));
	if (verdict->action == ACTION_DUNNO || (row->argument && text.n == 0))
		return put(buf, 0, SPAN(REPLY_DUNNO));
	size_t at = put(buf, 0, SPAN("action="));
	/* A bare code would be a PERMIT. */
	if (verdict->code && text.n)
		at = put_code(buf, at, verdict->code);
	else
		at = put(buf, at, span_of(row->word));
	if (text.n)
		buf[at++] = ' ';
	for (size_t i = 0; i < text.n; i++)
		buf[at++] = text.p[i] >= ' ' && text.p[i] <= '~' ? text.p[i] : '?';
	return put(buf, at, SPAN("\n\n"));
}
