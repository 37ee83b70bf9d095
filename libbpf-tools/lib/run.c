/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The life of a tool; see run.h.
 */
#include "lib/run.h"

#include <array_size.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/follow.h"
#include "lib/log.h"
#include "lib/notify.h"
#include "lib/processes.h"
#include "lib/timestamp.h"

/* Records consumed between two looks at signals, limits, the child and the clock. */
#define RUN_BUDGET 8192
#define RUN_WAIT_NS 100000000ull
/* Losses are reported at most that often while they happen. */
#define RUN_LOSING_NS 2000000000ull
/* How long COMMAND may take to end after a signal was passed on to it. */
#define RUN_CHILD_GRACE_NS 2000000000ull
/*
 * timeout(1), for one, sends its signal to the process and again to its group: that is one request.
 */
#define RUN_SAME_SIGNAL_NS 300000000ull

struct run {
	const struct options *options;
	struct output *output;
	struct child *child;
	struct follow *follow;
	uint64_t deadline_ns;	    /* of --duration; 0: none */
	uint64_t child_deadline_ns; /* of COMMAND after a signal; 0: none yet */
	bool child_signalled;
	int child_status; /* COMMAND's own, for ours, if it ended by itself */
	struct events *events;
	uint64_t next_losing_ns; /* when to look for losses again */
	uint64_t lost_told;	 /* as far as reported: on stderr, */
	uint64_t lost_told_json; /* and in JSON */
	struct sigaction old_actions[4];
};

/*
 * In file scope, as all that a signal handler can get at. The first signal asks for the end;
 * whether the terminal sent it decides about passing it on.
 */
static volatile sig_atomic_t run_signal, run_signal_from_terminal;
static volatile uint64_t run_signal_ns;
static volatile sig_atomic_t run_reloads, run_reload_asked;

static const int run_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };

static void run_handle_signal(int sig, siginfo_t *info, void *context)
{
	uint64_t now = timestamp_now();

	(void)context;
	if (sig == SIGHUP && run_reloads) {
		run_reload_asked = 1;
		return;
	}
	if (run_signal && now - run_signal_ns > RUN_SAME_SIGNAL_NS) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	if (run_signal)
		return;
	run_signal_ns = now;
	/*
	 * The terminal's signals come from the kernel, and go to all of its foreground processes.
	 */
	run_signal_from_terminal = info->si_code == SI_KERNEL;
	run_signal = sig;
}

static void run_catch_signals(struct run *run)
{
	/* No SA_RESTART: a blocked write() is to return. */
	struct sigaction catch = { .sa_sigaction = run_handle_signal, .sa_flags = SA_SIGINFO };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	size_t i;

	run_signal = run_reloads = run_reload_asked = 0;
	for (i = 0; i < ARRAY_SIZE(run_signals); i++) {
		sigaction(run_signals[i], run_signals[i] == SIGPIPE ? &ignore : &catch,
			  &run->old_actions[i]);
		/* nohup(1) */
		if (run_signals[i] == SIGHUP && run->old_actions[i].sa_handler == SIG_IGN)
			sigaction(SIGHUP, &ignore, NULL);
	}
}

/* Also with nohup(1), as it ends nothing. */
static void run_catch_reload(void)
{
	struct sigaction catch = { .sa_sigaction = run_handle_signal, .sa_flags = SA_SIGINFO };

	run_reloads = 1;
	sigaction(SIGHUP, &catch, NULL);
}

/*
 * What is lost is reported while it is lost, too: an agent may run for ever. Also from where a reader that takes nothing is
 * waited for, which is when most is lost.
 */
static void run_tell_losing(struct run *run)
{
	uint64_t now = timestamp_now(), total = 0;

	if (!run->events || now < run->next_losing_ns)
		return;
	run->next_losing_ns = now + RUN_LOSING_NS;
	if (events_lost_total(run->events, &total) || total <= run->lost_told)
		return;
	log_warn("lost %llu events so far: they come faster than they can be written "
		 "(--buffer-pages gives more room)",
		 (unsigned long long)total);
	run->lost_told = total;
}

