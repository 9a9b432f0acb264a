/* SPDX-License-Identifier: MIT */
/*
 * Return sites against objdump: every RET that objdump shows inside a function's symbol is found, or the function is
 * flagged incomplete; and no site is where objdump has no RET. Small programs are compiled when the test runs.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/code/code_return_sites.h"

static char directory[] = "/tmp/corelate-return-sites-XXXXXX";

struct addresses {
	uint64_t *values; /* rising */
	size_t count;
};

static void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* The addresses of all near RETs that objdump prints, with whatever prefix. */
static struct addresses objdump_returns(const char *path)
{
	struct addresses result = {0};
	char command[1024], line[1024];
	FILE *pipe;

	snprintf(command, sizeof(command), "objdump -d --no-show-raw-insn '%s'", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		char *colon = strchr(line, ':'), *text;
		uint64_t address = strtoull(line, &text, 16);
		bool is_return = false;

		if (line[0] != ' ' || text != colon || colon[1] != '\t')
			continue;
		for (char *word = strtok(colon + 2, " \t\n"); word && !is_return; word = strtok(NULL, " \t\n")) {
			is_return = strcmp(word, "ret") == 0 || strcmp(word, "retq") == 0;
			if (!is_return && strcmp(word, "repz") != 0 && strcmp(word, "bnd") != 0 &&
			    strcmp(word, "repnz") != 0 && strcmp(word, "data16") != 0)
				break;
		}
		if (!is_return)
			continue;
		if (result.count % 4096 == 0) {
			result.values = reallocarray(result.values, result.count + 4096, sizeof(uint64_t));
			assert_non_null(result.values);
		}
		result.values[result.count++] = address;
	}
	assert_int_equal(pclose(pipe), 0);
	qsort(result.values, result.count, sizeof(uint64_t), compare);
	return result;
}

static bool has(const struct addresses *all, uint64_t address)
{
	return all->count && bsearch(&address, all->values, all->count, sizeof(uint64_t), compare);
}

struct tally {
	size_t functions, sites, missed, missed_flagged, wrong, incomplete;
};

static void compare_function(const struct addresses *all, const struct code_return_sites *sites, struct tally *tally)
{
	const struct code_function *function = &sites->function;
	size_t missed = 0;

	tally->functions++;
	tally->incomplete += !sites->complete;
	for (size_t i = 0; i < sites->count; i++) {
		if (sites->sites[i].kind != CODE_SITE_RETURN)
			continue;
		tally->sites++;
		if (!has(all, sites->sites[i].address)) {
			tally->wrong++;
			print_error("%s: 0x%" PRIx64 " is no RET\n", function->name, sites->sites[i].address);
		}
	}
	for (size_t i = 0; i < all->count; i++) {
		bool found = false;

		if (all->values[i] < function->address || all->values[i] >= function->address + function->size)
			continue;
		for (size_t k = 0; k < sites->count; k++)
			found |= sites->sites[k].address == all->values[i];
		missed += !found;
	}
	if (sites->complete && missed)
		print_error("%s: %zu RETs missed\n", function->name, missed);
	*(sites->complete ? &tally->missed : &tally->missed_flagged) += missed;
}

static struct elf_file *open_elf(const char *path)
{
	struct elf_file *elf;
	struct error *err = elf_open_path(path, &elf);

	if (err)
		fail_msg("%s", err->message);
	return elf;
}

/* Every `step`th function of the file. */
static struct tally compare_file(const char *path, const char *disassembled, size_t step)
{
	struct addresses all = objdump_returns(disassembled);
	struct elf_file *elf = open_elf(path);
	struct tally tally = {0};

