/* SPDX-License-Identifier: MIT */
#include "collector/probes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

/* A host's limit on descriptors is no reason to probe less; this is. */
#define MAX_PROCESSES 4096

struct target {
	pid_t pid;
	uint64_t start_ns; /* of the process, which tells it from later owners of the pid; 0: not known yet */
	int *fds;	   /* room for one a site */
	size_t count;
};

/* What the thread is to do: begin (or end) with a process. */
struct request {
	struct request *next;
	pid_t pid;
	uint64_t start_ns;
	bool ended;
};

struct covered {
	struct covered *next;
	uint32_t pid;
	uint64_t start_ns;
	uint64_t from_ns;
};

struct probes {
	struct kernel *kernel;
	struct plan *plan;
	int *files;    /* one a file of the plan */
	void *targets; /* tsearch tree; the thread's once it runs */
	size_t target_count;
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wanted;
	bool follows, ending;
	struct request *requests, **last_request;
	struct covered *covered, **last_covered;
	struct error *failure;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare_targets(const void *a, const void *b)
{
	const struct target *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static void free_target(void *node)
{
	struct target *target = node;

	for (size_t i = 0; i < target->count; i++)
		close(target->fds[i]);
	free(target->fds);
	free(target);
}

/* ---- files ---- */

/* The one whose code was read, and not what has taken its name since: a breakpoint inside an instruction kills. */
static struct error *check_identity(const struct plan_file *file, const struct stat *status)
{
	if (!file->has_identity)
		return NULL;
	if (status->st_dev == file->identity.st_dev && status->st_ino == file->identity.st_ino &&
	    status->st_size == file->identity.st_size && status->st_mtim.tv_sec == file->identity.st_mtim.tv_sec &&
	    status->st_mtim.tv_nsec == file->identity.st_mtim.tv_nsec)
		return NULL;
	return error_format(ERROR_INVALID, "%s has changed since its code was read", file->path);
}

static struct error *open_files(struct probes *probes)
{
	for (size_t i = 0; i < probes->plan->file_count; i++) {
		struct plan_file *file = &probes->plan->files[i];
		struct stat status;
		struct error *err;

		probes->files[i] = open(file->path, O_PATH | O_CLOEXEC);
		if (probes->files[i] < 0 || fstat(probes->files[i], &status))
			return error_errno(errno, "%s", file->path);
		if (!S_ISREG(status.st_mode))
			return error_format(ERROR_INVALID, "%s: not a regular file", file->path);
		err = check_identity(file, &status);
		if (err)
			return err;
		file->identity = status;
	}
	return NULL;
}

struct error *probes_create(struct kernel *kernel, struct plan *plan, struct probes **ret_probes)
{
	struct probes *probes = calloc(1, sizeof(*probes));
	struct rlimit limit;
	struct error *err;

	if (!probes)
		return &error_no_memory;
	probes->kernel = kernel;
	probes->plan = plan;
	probes->last_request = &probes->requests;
	probes->last_covered = &probes->covered;
	pthread_mutex_init(&probes->lock, NULL);
	pthread_cond_init(&probes->wanted, NULL);
	/* A descriptor a site and process. Root may go above the hard limit; the kernel's fs.nr_open is the end. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max = limit.rlim_max > 1048576 ? limit.rlim_max : 1048576;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	probes->files = malloc((plan->file_count + 1) * sizeof(*probes->files));
	if (probes->files)
		memset(probes->files, 0xff, (plan->file_count + 1) * sizeof(*probes->files));
	err = probes->files ? open_files(probes) : &error_no_memory;
	if (err) {
		probes_destroy(probes);
		return err;
	}
	*ret_probes = probes;
	return NULL;
}

/* ---- attaching ---- */

/* The sites from `first` on that are of one file and kind; returns how many. */
static size_t gather(const struct plan *plan, size_t first, struct kernel_site *sites)
{
	const struct plan_site *begin = &plan->sites[first];
	size_t count = 0;

	for (size_t i = first; i < plan->site_count; i++) {
		const struct plan_site *site = &plan->sites[i];

		if (site->file != begin->file || site->at_return != begin->at_return)
			break;
		sites[count++] = (struct kernel_site){
			.offset = site->offset, .semaphore = site->semaphore, .index = site->index};
	}
	return count;
}

static struct error *attach_all(struct probes *probes, struct target *target)
{
	const struct plan *plan = probes->plan;
	cleanup_free struct kernel_site *sites = calloc(plan->site_count + 1, sizeof(*sites));
	struct error *err = sites ? NULL : &error_no_memory;
	size_t first = 0;

