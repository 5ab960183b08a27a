# SPDX-License-Identifier: MIT
"""A run as one page that needs nothing else: report.html.in, report.css and report.js with what is
known of the run. Its policy lets it load nothing and run no script but its own."""
import base64
import hashlib
import os
import re
import shlex
import string

import report_timeline
from folder import Failure
from report_pictures import Pictures, comparisons, filmstrip, words
from report_text import size_words, tail_of_log, time_words, to_html, visible
from report_trace import read_trace

HERE = os.path.dirname(os.path.realpath(__file__))
MAX_LOG = 64 << 10
ICONS = {
    "good": ('<svg class="icon good" viewBox="0 0 16 16" role="img" aria-label="passed">'
             '<circle cx="8" cy="8" r="8"/><path d="M4.6 8.3l2.3 2.3 4.5-5"/></svg>'),
    "bad": ('<svg class="icon bad" viewBox="0 0 16 16" role="img" aria-label="failed">'
            '<circle cx="8" cy="8" r="8"/><path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/></svg>'),
    "none": ('<svg class="icon none" viewBox="0 0 16 16" role="img" aria-label="did not end">'
             '<circle cx="8" cy="8" r="8"/><path d="M4.8 8h6.4"/></svg>'),
}
NAMES = {"accelerator": "Accelerator", "qemu": "QEMU", "kernel": "Kernel", "hostblob": "hostblob",
         "renderer": "Renderer", "driver": "Driver", "capsets": "Capsets"}


