/* SPDX-License-Identifier: MIT */
/* What the kernel writes about probes and their holders, and who held a probe at a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The privileged program is not linked into tests; this file of it is pure. */
#include "collector/holders_parse.c"
#include "schema/reader.h"
#include "schema/reader_deaths.h"
#include "schema/reader_probes.h"
#include "schema/record_death.h"
#include "schema/record_probe.h"
#include "schema/writer.h"
#include "tests/unit/test_store_support.h"

static void tracefs_lines_are_read(void **state)
{
	struct tracefs_line line;

	(void)state;
	assert_true(holders_parse_tracefs_line("p:uprobes/p_libc_0x9a /usr/lib/libc.so.6:0x000000000009a0b0\n", &line));
	assert_false(line.at_return);
	assert_string_equal(line.event, "uprobes/p_libc_0x9a");
	assert_string_equal(line.path, "/usr/lib/libc.so.6");
	assert_int_equal(line.offset, 0x9a0b0);
	assert_true(holders_parse_tracefs_line("r:g/n /a:0x1:0x0000000000001136(0x4010) arg1=%ax:u64\n", &line));
	assert_true(line.at_return);
	assert_string_equal(line.path, "/a:0x1");
	assert_int_equal(line.offset, 0x1136);
}

static void other_lines_are_not(void **state)
{
	static const char *const lines[] = {
		"",	      "\n",	      "p",	    "p:",	   "p:a/b",    "p:a/b ",
		"p: /x:0x1",  "p:a/b x:0x1",  "p:a/b /x:1", "p:a/b /x:0x", "p:a/b /x", "p:a/b /x:0x1z",
		"q:a /x:0x1", "e:a/b /x:0x1",
	};
	struct tracefs_line line;
	char longest[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(holders_parse_tracefs_line(lines[i], &line));
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "p:a/b /", 7);
	strcpy(longest + sizeof(longest) - 5, ":0x1");
	assert_false(holders_parse_tracefs_line(longest, &line));
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "p:", 2);
	strcpy(longest + sizeof(longest) - 10, " /x:0x1");
	assert_false(holders_parse_tracefs_line(longest, &line));
}

static void stat_is_read_around_any_name(void **state)
{
	char comm[16];
	uint64_t ticks;

	(void)state;
	assert_true(
		holders_parse_stat("7 (a) R (b)) S 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9\n", comm, &ticks));
	assert_string_equal(comm, "a) R (b)");
	assert_int_equal(ticks, 4242);
	assert_true(holders_parse_stat("7 (twenty letters long!) S 1 7 7 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 5 9\n", comm,
				       &ticks));
	assert_string_equal(comm, "twenty letters ");
	assert_false(holders_parse_stat("", comm, &ticks));
	assert_false(holders_parse_stat("7 (a) S 1 2\n", comm, &ticks));
	assert_false(holders_parse_stat("7 )a( S", comm, &ticks));
}

static void link_ids_are_read(void **state)
{
	(void)state;
	assert_int_equal(holders_parse_link_id("pos:\t0\nlink_type:\tperf\nlink_id:\t17\nprog_id:\t3\n"), 17);
	assert_int_equal(holders_parse_link_id("link_id:\t9\n"), 9);
	assert_int_equal(holders_parse_link_id("pos:\t0\n"), 0);
	assert_int_equal(holders_parse_link_id("not_a_link_id:\t9\n"), 0);
}

