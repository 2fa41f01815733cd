/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a line of the control socket: parsed, checked, and what is understood written again
 * and understood alike; what is refused, shown on a terminal. The same bytes as a verb that was
 * mistyped.
 */
#include <stdlib.h>

#include "policyd/control.h"
#include "policyd/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void written_again(const struct control_request *request)
{
	struct control_request again = {0};
	struct errbuf err;
	char *line = control_line_format(request->row, request->args);
	/* Raw bytes may be longer with escapes: then nobody could have sent it so. */
	if (!line)
		return;
	struct span text = span_make(line, strlen(line) - 1);
	if (control_line_parse(text, &again, &err) != 0 || again.row != request->row ||
		!json_equal(again.args, request->args))
		abort();
	json_decref(again.args);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request request = {0};
	struct errbuf err = {{0}};
	struct span line = span_make((const char *)data, size);
	struct render render = {.out = fopen("/dev/null", "w")};
	if (!render.out)
		abort();
	int r = control_line_parse(line, &request, &err);
	if (r == 0) {
		written_again(&request);
		render_data(&render, request.row->columns, request.args);
		json_decref(request.args);
	} else {
		free(render_escape(span_of(err.text), NULL));
	}
	free(render_escape(line, NULL));
	command_complain(line, &err);
	if (strlen(err.text) == 0)
		abort();
	(void)fclose(render.out);
	return 0;
}
