/* SPDX-License-Identifier: MIT */
/* Prints the kinds of links of the registry: "KIND CLASS|- ALTERNATIVE..." a line, a kind that several causes use more
 * than once. */
#include <stdio.h>

#include "analyzer/causes.h"

int main(void)
{
	for (size_t i = 0; i < cause_count; i++) {
		for (size_t j = 0; j < CAUSE_KINDS && causes[i].kinds[j]; j++) {
			const struct link_kind *kind = causes[i].kinds[j];

			printf("%s %s", kind->name,
			       kind->class == FINDING_UNKNOWN ? "-" : finding_class_name(kind->class));
			for (size_t k = 0; kind->alternatives && kind->alternatives[k]; k++)
				printf(" %s", kind->alternatives[k]);
			putchar('\n');
		}
	}
	return 0;
}
