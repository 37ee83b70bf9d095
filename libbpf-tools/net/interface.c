/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Network interfaces; see interface.h.
 */
#include "net/interface.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct interface_request {
	struct nlmsghdr header;
	struct ifinfomsg info;
};

/* Attributes, one after the other; each is checked to be whole. */
#define FOR_EACH_ATTRIBUTE(attr, first, len) \
	for (attr = first; RTA_OK(attr, len); attr = RTA_NEXT(attr, len))

static void interface_read_kind(struct interface *interface, struct rtattr *outer)
{
	int len = (int)RTA_PAYLOAD(outer);
	struct rtattr *attr;

	FOR_EACH_ATTRIBUTE(attr, (struct rtattr *)RTA_DATA(outer), len)
	{
		if (attr->rta_type == IFLA_INFO_KIND)
			snprintf(interface->kind, sizeof(interface->kind), "%.*s",
				 (int)RTA_PAYLOAD(attr), (const char *)RTA_DATA(attr));
	}
}

/* IFLA_XDP_PROG_ID is there for one program, those of the modes for several. */
static void interface_read_xdp(struct interface *interface, struct rtattr *outer)
{
	int len = (int)RTA_PAYLOAD(outer);
	struct rtattr *attr;

	FOR_EACH_ATTRIBUTE(attr, (struct rtattr *)RTA_DATA(outer), len)
	{
		if (attr->rta_type >= IFLA_XDP_PROG_ID && attr->rta_type <= IFLA_XDP_HW_PROG_ID &&
		    RTA_PAYLOAD(attr) >= sizeof(uint32_t))
			memcpy(&interface->xdp_program, RTA_DATA(attr), sizeof(uint32_t));
	}
}

static int interface_read(struct interface *interface, struct nlmsghdr *message, size_t size)
{
	struct ifinfomsg *info = NLMSG_DATA(message);
	struct rtattr *attr;
	int len;

	if (size < NLMSG_LENGTH(sizeof(*info)) || message->nlmsg_len > size)
		return -EPROTO;
	if (message->nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)NLMSG_DATA(message))->error ?: -EPROTO;
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return -EPROTO;
	interface->index = (unsigned int)info->ifi_index;
	interface->type = info->ifi_type;
	interface->is_loopback = info->ifi_flags & IFF_LOOPBACK;
	len = (int)IFLA_PAYLOAD(message);
	FOR_EACH_ATTRIBUTE(attr, IFLA_RTA(info), len)
	{
		/* The kernel sets NLA_F_NESTED in some. */
		if ((attr->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO)
			interface_read_kind(interface, attr);
		else if ((attr->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			interface_read_xdp(interface, attr);
	}
	return 0;
}

int interface_find(const char *name, struct interface *interface)
{
	struct interface_request request = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(request.info)),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
	};
	/* Statistics make it long: of a device with very many queues or virtual functions 32 KiB are the kernel's own limit. */
	union {
		struct nlmsghdr header;
		char bytes[32768];
	} answer;
	ssize_t size;
	int fd, err;

	*interface = (struct interface){ .index = if_nametoindex(name) };
	if (!interface->index)
		return -errno;
	snprintf(interface->name, sizeof(interface->name), "%s", name);
	request.info.ifi_index = (int)interface->index;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	size = send(fd, &request, request.header.nlmsg_len, 0);
	if (size >= 0)
		size = recv(fd, &answer, sizeof(answer), 0);
	err = size < 0 ? -errno : interface_read(interface, &answer.header, (size_t)size);
	close(fd);
	return err;
}

int interface_has_link_header(const struct interface *interface)
{
	switch (interface->type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return 1;
	case ARPHRD_NONE:
	case ARPHRD_PPP:
	case ARPHRD_RAWIP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
