/* SPDX-License-Identifier: MIT */
/* Two parts of a program close the same descriptor; the second call fails. With "reused", what it closes is another's.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static int first_close(int fd)
{
	int result = close(fd);

	__asm__ volatile("" ::: "memory");
	return result;
}

__attribute__((noinline)) static int second_close(int fd)
{
	int result = close(fd);

	__asm__ volatile("nop" ::: "memory");
	return result;
}

int main(int argc, char **argv)
{
	int fd = dup(0), other = -1;

	first_close(fd);
	if (argc > 1 && strcmp(argv[1], "reused") == 0)
		other = fcntl(0, F_DUPFD, fd);
	second_close(fd);
	if (open("/nonexistent", O_RDONLY) >= 0)
		return 1;
	return other >= 0 && write(other, "x", 1) == 1;
}
