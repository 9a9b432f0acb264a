/* SPDX-License-Identifier: MIT */
/* What makes a uretprobe dangerous, seen in small programs that are built when the test runs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyzer/probe/probe_safety.h"
#include "analyzer/probe/probe_uretprobe.h"

static char directory[] = "/tmp/corelate-probe-safety-XXXXXX";

static bool run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command) == 0;
}

/* Writes the source, runs `command` in the directory, and opens the program that this leaves. Skips the test when the
 * compiler is not there. */
static struct elf_file *build(const char *compiler, const char *source_name, const char *command, const char *source)
{
	char path[256];
	struct elf_file *elf;
	struct error *err;
	FILE *file;

	if (!run("command -v %s >/dev/null", compiler)) {
		print_message("%s is not installed\n", compiler);
		skip();
	}
	snprintf(path, sizeof(path), "%s/%s", directory, source_name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(source, file);
	fclose(file);
	if (!run("cd %s && %s >build.log 2>&1", directory, command)) {
		run("cat %s/build.log", directory);
		fail_msg("cannot build %s", source_name);
	}
	snprintf(path, sizeof(path), "%s/program", directory);
	err = elf_open_path(path, &elf);
	if (err)
		fail_msg("%s", err->message);
	return elf;
}

static const struct probe_hazard *find(const struct probe_safety *safety, enum probe_hazard_kind kind)
{
	for (size_t i = 0; i < safety->count; i++) {
		if (safety->hazards[i].kind == kind)
			return &safety->hazards[i];
	}
	return NULL;
}

static enum probe_hazard_severity worst(const struct probe_safety *safety)
{
	return safety->count ? safety->hazards[0].severity : PROBE_HAZARD_NOTE;
}

/* The file's hazards; the gravest must be of the kind and severity given, and name its evidence. */
static void expect(struct elf_file *elf, enum probe_hazard_kind kind, enum probe_hazard_severity severity,
		   const char *evidence)
{
	struct probe_safety safety = {0};
	const struct probe_hazard *hazard;

	assert_null(probe_safety_add_file(&safety, elf));
	probe_safety_finish(&safety);
	hazard = find(&safety, kind);
	assert_non_null(hazard);
	assert_int_equal(hazard->severity, severity);
	assert_int_equal(worst(&safety), severity);
	if (!strstr(hazard->evidence, evidence))
		fail_msg("'%s' is not in '%s'", evidence, hazard->evidence);
	assert_string_equal(hazard->file, elf->path);
	probe_safety_deinit(&safety);
	elf_destroy(elf);
}

static void test_plain_c(void **state)
{
	struct elf_file *elf = build("cc", "plain.c", "cc -O2 -o program plain.c",
				     "#include <stdio.h>\nint main(void) { return puts(\"x\"); }\n");
	struct probe_safety safety = {0};

	(void)state;
	assert_null(probe_safety_add_file(&safety, elf));
	assert_int_equal(safety.count, 0);
	elf_destroy(elf);
}

static const char *const throwing =
	"#include <stdexcept>\n"
	"extern \"C\" __attribute__((noinline)) int leaf(int x) { return x * 3; }\n"
	"extern \"C\" __attribute__((noinline)) int thrower(int x) {\n"
	"if (x > 1) throw std::runtime_error(\"no\"); return leaf(x); }\n"
	"int main(int c, char **) { try { return thrower(c); } catch (...) { return 7; } }\n";

static void test_exceptions(void **state)
{
	struct elf_file *elf = build("c++", "throw.cc", "c++ -O1 -o program throw.cc", throwing);
	struct probe_safety safety = {0};
	static const struct {
		const char *name;
		enum probe_hazard_severity severity;
	} cases[] = {{"leaf", PROBE_HAZARD_NOTE}, {"thrower", PROBE_HAZARD_DANGER}};

	(void)state;
	assert_null(probe_safety_add_file(&safety, elf));
	for (size_t i = 0; i < 2; i++) {
		struct code_return_sites sites;
		struct code_function *functions;
		size_t count;

		assert_null(code_find_functions(elf, cases[i].name, &functions, &count));
		assert_null(code_find_return_sites(elf, &functions[0], &sites));
		assert_int_equal(probe_hazard_severity_for(find(&safety, PROBE_HAZARD_EXCEPTIONS), &sites),
				 cases[i].severity);
		code_return_sites_deinit(&sites);
		free(functions);
	}
	probe_safety_deinit(&safety);
	expect(elf, PROBE_HAZARD_EXCEPTIONS, PROBE_HAZARD_DANGER, "__cxa_throw");
	expect(build("c++", "throw.cc", "c++ -O1 -s -o program throw.cc", throwing), PROBE_HAZARD_EXCEPTIONS,
	       PROBE_HAZARD_DANGER, "__cxa_throw");
}

static void test_stack_switches(void **state)
{
	static const char *const source =
		"#include <ucontext.h>\nint main(void) { static ucontext_t a, b; getcontext(&a);\n"
		"return swapcontext(&b, &a); }\n";

	(void)state;
	expect(build("cc", "switch.c", "cc -o program switch.c", source), PROBE_HAZARD_STACK_SWITCH,
	       PROBE_HAZARD_DANGER, "swapcontext");
	expect(build("cc", "switch.c", "cc -static -o program switch.c", source), PROBE_HAZARD_STACK_SWITCH,
	       PROBE_HAZARD_DANGER, "swapcontext");
	expect(build("cc", "co.c", "cc -o program co.c",
		     "void co_switch(void *t) { (void)t; } int main(void) { co_switch(0); return 0; }\n"),
	       PROBE_HAZARD_STACK_SWITCH, PROBE_HAZARD_DANGER, "co_switch");
}

/* The C library defines swapcontext and longjmp for others; that is no reason against probing it. */
static void test_definitions_for_others(void **state)
{
	struct probe_safety safety = {0};
	struct elf_file *elf;
	struct error *err = elf_open_path("/usr/lib/x86_64-linux-gnu/libc.so.6", &elf);

	(void)state;
	if (err) {
		error_destroy(err);
		skip();
	}
	assert_null(probe_safety_add_file(&safety, elf));
	assert_null(find(&safety, PROBE_HAZARD_STACK_SWITCH));
	probe_safety_finish(&safety);
	assert_int_equal(worst(&safety), PROBE_HAZARD_NOTE);
	probe_safety_deinit(&safety);
	elf_destroy(elf);
}

static const char *const go_source = "package main\nimport \"fmt\"\n//go:noinline\nfunc stacker(n int) string {\n"
				     "return fmt.Sprint(n) }\nfunc main() { fmt.Println(stacker(3)) }\n";

static void test_go(void **state)
{
	struct elf_file *elf =
		build("go", "main.go", "HOME=$PWD GOCACHE=$PWD/cache go build -o program main.go", go_source);
	struct code_return_sites sites;
	struct code_function *functions;
	size_t count;

	(void)state;
	assert_null(code_find_functions(elf, "main.stacker", &functions, &count));
	assert_int_equal(count, 1);
	assert_null(code_find_return_sites(elf, &functions[0], &sites));
	assert_true(sites.complete);
	assert_true(sites.return_count > 0);
	code_return_sites_deinit(&sites);
	free(functions);
	expect(elf, PROBE_HAZARD_GO, PROBE_HAZARD_FORBIDDEN, ".gopclntab");
	expect(build("go", "main.go", "HOME=$PWD GOCACHE=$PWD/cache go build -ldflags='-s -w' -o program main.go",
		     go_source),
	       PROBE_HAZARD_GO, PROBE_HAZARD_FORBIDDEN, ".gopclntab");
}

static void test_crystal(void **state)
{
	(void)state;
	expect(build("crystal", "main.cr", "HOME=$PWD CRYSTAL_CACHE_DIR=$PWD/cache crystal build -o program main.cr",
		     "puts 1\n"),
	       PROBE_HAZARD_CRYSTAL, PROBE_HAZARD_FORBIDDEN, "__crystal_main");
}

static void test_rust(void **state)
{
	static const char *const source = "fn main() { println!(\"{}\", std::env::args().count()); }\n";
	struct probe_safety safety = {0};
	struct elf_file *elf;

	(void)state;
	expect(build("rustc", "main.rs", "rustc -o program main.rs", source), PROBE_HAZARD_RUST_PANIC,
	       PROBE_HAZARD_DANGER, "_Unwind_RaiseException");
	elf = build("rustc", "main.rs", "rustc -C panic=abort -o program main.rs", source);
	assert_null(probe_safety_add_file(&safety, elf));
	assert_null(find(&safety, PROBE_HAZARD_RUST_PANIC));
	probe_safety_deinit(&safety);
	elf_destroy(elf);
}

/* A child of this test; with `code`, it has an executable mapping of no file. */
static pid_t start_child(bool code)
{
	pid_t child;
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (code)
			mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(child > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void test_process(void **state)
{
	(void)state;
	for (int code = 0; code < 2; code++) {
		pid_t child = start_child(code);
		struct probe_safety safety = {0};
		const struct probe_hazard *jit = NULL;
		struct core_process *process;
		char exe[4096] = "";

		assert_null(core_process_read((uint32_t)child, &process));
		assert_true(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
		assert_string_equal(process->files[0].path, exe);
		assert_true(process->files[0].is_executable_file);
		assert_int_equal(process->thread_count, 1);
		assert_int_equal(process->anonymous_mappings > 0, code);
		assert_null(probe_safety_add_process(&safety, process, NULL));
		for (size_t i = 0; i < safety.count; i++) {
			if (safety.hazards[i].kind == PROBE_HAZARD_JIT && !safety.hazards[i].file)
				jit = &safety.hazards[i];
		}
		assert_int_equal(jit != NULL, code);
		probe_safety_deinit(&safety);
		core_process_destroy(process);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

static void test_gone_process(void **state)
{
	struct core_process *process;
	pid_t child = start_child(false);
	struct error *err;

	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	err = core_process_read((uint32_t)child, &process);
	assert_non_null(err);
	assert_int_equal(err->code, ERROR_NOT_FOUND);
	error_destroy(err);
}

/* Whatever the kernel answers, it answers, and leaves no child behind. */
static void test_kernel_probe(void **state)
{
	(void)state;
	assert_in_range(probe_uretprobe_call_probe(), PROBE_URETPROBE_CALL_ABSENT, PROBE_URETPROBE_CALL_UNKNOWN);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return run("chmod -R u+w %s; rm -rf %s", directory, directory) ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_c),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_stack_switches),
		cmocka_unit_test(test_definitions_for_others),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_crystal),
		cmocka_unit_test(test_rust),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_gone_process),
		cmocka_unit_test(test_kernel_probe),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
