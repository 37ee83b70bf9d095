/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "flow/flow_print.h"
#include "flow/flow_tree.h"

static uint32_t child(struct flow_tree *tree, uint32_t parent, const char *class_name,
		      const char *method)
{
	const struct flow_function function = {
		.class_name = { .text = class_name, .len = class_name ? strlen(class_name) : 0 },
		.method = { .text = method, .len = strlen(method) },
	};
	uint32_t node = 0;

	assert_int_equal(flow_tree_child(tree, parent, &function, &node), 0);
	return node;
}

static void set_time(struct flow_tree *tree, uint32_t node, uint64_t calls, uint64_t total,
		     uint64_t self)
{
	flow_tree_node(tree, node)->calls = calls;
	flow_tree_node(tree, node)->total_ns = total;
	flow_tree_node(tree, node)->self_ns = self;
}

static void test_a_function_has_one_node_for_each_caller(void **state)
{
	struct flow_tree *tree = flow_tree_new();
	uint32_t a, b;

	(void)state;
	assert_non_null(tree);
	a = child(tree, FLOW_ROOT, "A", "run");
	b = child(tree, FLOW_ROOT, NULL, "run");
	assert_int_not_equal(a, b);
	assert_int_equal(child(tree, FLOW_ROOT, "A", "run"), a);
	assert_int_not_equal(child(tree, a, "A", "run"), a);
	assert_int_equal(child(tree, a, "A", "run"), child(tree, a, "A", "run"));
	/* Where class and method meet matters. */
	assert_int_not_equal(child(tree, FLOW_ROOT, "Ar", "un"), a);
	flow_tree_free(tree);
}

static void test_strings_are_copied(void **state)
{
	char name[] = "before";
	struct flow_tree *tree = flow_tree_new();
	uint32_t node = child(tree, FLOW_ROOT, NULL, name);

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	assert_string_equal(flow_tree_node(tree, node)->function.method.text, "before");
	flow_tree_free(tree);
}

static void test_many_nodes_are_found_again(void **state)
{
	struct flow_tree *tree = flow_tree_new();
	uint32_t nodes[5000], parent = FLOW_ROOT;
	char name[16];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		nodes[i] = parent = child(tree, parent, NULL, name);
	}
	parent = FLOW_ROOT;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(child(tree, parent, NULL, name), nodes[i]);
		parent = nodes[i];
	}
	flow_tree_free(tree);
}

/* main(10) -> fast(1), slow(8) -> deep(3); two outer functions */
static struct flow_tree *sample(void)
{
	struct flow_tree *tree = flow_tree_new();
	uint32_t outer, node;

	node = child(tree, FLOW_ROOT, NULL, "other");
	set_time(tree, node, 1, 2000, 2000);
	outer = child(tree, FLOW_ROOT, "Main", "main");
	set_time(tree, outer, 1, 10000, 1000);
	node = child(tree, outer, NULL, "fast");
	set_time(tree, node, 7, 1000, 1000);
	node = child(tree, outer, NULL, "slow");
	set_time(tree, node, 2, 8000, 5000);
	node = child(tree, node, NULL, "a b\n");
	set_time(tree, node, 1, 3000, 3000);
	flow_tree_node(tree, node)->unwound = 1;
	assert_int_equal(flow_tree_sort(tree), 0);
	return tree;
}

static const char *print(struct flow_tree *tree, bool json, bool folded, char *text, size_t size)
{
	int fd = memfd_create("out", 0);
	const struct output_opts opts = { .fd = fd, .json = json };
	const struct row_table *const tables[] = { &flow_print_nodes, NULL };
	struct output *out = output_new(&opts);
	struct flow_print printer = { .rows = &(struct row_printer){} };
	struct row_choice choice = {};
	struct timestamp start;
	ssize_t len;

	assert_non_null(out);
	timestamp_start(&start);
	row_note_option(&choice, tables, FLOW_KEY_CALL_TREE);
	assert_int_equal(row_choose(&choice, tables, NULL, NULL, 0), 0);
	row_printer_init(printer.rows, &choice, out, &start);
	assert_int_equal(
		folded ? flow_print_folded(&printer, tree) : flow_print_tree(&printer, tree), 0);
	assert_int_equal(output_flush(out), 0);
	output_free(out);
	len = pread(fd, text, size - 1, 0);
	assert_true(len >= 0);
	text[len] = 0;
	close(fd);
	flow_tree_free(tree);
	return text;
}

static void test_the_dearest_calls_come_first(void **state)
{
	char text[2048];

	(void)state;
	assert_string_equal(print(sample(), false, false, text, sizeof(text)),
			    "CALLS    TOTAL(us)      SELF(us)       METHOD\n"
			    "1        10.000         1.000          Main.main\n"
			    "2        8.000          5.000            slow\n"
			    "1        3.000          3.000              a b\\n  (1 unwound)\n"
			    "7        1.000          1.000            fast\n"
			    "1        2.000          2.000          other\n");
}

static void test_folded_stacks_have_own_time(void **state)
{
	char text[2048];

	(void)state;
	assert_string_equal(print(sample(), false, true, text, sizeof(text)),
			    "Main.main 1000\n"
			    "Main.main;slow 5000\n"
			    "Main.main;slow;a b\\n 3000\n"
			    "Main.main;fast 1000\n"
			    "other 2000\n");
}

static void test_json_has_the_callers(void **state)
{
	char text[4096];

	(void)state;
	print(sample(), true, false, text, sizeof(text));
	assert_non_null(strstr(text,
			       ",\"depth\":3,\"method\":\"a b\\n\",\"calls\":1,\"unwound\":1,"
			       "\"unknown\":0,\"total_us\":3,\"self_us\":3,\"callers\":["
			       "{\"class\":\"Main\",\"method\":\"main\"},{\"method\":\"slow\"}]}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_function_has_one_node_for_each_caller),
		cmocka_unit_test(test_strings_are_copied),
		cmocka_unit_test(test_many_nodes_are_found_again),
		cmocka_unit_test(test_the_dearest_calls_come_first),
		cmocka_unit_test(test_folded_stacks_have_own_time),
		cmocka_unit_test(test_json_has_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
