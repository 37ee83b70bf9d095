/* SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause) */
/*
 * blazesym-lite: names <-> places in programs, for tracing tools.
 *
 * Words used throughout:
 *   address  an ELF virtual address as written in the file (st_value, p_vaddr); in a relocatable
 *            file, which has none, the same as the offset
 *   offset   a position in the file, what a uprobe is attached to
 *   bias     run-time address minus address, one per mapping of a file
 *
 * Conventions: functions that can fail return 0 or a count, else a negative errno. What is
 * _open()ed is _close()d, what is _read() or _new() is _free()d; `const` pointers are borrowed and
 * live as long as the handle they came from unless said otherwise. There is no global state: a
 * handle is used by one thread at a time, different handles are independent. Every byte of a file
 * is untrusted; every parser is bounds-checked and ends.
 */
#ifndef BLAZESYM_LITE_H
#define BLAZESYM_LITE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- ELF files ------------------------------------------------------------------------------ */

/*
 * An open ELF file; it keeps a descriptor. Opening reads the file header and the program and section headers only; symbols are
 * read when asked for, and an index is built only for questions that need one (address -> symbol). The file may shrink or be
 * written to meanwhile: once that is noticed, all questions are answered with -ESTALE.
 */
struct bsl_elf;

enum bsl_elf_type {
	BSL_ELF_OTHER, /* core file, ET_NONE, ... */
	BSL_ELF_REL,   /* relocatable object: kernel module, .o */
	BSL_ELF_EXEC,  /* executable at fixed addresses: bias is 0 */
	BSL_ELF_PIE,   /* position-independent executable */
	BSL_ELF_DYN,   /* shared library */
};

/*
 * Opens `path` (which may be /proc/PID/exe, /proc/PID/map_files/..., /proc/PID/root/...).
 * Errors: those of open(2) and pread(2); -EISDIR and -ENOEXEC when it isn't a regular ELF file;
 * -EBADMSG when its headers contradict themselves or point outside of the file; -ENOTSUP for the
 * other byte order.
 */
int bsl_elf_open(const char *path, struct bsl_elf **elf);

/* The same for an open file descriptor, which is duplicated: the caller closes its own. */
int bsl_elf_open_fd(int fd, struct bsl_elf **elf);

/* The same for a file's bytes in memory (a vDSO image, tests), borrowed until bsl_elf_close(). */
int bsl_elf_open_mem(const void *data, size_t size, struct bsl_elf **elf);

/* Closes; NULL is fine. Names and pointers borrowed from the handle die with it. */
void bsl_elf_close(struct bsl_elf *elf);

/* The EM_* number of elf.h: EM_X86_64, EM_AARCH64, EM_386, ... */
int bsl_elf_machine(const struct bsl_elf *elf);

/* The EM_* number of the machine this library was compiled for. */
int bsl_host_machine(void);

/* 64 or 32. */
int bsl_elf_bits(const struct bsl_elf *elf);

/* What kind of file it is. */
enum bsl_elf_type bsl_elf_type(const struct bsl_elf *elf);

/*
 * "/proc/self/fd/N": a path for the kernel to find this very file by, wherever it lies and whatever its name means by now, such as
 * for a uprobe. As long as the handle is open, and in this process. "" for _open_mem().
 */
const char *bsl_elf_path(const struct bsl_elf *elf);

/* Device and inode numbers at the time of opening, as stat(2) gives them; 0 for _open_mem(). */
dev_t bsl_elf_dev(const struct bsl_elf *elf);
ino_t bsl_elf_ino(const struct bsl_elf *elf);

/*
 * Is the file what it was when it was opened? If it has been written to, all questions that are asked from now on fail with
 * -ESTALE; opening bsl_elf_path() gives a handle of what it is now.
 */
bool bsl_elf_check(struct bsl_elf *elf);

/* What a negative errno of a function about ELF files means, for people: "not an ELF file" for -ENOEXEC. */
const char *bsl_error_text(int err);

/* The GNU build id's bytes and their number in *len, or NULL and 0. */
const uint8_t *bsl_elf_build_id(const struct bsl_elf *elf, size_t *len);

/*
 * True for a program built by the Go tool chain (sections .go.buildinfo, .gopclntab and friends,
 * which survive stripping). A uretprobe can crash such a program: it rewrites return addresses, and
 * Go looks at these when it moves a stack. See bsl_elf_return_way().
 */
bool bsl_elf_is_go(const struct bsl_elf *elf);

/*
 * Do exceptions pass through this file's functions, C++'s or Rust's panics? The unwinder takes the return address that a
 * uretprobe has put in the place of the real one for the end of the stack, and the program ends. By .gcc_except_table and
 * the names of what raises and handles them, imported or its own (these are gone from a stripped static program).
 */
bool bsl_elf_has_exceptions(const struct bsl_elf *elf);

/*
 * Address <-> offset by the PT_LOAD segments.
 * -ENOENT when no segment holds it, or when the address has no byte in the file (.bss).
 */
int bsl_elf_addr_to_offset(const struct bsl_elf *elf, uint64_t addr, uint64_t *offset);
int bsl_elf_offset_to_addr(const struct bsl_elf *elf, uint64_t offset, uint64_t *addr);

/*
 * The file's `len` bytes at an address (initialised data, code), or NULL when they aren't all in
 * one segment of the file. Not relocated: pointers in a PIE are as the linker left them.
 */
const void *bsl_elf_data(const struct bsl_elf *elf, uint64_t addr, size_t len);

/* ---- symbols -------------------------------------------------------------------------------- */

enum bsl_symbol_type {
	BSL_SYM_FUNC,	/* STT_FUNC; STT_NOTYPE in an executable section (assembly) */
	BSL_SYM_IFUNC,	/* STT_GNU_IFUNC: addr is the *resolver*, run once a process, not
				 * the function that will be called */
	BSL_SYM_OBJECT, /* STT_OBJECT, STT_COMMON; not STT_TLS, whose value is no address */
};

enum bsl_symbol_bind {
	BSL_BIND_LOCAL, /* static */
	BSL_BIND_GLOBAL,
	BSL_BIND_WEAK,
};

