/* SPDX-License-Identifier: ISC */
/* How our addresses stood when a stream was recorded, or are said to stand in one that was written. */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"
#include "policyd/mem.h"

static struct span text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_string(value)
		       ? span_make(json_string_value(value), json_string_length(value))
		       : span_make(NULL, 0);
}

/* Without a generation each line is a change of its own. */
static int egress_of(const json_t *row, wall_t now, struct engine_egress *ret)
{
	struct posture_view *view = &ret->stands;
	const json_t *share = json_object_get(row, "share");
	const json_t *generation = json_object_get(row, "generation");
	*ret = (struct engine_egress){.stands = {.share = 100}};
	view->posture = posture_of_name(text_of(row, "posture"));
	if (view->posture == POSTURE_COUNT || ip_parse(text_of(row, "egress"), &view->egress) != 0)
		return -EINVAL;
	if (share && (json_integer_value(share) < 0 || json_integer_value(share) > 100))
		return -EINVAL;
	if (share)
		view->share = (unsigned)json_integer_value(share);
	view->generation = (uint64_t)(generation ? json_integer_value(generation) : now.us);
	span_copy(text_of(row, "provider"), view->provider, sizeof(view->provider));
	span_copy(text_of(row, "transport"), ret->transport, sizeof(ret->transport));
	return 0;
}

int replay_egresses(struct replay *r, const json_t *line, struct errbuf *err)
{
	const json_t *list = json_object_get(line, "list"), *row;
	size_t n = json_array_size(list), i;
	if (n > ENGINE_EGRESSES_MAX)
		n = ENGINE_EGRESSES_MAX;
	struct engine_egress *all = xcalloc(n ? n : 1, sizeof(*all));
	int result = json_is_array(list) ? 0 : -EINVAL;
	json_array_foreach(list, i, row)
	{
		if (i < n && egress_of(row, r->now.wall, &all[i]) != 0)
			result = -EINVAL;
	}
	if (result == 0)
		engine_egresses(r->engine, all, n);
	else
		err_set(err,
			"egresses whose \"egress\" is no address, \"posture\" none of ok, watch, "
			"recover, throttle and hold, or \"share\" none of 0 to 100");
	free(all);
	return result;
}
