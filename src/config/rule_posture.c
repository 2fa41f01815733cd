/* SPDX-License-Identifier: ISC */
/* Rules for the text of settings about postures. What a ramp is as a whole: check_posture.c. */
#include "rule_posture.h"

#include <errno.h>

unsigned rule_ramp_share(struct span text)
{
	uint64_t share;

	if (text.n < 2 || text.p[text.n - 1] != '%' ||
		span_to_u64(span_make(text.p, text.n - 1), &share) != 0 || share > 100)
		return 0;
	return (unsigned)share;
}

int rule_ramp(struct span text, struct errbuf *err)
{
	if (rule_ramp_share(text) > 0)
		return 0;
	err_set(err, "a step of the ramp is 1%% to 100%%: write \"25%%\"");
	return -EINVAL;
}
