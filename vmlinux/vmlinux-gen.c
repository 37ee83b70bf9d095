/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * Writes a small vmlinux.h: the types asked for in a list, and what they need, out of a kernel's BTF.
 * A struct met only behind a pointer becomes a forward declaration; one listed with members keeps
 * only those, laid out afresh, because CO-RE finds real offsets where the program is loaded.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/btf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MEMBERS 64
#define MAX_WANTS 512
#define MAX_NODES 4096

/* One entry of the list: a root type and, if any, the only members it keeps. */
struct want {
	int line;
	__u32 src; /* id in the kernel's BTF */
	int nr_members;
	const char *members[MAX_MEMBERS];
	bool seen[MAX_MEMBERS];
};

/*
 * One type of the output; its id there is its index + 1. An anonymous member takes its parent's
 * want, so one anonymous source type (BTF shares equal ones) may become several nodes.
 */
struct node {
	__u32 src;
	struct want *want;
	bool full;  /* defined, not just declared */
	bool laid;  /* size, align and exact are set */
	bool exact; /* same layout as in the kernel */
	__u32 size, align;
};

struct gen {
	struct btf *src;
	struct btf *dst;
	struct want **want_of; /* by source id */
	struct want wants[MAX_WANTS];
	int nr_wants;
	struct node nodes[MAX_NODES];
	int nr_nodes;
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("vmlinux-gen: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* ---- the kernel's BTF ---- */

/* Size of the BTF blob that starts at @data, 0 if none does (Documentation/bpf/btf.rst, section 2). */
static size_t btf_blob_size(const unsigned char *data, size_t len)
{
	struct btf_header hdr;
	size_t size;

	if (len < sizeof(hdr))
		return 0;
	memcpy(&hdr, data, sizeof(hdr));
	if (hdr.magic != BTF_MAGIC || hdr.version != 1 || hdr.hdr_len != sizeof(hdr))
		return 0;
	size = sizeof(hdr) + (size_t)hdr.str_off + hdr.str_len;
	if (hdr.type_off || hdr.type_len != hdr.str_off || hdr.str_len < 2 || size > len)
		return 0;
	return data[sizeof(hdr) + hdr.str_off] == 0 && data[size - 1] == 0 ? size : 0;
}

/*
 * Loads the largest BTF blob in a file: a bare .BTF, an ELF vmlinux, or arm64's raw Image, which
 * has no section table to ask.
 */
static struct btf *kernel_btf_open(const char *path)
{
	const unsigned char magic[] = { 0x9f, 0xeb, 0x01 };
	const unsigned char *data, *end, *p, *best = NULL;
	size_t size, best_size = 0;
	struct btf *btf;
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", path, strerror(errno));
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		die("%s: %s", path, strerror(errno));
	end = data + st.st_size;
	for (p = data; (p = memmem(p, end - p, magic, sizeof(magic))); p++) {
		size = btf_blob_size(p, end - p);
		if (size > best_size) {
			best = p;
			best_size = size;
		}
	}
	if (!best)
		die("%s: holds no BTF", path);
	btf = btf__new(best, best_size);
	if (!btf)
		die("%s: bad BTF: %s", path, strerror(errno));
	munmap((void *)data, st.st_size);
	close(fd);
	return btf;
}

static const char *src_name(const struct gen *g, const struct btf_type *t)
{
	return btf__name_by_offset(g->src, t->name_off);
}

/* ---- the list ---- */

static const struct {
	const char *word;
	__u32 kind;
} list_kinds[] = {
	{ "struct", BTF_KIND_STRUCT },
	{ "union", BTF_KIND_UNION },
	{ "enum", BTF_KIND_ENUM },
	{ "typedef", BTF_KIND_TYPEDEF },
};

static const char *enumerator_name(const struct gen *g, const struct btf_type *t, int i)
{
	return btf__name_by_offset(g->src, btf_is_enum64(t) ? btf_enum64(t)[i].name_off
							    : btf_enum(t)[i].name_off);
}

/* An anonymous enum goes by the name of any of its values. */
static __s32 enum_find_by_value(const struct gen *g, const char *name)
{
	__u32 id, n = btf__type_cnt(g->src);
	int i;

	for (id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(g->src, id);

		if (!btf_is_any_enum(t))
			continue;
		for (i = 0; i < btf_vlen(t); i++)
			if (!strcmp(enumerator_name(g, t, i), name))
				return id;
	}
	return -ENOENT;
}

static __s32 list_find_type(const struct gen *g, const char *word, const char *name)
{
	size_t i;

	if (!strcmp(word, "enumerator"))
		return enum_find_by_value(g, name);
	for (i = 0; i < sizeof(list_kinds) / sizeof(list_kinds[0]); i++)
		if (!strcmp(word, list_kinds[i].word))
			return btf__find_by_name_kind(g->src, name, list_kinds[i].kind);
	return -EINVAL;
}

/* One line: [@ARCH] KIND NAME[: MEMBER...], or an indented line of more members. */
static void list_parse_line(struct gen *g, char *line, int nr, const char *arch)
{
	bool more = line[0] == ' ' || line[0] == '\t';
	char *words[3], *colon, *word, *save;
	struct want *want = &g->wants[g->nr_wants];
	int n = 0;
	__s32 id;

	line[strcspn(line, "#\n")] = 0;
	if (!line[strspn(line, " \t")])
		return;
	if (more) {
		if (!g->nr_wants)
			die("types list:%d: members of what?", nr);
		want--;
		colon = line;
		goto members;
	}
	colon = strchr(line, ':');
	if (colon)
		*colon++ = 0;
	for (word = strtok_r(line, " \t", &save); word && n < 3;
	     word = strtok_r(NULL, " \t", &save))
		words[n++] = word;
	if (n == 3 && words[0][0] == '@') {
		/* Another architecture's entry stays as a want without a type, to own its members. */
		id = strcmp(words[0] + 1, arch) ? 0 : list_find_type(g, words[1], words[2]);
	} else if (n == 2) {
		id = list_find_type(g, words[0], words[1]);
	} else {
		die("types list:%d: want '[@ARCH] KIND NAME[: MEMBER...]'", nr);
	}
	if (id < 0)
		die("types list:%d: this kernel has no %s %s", nr, words[n - 2], words[n - 1]);
	if (g->want_of[id] && id)
		die("types list:%d: %s is already on line %d", nr, words[n - 1],
		    g->want_of[id]->line);
	if (++g->nr_wants == MAX_WANTS)
		die("types list:%d: too many types", nr);
	want->line = nr;
	want->src = id;
	g->want_of[id] = want;
members:
	if (!colon)
		return;
	for (word = strtok_r(colon, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (want->nr_members == MAX_MEMBERS)
			die("types list:%d: too many members", nr);
		want->members[want->nr_members++] = strdup(word);
	}
}

static void list_read(struct gen *g, const char *path, const char *arch)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	int nr = 0;

	g->want_of = calloc(btf__type_cnt(g->src), sizeof(*g->want_of));
	if (!f || !g->want_of)
		die("%s: %s", path, strerror(errno));
	while (getline(&line, &cap, f) >= 0)
		list_parse_line(g, line, ++nr, arch);
	free(line);
	fclose(f);
	g->want_of[0] = NULL;
}

/* A member that no kernel type has is a typing error in the list, or news from the kernel. */
static void list_check_members(const struct gen *g)
{
	int i, j;

	for (i = 0; i < g->nr_wants; i++)
		for (j = 0; g->wants[i].src && j < g->wants[i].nr_members; j++)
			if (!g->wants[i].seen[j])
				die("types list:%d: this kernel's type has no member %s",
				    g->wants[i].line, g->wants[i].members[j]);
}

/* ---- which types ---- */

static bool type_is_anonymous(const struct gen *g, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(g->src, id);

	return btf_is_composite(t) && !*src_name(g, t);
}

static bool want_has_name(struct want *want, const char *name)
{
	int i;

	for (i = 0; i < want->nr_members; i++) {
		if (!strcmp(want->members[i], name)) {
			want->seen[i] = true;
			return true;
		}
	}
	return false;
}

/* Whether a member stays; an anonymous one does when anything inside it does. */
static bool member_is_kept(struct gen *g, struct want *want, const struct btf_member *m)
{
	const char *name = btf__name_by_offset(g->src, m->name_off);
	const struct btf_type *t;
	int i;

	if (!want || !want->nr_members)
		return true;
	if (*name)
		return want_has_name(want, name);
	if (!type_is_anonymous(g, m->type))
		return false;
	t = btf__type_by_id(g->src, m->type);
	for (i = 0; i < btf_vlen(t); i++)
		if (member_is_kept(g, want, &btf_members(t)[i]))
			return true;
	return false;
}

/* The want that governs a type met as a member (@m) of a type governed by @parent, or elsewhere. */
static struct want *want_of_type(const struct gen *g, __u32 id, const struct btf_member *m,
				 struct want *parent)
{
	if (m && !*btf__name_by_offset(g->src, m->name_off) && type_is_anonymous(g, id))
		return parent;
	return g->want_of[id];
}

/* Looks through what the header doesn't say: type tags, and forwards of types defined elsewhere. */
static __u32 type_resolve(const struct gen *g, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(g->src, id);
	__s32 def;

	while (btf_is_type_tag(t)) {
		id = t->type;
		t = btf__type_by_id(g->src, id);
	}
	if (btf_is_fwd(t)) {
		def = btf__find_by_name_kind(g->src, src_name(g, t),
					     btf_kflag(t) ? BTF_KIND_UNION : BTF_KIND_STRUCT);
		if (def > 0)
			return def;
	}
	return id;
}

static struct node *node_find(struct gen *g, __u32 src, struct want *want)
{
	int i;

	for (i = 0; i < g->nr_nodes; i++)
		if (g->nodes[i].src == src && g->nodes[i].want == want)
			return &g->nodes[i];
	return NULL;
}

static struct node *node_of(struct gen *g, __u32 id, const struct btf_member *m,
			    struct want *parent)
{
	id = type_resolve(g, id);
	return node_find(g, id, want_of_type(g, id, m, parent));
}

static void closure_add(struct gen *g, __u32 id, const struct btf_member *m, struct want *parent,
			bool embedded);

static void closure_add_children(struct gen *g, const struct btf_type *t, struct want *want,
				 bool full)
{
	int i;

	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
		closure_add(g, t->type, NULL, NULL, false);
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		closure_add(g, t->type, NULL, NULL, full);
		break;
	case BTF_KIND_ARRAY:
		closure_add(g, btf_array(t)->index_type, NULL, NULL, true);
		closure_add(g, btf_array(t)->type, NULL, NULL, full);
		break;
	case BTF_KIND_FUNC_PROTO:
		closure_add(g, t->type, NULL, NULL, false);
		for (i = 0; i < btf_vlen(t); i++)
			closure_add(g, btf_params(t)[i].type, NULL, NULL, false);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (i = 0; full && i < btf_vlen(t); i++)
			if (member_is_kept(g, want, &btf_members(t)[i]))
				closure_add(g, btf_members(t)[i].type, &btf_members(t)[i], want,
					    true);
		break;
	}
}

/* Adds a type and what it needs; @embedded: its size matters, so a declaration won't do. */
static void closure_add(struct gen *g, __u32 id, const struct btf_member *m, struct want *parent,
			bool embedded)
{
	const struct btf_type *t;
	struct want *want;
	struct node *node;
	bool full;

	id = type_resolve(g, id);
	if (!id)
		return;
	t = btf__type_by_id(g->src, id);
	want = want_of_type(g, id, m, parent);
	full = embedded || want || type_is_anonymous(g, id);
	node = node_find(g, id, want);
	if (node && (node->full || !full))
		return;
	if (!node) {
		if (g->nr_nodes == MAX_NODES)
			die("more than %d types are needed: name the members wanted", MAX_NODES);
		node = &g->nodes[g->nr_nodes++];
		node->src = id;
		node->want = want;
	}
	node->full = full;
	closure_add_children(g, t, want, full);
}

/* ---- how they are laid out ---- */

static struct node *node_lay(struct gen *g, struct node *node);

static __u64 align_up(__u64 n, __u64 to)
{
	return (n + to - 1) / to * to;
}

/*
 * Where a kept member goes, in bits: the kernel's own place, or (@fresh) the next one C would give
 * it after @end. A bit field doesn't cross a boundary of its type.
 */
static __u64 member_place(struct gen *g, const struct btf_type *t, int i, struct want *want,
			  bool fresh, __u64 end)
{
	const struct btf_member *m = &btf_members(t)[i];
	__u32 bits = btf_member_bitfield_size(t, i);
	struct node *type;

	if (!fresh)
		return btf_member_bit_offset(t, i);
	if (btf_is_union(t))
		return 0;
	type = node_lay(g, node_of(g, m->type, m, want));
	if (bits && end % (8 * type->size) + bits <= 8 * type->size)
		return end;
	return align_up(end, 8 * type->align);
}

static void node_lay_composite(struct gen *g, struct node *node, const struct btf_type *t)
{
	__u64 end = 0, max_end = 0;
	__u32 align = 1;
	int i;

	node->exact = true;
	for (i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];

		if (!member_is_kept(g, node->want, m))
			node->exact = false;
		else if (!node_lay(g, node_of(g, m->type, m, node->want))->exact)
			node->exact = false;
	}
	if (node->exact) {
		node->size = t->size;
		node->align = btf__align_of(g->src, node->src);
		return;
	}
	for (i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		__u32 bits = btf_member_bitfield_size(t, i);
		struct node *type;

		if (!member_is_kept(g, node->want, m))
			continue;
		type = node_lay(g, node_of(g, m->type, m, node->want));
		end = member_place(g, t, i, node->want, true, end) + (bits ? bits : 8 * type->size);
		if (end > max_end)
			max_end = end;
		if (type->align > align)
			align = type->align;
	}
	node->align = align;
	node->size = align_up(align_up(max_end, 8) / 8, align);
}

