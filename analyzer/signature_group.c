/* SPDX-License-Identifier: MIT */
#include "analyzer/signature_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* A crash, on its way into a group. */
struct member {
	const struct signature_pair *pair;
	size_t index;
	char joined[SIGNATURE_HEX]; /* the cause signature of its group; "" for none */
};

static int compare_stacks(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	return strcmp(left->pair->stack, right->pair->stack);
}

/* The one cause signature among members of one stack signature, "" where there is none, or another one. */
static const char *only_cause(const struct member *members, size_t count)
{
	const char *found = "";

	for (size_t i = 0; i < count; i++) {
		const char *cause = members[i].pair->cause;

		if (cause[0] && found[0] && strcmp(cause, found) != 0)
			return "";
		if (cause[0])
			found = cause;
	}
	return found;
}

static void join(struct member *members, size_t count)
{
	const char *cause = members[0].pair->stack[0] ? only_cause(members, count) : "";

	for (size_t i = 0; i < count; i++)
		snprintf(members[i].joined, SIGNATURE_HEX, "%s", members[i].pair->cause[0] ? members[i].pair->cause : cause);
}

/* What the group of one that joined none is known by. */
static const char *own_key(const struct member *member)
{
	return member->pair->stack[0] ? member->pair->stack : member->pair->any;
}

/* Within a group by index. */
static int compare_groups(const void *a, const void *b)
{
	const struct member *left = a, *right = b;
	int order = strcmp(left->joined, right->joined);

	if (!order && !left->joined[0])
		order = strcmp(own_key(left), own_key(right));
	return order ? order : (left->index > right->index) - (left->index < right->index);
}

static bool is_same_group(const struct member *a, const struct member *b)
{
	return strcmp(a->joined, b->joined) == 0 && (a->joined[0] || strcmp(own_key(a), own_key(b)) == 0);
}

/* Gives numbers to groups of which each crash knows the first crash. */
static void number_groups(size_t *groups, size_t count)
{
	size_t next = 0;

	/* The first crash of a group comes before the others, so its number is there when theirs is asked for. */
	for (size_t i = 0; i < count; i++)
		groups[i] = groups[i] == i ? next++ : groups[groups[i]];
}

struct error *signature_group(const struct signature_pair *pairs, size_t count, size_t *ret_groups)
{
	cleanup_free struct member *members = calloc(count + 1, sizeof(*members));

	if (!members)
		return &error_no_memory;
	if (count == 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		members[i] = (struct member){.pair = &pairs[i], .index = i};
	qsort(members, count, sizeof(*members), compare_stacks);
	for (size_t i = 0, end; i < count; i = end) {
		end = i + 1;
		while (end < count && compare_stacks(&members[i], &members[end]) == 0)
			end++;
		join(&members[i], end - i);
	}
	qsort(members, count, sizeof(*members), compare_groups);
	for (size_t i = 0, first = 0; i < count; i++) {
		if (i && !is_same_group(&members[i - 1], &members[i]))
			first = i;
		ret_groups[members[i].index] = members[first].index;
	}
	number_groups(ret_groups, count);
	return NULL;
}
