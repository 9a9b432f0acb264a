/* SPDX-License-Identifier: MIT */
#include "schema/reader_failures.h"

#include "schema/connection.h"
#include "schema/reader_internal.h"
#include "schema/row.h"

#define WINDOW 200000

struct error *store_reader_failures(struct store_reader *reader, int64_t space_id, uint32_t tid, uint64_t until_ns,
				    size_t limit, struct memory_event **ret_events, size_t *ret_count)
{
	void *data;
	struct error *err = store_select_all(
		reader, &row_event,
		"WHERE id IN (SELECT id FROM event WHERE id > (SELECT max(id) FROM event) - :window AND space_id = "
		":space_id "
		"AND tid = :tid AND result < 0 AND result >= -4095 AND kind IN (:mmap, :mremap, :shmat) AND "
		"enter_ns < :until_ns ORDER BY id DESC LIMIT :limit) ORDER BY id",
		PARAMETERS({":window", WINDOW}, {":space_id", space_id}, {":tid", tid}, {":mmap", MEMORY_MMAP},
			   {":mremap", MEMORY_MREMAP}, {":shmat", MEMORY_SHMAT},
			   {":until_ns", until_ns > INT64_MAX ? INT64_MAX : (int64_t)until_ns},
			   {":limit", store_limit(limit)}),
		&data, ret_count);

	if (err)
		return err;
	*ret_events = data;
	return NULL;
}
