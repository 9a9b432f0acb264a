/* SPDX-License-Identifier: MIT */
/*
 * In the child: expressions of a program over its variables ("node->next"), built up by the types that debug
 * information has. Bounded for hostile types. Nothing outside analyzer/unwind*.c includes this.
 */
#ifndef ANALYZER_UNWIND_TYPE_H
#define ANALYZER_UNWIND_TYPE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expression {
	char text[160];
	size_t length;
	Dwarf_Die type;	   /* without typedefs and qualifiers */
	const char *alias; /* the typedef that a pointer's target is called by; NULL for none */
	bool is_deref;	   /* the last step followed a pointer, which the text does not show yet */
};

/* The type of a variable or member without typedefs and qualifiers, and its size. Either may be NULL. */
bool unwind_type_of_variable(Dwarf_Die *variable, Dwarf_Die *ret_type, uint64_t *ret_bytes);

bool expression_begin(struct expression *expression, const char *name, Dwarf_Die *type);
bool expression_is_pointer(struct expression *expression);
bool expression_is_aggregate(struct expression *expression); /* structure, class, union or array */

/* The pointer's target. */
bool expression_follow(struct expression *expression);

/* What begins at `offset` and has `bytes` or more; the innermost such. False when there are several or none. */
bool expression_member(struct expression *expression, uint64_t offset, uint64_t bytes);

/* "struct node". */
bool expression_type_name(struct expression *expression, char *text, size_t size);

#endif
