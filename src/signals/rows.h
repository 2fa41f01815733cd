/* SPDX-License-Identifier: ISC */
/*
 * rows.h - the functions of the rows of signal.def. Each looks, and says how many units it finds, with
 * the numbers of its text. False: what it needs is missing, and it says nothing; what it said before
 * decays.
 */
#ifndef POLICYD_SIGNALS_ROWS_H
#define POLICYD_SIGNALS_ROWS_H

#include "judging.h"

typedef bool signal_function(const struct look *l, struct finding_of *ret);
signal_function signal_new_place, signal_travel, signal_device, signal_login_method,
	signal_off_hours, signal_networks, signal_countries, signal_providers;
signal_function signal_null_sender, signal_sender_other, signal_senders;
signal_function signal_shared_network, signal_shared_recipients;
signal_function signal_new_recipients, signal_stranger, signal_volume, signal_fan_out,
	signal_strange_volume, signal_after_silence;
signal_function signal_trap;

double size_units(const struct normal *normal, uint64_t bytes);
/* What is fed from outside: n more of what the row counts. */
void feedback_join(
	struct signals *s, struct account *account, enum signal signal, double n, struct now now);

/* This recipient is a trap that the account has not met, and the first of its message. */
bool signal_trap_hit(const struct look *l);

#endif
