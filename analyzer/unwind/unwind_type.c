/* SPDX-License-Identifier: MIT */
#include "analyzer/unwind/unwind_type.h"

#include <dwarf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TYPE_DEPTH 32
#define MEMBERS_MAX 4096

static bool strip(Dwarf_Die *type)
{
	for (unsigned i = 0; i < TYPE_DEPTH; i++) {
		int tag = dwarf_tag(type);
		Dwarf_Attribute attribute;

		if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type &&
		    tag != DW_TAG_restrict_type && tag != DW_TAG_atomic_type)
			return tag != DW_TAG_invalid;
		if (!dwarf_attr(type, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, type))
			return false;
	}
	return false;
}

static bool type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, ret) && strip(ret);
}

static bool size_of(Dwarf_Die *type, uint64_t *ret)
{
	Dwarf_Word size;

	if (dwarf_tag(type) == DW_TAG_pointer_type || dwarf_tag(type) == DW_TAG_reference_type)
		size = 8;
	else if (dwarf_aggregate_size(type, &size) != 0)
		return false;
	*ret = size;
	return true;
}

bool unwind_type_of_variable(Dwarf_Die *variable, Dwarf_Die *ret_type, uint64_t *ret_bytes)
{
	Dwarf_Die type;

	if (!type_of(variable, &type) || (ret_bytes && !size_of(&type, ret_bytes)))
		return false;
	if (ret_type)
		*ret_type = type;
	return true;
}

static bool __attribute__((format(printf, 2, 3))) append(struct expression *expression, const char *format, ...)
{
	size_t room = sizeof(expression->text) - expression->length;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(expression->text + expression->length, room, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= room)
		return false;
	expression->length += (size_t)length;
	return true;
}

bool expression_begin(struct expression *expression, const char *name, Dwarf_Die *type)
{
	*expression = (struct expression){.type = *type};
	return append(expression, "%s", name);
}

bool expression_is_pointer(struct expression *expression)
{
	return dwarf_tag(&expression->type) == DW_TAG_pointer_type;
}

static bool is_record(Dwarf_Die *type)
{
	int tag = dwarf_tag(type);

	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool expression_is_aggregate(struct expression *expression)
{
	return is_record(&expression->type) || dwarf_tag(&expression->type) == DW_TAG_array_type;
}

/* The first typedef on the way to the type. */
static const char *alias_of(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Die type = *die;

	for (unsigned i = 0; i < TYPE_DEPTH; i++) {
		if (!dwarf_attr_integrate(&type, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &type))
			return NULL;
		if (dwarf_tag(&type) == DW_TAG_typedef)
			return dwarf_diename(&type);
		if (dwarf_tag(&type) != DW_TAG_const_type && dwarf_tag(&type) != DW_TAG_volatile_type)
			return NULL;
	}
	return NULL;
}

bool expression_follow(struct expression *expression)
{
	Dwarf_Die target;

	if (expression->is_deref || !expression_is_pointer(expression) || !type_of(&expression->type, &target))
		return false;
	expression->alias = alias_of(&expression->type);
	expression->type = target;
	expression->is_deref = true;
	return true;
}

static bool is_placed(Dwarf_Die *member, uint64_t *ret_offset)
{
	Dwarf_Attribute attribute;
	Dwarf_Word offset = 0;

	if (dwarf_hasattr(member, DW_AT_bit_size) || dwarf_hasattr(member, DW_AT_external) ||
	    dwarf_hasattr(member, DW_AT_virtuality))
		return false;
	if (dwarf_attr(member, DW_AT_data_member_location, &attribute) && dwarf_formudata(&attribute, &offset) != 0)
		return false;
	*ret_offset = offset;
	return true;
}

/* The one member of a record that holds `offset`; 0, 1 or more of them. */
static unsigned find_member(Dwarf_Die *record, uint64_t offset, Dwarf_Die *ret, uint64_t *ret_start)
{
	unsigned found = 0, seen = 0;
	Dwarf_Die child, type;
	uint64_t start, size;

	if (dwarf_child(record, &child) != 0)
		return 0;
	do {
		int tag = dwarf_tag(&child);

		if (seen++ == MEMBERS_MAX ||
		    (dwarf_tag(record) == DW_TAG_union_type && dwarf_hasattr(&child, DW_AT_bit_size)))
			return 2;
		if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || !is_placed(&child, &start) ||
		    !unwind_type_of_variable(&child, &type, &size) || offset < start || offset - start >= size)
			continue;
		/* An empty base lies where the first member does. */
		if (tag == DW_TAG_inheritance && find_member(&type, offset - start, ret, &size) == 0)
			continue;
		*ret = child;
		*ret_start = start;
		found++;
	} while (dwarf_siblingof(&child, &child) == 0);
	return found;
}

static bool enter_element(struct expression *expression, uint64_t *offset)
{
	uint64_t size;
	Dwarf_Die element;
	Dwarf_Die dimension;

	/* Of one dimension only. */
	if (!type_of(&expression->type, &element) || !size_of(&element, &size) || size == 0 ||
	    dwarf_child(&expression->type, &dimension) != 0 || dwarf_siblingof(&dimension, &dimension) == 0 ||
	    !append(expression, "[%llu]", (unsigned long long)(*offset / size)))
		return false;
	expression->type = element;
	*offset %= size;
	return true;
}

static bool enter_member(struct expression *expression, uint64_t *offset)
{
	Dwarf_Die member;
	uint64_t start;
	const char *name;

	if (dwarf_tag(&expression->type) == DW_TAG_array_type)
		return enter_element(expression, offset);
	if (find_member(&expression->type, *offset, &member, &start) != 1)
		return false;
	name = dwarf_tag(&member) == DW_TAG_member ? dwarf_diename(&member) : NULL;
	if (name && (!append(expression, "%s%s", expression->is_deref ? "->" : ".", name)))
		return false;
	if (name)
		expression->is_deref = false;
	*offset -= start;
	return type_of(&member, &expression->type);
}

/* An element of what a pointer to pointers points to. */
static bool follow_element(struct expression *expression, uint64_t offset, uint64_t bytes)
{
	if (!expression_is_pointer(expression) || offset % 8 != 0 || bytes > 8)
		return false;
	expression->is_deref = false;
	return append(expression, "[%llu]", (unsigned long long)(offset / 8));
}

bool expression_member(struct expression *expression, uint64_t offset, uint64_t bytes)
{
	struct expression fits;
	bool found = false;

	if (expression->is_deref && !expression_is_aggregate(expression))
		return follow_element(expression, offset, bytes);
	for (unsigned depth = 0; depth < TYPE_DEPTH; depth++) {
		uint64_t size;

		if (!size_of(&expression->type, &size))
			break;
		if (offset == 0 && bytes <= size && !expression->is_deref) {
			fits = *expression;
			found = true;
		}
		if (!expression_is_aggregate(expression) || offset >= size || !enter_member(expression, &offset))
			break;
	}
	if (found)
		*expression = fits;
	return found;
}

bool expression_type_name(struct expression *expression, char *text, size_t size)
{
	const char *name = dwarf_diename(&expression->type);
	int tag = dwarf_tag(&expression->type);
	int length;

	if (!is_record(&expression->type))
		return false;
	if (!name && expression->alias)
		length = snprintf(text, size, "%s", expression->alias);
	else
		length = snprintf(text, size, "%s %s",
				  tag == DW_TAG_class_type   ? "class"
				  : tag == DW_TAG_union_type ? "union"
							     : "struct",
				  name ? name : "without a name");
	return length > 0 && (size_t)length < size;
}
