/* SPDX-License-Identifier: MIT */
/*
 * What --probe says, where calling conventions put things, operands of static probes, the text of a plan, tables of Go
 * of every layout, and caches of the linker; and that nonsense in any of them is refused or passed over.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/elf/elf_go.h"
#include "analyzer/code/code_return_sites.h"
#include "analyzer/elf/elf_usdt.h"
#include "analyzer/probe/probe_call.h"
#include "analyzer/probe/probe_loader.h"
#include "analyzer/probe/probe_plan.h"
#include "analyzer/probe/probe_spec.h"
#include "analyzer/probe/probe_type.h"
#include "analyzer/probe/probe_usdt.h"

static char directory[] = "/tmp/corelate-probe-plan-XXXXXX";

static struct probe_spec parse(const char *text)
{
	struct probe_spec spec;
	struct error *err = probe_spec_parse(text, &spec);

	if (err)
		fail_msg("%s", err->message);
	return spec;
}

static void refuses(const char *text)
{
	struct probe_spec spec;
	struct error *err = probe_spec_parse(text, &spec);

	if (!err)
		fail_msg("'%s' is taken", text);
	assert_int_equal(err->code, ERROR_INVALID);
	error_destroy(err);
}

static void test_spec(void **state)
{
	struct probe_spec spec = parse("libc.so.6:open(const char *, int) -> int");

	(void)state;
	assert_string_equal(spec.library, "libc.so.6");
	assert_string_equal(spec.function, "open");
	assert_int_equal(spec.argument_count, 2);
	assert_string_equal(spec.arguments[0], "const char *");
	assert_string_equal(spec.result, "int");
	assert_string_equal(spec.signature, "(const char *, int) -> int");
	probe_spec_deinit(&spec);

	spec = parse("./p:main.(*T).Method(map[string]int, func(int, int)) -> (int, error)");
	assert_string_equal(spec.function, "main.(*T).Method");
	assert_int_equal(spec.argument_count, 2);
	assert_string_equal(spec.arguments[1], "func(int, int)");
	assert_string_equal(spec.result, "(int, error)");
	probe_spec_deinit(&spec);

	spec = parse("./p:main.(*T).Method");
	assert_string_equal(spec.function, "main.(*T).Method");
	assert_false(spec.has_signature);
	probe_spec_deinit(&spec);

	spec = parse("p:ns::C<a, b>::f(this, int)->void");
	assert_string_equal(spec.function, "ns::C<a, b>::f");
	assert_null(spec.result);
	assert_true(spec.has_signature);
	assert_null(spec.provider);
	probe_spec_deinit(&spec);

	spec = parse("p:f+0x1f");
	assert_string_equal(spec.function, "f");
	assert_int_equal(spec.offset, 0x1f);
	probe_spec_deinit(&spec);

	spec = parse("p:0x1234(void) -> long");
	assert_null(spec.function);
	assert_int_equal(spec.offset, 0x1234);
	assert_int_equal(spec.argument_count, 0);
	assert_true(spec.has_signature);
	probe_spec_deinit(&spec);

	spec = parse("usdt:p:provider:name");
	assert_string_equal(spec.library, "p");
	assert_string_equal(spec.provider, "provider");
	assert_string_equal(spec.probe, "name");
	probe_spec_deinit(&spec);
}

static void test_spec_refused(void **state)
{
	static const char *const wrong[] = {
		"",	     ":",
		"p",	     "p:",
		":f",	     "p:f(",
		"p:f)",	     "p:f(int",
		"p:f(,)",    "p:f(int,)",
		"p:(int)",   "p:f -> int",
		"p:f() ->",  "p:0xzz",
		"p:f+0x1()", "p::",
		"usdt:p:f",  "p:a:",
		"p::b",	     "p:f(()",
		"p:f())(",   "p:f(a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a)"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		/* "p::b" and "p::" begin a C++ name in the global namespace: :b is none. */
		if (strcmp(wrong[i], "p::") != 0 && strcmp(wrong[i], "p::b") != 0)
			refuses(wrong[i]);
	}
}

static void type_is(const char *text, const char *kind)
{
	struct probe_type type;
	struct error *err = probe_type_read_c(text, &type);

	if (!kind) {
		if (!err)
			fail_msg("the type '%s' is taken for %s", text, type.kind);
		error_destroy(err);
		return;
	}
	if (err)
		fail_msg("%s", err->message);
	assert_string_equal(type.kind, kind);
}

