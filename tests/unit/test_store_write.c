/* SPDX-License-Identifier: MIT */
/* What is written comes back; the views tell it to people; what could not be written is counted. */
#include "schema/reader_deaths.h"
#include "schema/reader_gaps.h"
#include "schema/reader_history.h"
#include "schema/reader_markers.h"
#include "schema/record_death.h"
#include "schema/record_marker.h"
#include "test_store_support.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define HIGH 0xfffffffffffff123ULL
#define SECOND 1000000000ULL

static int64_t add_recording(struct store_writer *writer)
{
	const struct recording recording = {
		.boot_id = "01234567-89ab-cdef-0123-456789abcdef",
		.started_ns = 5 * SECOND,
		.realtime_offset_ns = 1700000000LL * 1000000000LL,
		.abi_version = 3,
		.emitted = 10,
		.kernel_release = "6.18.0",
		.filter = "comm 'x'; DROP TABLE event",
		.corelate_version = "0.1",
	};
	int64_t id = 0;

	assert_no_error(store_writer_add_recording(writer, &recording, &id));
	return id;
}

static int64_t add_process_at(struct store_writer *writer, int64_t recording_id, uint32_t pid, uint64_t start_ns)
{
	const struct process process = {
		.recording_id = recording_id,
		.pid = pid,
		.namespace_pid = 1,
		.parent_pid = 2,
		.uid = UINT32_MAX,
		.start_ns = start_ns,
		.first_seen_ns = start_ns + SECOND,
		.cgroup_id = HIGH,
		.comm = "fifteen bytes!!",
	};
	int64_t id = 0;

	assert_no_error(store_writer_add_process(writer, &process, &id));
	return id;
}

static int64_t add_process(struct store_writer *writer, int64_t recording_id, uint32_t pid)
{
	return add_process_at(writer, recording_id, pid, 6 * SECOND);
}

static void commit(struct store_writer *writer, int64_t recording_id, uint64_t until_ns)
{
	uint64_t discarded = 99;

	assert_no_error(store_writer_commit(writer, recording_id, until_ns, &discarded));
	assert_int_equal(discarded, 0);
}

