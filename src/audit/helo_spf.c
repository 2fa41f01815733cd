/* SPDX-License-Identifier: ISC */
/*
 * SPF of the HELO name: receivers may check it of every message (RFC 7208 2.3), and of a bounce, which has no
 * sender, there is nothing else to check: it is judged as postmaster at that name (2.4).
 */
#include <stdlib.h>

#include "internal.h"

bool helo_spf_question(
	struct helo_spf *spf, const struct ip *ip, const char *helo, struct dns_question *ret)
{
	if (spf->is_over || name_fault(helo))
		return false;
	if (!spf->walk)
		spf->walk = spf_new(&(struct spf_query){.ip = *ip,
			.domain = span_of(helo),
			.local = SPAN("postmaster"),
			.helo = span_of(helo)});
	if (spf_question(spf->walk, ret))
		return true;
	spf->is_over = true;
	spf->says.ip = *ip;
	spf->record = spf_take(&spf->walk, &spf->says);
	return false;
}

void helo_spf_answered(struct helo_spf *spf, const struct dns_answer *answer)
{
	spf_answered(spf->walk, answer);
}

void helo_spf_judge(
	const struct helo_spf *spf, const char *helo, bool leads_here, struct sighting *s)
{
	const struct spf_missing missing = {.ip = &spf->says.ip, .n = 1};
	if (!spf->is_over) {
		sighting_set(s, AUDIT_UNKNOWN, "there is no HELO name that SPF could speak of");
		return;
	}
	spf_say(s, helo, &spf->says);
	if (!spf_is_missing(spf->says.verdict))
		return;
	/* Nothing but this host uses the name: what is not its address is to be refused. */
	if (spf->says.verdict == SPF_NONE && leads_here)
		sighting_fix(s, "%s. TXT \"v=spf1 a -all\"", helo);
	else
		spf_fix(s, helo, spf->record, &missing);
}

void helo_spf_free(struct helo_spf *spf)
{
	spf_free(spf->walk);
	free(spf->record);
}
