// A calculator that compiles its expression to machine code.
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef long (*compiled)(long);

struct code {
	unsigned char *bytes;
	size_t used;
	size_t size;
	compiled entry;
};

static void emit(struct code *code, const void *bytes, size_t count)
{
	memcpy(code->bytes + code->used, bytes, count);
	code->used += count;
}

static void emit_constant(struct code *code, unsigned char opcode, uint32_t value)
{
	emit(code, (unsigned char[]){0x48, opcode}, 2);
	emit(code, &value, 4);
}

static struct code *code_create(size_t size)
{
	struct code *code = calloc(1, sizeof(*code));

	code->size = size;
#ifdef ON_HEAP
	code->bytes = aligned_alloc(4096, size);
#else
	code->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
#endif
	code->entry = (compiled)code->bytes;
	return code;
}

static void compile(struct code *code, const char *text)
{
	emit(code, (unsigned char[]){0x48, 0x89, 0xf8}, 3); // mov rax, rdi
	for (; *text; text++) {
		uint32_t value = (uint32_t)atoi(text + 1);
		if (*text == '+')
			emit_constant(code, 0x05, value);
		else if (*text == '-')
			emit_constant(code, 0x2d, value);
#ifdef BAD_OPCODE
		else if (*text == '%')
			emit(code, (unsigned char[]){0x06, 0x0e}, 2); // not in 64-bit mode
#endif
#ifdef LOADS
		else if (*text == '@')
			emit(code, (unsigned char[]){0x48, 0x8b, 0x00}, 3); // mov rax, [rax]
#endif
	}
#ifdef BAD_JUMP
	emit(code, (unsigned char[]){0xe9, 0, 0, 0, 0x10}, 5);
#endif
	emit(code, (unsigned char[]){0xc3}, 1);
#if !defined(NEVER_EXECUTABLE) && !defined(ON_HEAP)
	mprotect(code->bytes, code->size, PROT_READ | PROT_EXEC);
#endif
}

__attribute__((noinline)) static long evaluate(const struct code *code, long x)
{
	return code->entry(x) + 1;
}

int main(int argc, char **argv)
{
	struct code *code = code_create(4096);

	compile(code, argc > 1 ? argv[1] : "+5-3");
#if defined(NO_ENTRY)
	code->entry = NULL;
#elif defined(ENTRY_LOST)
	// The low half was kept in an int on its way here.
	code->entry = (compiled)(uintptr_t)(uint32_t)(uintptr_t)code->bytes;
#elif defined(ENTRY_TEXT)
	memcpy(&code->entry, "callback", 8);
#elif defined(INTO_DATA)
	static long table[64];
	code->entry = (compiled)table;
#elif defined(ON_STACK)
	unsigned char local[64];
	memcpy(local, code->bytes, code->used);
	code->entry = (compiled)local;
#elif defined(UNMAPPED)
	munmap(code->bytes, code->size);
#elif defined(PATCH_AGAIN)
	emit(code, (unsigned char[]){0x90}, 1);
#endif
	printf("%ld\n", evaluate(code, 16));
	return 0;
}