static void processes_come_back(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct recording recording;
	struct process process;
	struct space space = {.origin = SPACE_SNAPSHOT,
			      .from_ns = 8,
			      .auxv_sysinfo_ehdr = 0x7fff1000,
			      .auxv_random = HIGH,
			      .auxv_entry = 3,
			      .auxv_base = 4,
			      .comm = "space",
			      .executable_file_id = 1};
	struct space *found = NULL;
	struct file_identity file = {
		.device_major = 8, .device_minor = 1, .inode = HIGH, .path = (char *)"/bin/\"x'\n"};
	struct file_identity nameless = {.inode = 7};
	struct process changed = {
		.comm = "a name that is ", .last_uid = 1000, .exit_ns = 11 * SECOND, .exit_status = 5 << 8};
	int64_t recording_id, process_id, space_id, second_id, file_id, same_id, nameless_id;
	struct store_reader *reader;
	size_t count = 0;

	recording_id = add_recording(writer);
	process_id = add_process(writer, recording_id, 4321);
	space.process_id = process_id;
	assert_no_error(store_writer_add_space(writer, &space, &space_id));
	assert_no_error(store_writer_add_space(writer, &space, &second_id));
	assert_no_error(store_writer_add_file(writer, &file, &file_id));
	assert_no_error(store_writer_add_file(writer, &file, &same_id));
	assert_int_equal(file_id, same_id);
	assert_no_error(store_writer_add_file(writer, &nameless, &nameless_id));
	assert_int_not_equal(file_id, nameless_id);
	commit(writer, recording_id, 9 * SECOND);
	changed.id = process_id;
	assert_no_error(store_writer_update_process(writer, &changed));
	assert_no_error(store_writer_end_space(writer, space_id, 10 * SECOND));
	recording = (struct recording){
		.id = recording_id, .ended_ns = 12 * SECOND, .emitted = 30, .stored = 20, .lost = 10};
	assert_no_error(store_writer_end_recording(writer, &recording));
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	assert_no_error(store_reader_recording(reader, recording_id, &recording));
	assert_string_equal(recording.boot_id, "01234567-89ab-cdef-0123-456789abcdef");
	assert_int_equal(recording.started_ns, 5 * SECOND);
	assert_int_equal(recording.ended_ns, 12 * SECOND);
	assert_int_equal(recording.last_commit_ns, 9 * SECOND);
	assert_int_equal(recording.realtime_offset_ns, 1700000000LL * 1000000000LL);
	assert_int_equal(recording.abi_version, 3);
	assert_int_equal(recording.emitted, 30);
	assert_int_equal(recording.stored, 20);
	assert_int_equal(recording.lost, 10);
	assert_string_equal(recording.kernel_release, "6.18.0");
	assert_string_equal(recording.filter, "comm 'x'; DROP TABLE event");
	assert_string_equal(recording.corelate_version, "0.1");
	recording_deinit(&recording);

	assert_no_error(store_reader_process(reader, process_id, &process));
	assert_int_equal(process.recording_id, recording_id);
	assert_int_equal(process.pid, 4321);
	assert_int_equal(process.namespace_pid, 1);
	assert_int_equal(process.parent_pid, 2);
	assert_int_equal(process.uid, UINT32_MAX);
	assert_int_equal(process.last_uid, 1000);
	assert_int_equal(process.start_ns, 6 * SECOND);
	assert_int_equal(process.first_seen_ns, 7 * SECOND);
	assert_int_equal(process.exit_ns, 11 * SECOND);
	assert_int_equal(process.exit_status, 5 << 8);
	assert_true(process.cgroup_id == HIGH);
	assert_string_equal(process.comm, "a name that is ");

	assert_no_error(store_reader_space(reader, space_id, &space));
	assert_int_equal(space.origin, SPACE_SNAPSHOT);
	assert_int_equal(space.to_ns, 10 * SECOND);
	assert_string_equal(space.comm, "space");
	assert_no_error(store_reader_find_spaces(reader, 0x7fff1000, HIGH, 3, 4, &found, &count));
	assert_int_equal(count, 2);
	assert_int_equal(found[0].id, second_id);
	assert_int_equal(found[1].id, space_id);
	assert_int_equal(found[1].process_id, process_id);
	free(found);
	assert_no_error(store_reader_find_spaces(reader, 0x7fff1000, HIGH, 3, 5, &found, &count));
	assert_int_equal(count, 0);
	free(found);

	assert_no_error(store_reader_file(reader, file_id, &file));
	assert_int_equal(file.device_major, 8);
	assert_int_equal(file.device_minor, 1);
	assert_true(file.inode == HIGH);
	assert_string_equal(file.path, "/bin/\"x'\n");
	file_identity_deinit(&file);
	assert_no_error(store_reader_file(reader, nameless_id, &file));
	assert_string_equal(file.path, "");
	file_identity_deinit(&file);

	assert_error(store_reader_process(reader, 999, &process), ERROR_NOT_FOUND, "not found");
	assert_error(store_reader_space(reader, -1, &space), ERROR_NOT_FOUND, "not found");
	store_reader_destroy(reader);
}

