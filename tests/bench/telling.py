# SPDX-License-Identifier: MIT
"""What a run found, on the terminal and as a report."""
import os
import platform
import shutil
import subprocess
import time

import table
from machine import HERE, commit, processor, say, system_name

def describe_run(subjects, missing, options, figures, lines):
    loads = sorted(line["load1"] for line in lines if line.get("kind") == "run" and "load1" in line)
    shown = [f"hostblob {commit()}, {options.rounds} rounds, {time.strftime('%Y-%m-%d')}",
             f"{processor()}, {os.cpu_count()} processors; {system_name()}, kernel {platform.release()}; "
             "both ends on one processor"]
    if loads:
        shown.append(f"load while it ran: {loads[0]:.1f} to {loads[-1]:.1f}")
    slices, steady = (sum(line.get(what) or 0 for line in lines) for what in ("slices", "steady"))
    shown.append(f"{slices - steady} of {slices} slices of 20 ms dropped, as the floor was not the same before and "
                 f"behind them; so {figures.noisy} of {figures.total} figures had none left")
    shown += [f"{subject['title']}: {subject['note']}" for subject in subjects if "note" in subject]
    shown += [f"{peer['name']} is not here: {peer['missing']}" for peer in missing]
    return shown


READING = ("A cell: median ± half the distance of the quartiles (in proportion to the floor, measured between "
           "slices of the same work), at the machine's usual pace; then hostblob in proportion to this back-end.")


def reasons(figures):
    """Why something has no figure, once for each subject and reason."""
    found = {}
    for key, subjects in figures.series.items():
        for subject, series in subjects.items():
            for word, why in (("unsupported", series.unsupported), ("FAILED", series.failed)):
                if why:
                    found.setdefault((subject, word, why), []).append(table.label(key))
    return [f"{subject}: {word}: {why} ({', '.join(items[:4])}{' ...' if len(items) > 4 else ''})"
            for (subject, word, why), items in found.items()]


def verdict_rows(verdicts):
    return [["must reach", "demanded", "measured", "verdict", "note"]] + [
        [v.work, v.demand, v.measured, v.verdict, v.why] for v in verdicts]


def print_all(tables, verdicts, notes, why):
    for rows in tables:
        print("\n" + table.as_text(rows))
    print("\n" + READING)
    for line in why:
        print(line)
    if verdicts:
        print("\n" + table.as_text(verdict_rows(verdicts)))
    print("\n" + "\n".join(notes))


def write_report(folder, tables, verdicts, notes, why, results):
    os.makedirs(folder, exist_ok=True)
    parts = ["# What hostblob costs", "\n".join("- " + note for note in notes)]
    if verdicts:
        parts += ["## What it has to reach", table.as_markdown(verdict_rows(verdicts))]
    parts += ["## Figures", READING] + [table.as_markdown(rows) for rows in tables]
    if why:
        parts.append("\n".join("- " + line for line in why))
    parts += plots(folder, results)
    with open(os.path.join(folder, "report.md"), "w") as file:
        file.write("\n\n".join(parts) + "\n")
    shutil.copyfile(results, os.path.join(folder, "figures.jsonl"))
    print(f"The report is in {os.path.join(folder, 'report.md')}.")


def plots(folder, results):
    """tests/bench/report draws them, and prints a line for each: its file and what it shows."""
    program = os.path.join(HERE, "report")
    if not os.path.exists(program):
        return []
    done = subprocess.run([program, results, folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    found = [line.split("\t", 1) for line in done.stdout.splitlines() if "\t" in line]
    if done.returncode != 0:
        say("the plots could not be drawn")
    return [f"![{caption}]({name})" for name, caption in found]
