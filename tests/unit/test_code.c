/* SPDX-License-Identifier: MIT */
/* The decoder behind its table: what an instruction is said to be, and a machine of which nothing is known. */
#include "tests/unit/core_builder.h"

#include "analyzer/code/code_boundary.h"
#include "analyzer/code/code_call_site.h"
#include "analyzer/code/code_go_entry.h"
#include "analyzer/code/code_ifunc.h"
#include "analyzer/code/code_machine.h"
#include "analyzer/code/code_origin.h"
#include "analyzer/code/code_return_sites.h"
#include "analyzer/elf/elf_file.h"
#include "analyzer/facts/fault.h"
#include "analyzer/repair/repair.h"
#include "analyzer/repair/repair_internal.h"
#include "analyzer/unwind/returned.h"
#include "analyzer/unwind/unwind_child.h"
#include "common/array.h"

#define CODE 0x10000u
#define HERE 0x401000u
/* A machine that elf(5) names and that has no table here. */
#define NO_MACHINE EM_S390

static struct code_instruction decode(const char *bytes, size_t size)
{
	struct code_instruction instruction;

	assert_true(
		code_decode(code_machine_of(EM_X86_64), (const uint8_t *)bytes, size, HERE, CODE_WHOLE, &instruction));
	assert_int_equal(instruction.length, size);
	assert_int_equal(instruction.address, HERE);
	return instruction;
}

#define instruction_of(bytes) decode(bytes, sizeof(bytes) - 1)

static void operations(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum code_op op;
		enum code_flow flow;
	} rows[] = {
#define ROW(bytes, op, flow) {bytes, sizeof(bytes) - 1, op, flow}
		ROW("\x48\x8b\x07", CODE_OP_MOVE, CODE_FLOW_NEXT),
		ROW("\x0f\xb6\x07", CODE_OP_MOVE_ZERO, CODE_FLOW_NEXT),
		ROW("\x48\x63\xc7", CODE_OP_MOVE_SIGN, CODE_FLOW_NEXT),
		ROW("\x48\x0f\x44\xc7", CODE_OP_MOVE_IF, CODE_FLOW_NEXT),
		ROW("\x0f\x94\xc0", CODE_OP_SET_IF, CODE_FLOW_NEXT),
		ROW("\x48\x98", CODE_OP_WIDEN_RAX, CODE_FLOW_NEXT),
		ROW("\x48\x8d\x07", CODE_OP_ADDRESS, CODE_FLOW_NEXT),
		ROW("\x55", CODE_OP_PUSH, CODE_FLOW_NEXT),
		ROW("\xc9", CODE_OP_LEAVE, CODE_FLOW_NEXT),
		ROW("\x48\xf7\xfb", CODE_OP_DIVIDE_SIGNED, CODE_FLOW_NEXT),
		ROW("\xf3\x0f\x1e\xfa", CODE_OP_LANDING, CODE_FLOW_NEXT),
		ROW("\xcc", CODE_OP_BREAKPOINT, CODE_FLOW_NEXT),
		ROW("\x0f\x0b", CODE_OP_UNDEFINED, CODE_FLOW_NEXT),
		ROW("\x0f\x05", CODE_OP_OTHER, CODE_FLOW_SYSTEM_CALL),
		ROW("\xe8\x10\x00\x00\x00", CODE_OP_OTHER, CODE_FLOW_CALL),
		ROW("\xff\xe0", CODE_OP_OTHER, CODE_FLOW_JUMP),
		ROW("\x74\x10", CODE_OP_OTHER, CODE_FLOW_BRANCH),
		ROW("\xc3", CODE_OP_OTHER, CODE_FLOW_RETURN),
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < array_size(rows); i++) {
		struct code_instruction instruction = decode(rows[i].bytes, rows[i].size);

		assert_int_equal(instruction.op, rows[i].op);
		assert_int_equal(instruction.flow, rows[i].flow);
	}
}

static void targets(void **state)
{
	struct code_instruction at = instruction_of("\xe8\x10\x00\x00\x00");
	uint64_t address;

	(void)state;
	assert_true(at.has_target);
	assert_int_equal(at.target, HERE + 5 + 0x10);
	at = instruction_of("\x75\xfe"); /* jne to itself */
	assert_int_equal(at.target, HERE);
	assert_int_equal(at.condition, CODE_IF_NOT_ZERO);
	at = instruction_of("\xe3\x00"); /* jrcxz */
	assert_int_equal(at.condition, CODE_IF_OTHER);
	at = instruction_of("\xff\x25\x00\x01\x00\x00"); /* jmp [rip+0x100] */
	assert_false(at.has_target);
	assert_true(code_static_address(&at, &at.operands[0], &address));
	assert_int_equal(address, HERE + 6 + 0x100);
	at = instruction_of("\xff\x27"); /* jmp [rdi] */
	assert_false(code_static_address(&at, &at.operands[0], &address));
	/* xabort jumps only out of a transaction. */
	assert_int_equal(instruction_of("\xc6\xf8\x01").flow, CODE_FLOW_NEXT);
}

