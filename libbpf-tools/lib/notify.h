/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Tell the service manager that started us how we are: sd_notify(3)'s protocol, a datagram.
 */
#ifndef LIB_NOTIFY_H
#define LIB_NOTIFY_H

/* state: "READY=1". Does nothing unless NOTIFY_SOCKET is set; then whoever starts COMMAND should unset it. 0, or negative errno. */
int notify_manager(const char *state);

#endif /* LIB_NOTIFY_H */
