/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * The rows of the table of runtimes. Operands are from each runtime's own probe description (named above its rows);
 * structure offsets are those of its public headers, which are the same in all versions named.
 */
#include "runtime/runtime_rows.h"

#include <array_size.h>

/* clang-format off: initializers, which it takes for blocks of code. */
#define OP(n)                  \
	{                      \
		.operand = (n) \
	}
/* The operand is a structure's address: follow pointers at these offsets. */
#define AT(n, ...)                                                                                \
	{                                                                                         \
		.operand = (n), .nr_steps = sizeof((int16_t[]){ __VA_ARGS__ }) / sizeof(int16_t), \
		.steps = {                                                                        \
			__VA_ARGS__                                                               \
		}                                                                                 \
	}
/* clang-format on */
#define CLASS [RUNTIME_CLASS_NAME]
#define CLASS_LEN [RUNTIME_CLASS_LEN]
#define METHOD [RUNTIME_METHOD_NAME]
#define METHOD_LEN [RUNTIME_METHOD_LEN]
#define FILE_NAME [RUNTIME_FILE_NAME]
#define LINE [RUNTIME_LINE]
#define NUMBER [RUNTIME_NUMBER]

/*
 * OpenJDK's src/hotspot/os/posix/dtrace/hotspot.d. Strings have lengths and no NUL. A native or slow-path exception
 * and each `new` of a Throwable alike record the stack by JVM_FillInStackTrace(env, throwable).
 */
static const struct runtime_row java_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .usdt = "hotspot:method__entry", .reader = RUNTIME_READ_JAVA,
	  .values = { CLASS = OP(2), CLASS_LEN = OP(3), METHOD = OP(4), METHOD_LEN = OP(5) } },
	{ RUNTIME_METHOD_RETURN, .usdt = "hotspot:method__return", .reader = RUNTIME_READ_JAVA,
	  .values = { CLASS = OP(2), CLASS_LEN = OP(3), METHOD = OP(4), METHOD_LEN = OP(5) } },
	{ RUNTIME_GC_BEGIN, .usdt = "hotspot:gc__begin", .values = { NUMBER = OP(1) } },
	{ RUNTIME_GC_END, .usdt = "hotspot:gc__end" },
	{ RUNTIME_OBJECT, .usdt = "hotspot:object__alloc",
	  .values = { CLASS = OP(2), CLASS_LEN = OP(3), NUMBER = OP(4) } },
	{ RUNTIME_CLASS, .usdt = "hotspot:class__loaded",
	  .values = { CLASS = OP(1), CLASS_LEN = OP(2) } },
	{ RUNTIME_CLASS, .rank = 1, .symbol = "JVM_DefineClassWithSource",
	  .values = { CLASS = OP(2) }, .note = "without classes of the boot loader" },
	{ RUNTIME_EXCEPTION, .symbol = "JVM_FillInStackTrace",
	  .note = "Throwables made with a stack trace, thrown or not" },
	{ RUNTIME_THREAD_START, .usdt = "hotspot:thread__start",
	  .values = { METHOD = OP(1), METHOD_LEN = OP(2) } },
	{ RUNTIME_THREAD_START, .rank = 1, .symbol = "JVM_StartThread" },
	{ RUNTIME_THREAD_STOP, .usdt = "hotspot:thread__stop",
	  .values = { METHOD = OP(1), METHOD_LEN = OP(2) } },
};

/* V8 and Node have no probes; the names are those of its C++ functions, with any arguments. */
static const struct runtime_row node_rows[] = {
	{ RUNTIME_GC_BEGIN, .symbol = "_ZN2v88internal4Heap14CollectGarbageE*" },
	{ RUNTIME_GC_END, .symbol = "_ZN2v88internal4Heap14CollectGarbageE*", .is_return = true },
	{ RUNTIME_EXCEPTION, .symbol = "_ZN2v88internal7Isolate5ThrowENS0_*" },
	{ RUNTIME_EXCEPTION, .symbol = "_ZN2v88internal7Isolate13ThrowInternalENS0_*" },
	{ RUNTIME_CLASS, .symbol = "_ZN2v88internal8Compiler18GetWrappedFunctionE*" },
	{ RUNTIME_CLASS, .symbol = "_ZN2v814ScriptCompiler13CompileModuleEPNS_7Isolate*",
	  .note = "modules compiled" },
	{ RUNTIME_THREAD_START, .symbol = "_ZN4node6worker6Worker11StartThreadE*",
	  .note = "worker threads" },
};

