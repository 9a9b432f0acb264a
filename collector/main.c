/* SPDX-License-Identifier: MIT */
/*
 * corelated: the recorder. One thread empties the ring buffer into a queue, this one stores what is in the queue. It
 * parses no file of anyone else's, and it leaves the programs that it watches alone.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "collector/holders.h"
#include "collector/recorder.h"
#include "common/cleanup.h"
#include "common/inert.h"
#include "common/record_options.h"
#include "schema/writer.h"

#define EXIT_USAGE 2
#define EXIT_FAILURE_RECORD 125 /* as env(1) and timeout(1) have it: the recorder, not the command, failed */

#define COMMIT_INTERVAL_NS 100000000ULL
#define BOOKS_INTERVAL_NS 100000000ULL
#define MISSED_INTERVAL_NS 1000000000ULL
#define SLICES_INTERVAL_NS 200000000ULL
#define STORE_WAIT_MS 100
/* The kernel tells no detaching: while somebody holds a probe, it is asked again and again. */
#define LOOK_INTERVAL_NS 5000000000ULL
#define LOOK_PAUSE_NS 100000000ULL /* at least, however many processes die */

/* One line on standard error. Names in it may hold anything. */
static void say(const char *what, const char *message)
{
	fprintf(stderr, "corelate: %s", what);
	inert_write(message, stderr);
	fputc('\n', stderr);
}

uint64_t recorder_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int64_t realtime_offset_ns(void)
{
	struct timespec real;
	uint64_t before = recorder_now_ns(), after;

	clock_gettime(CLOCK_REALTIME, &real);
	after = recorder_now_ns();
	return (int64_t)real.tv_sec * 1000000000 + real.tv_nsec - (int64_t)(before + (after - before) / 2);
}

/* ---- the storing thread ---- */

static void store_chunk(struct recorder *recorder, const struct queue_chunk *chunk)
{
	size_t offset = 0;

	if (chunk->lost)
		ingest_add_loss(recorder->ingest, GAP_QUEUE_FULL, 0, chunk->lost_from_ns, chunk->lost_to_ns,
				chunk->lost);
	while (offset + sizeof(struct event_header) <= chunk->used) {
		const struct event_header *record = (const void *)(chunk->bytes + offset);

		ingest_record(recorder->ingest, record);
		offset += (record->size + 7U) & ~7U;
	}
}

static void warn_once(struct recorder *recorder)
{
	struct error *err = ingest_failure(recorder->ingest);

	if (err && !recorder->warned) {
		recorder_hide_status(recorder);
		say("events are being lost: ", err->message);
		recorder->warned = true;
	}
	error_destroy(err);
	err = recorder->probes ? probes_failure(recorder->probes) : NULL;
	if (err && !recorder->warned_probes) {
		recorder_hide_status(recorder);
		say("not every process is probed: ", err->message);
		recorder->warned_probes = true;
	}
	error_destroy(err);
}

/* ---- the ledger of probes ---- */

static void take_held(void *context, const struct event_probe *record, const char *path)
{
	ingest_look_record(context, record, path);
}

static void take_found(void *context, const struct attached_probe *probe)
{
	ingest_look_probe(context, probe);
}

/* Asks who holds which probe. The kernel's iterator knows the probed inode itself; where there is none, each descriptor
 * is asked for. With nobody known to hold one, a look by the clock reads tracefs alone: attaching is seen as it
 * happens. */
static void look_at_probes(struct recorder *recorder, bool descriptors)
{
	struct ingest *ingest = recorder->ingest;
	struct error *err = NULL;
	struct error *tracefs_err;

	recorder->looked_ns = recorder_now_ns();
	ingest_look_begin(ingest, recorder->looked_ns);
	if (descriptors) {
		err = kernel_walk_probes(recorder->kernel, take_held, ingest);
		if (error_catch(&err, ERROR_UNSUPPORTED))
			err = holders_walk(take_found, ingest);
	}
	tracefs_err = holders_walk_tracefs(take_found, ingest);
	ingest_look_end(ingest, descriptors && !err, !tracefs_err);
	/* A look that failed leaves the ledger as it was: last_seen_ns tells how old it is. */
	error_destroy(err);
	error_destroy(tracefs_err);
}

