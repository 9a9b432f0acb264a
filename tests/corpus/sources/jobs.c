// A pool of workers that take jobs from a board in memory of its own.
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOBS 6000

struct job;
struct kind {
	const char *title;
	long (*work)(struct job *);
};

struct job {
	const struct kind *kind;
	long input, result;
	struct job *after;
};

struct board {
	struct job *jobs;
	size_t bytes;
	atomic_int next;
};

static struct board board;

static long square(struct job *job)
{
	return job->input * job->input;
}

static long chain(struct job *job)
{
	return job->after ? job->after->result + 1 : 0;
}

static const struct kind kinds[] = {{"square", square}, {"chain", chain}};

static void fill(struct board *to, int count)
{
	for (int i = 0; i < count; i++) {
		to->jobs[i].kind = &kinds[i % 2];
		to->jobs[i].input = i;
		to->jobs[i].after = i ? &to->jobs[i - 1] : NULL;
	}
}

__attribute__((noinline)) static void run_one(struct job *job)
{
	job->result = job->kind->work(job);
}

static void *worker(void *argument)
{
	int count = *(int *)argument, number;

	while ((number = atomic_fetch_add(&board.next, 1)) < count)
		run_one(&board.jobs[number]);
	return NULL;
}

static void work(int count)
{
	pthread_t threads[3];

	board.next = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, worker, &count);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

// Looks for what the process maps without a name and gives the pages back, to save memory.
__attribute__((noinline)) static void save_memory(size_t least)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], flags[8];

	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, flags) == 3 && strcmp(flags, "rw-p") == 0 && !strchr(line, '/') &&
		    !strchr(line, '[') && end - start >= least && end - start < 2 * least)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	fclose(maps);
}

__attribute__((noinline)) static size_t read_settings(const char *path, size_t bytes)
{
	int fd = open(path, O_RDONLY);
	char *text = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	size_t lines = 0;

	close(fd);
	for (size_t i = 0; i < 64; i++)
		lines += text[i] == '\n';
	munmap(text, bytes);
	return lines;
}

int main(int argc, char **argv)
{
	board.bytes = (JOBS * sizeof(struct job) + 4095) & ~4095ul;
#if defined(SETTINGS)
	// Where the file was, the board comes to lie; one job has no kind.
	printf("%zu\n", read_settings(argv[0], board.bytes));
#endif
#if defined(FROM_MALLOC)
	// Where a buffer was, the board comes to lie; the jobs behind the last have no kind.
	char *buffer = malloc(400000);
	memset(buffer, 'x', 400000);
	printf("%c\n", buffer[argc]);
	free(buffer);
	board.jobs = calloc(1, 400000);
	fill(&board, JOBS);
	work(JOBS);
	run_one(&board.jobs[JOBS + 2000]);
#else
	board.jobs = mmap(NULL, board.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill(&board, JOBS);
#if defined(SETTINGS)
	board.jobs[300].kind = NULL;
#endif
	work(JOBS);
#if defined(SAVED)
	save_memory(board.bytes);
#endif
	work(JOBS);
#endif
	printf("%ld\n", board.jobs[9].result);
	return 0;
}
