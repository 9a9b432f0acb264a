// A decoder that shuts itself into a sandbox before it looks at untrusted bytes.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef ACTION
#define ACTION SECCOMP_RET_KILL_PROCESS
#endif

static void enter_sandbox(int forbidden)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)forbidden, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ACTION),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(1);
}

__attribute__((noinline)) static int fetch_palette(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

__attribute__((noinline)) static int load_profile(const char *path)
{
	int fd = open(path, O_RDONLY);

	return fd < 0 ? -1 : close(fd);
}

__attribute__((noinline)) static int decode(const unsigned char *bytes, size_t length)
{
	int sum = 0;

	for (size_t i = 0; i < length; i++)
		switch (bytes[i]) {
		case 'P':
			sum += fetch_palette();
			break;
		case 'F':
			sum += load_profile("/etc/hostname");
			break;
		case 'X':
			sum += system("true");
			break;
		default:
			sum += bytes[i];
		}
	return sum;
}

static void *decode_in_thread(void *argument)
{
	printf("%d\n", decode(argument, strlen(argument)));
	return NULL;
}

int main(int argc, char **argv)
{
	char *image = argc > 1 ? argv[1] : "abc";
	pthread_t thread;

#if defined(KILLED)
	// No sandbox at all: somebody else sends the same signal.
	pid_t parent = getpid();
	if (fork() == 0) {
		usleep(50000);
		kill(parent, SIGSYS);
		_exit(0);
	}
	pause();
#elif defined(THREAD)
	enter_sandbox(SYS_openat);
	pthread_create(&thread, NULL, decode_in_thread, image);
	pthread_join(thread, NULL);
#elif defined(NO_SOCKET)
	enter_sandbox(SYS_socket);
	decode_in_thread(image);
#else
	enter_sandbox(SYS_openat);
	decode_in_thread(image);
#endif
	return 0;
}