	while (!err && first < plan->site_count) {
		const struct plan_file *file = &plan->files[plan->sites[first].file];
		char path[64];
		struct kernel_sites group = {
			.path = path,
			.at_return = plan->sites[first].at_return,
			.sites = sites,
			.count = gather(plan, first, sites),
		};
		size_t used = 0;

		/* The file that was checked, whatever its name leads to now. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", probes->files[plan->sites[first].file]);
		err = kernel_attach_sites(probes->kernel, &group, target->pid, target->fds + target->count, &used);
		if (err && err->code != ERROR_NOT_FOUND)
			err = error_prefix(err, "%s (%s)", file->path, group.at_return ? "returns" : "entries");
		target->count += err ? 0 : used;
		first += group.count;
	}
	return err;
}

static void add_covered(struct probes *probes, uint32_t pid, uint64_t start_ns, uint64_t from_ns)
{
	struct covered *covered = malloc(sizeof(*covered));

	if (!covered)
		return; /* the process then counts as not covered, which is safe */
	*covered = (struct covered){.pid = pid, .start_ns = start_ns, .from_ns = from_ns};
	pthread_mutex_lock(&probes->lock);
	*probes->last_covered = covered;
	probes->last_covered = &covered->next;
	pthread_mutex_unlock(&probes->lock);
}

static struct error *attach(struct probes *probes, pid_t pid, uint64_t start_ns)
{
	struct target *target;
	struct error *err;

	if (probes->target_count >= MAX_PROCESSES)
		return error_format(ERROR_SYSTEM, "more than %d processes at a time are not probed", MAX_PROCESSES);
	target = calloc(1, sizeof(*target));
	if (!target)
		return &error_no_memory;
	target->pid = pid;
	target->start_ns = start_ns;
	target->fds = calloc(probes->plan->site_count + 1, sizeof(*target->fds));
	err = target->fds ? attach_all(probes, target) : &error_no_memory;
	if (!err && !tsearch(target, &probes->targets, compare_targets))
		err = &error_no_memory;
	if (err) {
		free_target(target);
		return err;
	}
	probes->target_count++;
	add_covered(probes, pid < 0 ? 0 : (uint32_t)pid, start_ns, now_ns());
	return NULL;
}

/* What the record then says of it is that none of its calls were seen. */
static void add_uncovered(struct probes *probes, const struct request *request)
{
	add_covered(probes, (uint32_t)request->pid, request->start_ns, PROBES_NEVER_NS);
}

struct error *probes_attach(struct probes *probes, pid_t pid)
{
	return attach(probes, pid, 0);
}

static void detach(struct probes *probes, struct target *target)
{
	tdelete(target, &probes->targets, compare_targets);
	free_target(target);
	probes->target_count--;
}

/* ---- the thread ---- */

static struct request *next_request(struct probes *probes)
{
	struct request *request;

	pthread_mutex_lock(&probes->lock);
	while (!probes->requests && !probes->ending)
		pthread_cond_wait(&probes->wanted, &probes->lock);
	request = probes->ending ? NULL : probes->requests;
	if (request) {
		probes->requests = request->next;
		if (!probes->requests)
			probes->last_request = &probes->requests;
	}
	pthread_mutex_unlock(&probes->lock);
	return request;
}

static void keep_failure(struct probes *probes, struct error *err)
{
	pthread_mutex_lock(&probes->lock);
	if (probes->failure)
		error_destroy(err);
	else
		probes->failure = err;
	pthread_mutex_unlock(&probes->lock);
}

static void serve(struct probes *probes, const struct request *request)
{
	struct target wanted = {.pid = request->pid};
	struct target **found = tfind(&wanted, &probes->targets, compare_targets);
	struct target *target = found ? *found : NULL;
	struct error *err;

	if (target && !target->start_ns)
		target->start_ns = request->start_ns;
	if (target && target->start_ns == request->start_ns) {
		if (request->ended)
			detach(probes, target);
		return; /* else it goes on over an exec */
	}
	if (request->ended)
		return;
	if (target) /* a former owner of the pid, whose end was lost */
		detach(probes, target);
	err = attach(probes, request->pid, request->start_ns);
	if (err)
		add_uncovered(probes, request);
	/* That one is gone already is no failure. */
	if (err && err->code != ERROR_NOT_FOUND)
		keep_failure(probes, err);
	else
		error_destroy(err);
}

static void *run(void *context)
{
	struct probes *probes = context;
	struct request *request;

	while ((request = next_request(probes))) {
		serve(probes, request);
		free(request);
	}
	return NULL;
}

struct error *probes_follow(struct probes *probes)
{
	int result = pthread_create(&probes->thread, NULL, run, probes);