static void run_tell_losing_json(struct run *run)
{
	if (run->lost_told > run->lost_told_json)
		output_json_lost_so_far(run->output, run->lost_told);
	run->lost_told_json = run->lost_told;
}

static bool run_output_ending(void *ctx)
{
	run_tell_losing(ctx);
	return run_ending(ctx);
}

static int run_start_child(struct run *run, char **command)
{
	run->child = child_new(command);
	if (!run->child) {
		log_error("cannot run '%s': %s", command[0], strerror(errno));
		return -errno;
	}
	run->follow = follow_new(child_pid(run->child), 0);
	if (!run->follow) {
		log_libbpf_failure(-errno, "cannot follow the processes of '%s'", command[0]);
		return -1;
	}
	return 0;
}

/*
 * Each probe takes a descriptor or two, and soft limits are low for the sake of select(2), which nobody uses here. COMMAND was
 * made before, and has the limit that its user gave it.
 */
static void run_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct run *run_new(const struct options *options)
{
	struct output_opts output_opts = {
		.fd = STDOUT_FILENO,
		.json = options->json,
		.max_records = options->max_events,
		.ending = run_output_ending,
	};
	struct run *run = calloc(1, sizeof(*run));

	if (run) {
		run->options = options;
		output_opts.ctx = run;
		run->output = output_new(&output_opts);
	}
	if (!run || !run->output) {
		log_error("out of memory");
		free(run);
		return NULL;
	}
	run_catch_signals(run);
	if (options->command && run_start_child(run, options->command)) {
		run_free(run);
		return NULL;
	}
	run_raise_files();
	return run;
}

void run_free(struct run *run)
{
	size_t i;

	if (!run)
		return;
	follow_free(run->follow);
	child_free(run->child);
	output_free(run->output);
	for (i = 0; i < ARRAY_SIZE(run_signals); i++)
		sigaction(run_signals[i], &run->old_actions[i], NULL);
	free(run);
}

struct output *run_output(struct run *run)
{
	return run->output;
}

pid_t run_child_pid(const struct run *run)
{
	return run->child ? child_pid(run->child) : 0;
}

int run_follow_map_fd(const struct run *run)
{
	return run->follow ? follow_map_fd(run->follow) : -1;
}

bool run_ending(const struct run *run)
{
	return run_signal || (run->deadline_ns && timestamp_now() >= run->deadline_ns);
}

/* A COMMAND that we were asked to end has no status that would be of interest. */
static void run_tell_child_end(struct run *run, int status)
{
	const char *path = child_path(run->child);
	int sig = WTERMSIG(status);

	if (WIFSIGNALED(status) && run_signal)
		log_info("'%s' was killed by signal %d (SIG%s)", path, sig,
			 sigabbrev_np(sig) ?: "?");
	else if (WIFSIGNALED(status))
		log_warn("'%s' was killed by signal %d (SIG%s)", path, sig,
			 sigabbrev_np(sig) ?: "?");
	else
		log_info("'%s' exited with status %d", path, WEXITSTATUS(status));
	if (!run_signal)
		run->child_status = WIFSIGNALED(status) ? 128 + sig : WEXITSTATUS(status);
}

/* Is the run over, as far as COMMAND has a say? Passes a signal on to it, once. */
static bool run_child_is_over(struct run *run, uint64_t now)
{
	int status;

	if (child_ended(run->child, &status)) {
		run_tell_child_end(run, status);
		return true;
	}
	if (!run_signal)
		return false;
	if (!run->child_signalled) {
		run->child_signalled = true;
		run->child_deadline_ns = now + RUN_CHILD_GRACE_NS;
		if (!run_signal_from_terminal)
			child_signal(run->child, run_signal);
	}
	return now >= run->child_deadline_ns;
}

