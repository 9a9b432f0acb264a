/* SPDX-License-Identifier: MIT */
/* The faulting instruction, from bytes assembled by hand: which memory it touched, and how. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <string.h>

#include "analyzer/facts/fault.h"

#define RIP 0x401000ULL
#define RSP 0x7ffc00001000ULL
#define WILD 0x4141414141414141ULL /* no processor takes it for canonical */

static uint64_t registers[CORE_REGISTERS];

static int reset(void **state)
{
	(void)state;
	memset(registers, 0, sizeof(registers));
	registers[CORE_RIP] = RIP;
	registers[CORE_RSP] = RSP;
	registers[CORE_RBX] = 0x10000;
	registers[CORE_RCX] = 0x20;
	registers[CORE_RSI] = 0x30000;
	registers[CORE_RDI] = 0x40000;
	return 0;
}

static struct fault decode(const void *bytes, size_t size, enum address_source source, uint64_t address)
{
	struct fault fault = {.is_fault = true, .source = source, .address = address};

	fault_decode(code_machine_of(EM_X86_64), bytes, size, registers, &fault);
	return fault;
}

#define at_signal(bytes, address) decode(bytes, sizeof(bytes) - 1, ADDRESS_SIGNAL, address)
#define without_address(bytes) decode(bytes, sizeof(bytes) - 1, ADDRESS_UNKNOWN, 0)

/* The operand at `address`, which must be there with that size and direction. */
static void assert_operand(const struct fault *fault, uint64_t address, unsigned bytes, bool reads, bool writes)
{
	for (size_t i = 0; i < fault->operand_count; i++) {
		if (fault->operands[i].address != address)
			continue;
		assert_int_equal(fault->operands[i].bytes, bytes);
		assert_int_equal(fault->operands[i].reads, reads);
		assert_int_equal(fault->operands[i].writes, writes);
		assert_true(fault->operands[i].text[0] == '[' || strchr(fault->operands[i].text, '['));
		return;
	}
	fail_msg("no operand at 0x%llx in \"%s\"", (unsigned long long)address, fault->instruction);
}

static void load(void **state)
{
	struct fault fault = at_signal("\x8b\x7b\x0c", 0x1000c); /* mov edi, [rbx+0xc] */

	(void)state;
	assert_int_equal(fault.operand_count, 1);
	assert_operand(&fault, 0x1000c, 4, true, false);
	assert_int_equal(fault.access, ACCESS_READ);
	assert_int_equal(fault.source, ADDRESS_SIGNAL);
	assert_int_equal(fault.address, 0x1000c);
	/* How numbers and sizes are spelt is the disassembler's business. */
	assert_memory_equal(fault.instruction, "mov edi, ", 9);
	assert_non_null(strcasestr(fault.instruction, "[rbx+0x0c]"));
	assert_non_null(strcasestr(fault.operands[0].text, "[rbx+0x0c]"));
}