/* Of usdt_perl_level(): 5.36. */
#define PERL_CONTEXTS .versions = { 36, 36 }

/* cv.h, gv.h, hv.h; see usdt_perl_sub() for the names. */
static const struct runtime_row perl_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .symbol = "Perl_pp_entersub", .reader = RUNTIME_READ_PERL_SUB,
	  .values = { METHOD = OP(1) } },
	{ RUNTIME_METHOD_RETURN, .symbol = "Perl_pp_leavesub", PERL_CONTEXTS,
	  .reader = RUNTIME_READ_PERL_SUB, .values = { METHOD = OP(1) } },
	{ RUNTIME_METHOD_RETURN, .symbol = "Perl_pp_leavesublv", PERL_CONTEXTS,
	  .reader = RUNTIME_READ_PERL_SUB, .values = { METHOD = OP(1) },
	  .note = "not when left by die" },
	{ RUNTIME_METHOD_UNWIND, .symbol = "Perl_dounwind", PERL_CONTEXTS, .follow_jump = true,
	  .reader = RUNTIME_READ_PERL_SUB, .values = { METHOD = OP(1), NUMBER = OP(2) } },
	{ RUNTIME_OBJECT, .symbol = "Perl_sv_bless",
	  .values = { CLASS = { 3, 2, 0, { 0, 0x20 }, 8 } }, .note = "references blessed" },
	{ RUNTIME_CLASS, .symbol = "Perl_pp_require" },
	{ RUNTIME_EXCEPTION, .symbol = "Perl_die_unwind" },
	{ RUNTIME_THREAD_START, .symbol = "perl_clone" },
};

/* Zend/zend_dtrace.d; zend_class_entry.name at 8, zend_string.val at 24. */
#define ZEND_RETURN 62 /* zend_vm_opcodes.h, since PHP 5.0 */

static const struct runtime_row php_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .usdt = "php:function__entry",
	  .values = { METHOD = OP(1), FILE_NAME = OP(2), LINE = OP(3), CLASS = OP(4) } },
	{ RUNTIME_METHOD_RETURN, .usdt = "php:function__return",
	  .values = { METHOD = OP(1), FILE_NAME = OP(2), LINE = OP(3), CLASS = OP(4) } },
	{ RUNTIME_METHOD_COUNT, .php_opcode = ZEND_RETURN, .symbol = "ZEND_RETURN",
	  .note = "when they return; not when left by an exception" },
	{ RUNTIME_GC_BEGIN, .symbol = "zend_gc_collect_cycles" },
	{ RUNTIME_GC_END, .symbol = "zend_gc_collect_cycles", .is_return = true },
	{ RUNTIME_OBJECT, .symbol = "zend_objects_new",
	  .values = { CLASS = { 1, 1, 0, { 8 }, 24 } }, .note = "objects of user classes" },
	/* Its probe compile__file__entry is silent, too, without USE_ZEND_DTRACE. */
	{ RUNTIME_CLASS, .symbol = "compile_file", .note = "files compiled" },
	{ RUNTIME_EXCEPTION, .symbol = "zend_throw_exception_internal" },
};

/* 3.12, 3.13: _PyInterpreterFrame's code at 0; PyCodeObject's names; PyASCIIObject's text at 40. */
#define PYTHON_FRAME_VERSIONS 0x030c, 0x030d
/* clang-format off */
#define PYTHON_FRAME .versions = { PYTHON_FRAME_VERSIONS }, .values = {                     \
	FILE_NAME = { 2, 2, 0, { 0, 112 }, 40 }, METHOD = { 2, 2, 0, { 0, 128 }, 40 }, \
	LINE = { 2, 2, 4, { 0, 68 }, 0 } }