/* A defined symbol. */
struct bsl_symbol {
	const char *name;    /* as in the table, without @VERSION; mangled if it was */
	const char *version; /* "GLIBC_2.34", or NULL if it has none or the file doesn't say */
	uint64_t addr;	     /* ELF virtual address */
	uint64_t offset;     /* file offset, the place for a uprobe; UINT64_MAX if none (.bss) */
	uint64_t size;	     /* bytes, 0 if the file does not say */
	enum bsl_symbol_type type;
	enum bsl_symbol_bind bind;
	bool is_label;	   /* STT_NOTYPE: the file doesn't say that it is a function */
	const char *clone; /* ".constprop.0", a tail of name: a variant of a function, perhaps
				 * with other arguments; ".cold", ".part.0": a piece of one, which
				 * isn't called as it is. Else NULL */
};

/*
 * Receives one symbol; the struct and its strings live until the callback returns. 0 goes on,
 * > 0 stops the search quietly, < 0 stops it and is returned by the search.
 */
typedef int (*bsl_symbol_fn)(const struct bsl_symbol *sym, void *ctx);

enum {
	BSL_FIND_GLOB = 1 << 0,		/* name is a pattern for bsl_glob_match() */
	BSL_FIND_OBJECTS = 1 << 1,	/* data symbols too */
	BSL_FIND_ONLY_OBJECTS = 1 << 2, /* data symbols, no functions */
	BSL_FIND_DEMANGLED = 1 << 3,	/* compare with the demangled name too: as a whole,
					 * without its parameters, and bare, without template
					 * arguments. Rust's hash is not a part of it */
	BSL_FIND_CLONES = 1 << 4,	/* name is exact: take foo.constprop.0, foo.isra.0,
					 * foo.part.0, foo.cold, foo.lto_priv.0, foo.llvm.1, too */
};

/*
 * Gives every defined symbol whose name is (or matches) `name` to fn, from .symtab and from
 * .dynsym, each address+name once. `name` may carry a version, foo@GLIBC_2.2.5, to choose among
 * several; without one every version matches. Two static functions of one name are two symbols.
 * Order: as in .symtab, then what only .dynsym has.
 * Returns the number of symbols given to fn (0: no such symbol), or a negative errno: -ENODATA when
 * the file has no symbol table at all, -ENOMEM, or what fn returned.
 */
int bsl_elf_find_symbols(struct bsl_elf *elf, const char *name, unsigned int flags,
			 bsl_symbol_fn fn, void *ctx);

/*
 * The symbol that covers an address: the innermost of those with a size, else the nearest one
 * before it that has none and lies in the same section. Of several at one place a function wins
 * over data, an exported one over a local one, a name without a leading underscore over one with
 * it, a global over a weak one. The linker's stubs are named foo@plt. The first call builds a
 * sorted index (24 bytes a symbol). The strings live as long as the handle.
 * Errors: -ENOENT, nothing is there; -ENODATA, the file has no symbols; -ENOMEM.
 */
int bsl_elf_symbol_at(struct bsl_elf *elf, uint64_t addr, struct bsl_symbol *sym);

/*
 * Names near to a misspelt one (edit distance at most a third of its length), nearest first.
 * Fills up to n of out[] with malloc()ed strings that the caller frees. flags: BSL_FIND_*OBJECTS.
 * Returns how many there are, or a negative errno.
 */
int bsl_elf_suggest(struct bsl_elf *elf, const char *name, unsigned int flags, char **out,
		    size_t n);

/*
 * Where the functions of a file without a .symtab are looked for, at the first question about
 * symbols: in the .gopclntab of Go programs (1.2 to current; layout by its magic), and in
 * .gnu_debugdata (xz-compressed symbols of Fedora and friends), if no other call gave the file a
 * better table before.
 *
 * This call looks for a separate debug file and takes its .symtab, and its DWARF for
 * bsl_elf_lines(): by build id in /usr/lib/debug/.build-id, by .gnu_debuglink beside `path`, in
 * .debug below it and in /usr/lib/debug/PATH, its CRC checked. `path` is the file's own name in the world of process pid, whose
 * files come first, then ours (pid 0: ours alone; the path may be relative, then). -ENOENT if there is none; -EEXIST if a table is
 * there already, which does no harm.
 */
int bsl_elf_load_debug(struct bsl_elf *elf, pid_t pid, const char *path);

/* ---- lines and inlined functions ------------------------------------------------------------ */

/* One source position; the strings live as long as the ELF handle. */
struct bsl_line {
	const char *function; /* DWARF's linkage name, else its plain name; or NULL */
	const char *file;     /* path, or NULL */
	const char *dir;      /* what a relative file is relative to: where the compiler ran; or
				 * NULL */
	unsigned int line;    /* 0: unknown */
	unsigned int column;  /* 0: unknown */
};

/*
 * The source positions of an address, by DWARF, innermost first: what was inlined there, then the
 * function it all was compiled into. Fills up to n of lines[]; returns how many there are to be had
 * (maybe more than n), -ENODATA when the file has no DWARF, -ENOENT when it says nothing of the
 * address, -ENOMEM. Split DWARF is read from PATH.dwp, from .dwo files beside the file or where
 * the compiler left them; without these there are lines, but no inlined functions.
 */
int bsl_elf_lines(struct bsl_elf *elf, uint64_t addr, struct bsl_line *lines, size_t n);

/* A place that DWARF knows by a name that symbol tables don't have. */
struct bsl_dwarf_place {
	const char *name;     /* of the inlined function, as in bsl_line; or the file */
	uint64_t addr;	      /* ELF virtual address of the first instruction */
	uint64_t offset;      /* file offset, UINT64_MAX if none */
	struct bsl_line line; /* inlined: where it was called; function: into what it was inlined.
				 * file:line: the position itself */
	/* Of an inlined copy: */
	const char *
		unproved; /* why it isn't proved that each call comes through here once; NULL: it is */
	const void *copy;  /* libdw's Dwarf_Die of it; NULL: it may be one of several */
	const void *frame; /* that of the function whose code it is in */
};

/* As bsl_symbol_fn: strings live as long as the ELF handle, the struct until it returns. */
typedef int (*bsl_dwarf_place_fn)(const struct bsl_dwarf_place *place, void *ctx);