/* Finds a node's size and alignment in the output; embedding has no cycles, so this ends. */
static struct node *node_lay(struct gen *g, struct node *node)
{
	const struct btf_type *t = btf__type_by_id(g->src, node->src);
	struct node *of;

	if (node->laid)
		return node;
	node->laid = true;
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		node_lay_composite(g, node, t);
		break;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		of = node_lay(g, node_of(g, t->type, NULL, NULL));
		node->size = of->size;
		node->align = of->align;
		node->exact = of->exact;
		break;
	case BTF_KIND_ARRAY:
		of = node_lay(g, node_of(g, btf_array(t)->type, NULL, NULL));
		node->size = of->size * btf_array(t)->nelems;
		node->align = of->align;
		node->exact = of->exact;
		break;
	default:
		node->size = btf__resolve_size(g->src, node->src);
		node->align = btf__align_of(g->src, node->src);
		node->exact = true;
	}
	return node;
}

/* ---- the output ---- */

static int dst_id(struct gen *g, __u32 id, const struct btf_member *m, struct want *want)
{
	return type_resolve(g, id) ? node_of(g, id, m, want) - g->nodes + 1 : 0;
}

static int emit_composite(struct gen *g, struct node *node, const struct btf_type *t)
{
	bool is_union = btf_is_union(t);
	__u64 end = 0;
	int i, err;

	if (!node->full)
		return btf__add_fwd(g->dst, src_name(g, t),
				    is_union ? BTF_FWD_UNION : BTF_FWD_STRUCT);
	node_lay(g, node);
	err = is_union ? btf__add_union(g->dst, src_name(g, t), node->size)
		       : btf__add_struct(g->dst, src_name(g, t), node->size);
	for (i = 0; err >= 0 && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		__u32 bits = btf_member_bitfield_size(t, i);
		__u64 at;

		if (!member_is_kept(g, node->want, m))
			continue;
		at = member_place(g, t, i, node->want, !node->exact, end);
		err = btf__add_field(g->dst, btf__name_by_offset(g->src, m->name_off),
				     dst_id(g, m->type, m, node->want), at, bits);
		end = at +
		      (bits ? bits : 8 * node_lay(g, node_of(g, m->type, m, node->want))->size);
	}
	return err;
}

