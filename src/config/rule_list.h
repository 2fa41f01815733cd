/* SPDX-License-Identifier: ISC */
/* rule_list.h - rules for the text of settings that have to do with DNS and blocklists; rows of rule.c. */
#ifndef POLICYD_CONFIG_RULE_LIST_H
#define POLICYD_CONFIG_RULE_LIST_H

#include <stdbool.h>

#include "policyd/err.h"
#include "policyd/span.h"

/* True for the word that stands for addresses to be found. */
bool rule_is_auto(struct span text);

MUST_CHECK int rule_egress_address(struct span text, struct errbuf *err);
MUST_CHECK int rule_server(struct span text, struct errbuf *err);
MUST_CHECK int rule_who_am_i(struct span text, struct errbuf *err);
MUST_CHECK int rule_list_name(struct span text, struct errbuf *err);
MUST_CHECK int rule_zone(struct span text, struct errbuf *err);
MUST_CHECK int rule_subject(struct span text, struct errbuf *err);
MUST_CHECK int rule_listing_code(struct span text, struct errbuf *err);
MUST_CHECK int rule_error_code(struct span text, struct errbuf *err);
MUST_CHECK int rule_test_point(struct span text, struct errbuf *err);

#endif