static void signals_come_back(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct signal_event signal = {.process_id = 1,
				      .space_id = 2,
				      .tid = 3,
				      .namespace_tid = 4,
				      .time_ns = 5,
				      .number = 11,
				      .code = -6,
				      .error_number = 1,
				      .address = HIGH,
				      .sender_pid = 6,
				      .sender_uid = 7,
				      .fatal = true,
				      .handler = 1,
				      .trampoline = 0x7fffffffe000,
				      .comm = "worker",
				      .directory = (char *)"/tmp"};
	struct return_instance instance = {.tid = 3,
					   .function = HIGH,
					   .stack = 2,
					   .return_address = 3,
					   .chained = true,
					   .device_major = 4,
					   .device_minor = 5,
					   .inode = 6,
					   .offset = 7};
	struct signal_sender sender = {.pid = HIGH >> 40,
				       .tid = 2,
				       .time_ns = 3,
				       .comm = "office",
				       .first_number = 31,
				       .first_code = 1,
				       .first_address = HIGH,
				       .first_system_call = -1,
				       .first_sender_pid = 5,
				       .first_pid = 6,
				       .first_tid = 7,
				       .first_time_ns = 8,
				       .first_sender_comm = "fifteen letters"};
	struct return_instance *instances = NULL;
	struct signal_event *signals = NULL;
	struct signal_sender found_sender = {0};
	struct signal_event found;
	struct space space = {.process_id = 1, .origin = SPACE_EXEC, .from_ns = 1};
	int64_t first_id, second_id, harmless_id, id;
	struct store_reader *reader;
	size_t count = 0;

	for (int i = 0; i < 18; i++)
		signal.registers[i] = HIGH + (uint64_t)i;
	for (int i = 0; i < 2; i++)
		assert_no_error(store_writer_add_space(writer, &space, &id));
	assert_int_equal(id, signal.space_id);
	assert_no_error(store_writer_add_signal(writer, &signal, &first_id));
	/* What comes after the first fatal signal of a process is not what it died of. */
	assert_no_error(store_writer_add_signal(writer, &signal, &id));
	sender.signal_id = first_id;
	assert_no_error(store_writer_add_signal_sender(writer, &sender));
	signal.number = 6;
	signal.process_id = 9;
	assert_no_error(store_writer_add_signal(writer, &signal, &second_id));
	signal.fatal = false;
	signal.directory = NULL;
	assert_no_error(store_writer_add_signal(writer, &signal, &harmless_id));
	instance.signal_id = second_id;
	for (uint32_t i = 2; i-- > 0;) {
		instance.depth = i;
		assert_no_error(store_writer_add_return_instance(writer, &instance, &id));
	}
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	assert_no_error(store_reader_signal(reader, first_id, &found));
	assert_int_equal(found.process_id, 1);
	assert_int_equal(found.space_id, 2);
	assert_int_equal(found.tid, 3);
	assert_int_equal(found.namespace_tid, 4);
	assert_int_equal(found.time_ns, 5);
	assert_int_equal(found.number, 11);
	assert_int_equal(found.code, -6);
	assert_int_equal(found.error_number, 1);
	assert_true(found.address == HIGH);
	assert_int_equal(found.sender_pid, 6);
	assert_int_equal(found.sender_uid, 7);
	assert_true(found.fatal);
	assert_int_equal(found.handler, 1);
	assert_int_equal(found.trampoline, 0x7fffffffe000);
	for (int i = 0; i < 18; i++)
		assert_true(found.registers[i] == HIGH + (uint64_t)i);
	assert_string_equal(found.comm, "worker");
	assert_string_equal(found.directory, "/tmp");
	signal_event_deinit(&found);
	assert_no_error(store_reader_signal_sender(reader, first_id, &found_sender));
	assert_memory_equal(&found_sender, &sender, sizeof(sender));
	assert_error(store_reader_signal_sender(reader, second_id, &found_sender), ERROR_NOT_FOUND, "not found");
	assert_no_error(store_reader_signal(reader, harmless_id, &found));
	assert_false(found.fatal);
	assert_string_equal(found.directory, "");
	signal_event_deinit(&found);

	assert_no_error(store_reader_fatal_signals(reader, SIZE_MAX, &signals, &count));
	assert_int_equal(count, 2);
	assert_int_equal(signals[0].id, second_id);
	for (size_t i = 0; i < count; i++)
		signal_event_deinit(&signals[i]);
	free(signals);
	assert_no_error(store_reader_fatal_signals(reader, 1, &signals, &count));
	assert_int_equal(count, 1);
	signal_event_deinit(&signals[0]);
	free(signals);
	assert_no_error(store_reader_fatal_signal_in(reader, 2, 1, &found));
	assert_int_equal(found.id, first_id);
	signal_event_deinit(&found);
	/* One that shares the space has an end of its own. */
	assert_no_error(store_reader_fatal_signal_in(reader, 2, 9, &found));
	assert_int_equal(found.id, second_id);
	signal_event_deinit(&found);
	assert_error(store_reader_fatal_signal_in(reader, 3, 1, &found), ERROR_NOT_FOUND, "not found");

	assert_no_error(store_reader_return_instances(reader, second_id, &instances, &count));
	assert_int_equal(count, 2);
	assert_int_equal(instances[0].depth, 0);
	assert_int_equal(instances[1].depth, 1);
	assert_true(instances[1].function == HIGH);
	assert_int_equal(instances[1].stack, 2);
	assert_int_equal(instances[1].return_address, 3);
	assert_true(instances[1].chained);
	assert_int_equal(instances[1].device_major, 4);
	assert_int_equal(instances[1].device_minor, 5);
	assert_int_equal(instances[1].inode, 6);
	assert_int_equal(instances[1].offset, 7);
	free(instances);
	store_reader_destroy(reader);
}

