// Counts words of a log file through mapped windows.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW (16 * 4096)
#define WINDOWS 4

struct window {
	char *text;
	size_t length;
	off_t offset;
};

struct index {
	int fd;
	off_t size;
	struct window windows[WINDOWS];
	const char *first_line;
	unsigned long words;
};

static void write_log(const char *path)
{
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 6000; i++)
		fprintf(file, "2024-05-%02d worker[%d]: request %d took %d ms\n", i % 30 + 1, i % 7, i, i * 13 % 997);
	fclose(file);
}

static int index_open(struct index *index, const char *path)
{
	memset(index, 0, sizeof(*index));
#ifdef WRITE_BACK
	index->fd = open(path, O_RDONLY);
#else
	index->fd = open(path, O_RDWR);
#endif
	if (index->fd < 0)
		return -1;
	index->size = lseek(index->fd, 0, SEEK_END);
	return 0;
}

static struct window *map_window(struct index *index, int n)
{
	struct window *window = &index->windows[n];
	int prot = PROT_READ;

#ifdef HEADER_LIES
	// The size comes from a trailer that counts records, not bytes.
	window->length = WINDOW * 8;
#else
	window->length = WINDOW;
#endif
	window->offset = (off_t)n * WINDOW;
	window->text = mmap(NULL, window->length, prot, MAP_SHARED, index->fd, window->offset);
	if (window->text == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return window;
}

static void drop_window(struct index *index, int n)
{
	munmap(index->windows[n].text, index->windows[n].length);
	index->windows[n].text = NULL;
}

__attribute__((noinline)) static unsigned long count_words(const struct window *window)
{
	unsigned long words = 0;
	int inside = 0;

	for (size_t i = 0; i < window->length; i++) {
		int blank = window->text[i] == ' ' || window->text[i] == '\n' || window->text[i] == 0;
		words += !blank && !inside;
		inside = !blank;
	}
	return words;
}

__attribute__((noinline)) static void rotate(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
#ifdef REOPENED
		int fd = open(path, O_WRONLY | O_TRUNC);
		if (write(fd, "fresh\n", 6) != 6)
			_exit(1);
		close(fd);
#else
		if (truncate(path, 0) != 0)
			_exit(1);
#endif
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

__attribute__((noinline)) static void mark_seen(struct window *window)
{
	// The first column is overwritten in place.
	for (size_t i = 0; i + 1 < window->length; i++)
		if (window->text[i] == '\n')
			window->text[i + 1] = '#';
}

__attribute__((noinline)) static void print_header(const struct index *index)
{
	char line[64];
	size_t n = 0;

	while (n < sizeof(line) - 1 && index->first_line[n] != '\n') {
		line[n] = index->first_line[n];
		n++;
	}
	line[n] = 0;
	printf("log starts with: %s\n", line);
}

int main(void)
{
	const char *path = "service.log";
	struct index index;

	write_log(path);
	if (index_open(&index, path) != 0)
		return 1;
	for (int n = 0; n < WINDOWS - 1; n++) {
		struct window *window = map_window(&index, n);
		if (n == 0)
			index.first_line = window->text;
#ifdef ROTATE
		if (n == 1)
			rotate(path);
#endif
#ifdef WRITE_BACK
		mark_seen(window);
#endif
#ifdef GROW
		// The window is enlarged; what pointed into it is not told.
		mmap(window->text + window->length, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		window->text = mremap(window->text, window->length, window->length * 2, MREMAP_MAYMOVE);
#endif
		index.words += count_words(window);
#ifdef STALE_HEADER
		drop_window(&index, n);
#endif
	}
	printf("%lu words\n", index.words);
	print_header(&index);
	return 0;
}