static void keep_ledger(struct recorder *recorder, uint64_t now, bool *wanted)
{
	*wanted |= ingest_wants_look(recorder->ingest);
	if (*wanted && now - recorder->looked_ns >= LOOK_PAUSE_NS) {
		look_at_probes(recorder, true);
		*wanted = false;
	} else if (now - recorder->looked_ns >= LOOK_INTERVAL_NS) {
		look_at_probes(recorder, ingest_has_holders(recorder->ingest));
	}
}

/* Set by the signal handler; read by the storing loop. */
static volatile sig_atomic_t stop_signal;

static void note_stop(int number)
{
	stop_signal = number;
}

/* Stores until a signal says stop, the command has ended, or the drain thread has closed the queue. Returns the
 * command's status. */
static struct child_status store_until_stopped(struct recorder *recorder)
{
	uint64_t committed_ns = 0, slices_asked_ns = 0, complete_ns = recorder->recording.started_ns;
	bool closed = false, stopping = false, dirty = true, look_wanted = false;
	struct child_status status = {.exit_code = -1};
	uint32_t pid;

	while (!closed) {
		struct queue_chunk *chunk = queue_pop(recorder->queue, STORE_WAIT_MS, &closed);
		uint64_t now = recorder_now_ns();

		if (chunk) {
			store_chunk(recorder, chunk);
			dirty |= chunk->used || chunk->lost;
			if (chunk->complete_until_ns)
				complete_ns = chunk->complete_until_ns;
			free(chunk);
		}
		while (ingest_wants_snapshot(recorder->ingest, &pid))
			error_destroy(kernel_snapshot_process(recorder->kernel, pid)); /* its gap is there already */
		/* Not at once again: events that were on their way still name what is forgotten. */
		if (now - slices_asked_ns >= SLICES_INTERVAL_NS && ingest_wants_slices(recorder->ingest)) {
			kernel_forget_stacks(recorder->kernel);
			slices_asked_ns = now;
		}
		keep_ledger(recorder, now, &look_wanted);
		if (now - recorder->books_ns >= BOOKS_INTERVAL_NS)
			recorder_check_books(recorder);
		if (now - recorder->missed_ns >= MISSED_INTERVAL_NS)
			recorder_check_missed(recorder);
		/* An idle recorder commits once a second, to say that it was complete until then. */
		if (now - committed_ns >= (dirty ? COMMIT_INTERVAL_NS : 10 * COMMIT_INTERVAL_NS)) {
			/* Who reads that it is complete until then must find the losses before it told. */
			recorder_check_books(recorder);
			recorder_check_missed(recorder);
			ingest_commit(recorder->ingest, recorder->untold && recorder->untold_ns < complete_ns
								? recorder->untold_ns
								: complete_ns);
			warn_once(recorder);
			committed_ns = now;
			dirty = false;
		}
		recorder_show_status(recorder);
		if (recorder->command.pid > 0 && !child_has_ended(&recorder->command, &status) &&
		    stop_signal == SIGTERM)
			kill(recorder->command.pid, SIGTERM); /* an interrupt reaches it from the terminal itself */
		if (!stopping && (recorder->options.command ? recorder->command.pid == 0 : stop_signal != 0)) {
			kernel_end_calls(recorder->kernel);
			kernel_detach(recorder->kernel);
			atomic_store(&recorder->finish, true);
			stopping = true;
		}
		if (recorder->options.command)
			stop_signal = 0;
	}
	return status;
}

/* ---- from start to end ---- */

static struct error *read_boot_id(char out[37])
{
	cleanup_file FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(out, 37, file))
		return error_errno(errno, "cannot read the boot id");
	return NULL;
}

/* The system's directory is made on first use; any other path must have its directory already. */
static void make_system_directory(const char *database)
{
	if (strcmp(database, "/var/lib/corelate/corelate.db") == 0)
		mkdir("/var/lib/corelate", 0700);
}