static int emit_enum(struct gen *g, struct node *node, const struct btf_type *t)
{
	bool wide = btf_is_enum64(t);
	int i, err;

	err = wide ? btf__add_enum64(g->dst, src_name(g, t), t->size, btf_kflag(t))
		   : btf__add_enum(g->dst, src_name(g, t), t->size);
	for (i = 0; err >= 0 && i < btf_vlen(t); i++) {
		const char *name = enumerator_name(g, t, i);

		if (node->want && node->want->nr_members && !want_has_name(node->want, name))
			continue;
		err = wide ? btf__add_enum64_value(g->dst, name,
						   btf_enum64_value(&btf_enum64(t)[i]))
			   : btf__add_enum_value(g->dst, name, btf_enum(t)[i].val);
	}
	return err;
}

static int emit_func_proto(struct gen *g, const struct btf_type *t)
{
	int i, err;

	err = btf__add_func_proto(g->dst, dst_id(g, t->type, NULL, NULL));
	for (i = 0; err >= 0 && i < btf_vlen(t); i++) {
		const struct btf_param *p = &btf_params(t)[i];

		err = btf__add_func_param(g->dst, btf__name_by_offset(g->src, p->name_off),
					  dst_id(g, p->type, NULL, NULL));
	}
	return err;
}

