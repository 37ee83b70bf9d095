#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Random programs that log their own calls, watched by trace: is what it prints so?

    truth.py --seed 1 --programs 20 --languages c,cxx
"""
import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import judge
import model
import watch
from build import BuildError, make
from languages import LANGUAGES

QUOTED = re.compile(r"(?<= )'[^']*'|[pr]:\S*|\b[a-z]+[0-9]+\b|\b0x[0-9a-f]+|column [0-9]+|^'[^']*'")
TOOL = Path(os.environ.get("BUILD", "build")).resolve() / "bin/trace"


class Trial:
    """One program, compiled in one way."""

    def __init__(self, language, program, build, folder):
        self.language, self.program, self.build, self.folder = language, program, build, folder

    def run(self):
        """The findings. BuildError, RunError: there is nothing to judge."""
        lang = self.language
        shutil.rmtree(self.folder, ignore_errors=True)
        make(self.build, lang, lang.render(self.program), self.folder)
        alone = watch.run_alone(self.folder)
        called = {c.func for c in watch.parse_log(alone)}
        funcs = {}
        for f in self.program.functions:
            if f.name in called:
                name = lang.spec(f)
                funcs.setdefault(f.name, (f"p:{watch.PROGRAM}:{name}", f"r:{watch.PROGRAM}:{name}"))
        markers = [f'p:{watch.PROGRAM}:{name} "%lu", arg1' for name in lang.markers]
        seen, traced = watch.trace(TOOL, self.folder, [s for pair in funcs.values() for s in pair], markers)
        if seen.trouble:
            raise watch.RunError(seen.trouble)
        pure = {f.name for f in self.program.functions if f.pure}
        return list(judge.judge(funcs, alone, traced, seen, self.build.is_untyped, pure))


def shrink(trial, verdict, seconds):
    """A smaller program with a fault of the same kind."""
    end = time.monotonic() + seconds
    again = True
    while again:
        again = False
        for smaller in model.steps(trial.program):
            if time.monotonic() > end:
                return trial
            candidate = Trial(trial.language, smaller, trial.build, trial.folder)
            try:
                if any(f.verdict == verdict for f in candidate.run()):
                    trial, again = candidate, True
                    break
            except (BuildError, watch.RunError):
                continue
    return trial


def show_fault(trial, finding, options):
    print(f"{trial.language.name} seed {trial.program.seed}, {trial.build.label}\n    {finding.verdict}: {finding.text}",
          flush=True)
    if not options.shrink:
        return
    trial = shrink(trial, finding.verdict, options.shrink)
    # Once more, so that the folder has what is shown.
    worst = next((f for f in trial.run() if f.verdict == finding.verdict), finding)
    print(f"    shrunk, in {trial.folder}: {worst.text}")
    print("".join(f"    | {line}\n" for line in trial.language.render(trial.program).splitlines()))


def print_table(table):
    print(f"\n{'':18}" + "".join(f"{v:>10}" for v in judge.VERDICTS))
    for key in sorted(table):
        print(f"{key:18}" + "".join(f"{table[key][v]:>10}" for v in judge.VERDICTS))


def print_reasons(table, reasons, most):
    """Of each language and level why values are unknown and calls aren't seen, the most frequent reasons first."""
    for key in sorted(table) if most else []:
        counts = table[key]
        values = counts["right"] + counts["unknown"] + counts["wrong"]
        print(f"\n{key}: {100 * counts['unknown'] / max(values, 1):.1f} % of {values} values unknown")
        own = Counter({(verdict, text): n for (of, verdict, text), n in reasons.items() if of == key})
        for (verdict, text), count in own.most_common(most):
            print(f"{count:8} {verdict:8} {text[:170]}")


def over(table):
    """The faults that there are, by language and kind."""
    totals = defaultdict(Counter)
    for key, counts in table.items():
        totals[key.split()[0]].update(counts)
    for language, counts in totals.items():
        for verdict in judge.FAULTS:
            of = counts["seen"] + counts["missed"] if verdict in ("missed", "double") else \
                counts["right"] + counts["wrong"] if verdict == "wrong" else counts["same"] + counts["harmed"]
            if counts[verdict]:
                yield f"{language}: {counts[verdict]} {verdict} of {of}"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the first program; the next ones count on")
    parser.add_argument("--programs", type=int, default=5, help="of each language")
    parser.add_argument("--builds", type=int, default=3, help="ways in which each program is compiled")
    parser.add_argument("--languages", default=",".join(LANGUAGES), help="of %(default)s")
    parser.add_argument("--only", default="", help="builds whose description has this")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so many")
    parser.add_argument("--shrink", type=float, default=0, metavar="SECONDS", help="make faulty programs smaller")
    parser.add_argument("--faults", type=int, default=10, help="show so many (default %(default)s)")
    parser.add_argument("--reasons", type=int, default=0, help="show so many reasons per language and level why something is unknown")
    parser.add_argument("--folder", type=Path, help="where the programs are kept")
    return parser.parse_args()


def trials(options, folder):
    for i in range(options.programs):
        for name in options.languages.split(","):
            language = LANGUAGES[name]
            if not language.compilers:
                continue
            seed = options.seed + i
            program = model.Maker(language, seed).program()
            choice = random.Random(f"{seed}/builds")
            for k in range(options.builds):
                build = language.builds(choice)
                if options.only in build.label:
                    yield Trial(language, program, build, folder / f"{name}-{seed}-{k}")


def main():
    options = parse_options()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="truth-"))
    table, reasons, shown, broken = defaultdict(Counter), Counter(), 0, 0
    end = time.monotonic() + (options.seconds or 1e9)
    print(f"truth: seed {options.seed}, {options.programs} programs of {options.languages}", flush=True)
    for trial in trials(options, folder):
        if time.monotonic() > end:
            break
        try:
            findings = trial.run()
        except (BuildError, watch.RunError) as error:
            broken += 1
            print(f"{trial.language.name} seed {trial.program.seed}, {trial.build.label}: {str(error)[:1000]}", flush=True)
            continue
        counts = Counter(f.verdict for f in findings)
        table[f"{trial.language.name} {trial.build.level}"].update(counts)
        reasons.update((f"{trial.language.name} {trial.build.level}", f.verdict, QUOTED.sub("'...'", f.text)) for f in findings
                       if f.verdict in ("unknown", "reported"))
        kinds = set()
        for finding in findings:
            if finding.verdict in judge.FAULTS and shown < options.faults and (finding.verdict, finding.func) not in kinds:
                kinds.add((finding.verdict, finding.func))
                shown += 1
                show_fault(trial, finding, options)
        if not any(counts[v] for v in judge.FAULTS) and not options.folder:
            shutil.rmtree(trial.folder, ignore_errors=True)
    print_table(table)
    print_reasons(table, reasons, options.reasons)
    failures = list(over(table))
    if not any(counts["right"] for counts in table.values()):
        failures.append("no value was compared")
    if broken > options.programs:
        failures.append(f"{broken} runs could not be judged")
    for text in failures:
        print(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
