/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The kernel's functions that ftrace can probe, as it lists them itself (available_filter_functions).
 */
#ifndef LIB_TRACEABLE_H
#define LIB_TRACEABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct traceable {
	char *text;
	const char **names; /* sorted; of several functions with one name there are as many */
	uint64_t *addrs; /* sorted, of the places that ftrace patches; NULL before 6.5 (83f74441bcb1) */
	size_t count;
};

/*
 * 0, or negative errno: -ENOENT, this kernel has no such list; -EPERM, -EACCES; -ENOMEM. traceable_free() is fine
 * after each.
 */
int traceable_read(struct traceable *traceable);
/* The same from the text of one of the two lists, which is taken over. 0 or -ENOMEM. */
int traceable_parse(struct traceable *traceable, char *text, bool has_addrs);
void traceable_free(struct traceable *traceable);

/* The first of this name, and in *count how many there are; NULL: none. */
const char *const *traceable_find(const struct traceable *traceable, const char *name,
				  size_t *count);

/*
 * Can the function that starts at this address be probed? By the address where there are some, else by its name, which another
 * function may have, too.
 */
bool traceable_has(const struct traceable *traceable, uint64_t addr, const char *name);

#endif /* LIB_TRACEABLE_H */
