/* SPDX-License-Identifier: MIT */
/*
 * In the child: which structure member an access went to. The variables whose location at an instruction is the
 * pointer's register, or the word that the register was read from, are looked for in the scopes around it; the member
 * is the one at the offset. One that fits is an answer, two are none.
 *
 * The debug information may be hostile: every walk has a budget of entries and a depth.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/unwind/unwind_child.h"
#include "analyzer/unwind/unwind_type.h"

#define SCOPE_DEPTH 32
#define ENTRIES_MAX 200000

/* DWARF's numbers (System V ABI, AMD64, figure 3.36). */
static const int dwarf_registers[16] = {CORE_RAX, CORE_RDX, CORE_RCX, CORE_RBX, CORE_RSI, CORE_RDI, CORE_RBP, CORE_RSP,
					CORE_R8,  CORE_R9,  CORE_R10, CORE_R11, CORE_R12, CORE_R13, CORE_R14, CORE_R15};

struct search {
	const struct member_request *request;
	Dwarf_Die unit;
	Dwarf_Addr bias;
	Dwarf_Die function; /* concrete; its frame base is that of all scopes in it */
	bool has_frame_base;
	uint64_t frame_base;
	unsigned budget;
	/* Where the variable is to be. */
	const struct code_pointer_link *link;
	Dwarf_Die found;
	uint64_t found_offset; /* of the pointer in the variable */
	unsigned count;	       /* of those that fit in the scope at hand */
};

static bool spend(struct search *search)
{
	return search->budget > 0 && search->budget-- > 0;
}

static bool frame_base(struct search *search, Dwfl *dwfl, uint64_t pc)
{
	Dwarf_Attribute attribute;
	Dwarf_Frame *frame;
	Dwarf_Op *ops;
	size_t count;
	unsigned reg;
	int64_t offset;
	bool known;

	if (!dwarf_attr_integrate(&search->function, DW_AT_frame_base, &attribute) ||
	    dwarf_getlocation_addr(&attribute, pc - search->bias, &ops, &count, 1) != 1 || count != 1)
		return false;
	if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg15) {
		search->frame_base = search->request->registers[dwarf_registers[ops[0].atom - DW_OP_reg0]];
		return true;
	}
	if (ops[0].atom != DW_OP_call_frame_cfa)
		return false;
	frame = unwind_find_cfi(dwfl, pc);
	known = frame && unwind_cfa_rule(frame, &reg, &offset) && reg < 16;
	free(frame);
	if (known)
		search->frame_base = search->request->registers[dwarf_registers[reg]] + (uint64_t)offset;
	return known;
}

/* The variable is in the link's register, or holds its word; *ret_offset is where in it. */
static bool is_there(struct search *search, Dwarf_Die *variable, uint64_t *ret_offset)
{
	const struct code_pointer_link *link = search->link;
	Dwarf_Attribute attribute;
	uint64_t address, size;
	Dwarf_Op *ops;
	size_t count;

	*ret_offset = 0;
	if (!dwarf_attr_integrate(variable, DW_AT_location, &attribute) ||
	    dwarf_getlocation_addr(&attribute, link->at - search->bias, &ops, &count, 1) != 1 || count != 1)
		return false;
	if (ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg15)
		return dwarf_registers[ops[0].atom - DW_OP_reg0] == link->reg;
	if (ops[0].atom == DW_OP_fbreg && search->has_frame_base)
		address = search->frame_base + ops[0].number;
	else if (ops[0].atom == DW_OP_addr)
		address = search->bias + ops[0].number;
	else
		return false;
	if (!link->slot || link->slot < address || !unwind_type_of_variable(variable, NULL, &size))
		return false;
	*ret_offset = link->slot - address;
	return *ret_offset < size;
}