static bool run_is_over(struct run *run, const struct run_loop_opts *opts, uint64_t now)
{
	if (run->deadline_ns && now >= run->deadline_ns)
		return true;
	if (opts->is_over && opts->is_over(opts->ctx))
		return true;
	return run->child ? run_child_is_over(run, now) : run_signal != 0;
}

/*
 * How long may be waited: until the next thing that is due, but not for longer than signals may be
 * missed.
 */
static uint64_t run_wait_ns(const struct run *run, uint64_t now, uint64_t next_tick)
{
	uint64_t until = now + RUN_WAIT_NS;

	if (run->deadline_ns && run->deadline_ns < until)
		until = run->deadline_ns;
	if (next_tick && next_tick < until)
		until = next_tick;
	return until > now ? until - now : 0;
}

static void run_wait(struct run *run, struct events *events, uint64_t ns)
{
	struct timespec wait = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	if (events)
		events_wait(events, run->child ? child_fd(run->child) : -1, ns);
	else
		nanosleep(&wait, NULL);
}

static int run_reload(const struct run_loop_opts *opts)
{
	if (!run_reload_asked)
		return 0;
	run_reload_asked = 0;
	return opts->reload(opts->ctx);
}

/* 0: over; 1: over, and no record is wanted any more (max_events); or a negative errno. */
static int run_consume(struct run *run, const struct run_loop_opts *opts)
{
	uint64_t now = timestamp_now(), next_tick = 0, consumed;
	bool is_over = false;
	int err;

	if (opts->interval_ns)
		next_tick = now + opts->interval_ns;
	for (;;) {
		consumed = 0;
		err = opts->events ? events_drain(opts->events, RUN_BUDGET, &consumed) : 0;
		err = err ?: run_reload(opts);
		now = timestamp_now();
		if (!err && next_tick && now >= next_tick) {
			err = opts->tick(opts->ctx);
			/* What was recorded by then still counts. */
			is_over = err > 0;
			err = is_over ? 0 : err;
			/* Stay on the grid, whatever the tick took. */
			next_tick +=
				opts->interval_ns * ((now - next_tick) / opts->interval_ns + 1);
		}
		run_tell_losing(run);
		run_tell_losing_json(run);
		err = err
			      ?: consumed == RUN_BUDGET ? output_flush_if_due(run->output)
							: output_flush(run->output);
		if (err || is_over || run_is_over(run, opts, now))
			return err;
		if (consumed < RUN_BUDGET)
			run_wait(run, opts->events, run_wait_ns(run, now, next_tick));
	}
}

/* What was recorded before the probes were detached. */
static int run_consume_rest(struct run *run, const struct run_loop_opts *opts)
{
	uint64_t consumed = 0;
	int err;

	/*
	 * Detaching may take a while (the kernel waits for its readers): nobody else should wait
	 * for it.
	 */
	err = output_flush(run->output);
	if (opts->detach)
		opts->detach(opts->ctx);
	if (err || !opts->events)
		return err;
	do {
		err = events_drain(opts->events, 0, &consumed);
	} while (!err && consumed && opts->detach);
	return err;
}

/* Report on stderr, and in JSON, what was lost. */
static void run_tell_lost(struct run *run, const struct run_loop_opts *opts)
{
	uint64_t total = 0, doubtful = 0, lost;
	uint32_t probe;
	int err;

	err = opts->events ? events_lost_total(opts->events, &total) : 0;
	err = err ?: opts->events ? events_doubtful(opts->events, &doubtful) : 0;
	if (err)
		log_error("cannot read how many events were lost: %s", strerror(-err));
	else
		output_json_lost(run->output, total, doubtful);
	if (total)
		log_warn("lost %llu events, which came faster than they could be written "
			 "(--buffer-pages gives more room)",
			 (unsigned long long)total);
	for (probe = 0; total && opts->probe_name && probe < events_probes(opts->events); probe++) {
		if (!events_lost(opts->events, probe, &lost) && lost)
			log_warn("lost %llu events of %s", (unsigned long long)lost,
				 opts->probe_name(opts->ctx, probe));
	}
	if (doubtful)
		log_warn(
			"%llu times a probe could not do its work: it may have been for an event, or for "
			"nothing that would have been shown",
			(unsigned long long)doubtful);
	if (run->follow && follow_missed(run->follow))
		log_warn("%llu processes or threads were not followed: too many at a time",
			 (unsigned long long)follow_missed(run->follow));
}

