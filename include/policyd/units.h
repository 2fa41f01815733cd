/* SPDX-License-Identifier: ISC */
/*
 * units.h - durations, sizes and rates as people write them: "90s", "4h", "14d", "10M", "200/1h".
 */
#ifndef POLICYD_UNITS_H
#define POLICYD_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policyd/err.h"
#include "policyd/span.h"

/*
 * N allowed in any window of window_us; the window is 1 minute to 31 days (semantics 14a). Or a cap:
 * N in one message (semantics 13).
 */
struct rate {
	uint64_t n;        /* RATE_UNLIMITED: no limit */
	int64_t window_us; /* 0 when unlimited, RATE_PER_MESSAGE for a cap */
	bool is_size;      /* it was written with k, M or G, which only bytes have */
};
#define RATE_UNLIMITED   UINT64_MAX
#define RATE_PER_MESSAGE INT64_C(-1)

/* A whole number and one of ms s m h d w ("0" alone is fine too). 0 or -EINVAL with a hint. */
MUST_CHECK int duration_parse(struct span text, int64_t *ret_us, struct errbuf *err);
/* A whole number of bytes, with k M G for powers of 1024. 0 or -EINVAL with a hint. */
MUST_CHECK int size_parse(struct span text, uint64_t *ret_bytes, struct errbuf *err);
/*
 * "200/1h", "500M/1d", "50/message" or "unlimited". 0 or -EINVAL with a hint (a bare number has no
 * window).
 */
MUST_CHECK int rate_parse(struct span text, struct rate *ret, struct errbuf *err);

/* In the largest unit up to d that is exact: "1h", "90s", "14d", "0s". */
#define DURATION_TEXT_SIZE 24
const char *duration_format(int64_t us, char buf[DURATION_TEXT_SIZE]);
/* "200/1h", "50/message" or "unlimited". */
#define RATE_TEXT_SIZE 48
const char *rate_format(const struct rate *rate, char buf[RATE_TEXT_SIZE]);

#endif
