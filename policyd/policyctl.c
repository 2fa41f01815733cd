/* SPDX-License-Identifier: ISC */
/*
 * policyctl: asks a running policyd, and prints what it says. Verbs, their arguments and tables
 * come from command.def; nothing here knows what a verb of the daemon does.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "configuration.h"
#include "mail_header.h"
#include "policyd/command.h"
#include "policyd/control.h"
#include "policyd/mem.h"
#include "policyd/render.h"
#include "simulate.h"

#define SOCKET_DEFAULT "/run/policyd/control.sock"

/* Not a terminal: so wide that only rows with whole texts in them become blocks. */
#define WIDTH_DEFAULT 200

/* Of the line that tells how far a command is: fits every terminal. */
#define PROGRESS_WIDTH 70

static const char common_grammar[] = "[-s SOCKET] [--json] [-h] [--help]";

/* What every verb needs to know of the command line. */
struct client {
	const char *socket;
	bool is_json;
	struct render render;
};

/* ---- saying ---- */

static void line_print(FILE *out, const char *before, const char *text)
{
	char *shown = render_escape(span_of(text), NULL);
	fprintf(out, "%s%s\n", before, shown);
	free(shown);
}

/*
 * answer: {"ok","data","error"} and perhaps "exit", which is for us. Takes it; returns the exit
 * code.
 */
static int answer_tell(const struct client *client, const char *columns, json_t *answer)
{
	bool is_ok = json_is_true(json_object_get(answer, "ok"));
	int code = (int)json_integer_value(json_object_get(answer, "exit"));
	const char *error = json_string_value(json_object_get(answer, "error"));
	if (client->is_json) {
		json_object_del(answer, "exit");
		json_dumpf(answer, client->render.out, JSON_COMPACT | JSON_REAL_PRECISION(12));
		fprintf(client->render.out, "\n");
	} else if (is_ok) {
		render_data(&client->render, columns, json_object_get(answer, "data"));
	} else {
		/* What there is to say about it comes first. */
		if (!json_is_null(json_object_get(answer, "data")))
			render_data(&client->render, columns, json_object_get(answer, "data"));
		(void)fflush(client->render.out);
		line_print(stderr, "policyctl: ", error ? error : "refused");
	}
	json_decref(answer);
	return !is_ok && code == 0 ? EX_SOFTWARE : code;
}

/* Takes data. */
static int data_tell(const struct client *client, const char *columns, json_t *data)
{
	return answer_tell(
		client, columns, json_pack("{s:b, s:o, s:n}", "ok", 1, "data", data, "error"));
}

/* JSON takes no bytes that are not UTF-8, and text may repeat what was typed. */
static json_t *typed_json(const char *text)
{
	char *shown = render_escape(span_of(text), NULL);
	json_t *json = json_string(shown);
	free(shown);
	return json;
}

static int error_tell(const struct client *client, int code, const char *text)
{
	return answer_tell(client, "",
		json_pack("{s:b, s:n, s:o, s:i}", "ok", 0, "data", "error", typed_json(text),
			"exit", code));
}

static void usage_print(FILE *out, const struct command_row *row)
{
	const char *grammar = row ? row->grammar : "ARGUMENTS";
	fprintf(out, "usage: policyctl [-s SOCKET] [--json] %s%s%s\n", row ? row->verb : "VERB",
		*grammar ? " " : "", grammar);
}

/* Wrong use: what is wrong, and how it goes. */
static int usage_tell(const struct client *client, const struct command_row *row, const char *text)
{
	int code = error_tell(client, EX_USAGE, text);
	if (client->is_json)
		line_print(stderr, "policyctl: ", text);
	usage_print(stderr, row);
	if (!row)
		fprintf(stderr, "policyctl help lists the verbs\n");
	return code;
}

static int verb_unknown(const struct client *client, const char *verb)
{
	struct errbuf err;
	command_complain(span_of(verb), &err);
	return usage_tell(client, NULL, err.text);
}

/* ---- verbs of our own ---- */