static int emit_type(struct gen *g, struct node *node)
{
	const struct btf_type *t = btf__type_by_id(g->src, node->src);
	const char *name = src_name(g, t);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		return btf__add_int(g->dst, name, t->size, btf_int_encoding(t));
	case BTF_KIND_FLOAT:
		return btf__add_float(g->dst, name, t->size);
	case BTF_KIND_PTR:
		return btf__add_ptr(g->dst, dst_id(g, t->type, NULL, NULL));
	case BTF_KIND_TYPEDEF:
		return btf__add_typedef(g->dst, name, dst_id(g, t->type, NULL, NULL));
	case BTF_KIND_CONST:
		return btf__add_const(g->dst, dst_id(g, t->type, NULL, NULL));
	case BTF_KIND_VOLATILE:
		return btf__add_volatile(g->dst, dst_id(g, t->type, NULL, NULL));
	case BTF_KIND_RESTRICT:
		return btf__add_restrict(g->dst, dst_id(g, t->type, NULL, NULL));
	case BTF_KIND_ARRAY:
		return btf__add_array(g->dst, dst_id(g, btf_array(t)->index_type, NULL, NULL),
				      dst_id(g, btf_array(t)->type, NULL, NULL),
				      btf_array(t)->nelems);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return emit_composite(g, node, t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return emit_enum(g, node, t);
	case BTF_KIND_FWD:
		return btf__add_fwd(g->dst, name, btf_kflag(t) ? BTF_FWD_UNION : BTF_FWD_STRUCT);
	case BTF_KIND_FUNC_PROTO:
		return emit_func_proto(g, t);
	default:
		return -ENOTSUP;
	}
}