/*
 * Gives fn every place where a function called `name` was inlined into another. flags:
 * BSL_FIND_GLOB, BSL_FIND_DEMANGLED. Walks all of the file's DWARF. A place is where the inlined
 * code starts, several for what a loop was unrolled to; its address is 0 if that isn't known. Its arguments are wherever DWARF says,
 * not where the ABI would have them. Returns how many were given (0: it was inlined nowhere), -ENODATA without DWARF, or what fn
 * returned if < 0.
 */
int bsl_elf_find_inlined(struct bsl_elf *elf, const char *name, unsigned int flags,
			 bsl_dwarf_place_fn fn, void *ctx);

/*
 * Gives fn the start of every statement of a source line: `file` is a path or the end of one,
 * "a.c", "src/a.c". Several, when the compiler split, unrolled or inlined it. Returns as above.
 */
int bsl_elf_find_line(struct bsl_elf *elf, const char *file, unsigned int line,
		      bsl_dwarf_place_fn fn, void *ctx);

/*
 * libdw's handle of the same DWARF, for who asks it questions of his own, and of the file's own unwinding
 * tables (.eh_frame; *cfi is NULL if there are none). Both are borrowed and live as long as the ELF
 * handle. -ENODATA when the file has no DWARF, -ENOMEM.
 */
struct Dwarf;
struct Dwarf_CFI_s;
int bsl_elf_dwarf(struct bsl_elf *elf, struct Dwarf **dwarf, struct Dwarf_CFI_s **cfi);

/*
 * Where the compiler split a unit's DWARF off (-gsplit-dwarf): makes of the Dwarf_Die of its skeleton the one of the
 * unit in the other file, if that is there and can be opened without harm. Others stay what they are.
 */
void bsl_elf_split_unit(struct bsl_elf *elf, void *unit);

/* ---- unwinding tables ------------------------------------------------------------------------- */

/* The code that one entry of .eh_frame describes: a function, or a part of it that was split off. */
struct bsl_frame {
	uint64_t addr, size;
	size_t entry;	    /* where it is in the section */
	int16_t return_reg; /* DWARF's number of what stands for the return address; BSL_REG_NONE */
	bool is_signal;	    /* it is what a signal's handler returns to, no function */
	bool has_personality; /* the language has a say when an exception passes */
	bool has_handlers;    /* it has code to run, or a list of what may pass: an LSDA */
};

/* Where the return address of a frame is. */
enum bsl_frame_rule {
	BSL_FRAME_IN_REG, /* in the register that a call put it into (arm64: x30) */
	BSL_FRAME_AT_CFA, /* in memory, at the CFA plus ret_offset */
	BSL_FRAME_AT_FP, /* in memory, at the frame pointer plus an offset: where a function aligns its stack */
	BSL_FRAME_NONE, /* nowhere: there is no caller */
	BSL_FRAME_OTHER,
};

/* What holds at the instructions [addr, addr + size). The CFA is what the stack pointer was before the call. */
struct bsl_frame_row {
	uint64_t addr, size;
	int16_t cfa_reg; /* the CFA is that register plus cfa_offset; BSL_REG_NONE: an expression says */
	int64_t cfa_offset;
	/* DWARF's expression for the CFA where it is BSL_REG_NONE, in the file; NULL: there is none. */
	const uint8_t *cfa_expr;
	size_t cfa_expr_size;
	enum bsl_frame_rule ret;
	int64_t ret_offset;
	/* The caller's frame pointer: BSL_FRAME_IN_REG, it has not changed. */
	enum bsl_frame_rule fp;
	int64_t fp_offset;
};

/*
 * The entry that covers an address. The first question reads all of them (about 50 ns each). -ENOENT; -ENODATA if the file
 * has no .eh_frame; -ENOMEM.
 */
int bsl_elf_frame_at(struct bsl_elf *elf, uint64_t addr, struct bsl_frame *frame);

/*
 * Gives fn the rows of an entry from bsl_elf_frame_at(), in order, without gaps. Returns 0, or what fn returned if that isn't
 * 0, which ends it; -EBADMSG if the entry's program is broken.
 */
int bsl_elf_frame_rows(struct bsl_elf *elf, const struct bsl_frame *frame,
		       int (*fn)(const struct bsl_frame_row *row, void *ctx), void *ctx);

/*
 * The same tables in a form that is searched and followed in no time, also by BPF programs: what it takes to get from a
 * frame to its caller's.
 */
enum bsl_unwind_kind {
	BSL_UNWIND_NONE, /* no table covers this code */
	BSL_UNWIND_END,	 /* there is no caller */
	/* The CFA is that register, plus cfa * 8; the return address is below it (x86_64), or in x30 (arm64) for _LEAF. */
	BSL_UNWIND_SP,
	BSL_UNWIND_FP,
	BSL_UNWIND_SP_LEAF,
	BSL_UNWIND_FP_LEAF,
	/* The CFA is in memory: *(fp + cfa * 8), and the caller's frame pointer *fp; *(sp + cfa * 8) + 8. */
	BSL_UNWIND_AT_FP,
	BSL_UNWIND_AT_SP,
	/* A linker's stub: sp + 8, and 8 more from its byte 11 of 16 on, or 10. */
	BSL_UNWIND_STUB11,
	BSL_UNWIND_STUB10,
	BSL_UNWIND_SIGNAL, /* what a signal's handler returns to: the registers are where the kernel saved them */
	BSL_UNWIND_OTHER, /* there is a rule, but none of these */
};

/* What holds from a file offset on, up to the next row's. */
struct bsl_unwind_row {
	uint32_t offset;
	int16_t cfa;  /* in units of 8 bytes */
	uint8_t kind; /* enum bsl_unwind_kind */
	/*
	 * Where the caller's frame pointer is, from the CFA, in units of 8 bytes; 0: it has not changed. arm64: the return
	 * address is behind it, or with BSL_UNWIND_RET_ONLY there alone.
	 */
	int8_t fp;
};

/* In kind, arm64: fp says where the return address is, and the frame pointer has not changed. */
#define BSL_UNWIND_RET_ONLY 0x80

struct bsl_unwind {
	struct bsl_unwind_row *rows; /* by offset; the last is BSL_UNWIND_NONE */
	size_t nr;
	/* For people: entries, and how many bytes of code they cover, and those of BSL_UNWIND_OTHER. */
	size_t nr_entries;
	uint64_t covered, other;
};

