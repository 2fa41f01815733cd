/* SPDX-License-Identifier: ISC */
/*
 * Arguments of a call as values. Where calls come from and how they end is the server's business.
 */
#include "call.h"

#include <errno.h>

struct span call_arg(const struct control_call *call, const char *name)
{
	const json_t *value = json_object_get(call->args, name);
	return span_make(json_string_value(value), json_string_length(value));
}

int call_count(const struct control_call *call, const struct call_range *range, uint32_t *ret,
	struct errbuf *err)
{
	struct span text = call_arg(call, "count");
	uint64_t n = range->preset;
	if (text.n && (span_to_u64(text, &n) != 0 || n == 0 || n > range->max)) {
		err_set(err, "--count needs a number from 1 to %u", range->max);
		return -EINVAL;
	}
	*ret = (uint32_t)n;
	return 0;
}