static int64_t add_marker(struct store_writer *writer, int64_t space_id, uint32_t tid, uint64_t enter_ns,
			  const char *text)
{
	const struct marker marker = {.space_id = space_id,
				      .tid = tid,
				      .enter_ns = enter_ns,
				      .exit_ns = enter_ns + 5,
				      .ip = HIGH,
				      .option = 3,
				      .args = {enter_ns, MARKER_MAGIC, 1, HIGH},
				      .result = 1,
				      .text = (char *)text};
	int64_t id = 0;

	assert_no_error(store_writer_add_marker(writer, &marker, &id));
	return id;
}

static void markers_come_back(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t parent = add_space(writer, 1, 0, 1);
	int64_t child = add_space(writer, 2, parent, 150);
	int64_t first = add_marker(writer, parent, 1, 100, "before the fork");
	int64_t after_fork = add_marker(writer, parent, 1, 160, NULL);
	int64_t second = add_marker(writer, child, 2, 200, NULL);
	int64_t third = add_marker(writer, child, 2, 300, "last");
	struct store_reader *reader;
	struct marker *markers = NULL, marker;
	uint64_t events = 0;
	size_t count = 0;

	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_markers(reader, child, 0, UINT64_MAX, 10, &markers, &count));
	assert_int_equal(count, 3);
	assert_int_equal(markers[0].id, first);
	assert_string_equal(markers[0].text, "before the fork");
	assert_int_equal(markers[1].id, second);
	assert_null(markers[1].text);
	assert_int_equal(markers[2].id, third);
	assert_int_equal(markers[2].exit_ns, 305);
	assert_true(markers[2].ip == HIGH && markers[2].args[1] == MARKER_MAGIC && markers[2].args[3] == HIGH);
	markers_destroy(markers, count);
	assert_no_error(store_reader_markers(reader, child, 100, 200, 1, &markers, &count));
	assert_int_equal(count, 1);
	assert_int_equal(markers[0].id, second);
	markers_destroy(markers, count);
	assert_no_error(store_reader_markers(reader, child, 1000, 2000, 1, &markers, &count));
	assert_int_equal(count, 0);
	markers_destroy(markers, count);

	assert_no_error(store_reader_marker_before(reader, child, 2, 306, &marker));
	assert_int_equal(marker.id, third);
	marker_deinit(&marker);
	assert_no_error(store_reader_marker_before(reader, child, 2, 305, &marker));
	assert_int_equal(marker.id, second);
	marker_deinit(&marker);
	assert_no_error(store_reader_marker_after(reader, parent, 1, 100, &marker));
	assert_int_equal(marker.id, after_fork);
	marker_deinit(&marker);
	assert_error(store_reader_marker_after(reader, child, 2, 300, &marker), ERROR_NOT_FOUND, "not found");
	assert_error(store_reader_marker_before(reader, child, 9, 300, &marker), ERROR_NOT_FOUND, "not found");
	assert_no_error(store_reader_count_events(reader, child, &events));
	assert_int_equal(events, 3);
	store_reader_destroy(reader);
}

static void add_gap(struct store_writer *writer, int64_t recording_id, uint32_t pid, uint64_t from_ns, uint64_t to_ns,
		    uint64_t lost)
{
	const struct gap gap = {.recording_id = recording_id,
				.pid = pid,
				.cause = GAP_RING_FULL,
				.from_ns = from_ns,
				.to_ns = to_ns,
				.lost = lost};
	int64_t id;

	assert_no_error(store_writer_add_gap(writer, &gap, &id));
}

