// An editor's gap buffer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gap {
	char *text;
	size_t size, start, end;
};

static void gap_init(struct gap *gap, size_t size)
{
	gap->text = malloc(size);
	gap->size = size;
	gap->start = 0;
	gap->end = size;
}

__attribute__((noinline)) static void gap_insert(struct gap *gap, const char *word)
{
	while (*word) {
#ifdef SAFE
		if (gap->start == gap->end)
			return;
#endif
		gap->text[gap->start++] = *word++;
	}
}

__attribute__((noinline)) static char *gap_line(const struct gap *gap, size_t from)
{
	size_t length = gap->start - from;
	char *line = malloc(length + 1);

	memcpy(line, gap->text + from, length);
	line[length] = 0;
	return line;
}

struct undo {
	char *before;
	struct undo *next;
};

static struct undo *history;

__attribute__((noinline)) static void remember(const struct gap *gap)
{
	struct undo *undo = malloc(sizeof(*undo));

	undo->before = gap_line(gap, 0);
	undo->next = history;
	history = undo;
}

__attribute__((noinline)) static void forget_all(void)
{
	while (history) {
		struct undo *next = history->next;
		free(history->before);
		free(history);
		history = next;
	}
}

int main(void)
{
	struct gap gap;

	gap_init(&gap, SIZE);
	for (int i = 0; i < 10; i++)
		gap_insert(&gap, "lorem ");
	remember(&gap);
#if defined(TOP)
	// Past the end of the last block: nothing but the wilderness follows.
	struct gap second;
	gap_init(&second, 200);
	for (int i = 0; i < 60; i++)
		gap_insert(&second, "ipsum ");
	for (int i = 0; i < 50; i++)
		remember(&second);
#elif defined(NEXT)
	char *neighbour = malloc(1400);
	char *fence = malloc(64);
	memset(neighbour, 1, 1400);
	for (int i = 0; i < 300; i++)
		gap_insert(&gap, "dolor ");
	free(gap.text);
	free(neighbour);
	free(fence);
#elif defined(BEFORE)
	// Walks back over the start of the text.
	char *at = gap.text;
	while (*--at != '\n' && at > gap.text - 16)
		*at = ' ';
	free(gap.text);
#elif defined(FREED_LINK)
	struct undo *kept = malloc(sizeof(*kept)), *other = malloc(sizeof(*other));
	free(other);
	free(kept);
	kept->before = "sit amet"; // where the allocator keeps its link
	remember(&gap);
	remember(&gap);
	remember(&gap);
#elif defined(EMPTIED)
	gap.text = realloc(gap.text, 0);
	struct undo *undo = history;
	undo->before = realloc(undo->before, 0) ? NULL : undo->before;
	forget_all();
#elif defined(GROWN)
	const char *word = gap.text + 6;
	gap.text = realloc(gap.text, SIZE * 16);
	printf("%c\n", word[0]);
#elif defined(ALIGNED)
	void *page;
	if (posix_memalign(&page, 4096, 8192) != 0)
		return 1;
	struct undo *undo = (struct undo *)((char *)page + 64);
	memset(page, 0, 8192);
	free(undo);
#endif
	forget_all();
	return 0;
}
