/* SPDX-License-Identifier: MIT */
/* The walk over what probes are attached now, in the kernel. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "collector/kernel_internal.h"
#include "common/cleanup.h"
#include "corelate.skel.h"

/* The iterator's bytes come in pieces that need not end with a record. */
struct probe_stream {
	char bytes[64 << 10];
	size_t used;
	char path[EVENT_PATH_BYTES]; /* of the last record that had one */
	uint32_t path_used;
};

static void take_probes(struct probe_stream *stream, kernel_probe_function function, void *context)
{
	const size_t fixed = offsetof(struct event_probe, components);
	size_t done = 0;

	while (stream->used - done >= fixed) {
		struct event_probe *record = (void *)(stream->bytes + done);

		if (record->header.size < fixed || stream->used - done < record->header.size)
			break;
		if (record->header.size == sizeof(*record)) {
			memcpy(stream->path, record->components, sizeof(stream->path));
			stream->path_used = record->used < sizeof(stream->path) ? record->used : 0;
		}
		record->used = stream->path_used;
		function(context, record, stream->path);
		done += record->header.size;
	}
	memmove(stream->bytes, stream->bytes + done, stream->used - done);
	stream->used -= done;
}

struct error *kernel_walk_probes(struct kernel *kernel, kernel_probe_function function, void *context)
{
	struct bpf_link *link = bpf_program__attach_iter(kernel->skeleton->progs.probe_holders, NULL);
	cleanup_free struct probe_stream *stream = calloc(1, sizeof(*stream));
	cleanup_fd int fd = -1;
	ssize_t got;

	if (!link)
		return error_format(ERROR_UNSUPPORTED, "cannot walk the descriptors of processes: %s", strerror(errno));
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0 || !stream)
		return error_format(ERROR_UNSUPPORTED, "cannot walk the descriptors of processes: %s", strerror(errno));
	do {
		got = read(fd, stream->bytes + stream->used, sizeof(stream->bytes) - stream->used);
		if (got > 0) {
			stream->used += (size_t)got;
			take_probes(stream, function, context);
		}
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	return got < 0 ? error_errno(errno, "the walk over the descriptors of processes broke off") : NULL;
}