static void test_types(void **state)
{
	(void)state;
	type_is("int", "i32");
	type_is("unsigned", "u32");
	type_is("unsigned int flags", "u32");
	type_is("long", "i64");
	type_is("unsigned long long int", "u64");
	type_is("short", "i16");
	type_is("char", "i8");
	type_is("unsigned char", "u8");
	type_is("bool", "u8");
	type_is("_Bool on", "u8");
	type_is("size_t", "u64");
	type_is("uint32_t", "u32");
	type_is("enum color c", "i32");
	type_is("void *", "ptr");
	type_is("const char *name", "string");
	type_is("char const*", "string");
	type_is("unsigned char *", "ptr");
	type_is("char **", "ptr");
	type_is("struct stat *", "ptr");
	type_is("foo_t *", "ptr");
	type_is("char[16]", "buffer:=16");
	type_is("char name[16]", "buffer:=16");
	type_is("int[4]", "buffer:=16");
	type_is("this", "ptr");
	type_is("double", NULL);
	type_is("long double", NULL);
	type_is("struct stat", NULL);
	type_is("foo_t", NULL);
	type_is("foo_t x", NULL);
	type_is("int x y", NULL);
	type_is("void", NULL);
	type_is("...", NULL);
	type_is("int[arg1]", NULL);
	type_is("char[]", NULL);
	type_is("char[0]", NULL);
	type_is("char[99999999999]", NULL);
	type_is("char[arg]", NULL);
	type_is("int (*)(int)", NULL);
	type_is("", NULL);
	type_is("$", NULL);
}

/* Compares the arguments and the result, as "SOURCE KIND, SOURCE KIND -> SOURCE KIND". */
static void calls(const char *text, enum probe_convention convention, const char *expected)
{
	struct probe_spec spec = parse(text);
	struct probe_function function = {0};
	struct error *err = probe_call_assign(&function, &spec, convention);
	char got[1024] = "";

	for (size_t i = 0; i < function.argument_count && !err; i++)
		sprintf(got + strlen(got), "%s%s %s", i ? ", " : "", function.arguments[i].source,
			function.arguments[i].kind);
	if (function.has_result)
		sprintf(got + strlen(got), " -> %s %s", function.result.source, function.result.kind);
	assert_string_equal(err ? "refused" : got, expected);
	error_destroy(err);
	probe_spec_deinit(&spec);
}

static void test_calls(void **state)
{
	(void)state;
	calls("p:f(char *, size_t) -> int", PROBE_CALL_C, "reg:rdi string, reg:rsi u64 -> reg:rax i32");
	calls("p:f(char[arg1], size_t)", PROBE_CALL_C, "reg:rdi buffer:1, reg:rsi u64");
	calls("p:f(_, char[arg2], size_t)", PROBE_CALL_C, "reg:rsi buffer:1, reg:rdx u64");
	calls("p:f(char[arg1], _)", PROBE_CALL_C, "refused");
	calls("p:f(char[arg0])", PROBE_CALL_C, "refused");
	calls("p:f(_,_,_,_,_,_,int,long) -> char *", PROBE_CALL_C, "mem:rsp+0x8 i32, mem:rsp+0x10 i64 -> reg:rax ptr");
	calls("p:f() -> char[4]", PROBE_CALL_C, "refused");
	calls("p:f(int,int,int,int,int,int,int)", PROBE_CALL_C, "refused");
	calls("p:main.f(string, int) -> (int, error)", PROBE_CALL_GO,
	      "reg:rax buffer:1, reg:rbx i64, reg:rcx i64 -> reg:rax i64");
	calls("p:main.(*T).f([]byte, bool) -> string", PROBE_CALL_GO,
	      "reg:rax ptr, reg:rbx buffer:2, reg:rcx i64, reg:rsi u8 -> reg:rax ptr");
	calls("p:main.f[go.shape.int_0](int)", PROBE_CALL_GO, "reg:rbx i64");
	/* Ten words: a string that does not fit whole goes to the stack, and what follows may still fit. */
	calls("p:main.f(_, _, _, _, _, _, _, _, string, int)", PROBE_CALL_GO,
	      "mem:rsp+0x8 buffer:1, mem:rsp+0x10 i64, reg:r11 i64");
	calls("p:main.f(float64)", PROBE_CALL_GO, "refused");
	/* Go 1.16: packed by alignment, results behind, from a word's boundary on. */
	calls("p:main.f(int32, uint8, string, bool) -> int16", PROBE_CALL_GO_STACK,
	      "mem:rsp+0x8 i32, mem:rsp+0xc u8, mem:rsp+0x10 buffer:3, mem:rsp+0x18 i64, mem:rsp+0x20 u8 -> "
	      "mem:rsp+0x28 "
	      "i16");
	calls("p:main.(*T).f(float64, int)", PROBE_CALL_GO_STACK, "mem:rsp+0x8 ptr, mem:rsp+0x18 i64");
}