/* The numbers of lost events, which name the gaps. */
static void assert_gaps(struct store_reader *reader, int64_t space_id, uint64_t until_ns, const char *expected)
{
	struct gap *gaps = NULL;
	size_t count = 0, used = 0;
	char text[256] = "";

	assert_no_error(store_reader_space_gaps(reader, space_id, until_ns, &gaps, &count));
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d", i ? " " : "", (int)gaps[i].lost);
	assert_string_equal(text, expected);
	free(gaps);
}

/* A parent, a fork of it whose call began at 195 and which was there at 200, a fork of that at 400, and a process that
 * shares the parent's space from 100 on. */
static void gaps_follow_the_lineage(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording = add_recording(writer), other = add_recording(writer);
	int64_t parent = add_process_at(writer, recording, 7, 1), child = add_process_at(writer, recording, 8, 200);
	int64_t grandchild = add_process_at(writer, recording, 9, 400),
		sharer = add_process_at(writer, recording, 10, 100);
	int64_t parent_space = add_space(writer, parent, 0, 1),
		child_space = add_space(writer, child, parent_space, 195);
	int64_t grandchild_space = add_space(writer, grandchild, child_space, 400);
	struct store_reader *reader;

	assert_no_error(store_writer_add_space_sharer(writer, parent_space, sharer, 100));
	add_gap(writer, recording, 7, 10, 20, 1);
	add_gap(writer, recording, 10, 50, 60, 2); /* before it shared anything */
	add_gap(writer, recording, 10, 110, 120, 3);
	add_gap(writer, recording, 7, 198, 250, 4); /* goes on after the fork */
	add_gap(writer, recording, 7, 300, 310, 5); /* after the fork */
	add_gap(writer, recording, 8, 320, 330, 6);
	add_gap(writer, recording, 8, 500, 510, 7);
	add_gap(writer, recording, 0, 520, 530, 8);
	add_gap(writer, recording, 9, 540, 550, 9);
	add_gap(writer, recording, 11, 560, 570, 10);
	add_gap(writer, other, 7, 10, UINT64_MAX, 11);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_gaps(reader, parent_space, UINT64_MAX, "1 3 4 5 8");
	assert_gaps(reader, child_space, UINT64_MAX, "1 3 4 6 7 8");
	assert_gaps(reader, grandchild_space, UINT64_MAX, "1 3 4 6 8 9");
	assert_gaps(reader, grandchild_space, 15, "1");
	assert_gaps(reader, 99, UINT64_MAX, "");
	assert_query(reader,
		     "SELECT lost_between(2, 0, 15), lost_between(2, 195, 400), lost_between(2, 21, 30), "
		     "lost_between(NULL, 1, 2)",
		     "1|10|0|-\n");
	store_reader_destroy(reader);
}

static void births_come_back(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct thread_start start = {.process_id = 1, .tid = 2, .time_ns = 3};
	struct store_reader *reader;
	int64_t id;

	assert_no_error(store_writer_add_thread_start(writer, &start, &id));
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_query(reader, "SELECT process_id, tid, time_ns FROM thread_start", "1|2|3\n");
	store_reader_destroy(reader);
}

