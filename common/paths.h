/* SPDX-License-Identifier: MIT */
/* Where things are on the host. */
#ifndef COMMON_PATHS_H
#define COMMON_PATHS_H

/* The database when no --db is given: $CORELATE_DB, else the system's. Static storage; never NULL. */
const char *paths_database(void);

/* The directory of kept crashes (vault/vault.h): $CORELATE_VAULT, else the system's. Static storage; never NULL. */
const char *paths_vault(void);

#endif