static struct error *create_kernel(struct recorder *recorder)
{
	const struct recorder_options *options = &recorder->options;
	struct kernel_options kernel_options = {
		.filter = options->filter,
		.ring_bytes = options->ring_bytes,
		.stack_bytes = options->stack_bytes,
		.stack_at_mmap = options->stack_at_mmap,
		.calls = options->calls,
		.stack_at_malloc = options->stack_at_malloc,
		.functions = recorder->plan.codes,
		.function_count = recorder->plan.function_count,
		.results = recorder->plan.results,
		.result_count = recorder->plan.result_count,
	};

	return kernel_create(&kernel_options, &recorder->kernel);
}

static struct error *create_ingest(struct recorder *recorder)
{
	struct ingest_options options = {
		.recording_id = recorder->recording.id,
		.started_ns = recorder->recording.started_ns,
		.quota_bytes = recorder->options.quota_bytes,
		.stack_bytes = recorder->options.stack_bytes,
	};

	return ingest_create(recorder->writer, &options, &recorder->ingest);
}

/* Where the recorder was asked for some processes, no other one shall pay for the probes. */
static struct error *attach_probes(struct recorder *recorder)
{
	const struct recorder_options *options = &recorder->options;
	bool some = options->command || options->pid_count;
	struct error *err;

	if (!recorder->plan.site_count)
		return NULL;
	err = probes_create(recorder->kernel, &recorder->plan, &recorder->probes);
	if (!err && !some)
		err = probes_attach(recorder->probes, -1);
	if (!err && options->command)
		err = probes_attach(recorder->probes, recorder->command.pid);
	for (size_t i = 0; !err && i < options->pid_count; i++)
		err = probes_attach(recorder->probes, options->pids[i]);
	if (!err && some)
		err = probes_follow(recorder->probes);
	return err;
}

static struct error *begin_recording(struct recorder *recorder)
{
	struct utsname host;
	uint64_t discarded;
	struct error *err;

	if (recorder->options.probe_plan) {
		err = plan_open(recorder->options.probe_plan, &recorder->plan);
		if (err)
			return err;
	}
	make_system_directory(recorder->options.database);
	err = store_writer_create(recorder->options.database, &recorder->writer)
		?: store_writer_close_abandoned(recorder->writer)
		?: create_kernel(recorder);
	for (size_t i = 0; !err && i < recorder->options.pid_count; i++)
		err = kernel_follow(recorder->kernel, recorder->options.pids[i]);
	if (!err && recorder->options.command)
		err = kernel_follow(recorder->kernel, recorder->command.pid);
	if (!err)
		err = queue_create(recorder->options.queue_bytes, &recorder->queue)
			?: read_boot_id(recorder->recording.boot_id)
			?: kernel_attach(recorder->kernel)
			?: attach_probes(recorder);
	if (err)
		return err;
	uname(&host);
	recorder->recording.started_ns = recorder_now_ns();
	recorder->recording.realtime_offset_ns = realtime_offset_ns();
	recorder->recording.abi_version = EVENT_ABI_VERSION;
	recorder->recording.kernel_release = host.release;
	recorder->recording.filter = recorder->options.description;
	recorder->recording.corelate_version = (char *)CORELATE_VERSION;
	recorder->books_ns = recorder->missed_ns = recorder->recording.started_ns;
	err = store_writer_add_recording(recorder->writer, &recorder->recording, &recorder->recording.id)
		      ?: create_ingest(recorder);
	if (!err && recorder->plan.function_count)
		err = ingest_add_functions(recorder->ingest, &recorder->plan);
	/* What every other row names is there before them: a rollback takes it back no more. */
	if (err)
		return err;
	return store_writer_commit(recorder->writer, recorder->recording.id, recorder->recording.started_ns,
				   &discarded);
}

static struct error *start_draining(struct recorder *recorder)
{
	int result = pthread_create(&recorder->drain_thread, NULL, recorder_drain, recorder);

	if (result)
		return error_errno(result, "cannot start a thread");
	recorder->draining = true;
	return NULL;
}

static struct error *end_recording(struct recorder *recorder)
{
	struct recording *recording = &recorder->recording;