/* The variables of one scope. */
static void search_scope(struct search *search, Dwarf_Die *scope)
{
	uint64_t offset;
	Dwarf_Die child;

	search->count = 0;
	if (dwarf_child(scope, &child) != 0)
		return;
	do {
		int tag = dwarf_tag(&child);

		if (!spend(search))
			break;
		if ((tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) && is_there(search, &child, &offset)) {
			search->found = child;
			search->found_offset = offset;
			search->count++;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
}

static bool may_hold_code(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block || tag == DW_TAG_namespace;
}

/* The child of `scope` that holds pc. A namespace has no addresses of its own: what is in it is looked at. */
static bool descend(struct search *search, Dwarf_Die *scope, unsigned depth, uint64_t pc, Dwarf_Die *ret)
{
	Dwarf_Die child;

	if (depth == 0 || dwarf_child(scope, &child) != 0)
		return false;
	do {
		int tag = dwarf_tag(&child);

		if (!spend(search))
			return false;
		if (tag == DW_TAG_namespace) {
			if (descend(search, &child, depth - 1, pc, ret))
				return true;
		} else if (may_hold_code(tag) && dwarf_haspc(&child, pc - search->bias) == 1) {
			*ret = child;
			return true;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

/* From the unit inwards. */
static size_t find_scopes(struct search *search, Dwarf_Die scopes[SCOPE_DEPTH], uint64_t pc)
{
	size_t count = 1;

	scopes[0] = search->unit;
	while (count < SCOPE_DEPTH && descend(search, &scopes[count - 1], 4, pc, &scopes[count])) {
		if (dwarf_tag(&scopes[count]) == DW_TAG_subprogram)
			search->function = scopes[count];
		count++;
	}
	return count;
}

/* The one variable for the link, innermost scope first. */
static bool find_variable(struct search *search, Dwfl *dwfl, size_t index)
{
	Dwarf_Die scopes[SCOPE_DEPTH];
	size_t count;

	search->link = &search->request->links[index];
	memset(&search->function, 0, sizeof(search->function));
	count = find_scopes(search, scopes, search->link->at);
	if (!search->function.addr)
		return false;
	search->has_frame_base = frame_base(search, dwfl, search->request->links[0].at);
	for (size_t i = count; i-- > 0;) {
		search_scope(search, &scopes[i]);
		if (search->budget == 0 || search->count > 1)
			return false;
		if (search->count == 1)
			return true;
	}
	return false;
}

/* What the pointer of link `index` points to, and how the program writes that pointer. */
static bool resolve(struct search *search, Dwfl *dwfl, size_t index, struct expression *expression)
{
	const struct member_request *request = search->request;
	Dwarf_Die type;

	if (find_variable(search, dwfl, index)) {
		const char *name = dwarf_diename(&search->found);

		return name && unwind_type_of_variable(&search->found, &type, NULL) &&
		       expression_begin(expression, name, &type) &&
		       (search->found_offset == 0 || expression_is_aggregate(expression)
				? expression_member(expression, search->found_offset, 8)
				: false) &&
		       expression_is_pointer(expression);
	}
	if (search->count > 1 || index + 1 >= request->link_count)
		return false;
	if (!resolve(search, dwfl, index + 1, expression))
		return false;
	return request->links[index + 1].is_copy ||
	       (expression_follow(expression) &&
		expression_member(expression, (uint64_t)request->links[index + 1].offset, 8) &&
		expression_is_pointer(expression));
}

static bool find_unit(Dwfl *dwfl, uint64_t pc, struct search *search)
{
	Dwfl_Module *module = dwfl_addrmodule(dwfl, pc);
	Dwarf_Die *unit = NULL;

	if (!module || unwind_is_c_library(module))
		return false;
	unit = dwfl_module_addrdie(module, pc, &search->bias);
	if (!unit) {
		/* clang and rustc write no .debug_aranges. */
		while ((unit = dwfl_module_nextcu(module, unit, &search->bias))) {
			if (!spend(search))
				return false;
			if (dwarf_haspc(unit, pc - search->bias) == 1)
				break;
		}
	}
	if (unit)
		search->unit = *unit;
	return unit != NULL;
}

/* As the parent's reader demands it. */
static bool is_plain(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return length > 0;
}

void unwind_write_member_of(const struct unwinder *unwinder, const struct member_request *request,
			    struct unwind_writer *writer)
{
	struct search search = {.request = request, .budget = ENTRIES_MAX};
	struct expression expression = {0};
	struct accessed_member member = {0};

	if (!find_unit(unwinder->dwfl, request->links[0].at, &search) ||
	    !resolve(&search, unwinder->dwfl, 0, &expression) || !expression_follow(&expression) ||
	    !expression_is_aggregate(&expression))
		return;
	member.offset = request->offset;
	if (!expression_type_name(&expression, member.type, sizeof(member.type)) ||
	    !expression_member(&expression, request->offset, request->bytes) || expression.is_deref)
		return;
	memcpy(member.expression, expression.text, sizeof(member.expression));
	if (is_plain(member.expression) && is_plain(member.type))
		unwind_write_member(writer, &member);
}
