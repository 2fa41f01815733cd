/* SPDX-License-Identifier: ISC */
/*
 * What a new address may send, day by day. The rows are those that large senders publish, with the lower
 * end where they give a span; more than twice the day before is what receivers warn of (Google 81126).
 */
#include "internal.h"

static const uint32_t table[WARMUP_DAYS] = {50, 100, 250, 500, 1000, 2500, 5000, 7500, 10000, 15000,
	20000, 30000, 40000, 55000, 70000, 100000};

/* Bounces in 100 at which it stands still, and what they must be a part of. */
#define BOUNCES_MAX_PERCENT 3
#define BOUNCES_SENT_MIN    100

uint32_t warmup_table(unsigned day)
{
	return table[day < WARMUP_DAYS ? day : WARMUP_DAYS - 1];
}

uint64_t warmup_cap(unsigned day, uint64_t sent_yesterday)
{
	if (day >= WARMUP_DAYS)
		return 0;
	uint64_t most = table[day];
	uint64_t twice = sent_yesterday > most ? most : 2 * sent_yesterday;
	if (twice < table[0])
		twice = table[0];
	return twice < most ? twice : most;
}

bool warmup_is_paused(uint64_t sent, uint64_t bounced)
{
	if (sent < BOUNCES_SENT_MIN)
		return false;
	/* Of what does not fit the last digits do not matter. */
	while (sent > UINT32_MAX || bounced > UINT32_MAX) {
		sent /= 2;
		bounced /= 2;
	}
	return bounced * 100 > sent * BOUNCES_MAX_PERCENT;
}