/*
 * Makes it of .eh_frame (about 1 µs an entry); entries that are broken, or not in the file, are left out. -ENODATA: the file has none;
 * -ENOTSUP: not for x86_64 or arm64; -ENOMEM.
 */
int bsl_elf_unwind_read(struct bsl_elf *elf, struct bsl_unwind **unwind);
void bsl_unwind_free(struct bsl_unwind *unwind);

/* The row that holds at an offset; NULL: before the first. */
const struct bsl_unwind_row *bsl_unwind_find(const struct bsl_unwind *unwind, uint32_t offset);

/* ---- instructions --------------------------------------------------------------------------- */

#define BSL_INSN_MAX 15 /* bytes of the longest one */

/* Where an instruction leads. */
enum bsl_insn_kind {
	BSL_INSN_PLAIN,		/* to the next one */
	BSL_INSN_JUMP,		/* to its target, always */
	BSL_INSN_BRANCH,	/* to its target or to the next one */
	BSL_INSN_CALL,		/* to its target, which returns to the next one */
	BSL_INSN_JUMP_INDIRECT, /* to where a register or memory says */
	BSL_INSN_CALL_INDIRECT,
	BSL_INSN_RETURN,
	BSL_INSN_SYSCALL,
	BSL_INSN_STOP, /* nowhere: it traps, ud2 or brk */
};

/* What it does, of the little that readers of code ask for. */
enum bsl_insn_op {
	BSL_OP_OTHER,
	BSL_OP_LOAD,	/* reg = *memory */
	BSL_OP_STORE,	/* *memory = reg, or something else: BSL_REG_NONE */
	BSL_OP_MOVE,	/* reg = from */
	BSL_OP_LEA,	/* reg = address of memory; arm64: adr, adrp */
	BSL_OP_COMPARE, /* *memory, or reg, with imm */
	BSL_OP_ADD,	/* reg += imm */
	BSL_OP_PUSH,	/* of reg, or of something else: BSL_REG_NONE */
	BSL_OP_POP,
	BSL_OP_LEAVE, /* x86_64: rsp = rbp, pop %rbp */
};

/* What happens to a program when the kernel has a uprobe there. */
enum bsl_insn_probe {
	BSL_PROBE_STEPPED,  /* a copy of the instruction is single-stepped */
	BSL_PROBE_EMULATED, /* the kernel does it itself, several times cheaper */
	/* From Linux 6.18 on a call may take its place, which overwrites 32 bytes below the stack pointer: the red zone */
	BSL_PROBE_CALL,
	BSL_PROBE_REFUSED, /* the kernel takes no uprobe, see `why` */
	BSL_PROBE_HARMFUL, /* the kernel takes one and the program goes wrong, or counts do: `why` */
};

/* One instruction. Registers are numbered as for struct bsl_reg, BSL_REG_NONE if there is none. */
struct bsl_insn {
	uint8_t length;
	enum bsl_insn_kind kind;
	enum bsl_insn_op op;
	enum bsl_insn_probe probe;
	const char *why; /* static text for BSL_PROBE_REFUSED and _HARMFUL, else NULL */
	uint64_t target; /* BSL_INSN_JUMP, _BRANCH, _CALL */
	int8_t condition; /* BSL_INSN_BRANCH on x86_64: the lower half of Jcc's opcode (4: je, 5: jne); else -1 */
	uint8_t size;	   /* bytes of what op moves or compares, 0 if that isn't known */
	bool is_constant;  /* it moves a value that it has itself */
	int16_t reg, from; /* of op; reg also: the one that a compare-and-branch asks for */
	int16_t writes;	   /* a general register that it changes, as far as is known */
	int64_t imm;	   /* of BSL_OP_COMPARE, _ADD */
	bool has_memory;   /* it has an operand in memory, or an address as for one (lea, nop) */
	bool has_disp;	   /* ... whose displacement is known: not so with EVEX's scaled ones */
	bool has_segment;  /* ... which %fs or %gs is added to */
	int16_t base, index;
	int32_t disp;
	bool is_relative; /* ... to the instruction pointer: it is at */
	uint64_t address;
};

/*
 * Decodes the instruction at code[0], which runs at `addr`, for EM_X86_64 or EM_AARCH64. Formats: Intel's manual,
 * volume 2, chapter 2 and appendix A; ARM DDI 0487, C4.1. Returns its length, 1 to 15; -EINVAL if it isn't one, -ENODATA
 * if it is longer than `size`, -ENOTSUP for other machines.
 */
int bsl_insn_decode(int machine, const uint8_t *code, size_t size, uint64_t addr,
		    struct bsl_insn *insn);

/* ---- places for uprobes ---------------------------------------------------------------------- */

/* The function that code belongs to, as its symbol or, without one, its unwinding table has it. */
struct bsl_function {
	uint64_t addr, size;
	const char *name; /* NULL: it has no symbol. Lives as long as the ELF handle */
	bool is_label;	  /* the symbol doesn't say that it is a function, nor does a table */
};

/* -ENOENT: none is known there; other errors as bsl_elf_symbol_at(). */
int bsl_elf_function_at(struct bsl_elf *elf, uint64_t addr, struct bsl_function *function);

enum {
	BSL_PLACE_VOUCHED =
		1
		<< 0, /* where no function is known: something says that an instruction begins there (a USDT
				     * note, a line table) */
	BSL_PLACE_FORCE = 1 << 1, /* the caller is sure that one does */
};

/*
 * May a uprobe be put at an address without harm? Not in relocatable files and what isn't code; not but where an
 * instruction is proved to begin, as decoded from the function's start; not on what the kernel refuses, or does wrongly (enum
 * bsl_insn_probe), nor within an exclusive sequence of arm64, which would never succeed. No flag excuses the last ones.
 * 0; -EPERM with a line for people in why; -ENOMEM.
 */
int bsl_elf_check_place(struct bsl_elf *elf, uint64_t addr, unsigned int flags, char *why,
			size_t why_size);

/* The same for the entry of a function that the caller knows by its symbol. */
int bsl_elf_check_entry(struct bsl_elf *elf, const struct bsl_symbol *sym, char *why,
			size_t why_size);

