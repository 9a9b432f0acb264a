// Renders a height field: tiles, threads, and more stack than one would think.
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct tile {
	int x, y, size;
	const int *heights;
	int *sink;
};

static int heights[256 * 256];

static void fill_heights(void)
{
	for (int i = 0; i < 256 * 256; i++)
		heights[i] = (i * 7919) % 251;
}

__attribute__((noinline)) static int shade_pixel(const int *row, int x)
{
	int light = row[x] * 3;

	return light > 255 ? 255 : light;
}

__attribute__((noinline)) static int blur_tile(const struct tile *tile)
{
	double weights[96 * 1024]; // three quarters of a megabyte
	double sum = 0;

	for (int i = 0; i < 96 * 1024; i += 64)
		weights[i] = i * 0.5;
	for (int i = 0; i < 96 * 1024; i += 512)
		sum += weights[i & ~63] * shade_pixel(tile->heights, i & 255);
	return (int)sum;
}

__attribute__((noinline)) static int sharpen_tile(const struct tile *tile)
{
	double kernel[48 * 1024];
	int sum = 0;

	for (int i = 0; i < 48 * 1024; i += 64)
		kernel[i] = tile->size + i;
	sum = blur_tile(tile);
	return sum + (int)kernel[64];
}

__attribute__((noinline)) static int scan_line(const struct tile *tile, size_t width)
{
	// As wide as the caller says.
	unsigned char *line = alloca(width);
	int sum = 0;

	line[0] = 1;
	for (size_t i = 0; i < width; i += 4096)
		line[i] = (unsigned char)i;
	sum = line[width / 2];
	return sum + shade_pixel(tile->heights, 3);
}

__attribute__((noinline)) static int scan_line_backwards(const struct tile *tile, size_t width)
{
	char line[width];

	// The far end first: the guard page is jumped over.
	line[0] = 7;
	line[width - 1] = 9;
	return line[0] + shade_pixel(tile->heights, line[width - 1]);
}

__attribute__((noinline)) static long flood(const struct tile *tile, int x, int y, long filled)
{
	int neighbours[8] = {x - 1, x + 1, y - 1, y + 1};

	if (filled < 0)
		return 0;
	return flood(tile, neighbours[filled & 1], neighbours[2 + (filled & 1)], filled + 1) + neighbours[filled & 3];
}

static long descend(const struct tile *, long);

__attribute__((noinline)) static long visit_left(const struct tile *tile, long depth)
{
	char path[100];

	snprintf(path, sizeof(path), "left/%ld", depth);
	return descend(tile, depth + 1) + path[5];
}

__attribute__((noinline)) static long visit_right(const struct tile *tile, long depth)
{
	char path[220];

	snprintf(path, sizeof(path), "right/%ld", depth);
	return descend(tile, depth + 1) + path[6];
}

__attribute__((noinline)) static long descend(const struct tile *tile, long depth)
{
	return (depth % 2 ? visit_left : visit_right)(tile, depth) + tile->x;
}

__attribute__((noinline)) static int compare_heights(const void *left, const void *right)
{
	// Falls back on a full comparison, which sorts again.
	int copy[4] = {*(const int *)left, *(const int *)right, 0, 0};

	qsort(copy, 2, sizeof(int), compare_heights);
	return copy[0] - copy[1];
}

__attribute__((noinline)) static int shallow_null(const struct tile *tile, int depth)
{
	char note[256];

	snprintf(note, sizeof(note), "depth %d", depth);
	if (depth == 0)
		return *tile->sink + note[0];
	return shallow_null(tile, depth - 1) + note[1];
}

static void on_signal(int number)
{
	char report[48 * 1024];

	memset(report, number, sizeof(report));
	if (write(1, report, 0) < 0)
		_exit(3);
	_exit(4);
}

static void *in_thread(void *argument)
{
	struct tile *tile = argument;

#if defined(BIG_FRAMES)
	printf("%d\n", sharpen_tile(tile));
#elif defined(FLOOD)
	printf("%ld\n", flood(tile, 1, 1, 1));
#elif defined(LINE)
	printf("%d\n", scan_line(tile, (size_t)tile->size << 12));
#elif defined(LINE_BACKWARDS)
	printf("%d\n", scan_line_backwards(tile, (size_t)tile->size << 12));
#elif defined(DESCEND)
	printf("%ld\n", descend(tile, 0));
#elif defined(SORT)
	int copy[16];
	memcpy(copy, tile->heights, sizeof(copy));
	qsort(copy, 16, sizeof(int), compare_heights);
#elif defined(SHALLOW)
	printf("%d\n", shallow_null(tile, 200));
#endif
	return NULL;
}

static ucontext_t main_context, fiber_context;

static void fiber(void)
{
	struct tile tile = {1, 1, 16, heights, NULL};

	printf("%ld\n", flood(&tile, 1, 1, 1));
}

static void run_thread(struct tile *tile, size_t stack)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (stack)
		pthread_attr_setstacksize(&attributes, stack);
	pthread_setname_np(pthread_self(), "render-main");
	pthread_create(&thread, &attributes, in_thread, tile);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	struct tile tile = {4, 8, 4096, heights, NULL};

	fill_heights();
	printf("%d\n", shade_pixel(heights, 5));
#if defined(FIBER)
	// A guard page below, as careful people do.
	char *stack = mmap(NULL, 128 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(stack, 4096, PROT_NONE);
	getcontext(&fiber_context);
	fiber_context.uc_stack.ss_sp = stack;
	fiber_context.uc_stack.ss_size = 128 * 1024;
	fiber_context.uc_link = &main_context;
	makecontext(&fiber_context, fiber, 0);
	swapcontext(&main_context, &fiber_context);
#elif defined(SMALL_ALTERNATE)
	// The handler's own frame is larger than its stack.
	char *room = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(room, 4096, PROT_NONE);
	stack_t alternate = {.ss_sp = room + 4096, .ss_size = 4 * 4096};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
#elif defined(GUARDED_BUFFER)
	// A buffer with a page without rights after it: an overrun, and no stack has anything to do with it.
	char *buffer = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(buffer + 4 * 4096, 4096, PROT_NONE);
	for (int i = 0; i <= 4 * 4096; i++)
		buffer[i] = (char)shade_pixel(heights, i);
#elif defined(MAIN)
	in_thread(&tile);
#else
	run_thread(&tile, STACK);
#endif
	return 0;
}
