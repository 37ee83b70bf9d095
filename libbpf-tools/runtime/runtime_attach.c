/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * One link for the places of one event where the kernel has multi links, else one per place.
 */
#include "runtime/runtime_attach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

int runtime_attach_prepare(struct runtime_attach *attach, struct bpf_object *obj)
{
	struct bpf_program *prog;
	int err;

	attach_probe_features(&attach->features);
	if (!attach->features.uprobe_multi)
		return 0;
	bpf_object__for_each_program(prog, obj) {
		/* Not of functions of the kernel. */
		if (bpf_program__type(prog) != BPF_PROG_TYPE_KPROBE ||
		    bpf_program__expected_attach_type(prog) == ATTACH_TYPE_KPROBE_MULTI)
			continue;
		err = bpf_program__set_expected_attach_type(prog, ATTACH_TYPE_UPROBE_MULTI);
		if (err)
			return err;
	}
	return 0;
}

enum runtime_event runtime_method_event(const struct runtime_image *image)
{
	if (image->routes[RUNTIME_METHOD_COUNT].places)
		return RUNTIME_METHOD_COUNT;
	return image->routes[RUNTIME_METHOD_ENTRY].places ? RUNTIME_METHOD_ENTRY
							  : RUNTIME_METHOD_RETURN;
}

bool runtime_attach_wants(const struct runtime_attach *attach, const struct runtime_place *place)
{
	unsigned int event = place->spec.event;

	/* Without it method entries would be silent. */
	if (event == RUNTIME_ENABLER)
		event = RUNTIME_METHOD_ENTRY;
	return attach->events & 1u << event && (!place->danger || attach->with_danger);
}

/* Do two places go into one call: same program, same kind of probe? */
static bool is_alike(const struct runtime_place *a, const struct runtime_place *b)
{
	return a->spec.event == b->spec.event && a->spec.is_part == b->spec.is_part &&
	       a->is_return == b->is_return && !a->danger == !b->danger;
}

static void explain_failure(const struct runtime_attach *attach, const struct runtime_image *image,
			    const struct runtime_place *place, int err, size_t attached,
			    size_t count)
{
	if (attached)
		log_warn("%s: attached to %zu of %zu places of %s: %s", image->display, attached,
			 count, place->probe, strerror(-err));
	else
		log_failure(err, attach->features.uprobe_multi ? PERMISSION_BPF : PERMISSION_UPROBE,
			    "%s: cannot attach to %s", image->display, place->probe);
}

/*
 * The process that gets the breakpoints; 0: all, and the program filters. A perf event has a thread for its process: no more
 * hits come when that ends.
 */
static pid_t pid_of(const struct runtime_attach *attach)
{
	if (attach->features.uprobe_multi)
		return attach->features.uprobe_multi_pid ? attach->pid : 0;
	return attach->is_one_process ? attach->pid : 0;
}

/* All at once, or, as a multi link is all or nothing, one by one: a place that can't be probed doesn't hide the others. */
static int attach_places(struct runtime_attach *attach, int fd,
			 const struct attach_uprobe_opts *opts, size_t *attached)
{
	struct attach_uprobe_opts single = *opts;
	size_t one;
	int err = opts->use_multi ? attach_uprobes(attach->set, fd, opts, attached) : -EAGAIN, last;

	if (!err || err == -ENOMEM)
		return err;
	err = 0;
	single.count = 1;
	for (size_t i = 0; i < opts->count; i++) {
		single.places = &opts->places[i];
		last = attach_uprobes(attach->set, fd, &single, &one);
		err = last ? last : err;
		*attached += one;
	}
	return err;
}

/* Attach to all places that are like the first. */
static int attach_alike(struct runtime_attach *attach, const struct runtime_image *image,
			const struct runtime_place *first)
{
	const struct runtime_place *place, *end = image->places + image->count;
	struct attach_place *places = calloc(end - first, sizeof(*places));
	struct attach_uprobe_opts opts = {
		.path = image->path,
		.places = places,
		.is_return = first->is_return,
		.use_multi = attach->features.uprobe_multi,
		.use_cookie = attach->features.cookie,
		.pid = pid_of(attach),
	};
	size_t attached = 0;
	int err = 0, fd;

	if (!places)
		return -ENOMEM;
	for (place = first; place < end && !err; place++) {
		if (!is_alike(first, place))
			continue;
		places[opts.count++] = (struct attach_place){ place->offset, place->ref_ctr_offset,
							      attach->count };
		err = attach->place ? attach->place(attach->ctx, image, place, attach->count) : 0;
		attach->count++;
	}
	fd = first->spec.is_part ? attach->part_fd : attach->prog_fds[first->spec.event];
	if (!err)
		err = attach_places(attach, fd, &opts, &attached);
	if (err)
		explain_failure(attach, image, first, err, attached, opts.count);
	free(places);
	return err == -ENOMEM ? err : (int)attached;
}

int runtime_attach_image(struct runtime_attach *attach, const struct runtime_image *image)
{
	const struct runtime_place *place;
	int done, total = 0;
	size_t i, j;

	for (i = 0; i < image->count; i++) {
		place = &image->places[i];
		for (j = 0; j < i && !is_alike(&image->places[j], place);)
			j++;
		if (j < i || !runtime_attach_wants(attach, place))
			continue;
		done = attach_alike(attach, image, place);
		if (done < 0)
			return done;
		total += done;
	}
	runtime_attach_describe(attach, image);
	return total;
}

static const char *const route_names[] = {
	[RUNTIME_ROUTE_NONE] = "not seen",
	[RUNTIME_ROUTE_USDT] = "by USDT",
	[RUNTIME_ROUTE_UPROBE] = "by uprobe",
	[RUNTIME_ROUTE_KERNEL] = "by tracepoint",
};

/* What isn't seen, though the image has it. */
static void tell_refused(const struct runtime_attach *attach, const struct runtime_image *image)
{
	size_t refused = 0, places = 0;
	const char *first = NULL;

	for (int event = 0; event < RUNTIME_EVENTS; event++) {
		if (!(attach->events & 1u << event))
			continue;
		if (image->routes[event].refused && !first)
			first = image->routes[event].refusal;
		refused += image->routes[event].refused;
		places += image->routes[event].places;
	}
	if (refused)
		log_warn("%s: %zu of %zu places are left out, as probes would do harm there%s (%s)",
			 image->display, refused, refused + places,
			 refused > 1 && !log_verbosity() ? ": -v lists them" : "", first);
}

void runtime_attach_describe(const struct runtime_attach *attach, const struct runtime_image *image)
{
	const struct runtime_route *route;

	tell_refused(attach, image);

	for (int event = 0; event < RUNTIME_EVENTS; event++) {
		route = &image->routes[event];
		if (attach->events & 1u << event)
			log_info("%s (%s): %s %s, %zu place%s%s%s", image->display,
				 runtime_lang_name(image->lang), runtime_event_name(event),
				 route_names[route->kind], route->places,
				 route->places == 1 ? "" : "s", route->note ? ": " : "",
				 route->note ?: "");
	}
	for (size_t i = 0; i < image->count; i++)
		if (runtime_attach_wants(attach, &image->places[i]))
			log_debug("%s: %s at offset 0x%llx%s", image->display,
				  image->places[i].probe,
				  (unsigned long long)image->places[i].offset,
				  image->places[i].is_return ? ", on return" : "");
}