/*
 * Calls fn with the file offset of each return instruction of a function: `ret` on x86_64 (with
 * its prefixes and operand), `ret`, `retaa`, `retab` on arm64. Places for a probe where a return
 * probe may not be put. Returns their number (0: the function ends in jumps or never); -ENOENT when
 * the bytes aren't in the file, -EINVAL when they can't be decoded to the end (nothing was reported
 * then), -ENOTSUP for other machines.
 */
int bsl_elf_ret_sites(const struct bsl_elf *elf, uint64_t addr, uint64_t size,
		      int (*fn)(uint64_t offset, void *ctx), void *ctx);

/*
 * How many bytes further a function's entry can be probed just as well: 4 where it begins with endbr64, which the kernel
 * must single-step at a probe; in Go behind the branch for a stack that is too small, from which the function is entered
 * again. As long as nothing in the function jumps there (a loop would be hit each time around). Registers and stack are
 * what they are at the entry. 0: it is best probed where it begins; so it is if its `size` bytes can't be decoded.
 */
int bsl_elf_entry_skip(const struct bsl_elf *elf, uint64_t addr, uint64_t size);

/* ---- returns ---------------------------------------------------------------------------------- */

enum bsl_return_way {
	BSL_RETURN_BY_PROBE, /* a return probe at the entry */
	BSL_RETURN_BY_SITES, /* probes on its return instructions, see bsl_elf_return_sites() */
};

/*
 * How the returns of a function can be seen without harm: one of enum bsl_return_way. A return probe replaces the return address on
 * the stack: only where the function's own unwinding table says that it is there at the entry and stays there, where the
 * function doesn't look at it, and the file neither has exceptions nor switches stacks nor walks them (Go, Java, V8,
 * OCaml); in a library only where the function calls nothing. Else its return instructions, if it ends in these alone. -EPERM with a line for people in why if neither will do;
 * -ENOMEM.
 */
int bsl_elf_return_way(struct bsl_elf *elf, const struct bsl_function *function, char *why,
		       size_t why_size);

/*
 * Calls fn with the file offset of each return instruction of a function, those in parts that the compiler split off
 * (.cold) included. Returns their number, or what fn returned if not 0, or -EINVAL if it can't be decoded, -ENOENT, -ENOMEM.
 */
int bsl_elf_return_sites(struct bsl_elf *elf, const struct bsl_function *function,
			 int (*fn)(uint64_t offset, void *ctx), void *ctx);

/* ---- names that compilers made -------------------------------------------------------------- */

enum {
	BSL_DEMANGLE_NO_PARAMS = 1 << 0, /* C++: app::add and not app::add(int, int) */
	BSL_DEMANGLE_BARE = 1 << 1,	 /* nor template arguments and return type: app::max
						 * for `int app::max<int>(int, int)`, app::count
						 * for Rust's app::count::<alloc::string::String> */
	BSL_DEMANGLE_NO_RESULT = 1 << 2, /* nor what templates return: app::max<int>(int, int) */
};

/*
 * C++ (Itanium ABI) and Rust (legacy without its hash, and v0) names made readable, by libiberty.
 * Returns a malloc()ed string that the caller frees, or NULL if it isn't a mangled name.
 */
char *bsl_demangle(const char *name, unsigned int flags);

/* ---- text helpers --------------------------------------------------------------------------- */

/*
 * Shell-like match of the whole of `text`: `*` any characters, `?` one, `[a-z]` one of a set,
 * `[!a-z]` or `[^a-z]` one not in it, `\` quotes the next. An unclosed `[` stands for itself, as in
 * fnmatch(3). Bytes, no locale. Runs in O(pattern * text) at worst.
 */
bool bsl_glob_match(const char *pattern, const char *text);
/* The same of a text that may have any bytes, len of them. */
bool bsl_glob_match_bytes(const char *pattern, const char *text, size_t len);

/* True if the string holds an unquoted `*`, `?` or `[`. */
bool bsl_glob_is_pattern(const char *text);

/*
 * Optimal string alignment distance (insert, delete, replace, swap of neighbours), or limit + 1 as
 * soon as it is known to exceed the limit. Strings longer than 255 bytes are that far from all.
 */
unsigned int bsl_edit_distance(const char *a, const char *b, unsigned int limit);

/*
 * Length in bytes of the valid UTF-8 character at text (Unicode 15, table 3-7: no surrogates, no
 * overlong forms), with its code point; 0 if the bytes there are not one.
 */
size_t bsl_utf8_char(const char *text, size_t len, uint32_t *code);

#define BSL_ESCAPED_MAX 20 /* the longest text of one character, and its NUL */

/* What stands for a character of untrusted text, such as a file's or a symbol's name. */
struct bsl_escaped {
	size_t used;   /* bytes of the text that it is for */
	bool is_same;  /* it is these bytes, and takes one column */
	bool is_valid; /* these bytes are UTF-8 */
	size_t len;    /* bytes of: */
	char text[BSL_ESCAPED_MAX];
};

/*
 * Escapes the first character of a text of len > 0 bytes, so that it can neither forge a line nor drive a terminal, and can be
 * read back. A backslash is \\, newline \n, carriage return \r, tab \t; any other control character, each byte that isn't UTF-8,
 * and each byte of the characters that reorder or break lines or that nobody sees is \xHH. With json, it is what stands for it in
 * a JSON string: escapes of RFC 8259, U+FFFD for a byte that isn't UTF-8.
 */
void bsl_escape_next(const char *text, size_t len, bool json, struct bsl_escaped *piece);

/* ---- process maps --------------------------------------------------------------------------- */

enum bsl_map_kind {
	BSL_MAP_FILE,	 /* path is a file, deleted or not; memfd too */
	BSL_MAP_ANON,	 /* no name, or [anon:NAME] */
	BSL_MAP_VDSO,	 /* [vdso] */
	BSL_MAP_SPECIAL, /* [heap], [stack], [vvar], [vsyscall], [uprobes], ... */
};

enum { BSL_MAP_READ = 1, BSL_MAP_WRITE = 2, BSL_MAP_EXEC = 4, BSL_MAP_SHARED = 8 };

/* One line of /proc/PID/maps (proc_pid_maps(5)). */
struct bsl_map {
	uint64_t start, end; /* run-time addresses [start, end) */
	uint64_t offset;     /* of `start` in the file */
	uint64_t ino;
	uint32_t dev_major, dev_minor;
	unsigned int perms; /* BSL_MAP_READ | ... */
	enum bsl_map_kind kind;
	bool deleted;	  /* the kernel's " (deleted)" was there and was taken off `path` */
	bool memfd;	  /* /memfd:NAME: openable only through map_files */
	bool first_code;  /* the first of its file's executable mappings */
	const char *path; /* as the process sees it, "" if none; \012 is a newline again */
};

