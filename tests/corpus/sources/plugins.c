// Loads filters from shared objects and runs text through them.
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct filter {
	const char *name;
	const char *description;
	int (*apply)(char *text, size_t length);
	void (*wait_work)(int fd);
};

struct slot {
	void *handle;
	const struct filter *filter;
	const char *title;
};

static struct slot slots[4];
static int work[2];

__attribute__((noinline)) static void load_filter(struct slot *slot, const char *file)
{
	char path[PATH_MAX], *slash;
	const struct filter *(*get)(void);
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);

	path[length] = 0;
	slash = strrchr(path, '/');
	strcpy(slash + 1, file);
	slot->handle = dlopen(path, RTLD_NOW);
	if (!slot->handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
#ifdef WRONG_NAME
	get = (const struct filter *(*)(void))dlsym(slot->handle, "filter_get_v2");
#else
	get = (const struct filter *(*)(void))dlsym(slot->handle, "filter_get");
#endif
	slot->filter = get();
	slot->title = slot->filter->description;
}

__attribute__((noinline)) static void unload_filter(struct slot *slot)
{
	dlclose(slot->handle);
	slot->handle = NULL;
}

__attribute__((noinline)) static int run_filters(char *text)
{
	int changed = 0;

	for (int i = 0; i < 4; i++)
		if (slots[i].filter)
			changed += slots[i].filter->apply(text, strlen(text));
	return changed;
}

__attribute__((noinline)) static size_t print_titles(void)
{
	size_t total = 0;

	for (int i = 0; i < 4; i++) {
		const char *title = slots[i].title;
		size_t length = 0;
		while (title && title[length])
			length++;
		total += length;
	}
	return total;
}

static void *waiter(void *argument)
{
	struct slot *slot = argument;

	slot->filter->wait_work(work[0]);
	return NULL;
}

int main(void)
{
	char text[] = "The Quick Brown Fox";
	pthread_t thread;

	if (pipe(work) != 0)
		return 1;
	load_filter(&slots[0], "libupper.so");
	printf("%d changed: %s\n", run_filters(text), text);
	printf("titles: %zu\n", print_titles());
#if defined(CALL_AFTER)
	int (*apply)(char *, size_t) = slots[0].filter->apply;
	unload_filter(&slots[0]);
	printf("%d\n", apply(text, strlen(text)));
#elif defined(TABLE_AFTER)
	unload_filter(&slots[0]);
	printf("%d\n", run_filters(text));
#elif defined(TITLE_AFTER)
	unload_filter(&slots[0]);
	printf("titles: %zu\n", print_titles());
#elif defined(THREAD_INSIDE)
	pthread_create(&thread, NULL, waiter, &slots[0]);
	usleep(100000); // it reads from the pipe now
	unload_filter(&slots[0]);
	if (write(work[1], "x", 1) != 1)
		return 1;
	pthread_join(thread, NULL);
#elif defined(AT_EXIT)
	int (*flush)(void) = (int (*)(void))dlsym(slots[0].handle, "filter_flush");
	atexit((void (*)(void))flush);
	unload_filter(&slots[0]);
	slots[0].filter = NULL;
#elif defined(UNLOADED_OTHER)
	// Unloading is done right; the second slot was never filled in.
	static const struct filter empty = {"empty", "does nothing", NULL, NULL};
	unload_filter(&slots[0]);
	slots[0].filter = NULL;
	slots[1].filter = &empty;
	printf("%d\n", run_filters(text));
#endif
	return 0;
}
