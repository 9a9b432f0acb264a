/* SPDX-License-Identifier: MIT */
/*
 * heap-overflow: an access went past the end of a block: into a page that is not mapped, or into the header of the next
 * chunk, where the allocator found it.
 *
 * What is seen: a fault behind a live recorded block that a register of the instruction points into, or in the first
 * page behind the mapping that the last live block reaches; or the first chunk header of the heap that cannot be one,
 * and the block in front of it.
 *
 * What it could be mistaken for: a wild pointer that happens to point behind a mapping (wild-pointer); a stale pointer
 * to a larger block that was at the address before (other-life); for a damaged header a write through a stale pointer
 * (stray-write), and a write before the start of the block behind it (underflow), which damages the same word: only
 * damage that begins in the block in front shows that it came from there. A free of the inside of a block makes the
 * allocator take contents for a header: then the chunks make sense from the heap's start on (freed-inside).
 *
 * The culprit is the code of the faulting access where a register shows the block that it left. Who damaged a header is
 * never seen: the crash comes later. Who allocated the block is not to blame.
 */
#include <inttypes.h>

#include "analyzer/causes.h"
#include "analyzer/evidence/evidence.h"
#include "analyzer/evidence/evidence_heap.h"
#include "analyzer/facts/fault.h"
#include "analyzer/facts/reentry.h"
#include "analyzer/facts/stack_corruption.h"

/* How far behind the end of a mapping one access reaches that runs over it. */
#define FIRST_BYTES 64

#define PAGE_ROUND(address) (((address) + RECORD_PAGE_BYTES - 1) & ~(RECORD_PAGE_BYTES - 1))

static const char *const past_alternatives[] = {"other-life", "index-is-pointer", "other-address", NULL};
static const char *const mapping_alternatives[] = {"unseen-block", "wild-pointer", "other-address", NULL};
static const char *const header_alternatives[] = {"freed-inside", NULL};
static const char *const behind_alternatives[] = {"unseen-block", "stray-write", "underflow", NULL};

const struct link_kind link_past_block = {"past-block", FINDING_HEAP_OVERFLOW, past_alternatives};
const struct link_kind link_past_mapping = {"past-mapping", FINDING_HEAP_OVERFLOW, mapping_alternatives};
const struct link_kind link_damaged_header = {"damaged-header", FINDING_HEAP_CORRUPTION, header_alternatives};
const struct link_kind link_behind_block = {"behind-block", FINDING_HEAP_OVERFLOW, behind_alternatives};

/* ---- the access itself faulted ---- */

/* The live block that the instruction's base register points into, while its index led out of it. */
static const struct heap_subject *indexed_block(const struct crash *crash, const struct heap_life **ret_life)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (fault->operand >= fault->operand_count)
		return NULL;
	operand = &fault->operands[fault->operand];
	for (size_t i = 0; i < crash->facts.heap.subject_count; i++) {
		const struct heap_subject *subject = &crash->facts.heap.subjects[i];
		const struct heap_life *life;

		/* Several registers may hold the pointer; the subject has one of them. */
		if (subject->kind != HEAP_SUBJECT_REGISTER || operand->base < 0 || operand->index < 0 ||
		    fault->registers[operand->base] != subject->address)
			continue;
		life = heap_last_life(&subject->heap, subject->address);
		if (!life || life->died != HEAP_ALIVE || life->born == HEAP_UNSEEN || life->size == 0 ||
		    fault->address < life->start + life->size)
			continue;
		*ret_life = life;
		return subject;
	}
	return NULL;
}

/* The live block whose mapping ends right in front of the fault. */
static const struct heap_subject *block_in_front(const struct crash *crash, const struct heap_life **ret_life)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_FAULT);
	const struct heap_life *life;

	if (!subject || heap_last_life(&subject->heap, subject->address))
		return NULL;
	life = heap_live_before(&subject->heap, subject->address);
	if (!life || !life->size || crash->facts.fault.address < PAGE_ROUND(life->start + life->size) ||
	    crash->facts.fault.address >= PAGE_ROUND(life->start + life->size) + FIRST_BYTES)
		return NULL;
	*ret_life = life;
	return subject;
}

