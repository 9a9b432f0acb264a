/* SPDX-License-Identifier: MIT */
#include "common/paths.h"

#include <stdlib.h>

#define SYSTEM_DATABASE "/var/lib/corelate/corelate.db"
#define SYSTEM_VAULT "/var/lib/corelate/crashes"

const char *paths_database(void)
{
	const char *path = getenv("CORELATE_DB");

	return path && path[0] ? path : SYSTEM_DATABASE;
}

const char *paths_vault(void)
{
	const char *path = getenv("CORELATE_VAULT");

	return path && path[0] ? path : SYSTEM_VAULT;
}
