// Vector arithmetic with intrinsics, on memory that somebody else allocated.
#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
	float *values;
	int count;
	int stride;
};

static float grid[4096];
static int histogram[1024];

__attribute__((noinline)) static float dot(const struct batch *batch)
{
	__m128 sum = _mm_setzero_ps();

	for (int i = 0; i < batch->count; i += 4)
		sum = _mm_add_ps(sum, _mm_load_ps(batch->values + i));
	return sum[0] + sum[1] + sum[2] + sum[3];
}

__attribute__((noinline)) static void count_value(int value)
{
	histogram[value]++;
}

__attribute__((noinline)) static float gather(const struct batch *batch, const int *order)
{
	float sum = 0;

	for (int i = 0; i < batch->count; i++)
		sum += batch->values[(long)order[i] * batch->stride];
	return sum;
}

__attribute__((noinline)) static long long share(long long total, long long people)
{
	return total % people;
}

static void *share_in_thread(void *argument)
{
	printf("%lld\n", share(1000, *(long long *)argument));
	return NULL;
}

__attribute__((noinline)) static void copy_rows(float *to, const float *from, unsigned rows, unsigned width)
{
	for (unsigned i = 0; i < rows; i++)
		memcpy(to + i * width, from + i * width, width * sizeof(float));
}

int main(int argc, char **argv)
{
	struct batch batch = {grid, 16, 1};
	int order[16];

	for (int i = 0; i < 4096; i++)
		grid[i] = (float)i;
	for (int i = 0; i < 16; i++)
		order[i] = i;
	printf("%f\n", dot(&batch));
#if defined(MISALIGNED)
	batch.values = (float *)((char *)grid + argc * 4);
	printf("%f\n", dot(&batch));
#elif defined(NEGATIVE)
	count_value(-300000000 * argc);
#elif defined(STRIDE)
	batch.stride = 1 << 24;
	printf("%f\n", gather(&batch, order));
#elif defined(NOBODY)
	long long people = argc - 1;
	pthread_t thread;
	pthread_create(&thread, NULL, share_in_thread, &people);
	pthread_join(thread, NULL);
#elif defined(MINIMUM)
	printf("%lld\n", share((long long)(1ull << 63), -(long long)argc));
#elif defined(ROWS)
	float *copy = malloc(64 * 64 * sizeof(float));
	copy_rows(copy, grid, 64, 64 * 1024 * argc);
	printf("%f\n", copy[9]);
#elif defined(NO_VALUES)
	batch.values = NULL;
	printf("%f\n", dot(&batch));
#endif
	return 0;
}
