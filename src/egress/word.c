/* SPDX-License-Identifier: ISC */
/* Words for what was seen and for how a list does. */
#include "policyd/egress.h"

const char *verdict_state_name(enum verdict_state state)
{
	static const char *const names[] = {
		[SEEN_UNKNOWN] = "unknown",
		[SEEN_CLEAN] = "clean",
		[SEEN_LISTED] = "listed",
	};
	return names[state];
}

const char *list_state_name(enum list_state state)
{
	static const char *const names[] = {
		[LIST_UNTESTED] = "untested",
		[LIST_OK] = "OK",
		[LIST_DEAD] = "DEAD",
		[LIST_WORLD] = "WORLD",
		[LIST_REFUSED] = "REFUSED",
		[LIST_UNREACHABLE] = "UNREACHABLE",
	};
	return names[state];
}