static json_t *help_json(const struct command_row *row)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "verb", row->verb, "grammar", row->grammar,
		"right", command_right_name(row->right), "help", row->help);
}

/* All verbs; those of a group when group is not empty. */
static int help_list(const struct client *client, struct span group)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command_row *row = &command_rows[i];
		if (group.n == 0 || command_in_group(row, group))
			json_array_append_new(rows, help_json(row));
		if (group.n && !client->is_json && command_in_group(row, group))
			usage_print(client->render.out, row);
	}
	if (!client->is_json && group.n == 0)
		usage_print(client->render.out, NULL);
	if (!client->is_json)
		fprintf(client->render.out, "\n");
	return data_tell(client, command_rows[COMMAND_help].columns, rows);
}

/* What a verb does; where it is the beginning of others, how those go. */
static int help_one(const struct client *client, const struct command_row *row)
{
	struct span verb = span_of(row->verb);
	if (client->is_json)
		return data_tell(client, "", help_json(row));
	usage_print(client->render.out, row);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (command_in_group(&command_rows[i], verb))
			usage_print(client->render.out, &command_rows[i]);
	}
	fprintf(client->render.out, "\n%s\n", row->help);
	if (row->right != RIGHT_VIEW)
		fprintf(client->render.out, "It needs the right \"%s\".\n",
			command_right_name(row->right));
	return EX_OK;
}

/* help VERB, whose words are several arguments. */
static int local_help(const struct client *client, json_t *args)
{
	char verb[128] = "";
	size_t i, n = 0;
	const json_t *word;
	json_array_foreach(json_object_get(args, "verb"), i, word)
	{
		n += span_copy(span_of(i ? " " : ""), verb + n, sizeof(verb) - n);
		n += span_copy(span_of(json_string_value(word)), verb + n, sizeof(verb) - n);
	}
	const struct command_row *row = command_find(span_of(verb));
	if (row)
		return help_one(client, row);
	if (n && !command_is_group(span_of(verb)))
		return verb_unknown(client, verb);
	return help_list(client, span_of(verb));
}

static int local_version(const struct client *client, json_t *args)
{
	struct errbuf err;
	json_t *answer = NULL;
	char *line = control_line_format(&command_rows[COMMAND_status], args);
	int r = control_ask(client->socket, line, NULL, &answer, &err);
	json_t *version = json_object_get(json_object_get(answer, "data"), "version");
	json_t *data = json_pack("{s:s, s:O?}", "policyctl", POLICYD_VERSION, "policyd", version);
	if (r != 0)
		json_object_set_new(data, "policyd_error", typed_json(err.text));
	json_decref(answer);
	free(line);
	return data_tell(client, "", data);
}

static int local_simulate(const struct client *client, json_t *args)
{
	struct errbuf err;
	json_t *data = NULL;
	int code = simulate_run(args, client->is_json ? &data : NULL, &err);
	if (code == EX_OK)
		return data ? data_tell(client, "", data) : EX_OK;
	json_decref(data);
	return error_tell(client, code, err.text);
}

/* Takes data, which may be NULL. */
static int configuration_tell(
	const struct client *client, int code, json_t *data, const char *error)
{
	if (code == EX_OK)
		return data_tell(client, "", data);
	return answer_tell(client, "",
		json_pack("{s:b, s:o, s:o, s:i}", "ok", 0, "data", data ? data : json_null(),
			"error", typed_json(error), "exit", code));
}

/* A line a message, as compilers have them; else as any answer. */
static int local_config_check(const struct client *client, json_t *args)
{
	struct errbuf err;
	json_t *data = NULL;
	size_t i;
	const json_t *message;
	int code = configuration_check(args, &data, &err);
	if (client->is_json)
		return configuration_tell(client, code, data, err.text);
	json_array_foreach(json_object_get(data, "messages"), i, message)
	{
		line_print(stderr, "", json_string_value(message));
	}
	json_decref(data);
	if (code != EX_OK)
		return error_tell(client, code, err.text);
	line_print(client->render.out, configuration_path(args), ": the configuration is good");
	return EX_OK;
}

