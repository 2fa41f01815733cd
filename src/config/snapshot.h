/* SPDX-License-Identifier: ISC */
/* snapshot.h - what a snapshot keeps beside its settings. */
#ifndef POLICYD_CONFIG_SNAPSHOT_H
#define POLICYD_CONFIG_SNAPSHOT_H

#include "policyd/config.h"

/* Names of all files, which places point at; they live as long as the snapshot. */
const struct config_strings *snapshot_files(const struct config *config);

/* The secret that was read from path, or NULL. */
const struct config_secret *snapshot_secret(const struct config *config, struct span path);

#endif