static void static_probe(const char *arguments, const char *expected, const char *hole)
{
	struct elf_symbol symbol = {.name = "counter", .address = 0x4000};
	struct elf_file elf = {.symbols = &symbol, .symbol_count = 1};
	struct elf_usdt usdt = {.arguments = arguments, .address = 0x1000};
	struct probe_plan plan = {0};
	struct probe_function *function;
	char got[1024] = "";

	assert_null(probe_plan_add_function(&plan, 0, 0, FUNCTION_USDT, "p:n", "", &function));
	assert_null(probe_usdt_assign(function, &elf, &usdt));
	for (size_t i = 0; i < function->argument_count; i++)
		sprintf(got + strlen(got), "%s%u %s %s", i ? ", " : "", function->arguments[i].position,
			function->arguments[i].source, function->arguments[i].kind);
	assert_string_equal(got, expected);
	assert_int_equal(function->hole[0] != 0, hole != NULL);
	if (hole)
		assert_non_null(strstr(function->hole, hole));
	probe_plan_deinit(&plan);
}

static void test_static_probes(void **state)
{
	(void)state;
	static_probe("", "", NULL);
	static_probe("8@%rdi -4@-20(%rbp) 4@$5", "0 reg:rdi u64, 1 mem:rbp-0x14 i32, 2 const:5 u32", NULL);
	static_probe("8@8(%rax,%rbx,8) -1@%r9b 2@%ax", "0 mem:rax+rbx*8+0x8 u64, 1 reg:r9 i8, 2 reg:rax u16", NULL);
	static_probe("4@(%rsp) 8@(%rax,%rcx) -8@$-3", "0 mem:rsp u32, 1 mem:rax+rcx*1 u64, 2 const:-3 i64", NULL);
	static_probe("4@counter(%rip) 4@counter+8(%rip)", "0 mem:rip+0x3000 u32, 1 mem:rip+0x3008 u32", NULL);
	static_probe("%edi $7 (%rdx)", "0 reg:rdi u32, 1 const:7 u64, 2 mem:rdx u64", NULL);
	static_probe("8f@%xmm0 4@%esi", "1 reg:rsi u32", "argument 0");
	static_probe("1@%ah 4@nothing(%rip) 4@%fs:0(%rax) 3@%eax 4@8(%rax 4@%esi", "5 reg:rsi u32", "argument 0");
	static_probe("4@ 4@(%eax) 4@$ 4@8(,%rax,8) 4@(%rax,%rbx,3) 4@%esi", "5 reg:rsi u32", "argument 4");
	static_probe("4@%eax 4@%eax 4@%eax 4@%eax 4@%eax 4@%eax 4@%ebx",
		     "0 reg:rax u32, 1 reg:rax u32, 2 reg:rax u32, 3 reg:rax u32, 4 reg:rax u32, 5 reg:rax u32",
		     "first 6");
}

static void test_text(void **state)
{
	struct probe_plan plan = {0};
	struct stat identity = {.st_ino = 7, .st_size = 9, .st_mtim = {1, 2}};
	struct probe_function *function, *again;
	struct probe_site site = {.offset = 16};
	size_t file, size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_null(probe_plan_add_file(&plan, "/a\tb%\n", &identity, &file));
	assert_null(probe_plan_add_file(&plan, "/other name", &identity, &file));
	assert_int_equal(plan.file_count, 1);
	assert_null(probe_plan_add_function(&plan, file, 16, FUNCTION_PLAIN, "f", "(int)", &function));
	assert_null(probe_plan_add_function(&plan, file, 16, FUNCTION_PLAIN, "f", "(int)", &again));
	assert_null(again);
	assert_null(probe_function_add_site(function, &site));
	assert_null(probe_function_add_site(function, &site));
	site = (struct probe_site){.at_return = true, .offset = 32, .result = "reg:rdi"};
	assert_null(probe_function_add_site(function, &site));
	assert_null(probe_function_add_hole(function, "one"));
	assert_null(probe_function_add_hole(function, "two"));
	assert_null(probe_function_add_hole(function, "one"));
	assert_true(probe_function_add_argument(function, "reg:rdi", "i32"));
	assert_null(probe_plan_write(&plan, out));
	fclose(out);
	assert_string_equal(text, "corelate-plan\t1\n"
				  "file\t0\t/a%09b%25%0A\tidentity=0:0:7:9:1000000002\n"
				  "function\t0\t0\t0x10\tplain\tf\t(int)\tone; two\n"
				  "argument\t0\t0\treg:rdi\ti32\n"
				  "site\t0\tentry\t0x10\n"
				  "site\t0\treturn\t0x20\tresult=reg:rdi\n");
	free(text);
	probe_plan_deinit(&plan);
}

