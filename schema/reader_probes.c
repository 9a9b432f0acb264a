/* SPDX-License-Identifier: MIT */
#include "schema/reader_probes.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

/* The conditions on the time repeat attached_probe_held() in record.c. */
struct error *store_reader_attached_probes(struct store_reader *reader, const struct attached_probe_query *query,
					   struct attached_probe **ret_probes, size_t *ret_count)
{
	return store_select_all(
		reader, &row_probe,
		"WHERE recording_id = :recording_id "
		"AND (:any_place OR (offset = :offset AND "
		"((device_major = :device_major AND device_minor = :device_minor AND inode = :inode) OR "
		"(file_device_major = :device_major AND file_device_minor = :device_minor AND file_inode = :inode)))) "
		"AND :at_return IN (-1, at_return) "
		"AND (:any_time OR (attached_ns <= :time_ns AND (gone_ns = 0 OR gone_ns > :time_ns "
		"OR (gone_ns = :time_ns AND last_seen_ns = :time_ns)))) "
		"AND (:pid = 0 OR only_pid IN (-1, 0, :pid)) "
		"ORDER BY (:any_time OR (max(attached_ns, first_seen_ns) <= :time_ns AND last_seen_ns >= :time_ns)) "
		"DESC, max(attached_ns, first_seen_ns), id",
		PARAMETERS({":recording_id", query->recording_id}, {":any_place", query->any_place},
			   {":device_major", query->device_major}, {":device_minor", query->device_minor},
			   {":inode", (int64_t)query->inode}, {":offset", (int64_t)query->offset},
			   {":at_return", query->at_return}, {":any_time", query->any_time},
			   {":time_ns", store_time(query->time_ns)}, {":pid", query->pid}),
		(void **)ret_probes, ret_count);
}
