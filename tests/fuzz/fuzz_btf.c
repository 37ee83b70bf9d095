/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/* Any bytes as BTF, alone and as a module's on top of themselves: every type is made, every question asked. */
#include <array_size.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/btf_file.h"
#include "types/btf.h"

static void ask(struct btf_types *types)
{
	static const char *const names[] = { "struct node", "union u", "enum state", "atomic_t",
					     "node" };
	struct btf_function function;
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct type *type = btf_types_find(types, names[i], strlen(names[i]));
		uint32_t count = 0;
		const struct type_member *members = type ? type_members(type, &count) : NULL;
		char text[128];

		for (uint32_t m = 0; m < count; m++) {
			uint32_t inner;

			type_declare(members[m].type, members[m].name, text, sizeof(text));
			if (members[m].bit_size > 64 ||
			    members[m].bit_offset + members[m].bit_size > 64)
				abort();
			type_members(members[m].type, &inner);
		}
	}
	btf_types_constant(types, "BUSY", &value);
	btf_types_function(types, "visit", &function);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "node", "u" };
	struct btf_file_search search = { .kinds = UINT32_MAX, .names = names, .count = 2 };
	struct btf_types *types = btf_types_new();
	struct btf_file *file;

	if (!btf_file_parse(data, size, NULL, &search, &file))
		for (size_t i = 0; i < search.found; i++)
			if (!btf_file_type(file, search.ids[i]))
				abort();
	btf_file_free(file);

	if (!btf_types_parse(types, data, size)) {
		ask(types);
		btf_types_parse(types, data, size);
		ask(types);
	}
	btf_types_free(types);
	return 0;
}