	for (size_t i = 0; i < elf->code_count; i += step) {
		struct code_return_sites sites;
		struct code_function function;
		struct error *err;

		if (elf->code[i].size == 0 || elf->code[i].type == STT_NOTYPE ||
		    (i > 0 && elf->code[i - 1].address == elf->code[i].address))
			continue;
		err = code_find_function_at(elf, elf->code[i].address, &function);
		if (!err)
			err = code_find_return_sites(elf, &function, &sites);
		if (err)
			fail_msg("%s", err->message);
		compare_function(&all, &sites, &tally);
		code_return_sites_deinit(&sites);
	}
	print_message("%s: %zu functions, %zu RETs found, %zu missed, %zu wrong; %zu functions incomplete (%zu RETs)\n",
		      path, tally.functions, tally.sites, tally.missed, tally.wrong, tally.incomplete,
		      tally.missed_flagged);
	elf_destroy(elf);
	free(all.values);
	return tally;
}

static struct elf_file *build(const char *name, const char *compiler, const char *flags, const char *source)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s%s", directory, name, strchr(source, '\t') == source ? ".s" : ".c");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(source, file);
	fclose(file);
	run("%s -w %s -o %s/%s %s", compiler, flags, directory, name, path);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return open_elf(path);
}

static struct code_return_sites find(const struct elf_file *elf, const char *name)
{
	struct code_return_sites sites;
	struct code_function *functions;
	size_t count;
	struct error *err = code_find_functions(elf, name, &functions, &count);

	if (!err) {
		assert_int_equal(count, 1);
		err = code_find_return_sites(elf, &functions[0], &sites);
		free(functions);
	}
	if (err)
		fail_msg("%s", err->message);
	return sites;
}

/* Finds the sites of `name` and compares them with objdump; all RETs of its range must be there. */
static struct code_return_sites check(const struct elf_file *elf, const char *name, bool complete)
{
	struct code_return_sites sites = find(elf, name);
	struct addresses all = objdump_returns(elf->path);
	struct tally tally = {0};

	compare_function(&all, &sites, &tally);
	assert_int_equal(tally.missed, 0);
	assert_int_equal(tally.wrong, 0);
	if (sites.complete != complete)
		fail_msg("%s in %s: %s", name, elf->path, sites.incomplete_reason ?: "complete");
	free(all.values);
	return sites;
}

static const char *const switches =
	"int g(int), h(int, int);\n"
	"int f(int x, int y) { switch (x) {\n"
	"case 0: return y * 3; case 1: return g(y) + 1; case 2: return y ^ 77; case 3: return g(x) - y;\n"
	"case 4: return g(y) * 2; case 5: return y / 7; case 6: return h(y, x) + 2; case 7: return y << 3; }\n"
	"return -1; }\n"
	"__attribute__((noinline)) int g(int x) { return x + 1; }\n"
	"__attribute__((noinline)) int h(int x, int y) { return x * y; }\n"
	"int main(int c, char **v) { return f(c, 3); }\n";

static void test_jump_tables(void **state)
{
	static const char *const flags[] = {"-O2 -fcf-protection", "-O2 -fcf-protection=none",
					    "-O0 -fcf-protection=none", "-O2 -no-pie -fcf-protection=none",
					    "-O3 -fomit-frame-pointer -fPIC"};
	static const char *const compilers[] = {"cc", "clang"};

	(void)state;
	for (size_t c = 0; c < 2; c++) {
		if (c == 1 && system("command -v clang >/dev/null") != 0)
			continue;
		for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
			struct elf_file *elf = build("switch", compilers[c], flags[i], switches);
			struct code_return_sites sites = check(elf, "f", true);

			assert_true(sites.return_count >= 1);
			assert_true(sites.has_indirect_jumps);
			for (size_t k = 0; k < sites.count; k++)
				assert_int_equal(sites.sites[k].kind, CODE_SITE_RETURN);
			code_return_sites_deinit(&sites);
			elf_destroy(elf);
		}
	}
}