def part(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def source(text):
    """How a policy names a style or script that stands in the page."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def icon_of(passed):
    return ICONS["good" if passed else "bad"]


def icon_of_status(status):
    return ICONS["none" if status is None else "good" if status == 0 else "bad"]


def section(name, title, body, note=""):
    note = f' <span class="count">{note}</span>' if note else ""
    return f'<section id="{name}"><h2>{title}{note}</h2>{body}</section>' if body else ""


def ended(run):
    if run["status"] is None:
        return "the command did not end"
    return f"exit status {run['status']}"


def when(run):
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z", run["began"])
    return f"{match[1]} {match[2]} UTC" if match else run["began"]


def summary(run):
    parts = [when(run), time_words(run["seconds"]), ended(run)]
    accelerator = run["host"].get("accelerator")
    parts.append(accelerator.upper() if accelerator else "")
    return " · ".join(words(text) for text in parts if text)


def fact_list(title, facts):
    rows = "".join(f"<dt>{words(NAMES.get(key, key))}</dt><dd>{words(value)}</dd>"
                   for key, value in facts.items() if value)
    return f'<div class="card"><h2>{title}</h2><dl>{rows}</dl></div>' if rows else ""


def facts(run):
    host = dict(run["host"])
    why = host.pop("why", "")
    if host.get("accelerator"):
        host["accelerator"] = host["accelerator"].upper() + (f" ({why})" if why else "")
    return ('<div class="facts">' + fact_list("Host and guest", host)
            + fact_list("GPU stack", run["stack"]) + "</div>")


def step_row(step, length):
    x, wide = (100 * step[key] / length for key in ("at", "seconds"))
    wide = min(max(wide, 0.6), 100)
    kind = "good" if step["status"] == 0 else "none" if step["status"] is None else "bad"
    status = "" if step["status"] in (0, None) else f' <span class="pill">status {step["status"]}</span>'
    return (f"<tr><th scope=row>{icon_of_status(step['status'])}<span>{words(step['name'])}{status}"
            f'</span></th><td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" '
            f'aria-hidden="true"><rect class="track" width="100" height="8"/><rect class="{kind}" '
            f'x="{min(x, 99.4):.2f}" width="{wide:.2f}" height="8"/></svg></td>'
            f'<td class="number">{time_words(step["seconds"])}</td></tr>')


def steps(run):
    if not run["steps"]:
        return ""
    length = max([run["seconds"], 1e-3] + [s["at"] + s["seconds"] for s in run["steps"]])
    return ('<table class="steps card"><thead class="unseen"><tr><th scope=col>Step<th scope=col>Course'
            "<th scope=col>Time</tr></thead><tbody>"
            + "".join(step_row(step, length) for step in run["steps"]) + "</tbody></table>")


def timeline(folder, run):
    if run["trace"] is None:
        return ""
    try:
        trace = read_trace(folder, run["trace"])
    except Failure as failure:
        return f'<p class="nothing">{words(str(failure))}</p>'
    if trace is None:
        return f'<p class="nothing">{words(run["trace"])} holds no events.</p>'
    drawn, rows = report_timeline.draw(trace, run["monotonic"])
    if not rows:
        return f'<p class="nothing">{words(run["trace"])} holds no frames, commands or mappings.</p>'
    cut = ("<p class=soft>The trace is longer than what is drawn of it; Perfetto shows all of "
           f"{words(run['trace'])}.</p>" if trace.cut else "")
    table = "".join(f"<dt>{key}</dt><dd>{value}</dd>" for key, value in rows)
    return (f'<div class="card"><div class="wide" tabindex="0" role="group" aria-label="Timeline">{drawn}'
            f"</div><dl>{table}</dl>{cut}</div>")


def log(folder, title, name, is_open):
    try:
        data, before = tail_of_log(folder, name, MAX_LOG) if name else (b"", 0)
        body, size = to_html(data), len(data) + before
    except Failure as failure:
        return f'<div class="card"><p class="nothing">{words(title)}: {words(str(failure))}</p></div>'
    note = (f'<p class="soft">The last {size_words(len(data))}; {size_words(before)} before them are '
            f"in {words(name)}.</p>" if before else "")
    body = f'<pre tabindex="0">{body}</pre>' if data.strip() else '<p class="soft">It is empty.</p>'
    return (f'<details class="card log"{" open" if is_open else ""}><summary><span class="title">'
            f'{words(title)}</span><span class="pill">{size_words(size)}</span></summary>{note}{body}'
            "</details>")


def logs(folder, run):
    """Those of run.json, and those of steps that are none of them; of a run that failed by itself
    the first is open."""
    listed = [(item["name"] or item["file"] or "log", item["file"]) for item in run["logs"]]
    known = {name for _, name in listed}
    for step in run["steps"]:
        if step["log"] is not None and step["log"] not in known:
            known.add(step["log"])
            listed.append((f"step: {step['name']}", step["log"]))
    wrong = run["status"] != 0
    return "".join(log(folder, title, name, wrong and number == 0)
                   for number, (title, name) in enumerate(listed))


def compared_note(run):
    bad = sum(not item["passed"] for item in run["comparisons"])
    return f"{len(run['comparisons'])}, {bad} not as expected" if bad else str(len(run["comparisons"]))


def sections(folder, run):
    """Pairs of name and title, and the whole of each. What was compared gets its room first."""
    pictures = Pictures(folder)
    made = [("compared", "Compared", run["comparisons"]
             and comparisons(pictures, run["comparisons"], icon_of), compared_note(run)),
            ("steps", "Steps", steps(run), ""),
            ("pictures", "Pictures", run["pictures"] and filmstrip(pictures, run["pictures"]),
             str(len(run["pictures"]))),
            ("timeline", "Timeline", timeline(folder, run), "seconds from the "
             + ("first event" if run["monotonic"] is None else "beginning of the run")),
            ("logs", "Logs", logs(folder, run), "")]
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title, body, _ in made if body)
    return links, "".join(section(*each) for each in made)


def tone(verdict):
    return {"passed": "good", "timed out": "warn", "interrupted": "warn"}.get(verdict, "bad")


def make_html(folder, run):
    """The bytes of report.html."""
    style, script = part("report.css"), part("report.js")
    links, body = sections(folder, run)
    command = shlex.join(run["command"])
    version = run["host"].get("hostblob", "")
    verdict = visible(run["verdict"])
    page = string.Template(part("report.html.in")).substitute(
        style=style, script=script, style_source=source(style), script_source=source(script),
        title=words(f"{verdict}: {command}"), tone=tone(verdict),
        icon=ICONS["good" if verdict == "passed" else "bad"],
        verdict=words(verdict[:1].upper() + verdict[1:]), why=words(run["why"]), command=words(command),
        summary=summary(run), links=links, facts=facts(run), sections=body,
        version=words(version))
    return page.encode("utf-8", "replace")
