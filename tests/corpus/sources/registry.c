// A registry of devices in a sorted tree; nodes carry a colour in spare bits of a pointer.
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct ops {
	int (*probe)(int id);
	int (*suspend)(int id);
	int (*resume)(int id);
};

struct node {
	struct node *left;
	struct node *right;
	struct node *parent;
	const struct ops *ops;
	int id;
	char name[20];
};

struct list {
	struct list *next, *previous;
};

struct event {
	char subject[40];
	int code;
	struct list link;
};

static int probe_device(int id)
{
	return id * 3;
}

static const struct ops device_ops = {.probe = probe_device};
static struct node *root;

__attribute__((noinline)) static struct node *insert(int id, const char *name)
{
	struct node **link = &root, *parent = NULL, *node = calloc(1, sizeof(*node));

	node->id = id;
	node->ops = &device_ops;
	snprintf(node->name, sizeof(node->name), "%s", name);
	while (*link) {
		parent = *link;
		link = id < parent->id ? &parent->left : &parent->right;
	}
	node->parent = parent;
	*link = node;
	return node;
}

__attribute__((noinline)) static int depth_of(const struct node *node)
{
	int depth = 0;

	while (node->parent) {
		node = node->parent;
		depth++;
	}
	return depth;
}

__attribute__((noinline)) static const struct node *find(int id)
{
	const struct node *node = root;

	while (node && node->id != id)
		node = id < node->id ? node->left : node->right;
	return node;
}

__attribute__((noinline)) static int suspend_all(const struct node *node)
{
	if (!node)
		return 0;
	return suspend_all(node->left) + node->ops->suspend(node->id) + suspend_all(node->right);
}

__attribute__((noinline)) static int first_code(const struct list *queue)
{
	const struct event *event = (const struct event *)((const char *)queue->next - offsetof(struct event, link));

	return event->code;
}

__attribute__((noinline)) static long sum_table(const long *table, size_t from)
{
	long sum = 0;

	for (size_t i = from; i < from + 4; i++)
		sum += table[i];
	return sum;
}

__attribute__((noinline)) static void rename_device(struct node *node, const char *name)
{
	// The name may be longer than its place: what follows in memory is of the next node.
	memcpy(node->name, name, strlen(name) + 1);
}

static void *reader(void *argument)
{
	printf("depth %d\n", depth_of(argument));
	return NULL;
}

static void with_bits(struct node *node, uint64_t bits)
{
	node->parent = (struct node *)((uintptr_t)node->parent ^ bits);
}

int main(int argc, char **argv)
{
	struct node *deep = NULL;

	for (int i = 0; i < 40; i++) {
		char name[20];
		snprintf(name, sizeof(name), "dev%d", i);
		deep = insert(i * 7919 % 101, name);
	}
	printf("depth %d\n", depth_of(deep));
#if defined(FLIP)
	// A cosmic ray.
	with_bits(deep, 1ull << FLIP);
	printf("depth %d\n", depth_of(deep));
#elif defined(FLIP_THREAD)
	pthread_t thread;
	with_bits(deep->parent, 1ull << FLIP_THREAD);
	pthread_create(&thread, NULL, reader, deep);
	pthread_join(thread, NULL);
#elif defined(TAG)
	// Colour and reference count in the sixteen spare bits; a reader that does not mask them.
	with_bits(deep, 0x00a3000000000000);
	printf("depth %d\n", depth_of(deep));
#elif defined(TAG_ONE)
	with_bits(deep, 0x4000000000000000);
	printf("depth %d\n", depth_of(deep));
#elif defined(HALF)
	deep->parent = (struct node *)(uintptr_t)(uint32_t)(uintptr_t)deep->parent;
	printf("depth %d\n", depth_of(deep));
#elif defined(SIGNED_HALF)
	deep->parent = (struct node *)(intptr_t)(int32_t)0xa1b2c3d0;
	printf("depth %d\n", depth_of(deep));
#elif defined(MISSING)
	printf("found %s\n", find(5000)->name);
#elif defined(NO_SUSPEND)
	printf("%d\n", suspend_all(root));
#elif defined(NO_OPS)
	insert(900, "late")->ops = NULL;
	printf("%d\n", find(900)->ops->probe(3));
#elif defined(EMPTY_QUEUE)
	struct list queue = {NULL, NULL};
	printf("%d\n", first_code(&queue));
#elif defined(NO_TABLE)
	printf("%ld\n", sum_table(NULL, 120000 * (size_t)argc));
#elif defined(OUTSIDE)
	static long table[64];
	printf("%ld\n", sum_table(table, 0x4000000 * (size_t)argc));
#elif defined(STALE_HANDLE)
	// A handle of another process, read from a file.
	deep->parent = (struct node *)(0x00005e0c3a7f12a0 + (uintptr_t)argc * 16);
	printf("depth %d\n", depth_of(deep));
#elif defined(LONG_NAME)
	struct node pair[2] = {{.parent = root, .name = "one"}, {.parent = root, .name = "two"}};
	rename_device(&pair[0], "a very long name of a device that nobody has seen before in this house");
	printf("depth %d\n", depth_of(&pair[1]));
#elif defined(LITERAL)
	rename_device((struct node *)((char *)"unnamed device" - offsetof(struct node, name)), "x");
#elif defined(CONST_TABLE)
	((struct ops *)&device_ops)->suspend = probe_device;
	printf("%d\n", suspend_all(root));
#elif defined(MINUS_ONE)
	void *table = mmap(NULL, 1ul << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	printf("%ld\n", sum_table(table, 0)); // the error is not looked at
#elif defined(KERNEL_HALF)
	deep->parent = (struct node *)(0xffff888012345678 + (uintptr_t)argc);
	printf("depth %d\n", depth_of(deep));
#endif
	return 0;
}
