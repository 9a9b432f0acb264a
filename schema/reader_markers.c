/* SPDX-License-Identifier: MIT */
#include "schema/reader_markers.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/reader_lineage.h"

static int compare_markers(const void *a, const void *b)
{
	const struct marker *first = a, *second = b;

	return (first->id > second->id) - (first->id < second->id);
}

struct error *store_reader_markers(struct store_reader *reader, int64_t space_id, uint64_t from_ns, uint64_t to_ns,
				   size_t limit, struct marker **ret_markers, size_t *ret_count)
{
	struct store_rows rows = {.table = &row_marker};
	cleanup_free struct lineage_step *steps = NULL;
	struct marker *markers;
	size_t step_count, excess;
	struct error *err;
	bool is_cut;

	err = store_lineage(reader, space_id, UINT64_MAX, &steps, &step_count, &is_cut);
	for (size_t i = 0; !err && i < step_count; i++)
		err = store_rows_query(&rows, reader,
				       "WHERE space_id = :space_id AND enter_ns BETWEEN :from_ns AND :to_ns "
				       "AND enter_ns < :until_ns ORDER BY id DESC LIMIT :limit",
				       PARAMETERS({":space_id", steps[i].space_id}, {":from_ns", store_time(from_ns)},
						  {":to_ns", store_time(to_ns)},
						  {":until_ns", store_time(steps[i].until_ns)},
						  {":limit", store_limit(limit)}));
	if (err) {
		store_rows_deinit(&rows);
		return err;
	}
	markers = (struct marker *)(void *)rows.data;
	if (rows.count > 0)
		qsort(markers, rows.count, sizeof(*markers), compare_markers);
	excess = rows.count > limit ? rows.count - limit : 0;
	for (size_t i = 0; i < excess; i++)
		marker_deinit(&markers[i]);
	if (excess > 0)
		memmove(markers, markers + excess, (rows.count - excess) * sizeof(*markers));
	*ret_markers = markers;
	*ret_count = rows.count - excess;
	return NULL;
}

struct error *store_reader_marker_before(struct store_reader *reader, int64_t space_id, uint32_t tid, uint64_t time_ns,
					 struct marker *ret)
{
	/* A thread's calls do not overlap, so that the last to begin is the last to end. */
	return store_select_one(reader, &row_marker,
				"WHERE space_id = :space_id AND tid = :tid AND enter_ns < :time_ns AND "
				"exit_ns < :time_ns ORDER BY enter_ns DESC, id DESC LIMIT 1",
				PARAMETERS({":space_id", space_id}, {":tid", tid}, {":time_ns", store_time(time_ns)}),
				ret);
}

struct error *store_reader_marker_after(struct store_reader *reader, int64_t space_id, uint32_t tid, uint64_t time_ns,
					struct marker *ret)
{
	return store_select_one(reader, &row_marker,
				"WHERE space_id = :space_id AND tid = :tid AND enter_ns > :time_ns "
				"ORDER BY enter_ns, id LIMIT 1",
				PARAMETERS({":space_id", space_id}, {":tid", tid}, {":time_ns", store_time(time_ns)}),
				ret);
}
