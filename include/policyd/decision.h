/* SPDX-License-Identifier: ISC */
/*
 * decision.h - the record of one verdict that was not a plain pass: what the log line, the store's
 * row and policyctl why show.
 */
#ifndef POLICYD_DECISION_H
#define POLICYD_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "policyd/clock.h"
#include "policyd/request.h"
#include "policyd/subject.h"
#include "policyd/verdict.h"

/* Foreign text is copied and cut at these sizes (a record, not evidence). */
struct decision {
	char reference[REFERENCE_SIZE];
	wall_t at;
	enum stage stage;
	enum action action;
	uint16_t code;        /* said in place of the action's word; 0: the word */
	bool observed;        /* an observe rule: this is what would have been answered */
	uint64_t used, limit; /* of the rule, in its unit; both 0 where there is none */
	wall_t room_at;       /* when room returns, or a suspension ends; 0: nobody can tell */
	double score;         /* of the account, and the step of signals.h it stands at */
	unsigned char step;
	char rule[RULE_SIZE];
	/* From here on texts, of which only what is before their ends is copied. */
	char text[VERDICT_TEXT_MAX + 1];
	char account[ACCOUNT_KEY_MAX + 1];
	char instance[64];
	char queue_id[32];
	char client[46];
	char sender[256];
	char recipient[256];
};

#endif
