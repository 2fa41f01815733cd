/* SPDX-License-Identifier: ISC */
/* Together with others: the same network, the same recipients. */
#include <math.h>

#include "judging.h"
#include "rows.h"

/* The others are in it as well; what they have already is not added to. */
static void raise_others(const struct look *l, enum signal signal, const struct campaign_seen *seen,
	const struct finding_of *found)
{
	for (size_t i = 0; i < seen->n; i++) {
		struct account *other = account_get(l->s->accounts, seen->account[i]);
		if (other && other != l->account)
			score_join(l->s, other, signal, JOIN_HIGH, found, l->at);
	}
	l->s->campaigns += seen->has_joined && seen->accounts == signal_rows[signal].minimum;
}

/*
 * Only who is strange there counts, so that an office's or a carrier's network is nobody's campaign; as
 * long as the site is young everybody is strange everywhere.
 */
bool signal_shared_network(const struct look *l, struct finding_of *ret)
{
	struct campaign_seen seen;
	uint64_t network = l->marks.habit[HABIT_NETWORK];
	if (network == 0 || l->place <= 0.5 || ladder_is_learning(l->s, l->at))
		return false;
	campaign_network(l->s->campaign, network, account_ref(l->account), l->now.mono, &seen);
	if (seen.accounts < signal_rows[SIGNAL_SHARED_NETWORK].minimum)
		return true;
	ret->units = (seen.accounts - 1) * l->place * (1 - l->place_shared);
	ret->n = seen.accounts;
	raise_others(l, SIGNAL_SHARED_NETWORK, &seen, ret);
	return true;
}

/*
 * Only whom nobody here has written to before. Two colleagues may have the same list; a third, or one
 * who comes from somewhere strange, is no colleague.
 */
bool signal_shared_recipients(const struct look *l, struct finding_of *ret)
{
	struct campaign_seen seen;
	if (l->newness < 1)
		return false;
	campaign_recipient(
		l->s->campaign, l->marks.recipient, account_ref(l->account), l->now.mono, &seen);
	double least = signal_rows[SIGNAL_SHARED_RECIPIENTS].minimum;
	if (seen.accounts < (l->strangeness > 0 ? least : least + 1))
		return true;
	ret->units = 0.4 + 0.6 * l->strangeness;
	ret->n = seen.accounts;
	raise_others(l, SIGNAL_SHARED_RECIPIENTS, &seen, ret);
	return true;
}