static void operands(void **state)
{
	uint64_t registers[CORE_REGISTERS] = {0}, address;
	struct code_instruction at = instruction_of("\x48\x8b\x44\xf7\x08"); /* mov rax, [rdi+rsi*8+8] */

	(void)state;
	registers[CORE_RDI] = 0x7f0000000000;
	registers[CORE_RSI] = 2;
	registers[CORE_RSP] = 0x1000;
	registers[CORE_RBX] = 0x1234;
	registers[CORE_FS_BASE] = 0x50000;
	assert_int_equal(at.visible_count, 2);
	assert_int_equal(at.operands[0].kind, CODE_OPERAND_REGISTER);
	assert_int_equal(at.operands[0].reg, CORE_RAX);
	assert_true(at.operands[0].writes && !at.operands[0].reads);
	assert_true(at.operands[1].reads && !at.operands[1].writes);
	assert_true(code_operand_address(&at, &at.operands[1], registers, &address));
	assert_int_equal(address, 0x7f0000000018);
	at = instruction_of("\x67\x8b\x07"); /* mov eax, [edi]: the lower half alone */
	assert_true(code_operand_address(&at, &at.operands[1], registers, &address));
	assert_int_equal(address, 0);
	at = instruction_of("\x64\x48\x8b\x04\x25\x28\x00\x00\x00"); /* mov rax, fs:[0x28] */
	assert_true(code_operand_address(&at, &at.operands[1], registers, &address));
	assert_int_equal(address, 0x50028);
	at = instruction_of("\x88\xf8"); /* mov al, bh */
	assert_true(at.operands[1].is_high_byte);
	assert_int_equal(code_operand_register(&at.operands[1], registers), 0x12);
	at = instruction_of("\x53"); /* push rbx: the stack is the hidden operand */
	for (size_t i = 0; i < at.operand_count; i++) {
		if (at.operands[i].kind != CODE_OPERAND_MEMORY)
			continue;
		assert_true(at.operands[i].is_hidden);
		assert_true(code_operand_address(&at, &at.operands[i], registers, &address));
		assert_int_equal(address, 0x1000 - 8);
	}
	at = instruction_of("\xc4\xe2\xe9\x92\x04\xcf"); /* vgatherdpd xmm0, [rdi+xmm1*8], xmm2 */
	assert_false(code_operand_address(&at, &at.operands[1], registers, &address));
}

/* What costs most is left out where it is not wanted; all else is the same. */
static void details(void **state)
{
	const struct code_machine *machine = code_machine_of(EM_X86_64);
	const uint8_t move[] = {0x48, 0x8b, 0x07}, add[] = {0x48, 0x01, 0xc7};
	struct code_instruction at;

	(void)state;
	assert_true(code_decode(machine, move, sizeof(move), HERE, CODE_SHAPE, &at));
	assert_int_equal(at.operand_count, 0);
	assert_int_equal(at.op, CODE_OP_MOVE);
	assert_true(code_decode(machine, move, sizeof(move), HERE, CODE_OPERANDS_OF_MOVE, &at));
	assert_int_equal(at.operand_count, 2);
	assert_true(code_decode(machine, add, sizeof(add), HERE, CODE_OPERANDS_OF_MOVE, &at));
	assert_int_equal(at.operand_count, 0);
	assert_int_equal(at.op, CODE_OP_ADD);
	assert_false(code_decode(machine, move, 2, HERE, CODE_WHOLE, &at)); /* cut off */
	assert_false(code_decode(machine, move, 0, HERE, CODE_WHOLE, &at));
}

static void a_machine_without_a_table(void **state)
{
	const struct code_machine *machine = code_machine_of(NO_MACHINE);
	const uint8_t bytes[] = {0x90};
	struct code_description words;
	struct code_instruction at;

	(void)state;
	assert_non_null(machine);
	assert_false(code_decode(machine, bytes, sizeof(bytes), HERE, CODE_SHAPE, &at));
	assert_false(code_describe(machine, bytes, sizeof(bytes), HERE, &words));
	assert_true(code_describe(code_machine_of(EM_X86_64), bytes, sizeof(bytes), HERE, &words));
	for (int i = 0; i < CORE_REGISTERS; i++) {
		assert_false(code_is_kept(machine, i));
		assert_false(code_is_argument(machine, i));
	}
}