static void dump_print(void *ctx, const char *fmt, va_list args)
{
	vfprintf(ctx, fmt, args);
}

static void header_print(struct gen *g, FILE *out, const char *label)
{
	struct btf_dump *dump = btf_dump__new(g->dst, dump_print, out, NULL);
	int i, err;

	if (!dump)
		die("cannot print: %s", strerror(errno));
	fprintf(out,
		"/* SPDX-License-Identifier: GPL-2.0 */\n"
		"/* Made by vmlinux-gen from types.list and %s: `make vmlinux`, don't edit. */\n"
		"#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
		"#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
		"#pragma clang attribute push (__attribute__((preserve_access_index)), "
		"apply_to = record)\n#endif\n\n",
		label);
	for (i = 1; i <= g->nr_nodes; i++) {
		err = btf_dump__dump_type(dump, i);
		if (err)
			die("cannot print type %d: %s", i, strerror(-err));
	}
	fprintf(out, "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n"
		     "#endif /* __VMLINUX_H__ */\n");
	btf_dump__free(dump);
	if (fflush(out) || ferror(out))
		die("cannot write: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const char *arch = "", *label = NULL;
	static struct gen gen;
	struct gen *g = &gen;
	int i, opt, err;

	while ((opt = getopt(argc, argv, "a:l:")) != -1) {
		if (opt == 'a')
			arch = optarg;
		else if (opt == 'l')
			label = optarg;
		else
			break;
	}
	if (opt != -1 || argc - optind != 2) {
		fprintf(stderr,
			"usage: vmlinux-gen [-a ARCH] [-l LABEL] TYPES_LIST KERNEL > vmlinux.h\n"
			"KERNEL: a vmlinux, a raw Image, or a bare BTF file\n");
		return 2;
	}
	g->src = kernel_btf_open(argv[optind + 1]);
	g->dst = btf__new_empty();
	if (!g->dst)
		die("%s", strerror(errno));
	list_read(g, argv[optind], arch);
	for (i = 0; i < g->nr_wants; i++)
		closure_add(g, g->wants[i].src, NULL, NULL, true);
	for (i = 0; i < g->nr_nodes; i++) {
		err = emit_type(g, &g->nodes[i]);
		if (err < 0)
			die("kernel type %u: %s", g->nodes[i].src, strerror(-err));
	}
	list_check_members(g);
	header_print(g, stdout, label ? label : argv[optind + 1]);
	btf__free(g->dst);
	btf__free(g->src);
	return 0;
}
