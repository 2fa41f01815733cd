/* SPDX-License-Identifier: ISC */
/* How our addresses stand: what lists and receivers say of them, and what the engine is told. */
#include <errno.h>
#include <stdlib.h>

#include "policyd/mem.h"
#include "policyd/posture.h"
#include "scenario.h"

#define EGRESSES_MAX 8
#define FINDINGS_MAX 16

struct standing_egress {
	struct ip ip;
	char transport[NAME_SIZE];
	size_t n;
	struct standing_finding {
		char id[NAME_SIZE], why[64];
		struct posture_input input;
	} finding[FINDINGS_MAX];
};

struct scenario_standing {
	struct postures *postures;
	struct bytes saved;
	size_t n;
	struct standing_egress egress[EGRESSES_MAX];
};

static struct scenario_standing *standing_of_scenario(struct scenario *s)
{
	if (!s->standing) {
		s->standing = xcalloc(1, sizeof(*s->standing));
		s->standing->postures = postures_new(s->config, scenario_now(s));
	}
	return s->standing;
}

/* The engine is told as the daemon tells it. */
static void tell_engine(struct scenario *s)
{
	const struct scenario_standing *all = s->standing;
	struct engine_egress told[EGRESSES_MAX * 8];
	struct posture_effect effect;
	size_t n = 0;
	while (postures_effect(all->postures, &effect))
		;
	while (n < EGRESSES_MAX * 8 &&
		postures_at(all->postures, n, scenario_now(s), &told[n].stands)) {
		told[n].transport[0] = '\0';
		for (size_t i = 0; i < all->n; i++) {
			if (ip_equal(&all->egress[i].ip, &told[n].stands.egress))
				span_copy(span_of(all->egress[i].transport), told[n].transport,
					sizeof(told[n].transport));
		}
		n++;
	}
	engine_egresses(s->engine, told, n);
}

static struct standing_egress *egress_of(struct scenario *s, const char *text)
{
	struct scenario_standing *all = standing_of_scenario(s);
	struct ip ip;
	if (ip_parse(span_of(text), &ip) != 0) {
		(void)fail(s, "\"%s\" is no address", text);
		return NULL;
	}
	for (size_t i = 0; i < all->n; i++) {
		if (ip_equal(&all->egress[i].ip, &ip))
			return &all->egress[i];
	}
	(void)fail(s, "%s is none of our addresses: \"egress %s\" comes first", text, text);
	return NULL;
}

int standing_egress(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct scenario_standing *all = standing_of_scenario(s);
	struct standing_egress *egress = &all->egress[all->n];
	struct ip ip[EGRESSES_MAX];
	(void)verb;
	if (all->n == EGRESSES_MAX || ip_parse(span_of(words->word[1]), &egress->ip) != 0)
		return fail(s, "\"%s\" is no address, or one too many", words->word[1]);
	if (words->n > 2)
		span_copy(span_of(words->word[2]), egress->transport, sizeof(egress->transport));
	all->n++;
	for (size_t i = 0; i < all->n; i++)
		ip[i] = all->egress[i].ip;
	postures_egresses(all->postures, ip, all->n, scenario_now(s));
	tell_engine(s);
	return 0;
}

static struct standing_finding *finding_of(struct standing_egress *egress, const char *id)
{
	for (size_t i = 0; i < egress->n; i++) {
		if (strcmp(egress->finding[i].id, id) == 0)
			return &egress->finding[i];
	}
	struct standing_finding *made = &egress->finding[egress->n];
	if (egress->n == FINDINGS_MAX || strlen(id) >= sizeof(made->id))
		return NULL;
	*made = (struct standing_finding){.id = ""};
	span_copy(span_of(id), made->id, sizeof(made->id));
	egress->n++;
	return made;
}

/* "gone" takes it away, "unknown" leaves the severity it had. */
static int finding_set(
	struct scenario *s, struct standing_finding *finding, const struct words *words)
{
	uint64_t severity;
	const char *word = words->word[3];
	finding->input.is_unknown = strcmp(word, "unknown") == 0;
	if (finding->input.is_unknown)
		return 0;
	if (span_to_u64(span_of(word), &severity) != 0 || severity < 1 || severity > 5)
		return fail(s, "\"%s\" is no severity (1 to 5), unknown or gone", word);
	finding->input.severity = (uint8_t)severity;
	span_copy(
		span_of(words->n > 4 ? words->word[4] : word), finding->why, sizeof(finding->why));
	return 0;
}