/* clang-format on */

/* Include/pydtrace.d; PyTypeObject.tp_name at 24. */
static const struct runtime_row python_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .usdt = "python:function__entry",
	  .values = { FILE_NAME = OP(1), METHOD = OP(2), LINE = OP(3) } },
	/* function__entry fires only while the semaphore of line is up: on a function that is never run. */
	{ RUNTIME_ENABLER, .usdt = "python:line", .symbol = "Py_FrozenMain" },
	{ RUNTIME_METHOD_RETURN, .usdt = "python:function__return",
	  .values = { FILE_NAME = OP(1), METHOD = OP(2), LINE = OP(3) } },
	/*
	 * Calls that Python code makes stay within _PyEval_EvalFrameDefault(), unless sys.activate_stack_trampoline() or -X perf
	 * gives each its own.
	 */
	{ RUNTIME_METHOD_ENTRY, .rank = 1, .symbol = "_PyEval_EvalFrameDefault", PYTHON_FRAME,
	  .note = "calls made by C code, such as a thread's first or a module's; all, if python runs with -X perf" },
	{ RUNTIME_METHOD_RETURN, .rank = 1, .symbol = "_PyEval_EvalFrameDefault", .is_return = true,
	  .versions = { PYTHON_FRAME_VERSIONS } },
	{ RUNTIME_METHOD_COUNT, .symbol = "_PyEval_FrameClearAndPop", PYTHON_FRAME,
	  .note = "functions and generators, when left" },
	{ RUNTIME_GC_BEGIN, .usdt = "python:gc__start", .values = { NUMBER = OP(1) } },
	{ RUNTIME_GC_BEGIN, .rank = 1, .symbol = "PyGC_Collect",
	  .note = "collections asked for from C; automatic ones are not seen" },
	{ RUNTIME_GC_END, .usdt = "python:gc__done" },
	{ RUNTIME_GC_END, .rank = 1, .symbol = "PyGC_Collect", .is_return = true },
	{ RUNTIME_OBJECT, .symbol = "PyType_GenericAlloc", .values = { CLASS = AT(1, 24) },
	  .note = "objects of classes, not those that the interpreter makes by itself" },
	{ RUNTIME_CLASS, .usdt = "python:import__find__load__start", .values = { CLASS = OP(1) },
	  .note = "modules looked for" },
	{ RUNTIME_EXCEPTION, .symbol = "_PyErr_SetObject" },
	{ RUNTIME_EXCEPTION, .rank = 1, .symbol = "PyErr_SetObject",
	  .note = "exceptions raised by C code" },
	{ RUNTIME_THREAD_START, .symbol = "PyThread_start_new_thread" },
	{ RUNTIME_THREAD_START, .symbol = "PyThread_start_joinable_thread" },
};

/* clang-format off */
#define RUBY_VALUES { CLASS = OP(1), METHOD = OP(2), FILE_NAME = OP(3), LINE = OP(4) }
#define RUBY_OBJECT { CLASS = OP(1), FILE_NAME = OP(2), LINE = OP(3) }
/* clang-format on */

#define RUBY_DANGER \
	"the probes of C methods make Ruby read names that may not be there, which crashes it now and then"

/*
 * probes.d, doc/dtrace_probes.rdoc; *__create of literals have a length in place of the class. In Ruby 3.1.2 a raised
 * semaphore of cmethod__entry alone, without any probe, crashed 11 of 30 starts (in rb_dtrace_setup()); that of method__entry none.
 */