/* ---- Go's tables of other versions, made by the assembler ---- */

/* Two functions, alpha.One of 16 bytes and beta.Two of 32. %s is the table. */
static const char program[] = "	.text\n"
			      "	.globl _start\n"
			      "_start: ret\n"
			      "	.balign 64\n"
			      "text:	.fill 15, 1, 0x90\n	ret\n	.fill 31, 1, 0x90\n	ret\n"
			      "end:	nop\n"
			      "	.section .gopclntab, \"a\"\n"
			      "	.balign 32\n"
			      "table:	.long MAGIC\n	.byte 0, 0, 1, 8\n	.quad 2\n"
			      "%s";
static const char table_1_2[] = "	.quad text, one - table, text + 16, two - table, end\n"
				"one:	.quad text\n	.long name_one - table\n	.fill 40\n"
				"two:	.quad text + 16\n	.long name_two - table\n	.fill 40\n"
				"name_one: .asciz \"alpha.One\"\n"
				"name_two: .asciz \"beta.Two\"\n";
static const char table_1_16[] = "	.quad 0, names - table, 0, 0, 0, functions - table\n"
				 "names:	.byte 0\n"
				 "name_one: .asciz \"alpha.One\"\n"
				 "name_two: .asciz \"beta.Two\"\n"
				 "	.balign 8\n"
				 "functions: .quad text, one - functions, text + 16, two - functions, end\n"
				 "one:	.quad text\n	.long name_one - names\n	.fill 40\n"
				 "two:	.quad text + 16\n	.long name_two - names\n	.fill 40\n";
static const char table_1_20[] = "	.quad 0, text, names - table, 0, 0, 0, functions - table\n"
				 "names:	.byte 0\n"
				 "name_one: .asciz \"alpha.One\"\n"
				 "name_two: .asciz \"beta.Two\"\n"
				 "	.balign 8\n"
				 "functions: .long 0, one - functions, 16, two - functions, 48\n"
				 "one:	.long 0, name_one - names\n	.fill 40\n"
				 "two:	.long 16, name_two - names\n	.fill 40\n";

