/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * XDP programs on interfaces; see xdp_link.h.
 */
#include "net/xdp_link.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

bool xdp_link_is_taken(const struct interface *interface)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);
	int fd;

	if (!interface->xdp_program)
		return false;
	fd = bpf_prog_get_fd_by_id(interface->xdp_program);
	if (fd >= 0)
		bpf_prog_get_info_by_fd(fd, &info, &len);
	log_error(
		"%s has an XDP program already, %s (id %u), which would have to be taken off first",
		interface->name, info.name[0] ? info.name : "without a name",
		interface->xdp_program);
	if (fd >= 0)
		close(fd);
	return true;
}

static int xdp_link_create(const struct interface *interface, int prog_fd, bool native)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);

	return bpf_link_create(prog_fd, (int)interface->index, BPF_XDP, &opts);
}

/* EEXIST: in the other mode. */
static bool xdp_link_found_another(int err)
{
	return err == -EBUSY || err == -EEXIST;
}

static void xdp_link_report(const struct interface *interface, int err, bool native)
{
	struct interface now;

	if (xdp_link_found_another(err) && !interface_find(interface->name, &now) &&
	    xdp_link_is_taken(&now))
		return;
	if (native && err == -ERANGE)
		log_error(
			"frames of %s, or of its peer, are too large for native mode: --mode generic",
			interface->name);
	else if (native && err == -EOPNOTSUPP)
		log_error("the driver of %s has no native XDP: --mode generic", interface->name);
	else
		log_failure(err, PERMISSION_XDP, "cannot attach to %s", interface->name);
}

int xdp_link_new(const struct interface *interface, int prog_fd, enum xdp_mode mode)
{
	/*
	 * A virtual device's own way costs more than it saves: it has to make packets of segments that
	 * would have stayed whole.
	 */
	bool is_real = !interface->kind[0] && !interface->is_loopback;
	bool native = mode == XDP_MODE_NATIVE || (mode == XDP_MODE_AUTO && is_real);
	int fd = xdp_link_create(interface, prog_fd, native);

	if (fd < 0 && native && mode == XDP_MODE_AUTO && !xdp_link_found_another(fd)) {
		log_note("the driver of %s can't do it (%s): in generic mode, behind it",
			 interface->name, strerror(-fd));
		native = false;
		fd = xdp_link_create(interface, prog_fd, native);
	}
	if (fd < 0)
		xdp_link_report(interface, fd, native);
	else
		log_info("on %s in %s mode", interface->name, native ? "native" : "generic");
	return fd;
}

bool xdp_link_is_attached(int link_fd)
{
	struct bpf_link_info info = {};
	uint32_t len = sizeof(info);

	return bpf_link_get_info_by_fd(link_fd, &info, &len) || info.xdp.ifindex;
}