	if (result)
		return error_errno(result, "cannot start a thread");
	pthread_mutex_lock(&probes->lock);
	probes->follows = true;
	pthread_mutex_unlock(&probes->lock);
	return NULL;
}

void probes_note(struct probes *probes, const struct event_header *record)
{
	const struct event_process *process = (const void *)record;
	const struct event_exit *end = (const void *)record;
	struct request *request;

	if (record->type != EVENT_EXIT && record->type != EVENT_PROCESS)
		return;
	request = malloc(sizeof(*request));
	if (!request)
		return;
	*request = (struct request){.pid = (pid_t)record->pid, .ended = record->type == EVENT_EXIT};
	request->start_ns = request->ended ? end->start_ns : process->start_ns;
	pthread_mutex_lock(&probes->lock);
	if (probes->follows) {
		*probes->last_request = request;
		probes->last_request = &request->next;
		request = NULL;
		pthread_cond_signal(&probes->wanted);
	}
	pthread_mutex_unlock(&probes->lock);
	free(request);
}

bool probes_take_coverage(struct probes *probes, uint32_t *ret_pid, uint64_t *ret_start_ns, uint64_t *ret_from_ns)
{
	struct covered *covered;

	pthread_mutex_lock(&probes->lock);
	covered = probes->covered;
	if (covered) {
		probes->covered = covered->next;
		if (!probes->covered)
			probes->last_covered = &probes->covered;
	}
	pthread_mutex_unlock(&probes->lock);
	if (!covered)
		return false;
	*ret_pid = covered->pid;
	*ret_start_ns = covered->start_ns;
	*ret_from_ns = covered->from_ns;
	free(covered);
	return true;
}

struct error *probes_failure(struct probes *probes)
{
	struct error *err;

	pthread_mutex_lock(&probes->lock);
	err = take_pointer(probes->failure);
	pthread_mutex_unlock(&probes->lock);
	return err;
}

void probes_unfollow(struct probes *probes)
{
	bool running;

	pthread_mutex_lock(&probes->lock);
	running = probes->follows;
	probes->follows = false;
	probes->ending = true;
	pthread_cond_signal(&probes->wanted);
	pthread_mutex_unlock(&probes->lock);
	if (running)
		pthread_join(probes->thread, NULL);
	while (probes->requests) {
		struct request *request = probes->requests;
		struct target wanted = {.pid = request->pid};
		struct target **found = tfind(&wanted, &probes->targets, compare_targets);

		if (!request->ended && !(found && (*found)->start_ns == request->start_ns))
			add_uncovered(probes, request);
		probes->requests = request->next;
		free(request);
	}
}

void probes_stop(struct probes *probes)
{
	probes_unfollow(probes);
	tdestroy(probes->targets, free_target);
	probes->targets = NULL;
}

void probes_destroy(struct probes *probes)
{
	uint64_t start_ns, from_ns;
	uint32_t pid;

	if (!probes)
		return;
	probes_stop(probes);
	while (probes_take_coverage(probes, &pid, &start_ns, &from_ns))
		;
	for (size_t i = 0; probes->files && i < probes->plan->file_count; i++)
		if (probes->files[i] >= 0)
			close(probes->files[i]);
	free(probes->files);
	error_destroy(probes->failure);
	pthread_mutex_destroy(&probes->lock);
	pthread_cond_destroy(&probes->wanted);
	free(probes);
}
