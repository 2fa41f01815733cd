/* SPDX-License-Identifier: ISC */
/* Both count by themselves; the registry takes over what they have. */
#include "egress_metrics.h"

#include <assert.h>

#include "policyd/metric.h"

static_assert(METRIC_EGRESS_SCORE - METRIC_EGRESS_BEHAVIOUR == LISTING_SCORE - LISTING_BEHAVIOUR &&
		      LISTING_BEHAVIOUR == 0 && LISTING_COUNT == LISTING_SCORE + 1,
	"metric.def and choice.def differ");
static_assert(METRIC_DNS_MALFORMED - METRIC_DNS_FOUND == DNS_MALFORMED - DNS_FOUND &&
		      METRIC_DNS_TIMEOUT - METRIC_DNS_FOUND == DNS_TIMEOUT && DNS_FOUND == 0,
	"metric.def and dns.h differ");

static void egress_set(const struct egress *egress)
{
	struct egress_figures figures;
	egress_figures(egress, &figures);
	for (unsigned kind = 0; kind < LISTING_COUNT; kind++)
		metric_set((enum metric)(METRIC_EGRESS_BEHAVIOUR + kind), figures.listed[kind]);
	metric_set(METRIC_EGRESS_ADDRESSES, figures.addresses);
	metric_set(METRIC_EGRESS_DOMAINS, figures.domains);
	metric_set(METRIC_EGRESS_UNKNOWN, figures.unknown);
	metric_set(METRIC_EGRESS_LISTS_OK, figures.lists_ok);
	metric_set(METRIC_EGRESS_LISTS_NOT_OK, figures.lists_not_ok);
	metric_set(METRIC_EGRESS_ASKED, figures.asked);
	metric_set(METRIC_EGRESS_FAILED, figures.failed);
	metric_set(METRIC_EGRESS_IN_FLIGHT, figures.in_flight);
	metric_set(METRIC_EGRESS_DROPPED, figures.dropped);
	metric_set(METRIC_EGRESS_CLIENTS, figures.clients);
	metric_set(METRIC_EGRESS_CLIENTS_PUT_OFF, figures.clients_put_off);
	metric_set(METRIC_EGRESS_CLIENTS_LISTED, figures.clients_listed);
	metric_set(METRIC_EGRESS_BYTES, figures.bytes);
}

static void dns_set(const struct dns_client *dns)
{
	struct dns_figures figures;
	dns_client_figures(dns, &figures);
	for (unsigned result = 0; result <= DNS_MALFORMED; result++)
		metric_set((enum metric)(METRIC_DNS_FOUND + result), figures.answers[result]);
	metric_set(METRIC_DNS_ASKED, figures.asked);
	metric_set(METRIC_DNS_CACHED, figures.cached);
	metric_set(METRIC_DNS_COALESCED, figures.coalesced);
	metric_set(METRIC_DNS_DROPPED, figures.dropped);
	metric_set(METRIC_DNS_SENT_UDP, figures.sent - figures.sent_tcp);
	metric_set(METRIC_DNS_SENT_TCP, figures.sent_tcp);
	metric_set(METRIC_DNS_UNSENT, dns_client_unsent(dns));
	metric_set(METRIC_DNS_MISMATCHED, figures.mismatched);
	metric_set(METRIC_DNS_IN_FLIGHT, figures.in_flight);
	metric_set(METRIC_DNS_QUEUED, figures.queued);
	metric_set(METRIC_DNS_CACHE, figures.cache_n);
	metric_set(METRIC_DNS_BYTES, figures.bytes);
	metric_set(METRIC_DNS_SERVERS_UP, figures.server_n - figures.down_n);
	metric_set(METRIC_DNS_SERVERS_DOWN, figures.down_n);
}

void egress_metrics_set(const struct egress *egress, const struct dns_client *dns)
{
	egress_set(egress);
	dns_set(dns);
}
