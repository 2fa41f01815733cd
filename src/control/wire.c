/* SPDX-License-Identifier: ISC */
/*
 * The request line, both ways, as a pure function of bytes. Sockets, rights and answers are the
 * server's business.
 */
#include "policyd/control.h"

#include <stdio.h>
#include <stdlib.h>

#include "policyd/mem.h"

/*
 * A request is three levels deep ({"args":{"set":["a=b"]}}); jansson recurses, so more is not shown
 * to it.
 */
#define DEPTH_MAX 8

static bool is_too_deep(struct span line)
{
	unsigned depth = 0;
	bool is_text = false;
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];
		if (is_text && c == '\\')
			i++;
		else if (c == '"')
			is_text = !is_text;
		else if (!is_text && (c == '{' || c == '[') && ++depth > DEPTH_MAX)
			return true;
		else if (!is_text && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return false;
}

static int row_of(const json_t *verb, const struct command_row **ret, struct errbuf *err)
{
	struct span word = span_make(json_string_value(verb), json_string_length(verb));
	const struct command_row *row = command_find(word);
	if (row && row->place != PLACE_LOCAL) {
		*ret = row;
		return 0;
	}
	if (row)
		err_set(err, "%s is done by policyctl itself", row->verb);
	else
		command_complain(word, err);
	return CONTROL_LINE_REFUSED;
}

/* args is borrowed from the line's object. */
static int request_check(
	const json_t *verb, const json_t *args, struct control_request *ret, struct errbuf *err)
{
	struct control_request request = {0};
	struct command_spec spec = {0};
	int r = row_of(verb, &request.row, err);
	if (r != 0)
		return r;
	if (command_spec_add(&spec, request.row->grammar) != 0 ||
		command_args_check(&spec, args, &request.args, err) != 0)
		return CONTROL_LINE_REFUSED;
	*ret = request;
	return 0;
}

int control_line_parse(struct span line, struct control_request *ret, struct errbuf *err)
{
	if (line.n >= CONTROL_LINE_MAX) {
		err_set(err, "the line is longer than %d bytes", CONTROL_LINE_MAX);
		return CONTROL_LINE_BROKEN;
	}
	if (is_too_deep(line)) {
		err_set(err, "the request is nested too deeply");
		return CONTROL_LINE_BROKEN;
	}
	json_error_t error;
	json_t *object = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		err_set(err, "the request is no JSON object: %s", error.text);
		return CONTROL_LINE_BROKEN;
	}
	json_t *verb = NULL, *args = NULL;
	int r = CONTROL_LINE_BROKEN, wants_progress = 0;
	if (json_unpack_ex(object, &error, JSON_STRICT, "{s:o, s?o, s?b}", "verb", &verb, "args",
		    &args, "progress", &wants_progress))
		err_set(err,
			"the request must have \"verb\" and may have \"args\" and \"progress\": %s",
			error.text);
	else if (!json_is_string(verb))
		err_set(err, "the verb must be text");
	else
		r = request_check(verb, args, ret, err);
	if (r == 0)
		ret->wants_progress = wants_progress != 0;
	json_decref(object);
	return r;
}

char *control_line_format(const struct command_row *row, const json_t *args)
{
	json_t *object = json_pack("{s:s, s:O}", "verb", row->verb, "args", args);
	/* A daemon that is older than us knows neither such verbs nor the member. */
	if (row->place == PLACE_SLOW)
		json_object_set_new(object, "progress", json_true());
	char *text = json_dumps(object, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	char *line = NULL;
	json_decref(object);
	if (text && n + 1 < CONTROL_LINE_MAX) {
		line = xmalloc(n + 2);
		(void)snprintf(line, n + 2, "%s\n", text);
	}
	free(text);
	return line;
}
