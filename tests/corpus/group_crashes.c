/* SPDX-License-Identifier: MIT */
/*
 * Groups crashes by the rule of `corelate list --group`, for groups.py: a line of standard input is a crash, its cause
 * signature and its stack signature, "-" where it has none, and crash.signature; a line of standard output is the
 * number of its group.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/signature_group.h"
#include "common/cleanup.h"
#include "common/vector.h"

static struct error *read_pairs(struct signature_pair **ret, size_t *ret_count)
{
	char cause[SIGNATURE_HEX], stack[SIGNATURE_HEX], any[SIGNATURE_HEX];
	struct error *err = NULL;

	while (!err && scanf("%16s %16s %16s", cause, stack, any) == 3) {
		struct signature_pair pair = {0};

		if (strcmp(cause, "-") != 0)
			memcpy(pair.cause, cause, sizeof(cause));
		if (strcmp(stack, "-") != 0)
			memcpy(pair.stack, stack, sizeof(stack));
		memcpy(pair.any, any, sizeof(any));
		err = array_push(*ret, *ret_count, pair);
	}
	return err;
}

int main(void)
{
	cleanup_free struct signature_pair *pairs = NULL;
	cleanup_free size_t *groups = NULL;
	size_t count = 0;
	struct error *err = read_pairs(&pairs, &count);

	groups = calloc(count + 1, sizeof(*groups));
	if (!err)
		err = groups ? signature_group(pairs, count, groups) : &error_no_memory;
	if (err) {
		fprintf(stderr, "group-crashes: %s\n", err->message);
		error_destroy(err);
		return 1;
	}
	for (size_t i = 0; i < count; i++)
		printf("%zu\n", groups[i]);
	return 0;
}
