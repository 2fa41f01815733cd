/* SPDX-License-Identifier: ISC */
/* Answers in memory: one block each, counted, as the cache and all who asked share it. */
#include "internal.h"

#include <stdlib.h>

#include "policyd/mem.h"

struct reply *reply_ref(struct reply *reply)
{
	reply->refs++;
	return reply;
}

void reply_unref(struct reply *reply)
{
	if (reply && --reply->refs == 0)
		free(reply);
}

struct span draft_name(struct draft *draft, struct span wire)
{
	char *text = draft->text + draft->text_n;
	size_t n = name_to_text(wire, text);
	draft->text_n += n;
	return span_make(text, n);
}

/* The same text in the copy; what is not text of the draft has no p. */
static struct span moved(struct span text, const struct draft *draft, const char *copy)
{
	return text.n ? span_make(copy + (text.p - draft->text), text.n) : span_make(NULL, 0);
}

static void record_copy(const struct draft *draft, size_t i, enum dns_type type, struct dns_rr *to,
	const char *copy)
{
	*to = draft->rr[i];
	switch (type) {
	case DNS_A:
	case DNS_AAAA:
		break;
	case DNS_TXT:
		to->text = moved(to->text, draft, copy);
		break;
	case DNS_NS:
	case DNS_CNAME:
	case DNS_SOA:
	case DNS_PTR:
	case DNS_MX:
		to->name = moved(to->name, draft, copy);
		break;
	}
}

struct reply *reply_new(const struct draft *draft, enum dns_type type)
{
	size_t n = draft->answer.n;
	size_t bytes = sizeof(struct reply) + n * sizeof(struct dns_rr) + draft->text_n;
	struct reply *reply = xmalloc(bytes);
	reply->refs = 1;
	reply->bytes = bytes;
	reply->answer = draft->answer;
	reply->answer.rr = n ? reply->rr : NULL;
	char *copy = (char *)&reply->rr[n];
	if (draft->text_n)
		memcpy(copy, draft->text, draft->text_n);
	reply->answer.canonical = moved(draft->answer.canonical, draft, copy);
	for (size_t i = 0; i < n; i++)
		record_copy(draft, i, type, &reply->rr[i], copy);
	return reply;
}
