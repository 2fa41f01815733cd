/* SPDX-License-Identifier: ISC */
/* reload, and what became of it. How a configuration is read and swapped is the daemon's business. */
#include <sysexits.h>

#include "call.h"
#include "text.h"

static json_t *result_json(const struct reload_result *result)
{
	json_t *messages = json_array(), *restart = json_array();
	for (size_t i = 0; result->report && i < result->report->n; i++)
		json_array_append_new(messages, text_json(span_of(result->report->line[i].text)));
	for (size_t i = 0; i < result->restart_n; i++)
		json_array_append_new(restart, text_json(span_of(result->restart[i])));
	return json_pack("{s:s, s:o, s:o}", "result", result->is_done ? "done" : "refused",
		"messages", messages, "restart", restart);
}

static void reload_told(void *ctx, const struct reload_result *result)
{
	struct control_call *call = ctx;
	if (call_is_void(call))
		call_end(call);
	else if (!result)
		call_fail(call, EX_TEMPFAIL, "policyd is stopping: nothing was reloaded");
	else if (result->is_done)
		call_answer(call, result_json(result));
	else
		call_refuse(call, &(struct call_refusal){.exit = EX_CONFIG,
					  .data = result_json(result),
					  .text = "the configuration is refused, and the one that "
						  "was in force stays"});
}

void handle_reload(struct control_call *call)
{
	const struct control_setup *setup = call->setup;
	if (setup->reload)
		setup->reload(setup->reload_ctx, reload_told, call);
	else
		call_fail(call, EX_UNAVAILABLE, "this daemon cannot be told to reload");
}
