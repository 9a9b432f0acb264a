// A service with a crash reporter of its own: a handler writes a note and lets the signal have its way again.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct account {
	int id;
	int rate;
	struct account *owner;
	char name[16];
};

static volatile int reports;

static void say(const char *text)
{
	if (write(2, text, strlen(text)) < 0)
		_exit(3);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
	reports++;
	say("crash reporter: writing a note\n");
#if defined(RERAISE)
	signal(number, SIG_DFL);
	raise(number);
#elif defined(TGKILL)
	struct sigaction plain = {.sa_handler = SIG_DFL};
	sigaction(number, &plain, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
#elif defined(RETURN)
	// The instruction is tried again, and this time nobody catches it.
	signal(number, SIG_DFL);
#elif defined(ABORT)
	abort();
#elif defined(QUEUE)
	signal(number, SIG_DFL);
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), number, info);
#endif
}

static void install(void)
{
	static char stack[65536];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};

#ifdef ALTERNATE
	sigaltstack(&alternate, NULL);
#endif
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

__attribute__((noinline)) static int interest(const struct account *account, int months)
{
#if defined(DIVIDE)
	return 1200 * months / account->rate;
#else
	return account->owner->rate * months;
#endif
}

__attribute__((noinline)) static int walk(const struct account *account, int depth)
{
	char note[512];

	snprintf(note, sizeof(note), "%s at %d", account->name, depth);
	// An account that owns itself has no end.
	return walk(account->owner, depth + 1) + note[0];
}

int main(int argc, char **argv)
{
	struct account root = {.id = 1, .rate = 3, .name = "root"};
	struct account child = {.id = 2, .rate = 0, .owner = &root, .name = "child"};
	int sum = 0;

	install();
	root.owner = &root;
	sum += interest(&root, 12);
#if defined(DIVIDE)
	sum += interest(&child, 12);
#elif defined(WILD)
	child.owner = (struct account *)(0x00007a0000000000 + 0x1230 * (long)argc);
	sum += interest(&child, 12);
#elif defined(TEXT)
	// The owner's place was overwritten by a long name.
	memcpy(&child.owner, "Margaret", 8);
	sum += interest(&child, 12);
#elif defined(ENDLESS)
	sum += walk(&child, 0);
#else
	child.owner = NULL;
	sum += interest(&child, 12);
#endif
	printf("%d\n", sum);
	return 0;
}