struct bsl_maps {
	struct bsl_map *maps; /* by rising start */
	size_t nr;
	pid_t pid; /* 0 from _parse() */
};

/*
 * Reads /proc/PID/maps (pid 0: one's own). Errors: -ESRCH, no such process; -EACCES, not ours to
 * read; -ENOMEM. Kernel threads have no maps: nr is 0.
 */
int bsl_maps_read(pid_t pid, struct bsl_maps **maps);

/*
 * The same from text of `len` bytes, NUL bytes allowed. Errors: -EBADMSG for a line that isn't
 * one of a maps file, or for ranges that don't rise.
 */
int bsl_maps_parse(const char *text, size_t len, struct bsl_maps **maps);

/* NULL is fine. */
void bsl_maps_free(struct bsl_maps *maps);

/* The mapping that holds a run-time address, or NULL. */
const struct bsl_map *bsl_maps_find(const struct bsl_maps *maps, uint64_t addr);

/*
 * The files whose code a process runs, each once: the first executable mapping of the next file
 * behind `last` (NULL: of the first), or NULL at the end.
 */
const struct bsl_map *bsl_maps_next_file(const struct bsl_maps *maps, const struct bsl_map *last);

/*
 * Opens a mapped file for reading, whatever our root, and though it be deleted, replaced or a memfd: by
 * /proc/PID/map_files, else by its path in the process's root when that is still the same file. A descriptor for the caller to
 * close; -ENOENT if the mapping has no file or it can't be reached (map_files needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN), or
 * another negative errno.
 */
int bsl_map_open(const struct bsl_maps *maps, const struct bsl_map *map);

/* ---- finding programs and libraries --------------------------------------------------------- */

/* A file found by bsl_resolve(). */
struct bsl_file {
	struct bsl_elf *elf;	/* open: the caller closes it */
	char display[PATH_MAX]; /* what the user, or the target process, calls it */
};

enum {
	BSL_RESOLVE_NO_COMMAND = 1 << 0, /* don't look for commands on PATH */
	BSL_RESOLVE_NO_LIBRARY = 1 << 1, /* don't look for libraries by short name */
};

/*
 * Finds the ELF file that a user means by `name`, as seen by process `pid` (0: as seen by us):
 *   NULL or ""           the executable of pid
 *   has a `/`            that path. Absolute: in the root and mount namespace of pid, links are
 *                        followed there; if pid maps a since replaced or deleted file of that name,
 *                        the file it runs. Relative: from our own current directory.
 *   c, ssl, libc.so.6    a library: one that pid maps, else from /etc/ld.so.cache in pid's root;
 *                        of pid's (our) ELF class and machine
 *   redis-server         a command on our PATH, looked up in pid's root
 *   c, ssl, libc.so.6    a library in the linker's default directories: slow, for systems without
 *                        a cache. Linker scripts named libc.so are passed over.
 * tried in this order; a mapping of pid's that has the file name `name` exactly, such as its
 * executable, counts as a library. LD_LIBRARY_PATH and RUNPATH matter only through pid. Whatever is
 * found has been opened and is an ELF file; names may mean other files by now.
 * On failure returns a negative errno (-ENOENT not found, -ENOEXEC not ELF, -ESRCH no such process,
 * -EACCES, ...) and, if err isn't NULL, writes into it what was looked for and where, one line
 * without a newline, at most err_size bytes with the NUL.
 */
int bsl_resolve(const char *name, pid_t pid, unsigned int flags, struct bsl_file *file, char *err,
		size_t err_size);

/*
 * Looks a library up in the bytes of an ld.so.cache (glibc's sysdeps/generic/dl-cache.h, formats
 * "ld.so-1.7.0" with the new one appended, and "glibc-ld.so.cache1.1") for a machine (EM_*).
 * Calls fn with each path whose file name is lib<name>.so or lib<name>.so.*, or exactly `name`, in
 * the cache's order, until fn returns non-zero, which is returned. 0 if none was taken; -EBADMSG.
 */
int bsl_ldcache_find(const void *cache, size_t size, const char *name, int machine,
		     int (*fn)(const char *path, void *ctx), void *ctx);

/* ---- the kernel's symbols ------------------------------------------------------------------- */

/* Functions of the kernel, its modules, and loaded BPF programs: the text symbols of kallsyms. */
struct bsl_kernel;

struct bsl_kernel_symbol {
	const char *name;
	const char *module; /* "vmlinux", "ext4", "bpf" */
	uint64_t addr;	    /* run time */
	uint64_t size;	    /* up to the next symbol; 0 if there is none behind it */
};

/*
 * Reads /proc/kallsyms. -EPERM when the kernel hides its addresses from us (they all read as 0:
 * kptr_restrict, or CAP_SYSLOG is missing), errors of open(2), -ENOMEM.
 */
int bsl_kernel_open(struct bsl_kernel **kernel);

/* The same from text. -EBADMSG for a line that isn't one of kallsyms. */
int bsl_kernel_parse(const char *text, size_t len, struct bsl_kernel **kernel);
void bsl_kernel_close(struct bsl_kernel *kernel);

/* -ENOENT: the address lies before or too far behind every function. Strings: as the handle. */
int bsl_kernel_symbol_at(const struct bsl_kernel *kernel, uint64_t addr,
			 struct bsl_kernel_symbol *sym);

/* As bsl_elf_find_symbols(), flags: BSL_FIND_GLOB. Order: by address. */
int bsl_kernel_find_symbols(const struct bsl_kernel *kernel, const char *name, unsigned int flags,
			    int (*fn)(const struct bsl_kernel_symbol *sym, void *ctx), void *ctx);

/* ---- code that programs make at run time ---------------------------------------------------- */

/* A /tmp/perf-PID.map: "START SIZE NAME" lines, hexadecimal (the kernel's jit-interface.txt). */
struct bsl_perf_map;

struct bsl_perf_symbol {
	const char *name;    /* lives as long as the map */
	uint64_t addr, size; /* run time */
};

