/* SPDX-License-Identifier: ISC */
/* What came back: traps, refused and bounced recipients, complaints, reports. */
#include <math.h>

#include "judging.h"
#include "rows.h"

/* Who answers all is in the trap once, however many of them stood in Cc, and however often he answers. */
bool signal_trap_hit(const struct look *l)
{
	const struct score *score = score_of(l->account);
	return l->newness > 0 && !(score && score->fan_trapped) &&
	       config_is_trap(l->s->config, l->sight->request->recipient);
}

bool signal_trap(const struct look *l, struct finding_of *ret)
{
	const struct points *before = score_points(score_of(l->account), SIGNAL_TRAP);
	ret->units = signal_trap_hit(l);
	ret->n = 1 + (before ? (double)before->n : 0);
	return true;
}

/*
 * A share of what it sent: addresses die, so that some of every list come back. Doubling what is usual
 * is one unit, and again.
 */
static double share_units(double n, double of, double minimum)
{
	const double usual = 0.05;
	double share = n / greater(greater(n, of), 1);
	return n < minimum || share <= usual ? 0 : log2(share / usual);
}

void feedback_join(
	struct signals *s, struct account *account, enum signal signal, double n, struct now now)
{
	const struct signal_row *row = &signal_rows[signal];
	second_t at = second_of(now.mono);
	const struct points *before = score_points(score_of(account), signal);
	struct recent recent;
	double was = before ? points_count(before, at) : 0;
	baseline_recent(baseline_of(account), now.mono, &recent);
	struct finding_of found = {.n = was + n, .m = greater(recent.day, was + n), .units = n};
	if (signal_counts(signal))
		found.units = share_units(found.n, recent.day, row->minimum);
	score_join(s, account, signal, signal_counts(signal) ? JOIN_HIGH : JOIN_ADD, &found, at);
}