static void test_plain_and_many_returns(void **state)
{
	struct elf_file *elf =
		build("plain", "cc", "-O1 -fno-if-conversion",
		      "int one(int x) { return x + 1; }\n"
		      "__attribute__((noinline)) int depth(int n) { return n ? 1 + 2 * depth(n - 1) : 0; }\n"
		      "int many(int x) { asm volatile(\"test %0, %0; je 1f; ret; 1: nop; .byte 0xf3, 0xc3\\n"
		      "cmp $1, %0; jne 2f; ret $0; 2:\" : : \"r\"(x)); return x; }\n"
		      "int main(void) { return one(1) + depth(3); }\n");
	struct code_return_sites sites = check(elf, "one", true);

	(void)state;
	assert_int_equal(sites.count, 1);
	assert_false(sites.makes_calls);
	assert_int_equal(sites.sites[0].offset, sites.sites[0].address - sites.function.address);
	code_return_sites_deinit(&sites);
	sites = check(elf, "depth", true);
	assert_true(sites.calls_itself);
	code_return_sites_deinit(&sites);
	sites = check(elf, "many", true);
	assert_int_equal(sites.return_count, 4);
	code_return_sites_deinit(&sites);
	elf_destroy(elf);
}

static void test_tail_calls(void **state)
{
	struct elf_file *elf = build("tail", "cc", "-O2 -fcf-protection=none",
				     "#include <stdio.h>\n"
				     "struct ops { int (*run)(int); };\n"
				     "__attribute__((noinline)) int other(int x) { return x * 5; }\n"
				     "int direct(int x) { return x > 2 ? other(x + 1) : 4; }\n"
				     "int through_plt(const char *s) { return puts(s); }\n"
				     "int through_pointer(int (*f)(int)) { return f(3); }\n"
				     "int through_table(struct ops *o) { return o->run(3); }\n"
				     "static int (*const table[])(int) = {other, direct, other, direct};\n"
				     "int through_array(int i) { return table[i](i); }\n"
				     "int main(int c, char **v) { return through_array(c) + through_plt(v[0]); }\n");
	static const char *const indirect[] = {"through_pointer", "through_table", "through_array"};
	struct code_return_sites sites = check(elf, "direct", true);
	size_t tails = 0;

	(void)state;
	for (size_t i = 0; i < sites.count; i++) {
		if (sites.sites[i].kind != CODE_SITE_TAIL_CALL)
			continue;
		tails++;
		assert_string_equal(sites.sites[i].target_name, "other");
	}
	assert_int_equal(tails, 1);
	assert_int_equal(sites.return_count, 1);
	code_return_sites_deinit(&sites);
	sites = check(elf, "through_plt", true);
	assert_int_equal(sites.count, 1);
	assert_true(sites.sites[0].through_plt);
	assert_string_equal(sites.sites[0].target_name, "puts");
	code_return_sites_deinit(&sites);
	for (size_t i = 0; i < 3; i++) {
		sites = check(elf, indirect[i], true);
		assert_int_equal(sites.count, 1);
		assert_int_equal(sites.sites[0].kind, CODE_SITE_TAIL_CALL);
		assert_null(sites.sites[0].target_name);
		code_return_sites_deinit(&sites);
	}
	elf_destroy(elf);
}

static void test_cold_and_noreturn(void **state)
{
	struct elf_file *elf =
		build("cold", "cc", "-O2 -freorder-blocks-and-partition",
		      "#include <stdio.h>\n#include <stdlib.h>\n"
		      "__attribute__((cold, noinline)) int odd(int x) { return printf(\"%d\", x); }\n"
		      "__attribute__((noinline)) int split(int x) { if (__builtin_expect(x > 9, 0)) { odd(x);\n"
		      "odd(x + 1); return odd(x + 2) + 7; } return x + 1; }\n"
		      "__attribute__((noreturn, noinline)) void never(int x) { if (x) abort(); exit(3); }\n"
		      "__attribute__((noinline)) void trap(int x) { odd(x); __builtin_trap(); }\n"
		      "int main(int c, char **v) { if (c > 5) never(c); if (c > 7) trap(c); return split(c); }\n");
	struct code_return_sites sites = check(elf, "split", true);
	bool in_cold = false;

	(void)state;
	for (size_t i = 0; i < sites.count; i++)
		in_cold |= strcmp(sites.sites[i].symbol, "split.cold") == 0;
	/* The compiler splits as it likes; where it did, a RET of the part is the function's. */
	for (size_t i = 0; i < elf->code_count; i++) {
		if (strcmp(elf->code[i].name, "split.cold") == 0)
			print_message("split.cold %s\n", in_cold ? "returns" : "jumps back");
	}
	assert_true(sites.return_count > 0);
	code_return_sites_deinit(&sites);
	sites = check(elf, "never", true);
	assert_int_equal(sites.count, 0);
	code_return_sites_deinit(&sites);
	sites = check(elf, "trap", true);
	assert_int_equal(sites.count, 0);
	code_return_sites_deinit(&sites);
	elf_destroy(elf);
}