/*
 * Reads the map of a process, by the pid of its own namespace, in its own root. It must be a
 * regular file that belongs to the process's user or to root. -ENOENT, -EACCES, -EBADMSG (a line
 * that isn't one makes only itself unread; this is for a file without any good one), -ENOMEM.
 */
int bsl_perf_map_read(pid_t pid, struct bsl_perf_map **map);
int bsl_perf_map_parse(const char *text, size_t len, struct bsl_perf_map **map);
void bsl_perf_map_free(struct bsl_perf_map *map);

/* Code is recompiled in place: of overlapping lines the last of the file counts. -ENOENT. */
int bsl_perf_map_symbol_at(const struct bsl_perf_map *map, uint64_t addr,
			   struct bsl_perf_symbol *sym);

/* ---- symbolizing ---------------------------------------------------------------------------- */

/* Why an address has no name. */
enum bsl_reason {
	BSL_FOUND,
	BSL_NO_PROCESS,	   /* it has ended and was not seen before, or has no such id here */
	BSL_NO_PERMISSION, /* its maps or its file may not be read by us */
	BSL_NOT_MAPPED,	   /* the process has nothing at that address */
	BSL_NO_FILE,	   /* generated code, and no perf map says what it is */
	BSL_FILE_GONE,	   /* the mapped file can't be reached any more */
	BSL_FILE_BROKEN,   /* it isn't ELF, or breaks its rules */
	BSL_FILE_CHANGED,  /* it was written to while it was read */
	BSL_NO_SYMBOLS,	   /* the file is stripped, and no debug file was found */
	BSL_NO_SYMBOL,	   /* the file has symbols, but none there */
	BSL_KERNEL_HIDDEN, /* the kernel does not show its addresses to us */
	BSL_NO_MEMORY,
};

/* One line without a newline, for people. */
const char *bsl_reason_text(enum bsl_reason reason);

/* What an address is. All strings live until the symbolizer's next call. */
struct bsl_location {
	enum bsl_reason reason; /* if it isn't BSL_FOUND, name is NULL; what else is known is set */
	const char *name;	/* of the function, demangled if asked */
	uint64_t offset;	/* from the function's start, in bytes */
	uint64_t size;		/* of the function, 0 if unknown */
	const char *module;	/* path as the process sees it, "[vdso]", "[kernel]"; or NULL */
	uint64_t addr;		/* ELF virtual address in module; run-time address in the kernel */
	/* with BSL_SYMBOLIZE_LINES: [0] is the innermost, the last one's function is name, if
	 * there is a name; nr_lines is 0 when there is no DWARF for the address */
	const struct bsl_line *lines;
	unsigned int nr_lines;
};

enum {
	BSL_SYMBOLIZE_LINES = 1 << 0,	 /* DWARF: source lines and inlined functions */
	BSL_SYMBOLIZE_MANGLED = 1 << 1,	 /* names as they are in the tables */
	BSL_SYMBOLIZE_NO_DEBUG = 1 << 2, /* don't look for separate debug files */
};

/*
 * Turns addresses into names and keeps what it read: the last 64 files, known by device, inode and
 * time of change; the maps of the last 64 processes, also after these have ended; the kernel's
 * symbols. Used by one thread at a time.
 */
struct bsl_symbolizer;

/* flags: BSL_SYMBOLIZE_... 0 or -ENOMEM. */
int bsl_symbolizer_new(unsigned int flags, struct bsl_symbolizer **symbolizer);
/* Frees all names that it gave, too. NULL is fine. */
void bsl_symbolizer_free(struct bsl_symbolizer *symbolizer);

/*
 * Run-time addresses of a process (a user stack; return addresses belong to the call before them,
 * so pass them less 1). Reads its maps again when an address isn't in those that are kept. Fills n
 * locations, each with its own reason. Returns 0, or -ENOMEM.
 */
int bsl_symbolize_process(struct bsl_symbolizer *symbolizer, pid_t pid, const uint64_t *addrs,
			  size_t n, struct bsl_location *locations);

/* Keeps a process's maps now, for when it will have ended by the time its addresses come. */
int bsl_symbolizer_note_process(struct bsl_symbolizer *symbolizer, pid_t pid);

/*
 * The same by mappings that were seen when the process, maps->pid, made them: it may have ended. Modules' names are the maps'
 * own strings.
 */
int bsl_symbolize_maps(struct bsl_symbolizer *symbolizer, const struct bsl_maps *maps,
		       const uint64_t *addrs, size_t n, struct bsl_location *locations);

/*
 * Addresses of an ELF file, or with offsets set, positions in it. Its debug file is for the caller to load before. module: what the
 * locations call it.
 */
int bsl_symbolize_elf(struct bsl_symbolizer *symbolizer, struct bsl_elf *elf, const char *module,
		      bool offsets, const uint64_t *addrs, size_t n,
		      struct bsl_location *locations);

/* Addresses of the kernel. */
int bsl_symbolize_kernel(struct bsl_symbolizer *symbolizer, const uint64_t *addrs, size_t n,
			 struct bsl_location *locations);

/* ---- USDT ----------------------------------------------------------------------------------- */

#define BSL_USDT_MAX_ARGS 12 /* what <sys/sdt.h> can write: STAP_PROBE12 */

enum bsl_usdt_arg_kind {
	BSL_ARG_UNSUPPORTED, /* understood as an operand, but not readable by us: see `why` */
	BSL_ARG_CONST,	     /* value = disp, already cut or extended to `size` and sign */
	BSL_ARG_REG,	     /* value = register */
	BSL_ARG_DEREF,	     /* value = *(base + index * scale + disp); base or index may be
				 * BSL_REG_NONE */
	BSL_ARG_ADDR,	     /* value = *(bias + addr): sym(%rip), n+sym(%rip). At the probe's
				 * uprobe the bias is (program counter - struct bsl_usdt.addr) */
};

/*
 * A machine's general registers, numbered as in the DWARF register maps of its psABI: x86_64
 * 0-15 = rax rdx rcx rbx rsi rdi rbp rsp r8-r15, 16 = rip; arm64 0-30 = x0-x30, 31 = sp, 32 = pc.
 */
#define BSL_REG_NONE (-1)