static struct error *examine_address(const struct crash *crash, struct finding *finding)
{
	if (!crash->facts.signal.trustworthy)
		return link_leave_open(
			finding, "other-address",
			"the fault address was computed from the instruction: the signal's own cannot be trusted");
	return link_rule_out(finding, "other-address", EVIDENCE_SIGNAL,
			     crash->record.has_signal_event ? crash->record.signal_event.id : 0,
			     crash->facts.fault.address, "the kernel gave the fault address");
}

/* An earlier block that reached as far as the access: then it was a use after free. */
static const struct heap_life *larger_life(const struct crash *crash, const struct heap_subject *subject,
					   const struct heap_life *last)
{
	for (size_t i = 0; i < subject->heap.life_count; i++) {
		const struct heap_life *life = &subject->heap.lives[i];

		if (life != last && life->start <= subject->address &&
		    crash->facts.fault.address - life->start < life->size)
			return life;
	}
	return NULL;
}

static struct error *examine_lives(const struct crash *crash, const struct heap_subject *subject,
				   const struct heap_life *life, struct finding *finding)
{
	const struct heap_event *born = &subject->events[life->born];
	const struct heap_life *larger = larger_life(crash, subject, life);
	struct words block;

	if (larger)
		return link_leave_as_likely(
			finding, "other-life",
			"an earlier block at the address, %s, reached as far: the pointer may be of that one",
			words_heap_block(&block, larger));
	return link_examine_heap_record(crash, finding, "other-life", born->enter_ns,
					"another block may have been there");
}

/* With a scale of one either register may hold the pointer; only the base points into a block. */
static struct error *examine_index(const struct crash *crash, const struct heap_subject *subject,
				   struct finding *finding)
{
	const struct fault_operand *operand = &crash->facts.fault.operands[crash->facts.fault.operand];
	uint64_t index = crash->facts.fault.registers[operand->index];

	if (operand->scale == 1 && index >= 1ULL << 40 && index < -(1ULL << 40))
		return link_leave_as_likely(finding, "index-is-pointer",
					    "%s, 0x%" PRIx64 ", is no likely index: it may be the pointer",
					    fault_register_name(operand->index), index);
	return link_rule_out(finding, "index-is-pointer", EVIDENCE_REGISTER, operand->base, subject->address,
			     "%s points into the block", fault_register_name(operand->base));
}

static struct error *append_past_block(const struct crash *crash, const struct heap_subject *subject,
				       const struct heap_life *life, struct finding *finding)
{
	struct words block;

	return link_append(finding, &link_past_block, BASIS_COMPUTED, link_block_node(subject, life),
			   "the access reached %" PRIu64 " bytes past the end of %s",
			   crash->facts.fault.address - life->start - life->size, words_heap_block(&block, life))
		?: evidence_add_fault(crash, finding)
		?: evidence_add_heap_call(crash, finding, subject, life->born, "allocated")
		?: evidence_add_crash_site(crash, finding, "went past the end")
		?: examine_lives(crash, subject, life, finding)
		?: examine_index(crash, subject, finding)
		?: examine_address(crash, finding);
}

/* The mapping was made for this block alone: it begins with the block's header. */
static bool is_own_mapping(const struct crash *crash, const struct heap_life *life)
{
	struct place place;

	place_of(crash, life->start + life->size - 1, &place);
	if (place.mapped)
		return place.start == (life->start & ~(RECORD_PAGE_BYTES - 1));
	/* Without a core: glibc takes such a block by mmap (M_MMAP_THRESHOLD), and its header begins the page. */
	return life->size >= 128 << 10 && life->start % RECORD_PAGE_BYTES == GLIBC_CHUNK_HEADER_BYTES;
}

static struct error *append_past_mapping(const struct crash *crash, const struct heap_subject *subject,
					 const struct heap_life *life, struct finding *finding)
{
	const struct heap_event *born = &subject->events[life->born];
	struct words block;
	struct error *err;

	err = link_append(finding, &link_past_mapping, BASIS_INFERRED, link_block_node(subject, life),
			  "the access hit the first bytes behind the pages of %s", words_heap_block(&block, life))
		      ?: evidence_add_fault(crash, finding)
		      ?: evidence_add_heap_call(crash, finding, subject, life->born, "allocated")
		      ?: evidence_add_crash_site(crash, finding, "went past the end")
		      ?: finding_add_missing(finding, "the way there: no register of the instruction points into the block")
		      ?: link_examine_heap_record(crash, finding, "unseen-block", born->enter_ns,
						  "another block may have been there")
		      ?: examine_address(crash, finding);
	if (err)
		return err;
	if (!is_own_mapping(crash, life))
		return link_leave_open(
			finding, "wild-pointer",
			"other blocks share the mapping: the access may have started in one of them, or nowhere");
	return link_rule_out(finding, "wild-pointer", EVIDENCE_HEAP, born->id, 0,
			     "the block has its mapping to itself, and the access hit its very end");
}