static int local_config_show(const struct client *client, json_t *args)
{
	struct errbuf err;
	json_t *data = NULL;
	int code = configuration_show(args, &data, &err);
	return configuration_tell(client, code, data, err.text);
}

static int local_config_defaults(const struct client *client, json_t *args)
{
	struct errbuf err;
	json_t *data = NULL;
	int code = configuration_defaults(args, &data, &err);
	return configuration_tell(client, code, data, err.text);
}

static const struct local_verb {
	enum command command;
	/* args are checked by the verb's grammar. Returns the exit code. */
	int (*run)(const struct client *client, json_t *args);
} local_verbs[] = {
	{COMMAND_config_check, local_config_check},
	{COMMAND_config_defaults, local_config_defaults},
	{COMMAND_config_show, local_config_show},
	{COMMAND_help, local_help},
	{COMMAND_simulate, local_simulate},
	{COMMAND_version, local_version},
};

static int local_run(const struct client *client, const struct command_row *row, json_t *args)
{
	for (size_t i = 0; i < sizeof(local_verbs) / sizeof(local_verbs[0]); i++) {
		if (row == &command_rows[local_verbs[i].command])
			return local_verbs[i].run(client, args);
	}
	return error_tell(client, EX_UNAVAILABLE, "this policyctl was built without that verb");
}

/* ---- verbs of the daemon ---- */

static int unreachable_tell(const struct client *client, int r, const struct errbuf *why)
{
	static const struct {
		int error, code;
		const char *remedy;
	} rows[] = {
		{EACCES, EX_NOPERM, "ask as root, or as a member of the socket's group"},
		{EPERM, EX_NOPERM, "ask as root, or as a member of the socket's group"},
		{ENOENT, EX_UNAVAILABLE, "is policyd running? -s SOCKET asks elsewhere"},
		{ECONNREFUSED, EX_UNAVAILABLE, "is policyd running? -s SOCKET asks elsewhere"},
	};
	struct errbuf err = *why;
	int code = EX_UNAVAILABLE;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (r == -rows[i].error) {
			code = rows[i].code;
			err_set(&err, "%.400s (%s)", why->text, rows[i].remedy);
		}
	}
	return error_tell(client, code, err.text);
}

/* Written over itself, and gone before the answer. */
static void progress_show(void *ctx, const struct control_progress *progress)
{
	bool *was_shown = ctx;
	char text[PROGRESS_WIDTH + 1];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 "%s%s", progress->done,
		progress->total, *progress->text ? " " : "", progress->text);
	char *shown = render_escape(span_make(text, n < 0 ? 0 : strlen(text)), NULL);
	fprintf(stderr, "\r%-*.*s", PROGRESS_WIDTH, PROGRESS_WIDTH, shown);
	(void)fflush(stderr);
	free(shown);
	*was_shown = true;
}

/* Which answers are shortened for people. */
static bool is_of_egress(const struct command_row *row)
{
	return row == &command_rows[COMMAND_egress] || row == &command_rows[COMMAND_egress_check] ||
	       row == &command_rows[COMMAND_egress_dossier] || row == &command_rows[COMMAND_status];
}

static int daemon_run(const struct client *client, const struct command_row *row, json_t *args)
{
	struct errbuf err;
	json_t *answer;
	bool was_shown = false;
	const struct control_ear ear = {.progress = progress_show, .ctx = &was_shown};
	int code =
		row == &command_rows[COMMAND_egress_check] ? mail_header_read(args, &err) : EX_OK;
	if (code != EX_OK)
		return error_tell(client, code, err.text);
	char *line = control_line_format(row, args);
	if (!line)
		return usage_tell(client, row, "the arguments are too long");
	int r = control_ask(
		client->socket, line, isatty(STDERR_FILENO) ? &ear : NULL, &answer, &err);
	if (was_shown)
		fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH, "");
	free(line);
	if (r == 0 && !client->is_json && is_of_egress(row))
		render_egress(
			json_object_get(answer, "data"), json_object_get(args, "subject") != NULL);
	return r == 0 ? answer_tell(client, row->columns, answer)
		      : unreachable_tell(client, r, &err);
}

