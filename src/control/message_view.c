/* SPDX-License-Identifier: ISC */
/* What a header says is audit's to read (mailauth.h); nothing of it is trusted here, only shown. */
#include "message_view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "policyd/audit.h"
#include "policyd/mailauth.h"
#include "text.h"

#define KEY_NAME_SIZE (sizeof(((struct dkim_signature *)0)->domain) * 2 + sizeof("._domainkey."))

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

bool message_is_given(const struct control_call *call)
{
	return json_object_get(call->args, "message") != NULL;
}

int message_take(struct control_call *call)
{
	struct message_auth auth;
	struct audit *audit = call->setup->audit;
	/* It changes what is looked at, and what is told of that is kept. */
	if (call_must_have(call, RIGHT_DESK) != 0)
		return -EPERM;
	message_auth_parse(call_arg(call, "message"), &auth);
	if (!audit || !engine_config(call->setup->engine)->egress.audit) {
		call_fail(call, EX_UNAVAILABLE,
			"keys are not looked at here: set egress.audit = true");
		return -ENOENT;
	}
	if (auth.signatures == 0 || !auth.from_domain[0]) {
		call_fail(call, EX_DATAERR, "the message has no %s that can be read",
			auth.signatures == 0 ? "DKIM-Signature" : "From");
		return -EINVAL;
	}
	for (size_t i = 0; i < auth.signatures; i++)
		audit_selector_seen(audit, span_of(auth.signature[i].domain),
			span_of(auth.signature[i].selector), call_now(call));
	return 0;
}

/* ---- keys ---- */

struct key_look {
	const char *name;
	json_t *row;
};

static bool key_found(void *ctx, const struct audit_finding *finding)
{
	struct key_look *look = ctx;
	if (finding->check != CHECK_DKIM || strcmp(finding->subject, look->name) != 0)
		return true;
	put(look->row, "key", json_string(audit_result_name(finding->seen)));
	put(look->row, "verdict", json_string(audit_result_name(finding->result)));
	put(look->row, "evidence", text_or_null(finding->evidence));
	put(look->row, "fix", text_or_null(finding->fix));
	put(look->row, "looked_at", text_moment(finding->looked));
	return false;
}

static json_t *signature_json(const struct control_call *call, const struct message_auth *auth,
	const struct dkim_signature *signature)
{
	char name[KEY_NAME_SIZE];
	const struct audit *audit = call->setup->audit;
	enum dkim_alignment aligned = dkim_aligned(signature->domain, auth->from_domain,
		audit_organisation(audit, span_of(auth->from_domain)));
	json_t *row = json_object();
	int n = snprintf(
		name, sizeof(name), "%s._domainkey.%s", signature->selector, signature->domain);
	put(row, "name", n > 0 ? json_string(name) : json_null());
	put(row, "domain", json_string(signature->domain));
	put(row, "selector", json_string(signature->selector));
	put(row, "algorithm", text_or_null(signature->algorithm));
	put(row, "aligned", json_string(dkim_alignment_name(aligned)));
	put(row, "key", json_string(audit_result_name(AUDIT_UNKNOWN)));
	put(row, "verdict", json_string(audit_result_name(AUDIT_UNKNOWN)));
	put(row, "evidence",
		json_string("no name that public DNS could have: it is not looked up"));
	put(row, "fix", json_null());
	put(row, "looked_at", json_null());
	audit_findings(
		audit, call_now(call), key_found, &(struct key_look){.name = name, .row = row});
	return row;
}

static json_t *result_json(const struct auth_result *result)
{
	return json_pack("{s:o, s:s, s:s, s:o}", "server", text_or_null(result->server), "method",
		result->method, "result", result->result, "detail", text_or_null(result->detail));
}

/* ---- in words ---- */

static bool is_aligned(const json_t *signatures)
{
	size_t i;
	const json_t *row;
	json_array_foreach(signatures, i, row)
	{
		const char *aligned = json_string_value(json_object_get(row, "aligned"));
		if (strcmp(aligned, dkim_alignment_name(ALIGNED_STRICT)) == 0 ||
			strcmp(aligned, dkim_alignment_name(ALIGNED_RELAXED)) == 0)
			return true;
	}
	return false;
}

static void message_say(json_t *summary, const struct message_auth *auth, const json_t *signatures)
{
	json_array_append_new(summary,
		json_sprintf("the message is from %s, with %zu signature%s, %s", auth->from_domain,
			auth->signatures, auth->signatures == 1 ? "" : "s",
			is_aligned(signatures)
				? "one at least of its own organisation"
				: "none that is known to be of its own organisation: DMARC needs "
				  "one, or SPF"));
	if (auth->results == 0)
		json_array_append_new(
			summary, json_string("its header has no results of the receiver "
					     "(Authentication-Results)"));
}

void message_put(const struct control_call *call, json_t *data)
{
	struct message_auth auth;
	json_t *signatures = json_array(), *results = json_array();
	json_t *summary = json_object_get(data, "summary");
	message_auth_parse(call_arg(call, "message"), &auth);
	for (size_t i = 0; i < auth.signatures; i++)
		json_array_append_new(signatures, signature_json(call, &auth, &auth.signature[i]));
	for (size_t i = 0; i < auth.results; i++)
		json_array_append_new(results, result_json(&auth.result[i]));
	if (summary)
		message_say(summary, &auth, signatures);
	put(data, "message",
		json_pack("{s:s, s:o, s:o}", "from", auth.from_domain, "organisation",
			text_or_null(
				audit_organisation(call->setup->audit, span_of(auth.from_domain))),
			"return_path", text_or_null(auth.return_path_domain)));
	put(data, "signatures", signatures);
	put(data, "results", results);
}