int standing_finding(struct scenario *s, const struct verb *verb, const struct words *words)
{
	struct posture_input input[FINDINGS_MAX];
	struct standing_egress *egress = egress_of(s, words->word[1]);
	struct standing_finding *finding = egress ? finding_of(egress, words->word[2]) : NULL;
	int r = 0;
	(void)verb;
	if (!egress)
		return -EINVAL;
	if (!finding)
		return fail(s, "one finding too many, or too long a name");
	if (strcmp(words->word[3], "gone") == 0)
		*finding = egress->finding[--egress->n];
	else
		r = finding_set(s, finding, words);
	for (size_t i = 0; i < egress->n; i++) {
		input[i] = egress->finding[i].input;
		input[i].id = egress->finding[i].id;
		input[i].why = egress->finding[i].why;
	}
	if (r != 0)
		return r;
	postures_inputs(s->standing->postures, &egress->ip, input, egress->n, scenario_now(s));
	tell_engine(s);
	return 0;
}

int standing_receiver(struct scenario *s, const struct verb *verb, const struct words *words)
{
	const struct standing_egress *egress = egress_of(s, words->word[1]);
	uint64_t points;
	(void)verb;
	if (!egress)
		return -EINVAL;
	if (span_to_u64(span_of(words->word[3]), &points) != 0)
		return fail(s, "\"%s\" is no number of points", words->word[3]);
	const struct receiver_signal signal = {.egress = egress->ip,
		.provider = span_of(words->word[2]),
		.kind = SPAN("reputation"),
		.weight = (double)points,
		.text = SPAN("421 4.7.0 our system has detected an unusual rate")};
	postures_signal(s->standing->postures, &signal, scenario_now(s));
	tell_engine(s);
	return 0;
}

int standing_bounced(struct scenario *s, const struct verb *verb, const struct words *words)
{
	const struct standing_egress *egress = egress_of(s, words->word[1]);
	uint64_t n;
	(void)verb;
	if (!egress)
		return -EINVAL;
	if (span_to_u64(span_of(words->word[3]), &n) != 0 || n > UINT32_MAX)
		return fail(s, "\"%s\" is no number of recipients", words->word[3]);
	engine_bounced(
		s->engine, &egress->ip, span_of(words->word[2]), (uint32_t)n, scenario_now(s));
	return 0;
}

/* "posture 192.0.2.10 hold", "posture 192.0.2.10 recover 10", with "with PROVIDER" behind it. */
int standing_posture(struct scenario *s, const struct verb *verb, const struct words *words)
{
	const struct standing_egress *egress = egress_of(s, words->word[1]);
	const char *provider = "";
	size_t n = words->n;
	struct posture_view view, found = {.share = 100};
	uint64_t share = 100;
	(void)verb;
	s->checks++;
	if (!egress)
		return -EINVAL;
	if (n > 4 && strcmp(words->word[n - 2], "with") == 0) {
		provider = words->word[n - 1];
		n -= 2;
	}
	if (n > 3 && span_to_u64(span_of(words->word[3]), &share) != 0)
		return fail(s, "\"%s\" is no share in percent", words->word[3]);
	for (size_t i = 0; postures_at(s->standing->postures, i, scenario_now(s), &view); i++) {
		if (ip_equal(&view.egress, &egress->ip) && strcmp(view.provider, provider) == 0)
			found = view;
	}
	if (strcmp(posture_name(found.posture), words->word[2]) != 0 || found.share != share)
		return fail(s, "expected posture %s at %u %%; it is %s at %u %% (%s)",
			words->word[2], (unsigned)share, posture_name(found.posture), found.share,
			found.why);
	return 0;
}

/* ---- with the others ---- */

void standing_tick(struct scenario *s)
{
	struct now now = scenario_now(s);
	if (!s->standing || postures_due(s->standing->postures).us > now.mono.us)
		return;
	postures_tick(s->standing->postures, now);
	tell_engine(s);
}

void standing_configure(struct scenario *s)
{
	if (!s->standing)
		return;
	postures_configure(s->standing->postures, s->config, scenario_now(s));
	tell_engine(s);
}

/* As the daemon's: what was saved is loaded into new ones. */
void standing_save(struct scenario *s)
{
	if (s->standing)
		postures_save(s->standing->postures, &s->standing->saved, scenario_now(s));
}

void standing_load(struct scenario *s)
{
	struct scenario_standing *all = s->standing;
	struct now now = scenario_now(s);
	if (!all)
		return;
	postures_free(all->postures);
	all->postures = postures_new(s->config, now);
	if (postures_load(all->postures, span_make(all->saved.p, all->saved.n), now) != 0)
		(void)fail(s, "postures that were saved cannot be loaded");
	bytes_free(&all->saved);
	all->saved = (struct bytes){0};
	tell_engine(s);
}

void standing_end(struct scenario *s)
{
	if (!s->standing)
		return;
	postures_free(s->standing->postures);
	free(s->standing);
	s->standing = NULL;
}