static struct error *tell_fault(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_life *life = NULL;
	const struct heap_subject *subject = indexed_block(crash, &life);
	bool indexed = subject != NULL;
	struct words block, born, site;
	struct finding *finding;
	struct error *err;

	if (!evidence_fault_unmapped(crash) || crash->facts.fault.access == ACCESS_EXECUTE)
		return NULL;
	if (!subject)
		subject = block_in_front(crash, &life);
	if (!subject)
		return NULL;
	words_crash_site(&site, crash);
	err = finding_append(findings, FINDING_HEAP_OVERFLOW, &finding)
		      ?: (indexed ? append_past_block : append_past_mapping)(crash, subject, life, finding)
		      ?: finding_set_summary(finding,
					     "Thread %" PRIu32 " %s %" PRIu64
					     " bytes past the end of %s%s%s (allocated in %s).",
					     evidence_dead_thread(crash),
					     crash->facts.fault.access == ACCESS_WRITE ? "wrote" : "read",
					     crash->facts.fault.address - life->start - life->size,
					     words_heap_block(&block, life), site.text[0] ? " in " : "", site.text,
					     words_heap_caller(&born, subject, life->born))
		      ?: finding_set_next_step(finding, "which index or length let it leave the block?");
	if (err)
		return err;
	return indexed && link_confidence(&finding->links[0]) >= CONFIDENCE_LIKELY
		       ? evidence_accuse_crash_site(crash, finding)
		       : evidence_suspect_crash_site(crash, finding);
}

/* ---- the header behind a block was overwritten ---- */

/* The process did not abort in the allocator, but used as an address just what stands in the broken header: the same
 * write went over both. */
static bool used_word(const struct crash *crash)
{
	const struct fault *fault = &crash->facts.fault;
	const struct fault_operand *operand;

	if (!fault->is_fault || fault->operand >= fault->operand_count ||
	    crash->facts.heap.broken_word < PLACE_NULL_BYTES)
		return false;
	operand = &fault->operands[fault->operand];
	return operand->base >= 0 && fault->registers[operand->base] == crash->facts.heap.broken_word;
}

/* How far behind the block one write goes that runs over it. */
#define RUN_BYTES 4096

/* The pointer that failed, or one on the way to it, was read from right behind the broken header: the same write went
 * over both. */
static bool path_is_behind(const struct crash *crash)
{
	for (size_t i = 0; i < crash->facts.path.count; i++) {
		if (crash->facts.path.words[i].address - crash->facts.heap.broken_at < RUN_BYTES)
			return true;
	}
	return false;
}

struct damage {
	const struct heap_subject *subject;
	const struct heap_life *life; /* of the block in front; NULL: by the core alone */
	bool alive;		      /* it is still there, or being freed */
	bool went_on;		      /* the process died of the same write elsewhere, not in the allocator */
};

/* An earlier recorded block that held the damaged word: a stale pointer to it may have written there. */
static const struct heap_life *life_over_header(const struct crash *crash, const struct heap_subject *subject)
{
	for (size_t i = 0; i < subject->heap.life_count; i++) {
		const struct heap_life *life = &subject->heap.lives[i];

		if (crash->facts.heap.broken_at + 8 - life->start < life->size)
			return life;
	}
	return NULL;
}

/* Two small numbers, as arrays of int hold them. A size has a zero half. */
static bool is_small_pair(uint64_t word)
{
	uint32_t low = (uint32_t)word, high = (uint32_t)(word >> 32);

	return low && high && low < 0x10000 && high < 0x10000;
}

/* Both may be of one write: the same word again, text, pairs of small numbers. */
static bool is_alike(uint64_t a, uint64_t b)
{
	return a == b || (corruption_is_text(a) && corruption_is_text(b)) || (is_small_pair(a) && is_small_pair(b));
}

/* Is what stands in front of the header the beginning of what damaged it? Or does it lie behind what the block asked
 * for, where nobody may write, in memory that no other block ever held? */