	recorder_check_books(recorder);
	recorder_check_books(recorder); /* nothing is emitted any more: whatever is untold now is anyone's */
	recorder_check_missed(recorder);
	look_at_probes(recorder, true);
	ingest_complete(recorder->ingest);
	ingest_commit(recorder->ingest, recorder_now_ns());
	warn_once(recorder);
	recording->ended_ns = recorder_now_ns();
	recording->emitted = recorder->books.emitted + recorder->books.state_lost + recorder->missed;
	ingest_books(recorder->ingest, &recording->stored, &recording->lost);
	return store_writer_end_recording(recorder->writer, recording);
}

/* Calls that were not recorded at all are no events that were lost. */
static void tell_uncovered(uint64_t processes)
{
	if (processes)
		fprintf(stderr, "corelate: no calls recorded of %llu %s that ended before %s probed\n",
			(unsigned long long)processes, processes == 1 ? "process" : "processes",
			processes == 1 ? "it was" : "they were");
}

static struct error *record(struct recorder *recorder, int *ret_status)
{
	struct child_status status;
	struct error *err;

	*ret_status = 0;
	if (recorder->options.command) {
		recorder->options.filter.has_pid = 1;
		err = command_prepare(recorder->options.command, recorder->options.user, &recorder->command);
		if (err)
			return err;
	}
	recorder->options.filter.recorder_pid = (uint32_t)getpid();
	err = begin_recording(recorder) ?: start_draining(recorder) ?: kernel_snapshot(recorder->kernel);
	if (err)
		return err;
	look_at_probes(recorder, true);
	malloc_trim(0); /* libbpf's copy of the kernel's type information is gone by now */
	fputs("corelate: recording ", stderr);
	inert_write(recorder->options.command	       ? recorder->options.command[0]
		    : recorder->options.description[0] ? recorder->options.description
						       : "every process",
		    stderr);
	fputs(" into ", stderr);
	inert_write(recorder->options.database, stderr);
	fputc('\n', stderr);
	sd_notify(0, "READY=1");
	if (recorder->options.command)
		command_release(&recorder->command);
	status = store_until_stopped(recorder);
	recorder_hide_status(recorder);
	sd_notify(0, "STOPPING=1");
	pthread_join(recorder->drain_thread, NULL);
	recorder->draining = false;
	err = end_recording(recorder);
	if (!err)
		fprintf(stderr, "corelate: %llu events stored, %llu lost\n",
			(unsigned long long)recorder->recording.stored, (unsigned long long)recorder->recording.lost);
	if (!err)
		tell_uncovered(ingest_uncovered(recorder->ingest));
	if (recorder->options.command)
		*ret_status = status.signal ? 128 + status.signal : status.exit_code;
	return err;
}

static void recorder_deinit(struct recorder *recorder)
{
	if (recorder->draining) {
		queue_abandon(recorder->queue);
		atomic_store(&recorder->finish, true);
		pthread_join(recorder->drain_thread, NULL);
	}
	command_abandon(&recorder->command);
	ingest_destroy(recorder->ingest);
	probes_destroy(recorder->probes);
	plan_deinit(&recorder->plan);
	kernel_destroy(recorder->kernel);
	queue_destroy(recorder->queue);
	store_writer_destroy(recorder->writer);
}

int main(int argc, char **argv)
{
	static struct recorder recorder;
	struct sigaction stop = {.sa_handler = note_stop};
	struct error *err = options_parse(argc, argv, &recorder.options);
	int status = 0;

	if (err) {
		say("", err->message);
		error_destroy(err);
		return EXIT_USAGE;
	}
	if (recorder.options.help) {
		puts("Usage: corelated [OPTION...] [-- COMMAND [ARGUMENT...]]\n\nThe recorder of corelate record.\n");
		record_options_write_help(stdout);
		return 0;
	}
	if (recorder.options.version) {
		puts("corelated " CORELATE_VERSION);
		return 0;
	}
	if (recorder.options.list_probes) {
		err = holders_list(stdout);
		if (!err && (fflush(stdout) || ferror(stdout)))
			err = error_errno(errno, "cannot write the list");
	} else {
		sigaction(SIGINT, &stop, NULL);
		sigaction(SIGTERM, &stop, NULL);
		signal(SIGPIPE, SIG_IGN);
		err = record(&recorder, &status);
		recorder_deinit(&recorder);
	}
	if (err) {
		say("", err->message);
		error_destroy(err);
		return EXIT_FAILURE_RECORD;
	}
	return status;
}