/* push rbx; sub rsp, 0x10; call +0x30; jmp +0x50; a stub at +0x40. All in a core whose machine is `machine`. */
static struct core *core_of(uint16_t machine)
{
	static const uint8_t code[] = {0x53, 0x48, 0x83, 0xec, 0x10, 0xe8, 0x36, 0, 0, 0, 0xe9, 0x41, 0, 0, 0, 0xc3};
	static const uint8_t stub[] = {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xf6, 0x0f, 0, 0}; /* [CODE + 0x1040] */
	const uint64_t slot = CODE + 0x80;
	struct core *core;

	begin();
	add_thread(100, SIGSEGV);
	add_segment(CODE, PAGE, PAGE, PF_R | PF_X);
	memset(builder.data, 0x90, PAGE);
	memcpy(builder.data, code, sizeof(code));
	memcpy(builder.data + 0x40, stub, sizeof(stub));
	add_segment(CODE + PAGE, PAGE, PAGE, PF_R | PF_W);
	memcpy(builder.data + PAGE + 0x40, &slot, sizeof(slot));
	core = open_good(build());
	core->machine = machine;
	return core;
}

static void callers_of_memory(void **state)
{
	const uint64_t after_call = CODE + 10;

	(void)state;
	for (int known = 1; known >= 0; known--) {
		struct core *core = core_of(known ? EM_X86_64 : NO_MACHINE);
		uint64_t *sites, *jumps;
		size_t site_count, jump_count;

		assert_int_equal(code_call_site_target(core, after_call), known ? CODE + 0x80 : 0);
		assert_int_equal(code_call_site_through_stub(core, CODE + 0x40), known ? CODE + 0x80 : CODE + 0x40);
		assert_int_equal(code_call_site_is_direct(core, after_call), known);
		assert_int_equal(unwind_check_call(core, after_call), known ? CALL_YES : CALL_UNKNOWN);
		assert_int_equal(returned_saved_at(core, CODE, CORE_RBX, 0x5000), known ? 0x5000 - 8 : 0);
		assert_int_equal(fault_is_inside_instruction(core, CODE, CODE + 2), known);
		assert_int_equal(repair_jumps_to(core, CODE, CODE + 0x50), known);
		assert_int_equal(repair_is_call_boundary(core, CODE, after_call), known);
		assert_null(repair_find_calls(core, CODE, &sites, &site_count, &jumps, &jump_count));
		free(sites);
		free(jumps);
		core_destroy(core);
	}
}

static void a_fault_of_an_unknown_machine(void **state)
{
	const uint64_t registers[CORE_REGISTERS] = {[CORE_RIP] = HERE};
	struct fault fault = {.is_fault = true, .access = ACCESS_EXECUTE, .address = 0x1234}, before;

	(void)state;
	before = fault;
	assert_false(fault_decode(code_machine_of(NO_MACHINE), (const uint8_t *)"\x8b\x07", 2, registers, &fault));
	assert_memory_equal(&fault, &before, sizeof(fault));
	assert_true(fault_decode(code_machine_of(EM_X86_64), (const uint8_t *)"\x8b\x07", 2, registers, &fault));
}

/* Of this program: a function that calls, and returns. */
__attribute__((noinline, used)) int unit_code_example(int argument)
{
	return printf("%d\n", argument) + 1;
}

static void callers_of_a_file(void **state)
{
	(void)state;
	for (int known = 1; known >= 0; known--) {
		struct code_return_sites sites;
		struct code_function *functions, *candidates;
		size_t count, candidate_count;
		struct elf_file *elf;
		struct error *err;

		assert_null(elf_open_path("/proc/self/exe", &elf));
		assert_int_equal(elf->machine, EM_X86_64);
		if (!known)
			elf->machine = NO_MACHINE;
		assert_null(code_find_functions(elf, "unit_code_example", &functions, &count));
		assert_int_equal(count, 1);
		assert_null(code_find_return_sites(elf, &functions[0], &sites));
		assert_int_equal(sites.complete, known);
		assert_int_equal(sites.count > 0, known);
		if (!known)
			assert_non_null(sites.incomplete_reason);
		code_return_sites_deinit(&sites);
		assert_null(code_check_instruction(elf, &functions[0], functions[0].address));
		err = code_check_instruction(elf, &functions[0], functions[0].address + 4);
		if (!known)
			assert_non_null(strstr(err->message, "cannot be told"));
		error_destroy(err);
		assert_null(code_ifunc_candidates(elf, &functions[0], &candidates, &candidate_count));
		if (!known)
			assert_int_equal(candidate_count, 0);
		free(candidates);
		assert_int_equal(code_go_entry_skip(elf, &functions[0]), 0);
		free(functions);
		elf_destroy(elf);
	}
}

