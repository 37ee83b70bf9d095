/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * tracebox: all tools in one executable. Which one it is, its name says (a link to it), or else its first argument.
 */
#include <array_size.h>
#include <errno.h>
#include <front.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Made by the Makefile: TOOL(name, main's name there) for each, and for each of its links. */
#define TOOL(name, main) int main(int argc, char **argv);
#include "tracebox_tools.h"
#undef TOOL

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} tools[] = {
#define TOOL(name, main) { name, main },
#include "tracebox_tools.h"
#undef TOOL
};

static const char usage[] =
	"Usage: tracebox TOOL [ARGUMENT...]\n"
	"       tracebox --list\n"
	"       tracebox --install DIRECTORY\n"
	"All tracing tools in one executable. A link to it with a tool's name is that tool.\n\n"
	"  --install   make such links, symbolic ones, in a folder\n"
	"  --list      print the tools' names\n"
	"  --version   print the version\n";

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A package may append something to a tool's name: trace-co. The longest name that fits. */
static int find_tool(const char *name)
{
	size_t best = 0;
	int found = -1;

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		size_t len = strlen(tools[i].name);

		if (len > best && !strncmp(name, tools[i].name, len) &&
		    (!name[len] || name[len] == '-')) {
			best = len;
			found = (int)i;
		}
	}
	return found;
}

static int install(const char *folder)
{
	char self[4096], path[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0) {
		fprintf(stderr, "tracebox: cannot find itself: %s\n", strerror(errno));
		return 1;
	}
	self[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, tools[i].name) >=
		    (int)sizeof(path))
			errno = ENAMETOOLONG;
		else if (!symlink(self, path))
			continue;
		fprintf(stderr, "tracebox: cannot make %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

/* The box's own options: the exit status. */
static int run_option(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list"))
		for (size_t i = 0; i < ARRAY_SIZE(tools); i++)
			puts(tools[i].name);
	else if (argc == 2 && !strcmp(argv[1], "--version"))
		puts("tracebox " TOOLS_VERSION);
	else if (argc == 2 && !strcmp(argv[1], "--help"))
		fputs(usage, stdout);
	else if (argc == 3 && !strcmp(argv[1], "--install"))
		return install(argv[2]);
	else
		return -1;
	if (!fflush(stdout))
		return 0;
	fprintf(stderr, "tracebox: cannot write the output: %s\n", strerror(errno));
	return 1;
}

/* No tool was asked for: the exit status. */
static int run_itself(int argc, char **argv)
{
	int status;

	front_start();
	status = argc > 1 ? run_option(argc, argv) : -1;
	if (status >= 0)
		return status;
	if (argc > 1)
		fprintf(stderr, "tracebox: there is no tool '%s' in it: see tracebox --list\n",
			argv[1]);
	else
		fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	int tool = argc ? find_tool(base_name(argv[0])) : -1;

	if (tool < 0 && argc > 1) {
		tool = find_tool(base_name(argv[1]));
		if (tool >= 0) {
			argv++;
			argc--;
		}
	}
	if (tool < 0)
		return run_itself(argc, argv);
	/* What argp and messages go by. */
	program_invocation_name = argv[0];
	program_invocation_short_name = (char *)base_name(argv[0]);
	return tools[tool].main(argc, argv);
}
