/* SPDX-License-Identifier: ISC */
/* Actions with what stands behind their word. Whether Postfix can carry them out is check_limit.c's. */
#include "action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/suggest.h"
#include "rule.h"

/* Actions that a reply may say but that make no sense for a setting. */
static const struct ban {
	const char *path;
	enum action action;
	const char *why;
} bans[] = {
	{"limits.action", ACTION_DUNNO,
		"would let everything pass: write mode = \"observe\" instead"},
	{"limits.action", ACTION_INFO,
		"would let everything pass: write mode = \"observe\" instead"},
	{"limits.action", ACTION_WARN,
		"would let everything pass: write mode = \"observe\" instead"},
	{"suspension.action", ACTION_DUNNO, "would let a suspended account send"},
	{"suspension.action", ACTION_INFO, "would let a suspended account send"},
	{"suspension.action", ACTION_WARN, "would let a suspended account send"},
	{"suspension.action", ACTION_BCC, "would let a suspended account send"},
	{"suspension.action", ACTION_PREPEND, "would let a suspended account send"},
	{"suspension.action", ACTION_FILTER, "would let a suspended account send"},
	{"suspension.action", ACTION_REDIRECT, "would send a suspended account's mail elsewhere"},
	{"suspension.action", ACTION_DISCARD, "would lose mail without a word"},
};

/* Words of access(5) that are none of action.def's, and why. */
static const struct {
	const char *word, *why;
} refused[] = {
	{"OK", "would end Postfix's restrictions and let everything pass"},
	{"PERMIT", "would end Postfix's restrictions and let everything pass"},
	{"RELAY", "would end Postfix's restrictions and let everything pass"},
	{"DEFER_IF_REJECT", "does nothing to mail that is accepted"},
	{"421", "ends the SMTP session and takes other mail with it: write 450 instead"},
	{"521", "ends the SMTP session and takes other mail with it: write 550 instead"},
};

/* Why the action is not taken at path, or NULL when it is. */
static const char *ban_of(const char *path, enum action action)
{
	for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++) {
		if (bans[i].action == action && strcmp(bans[i].path, path) == 0)
			return bans[i].why;
	}
	return NULL;
}

/* All words that are taken at path, with commas. */
static void words_list(const char *path, struct errbuf *ret)
{
	size_t used = 0;

	ret->text[0] = '\0';
	for (int i = 0; i < ACTION_COUNT; i++) {
		if (ban_of(path, (enum action)i))
			continue;
		int n = snprintf(ret->text + used, sizeof(ret->text) - used, "%s\"%s\"",
			used ? ", " : "", action_rows[i].word);
		if (n < 0 || (size_t)n >= sizeof(ret->text) - used)
			return;
		used += (size_t)n;
	}
}

static int complain_unknown(const char *path, struct span word, struct errbuf *err)
{
	struct suggestion best = {0};
	char hint[SUGGEST_TEXT_SIZE];
	struct errbuf words;

	for (int i = 0; i < ACTION_COUNT; i++) {
		if (!ban_of(path, (enum action)i))
			suggest_offer(word, action_rows[i].word, &best);
	}
	words_list(path, &words);
	err_set(err, "write one of %.300s, or 4NN or 5NN and a text%s", words.text,
		suggest_text(&best, hint));
	return -EINVAL;
}

static int complain_refused(const char *path, const char *why, struct errbuf *err)
{
	struct errbuf words;

	words_list(path, &words);
	err_set(err, "this %s; write one of %.300s", why, words.text);
	return -EINVAL;
}

static bool is_printable(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	}
	return true;
}

/* One address, with a domain, and nothing beside it that Postfix would read as another. */
static bool is_address(struct span text)
{
	ptrdiff_t at = span_rfind(text, '@');

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == ' ' || text.p[i] == ',' || text.p[i] == '<' || text.p[i] == '>')
			return false;
	}
	return at > 0 && rule_is_domain(span_make(text.p + at + 1, text.n - (size_t)at - 1));
}

