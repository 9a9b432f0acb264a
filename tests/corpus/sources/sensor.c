// Talks to a sensor over a line protocol; reads into fixed buffers.
#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct reading {
	int channel;
	double value;
	char unit[8];
};

static int line_pipe[2];

static void feed(const char *text, size_t length)
{
	if (pipe(line_pipe) != 0 || write(line_pipe[1], text, length) != (ssize_t)length)
		exit(1);
	close(line_pipe[1]);
}

__attribute__((noinline)) static int receive(struct reading *reading)
{
	char line[32];
	ssize_t length = read(line_pipe[0], line, MOST);

	if (length <= 0)
		return -1;
	line[length < 31 ? length : 31] = 0;
	return sscanf(line, "%d %lf %7s", &reading->channel, &reading->value, reading->unit);
}

__attribute__((noinline)) static void join_units(const struct reading *readings, int count)
{
	char all[16] = "";

	for (int i = 0; i < count; i++)
		strcat(all, readings[i].unit);
	puts(all);
}

static void *in_thread(void *argument)
{
	join_units(argument, 6);
	return NULL;
}

__attribute__((noinline)) static void check_reading(const struct reading *reading)
{
	assert(reading->channel >= 0 && reading->channel < 16);
}

static void on_sys(int number)
{
	static const char text[] = "sensor: forbidden system call\n";

	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(1);
	signal(number, SIG_DFL);
	raise(number);
}

static void allow_only_few(unsigned action)
{
	static const int allowed[] = {SYS_write, SYS_exit_group, SYS_exit, SYS_rt_sigreturn, SYS_rt_sigaction, SYS_brk,
		SYS_rt_sigprocmask, SYS_gettid, SYS_getpid, SYS_tgkill, SYS_newfstatat};
	struct sock_filter code[40];
	unsigned n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		exit(1);
}

__attribute__((noinline)) static void wait_for_line(void)
{
	struct timespec pause = {.tv_nsec = 1000};

	nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	struct reading readings[6] = {{0}};
	pthread_t thread;

#if defined(OVERREAD)
	char text[96];
	memset(text, 'A', sizeof(text));
	feed(text, sizeof(text));
	printf("%d\n", receive(&readings[0]));
#else
	feed("3 20.5 Celsius\n", 15);
	printf("%d\n", receive(&readings[0]));
#endif
#if defined(UNITS)
	for (int i = 0; i < 6; i++)
		strcpy(readings[i].unit, "Celsius");
	pthread_create(&thread, NULL, in_thread, readings);
	pthread_join(thread, NULL);
#elif defined(CHANNEL)
	readings[1].channel = 77;
	for (int i = 0; i < 6; i++)
		check_reading(&readings[i]);
#elif defined(WAIT)
	allow_only_few(SECCOMP_RET_KILL_PROCESS);
	wait_for_line();
#elif defined(WAIT_TRAP)
	signal(SIGSYS, on_sys);
	allow_only_few(SECCOMP_RET_TRAP);
	wait_for_line();
#elif defined(PLUGIN_KEY)
	char path[PATH_MAX], *slash;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	path[length] = 0;
	slash = strrchr(path, '/');
	strcpy(slash + 1, "libprobe.so");
	void *handle = dlopen(path, RTLD_NOW);
	void *(*begin)(void *) = (void *(*)(void *))dlsym(handle, "probe_begin");
	begin(NULL); // leaves something to be cleaned up when the thread ends
	dlclose(handle);
	pthread_exit(NULL);
#elif defined(PLUGIN_CHECK)
	char path[PATH_MAX], *slash;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	path[length] = 0;
	slash = strrchr(path, '/');
	strcpy(slash + 1, "libprobe.so");
	void *handle = dlopen(path, RTLD_NOW);
	int (*calibrate)(int) = (int (*)(int))dlsym(handle, "probe_calibrate");
	printf("%d\n", calibrate(3));
	printf("%d\n", calibrate(-argc));
#endif
	return 0;
}
