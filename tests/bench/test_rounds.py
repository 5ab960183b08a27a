#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What becomes of figures: made-up ones go in, and the table and the verdicts must be these."""
import unittest

import table
from rounds import Figures, compare
from targets import MET, MISSED, UNTOLD, judge


def item(subject, number, name, cpu, floor=1.0, floor_name="ring", wall=None, values=None, gauge=None, steady=8,
         **parameters):
    count = 10
    return {"kind": "item", "subject": subject, "round": number, "item": name, "parameters": parameters,
            "n": count, "backend_cpu_us": cpu * count, "wall_us": 1e9, "per_turn": 2,
            "p50_us": (cpu if wall is None else wall) * 2,
            "floor": floor_name, "floor_us": floor, "values": values or {}, "slices": 8, "steady": steady,
            "gauge": f"{floor_name} {sorted(parameters.items())}", "gauge_us": gauge or floor or 1.0}


def without(subject, name, **parameters):
    return {"kind": "item", "subject": subject, "round": 1, "item": name, "parameters": parameters,
            "n": 0, "wall_us": 0, "backend_cpu_us": 0, "unsupported": "no blobs"}


def verdict(lines, work):
    return next(v for v in judge(Figures(lines)) if v.work == work)


class Rounds(unittest.TestCase):
    def test_a_noisy_round_does_not_count(self):
        lines = [item("hostblob", n, "null", 2.0, depth=1) for n in range(1, 6)]
        lines.append(item("hostblob", 6, "null", 9.0, steady=0, depth=1))
        lines.append(item("hostblob", 7, "null", 2.0, steady=1, depth=1))
        figures = Figures(lines)
        series = figures.get("null", "hostblob", depth=1)
        self.assertEqual([sample.round for sample in series.kept()], [1, 2, 3, 4, 5, 7])
        self.assertEqual((figures.noisy, figures.total), (1, 7))
        self.assertEqual(series.median("cpu"), 2.0)
        self.assertEqual([line["dropped"] for line in lines], [False] * 5 + [True, False])

    def test_figures_are_told_at_the_usual_pace(self):
        lines = [item("hostblob", 1, "null", 2.0, gauge=1.0, depth=1),
                 item("hostblob", 2, "null", 3.0, gauge=1.5, depth=1), # in a slow moment
                 item("contrib-backports", 1, "null", 4.0, gauge=1.0, depth=1),
                 item("contrib-backports", 2, "null", 4.0, gauge=1.0, depth=1)]
        figures = Figures(lines)
        ours, theirs = (figures.get("null", name, depth=1) for name in ("hostblob", "contrib-backports"))
        self.assertEqual(ours.list("cpu"), [2.0, 2.0])
        self.assertEqual(compare(ours, theirs, "cpu"), 0.5)

    def test_each_gauge_has_a_pace_of_its_own(self):
        lines = [item("hostblob", 1, "null", 2.0, gauge=2.0, depth=1),
                 item("hostblob", 1, "null", 2.0, gauge=0.1, depth=64)]
        self.assertEqual(Figures(lines).get("null", "hostblob", depth=64).list("cpu"), [2.0])

    def test_places_keep_their_own_pace(self):
        lines = [item("hostblob", 1, "null", 2.0, gauge=gauge, depth=1, cores=cores)
                 for gauge, cores in ((1.0, "same"), (40.0, "two"))]
        for line in lines:
            line["gauge"] = "ring x1"
        figures = Figures(lines)
        self.assertEqual(figures.get("null", "hostblob", depth=1).list("cpu"), [2.0])
        self.assertEqual(figures.get("null", "hostblob", depth=1, cores="two").list("cpu"), [2.0])

    def test_what_does_nothing_does_not_count(self):
        lines = [item("vhost-device-gpu", 1, "transfer", 0.01, values={"proved": 0}, size="4k")]
        series = Figures(lines).get("transfer", "vhost-device-gpu", size="4k")
        self.assertEqual((series.samples, bool(series.unsupported), bool(lines[0]["unsupported"])), ([], True, True))

    def test_back_ends_are_compared_round_by_round(self):
        ours, theirs = [1, 10, 3], [2, 20, 3]
        lines = [item(name, n, "null", value, depth=1) for name, values in
                 (("hostblob", ours), ("contrib-backports", theirs)) for n, value in enumerate(values)]
        figures = Figures(lines)
        mine, other = (figures.get("null", name, depth=1) for name in ("hostblob", "contrib-backports"))
        self.assertEqual(compare(mine, other, "cpu"), 0.5)


