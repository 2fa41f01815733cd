/* SPDX-License-Identifier: ISC */
/* test_point.h - test points of blocklists (RFC 5782 5) as people write them, and as they are asked. */
#ifndef POLICYD_CONFIG_TEST_POINT_H
#define POLICYD_CONFIG_TEST_POINT_H

#include "policyd/blocklist.h"

/*
 * What goes before the zone: an address reversed, or labels; a name that ends in zone without it. NULL:
 * such a list is not asked that. The caller's to free.
 */
char *test_point_label(struct span text, unsigned subjects, struct span zone);
/* Which of them such a point is. */
enum blocklist_subject test_point_subject(struct span text);
/* The point for that where the list names none. */
const char *test_point_default(enum blocklist_subject subject, bool is_listed);
/* What to write instead. */
const char *test_point_remedy(unsigned subjects);

#endif