static const struct runtime_row ruby_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .usdt = "ruby:method__entry", .values = RUBY_VALUES },
	{ RUNTIME_METHOD_ENTRY, .usdt = "ruby:cmethod__entry", .reader = RUNTIME_READ_RUBY_CMETHOD,
	  .values = RUBY_VALUES, .danger = RUBY_DANGER },
	{ RUNTIME_METHOD_COUNT, .usdt = "ruby:cmethod__entry", .is_guard = true },
	{ RUNTIME_METHOD_COUNT, .usdt = "ruby:method__entry",
	  .note = "methods written in C; others while the program has TracePoint.new(:call, :return){}.enable" },
	{ RUNTIME_METHOD_RETURN, .usdt = "ruby:method__return", .values = RUBY_VALUES },
	{ RUNTIME_METHOD_RETURN, .usdt = "ruby:cmethod__return", .values = RUBY_VALUES,
	  .danger = RUBY_DANGER },
	{ RUNTIME_GC_BEGIN, .usdt = "ruby:gc__mark__begin" },
	{ RUNTIME_GC_END, .usdt = "ruby:gc__mark__end" },
	{ RUNTIME_GC_BEGIN, .usdt = "ruby:gc__sweep__begin", .is_part = true },
	{ RUNTIME_GC_END, .usdt = "ruby:gc__sweep__end" },
	{ RUNTIME_OBJECT, .usdt = "ruby:object__create", .values = RUBY_OBJECT },
	{ RUNTIME_OBJECT, .usdt = "ruby:array__create" },
	{ RUNTIME_OBJECT, .usdt = "ruby:hash__create" },
	{ RUNTIME_OBJECT, .usdt = "ruby:string__create" },
	{ RUNTIME_OBJECT, .rank = 1, .symbol = "rb_class_new_instance_pass_kw",
	  .note = "objects made by new of Ruby classes" },
	{ RUNTIME_CLASS, .usdt = "ruby:require__entry", .values = { CLASS = OP(1) } },
	{ RUNTIME_CLASS, .usdt = "ruby:load__entry", .values = { CLASS = OP(1) } },
	{ RUNTIME_CLASS, .rank = 1, .symbol = "rb_require_string" },
	{ RUNTIME_EXCEPTION, .usdt = "ruby:raise", .values = RUBY_OBJECT },
	{ RUNTIME_EXCEPTION, .rank = 1, .symbol = "rb_make_exception",
	  .note = "raised by Ruby code" },
	{ RUNTIME_EXCEPTION, .rank = 1, .symbol = "rb_exc_raise", .note = "raised by Ruby code" },
};

/*
 * tcl.h: struct Tcl_Obj, bytes at 8, length at 16 (int in 8.x). The core of procedures, lambdas and methods; it is entered
 * when their frame has been pushed. tclInt.h: Interp's numLevels at 152, of nested evaluations: it is the same when that
 * frame is popped, whatever was the way out.
 */
#define TCL_LEVEL [RUNTIME_LEVEL] = { 1, 1, 4, { 152 }, 0 }
static const struct runtime_row tcl_rows[] = {
	{ RUNTIME_METHOD_ENTRY, .symbol = "TclNRInterpProcCore",
	  .values = { METHOD = AT(2, 8), METHOD_LEN = { 2, 1, 4, { 16 }, 0 }, TCL_LEVEL } },
	{ RUNTIME_METHOD_RETURN, .symbol = "Tcl_PopCallFrame", .values = { TCL_LEVEL } },
	{ RUNTIME_CLASS, .symbol = "Tcl_PkgProvideEx", .values = { CLASS = OP(2) },
	  .note = "packages provided" },
	{ RUNTIME_EXCEPTION, .symbol = "Tcl_SetObjErrorCode", .note = "errors" },
	{ RUNTIME_THREAD_START, .symbol = "Tcl_CreateThread" },
};

#define BIT(event) (1u << (event))
#define METHOD_BITS (BIT(RUNTIME_METHOD_ENTRY) | BIT(RUNTIME_METHOD_RETURN))

#define ROWS(lang) .rows = lang##_rows, .count = ARRAY_SIZE(lang##_rows)
#define NO_OBJECTS "it has no place that only the making of an object passes"

