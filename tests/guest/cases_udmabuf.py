# SPDX-License-Identifier: MIT
"""Host-side code in the guest, whose kernel makes dmabufs also where this machine's does not."""
import re

import cargo
from bench import Group, expect
from vm import Failure

TESTS = ["tests/unit/test_buffer", "tests/session/test_session_blobs"]

udmabuf = Group("udmabuf", {}, cargo=["hostblob-gpu", *TESTS, "tests/guest/gpu-udmabuf"])


def cmocka(bench, program, setting="", limit=120):
    """Runs a test program; returns the names of its good tests. None may be skipped."""
    result = bench.run(f"cd /tmp && {setting} LD_LIBRARY_PATH=/{cargo.LIBRARIES} "
                       f"/{cargo.FOLDER}/{program} 2>&1", limit)
    found = [re.match(r"\[ *(OK|SKIPPED) *\] (\w.*)$", line) for line in result.lines]
    names = {what: [m[2] for m in found if m and m[1] == what] for what in ("OK", "SKIPPED")}
    expect([], skipped=names["SKIPPED"])
    return names["OK"]


@udmabuf.case
def buffers(bench):
    """The unit tests of src/buffer; the one of dmabufs is skipped elsewhere."""
    bench.run("test -c /dev/udmabuf")
    good = cmocka(bench, "test_buffer")
    expect(1, tests_of_dmabufs=good.count("a_dmabuf_is_shared_and_imported"))


@udmabuf.case
def blobs(bench):
    """The stories of blobs, told with a hostblob-gpu whose blobs are dmabufs."""
    good = cmocka(bench, "test_session_blobs", f"HOSTBLOB_GPU=/{cargo.FOLDER}/gpu-udmabuf")
    single = sum("_single)" in name for name in good)
    if not single:
        raise Failure("no story maps its blobs one by one")
    expect(single, stories_with_dmabufs=len(bench.run("cat /tmp/dmabuf-runs").lines))
