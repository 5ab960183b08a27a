# SPDX-License-Identifier: MIT
"""Piglit programs in the guest, and what became of them on QEMU's own device."""
import os

from vm import HERE, Failure

LIST = os.path.join(HERE, "piglit.list")
BASELINE = os.path.join(HERE, "piglit.baseline")
OURS = os.path.join(HERE, "piglit.ours")

# What a GL driver may be without here: persistent mappings of OpenGL's own buffers, which
# virglrenderer can give to nobody but the process that it runs in, as QEMU's device does.
MAY_SKIP = ("bufferstorage",)


def read_list(path=LIST):
    with open(path) as file:
        return [line.strip() for line in file if line.strip() and line[0] != "#"]


def run(bench, lines, settings="", limit=30, name="piglit"):
    """Runs them; returns triples (result, seconds, line)."""
    with open(os.path.join(bench.share, name + ".list"), "w") as file:
        file.write("\n".join(lines) + "\n")
    done = bench.run(f"{settings} /hostblob/piglit_run --limit {limit} /hostblob/{name}.list "
                     f">/hostblob/{name}.results", 60 + 6 * len(lines), good=False)
    with open(os.path.join(bench.share, name + ".results")) as file:
        results = [tuple(line.rstrip("\n").split(" ", 2)) for line in file]
    if done.status or [line for _, _, line in results] != lines:
        raise Failure(f"piglit_run ended after {len(results)} of {len(lines)} programs: "
                      f"{' / '.join(done.lines[-3:])}")
    return results


def save(path, heading, results):
    """heading: lines that say how the results came about."""
    with open(path, "w") as file:
        for line in heading:
            file.write(f"# {line}".rstrip() + "\n")
        for result, _, line in results:
            file.write(f"{result} {line}\n")


def read_results(path=BASELINE):
    """{line: result}"""
    with open(path) as file:
        pairs = [line.rstrip("\n").split(" ", 1) for line in file if line[0] != "#"]
    return {line: result for result, line in pairs}


def worse(results, before):
    """The lines that passed before and do not now."""
    return [f"{result} {line}" for result, _, line in results
            if before.get(line) == "pass" and result != "pass" and
            not (result == "skip" and any(word in line for word in MAY_SKIP))]