static void store(void **state)
{
	struct fault fault = at_signal("\x48\x89\x0b", 0x10000); /* mov [rbx], rcx */

	(void)state;
	assert_int_equal(fault.operand_count, 1);
	assert_operand(&fault, 0x10000, 8, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
	/* A page cannot be written without being read: the processor reports a write. */
	fault = at_signal("\x01\x0b", 0x10000); /* add [rbx], ecx */
	assert_operand(&fault, 0x10000, 4, true, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
}

static void store_over_the_end_of_a_page(void **state)
{
	struct fault fault;

	(void)state;
	registers[CORE_RBX] = 0x10ffc;
	fault = at_signal("\x48\x89\x0b", 0x11000); /* mov [rbx], rcx */
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\x48\x89\x0b", 0x11004); /* one byte too far */
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	fault = at_signal("\x48\x89\x0b", 0x10ffb);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
}

static void address_of_another_place(void **state)
{
	struct fault fault = at_signal("\x8b\x7b\x0c", 0x999000);

	(void)state;
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	assert_int_equal(fault.address, 0x999000);
	assert_int_equal(fault.source, ADDRESS_SIGNAL);
}

static void index_and_scale(void **state)
{
	struct fault fault = at_signal("\x8b\x04\x8b", 0x10080); /* mov eax, [rbx+rcx*4] */

	(void)state;
	assert_int_equal(fault.access, ACCESS_READ);
	registers[CORE_RBX] = 0xffffffff00010000;
	fault = at_signal("\x67\x8b\x03", 0x10000); /* mov eax, [ebx] */
	assert_int_equal(fault.access, ACCESS_READ);
	registers[CORE_RBX] = 8;
	fault = at_signal("\x8b\x43\xf0", (uint64_t)-8); /* mov eax, [rbx-0x10] */
	assert_int_equal(fault.access, ACCESS_READ);
}

static void stack(void **state)
{
	struct fault fault = at_signal("\x50", RSP - 8); /* push rax */

	(void)state;
	assert_operand(&fault, RSP - 8, 8, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\xe8\x00\x01\x00\x00", RSP - 8); /* call +0x100 */
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\x58", RSP); /* pop rax */
	assert_operand(&fault, RSP, 8, true, false);
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xc3", RSP); /* ret */
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xc9", 0); /* leave, with a frame pointer of 0 */
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\x48\x89\x44\x24\xf8", RSP - 8); /* mov [rsp-8], rax: no push, not moved */
	assert_int_equal(fault.access, ACCESS_WRITE);
	registers[CORE_RSP] = 0x1000;
	fault = at_signal("\x55", 0xff8); /* push rbp, below a stack that ran out */
	assert_int_equal(fault.access, ACCESS_WRITE);
}

static void stack_and_memory(void **state)
{
	struct fault fault = at_signal("\xff\x53\x08", 0x10008); /* call [rbx+8] */

	(void)state;
	assert_int_equal(fault.operand_count, 2);
	assert_operand(&fault, 0x10008, 8, true, false);
	assert_operand(&fault, RSP - 8, 8, false, true);
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xff\x53\x08", RSP - 8);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\xff\x33", 0x10000); /* push [rbx] */
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xff\x33", RSP - 8);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\x8f\x03", 0x10000); /* pop [rbx] */
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\x8f\x03", RSP);
	assert_int_equal(fault.access, ACCESS_READ);
}

/* A pop whose destination is relative to rsp uses its value after the increment (Intel SDM, POP). */
static void pop_relative_to_the_stack(void **state)
{
	struct fault fault = at_signal("\x8f\x44\x24\x08", RSP + 16); /* pop [rsp+8] */

	(void)state;
	assert_operand(&fault, RSP + 16, 8, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
}

static void no_access(void **state)
{
	struct fault fault = at_signal("\x48\x8d\x43\x08", 0x10008); /* lea rax, [rbx+8] */

	(void)state;
	assert_int_equal(fault.operand_count, 0);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	assert_non_null(strstr(fault.instruction, "lea"));
	fault = at_signal("\x48\x01\xd8", 0x10000); /* add rax, rbx */
	assert_int_equal(fault.operand_count, 0);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	registers[CORE_RBX] = WILD;
	fault = without_address("\x48\x8d\x43\x08");
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
}

static void strings(void **state)
{
	struct fault fault = at_signal("\xf3\xa4", 0x40000); /* rep movsb */

	(void)state;
	assert_int_equal(fault.operand_count, 2);
	assert_operand(&fault, 0x30000, 1, true, false);
	assert_operand(&fault, 0x40000, 1, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\xf3\xa4", 0x30000);
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xf3\x48\xab", 0x40000); /* rep stosq */
	assert_operand(&fault, 0x40000, 8, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\xf2\xae", 0x40000); /* repne scasb */
	assert_int_equal(fault.access, ACCESS_READ);
}

static void segments(void **state)
{
	struct fault fault;

	(void)state;
	registers[CORE_FS_BASE] = 0x7f0000001000;
	registers[CORE_GS_BASE] = 0x7f0000002000;
	/* mov rax, fs:[0x28] */
	fault = at_signal("\x64\x48\x8b\x04\x25\x28\x00\x00\x00", 0x7f0000001028);
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\x65\x48\x89\x03", 0x7f0000012000); /* mov gs:[rbx], rax */
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\x36\x48\x89\x03", 0x10000); /* ss: means nothing in 64-bit mode */
	assert_int_equal(fault.access, ACCESS_WRITE);
}

static void relative_to_the_instruction(void **state)
{
	struct fault fault = at_signal("\x8b\x05\x10\x00\x00\x00", RIP + 6 + 0x10); /* mov eax, [rip+0x10] */

	(void)state;
	assert_int_equal(fault.access, ACCESS_READ);
	fault = at_signal("\xc7\x05\xf0\xff\xff\xff\x01\x00\x00\x00", RIP + 10 - 0x10); /* mov dword [rip-0x10], 1 */
	assert_int_equal(fault.access, ACCESS_WRITE);
}

static void vectors(void **state)
{
	struct fault fault = at_signal("\x0f\x29\x03", 0x10000); /* movaps [rbx], xmm0 */

	(void)state;
	assert_operand(&fault, 0x10000, 16, false, true);
	assert_int_equal(fault.access, ACCESS_WRITE);
	fault = at_signal("\xc5\xfd\x6f\x03", 0x1001f); /* vmovdqa ymm0, [rbx]: its last byte */
	assert_operand(&fault, 0x10000, 32, true, false);
	assert_int_equal(fault.access, ACCESS_READ);
}

static void non_canonical_is_recovered(void **state)
{
	struct fault fault;

	(void)state;
	registers[CORE_RBX] = WILD;
	fault = without_address("\x8b\x7b\x0c");
	assert_int_equal(fault.source, ADDRESS_INSTRUCTION);
	assert_int_equal(fault.address, WILD + 0xc);
	assert_int_equal(fault.access, ACCESS_READ);
	/* The other operand is a good address. */
	fault = without_address("\xff\x53\x08");
	assert_int_equal(fault.source, ADDRESS_INSTRUCTION);
	assert_int_equal(fault.address, WILD + 8);
	assert_int_equal(fault.access, ACCESS_READ);
	registers[CORE_RDI] = WILD;
	fault = without_address("\xf3\xa4");
	assert_int_equal(fault.address, WILD);
	assert_int_equal(fault.access, ACCESS_WRITE);
	registers[CORE_RSP] = WILD;
	fault = without_address("\xc3");
	assert_int_equal(fault.address, WILD);
	assert_int_equal(fault.access, ACCESS_READ);
}

static void which_of_two_is_not_told(void **state)
{
	struct fault fault;

	(void)state;
	registers[CORE_RSI] = registers[CORE_RDI] = WILD;
	fault = without_address("\xf3\xa4");
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	assert_int_equal(fault.address, 0);
	assert_int_equal(fault.operand_count, 2);
}

/* The signal gave no address, and nothing is wrong with the operand's: it is not what faulted. */
static void canonical_is_not_recovered(void **state)
{
	struct fault fault = without_address("\x8b\x7b\x0c");

	(void)state;
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
	assert_int_equal(fault.address, 0);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
	registers[CORE_RBX] = 0xffff800000000000; /* the kernel's half is canonical */
	fault = without_address("\x8b\x03");
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
	registers[CORE_RBX] = 0x00007fffffffffff;
	fault = without_address("\x8b\x03");
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
}

static void not_a_fault(void **state)
{
	struct fault fault = {0};

	(void)state;
	registers[CORE_RBX] = WILD;
	fault_decode(code_machine_of(EM_X86_64), (const uint8_t *)"\x8b\x7b\x0c", 3, registers, &fault);
	assert_non_null(strstr(fault.instruction, "mov"));
	assert_int_equal(fault.operand_count, 0);
	assert_int_equal(fault.source, ADDRESS_UNKNOWN);
	assert_int_equal(fault.access, ACCESS_UNKNOWN);
}

static void garbage_leaves_all_as_it_was(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} rows[] = {
		{"", 0},
		{"\x06", 1},		     /* push es: gone in 64-bit mode */
		{"\x8b\x7b", 2},	     /* cut off */
		{"\x64\x64\x64\x64\x64", 5}, /* prefixes alone */
		{"\xc5\xfd", 2},	     /* a VEX prefix alone */
		{"\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", 16}, /* over 15 bytes */
	};
	static struct fault before, after;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&before, 0, sizeof(before));
		strcpy(before.instruction, "kept");
		before.is_fault = true;
		before.address = 0x1234;
		before.source = ADDRESS_SIGNAL;
		before.access = ACCESS_EXECUTE;
		after = before;
		fault_decode(code_machine_of(EM_X86_64), (const uint8_t *)rows[i].bytes, rows[i].size, registers,
			     &after);
		assert_memory_equal(&before, &after, sizeof(before));
	}
}

/* Whatever the bytes are, the result is in bounds and says nothing that the struct cannot say. */
static void random_bytes(void **state)
{
	uint64_t seed = 88172645463325252ULL;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		uint8_t bytes[15];
		struct fault fault;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			bytes[i] = (uint8_t)(seed >> 32);
		}
		fault = decode(bytes, seed % 16, round % 2 ? ADDRESS_SIGNAL : ADDRESS_UNKNOWN, 0x10000);
		assert_true(fault.operand_count <= FAULT_MAX_OPERANDS);
		assert_true(memchr(fault.instruction, 0, sizeof(fault.instruction)));
		for (size_t i = 0; i < fault.operand_count; i++)
			assert_true(memchr(fault.operands[i].text, 0, sizeof(fault.operands[i].text)));
		assert_true(fault.access == ACCESS_UNKNOWN || fault.operand_count);
		assert_true(fault.source != ADDRESS_INSTRUCTION || round % 2 == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(load, reset),
		cmocka_unit_test_setup(store, reset),
		cmocka_unit_test_setup(store_over_the_end_of_a_page, reset),
		cmocka_unit_test_setup(address_of_another_place, reset),
		cmocka_unit_test_setup(index_and_scale, reset),
		cmocka_unit_test_setup(stack, reset),
		cmocka_unit_test_setup(stack_and_memory, reset),
		cmocka_unit_test_setup(pop_relative_to_the_stack, reset),
		cmocka_unit_test_setup(no_access, reset),
		cmocka_unit_test_setup(strings, reset),
		cmocka_unit_test_setup(segments, reset),
		cmocka_unit_test_setup(relative_to_the_instruction, reset),
		cmocka_unit_test_setup(vectors, reset),
		cmocka_unit_test_setup(non_canonical_is_recovered, reset),
		cmocka_unit_test_setup(which_of_two_is_not_told, reset),
		cmocka_unit_test_setup(canonical_is_not_recovered, reset),
		cmocka_unit_test_setup(not_a_fault, reset),
		cmocka_unit_test_setup(garbage_leaves_all_as_it_was, reset),
		cmocka_unit_test_setup(random_bytes, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
