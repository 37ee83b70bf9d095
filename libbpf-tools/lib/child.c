/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * A program started stopped; see child.h. The child waits in read() on a pipe until it is let go,
 * and reports through a second one, closed by a successful exec, why it could not execute.
 */
#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/timestamp.h"

#define CHILD_TERM_NS 1000000000ull
#define CHILD_TERM_POLL_NS 10000000
/* The shell's status for a command that could not be executed. */
#define CHILD_EXEC_FAILED 127

struct child {
	pid_t pid;
	char *path;
	int go_fd;    /* write one byte: go; -1 once released */
	int error_fd; /* an errno, or end of file once executed */
	int pid_fd;
	bool ended;
	int status;
};

/* 0 or why path can't be executed. */
static int child_check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return access(path, X_OK) ? -errno : 0;
}

/* As execvp(3) does: a name with a slash is a path; else the first executable on PATH. */
static int child_find(const char *name, char **path)
{
	const char *dir = getenv("PATH"), *end;
	char candidate[PATH_MAX];
	int err, worst = -ENOENT;

	if (strchr(name, '/')) {
		err = child_check_executable(name);
		*path = err ? NULL : strdup(name);
		return err ?: *path ? 0 : -ENOMEM;
	}
	if (!*name)
		return -ENOENT;
	for (dir = dir ?: "/usr/bin:/bin"; dir; dir = *end ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		/* An empty element is the current directory. */
		if ((size_t)snprintf(candidate, sizeof(candidate), "%.*s/%s",
				     end > dir ? (int)(end - dir) : 1, end > dir ? dir : ".",
				     name) >= sizeof(candidate))
			continue;
		err = child_check_executable(candidate);
		if (!err) {
			*path = strdup(candidate);
			return *path ? 0 : -ENOMEM;
		}
		/* One that is there counts; a folder that we may not look into doesn't. */
		if (err == -EACCES && !access(candidate, F_OK))
			worst = err;
	}
	return worst;
}

static const int child_defaults[] = { SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ };

/* The child's side of fork(): async-signal-safe calls only. */
static void child_execute(const char *path, char *const argv[], int go_fd, int error_fd)
{
	sigset_t none;
	size_t i;
	char go;
	int err;

	/*
	 * What ends COMMAND from a terminal, or is passed on, must end it also where the tool was
	 * started with these ignored ("tool &" in a script). nohup's HUP stays ignored.
	 */
	for (i = 0; i < sizeof(child_defaults) / sizeof(child_defaults[0]); i++)
		signal(child_defaults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	do {
		err = read(go_fd, &go, 1);
	} while (err < 0 && errno == EINTR);
	/* The end of file: the tool has ended before it let us go. */
	if (err != 1)
		_exit(CHILD_EXEC_FAILED);
	/* Not execv(): a script without "#!" is given to the shell, as users expect. */
	execvp(path, argv);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) < 0)
		_exit(CHILD_EXEC_FAILED);
	_exit(CHILD_EXEC_FAILED);
}

struct child *child_new(char *const argv[])
{
	struct child *child = calloc(1, sizeof(*child));
	int go[2] = { -1, -1 }, error[2] = { -1, -1 };
	int err;

	if (!child)
		return NULL;
	child->pid_fd = -1;
	err = child_find(argv[0], &child->path);
	if (err)
		goto cleanup;
	if (pipe2(go, O_CLOEXEC) || pipe2(error, O_CLOEXEC)) {
		err = -errno;
		goto cleanup;
	}
	child->pid = fork();
	if (child->pid < 0) {
		err = -errno;
		goto cleanup;
	}
	if (!child->pid) {
		/* Our copy of the other end would hide the tool's end from us. */
		close(go[1]);
		child_execute(child->path, argv, go[0], error[1]);
	}
	child->pid_fd = syscall(SYS_pidfd_open, child->pid, 0);
	child->go_fd = go[1];
	child->error_fd = error[0];
	go[1] = error[0] = -1;
cleanup:
	if (go[0] >= 0)
		close(go[0]);
	if (go[1] >= 0)
		close(go[1]);
	if (error[0] >= 0)
		close(error[0]);
	if (error[1] >= 0)
		close(error[1]);
	if (err) {
		free(child->path);
		free(child);
		errno = -err;
		return NULL;
	}
	return child;
}

static void child_terminate(struct child *child)
{
	const struct timespec pause = { .tv_nsec = CHILD_TERM_POLL_NS };
	uint64_t deadline = timestamp_now() + CHILD_TERM_NS;
	struct pollfd pfd = { .fd = child->pid_fd, .events = POLLIN };

	child_signal(child, SIGTERM);
	while (!child_ended(child, NULL)) {
		if (timestamp_now() >= deadline) {
			log_warn("'%s' (process %d) takes its time to end and is left running",
				 child->path, child->pid);
			return;
		}
		ppoll(&pfd, 1, &pause, NULL);
	}
}

void child_free(struct child *child)
{
	if (!child)
		return;
	if (child->go_fd >= 0) {
		close(child->go_fd);
		child_signal(child, SIGKILL);
		if (!child->ended)
			waitpid(child->pid, NULL, 0);
	} else {
		child_terminate(child);
	}
	close(child->error_fd);
	if (child->pid_fd >= 0)
		close(child->pid_fd);
	free(child->path);
	free(child);
}

pid_t child_pid(const struct child *child)
{
	return child->pid;
}

const char *child_path(const struct child *child)
{
	return child->path;
}

int child_release(struct child *child)
{
	ssize_t n;
	int err;

	if (child->go_fd < 0)
		return 0;
	n = write(child->go_fd, "", 1);
	err = n == 1 ? 0 : -errno;
	close(child->go_fd);
	child->go_fd = -1;
	if (err)
		return err;
	do {
		n = read(child->error_fd, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	/*
	 * Nothing but the end of file: executed, or killed on the way, which child_ended() will
	 * tell.
	 */
	return n == sizeof(err) ? -err : 0;
}

bool child_ended(struct child *child, int *status)
{
	if (!child->ended)
		child->ended = waitpid(child->pid, &child->status, WNOHANG) == child->pid;
	if (child->ended && status)
		*status = child->status;
	return child->ended;
}

int child_fd(const struct child *child)
{
	return child->pid_fd;
}

void child_signal(struct child *child, int sig)
{
	/* Not reaped yet, so that the number is still the child's. */
	if (!child_ended(child, NULL))
		kill(child->pid, sig);
}
