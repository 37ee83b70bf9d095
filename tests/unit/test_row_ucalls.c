/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Rows of ucalls from recorded counts.
 */
#include "replay.h"

#include "ucalls.c"
#undef main

static struct row replay_row(const char *owner, const char *name, uint32_t line,
			     struct ucalls_count count)
{
	struct row row = { .key = { .owner_len = -ENOENT, .name_len = strlen(name) },
			   .method = { .line = line },
			   .count = count };

	memcpy(row.key.name, name, strlen(name));
	if (owner) {
		row.key.owner_len = strlen(owner);
		memcpy(row.key.owner, owner, strlen(owner));
	}
	return row;
}

static void replay_events(struct tool *tool, void *env)
{
	const struct ucalls_count count = { 12, 3456789, 1234, 0 };
	static char cut[UCALLS_NAME_SIZE];
	struct row rows[8];

	(void)tool;
	rows[0] = replay_row(NULL, "main", 0, count);
	rows[1] = replay_row("com/example/A", "run", 0, count);
	rows[2] = replay_row("/srv/app/lib.py", "handle", 17, count);
	rows[2].key.owner_is_file = 1;
	rows[3] = replay_row("app.rb", "a\nb\xff", 3, (struct ucalls_count){ 1, 0, 0, 0 });
	rows[3].key.owner_is_file = 1;
	rows[4] = replay_row(NULL, "", 0, count);
	rows[4].key.owner_len = -EFAULT;
	rows[4].key.name_len = -EFAULT;
	memset(cut, 'm', sizeof(cut) - 1);
	rows[5] =
		replay_row("Class", cut, 0, (struct ucalls_count){ 123456789012ull, -1ull, 0, 0 });
	rows[6] = replay_row(NULL, "read", 0, count);
	rows[6].is_syscall = true;
	rows[7] = replay_row(NULL, "", 0, count);
	rows[7].is_syscall = true;
	name_syscall(&rows[7].key, 1022);
	assert_int_equal(print_rows(env, rows, 8), 0);
}

REPLAY("ucalls", "ucalls 1", "ucalls -L 1", "ucalls -m -L -T 2 1", "ucalls -m 1", "ucalls --json 1",
       "ucalls -L --json 1")