static void test_assembly(void **state)
{
	struct elf_file *elf =
		build("assembly", "cc", "-nostdlib -static",
		      "\t.text\n\t.globl _start\n_start:\n\tcall unsized\n\thlt\n"
		      "\t.globl unsized\nunsized:\n\ttest %edi, %edi\n\tje 1f\n\tret\n1:\n\tinc %eax\n\tret\n"
		      "\t.p2align 4\n"
		      "\t.globl dirty\n\t.type dirty, @function\ndirty:\n\tjmp 2f\n"
		      "\t.byte 0x06, 0x07, 0x0e, 0xc3\n2:\n\tret\n\t.size dirty, . - dirty\n"
		      "\t.globl sliding\n\t.type sliding, @function\nsliding:\n\tnop\n"
		      "\t.size sliding, . - sliding\n"
		      "\t.globl next\n\t.type next, @function\nnext:\n\tret\n\t.size next, . - next\n"
		      "\t.section .note.GNU-stack,\"\",@progbits\n");
	struct code_return_sites sites = find(elf, "unsized");

	(void)state;
	assert_int_equal(sites.return_count, 2);
	assert_true(sites.complete);
	assert_int_equal(sites.function.extent, CODE_EXTENT_GUESS);
	code_return_sites_deinit(&sites);
	sites = check(elf, "dirty", false);
	assert_int_equal(sites.return_count, 1);
	code_return_sites_deinit(&sites);
	sites = find(elf, "sliding");
	assert_int_equal(sites.return_count, 1);
	assert_true(sites.sites[0].is_shared);
	assert_string_equal(sites.sites[0].symbol, "next");
	code_return_sites_deinit(&sites);
	elf_destroy(elf);
}

static void test_names(void **state)
{
	struct elf_file *elf = build("names", "cc", "-O1",
				     "#include <stdio.h>\n"
				     "static int pick_a(int x) { return x; } static int pick_b(int x) { return -x; }\n"
				     "static int (*resolve(void))(int) { return pick_a; }\n"
				     "int chosen(int) __attribute__((ifunc(\"resolve\")));\n"
				     "int main(int c, char **v) { puts(v[0]); return chosen(c); }\n");
	struct code_return_sites sites = find(elf, "chosen");
	struct code_function *functions, at;
	const char *near[4];
	struct error *err;
	char path[256];
	size_t count;

	(void)state;
	assert_true(sites.function.is_ifunc);
	code_return_sites_deinit(&sites);
	assert_int_equal(code_suggest_functions(elf, "chozen", near, 4), 1);
	assert_string_equal(near[0], "chosen");
	err = code_find_functions(elf, "puts", &functions, &count);
	assert_int_equal(err->code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err->message, "only uses"));
	error_destroy(err);
	err = code_find_functions(elf, "nothing", &functions, &count);
	assert_int_equal(err->code, ERROR_NOT_FOUND);
	error_destroy(err);
	sites = find(elf, "main");
	/* By an address inside it, and in a stripped copy, where the unwinding table gives the extent. */
	run("strip -o %s/stripped %s/names", directory, directory);
	elf_destroy(elf);
	snprintf(path, sizeof(path), "%s/stripped", directory);
	elf = open_elf(path);
	assert_null(code_find_function_at(elf, sites.function.address + 1, &at));
	assert_true(at.address == sites.function.address && at.size == sites.function.size);
	assert_int_equal(at.extent, CODE_EXTENT_FRAME);
	code_return_sites_deinit(&sites);
	err = code_find_functions(elf, "main", &functions, &count);
	assert_non_null(strstr(err->message, "stripped"));
	error_destroy(err);
	elf_destroy(elf);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *path;
		enum error_code code;
	} cases[] = {
		{"/etc/passwd", ERROR_INVALID}, {"/dev/null", ERROR_INVALID}, {"/nowhere/at/all", ERROR_NOT_FOUND}};
	struct elf_file *elf;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error *err = elf_open_path(cases[i].path, &elf);

		assert_non_null(err);
		assert_int_equal(err->code, cases[i].code);
		error_destroy(err);
	}
}