static bool begins_in_front(const struct crash *crash, const struct damage *damage)
{
	const struct heap_facts *heap = &crash->facts.heap;
	uint64_t last;

	if (!heap->broken_word || !crash->core.image || !core_read_word(crash->core.image, heap->broken_at, &last) ||
	    !last)
		return false;
	if (is_alike(last, heap->broken_word))
		return true;
	return damage->life && heap->covered_whole && !damage->subject->truncated &&
	       damage->life->start + damage->life->size <= heap->broken_at && !life_over_header(crash, damage->subject);
}

/* One run of like words goes from the header, which is the block's end, into the block behind, over the pointer that
 * failed: its owner would not have written that. */
static bool runs_to_pointer(const struct crash *crash, const struct damage *damage)
{
	const struct heap_facts *heap = &crash->facts.heap;
	const struct pointer_path *path = &crash->facts.path;
	uint64_t end = path->count ? path->words[0].address + 8 : heap->broken_at + 24, word;

	if (!damage->went_on || !crash->core.image || end <= heap->broken_at + 16 || end - heap->broken_at > RUN_BYTES)
		return false;
	for (uint64_t at = heap->broken_at + 16; at < end; at += 8) {
		if (!core_read_word(crash->core.image, at, &word) || !is_alike(word, heap->broken_word))
			return false;
	}
	return true;
}

static struct error *append_header(const struct crash *crash, const struct damage *damage, struct finding *finding)
{
	const struct heap_facts *heap = &crash->facts.heap;
	struct node node = {.kind = NODE_WORD, .start = heap->broken_at + 8, .end = heap->broken_at + 16};
	const struct pointer_path *path = &crash->facts.path;
	struct error *err;

	err = link_append(finding, &link_damaged_header, BASIS_COMPUTED, node,
			  "the chunk header at 0x%" PRIx64 " holds 0x%" PRIx64 ", which is no size", heap->broken_at,
			  heap->broken_word)
		      ?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, heap->broken_at + 8,
					      "the heap's chunk headers make sense up to 0x%" PRIx64
					      ", where the size is 0x%" PRIx64,
					      heap->broken_at, heap->broken_word);
	for (size_t i = 0; i < path->count && !err; i++) {
		if (damage->went_on && path->words[i].address - heap->broken_at < RUN_BYTES)
			err = finding_add_evidence(finding, EVIDENCE_MEMORY, 0, path->words[i].address,
						   "the pointer was loaded from 0x%" PRIx64
						   ", right behind it, which holds 0x%" PRIx64,
						   path->words[i].address, path->words[i].value);
	}
	return err
		?: evidence_add_abort_message(crash, finding)
		?: evidence_add_crash_site(crash, finding, "detected")
		?: link_rule_out(finding, "freed-inside", EVIDENCE_MEMORY, 0, heap->before_broken.address,
				 "the headers in front lead to it");
}

static struct error *examine_writer(const struct crash *crash, const struct damage *damage, struct finding *finding)
{
	const struct heap_facts *heap = &crash->facts.heap;
	const struct heap_life *over = damage->life ? life_over_header(crash, damage->subject) : NULL;
	struct words block;
	struct error *err;

	if (runs_to_pointer(crash, damage))
		return link_rule_out(finding, "stray-write", EVIDENCE_MEMORY, 0, heap->broken_at + 8,
				     "one run of like words goes from the block's very end to the pointer that failed")
			       ?: link_rule_out(finding, "underflow", EVIDENCE_MEMORY, 0, heap->broken_at + 16,
						"the run destroyed a pointer in the block behind");
	if (begins_in_front(crash, damage))
		return link_rule_out(finding, "stray-write", EVIDENCE_MEMORY, 0, heap->broken_at,
				     "what overwrote the header begins in the block in front")
			       ?: link_rule_out(finding, "underflow", EVIDENCE_MEMORY, 0, heap->broken_at,
						"what overwrote the header begins in the block in front");
	if (over)
		err = link_leave_open(
			finding, "stray-write",
			"an earlier block, %s, held the header's place: a stale pointer may have written there",
			words_heap_block(&block, over));
	else if (damage->life && damage->alive && heap->covered_whole && !damage->subject->truncated)
		err = link_rule_out(finding, "stray-write", EVIDENCE_COVERAGE, (int64_t)heap->covered_from_ns, 0,
				    "no recorded block ever held the header's place: no stale pointer leads there");
	else
		err = link_leave_open(finding, "stray-write",
				      "a stale or wild pointer may have written there just as well");
	return err
		       ?: link_leave_open(finding, "underflow",
					  "a write before the start of the block behind damages the same header");
}

