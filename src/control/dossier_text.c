/* SPDX-License-Identifier: ISC */
/* The dossier as text, to be read by whoever decides on a removal. Nothing is decided here. */
#include "dossier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static json_int_t number_of(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

/* "NOT READY: alice stands out ...; ptr fails: ...". */
static void head_print(FILE *out, const struct dossier *dossier, struct now now)
{
	size_t i;
	const json_t *reason;
	char at[WALL_TEXT_SIZE];
	const char *helo = text_of(dossier->address, "helo");
	bool is_ready = json_array_size(dossier->reasons) == 0;
	fprintf(out, "%s", is_ready ? "READY" : "NOT READY: ");
	json_array_foreach(dossier->reasons, i, reason)
	{
		fprintf(out, "%s%s", i ? "; " : "", json_string_value(reason));
	}
	fprintf(out, "\n\nAddress  %s%s%s%s\nWritten  %s\n", text_of(dossier->address, "address"),
		*helo ? " (HELO " : "", helo, *helo ? ")" : "", wall_format(now.wall, at));
}

static void sentences_print(FILE *out, const char *title, const json_t *sentences)
{
	size_t i;
	const json_t *sentence;
	if (json_array_size(sentences))
		fprintf(out, "\n%s\n", title);
	json_array_foreach(sentences, i, sentence)
	{
		fprintf(out, "  - %s\n", json_string_value(sentence));
	}
}

/* ---- listings ---- */

static void line_print(FILE *out, const char *title, const char *text)
{
	if (*text)
		fprintf(out, "    %-9s %s\n", title, text);
}

static void codes_print(FILE *out, const json_t *row)
{
	size_t i;
	const json_t *code;
	fprintf(out, "    %-9s ", "answers");
	json_array_foreach(json_object_get(row, "codes"), i, code)
	{
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(code));
	}
	fprintf(out, " %s (%s, severity %" JSON_INTEGER_FORMAT ")\n", text_of(row, "meaning"),
		text_of(row, "kind"), number_of(row, "severity"));
}

static void removal_print(FILE *out, const json_t *removals, const char *subject, const char *list)
{
	size_t i;
	const json_t *row;
	json_array_foreach(removals, i, row)
	{
		if (strcmp(text_of(row, "list"), list) != 0 ||
			strcmp(text_of(row, "subject"), subject) != 0)
			continue;
		line_print(out, "came back", text_of(row, "relisted"));
		if (*text_of(row, "told"))
			fprintf(out, "    %-9s %s on %s by %s: %s\n", "removal",
				text_of(row, "told"), text_of(row, "told_at"),
				text_of(row, "author"), text_of(row, "note"));
	}
}

static void listings_print(FILE *out, const struct dossier *dossier)
{
	size_t i;
	const json_t *row;
	fprintf(out, "\nListed\n");
	if (json_array_size(dossier->listings) == 0)
		fprintf(out, "  nowhere, as far as policyd can tell: see \"policyctl egress %s\"\n",
			text_of(dossier->address, "address"));
	json_array_foreach(dossier->listings, i, row)
	{
		fprintf(out, "  %s on %s (%s) since %s, for %s\n", text_of(row, "subject"),
			text_of(row, "list"), text_of(row, "title"), text_of(row, "since"),
			text_of(row, "age"));
		codes_print(out, row);
		line_print(out, "TXT", text_of(row, "txt"));
		line_print(out, "page", text_of(row, "delist"));
		line_print(out, "ends", text_of(row, "removal"));
		line_print(out, "takes", text_of(row, "expected"));
		removal_print(
			out, dossier->removals, text_of(row, "subject"), text_of(row, "list"));
	}
}

/* ---- what happened ---- */

static void falls_print(FILE *out, const json_t *falls)
{
	size_t i;
	const json_t *row;
	if (json_array_size(falls))
		fprintf(out, "\nWhat happened\n");
	json_array_foreach(falls, i, row)
	{
		fprintf(out, "  %s  fell to %s: %s", text_of(row, "at"), text_of(row, "posture"),
			text_of(row, "why"));
		if (*text_of(row, "window"))
			fprintf(out, "; %" JSON_INTEGER_FORMAT " recipients in the %s before",
				number_of(row, "recipients"), text_of(row, "window"));
		fprintf(out, "\n");
	}
}

static void culprits_print(FILE *out, const json_t *culprits)
{
	size_t i, n = 0;
	const json_t *row;
	fprintf(out, "\nWho sent it\n");
	json_array_foreach(culprits, i, row)
	{
		bool is_suspended = json_is_true(json_object_get(row, "suspended"));
		bool is_observed = strcmp(text_of(row, "step"), text_of(row, "would")) != 0;
		if (!json_is_true(json_object_get(row, "stands_out")))
			continue;
		n++;
		fprintf(out,
			"  %s: %" JSON_INTEGER_FORMAT
			" recipients, %.1f %% of all; score %.1f, step "
			"%s%s%s%s\n",
			text_of(row, "account"), number_of(row, "recipients"),
			json_number_value(json_object_get(row, "share")),
			json_number_value(json_object_get(row, "score")), text_of(row, "step"),
			is_observed ? ", would be " : "", is_observed ? text_of(row, "would") : "",
			is_suspended ? "; suspended" : "");
	}
	if (n == 0)
		fprintf(out, "  nobody stands out\n");
}

static void actions_print(FILE *out, const json_t *actions)
{
	size_t i;
	const json_t *row;
	fprintf(out, "\nWhat was done\n");
	if (json_array_size(actions) == 0)
		fprintf(out, "  nothing that policyd knows of\n");
	json_array_foreach(actions, i, row)
	{
		const char *limit = text_of(row, "limit"), *until = text_of(row, "until");
		fprintf(out, "  %s  %s %s%s%s%s%s by %s: %s\n", text_of(row, "at"),
			text_of(row, "event"), text_of(row, "account"), *limit ? " " : "", limit,
			*until ? " until " : "", until, text_of(row, "author"),
			text_of(row, "reason"));
	}
}

static void findings_print(FILE *out, const json_t *findings)
{
	size_t i;
	const json_t *row;
	if (json_array_size(findings))
		fprintf(out, "\nOur own house\n");
	json_array_foreach(findings, i, row)
	{
		fprintf(out, "  %s %s: %s; %s\n", text_of(row, "subject"), text_of(row, "check"),
			text_of(row, "result"), text_of(row, "evidence"));
		line_print(out, "to do", text_of(row, "fix"));
	}
}

json_t *dossier_text(const struct dossier *dossier, struct now now)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	if (!out)
		return json_null();
	head_print(out, dossier, now);
	sentences_print(out, "Before a removal is asked for", dossier->reasons);
	sentences_print(out, "To be looked at by hand", dossier->checks);
	listings_print(out, dossier);
	falls_print(out, dossier->falls);
	culprits_print(out, dossier->culprits);
	actions_print(out, dossier->actions);
	findings_print(out, dossier->findings);
	(void)fclose(out);
	json_t *json = text_json(span_make(text, n));
	free(text);
	return json;
}