/* rax is a constant, rbx a copy of it, which is used as an address at `unit_code_use`. */
__asm__(".pushsection .text\n"
	".type unit_code_slice, @function\n"
	"unit_code_slice:\n"
	".cfi_startproc\n"
	"	movq $0x1234, %rax\n"
	"	movq %rax, %rbx\n"
	"unit_code_use:\n"
	"	movl (%rbx), %ecx\n"
	"	ret\n"
	".cfi_endproc\n"
	".size unit_code_slice, . - unit_code_slice\n"
	".popsection\n");
extern const char unit_code_use[];

/* A core with this program as its module: the page of the ELF header is dumped, the rest is the file's. */
static struct core *core_of_this_program(void)
{
	uint64_t note[2 + 3 * 8 + 512] = {0, PAGE}, starts[8], ends[8], offsets[8];
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[1024], path[512], permissions[5];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct core *core;
	char *names;

	assert_non_null(maps);
	assert_true(length > 0);
	path[length] = '\0';
	begin();
	add_thread(100, SIGSEGV);
	while (note[0] < 8 && fgets(line, sizeof(line), maps)) {
		unsigned long long start, end, offset;

		if (!strstr(line, path) || sscanf(line, "%llx-%llx %4s %llx", &start, &end, permissions, &offset) != 4)
			continue;
		add_segment(start, end - start, offset == 0 ? PAGE : 0, PF_R | (permissions[2] == 'x' ? PF_X : 0));
		if (offset == 0)
			memcpy(builder.data, (const void *)(uintptr_t)start, PAGE);
		starts[note[0]] = start;
		ends[note[0]] = end;
		offsets[note[0]++] = offset / PAGE;
	}
	fclose(maps);
	for (size_t i = 0; i < note[0]; i++) {
		note[2 + 3 * i] = starts[i];
		note[3 + 3 * i] = ends[i];
		note[4 + 3 * i] = offsets[i];
	}
	names = (char *)&note[2 + 3 * note[0]];
	for (size_t i = 0; i < note[0]; i++)
		names = stpcpy(names, path) + 1;
	add_note(NT_FILE, note, (size_t)(names - (char *)note));
	core = open_good(build());
	assert_null(core_find_modules(core, NULL));
	assert_int_equal(core->module_count, 1);
	return core;
}

static void slices(void **state)
{
	struct core *core = core_of_this_program();
	struct code_origin_place place = {.pc = (uint64_t)(uintptr_t)unit_code_use, .known = ~0u};

	(void)state;
	place.registers[CORE_RIP] = place.pc;
	place.registers[CORE_RAX] = place.registers[CORE_RBX] = 0x1234;
	for (int known = 1; known >= 0; known--) {
		const struct code_origin_value value = {.number = CORE_RBX, .value = 0x1234};
		struct code_pointer_link links[CODE_POINTER_LINKS];
		struct code_origin_search *search;
		struct code_origin origin;

		core->machine = known ? EM_X86_64 : NO_MACHINE;
		search = code_origin_search_create(core, &place, 1);
		code_origin_follow(search, &value, &origin);
		assert_int_equal(origin.end, known ? CODE_ORIGIN_CONSTANT : CODE_ORIGIN_LOST);
		assert_int_equal(code_origin_call_before(search, 0), 0);
		code_origin_of_call(search, 0x1234, &origin);
		assert_int_equal(origin.end, CODE_ORIGIN_LOST);
		assert_int_equal(code_origin_of_pointer(core, place.registers, CORE_RBX, links), known ? 2 : 1);
		code_origin_search_destroy(search);
	}
	core_destroy(core);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations),
		cmocka_unit_test(targets),
		cmocka_unit_test(operands),
		cmocka_unit_test(details),
		cmocka_unit_test(a_machine_without_a_table),
		cmocka_unit_test(callers_of_memory),
		cmocka_unit_test(a_fault_of_an_unknown_machine),
		cmocka_unit_test(callers_of_a_file),
		cmocka_unit_test(slices),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