static struct error *append_block(const struct crash *crash, const struct damage *damage, struct finding *finding)
{
	const struct heap_facts *heap = &crash->facts.heap;
	const struct heap_subject *subject = damage->subject;
	const struct heap_life *life = damage->life;
	bool is_known = life && life->born < subject->event_count;
	struct node node = {
		.kind = NODE_BLOCK, .start = subject->address, .end = subject->address + heap->before_broken.size - 8};
	struct words block;
	struct error *err;

	err = link_append(finding, &link_behind_block, BASIS_INFERRED, is_known ? link_block_node(subject, life) : node,
			  "an access past the end of %s wrote it",
			  is_known ? words_heap_block(&block, life) : "the block in front")
		      ?: finding_add_evidence(finding, EVIDENCE_MEMORY, 0, heap->before_broken.address,
					      "the chunk in front has %" PRIu64 " bytes", heap->before_broken.size)
		      ?: finding_add_missing(finding, "the write: it came before the crash");
	if (!err && life)
		err = evidence_add_heap_call(crash, finding, subject, life->born, "allocated");
	if (!err && life && !damage->alive)
		err = evidence_add_heap_call(crash, finding, subject, life->died, "freed meanwhile");
	if (!err && is_known)
		err = link_examine_heap_record(crash, finding, "unseen-block", subject->events[life->born].enter_ns,
					       "another block may have been there");
	else if (!err)
		err = link_rule_out(finding, "unseen-block", EVIDENCE_MEMORY, 0, heap->before_broken.address,
				    "the chunk in front is in the core");
	return err ?: examine_writer(crash, damage, finding);
}

static struct error *summarize_header(const struct crash *crash, const struct damage *damage, struct finding *finding)
{
	const struct heap_life *life = damage->life;
	struct words block, born;

	if (life && life->born < damage->subject->event_count)
		return finding_set_summary(
			finding,
			"The chunk header right behind %s (allocated in %s) was overwritten: an access "
			"went past the block's end.",
			words_heap_block(&block, life), words_heap_caller(&born, damage->subject, life->born));
	return finding_set_summary(
		finding,
		"The chunk header at 0x%" PRIx64 ", right behind the %" PRIu64 "-byte block at 0x%" PRIx64
		", was overwritten: an access went past the block's end.",
		crash->facts.heap.broken_at, crash->facts.heap.before_broken.size - 8, damage->subject->address);
}

static struct error *tell_header(const struct crash *crash, struct finding_list *findings)
{
	const struct heap_subject *subject = heap_facts_find(&crash->facts.heap, HEAP_SUBJECT_BROKEN);
	const struct heap_life *life = subject ? heap_last_life(&subject->heap, subject->address) : NULL;
	enum heap_sign sign = heap_sign_of(crash->core.abort_message);
	struct damage damage = {.subject = subject, .life = life};
	struct finding *finding;

	damage.went_on = sign == HEAP_SIGN_NONE && (used_word(crash) || path_is_behind(crash));
	if (!subject || sign == HEAP_SIGN_FREED_TWICE || (sign == HEAP_SIGN_NONE && !damage.went_on))
		return NULL;
	/* The block that is being freed is still there: it is its free that found out. */
	damage.alive = life && (life->died == HEAP_ALIVE ||
				(crash->facts.heap.pointer_source == HEAP_POINTER_RECORDED &&
				 crash->facts.heap.pointer == life->start && life->died < subject->event_count &&
				 subject->events[life->died].tid == evidence_dead_thread(crash)));
	if (life && life->size > crash->facts.heap.broken_at + 8 - life->start)
		return NULL;
	return finding_append(findings, FINDING_HEAP_OVERFLOW, &finding)
		?: append_header(crash, &damage, finding)
		?: append_block(crash, &damage, finding)
		?: summarize_header(crash, &damage, finding)
		?: finding_set_next_step(finding, "which code writes to the block at 0x%" PRIx64 "%s?", subject->address,
					 life ? "" : " (corelate record --heap shows who allocated it)");
}

struct error *cause_heap_overflow(const struct crash *crash, struct finding_list *findings)
{
	if (reentry_is_seen(crash))
		return NULL;
	return tell_fault(crash, findings) ?: tell_header(crash, findings);
}