/* "transport:" or "transport:nexthop", as access(5) has it. */
static bool is_transport(struct span text)
{
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;

	return colon && rule_is_word(span_make(text.p, (size_t)(colon - text.p))) &&
	       !memchr(text.p, ' ', text.n);
}

/* "Name: value" (RFC 5322 2.2). */
static bool is_header(struct span text)
{
	const char *colon = text.n ? memchr(text.p, ':', text.n) : NULL;

	if (!colon || !rule_is_field_name(span_make(text.p, (size_t)(colon - text.p))))
		return false;
	return span_trim(span_make(colon + 1, text.n - (size_t)(colon + 1 - text.p))).n != 0;
}

static const struct {
	enum action action;
	bool (*is_fine)(struct span text);
	const char *sample;
} arguments[] = {
	{ACTION_PREPEND, is_header, "a header: write \"PREPEND X-Limited: yes\""},
	{ACTION_FILTER, is_transport,
		"a transport with ':': write \"FILTER slow:\" or \"FILTER smtp:[192.0.2.9]\""},
	{ACTION_REDIRECT, is_address, "one address: write \"REDIRECT abuse@example.org\""},
	{ACTION_BCC, is_address, "one address: write \"BCC abuse@example.org\""},
};

static int argument_check(enum action action, struct span text, struct errbuf *err)
{
	if (text.n > ACTION_ARGUMENT_MAX || !is_printable(text)) {
		err_set(err, "what stands behind the word is printable ASCII, at most %d bytes",
			ACTION_ARGUMENT_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		if (arguments[i].action != action || arguments[i].is_fine(text))
			continue;
		err_set(err, "needs %s", arguments[i].sample);
		return -EINVAL;
	}
	return 0;
}

static bool all_digits(struct span word)
{
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
	}
	return word.n != 0;
}

/* Postfix takes a bare code for permission, so there must be a text. */
static int code_parse(
	struct span word, struct span text, struct config_action *ret, struct errbuf *err)
{
	uint64_t code;

	if (word.n != 3 || span_to_u64(word, &code) != 0 || code < 400 || code > 599) {
		err_set(err, "a code is 400 to 599: write \"450 4.7.1 try again later\"");
		return -EINVAL;
	}
	if (text.n == 0) {
		err_set(err,
			"a code needs a text, Postfix takes a bare one for permission: write "
			"\"%.*s %c.7.1 too much mail\"",
			(int)word.n, word.p, word.p[0]);
		return -EINVAL;
	}
	ret->code = (uint16_t)code;
	ret->action = code < 500 ? ACTION_DEFER : ACTION_REJECT;
	return 0;
}

static int word_parse(
	const char *path, struct span word, struct config_action *ret, struct errbuf *err)
{
	if (action_of(word, &ret->action) != 0)
		return complain_unknown(path, word, err);
	const char *why = ban_of(path, ret->action);
	return why ? complain_refused(path, why, err) : 0;
}

int action_parse(const char *path, struct span text, struct config_action *ret, struct errbuf *err)
{
	struct config_action action = {0};
	struct span rest = text;
	struct span word = span_word(&rest);

	rest = span_trim(rest);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (span_equal_nocase(word, span_of(refused[i].word)))
			return complain_refused(path, refused[i].why, err);
	}
	int r = all_digits(word) ? code_parse(word, rest, &action, err)
				 : word_parse(path, word, &action, err);
	if (r == 0)
		r = argument_check(action.action, rest, err);
	if (r != 0)
		return r;
	action.text = rest.n ? xstrndup(rest.p, rest.n) : NULL;
	free(ret->text);
	*ret = action;
	return 0;
}

char *action_text(const struct config_action *action)
{
	const char *word = action->code || action->action == ACTION_COUNT
				   ? ""
				   : action_rows[action->action].word;
	char code[8] = "";
	char *text;

	if (action->action == ACTION_COUNT)
		return NULL;
	if (action->code && snprintf(code, sizeof(code), "%u", (unsigned)action->code) < 0)
		return NULL;
	if (asprintf(&text, "%s%s%s%s", code, word, action->text ? " " : "",
		    action->text ? action->text : "") < 0)
		return NULL;
	return text;
}
