/* SPDX-License-Identifier: ISC */
/* egress_metrics.h - what blocklists and DNS figures are at present, as metrics. */
#ifndef POLICYD_EGRESS_METRICS_H
#define POLICYD_EGRESS_METRICS_H

#include "policyd/dns_client.h"
#include "policyd/egress.h"

void egress_metrics_set(const struct egress *egress, const struct dns_client *dns);

#endif