/* A buffer is unmapped, another is mapped into its place, and the first owner unmaps it again. */
static void views_tell_the_story(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording_id = add_recording(writer), process_id = add_process(writer, recording_id, 100), id;
	struct process ended = {.comm = "fifteen bytes!!", .exit_ns = 14 * SECOND, .exit_status = 11 | 0x80};
	int64_t space_id = add_space(writer, process_id, 0, 6 * SECOND);
	struct memory_event event = {
		.space_id = space_id, .tid = 101, .enter_ns = 10 * SECOND, .exit_ns = 10 * SECOND + 2500};
	const struct signal_event signal = {.process_id = process_id,
					    .space_id = space_id,
					    .tid = 102,
					    .time_ns = 14 * SECOND,
					    .number = 11,
					    .code = 1,
					    .address = 0x7f0000010008,
					    .fatal = true,
					    .comm = "reader",
					    .directory = (char *)"/"};
	const struct gap gap = {.recording_id = recording_id,
				.cause = GAP_RING_FULL,
				.from_ns = SECOND,
				.to_ns = 2 * SECOND,
				.lost = 4};
	struct store_reader *reader;

	event.kind = MEMORY_MMAP;
	event.result = 0x7f0000000000;
	memcpy(event.args, (uint64_t[]){0, 578560, 3, 0x22, UINT64_MAX}, sizeof(event.args) - sizeof(event.args[0]));
	add_event(writer, &event);
	event = (struct memory_event){.space_id = space_id, .tid = 101, .kind = MEMORY_MUNMAP, .enter_ns = 11 * SECOND};
	event.args[0] = 0x7f0000000000;
	event.args[1] = 578560;
	add_event(writer, &event);
	event = (struct memory_event){.space_id = space_id, .tid = 102, .kind = MEMORY_MMAP, .enter_ns = 12 * SECOND};
	event.args[1] = 262144;
	event.args[2] = 1;
	event.result = 0x7f0000010000;
	add_event(writer, &event);
	event = (struct memory_event){.space_id = space_id, .tid = 101, .kind = MEMORY_MUNMAP, .enter_ns = 13 * SECOND};
	event.args[0] = 0x7f0000000000;
	event.args[1] = 578560;
	add_event(writer, &event);
	event.result = -22;
	add_event(writer, &event);
	assert_no_error(store_writer_add_signal(writer, &signal, &id));
	assert_no_error(store_writer_add_gap(writer, &gap, &id));
	add_marker(writer, space_id, 101, 9 * SECOND, "start");
	ended.id = process_id;
	assert_no_error(store_writer_update_process(writer, &ended));
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	assert_query(reader, "SELECT date, microseconds, pid, tid, comm, kind, error, added, removed FROM v_event",
		     "2023-11-14 22:13:30.000000|2.5|100|101|victim|mmap|-|0x7f0000000000-0x7f000008e000|-\n"
		     "2023-11-14 22:13:31.000000|0.0|100|101|victim|munmap|-|-|0x7f0000000000-0x7f000008e000\n"
		     "2023-11-14 22:13:32.000000|0.0|100|102|victim|mmap|-|0x7f0000010000-0x7f0000050000|-\n"
		     "2023-11-14 22:13:33.000000|0.0|100|101|victim|munmap|-|-|0x7f0000000000-0x7f000008e000\n"
		     "2023-11-14 22:13:33.000000|0.0|100|101|victim|munmap|22|-|-\n");
	assert_query(reader,
		     "SELECT event, start, end, bytes, protection, made_by, made_tid, gone_event, gone_by, gone_tid, "
		     "gone_seconds FROM v_mapping",
		     "1|0x7f0000000000|0x7f000008e000|581632|rw-|mmap|101|2|munmap|101|11.0\n"
		     "3|0x7f0000010000|0x7f0000050000|262144|r--|mmap|102|4|munmap|101|13.0\n");
	assert_query(reader, "SELECT pid, comm, status, dumped_core, ended FROM v_process",
		     "100|fifteen bytes!!|signal 11|1|2023-11-14 22:13:34\n");
	assert_query(reader, "SELECT date, pid, tid, comm, signal, code, address, sender_pid FROM v_crash",
		     "2023-11-14 22:13:34.000000|100|102|reader|SIGSEGV|SEGV_MAPERR|0x7f0000010008|-\n");
	assert_query(reader, "SELECT pid, cause, since, until, lost FROM v_gap",
		     "-|ring buffer full|2023-11-14 22:13:21.000000|2023-11-14 22:13:22.000000|4\n");
	assert_query(reader, "SELECT pid, tid, own, number, text, a3 FROM v_marker",
		     "100|101|1|9000000000|start|0xfffffffffffff123\n");
	store_reader_destroy(reader);
}

