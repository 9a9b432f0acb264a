/* SPDX-License-Identifier: MIT */
/*
 * The ledger of uprobes.
 */
#include "schema/reader_probes.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_rows.h"

/* The conditions on the time repeat attached_probe_held() in record.c. */
struct error *store_reader_attached_probes(struct store_reader *reader, const struct attached_probe_query *query,
					   struct attached_probe **ret_probes, size_t *ret_count)
{
	return store_select_all(reader, &store_probe_type,
				"SELECT * FROM probe WHERE recording_id = ?1 "
				"AND (?2 OR (offset = ?6 AND ((device_major = ?3 AND device_minor = ?4 AND inode = ?5) "
				"OR (file_device_major = ?3 AND file_device_minor = ?4 AND file_inode = ?5)))) "
				"AND ?7 IN (-1, at_return) "
				"AND (?8 OR (attached_ns <= ?9 AND (gone_ns = 0 OR gone_ns > ?9 "
				"OR (gone_ns = ?9 AND last_seen_ns = ?9)))) "
				"AND (?10 = 0 OR only_pid IN (-1, 0, ?10)) "
				"ORDER BY (?8 OR (max(attached_ns, first_seen_ns) <= ?9 AND last_seen_ns >= ?9)) DESC, "
				"max(attached_ns, first_seen_ns), id",
				VALUES(query->recording_id, query->any_place, query->device_major, query->device_minor,
				       (int64_t)query->inode, (int64_t)query->offset, query->at_return, query->any_time,
				       store_time(query->time_ns), query->pid),
				(void **)ret_probes, ret_count);
}
