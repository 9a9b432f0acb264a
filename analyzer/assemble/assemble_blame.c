/* SPDX-License-Identifier: MIT */
/* Who made the bad value. */
#include <elf.h>
#include <string.h>

#include "analyzer/assemble/assemble_steps.h"
#include "analyzer/core/core_module_elf.h"
#include "analyzer/facts/blame.h"

static const struct kept_registers *kept_of(const struct unwind_result *stacks, const struct frame *frame)
{
	for (size_t i = 0; i < stacks->kept_count; i++) {
		if (stacks->kept[i].pc == frame->pc && stacks->kept[i].sp == frame->sp)
			return &stacks->kept[i];
	}
	return NULL;
}

/* The frames from number `first` on, innermost first, as long as call frame information vouches for them. */
static size_t take_places(const struct crash *crash, size_t first, struct code_origin_place places[CODE_TRAIL_FRAMES])
{
	const struct thread_stack *stack = &crash->facts.stacks.threads[0];
	const uint64_t *registers = crash->facts.fault.registers;
	size_t count = 1;

	places[0] = (struct code_origin_place){.pc = registers[CORE_RIP], .known = ~0u};
	memcpy(places[0].registers, registers, sizeof(places[0].registers));
	if (first) { /* it called to where no code is: nothing was done since but to push the return address */
		places[0].pc = stack->frames[first].pc;
		places[0].after_call = true;
		places[0].registers[CORE_RSP] += 8;
	}
	for (; first + count < stack->frame_count && count < CODE_TRAIL_FRAMES; count++) {
		const struct frame *frame = &stack->frames[first + count];
		const struct kept_registers *kept = kept_of(&crash->facts.stacks, frame);
		struct code_origin_place *place = &places[count];

		if (frame->trust != FRAME_CFI || !frame->sp)
			break;
		*place = (struct code_origin_place){.pc = frame->pc, .after_call = true, .known = 1u << CORE_RSP};
		place->registers[CORE_RSP] = frame->sp;
		for (size_t i = 0; kept && i < KEPT_REGISTERS; i++) {
			if (!(kept->known & 1u << i))
				continue;
			place->registers[unwind_kept_order[i]] = kept->values[i];
			place->known |= 1u << unwind_kept_order[i];
		}
	}
	return count;
}

/* Places are counted from the function that crashed, or made the bad call. */
static void renumber(struct code_trail *trail, size_t first)
{
	if (trail->frame != SIZE_MAX)
		trail->frame += first;
	if (trail->called_by != SIZE_MAX)
		trail->called_by += first;
	for (size_t i = 0; i < trail->step_count; i++) {
		if (trail->steps[i].frame != SIZE_MAX)
			trail->steps[i].frame += first;
	}
}

/* ---- names ---- */

static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return !text || *copy;
}

static const char *function_on_stack(const struct crash *crash, size_t frame)
{
	return frame < crash->facts.stacks.threads[0].frame_count
		       ? crash->facts.stacks.threads[0].frames[frame].symbol.function
		       : NULL;
}

/* The file of the module there; *ret NULL where it cannot be had. */
static void open_module(const struct core *core, uint64_t address, const struct core_module **ret_module,
			struct elf_file **ret)
{
	struct error *err;

	*ret = NULL;
	*ret_module = core_find_module(core, address);
	if (!*ret_module || (*ret_module)->elf_fd < 0)
		return;
	err = core_module_open_elf(*ret_module, ret);
	if (err) {
		error_destroy(err);
		*ret = NULL;
	}
}

/* A function that has returned, by its file's symbols alone: a look into debug information would cost a child. */
static struct error *name_returned(const struct core *core, uint64_t address, struct symbol *ret)
{
	cleanup_by(elf_destroy) struct elf_file *elf = NULL;
	const struct core_module *module;
	const struct elf_symbol *symbol;

	*ret = (struct symbol){0};
	open_module(core, address, &module, &elf);
	if (!elf)
		return NULL;
	symbol = elf_symbol_around(elf, address - module->load_bias);
	ret->module_offset = address - module->load_bias;
	ret->function_offset = symbol ? ret->module_offset - symbol->address : 0;
	return copy_text(&ret->module, module->path) && copy_text(&ret->function, symbol ? symbol->name : NULL)
		       ? NULL
		       : &error_no_memory;
}

