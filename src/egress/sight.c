/* SPDX-License-Identifier: ISC */
/* Answers in words, for people. What they mean for a verdict is not known here. */
#include <stdio.h>

#include "internal.h"

const char *codes_text(const struct codes *codes, char buf[CODES_TEXT_SIZE])
{
	/* 16 codes of up to 15 bytes, and ", " between them. */
	size_t n = 0;
	buf[0] = '\0';
	for (size_t i = 0; i < codes->n; i++) {
		const uint8_t *c = codes->at[i];
		int wrote = snprintf(buf + n, CODES_TEXT_SIZE - n, "%s%u.%u.%u.%u", i ? ", " : "",
			c[0], c[1], c[2], c[3]);
		if (wrote > 0)
			n += (size_t)wrote;
	}
	return buf;
}

/* What Spamhaus, and others after it, mean by 127.255.255.x; NULL: it has no such meaning. */
static const char *error_everywhere(const uint8_t code[4])
{
	if (code[0] != 127 || code[1] != 255 || code[2] != 255)
		return NULL;
	switch (code[3]) {
	case 252:
		return "the name of the zone is wrong";
	case 254:
		return "asked through a public resolver, or one without a name of its own";
	case 255:
		return "too many questions";
	default:
		return "an error code";
	}
}

static const char *error_meaning(const struct blocklist *list, const uint8_t code[4])
{
	for (size_t i = 0; i < list->error_n; i++) {
		if (list->error[i].text && code_pattern_has(&list->error[i].pattern, code))
			return list->error[i].text;
	}
	const char *text = error_everywhere(code);
	return text ? text : "an error code";
}

/* What stands before and behind the codes. */
static const struct {
	const char *before, *behind;
} phrases[] = {
	[SIGHT_NONE] = {"no answer yet", ""},
	[SIGHT_CLEAN] = {"not listed", ""},
	[SIGHT_LISTED] = {"listed: ", ""},
	[SIGHT_UNMATCHED] = {"code ", " is not known of this list"},
	[SIGHT_ERROR] = {"", ": "},
	[SIGHT_OUTSIDE] = {"", ", outside of 127.0.0.0/8: hijacked or parked"},
	[SIGHT_FAILED] = {"", ""},
	[SIGHT_UNASKED] = {"it could not be asked", ""},
	[SIGHT_UNPROVEN] =
		{"not listed, but nor is the list's test point of that kind: the list may know "
		 "none of them (where it does, set its test_listed)",
			""},
	[SIGHT_ELSEWHERE] = {"answered by another resolver than the test points", ""},
};

const char *sight_text(
	const struct blocklist *list, const struct sight *sight, char buf[SIGHT_TEXT_SIZE])
{
	char codes[CODES_TEXT_SIZE];
	const char *more = "";
	if (sight->kind == SIGHT_ERROR)
		more = error_meaning(list, sight->codes.at[0]);
	else if (sight->kind == SIGHT_FAILED)
		more = dns_result_name(sight->result);
	int n = snprintf(buf, SIGHT_TEXT_SIZE, "%s%s%s%s", phrases[sight->kind].before,
		codes_text(&sight->codes, codes), phrases[sight->kind].behind, more);
	if (n < 0)
		buf[0] = '\0';
	return buf;
}

const char *unknown_text(const struct egress *e, const struct list *list,
	const struct record *record, char buf[UNKNOWN_TEXT_SIZE])
{
	char text[SIGHT_TEXT_SIZE];
	int n = 0;
	if (list->state != LIST_OK && list->state != LIST_UNTESTED) {
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "the list is %s: %s",
			list_state_name(list->state), list->why ? list->why : "");
	} else if (record->why == UNKNOWN_SIGHT) {
		struct sight sight = {.kind = record->sight_kind, .result = record->result};
		if (record->detail)
			sight.codes = record->detail->seen;
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "%s", sight_text(list->def, &sight, text));
	} else if (record->why == UNKNOWN_OLD) {
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "not confirmed for %d min",
			(int)(list_age_us(list) / MINUTE_US));
	} else if (record->why == UNKNOWN_UNASKED) {
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "not asked yet");
	} else if (record->history & 1) {
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "listed in %u of %u looks that it takes",
			record_listed_looks(e, record), e->config->egress.listed_looks);
	} else {
		n = snprintf(buf, UNKNOWN_TEXT_SIZE, "clean in %u of %u looks that it takes",
			record->clean_run, e->config->egress.clean_looks);
	}
	if (n < 0)
		buf[0] = '\0';
	return buf;
}
