/* SPDX-License-Identifier: ISC */
/*
 * smtp_probe.h - one probe of a domain (probe.h), carried out: connections to its MX, one after the other until one
 * tells, with a deadline for each step and for the whole. Nothing of it blocks.
 */
#ifndef POLICYD_SMTP_PROBE_H
#define POLICYD_SMTP_PROBE_H

#include <event2/event.h>
#include <stdint.h>

#include "policyd/clock.h"
#include "policyd/probe.h"

#define SMTP_PROBE_PORT     25
#define SMTP_PROBE_STEP_US  (30 * SECOND_US)
#define SMTP_PROBE_WHOLE_US (120 * SECOND_US)

struct smtp_probe;
typedef void smtp_probe_done(void *ctx, const struct probe_outcome *outcome);
struct smtp_probe_setup {
	struct event_base *base;
	uint16_t port;
	int64_t step_us, whole_us;
	/* Exactly once, from the loop, never before the start has returned; the probe is gone then. */
	smtp_probe_done *done;
	void *ctx;
};
/* The order is copied, and has a target. */
struct smtp_probe *smtp_probe_start(
	const struct smtp_probe_setup *setup, const struct probe_order *order);
/* Ends it without telling; NULL is fine. */
void smtp_probe_cancel(struct smtp_probe *probe);

#endif
