/* SPDX-License-Identifier: ISC */
/* As whom it sends. */
#include "judging.h"
#include "rows.h"

#define DAY_S 86400u

bool signal_null_sender(const struct look *l, struct finding_of *ret)
{
	ret->units = l->sight->request->sender.n == 0;
	return true;
}

/* Senders that the account began to use within a day, the present one among them. */
static unsigned senders_begun(const struct look *l)
{
	const struct baseline *b = baseline_of(l->account);
	second_t since = l->at > DAY_S ? l->at - DAY_S : 1;
	unsigned begun = baseline_begun(b, HABIT_SENDER, since);
	return begun ? begun : 1;
}

/* The first one; the rest of them is signal_senders()'s. */
bool signal_sender_other(const struct look *l, struct finding_of *ret)
{
	if (l->marks.habit[HABIT_SENDER] == 0)
		return false;
	ret->units = l->known[HABIT_SENDER] == KNOWN_NOT && senders_begun(l) == 1;
	return true;
}

bool signal_senders(const struct look *l, struct finding_of *ret)
{
	if (l->marks.habit[HABIT_SENDER] == 0)
		return false;
	unsigned begun = senders_begun(l);
	ret->units =
		l->known[HABIT_SENDER] == KNOWN_NOT && begun >= signal_rows[SIGNAL_SENDERS].minimum;
	ret->n = begun;
	ret->m = DAY_S / 3600.0;
	return true;
}
