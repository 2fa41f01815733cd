/* SPDX-License-Identifier: ISC */
/* control_standing_help.h - the control socket of a daemon that keeps postures, culprits and a ledger. */
#ifndef POLICYD_TESTS_CONTROL_STANDING_HELP_H
#define POLICYD_TESTS_CONTROL_STANDING_HELP_H

#include "control_egress_help.h"
#include "policyd/audit.h"
#include "policyd/culprit.h"
#include "policyd/ledger.h"
#include "policyd/posture.h"

/* ---- a daemon that keeps all that ---- */

static struct {
	struct audit *audit;
	struct postures *postures;
	struct culprits *culprits;
	struct ledger *ledger;
	size_t kept;    /* how often the daemon was to keep what it knows */
	bool has_names; /* reverse DNS is as it should be; else there is none */
	bool is_mute;   /* and else nobody answers */
} standing;

static inline const struct ip *our_ip(void)
{
	static struct ip ip;
	ck_assert_int_eq(ip_parse(SPAN("192.0.2.10"), &ip), 0);
	return &ip;
}

static inline void audit_answer(audit_ask ask, const struct dns_question *question)
{
	struct dns_rr rr = {0};
	struct dns_answer answer = {.result = standing.is_mute ? DNS_TIMEOUT : DNS_NXDOMAIN,
		.ttl_s = 60,
		.fetched = world.now.mono,
		.server = {.port = 53},
		.rr = &rr};
	bool is_ptr = question->type == DNS_PTR &&
		      span_starts(question->name, SPAN("10.2.0.192.in-addr.arpa"));
	bool is_a =
		question->type == DNS_A && span_starts(question->name, SPAN("mail.example.org"));
	if (standing.has_names && (is_ptr || is_a)) {
		answer.result = DNS_FOUND;
		answer.n = 1;
	}
	if (is_ptr)
		rr.name = SPAN("mail.example.org");
	else
		rr.ip = *our_ip();
	audit_answered(standing.audit, ask, &answer, world.now);
}

static inline void audit_pump(void)
{
	struct audit_effect effect;
	audit_tick(standing.audit, world.now);
	while (audit_effect(standing.audit, &effect)) {
		if (effect.kind == AUDIT_ASK)
			audit_answer(effect.ask, &effect.question);
	}
}

static inline void both_pump(evutil_socket_t fd, short what, void *ctx)
{
	pump_cb(fd, what, ctx);
	audit_pump();
}

static inline void standing_keep(void *ctx)
{
	(void)ctx;
	standing.kept++;
}

static inline void standing_start(void)
{
	struct errbuf err;
	struct egress_address address[2];
	start(EGRESS LISTS);
	struct config *config = config_ref((struct config *)(uintptr_t)engine_config(world.engine));
	standing.audit =
		audit_new(&(struct audit_setup){.config = config, .seed = {5, 6}}, world.now);
	standing.postures = postures_new(config, world.now);
	standing.culprits = culprits_new();
	standing.ledger = ledger_new();
	config_unref(config);
	for (size_t i = 0; i < 2; i++)
		address[i] = *egress_address_at(world_of.egress, i);
	audit_addresses(standing.audit, address, 1, world.now);
	postures_egresses(
		standing.postures, (const struct ip[]){address[0].ip, address[1].ip}, 2, world.now);
	event_free(world_of.pump);
	world_of.pump = event_new(world.base, -1, 0, both_pump, NULL);
	control_free(world.control);
	struct control_setup setup = world_setup(&world);
	setup.egress = world_of.egress;
	setup.egress_poke = poke;
	setup.standing_keep = standing_keep;
	setup.audit = standing.audit;
	setup.postures = standing.postures;
	setup.culprits = standing.culprits;
	setup.ledger = standing.ledger;
	ck_assert_int_eq(control_new(&setup, world.config, &world.control, &err), 0);
}

static inline void standing_stop(void)
{
	stop();
	audit_free(standing.audit);
	postures_free(standing.postures);
	culprits_free(standing.culprits);
	ledger_free(standing.ledger);
}

/* Hours pass for all of them. */
static inline void standing_pass(int64_t us)
{
	for (int64_t left = us; left > 0; left -= 5 * MINUTE_US) {
		pass(left < 5 * MINUTE_US ? left : 5 * MINUTE_US);
		audit_pump();
		postures_tick(standing.postures, world.now);
		ledger_tick(standing.ledger, world.now);
	}
}

/* What a finding of that severity makes of the first address. */
static inline void found(uint8_t severity, const char *why)
{
	const struct posture_input input = {
		.id = "listing mixed", .severity = severity, .why = why};
	postures_inputs(standing.postures, our_ip(), &input, severity ? 1 : 0, world.now);
}

static inline void fell(void)
{
	found(5, "mixed: 127.0.0.2 spam");
	culprits_begin(
		standing.culprits, our_ip(), POSTURE_HOLD, "mixed: 127.0.0.2 spam", world.now);
	for (int i = 0; i < 100 && culprits_step(standing.culprits, world.engine, world.now); i++)
		;
	ck_assert_ptr_nonnull(culprits_at(standing.culprits, 0));
}

/* So many recipients of an account. */
static inline void sent(const char *login, unsigned n)
{
	static unsigned made;
	for (unsigned i = 0; i < n; i++) {
		char instance[32];
		ck_assert_int_gt(snprintf(instance, sizeof(instance), "i.%u", made++), 0);
		mail(&world, login, instance);
	}
}

/* Eight of alice, one of each of the others. */
static inline void crowd_sent(bool has_alice)
{
	char login[32];
	for (unsigned i = 0; i < 20; i++) {
		ck_assert_int_gt(snprintf(login, sizeof(login), "user%u", i), 0);
		sent(login, 1);
	}
	if (has_alice)
		sent("alice@example.org", 8);
}

static inline const json_t *row_of(const json_t *rows, const char *key, const char *value)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row)
	{
		if (strcmp(text_at(row, key), value) == 0)
			return row;
	}
	ck_abort_msg("no row has %s %s", key, value);
	return NULL;
}

static inline void standing_make(void)
{
	memset(&standing, 0, sizeof(standing));
	make();
}

#define DOSSIER "{'verb':'egress dossier','args':{'address':'192.0.2.10'}}"

#endif
