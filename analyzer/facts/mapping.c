/* SPDX-License-Identifier: MIT */
#include "analyzer/facts/mapping.h"

#include <stdlib.h>

void file_spot_deinit(struct file_spot *spot)
{
	free(spot->path);
	free(spot->section);
	free(spot->symbol);
	*spot = (struct file_spot){0};
}

void mapping_facts_deinit(struct mapping_facts *mapping)
{
	file_spot_deinit(&mapping->file);
	*mapping = (struct mapping_facts){0};
}
