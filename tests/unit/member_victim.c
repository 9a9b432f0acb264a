/* SPDX-License-Identifier: MIT */
/* Dies of a null pointer in the function that argv[1] names. C and C++; test_member.c builds it in several ways. */
#include <string.h>

#define distinct __attribute__((noinline, noclone))

struct pair {
	int a, b;
};

#ifdef __cplusplus
struct node : pair {
#else
struct node {
	struct pair base;
#endif
	long value;
	struct pair p;
	struct node *next;
	union {
		int i;
		float f;
	};
	int flat[6];
};

struct list {
	long count;
	struct node *head;
};

typedef struct {
	long x, y;
} point;

static struct node *volatile null_node;
struct node *global;

distinct long argument(struct node *node)
{
	return (long)node->next;
}

distinct long chain(struct list *list)
{
	return list->head->p.b;
}

distinct void store(point *at, long value)
{
	at->y = value;
}

distinct long element(struct node *node, long i)
{
	return node->flat[i];
}

distinct long table(struct node **nodes)
{
	return nodes[2]->flat[3];
}

distinct long of_global(void)
{
	return (long)global->next;
}

/* Either member fits. */
distinct long of_union(struct node *node)
{
	return node->i;
}

/* The structure is smaller than the offset. */
distinct long beyond(struct pair *pairs)
{
	return pairs[20].a;
}

/* No pointer: a number. */
distinct long number(long i)
{
	return *(int *)((char *)i + 24);
}

/* Either variable may have been it. */
distinct long either(struct node *left, struct node *right, int which)
{
	return (which ? left : right)->p.a;
}

/* Two variables in one register, one after the other and then at once. */
distinct long two(struct node *first)
{
	struct node *second = first;
	long sum = 0;

	while (second) {
		sum += second->value;
		second = second->next;
	}
	return sum + (long)second->next;
}

int main(int argc, char **argv)
{
	struct list list = {0, 0};
	struct node *nodes[4] = {0, 0, 0, 0};
	struct node node;
	const char *how = argv[1];

	memset(&node, 0, sizeof(node));
	if (!strcmp(how, "argument"))
		return (int)argument(null_node);
	if (!strcmp(how, "chain"))
		return (int)chain(&list);
	if (!strcmp(how, "store"))
		store((point *)null_node, argc);
	if (!strcmp(how, "element"))
		return (int)element(null_node, argc + 1);
	if (!strcmp(how, "table"))
		return (int)table(nodes);
	if (!strcmp(how, "of_global"))
		return (int)of_global();
	if (!strcmp(how, "of_union"))
		return (int)of_union(null_node);
	if (!strcmp(how, "beyond"))
		return (int)beyond((struct pair *)null_node);
	if (!strcmp(how, "number"))
		return (int)number((long)null_node);
	if (!strcmp(how, "either"))
		return (int)either(null_node, null_node, argc > 1);
	if (!strcmp(how, "two"))
		return (int)two(&node);
	return 0;
}