static void build(const char *name, unsigned magic, const char *table, char path[256])
{
	char source[512], command[1024];
	FILE *file;

	snprintf(source, sizeof(source), "%s/%s.s", directory, name);
	snprintf(path, 256, "%s/%s", directory, name);
	file = fopen(source, "w");
	assert_non_null(file);
	fprintf(file, "	.set MAGIC, 0x%x\n", magic);
	fprintf(file, program, table);
	fclose(file);
	snprintf(command, sizeof(command), "cc -nostdlib -static -o %s %s && strip %s", path, source, path);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void go_table_is_read(const char *name, unsigned magic, const char *table)
{
	struct code_function *functions;
	struct elf_file *elf;
	struct elf_go go;
	char path[256];
	size_t count;

	build(name, magic, table, path);
	assert_null(elf_open_path(path, &elf));
	assert_true(elf->has_go_table);
	elf_go_read(elf, &go);
	assert_true(go.is_go);
	assert_int_equal(go.minor, 0);
	assert_null(code_find_functions(elf, "alpha.One", &functions, &count));
	assert_int_equal(count, 1);
	assert_int_equal(functions[0].size, 16);
	free(functions);
	assert_null(code_find_functions(elf, "beta.Two", &functions, &count));
	assert_int_equal(functions[0].size, 32);
	free(functions);
	elf_destroy(elf);
}

static void test_go_tables(void **state)
{
	(void)state;
	go_table_is_read("go-1.2", 0xfffffffb, table_1_2);
	go_table_is_read("go-1.16", 0xfffffffa, table_1_16);
	go_table_is_read("go-1.18", 0xfffffff0, table_1_20);
	go_table_is_read("go-1.20", 0xfffffff1, table_1_20);
}

/* Every byte of the table in turn made 0, 0x7f or 0xff: whatever comes out is inside the file. */
static void test_go_table_lies(void **state)
{
	static const struct {
		const char *name;
		unsigned magic;
		const char *table;
	} cases[] = {{"lie-1.2", 0xfffffffb, table_1_2},
		     {"lie-1.16", 0xfffffffa, table_1_16},
		     {"lie-1.20", 0xfffffff1, table_1_20}};
	static const uint8_t lies[] = {0, 0x7f, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct elf_file *elf;
		uint64_t address, offset;
		size_t size;
		char path[256];
		int fd;

		build(cases[i].name, cases[i].magic, cases[i].table, path);
		assert_null(elf_open_path(path, &elf));
		assert_non_null(elf_section_called(elf, ".gopclntab", &address, &size));
		assert_true(elf_file_offset(elf, address, false, &offset));
		elf_destroy(elf);
		fd = open(path, O_RDWR | O_CLOEXEC);
		for (size_t at = 0; at < size * 3; at++) {
			uint8_t before;
			struct error *err;

			assert_int_equal(pread(fd, &before, 1, (off_t)(offset + at / 3)), 1);
			assert_int_equal(pwrite(fd, &lies[at % 3], 1, (off_t)(offset + at / 3)), 1);
			err = elf_open(fd, path, NULL, &elf);
			for (size_t k = 0; !err && k < elf->code_count; k++)
				assert_true(strlen(elf->code[k].name) < 64);
			error_destroy(err);
			elf_destroy(elf);
			assert_int_equal(pwrite(fd, &before, 1, (off_t)(offset + at / 3)), 1);
		}
		close(fd);
	}
}

/* ---- the linker's cache ---- */

struct cache {
	char magic[20];
	uint32_t count, strings;
	uint32_t unused[5];
	struct {
		uint32_t flags, name, path, version;
		uint64_t hwcap;
	} entries[2];
	char text[64];
};

static bool any(const char *soname)
{
	return *soname != 0;
}

static void test_cache(void **state)
{
	struct cache cache = {.magic = "glibc-ld.so.cache1.", .count = 2, .text = "libx.so.1\0/bin/sh\0/nothing"};
	struct probe_loader loader = {.cache = (uint8_t *)&cache, .cache_bytes = sizeof(cache) - 1};
	struct probe_paths paths = {0};

	(void)state;
	cache.magic[19] = '1';
	cache.entries[0].flags = cache.entries[1].flags = 0x303;
	cache.entries[0].name = cache.entries[1].name = offsetof(struct cache, text);
	cache.entries[0].path = offsetof(struct cache, text) + 10;
	cache.entries[1].path = offsetof(struct cache, text) + 18;
	assert_null(probe_loader_find(&loader, "libx.so.1", NULL, NULL, 0, &paths));
	assert_int_equal(paths.count, 1);
	assert_string_equal(paths.paths[0], "/bin/sh");
	probe_paths_deinit(&paths);
	/* Of another architecture; beyond the end; more entries than there are. */
	cache.entries[0].flags = 0x803;
	assert_null(probe_loader_list(&loader, any, &paths));
	assert_int_equal(paths.count, 0);
	cache.entries[0].flags = 0x303;
	cache.entries[0].name = UINT32_MAX;
	cache.entries[1].path = sizeof(cache) - 1;
	cache.count = UINT32_MAX;
	assert_null(probe_loader_list(&loader, any, &paths));
	assert_int_equal(paths.count, 0);
	for (size_t size = 0; size < sizeof(cache) - 1; size++) {
		loader.cache_bytes = size;
		assert_null(probe_loader_list(&loader, any, &paths));
		probe_paths_deinit(&paths);
	}
	memcpy(cache.magic, "ld.so-1.7.0", 12);
	loader.cache_bytes = sizeof(cache) - 1;
	assert_null(probe_loader_list(&loader, any, &paths));
	assert_int_equal(paths.count, 0);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spec),	  cmocka_unit_test(test_spec_refused),	cmocka_unit_test(test_types),
		cmocka_unit_test(test_calls),	  cmocka_unit_test(test_static_probes), cmocka_unit_test(test_text),
		cmocka_unit_test(test_go_tables), cmocka_unit_test(test_go_table_lies), cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