static void abandoned_recordings_get_a_gap(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording_id = add_recording(writer);
	struct store_reader *reader;

	commit(writer, recording_id, 8 * SECOND);
	store_writer_destroy(writer);
	for (int i = 0; i < 2; i++) {
		writer = open_writer(place->path);
		assert_no_error(store_writer_close_abandoned(writer));
		store_writer_destroy(writer);
	}
	reader = open_reader(place->path);
	assert_query(reader, "SELECT recording_id, pid, cause, from_ns, to_ns, lost FROM gap",
		     "1|0|7|8000000000|9223372036854775807|0\n");
	assert_query(reader, "SELECT ended_ns FROM recording", "0\n");
	assert_query(reader, "SELECT until, lost FROM v_gap", "-|-\n");
	store_reader_destroy(reader);
}

static void set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What the caller was told to be stored is in the file, and what it was told to be lost is not. */
static void a_full_disk_loses_no_count(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	int64_t recording_id = add_recording(writer), lost_space, id;
	struct memory_event event = {.space_id = 1, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	uint64_t added = 0, refused = 0, discarded = 0, total_discarded = 0, size = 0, events = 0;
	struct store_reader *reader;
	struct error *err;
	bool failed = false;

	for (int i = 0; i < 3000; i++, added++)
		add_event(writer, &event);
	commit(writer, recording_id, 8 * SECOND);
	assert_no_error(store_writer_size(writer, &size));
	assert_true(size > 3000 * 20);

	signal(SIGXFSZ, SIG_IGN);
	set_file_limit(size + 65536);
	lost_space = add_space(writer, 1, 0, 1);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 200000; i++) {
			event.enter_ns++;
			err = store_writer_add_memory_event(writer, &event, &id);
			if (err)
				refused++;
			else
				added++;
			error_destroy(err);
			if (err && refused % 100 == 0)
				break;
		}
		err = store_writer_commit(writer, recording_id, 9 * SECOND, &discarded);
		failed |= err != NULL;
		assert_true(err || discarded == 0);
		total_discarded += discarded;
		error_destroy(err);
	}
	set_file_limit(RLIM_INFINITY);
	signal(SIGXFSZ, SIG_DFL);
	assert_true(failed);
	assert_true(total_discarded > 0);

	/* It goes on, and gives no id twice. */
	for (int i = 0; i < 3000; i++, added++)
		add_event(writer, &event);
	assert_true(add_space(writer, 1, 0, 1) > lost_space);
	commit(writer, recording_id, 10 * SECOND);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_no_error(store_reader_count_events(reader, 1, &events));
	assert_int_equal(events, added - total_discarded);
	assert_query(reader, "PRAGMA integrity_check", "ok\n");
	assert_query(reader, "SELECT last_commit_ns FROM recording", "10000000000\n");
	store_reader_destroy(reader);
}

static void a_killed_writer_leaves_what_it_committed(void **state)
{
	const struct place *place = *state;
	struct memory_event event = {.space_id = 1, .kind = MEMORY_MMAP, .result = 0x7f0000000000, .args = {0, 4096}};
	struct store_reader *reader;
	struct store_writer *writer;
	uint64_t events = 0;
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		uint64_t discarded;
		int64_t id;

		if (store_writer_create(place->path, &writer))
			_exit(1);
		for (int i = 0; i < 5000; i++)
			if (store_writer_add_memory_event(writer, &event, &id))
				_exit(2);
		if (store_writer_commit(writer, 1, 1, &discarded))
			_exit(3);
		for (int i = 0; i < 100; i++)
			if (store_writer_add_memory_event(writer, &event, &id))
				_exit(4);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	reader = open_reader(place->path);
	assert_no_error(store_reader_count_events(reader, 1, &events));
	assert_int_equal(events, 5000);
	store_reader_destroy(reader);
	writer = open_writer(place->path);
	for (int i = 0; i < 200; i++)
		assert_int_equal(add_event(writer, &event), 5001 + i);
	store_writer_destroy(writer);
	reader = open_reader(place->path);
	assert_query(reader, "SELECT first_event_id, last_event_id FROM event_block",
		     "1|1024\n1025|2048\n2049|3072\n3073|4096\n4097|5120\n");
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(processes_come_back, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(signals_come_back, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(markers_come_back, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(gaps_follow_the_lineage, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(births_come_back, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(views_tell_the_story, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(abandoned_recordings_get_a_gap, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_full_disk_loses_no_count, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(a_killed_writer_leaves_what_it_committed, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
