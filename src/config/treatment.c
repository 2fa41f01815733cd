/* SPDX-License-Identifier: ISC */
/* What a class gets while its egress stands badly, as it is written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "policyd/mem.h"

static const struct {
	const char *word;
	enum treat treat;
} words[] = {
	{"pass", TREAT_PASS},
	{"slow", TREAT_SLOW},
	{"shift", TREAT_SHIFT},
	{"ramp", TREAT_RAMP},
};

static int complain(struct errbuf *err)
{
	err_set(err,
		"write pass, slow, shift, ramp, a share as 50%%, DEFER_IF_PERMIT, DEFER, HOLD, "
		"\"FILTER slow:\", or a code with a text");
	return -EINVAL;
}

static int share_parse(struct span text, struct config_treatment *ret, struct errbuf *err)
{
	uint64_t share;

	if (span_to_u64(span_make(text.p, text.n - 1), &share) != 0 || share > 100) {
		err_set(err, "a share is 0%% to 100%%: write \"50%%\"");
		return -EINVAL;
	}
	ret->treat = TREAT_SHARE;
	ret->share = (unsigned)share;
	return 0;
}

/* What loses mail, or says something to nobody, is no way to treat those who have done nothing. */
static bool is_taken(enum action action)
{
	return action == ACTION_DEFER || action == ACTION_DEFER_IF_PERMIT ||
	       action == ACTION_HOLD || action == ACTION_FILTER || action == ACTION_REJECT;
}

static int action_treatment(
	const char *path, struct span text, struct config_treatment *ret, struct errbuf *err)
{
	struct errbuf unused;
	int r = action_parse(path, text, &ret->action, &unused);

	if (r == 0 && is_taken(ret->action.action)) {
		ret->treat = TREAT_ACTION;
		return 0;
	}
	free(ret->action.text);
	return complain(err);
}

int treatment_parse(
	const char *path, struct span text, struct config_treatment *ret, struct errbuf *err)
{
	struct config_treatment found = {.action.action = ACTION_COUNT};
	int r = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (span_equal_nocase(text, span_of(words[i].word)))
			found.treat = words[i].treat;
	}
	if (found.treat == TREAT_NONE && text.n > 1 && text.p[text.n - 1] == '%')
		r = share_parse(text, &found, err);
	else if (found.treat == TREAT_NONE)
		r = action_treatment(path, text, &found, err);
	if (r != 0)
		return r;
	free(ret->action.text);
	*ret = found;
	return 0;
}

char *treatment_text(const struct config_treatment *treatment)
{
	char *text;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].treat == treatment->treat)
			return xstrdup(words[i].word);
	}
	if (treatment->treat == TREAT_ACTION)
		return action_text(&treatment->action);
	if (treatment->treat != TREAT_SHARE || asprintf(&text, "%u%%", treatment->share) < 0)
		return NULL;
	return text;
}