class Targets(unittest.TestCase):
    def null(self, ours, theirs, name="contrib-backports", rounds=6):
        return [item(subject, n, "null", value, depth=1) for n in range(rounds)
                for subject, value in (("hostblob", ours), (name, theirs))]

    def test_in_proportion_to_contrib(self):
        work = "null command, depth 1, CPU"
        self.assertEqual(verdict(self.null(0.79, 1.0), work).verdict, MET)
        self.assertEqual(verdict(self.null(0.81, 1.0), work).verdict, MISSED)
        self.assertEqual(verdict(self.null(0.79, 1.0, "contrib-bookworm"), work).verdict, MET)

    def test_untold(self):
        work = "null command, depth 1, CPU"
        self.assertEqual(verdict([], work).verdict, UNTOLD)
        self.assertEqual(verdict(self.null(0.5, 1.0, rounds=4), work).verdict, UNTOLD)
        self.assertEqual(verdict(self.null(0.5, 1.0, "vhost-device-gpu"), work).verdict, UNTOLD)
        self.assertEqual(verdict([without("hostblob", "null", depth=1)], work).verdict, UNTOLD)

    def test_in_proportion_to_the_floor(self):
        for wall, wanted in ((1.9, MET), (2.1, MISSED)):
            lines = [item("hostblob", n, "map", 1.0, wall=wall, floor_name="message", size="4096", live=0,
                          front_end="plain") for n in range(5)]
            self.assertEqual(verdict(lines, "map + unmap, 4 KiB").verdict, wanted)

    def test_frames_more_is_better(self):
        for ours, wanted in ((0.5, MET), (0.6, MISSED)):
            lines = [item(name, n, "present", value, size="1080p", path="pixels") for n in range(5)
                     for name, value in (("hostblob", ours), ("contrib-backports", 1.0))]
            self.assertEqual(verdict(lines, "transfer + flush 1080p, frames").verdict, wanted)

    def test_a_scanout_without_dmabufs_is_none(self):
        for dmabuf, wanted in ((0, UNTOLD), (1, MET)):
            lines = [item("hostblob", n, "present", 1.0, size=size, path="blob", values={"dmabuf": dmabuf})
                     for n in range(5) for size in ("1080p", "4k")]
            self.assertEqual(verdict(lines, "blob scanout, CPU, 4K / 1080p").verdict, wanted)

    def test_one_size_beside_another(self):
        for large, wanted in ((1.05, MET), (1.2, MISSED)):
            lines = [item("hostblob-media", n, "media-queue", value, size=size) for n in range(5)
                     for size, value in (("1080p", 1.0), ("4k", large))]
            self.assertEqual(verdict(lines, "media frame by MMAP, CPU, 4K / 1080p").verdict, wanted)


    def test_media_frames_beside_the_ring(self):
        for cpu, wanted in ((79.0, MET), (81.0, MISSED)): # four frames, of ten rings each, of 2.0
            lines = [item("hostblob-media", n, "media-queue", cpu, floor=0, gauge=2.0, size="4k") for n in range(5)]
            self.assertEqual(verdict(lines, "media frame 4K by MMAP, CPU").verdict, wanted)

    def test_sums(self):
        for kb, wanted in ((3000, MET), (3001, MISSED)):
            lines = [item("hostblob", 1, "start", 0.0, floor=0, values={"second_pss_kb": 3000, "third_pss_kb": kb})]
            self.assertEqual(verdict(lines, "PSS of door and worker at ready").verdict, wanted)


class Table(unittest.TestCase):
    SUBJECTS = [{"name": "hostblob", "title": "hostblob", "device": "gpu"},
                {"name": "contrib-backports", "title": "contrib 11", "device": "gpu"},
                {"name": "hostblob-media", "title": "hostblob", "device": "media"}]

    def test_cells(self):
        lines = [item(name, n, "null", value, floor=0.5, depth=64) for n in range(5)
                 for name, value in (("hostblob", 1.0), ("contrib-backports", 4.0))]
        lines += [item("hostblob", n, "map", 1.0, wall=3.0, floor=2.0, size="1M", live=0,
                       front_end="plain") for n in range(5)]
        lines.append(without("contrib-backports", "map", size="1M", live=0, front_end="plain"))
        rows = table.build(Figures(lines), self.SUBJECTS, "gpu")
        self.assertEqual(rows[1], ["null, depth 64, CPU µs", "0.50 (ring)", "1.00 ±0 % (2.00 x)",
                                   "4.00 ±0 % (8.00 x); hostblob 0.25 x"])
        self.assertEqual(rows[2], ["map, 1 MiB, time µs", "2.00 (ring)", "3.00 ±0 % (1.50 x)", "unsupported"])
        self.assertIsNone(table.build(Figures(lines), self.SUBJECTS, "media"))

    def test_other_figures_have_rows(self):
        lines = [item("hostblob-media", 1, "start", 0.0, floor=0, values={"first_answer_us": 4500.0})]
        lines[0].update(n=0)
        lines.append(item("peer", 1, "start", 0.0, floor=0, values={"first_answer_us": 9000.0, "status": 0}))
        lines[1].update(n=0)
        subjects = self.SUBJECTS + [{"name": "peer", "title": "a peer", "device": "media"}]
        rows = table.build(Figures(lines), subjects, "media")
        self.assertEqual(rows[1:], [["start: first answer, µs", "-", "4,500", "9,000; hostblob 0.50 x"]])

    def test_a_spread_needs_three(self):
        lines = [item("hostblob", n, "null", value, depth=1) for n, value in enumerate((1.0, 3.0))]
        self.assertEqual(table.build(Figures(lines), self.SUBJECTS, "gpu")[1][2], "2.00 (2.00 x)")


if __name__ == "__main__":
    unittest.main()