const struct runtime_desc runtime_descs[RUNTIME_LANGS] = {
	[RUNTIME_JAVA] = {
		"java", "JNI_CreateJavaVM", { "libjvm.so*" },
		{ "/usr/lib/jvm/*/lib/server/libjvm.so" }, ROWS(java),
		.switches = {
			{ METHOD_BITS, "DTraceMethodProbes", "start java with -XX:+ExtendedDTraceProbes" },
			{ BIT(RUNTIME_OBJECT), "DTraceAllocProbes", "start java with -XX:+ExtendedDTraceProbes" },
		},
	},
	[RUNTIME_NODE] = {
		"node", "_ZN4node5StartEiPPc", { "libnode*.so*" },
		{ "/usr/bin/node", "/usr/local/bin/node", "/usr/lib/*/libnode.so.*" }, ROWS(node),
		.missing = {
			[RUNTIME_METHOD_ENTRY] = "V8 runs functions in code that it makes in memory; probes need a place in a file",
			[RUNTIME_METHOD_RETURN] = "V8 runs functions in code that it makes in memory; probes need a place in a file",
			[RUNTIME_OBJECT] = "V8 makes objects in compiled code",
		},
	},
	[RUNTIME_PERL] = {
		"perl", "perl_parse", { "libperl.so*" },
		{ "/usr/bin/perl", "/usr/lib/*/libperl.so.*" }, ROWS(perl),
		.version = { "PL_version", 1, 0 },
		.missing = {
			[RUNTIME_METHOD_RETURN] = "how it nests calls is known of Perl 5.36 only",
			[RUNTIME_METHOD_ENTRY] = "it doesn't export Perl_pp_entersub, as Debian's did up to Perl 5.36",
			[RUNTIME_GC_BEGIN] = "Perl frees by reference counts",
			[RUNTIME_GC_END] = "Perl frees by reference counts",
		},
	},
	[RUNTIME_PHP] = {
		"php", "php_module_startup", { "libphp*.so*" },
		{ "/usr/bin/php[0-9]*", "/usr/bin/php-cgi[0-9]*", "/usr/sbin/php-fpm[0-9]*" }, ROWS(php),
		.switches = {
			{ METHOD_BITS, "zend_dtrace_enabled", "start php with USE_ZEND_DTRACE=1 in its environment" },
		},
		.missing = {
			[RUNTIME_METHOD_ENTRY] = "it was built without DTrace probes, as Debian's from 8.4 on",
			[RUNTIME_THREAD_START] = "PHP starts no threads",
		},
	},
	[RUNTIME_PYTHON] = {
		"python", "PyEval_EvalCode", { "libpython*.so*" },
		{ "/usr/bin/python3.[0-9]", "/usr/bin/python3.[0-9][0-9]", "/usr/local/bin/python3.[0-9]*[0-9]",
		  "/usr/lib/*/libpython3*.so.*" }, ROWS(python),
		.version = { "Py_Version", 4, 16 },
	},
	[RUNTIME_RUBY] = {
		"ruby", "ruby_run_node", { "libruby*.so*" },
		{ "/usr/lib/*/libruby-*.so.*", "/usr/local/lib/libruby.so.*" }, ROWS(ruby),
		.has_kernel_threads = true,
		.switches = {
			{ METHOD_BITS, NULL,
			  "methods written in C are always seen, others while the program has TracePoint.new(:call, :return){}.enable" },
		},
	},
	[RUNTIME_TCL] = {
		"tcl", "TclNRInterpProc", { "libtcl*.so*" },
		{ "/usr/lib/*/libtcl8.*.so", "/usr/lib/*/libtcl9.*.so" }, ROWS(tcl),
		.missing = {
			[RUNTIME_GC_BEGIN] = "Tcl frees by reference counts",
			[RUNTIME_GC_END] = "Tcl frees by reference counts",
			[RUNTIME_OBJECT] = NO_OBJECTS,
		},
	},
};