struct bsl_reg {
	const char *name;	 /* "rax", "x0" */
	uint16_t pt_regs_offset; /* in bytes, of the 8-byte slot in the context of a uprobe's BPF
				 * program: pt_regs on x86_64, user_pt_regs on arm64 */
};

/* The row of a register, NULL if the machine (EM_X86_64, EM_AARCH64, EM_386) or the number is unknown. */
const struct bsl_reg *bsl_reg_get(int machine, int reg);

/* The number of a register by its name, sub-registers too ("rdi", "edi", "x0"), or -ENOENT. */
int bsl_reg_find(int machine, const char *name);

/* Where functions find what they are called with, and leave what they return: integers and pointers, by register number. */
struct bsl_convention {
	int8_t args[16];
	uint8_t arg_count;
	uint8_t float_count; /* how many floating-point arguments registers take */
	int8_t results[16];
	uint8_t result_count;
	uint32_t callee_saved; /* registers that a call leaves alone, a bit each; 0: not known */
	int8_t stack_offset; /* from the stack pointer at the entry to the first argument there; -1: not known */
	/* Of a result that is too large for registers the address is passed first, and returned. */
	bool gives_result_address;
	/* Structures of more than 16 bytes: by the address of a copy; else the copy is on the stack. */
	bool passes_large_by_address;
	/* Behind the first structure that goes to the stack nothing goes to registers. */
	bool stack_is_final;
};

/* All that tracing needs to know of a machine; registers by number. */
struct bsl_machine {
	int elf; /* EM_* of elf.h */
	const struct bsl_reg *regs;
	unsigned int reg_count;
	int sp, fp, pc;
	int link; /* has the return address at an entry; BSL_REG_NONE: it is on top of the stack */
	int return_size;		   /* bytes that a return takes off the stack */
	int go_g;			   /* has Go's current goroutine */
	struct bsl_convention c, go, call; /* call: of system calls */
	/*
	 * Before a system call's name that of its function in the kernel, which has one parameter: a pointer to the registers with
	 * those of the call.
	 */
	const char *call_prefix;
};

/* NULL: it isn't one of those that can be traced, EM_X86_64 and EM_AARCH64. */
const struct bsl_machine *bsl_machine_get(int machine);

struct bsl_usdt_arg {
	enum bsl_usdt_arg_kind kind;
	uint8_t size; /* of the value: 1, 2, 4, 8 bytes */
	bool is_signed;
	bool is_float;	      /* a float or double by its note ("8f@"), or in an xmm/v register */
	uint8_t reg_shift;    /* ARG_REG: bits to shift the register right first: 8 for %ah */
	uint8_t scale;	      /* ARG_DEREF: 1, 2, 4, 8 */
	bool index_is_w;      /* ARG_DEREF, arm64: index is a w register, ... */
	bool index_is_signed; /* ... sign-extended (sxtw), else zero-extended, before scaling */
	int16_t reg;	      /* ARG_REG: it; ARG_DEREF: the base */
	int16_t index;	      /* ARG_DEREF, or BSL_REG_NONE */
	int64_t disp;	      /* ARG_CONST: the value; ARG_DEREF: added */
	uint64_t addr;	      /* ARG_ADDR: ELF virtual address, symbol and displacement added */
	const char *sym;      /* ARG_ADDR: the symbol as written, in the argument text, ... */
	uint16_t sym_len;     /* ... not NUL-terminated */
	const char *why;      /* ARG_UNSUPPORTED: static text, "in a floating-point register" */
};

/* One site of one probe. The same provider:name usually has several sites, operands may differ. */
struct bsl_usdt {
	const char *provider;
	const char *name;
	const char *args_text; /* as in the note: "8@%rdi -4@$1" */
	uint64_t addr;	       /* ELF virtual address of the site, adjusted by .stapsdt.base */
	uint64_t offset;       /* file offset of the site; UINT64_MAX if no segment holds it */
	uint64_t sema_addr;    /* of its semaphore, a 16-bit counter; 0 if it has none */
	uint64_t sema_offset;  /* file offset, what perf and the kernel call ref_ctr_offset; 0 if
				 * it has none, UINT64_MAX if it isn't in the file's data */
	unsigned int nargs;    /* as written; args[] holds the first BSL_USDT_MAX_ARGS */
	struct bsl_usdt_arg args[BSL_USDT_MAX_ARGS];
};

/* As bsl_symbol_fn: strings live as long as the handle, the struct until the callback returns. */
typedef int (*bsl_usdt_fn)(const struct bsl_usdt *usdt, void *ctx);

/*
 * Gives every USDT site of the .note.stapsdt section (SystemTap's note type 3, version "stapsdt")
 * to fn, in the order of the file. Symbols in operands are resolved; an operand that can't be is
 * BSL_ARG_UNSUPPORTED and does not hide its probe. Returns the number of sites given to fn (0: the
 * file has none), -EBADMSG for a broken note, or what fn returned if < 0.
 */
int bsl_elf_usdt_each(struct bsl_elf *elf, bsl_usdt_fn fn, void *ctx);

/* A site in one of the files that a process runs; the struct lives until the callback returns. */
struct bsl_process_usdt {
	const struct bsl_map *map;   /* of the file's code */
	struct bsl_elf *elf;	     /* the file; NULL if it can't be opened, see err */
	const struct bsl_usdt *usdt; /* NULL if err is set */
	int err;		     /* why the file's sites can't be had, a negative errno */
};

typedef int (*bsl_process_usdt_fn)(const struct bsl_process_usdt *site, void *ctx);

/*
 * Gives fn every USDT site of every file whose code a process has mapped; also those that were
 * deleted since, as libstapsdt does with the libraries it makes for interpreted programs. A file
 * that is ELF but can't be read is given once, with its error. Returns the number of sites, what fn
 * returned if < 0, or the errors of bsl_maps_read().
 */
int bsl_process_usdt_each(pid_t pid, bsl_process_usdt_fn fn, void *ctx);

/*
 * Parses an argument description alone. Fills usdt args[], nargs, args_text; a symbol stays
 * unresolved (addr = its displacement). Never fails: what isn't understood is BSL_ARG_UNSUPPORTED
 * with its reason. Returns nargs.
 */
int bsl_usdt_parse_args(const char *text, int machine, struct bsl_usdt *usdt);

#ifdef __cplusplus
}
#endif

#endif /* BLAZESYM_LITE_H */