/* Any prefix of a file and any damaged byte of its headers opens or is refused, and is walked or refused. */
static void test_damaged_files(void **state)
{
	struct elf_file *elf = build("damaged", "cc", "-O2", switches);
	uint8_t bytes[65536];
	size_t size;
	int fd = open(elf->path, O_RDWR);

	(void)state;
	elf_destroy(elf);
	size = (size_t)read(fd, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 3000; i++) {
		/* Headers, tables at the end, and everything between. */
		size_t at = (size_t)i * 2654435761u % (i % 3 == 0 ? 1024 : size);
		uint8_t damaged = bytes[at] ^ (uint8_t)(1u << i % 8) ^ (i % 5 == 0 ? 0xff : 0);
		struct error *err;

		assert_int_equal(pwrite(fd, &damaged, 1, (off_t)at), 1);
		if (i % 7 == 0)
			assert_int_equal(ftruncate(fd, (off_t)at), 0);
		err = elf_open(fd, "damaged", NULL, &elf);
		for (size_t k = 0; !err && k < elf->code_count; k++) {
			struct code_return_sites sites;
			struct code_function function;

			err = code_find_function_at(elf, elf->code[k].address, &function);
			if (!err)
				err = code_find_return_sites(elf, &function, &sites);
			if (!err)
				code_return_sites_deinit(&sites);
			error_destroy(err);
			err = NULL;
		}
		elf_destroy(elf);
		error_destroy(err);
		assert_int_equal(pwrite(fd, bytes, size, 0), (ssize_t)size);
	}
	close(fd);
}

static void compare_if_there(const char *path, const char *disassembled, size_t step, size_t at_least)
{
	struct tally tally;

	if (access(path, R_OK) != 0 || access(disassembled, R_OK) != 0)
		skip();
	tally = compare_file(path, disassembled, step);
	assert_int_equal(tally.missed, 0);
	assert_int_equal(tally.wrong, 0);
	assert_true(tally.functions >= at_least);
	assert_true(tally.incomplete * 10 <= tally.functions);
}

static void test_libc(void **state)
{
	(void)state;
	compare_if_there("/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6", 4, 200);
}

static void test_large_cxx(void **state)
{
	(void)state;
	compare_if_there("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 8,
			 200);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	run("rm -rf %s", directory);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_and_many_returns),
		cmocka_unit_test(test_jump_tables),
		cmocka_unit_test(test_tail_calls),
		cmocka_unit_test(test_cold_and_noreturn),
		cmocka_unit_test(test_assembly),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_damaged_files),
		cmocka_unit_test(test_libc),
		cmocka_unit_test(test_large_cxx),
	};

	/* By hand: compare all functions of a file. */
	if (argc > 1) {
		struct tally tally = compare_file(argv[1], argv[1], argc > 2 ? strtoul(argv[2], NULL, 10) : 1);

		return tally.missed || tally.wrong;
	}
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
