/* SPDX-License-Identifier: ISC */
/* egress_view.h - how the world sees our addresses, as JSON: single rows. digest.h makes the whole. */
#ifndef POLICYD_CONTROL_EGRESS_VIEW_H
#define POLICYD_CONTROL_EGRESS_VIEW_H

#include <jansson.h>

#include "policyd/control.h"
#include "policyd/dns_client.h"
#include "policyd/egress.h"

json_t *egress_view_listing(const struct listing *listing, struct now now);
json_t *egress_view_list(const struct list_view *view, struct now now);
json_t *egress_view_client(const struct client_hint *hint, struct now now);
json_t *egress_view_test(const struct check_test *test);
/* {"address","helo","transport","origin"} of each address. */
json_t *egress_view_addresses(const struct egress *e);
/* {"server","up"} of each resolver; NULL gives none. */
json_t *egress_view_resolvers(const struct dns_client *dns);
/* What status says of all this; null where the daemon looks at nothing. */
json_t *egress_view_status(const struct control_setup *setup);

#endif
