-- SPDX-License-Identifier: MIT
-- Question: Which recorded calls handed out or gave back this heap block?
-- Parameter: address address: an address in the block; of a free, whose size nobody tells, the block's own.
-- Parameter: pid number optional: of this process alone.
-- Column: date: UTC.
-- Column: pid: process.
-- Column: tid: thread.
-- Column: function: that was called.
-- Column: old_block: what was given back or resized.
-- Column: block: what was handed out.
-- Column: size: bytes that were asked for.
-- Column: caller: where it was called.
-- Column: call: heap.id.
-- Example: corelate sql heap-history 0x555555574000
SELECT date_of(heap.enter_ns, process.recording_id) AS date,
	process.pid AS pid,
	heap.tid AS tid,
	function.name AS function,
	CASE WHEN heap.old_block <> 0 THEN addr(heap.old_block) END AS old_block,
	CASE WHEN heap.block <> 0 THEN addr(heap.block) END AS block,
	CASE WHEN heap.role IN (7, 9) THEN NULL ELSE heap.size END AS size,
	coalesce(symbol(heap.space_id, heap.top_word, heap.enter_ns), addr(heap.top_word)) AS caller,
	heap.id AS call
FROM heap
JOIN space ON space.id = heap.space_id
JOIN process ON process.id = space.process_id
LEFT JOIN function ON function.id = heap.function_id
WHERE (heap.old_block = :address OR (heap.block <> 0 AND heap.block <= :address
		AND :address - heap.block < max(heap.size, 1)))
	AND (:pid IS NULL OR process.pid = :pid)
ORDER BY heap.id