/* ---- the command line ---- */

/* Takes what is common to all verbs out of args. */
static bool was_taken(json_t *args, const char *name)
{
	return json_object_del(args, name) == 0;
}

static int verb_run(struct client *client, const struct command_row *row, json_t *args)
{
	struct command_spec spec = {0};
	struct errbuf err;
	json_t *checked;
	if (command_spec_add(&spec, row->grammar) != 0 ||
		command_args_check(&spec, args, &checked, &err) != 0)
		return usage_tell(client, row, err.text);
	int code = row->place == PLACE_LOCAL ? local_run(client, row, checked)
					     : daemon_run(client, row, checked);
	json_decref(checked);
	return code;
}

/* What does not fit a verb may be the mistyped end of a longer one. */
static void verb_offer(const struct command_line *verb, struct errbuf *err)
{
	char near[SUGGEST_TEXT_SIZE];
	struct errbuf why = *err;
	if (!verb->row || strcmp(verb->text, verb->row->verb) == 0)
		return;
	command_suggest(span_of(verb->text), near);
	if (near[0])
		err_set(err, "%.400s; did you mean \"%s\"?", why.text, near);
}

/* Its row is NULL when there is no verb. */
static int words_run(
	struct client *client, const struct command_line *verb, size_t n, char *const word[])
{
	const struct command_row *row = verb->row;
	struct command_spec spec = {0};
	struct errbuf err;
	json_t *args;
	int r = command_spec_add(&spec, common_grammar);
	if (r == 0 && row)
		r = command_spec_add(&spec, row->grammar);
	if (r != 0 || command_args_parse(&spec, n, word, &args, &err) != 0) {
		verb_offer(verb, &err);
		return usage_tell(client, row, err.text);
	}
	json_t *socket CLEANUP(json_decrefp) = json_incref(json_object_get(args, "s"));
	if (was_taken(args, "s"))
		client->socket = json_string_value(socket);
	client->is_json = was_taken(args, "json");
	bool is_short = was_taken(args, "h"), is_long = was_taken(args, "help");
	int code;
	if (is_short || is_long)
		code = row ? help_one(client, row) : help_list(client, SPAN(""));
	else if (row)
		code = verb_run(client, row, args);
	else
		code = usage_tell(client, NULL, "a verb is missing");
	json_decref(args);
	return code;
}

/* No verb: what would be one; a whole group's help where that is asked for. */
static int group_run(
	const struct client *client, int argc, char *const argv[], const struct command_line *verb)
{
	struct client asked = *client;
	struct span group = span_of(verb->text);
	bool is_help = false;
	for (int i = 1; i < argc; i++) {
		asked.is_json = asked.is_json || strcmp(argv[i], "--json") == 0;
		is_help = is_help || strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0;
	}
	if (is_help && command_is_group(group))
		return help_list(&asked, group);
	return verb_unknown(client, verb->text);
}

static void render_setup(struct render *render)
{
	const char *plain = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;
	uint64_t width = WIDTH_DEFAULT;
	bool is_terminal = isatty(STDOUT_FILENO);
	if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		width = size.ws_col;
	*render = (struct render){
		.out = stdout,
		.width = (unsigned)width,
		.is_colour = is_terminal && !(plain && *plain) && term && strcmp(term, "dumb") != 0,
	};
}

int main(int argc, char *argv[])
{
	const char *socket = getenv("POLICYD_CONTROL");
	struct client client = {.socket = socket && *socket ? socket : SOCKET_DEFAULT};
	const struct command_line verb = command_line_find(argc, argv);
	size_t n;
	int code;
	/* Accounts are UTF-8 whatever the locale: without one, widths are counted as if it were. */
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
	render_setup(&client.render);
	if (verb.n && !verb.row) {
		code = group_run(&client, argc, argv, &verb);
	} else {
		char **word = command_line_rest(argc, argv, &verb, &n);
		code = words_run(&client, &verb, n, word);
		free(word);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		line_print(stderr, "policyctl: standard output: ", strerror(errno));
		return EX_IOERR;
	}
	return code;
}