static void escaping_keeps_lines_whole(void **state)
{
	char out[32];

	(void)state;
	holders_escape("a\tb\n\\\x7f", out, sizeof(out));
	assert_string_equal(out, "a\\x09b\\x0a\\x5c\\x7f");
	holders_escape("caf\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "caf\xc3\xa9");
	holders_escape("abc\n", out, 7);
	assert_string_equal(out, "abc");
	holders_escape("abc\n", out, 8);
	assert_string_equal(out, "abc\\x0a");
}

static void certainty_follows_the_looks(void **state)
{
	struct attached_probe found = {.first_seen_ns = 100, .last_seen_ns = 200, .gone_ns = 250};
	struct attached_probe seen = {.attached_ns = 100, .first_seen_ns = 100, .last_seen_ns = 200, .gone_ns = 200};

	(void)state;
	assert_int_equal(attached_probe_held(&found, 50), PROBE_MAYBE_HELD);
	assert_int_equal(attached_probe_held(&found, 100), PROBE_HELD);
	assert_int_equal(attached_probe_held(&found, 200), PROBE_HELD);
	assert_int_equal(attached_probe_held(&found, 201), PROBE_MAYBE_HELD);
	assert_int_equal(attached_probe_held(&found, 250), PROBE_NOT_HELD);
	assert_int_equal(attached_probe_held(&seen, 99), PROBE_NOT_HELD);
	assert_int_equal(attached_probe_held(&seen, 200), PROBE_HELD);
	assert_int_equal(attached_probe_held(&seen, 201), PROBE_NOT_HELD);
	seen.gone_ns = 0;
	assert_int_equal(attached_probe_held(&seen, 900), PROBE_MAYBE_HELD);
}

static int count_held(struct store_reader *reader, struct attached_probe_query query, const char *first_comm)
{
	struct attached_probe *probes = NULL;
	size_t count = 0;

	assert_no_error(store_reader_attached_probes(reader, &query, &probes, &count));
	if (count)
		assert_string_equal(probes[0].holder_comm, first_comm);
	attached_probes_destroy(probes, count);
	return (int)count;
}

static void the_store_tells_who_held_it(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct attached_probe probe = {
		.recording_id = 1,
		.how = PROBE_PERF,
		.path = (char *)"/bin/victim",
		.device_major = 8,
		.device_minor = 1,
		.inode = 77,
		.file_device_minor = 40,
		.file_inode = 5,
		.offset = 0x1136,
		.at_return = true,
		.enabled = true,
		.holder_pid = 5955,
		.holder_start_ns = 7,
		.holder_comm = "bpftrace",
		.holder_cgroup_id = 3,
		.holder_cgroup = (char *)"/user.slice",
		.attached_ns = 1000,
		.first_seen_ns = 1000,
		.last_seen_ns = 1000,
	};
	struct attached_probe_query query = {
		.recording_id = 1,
		.device_major = 8,
		.device_minor = 1,
		.inode = 77,
		.offset = 0x1136,
		.at_return = 1,
		.time_ns = 1500,
	};
	struct attached_probe other = probe;
	struct attached_probe *probes;
	struct store_reader *reader;
	uint64_t discarded;
	size_t count;
	int64_t id;

	other.attached_ns = 0;
	other.first_seen_ns = 1400;
	other.last_seen_ns = 1600;
	other.only_pid = 12;
	memcpy(other.holder_comm, "perf\0", 5);
	memset(other.holder_comm + 4, 0, 12);
	assert_no_error(store_writer_add_attached_probe(writer, &probe, &probe.id));
	assert_no_error(store_writer_add_attached_probe(writer, &other, &id));
	assert_int_not_equal(id, probe.id);
	probe.last_seen_ns = 1200;
	probe.gone_ns = 1800;
	assert_no_error(store_writer_update_attached_probe(writer, &probe));
	assert_no_error(store_writer_commit(writer, 1, 2000, &discarded));
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	/* The certain one first, although it came later. */
	assert_int_equal(count_held(reader, query, "perf"), 2);
	query.pid = 13;
	assert_int_equal(count_held(reader, query, "bpftrace"), 1);
	query.pid = 12;
	query.time_ns = 1100;
	assert_int_equal(count_held(reader, query, "bpftrace"), 2);
	query.time_ns = 900;
	assert_int_equal(count_held(reader, query, "perf"), 1);
	query.time_ns = 1800;
	assert_int_equal(count_held(reader, query, "perf"), 1);
	query.at_return = 0;
	assert_int_equal(count_held(reader, query, ""), 0);
	query.at_return = -1;
	query.offset++;
	assert_int_equal(count_held(reader, query, ""), 0);
	query.any_place = query.any_time = true;
	assert_int_equal(count_held(reader, query, "bpftrace"), 2);
	/* As mappings show the file. */
	query = (struct attached_probe_query){
		.recording_id = 1, .device_minor = 40, .inode = 5, .offset = 0x1136, .at_return = -1, .time_ns = 1100};
	assert_int_equal(count_held(reader, query, "bpftrace"), 2);
	query.recording_id = 2;
	assert_int_equal(count_held(reader, query, ""), 0);

	query.recording_id = 1;
	assert_no_error(store_reader_attached_probes(reader, &query, &probes, &count));
	assert_int_equal(count, 2);
	assert_string_equal(probes[0].path, "/bin/victim");
	assert_string_equal(probes[0].holder_cgroup, "/user.slice");
	assert_int_equal(probes[0].last_seen_ns, 1200);
	assert_int_equal(probes[0].gone_ns, 1800);
	assert_int_equal(probes[0].holder_pid, 5955);
	attached_probes_destroy(probes, count);
	store_reader_destroy(reader);
}

static void exits_have_their_instances(void **state)
{
	const struct place *place = *state;
	struct store_writer *writer = open_writer(place->path);
	struct exit_state exit = {.process_id = 4,
				  .space_id = 6,
				  .tid = 10,
				  .time_ns = 55,
				  .status = 5 << 8,
				  .trampoline = 0x7fffffffe000};
	struct return_instance instance = {.tid = 10, .function = 0x1000, .return_address = 0x2000, .inode = 9};
	struct return_instance *instances = NULL;
	struct exit_state *exits = NULL;
	struct store_reader *reader;
	uint64_t discarded;
	size_t count;
	int64_t id;

	exit.registers[RECORD_REGISTER_RIP] = 0x401000;
	assert_no_error(store_writer_add_exit_state(writer, &exit, &exit.id));
	instance.exit_state_id = exit.id;
	assert_no_error(store_writer_add_return_instance(writer, &instance, &id));
	assert_no_error(store_writer_commit(writer, 1, 100, &discarded));
	store_writer_destroy(writer);

	reader = open_reader(place->path);
	assert_no_error(store_reader_exit_states(reader, 6, 10, &exits, &count));
	assert_int_equal(count, 1);
	assert_int_equal(exits[0].status, 5 << 8);
	assert_int_equal(exits[0].registers[RECORD_REGISTER_RIP], 0x401000);
	assert_no_error(store_reader_exit_return_instances(reader, exits[0].id, &instances, &count));
	assert_int_equal(count, 1);
	assert_int_equal(instances[0].return_address, 0x2000);
	assert_int_equal(instances[0].exit_state_id, exit.id);
	free(instances);
	free(exits);
	assert_no_error(store_reader_exit_states(reader, 7, 10, &exits, &count));
	assert_int_equal(count, 0);
	free(exits);
	assert_no_error(store_reader_exit_states(reader, 0, 10, &exits, &count));
	assert_int_equal(count, 1);
	free(exits);
	/* One of a signal is no one's exit. */
	assert_no_error(store_reader_exit_return_instances(reader, 0, &instances, &count));
	assert_int_equal(count, 0);
	free(instances);
	store_reader_destroy(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tracefs_lines_are_read),
		cmocka_unit_test(other_lines_are_not),
		cmocka_unit_test(stat_is_read_around_any_name),
		cmocka_unit_test(link_ids_are_read),
		cmocka_unit_test(escaping_keeps_lines_whole),
		cmocka_unit_test(certainty_follows_the_looks),
		cmocka_unit_test_setup_teardown(the_store_tells_who_held_it, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(exits_have_their_instances, place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
