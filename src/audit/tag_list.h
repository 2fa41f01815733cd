/* SPDX-License-Identifier: ISC */
/* tag_list.h - "v=DKIM1; k=rsa; p=..." (RFC 6376 3.2), as DKIM and DMARC write what they have to say. */
#ifndef POLICYD_AUDIT_TAG_LIST_H
#define POLICYD_AUDIT_TAG_LIST_H

#include "policyd/span.h"

struct tag {
	struct span name, value; /* without blanks around them */
	bool is_sound;           /* false: no tag; all of it stands in value */
};
/* The next one; false at the end. What stands between two semicolons and is empty is passed over. */
bool tag_take(struct span *rest, struct tag *ret);
/* One of several values with colons between them, case aside. */
bool tag_value_has(struct span value, struct span word);
/* Lower case, cut to fit; what cannot be shown as '?'. */
void tag_show(struct span text, char *buf, size_t size);

#endif