/* Are the constants in that function its source's own? */
static bool has_own_constants(const struct core *core, uint64_t function)
{
	cleanup_by(elf_destroy) struct elf_file *elf = NULL;
	const struct core_module *module;
	const struct elf_symbol *symbol;
	const uint8_t *comment;
	uint64_t address;
	size_t size = 0;

	open_module(core, function, &module, &elf);
	symbol = elf ? elf_symbol_around(elf, function - module->load_bias) : NULL;
	if (!symbol)
		return false;
	comment = elf_section_called(elf, ".comment", &address, &size);
	return blame_has_own_constants(symbol->name, symbol->binding == STB_LOCAL, (const char *)comment,
				       comment ? size : 0);
}

static struct error *name_on_stack(const struct crash *crash, size_t frame, struct symbol *ret)
{
	const struct symbol *symbol = &crash->facts.stacks.threads[0].frames[frame].symbol;

	*ret = *symbol;
	ret->module = ret->function = ret->inlined = ret->file = NULL;
	return copy_text(&ret->module, symbol->module) && copy_text(&ret->function, symbol->function) &&
			       copy_text(&ret->inlined, symbol->inlined) && copy_text(&ret->file, symbol->file)
		       ? NULL
		       : &error_no_memory;
}

/* The functions of the steps that are not on the stack: few, and mostly the same. */
struct names {
	uint64_t addresses[CODE_TRAIL_STEPS];
	struct symbol symbols[CODE_TRAIL_STEPS];
	size_t count;
};

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		symbol_deinit(&names->symbols[i]);
}

static struct error *find_name(const struct core *core, struct names *names, uint64_t address, const char **ret)
{
	struct error *err;

	for (size_t i = 0; i < names->count; i++) {
		if (names->addresses[i] == address) {
			*ret = names->symbols[i].function;
			return NULL;
		}
	}
	names->addresses[names->count] = address;
	err = name_returned(core, address, &names->symbols[names->count]);
	*ret = names->symbols[names->count++].function;
	return err;
}

static struct error *conclude(const struct crash *crash, const struct code_trail *trail, size_t first,
			      struct blame *ret)
{
	cleanup_with(names_deinit) struct names names = {0};
	const char *functions[CODE_TRAIL_STEPS] = {0};
	const struct core *core = crash->core.image;
	struct symbol maker = {0};
	struct error *err = NULL;
	bool is_own = true;

	for (size_t i = 0; i < trail->step_count && !err; i++) {
		const struct code_trail_step *step = &trail->steps[i];

		if (step->frame != SIZE_MAX && step->kind != CODE_TRAIL_RETURNED)
			functions[i] = function_on_stack(crash, step->frame);
		else if (trail->known)
			err = find_name(core, &names, step->function, &functions[i]);
	}
	if (!err && trail->known && trail->made != CODE_TRAIL_WALKED)
		is_own = has_own_constants(core, trail->function);
	if (!err && trail->known)
		err = trail->frame == SIZE_MAX ? name_returned(core, trail->function, &maker)
					       : name_on_stack(crash, trail->frame, &maker);
	if (err) {
		symbol_deinit(&maker);
		return err;
	}
	blame_conclude(trail, first, is_own, &maker, functions, ret);
	if (!ret->how)
		symbol_deinit(&maker);
	return NULL;
}

struct error *assemble_blame(const struct assemble_request *request, struct assembly *assembly)
{
	const struct crash *crash = &assembly->crash;
	struct code_origin_place places[CODE_TRAIL_FRAMES];
	struct code_trail_question question = {.places = places};
	struct code_trail trail;
	size_t first;

	(void)request;
	if (!crash->core.image || !blame_ask(crash, &question))
		return NULL;
	question.core = crash->core.image;
	first = question.is_target ? 1 : 0;
	question.count = take_places(crash, first, places);
	code_trail_follow(&question, &trail);
	renumber(&trail, first);
	return conclude(crash, &trail, first, &assembly->crash.facts.blame);
}