/*
 * The memory of one of our descriptors, if it is a BPF map: kernel/bpf/syscall.c,
 * bpf_map_show_fdinfo().
 */
static uint64_t run_map_memory(const char *fd)
{
	char path[64], line[128];
	unsigned long long bytes = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%.20s", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* A program has the second line too, but not the first. */
		if (!strncmp(line, "prog_type:", strlen("prog_type:")) ||
		    sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	if (file)
		fclose(file);
	return bytes;
}

static void run_tell_start(const struct run *run)
{
	uint64_t bytes = 0, armed_ns = timestamp_now() - run->options->start_ns;
	struct dirent *entry;
	DIR *dir;

	/* Who looks at an empty terminal wants to know that something is under way. */
	if (log_verbosity() < 1) {
		if (isatty(STDERR_FILENO) && !run->child)
			log_error(run->options->duration_ns ? "tracing" : "tracing, ^C ends it");
		return;
	}
	dir = opendir("/proc/self/fdinfo");
	while (dir && (entry = readdir(dir)))
		bytes += entry->d_name[0] == '.' ? 0 : run_map_memory(entry->d_name);
	if (dir)
		closedir(dir);
	log_info("BPF maps take %llu KiB of kernel memory", (unsigned long long)bytes / 1024);
	/* VmHWM, not getrusage(2)'s, which begins with that of the process that forked us. */
	log_info("armed %.1f ms after the start, %llu KiB resident", armed_ns / 1e6,
		 processes_status(getpid(), "VmHWM:"));
}

int run_loop(struct run *run, const struct run_loop_opts *opts)
{
	int err, output_err;

	run->events = opts->events;
	if (opts->reload)
		run_catch_reload();
	run->next_losing_ns = timestamp_now() + RUN_LOSING_NS;
	run_tell_start(run);
	if (notify_manager("READY=1"))
		log_info("the service manager could not be notified");
	if (run->options->duration_ns)
		run->deadline_ns = timestamp_now() + run->options->duration_ns;
	err = run->follow ? follow_exits_last(run->follow) : 0;
	if (err) {
		log_libbpf_failure(err, "cannot follow the processes of '%s'",
				   child_path(run->child));
		return RUN_FAILED;
	}
	err = run->child ? child_release(run->child) : 0;
	if (err) {
		log_error("cannot execute '%s': %s", child_path(run->child), strerror(-err));
		return RUN_FAILED;
	}
	err = run_consume(run, opts);
	/* The terminal has written "^C" where the next line begins. */
	if (run_signal == SIGINT && run_signal_from_terminal && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	if (!err)
		err = run_consume_rest(run, opts);
	else if (opts->detach)
		opts->detach(opts->ctx);
	if (opts->finish && err >= 0)
		opts->finish(opts->ctx);
	if (output_error(run->output) != -EPIPE)
		run_tell_lost(run, opts);
	output_err = output_flush(run->output);
	if (opts->events)
		log_info("%llu events, %llu wake-ups",
			 (unsigned long long)events_count(opts->events),
			 (unsigned long long)events_wakeups(opts->events));
	if (output_err)
		return output_report_error(run->output) ? RUN_FAILED : RUN_OK;
	if (err < 0) {
		log_error("cannot go on: %s", strerror(-err));
		return RUN_FAILED;
	}
	return run->child_status;
}
