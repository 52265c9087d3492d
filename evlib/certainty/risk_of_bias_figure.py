"""The traffic lights of the risk of bias: reports by domains, each light with its sign and its reason."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd

from evlib.base.figure import UPON, Figure, nothing
from evlib.base.point_layout import (
    BLUE,
    INK,
    SMALL,
    WIDTH,
    canvas,
    finished,
    fitted,
    put_note,
    put_rectangle,
    put_rule,
    put_text,
    width_of,
    wrapped,
)
from evlib.certainty.risk_of_bias import (
    MACHINE,
    TOOL_NAMES,
    counts,
    how_much_was_read,
    in_a_sentence,
    randomised_by_record_alone,
    word_of,
)
from evlib.doses.reports import DOMAINS, JUDGEMENTS, NO_INFORMATION


class _Light(NamedTuple):
    """A judgement's colour, its sign as a marker of Matplotlib, and the colour and size of the sign (points)."""

    face: str
    sign: str
    ink: str
    size: float


# Colours that stay apart without red and green, and in grey; the sign says the same again.
_MIDDLE, _GREAT = _Light("#F0E442", "_", INK, 5), _Light("#D55E00", "x", "white", 4.5)
_LIGHTS = {
    "low": _Light(BLUE, "+", "white", 6),
    "some-concerns": _MIDDLE,
    "moderate": _MIDDLE,
    "high": _GREAT,
    "serious": _GREAT,
    "critical": _Light("#4A1238", "$!$", "white", 6),
    NO_INFORMATION: _Light("#C8C8C8", "$?$", INK, 5.5),
}
_LEFT, _ROW, _WIDE = 142.0, 13.0, 10.0  # points: the names of reports, a row, a light


def traffic_lights(judged: pd.DataFrame, tool: str) -> Figure:
    """Each report judged with a tool by its domains, the reports at least risk overall first.

    A light's reason appears where a mouse rests on it, and stands in the figure's data. A light that a person judged has a
    ring. A report called randomised that was judged with another tool than RoB 2 has a dagger, one that its trial's record
    alone calls so has §.

    Parameters
    ----------
    judged
        Table ``risk_of_bias_settled``.
    tool
        "RoB2" or "ROBINS-I".

    Examples
    --------
    >>> judged = pd.DataFrame({"domain": ["measurement", "overall"], "judgement": ["low", "some-concerns"]})
    >>> judged = judged.assign(tool="RoB2", study_id="a", study="Report A", allocation="randomised", read_from="table")
    >>> judged["record_allocation"] = None
    >>> judged = judged.assign(judged_by="machine readings", how_settled="both agree", reason=["masked", "no protocol"])
    >>> figure = traffic_lights(judged, "RoB2")
    >>> figure.hints["light-low"]
    ['Report A, measurement: low. masked (machine readings: both agree)']
    >>> plt.close(figure.drawing)
    """
    name, title = f"risk_of_bias_{tool.replace('-', '').lower()}", in_a_sentence(judged, tool)
    own = judged[judged.tool == tool]
    if own.empty:
        return nothing(name, title)
    domains, words = list(DOMAINS[tool]), list(JUDGEMENTS[tool])
    overall = own[own.domain == "overall"].set_index("study_id").judgement
    order = {word: place for place, word in enumerate(words)}
    reports = own.drop_duplicates("study_id").set_index("study_id")
    reports = reports.assign(place=overall.map(order)).sort_values(["place", "study"], kind="stable")
    width = (WIDTH - _LEFT - 4) / len(domains)
    axes, top = canvas(title)
    top = _put_key(axes, top, words, people=(own.judged_by != MACHINE).any()) + 4
    top = _put_heads(axes, top, domains, width)
    put_rectangle(axes, _LEFT + width * (len(domains) - 1), top, width, _ROW * len(reports), "#EEEEEE")
    dagger = (reports.allocation == "randomised") & (tool != "RoB2")
    by_record = randomised_by_record_alone(reports)
    for i, (study_id, report) in enumerate(reports.iterrows()):
        mark = "† " if dagger[study_id] else "§ " if by_record[study_id] else ""
        [text] = fitted(f"{mark}{report.study}", _LEFT - 6, lines=1, size=SMALL)
        put_text(axes, (_LEFT - 4, top + _ROW * (i + 0.5)), text, size=SMALL, ha="right")
    lights = own.assign(
        x=_LEFT + width * (own.domain.map(domains.index) + 0.5),
        y=top + _ROW * (own.study_id.map({study: i for i, study in enumerate(reports.index)}) + 0.5),
    )
    hints = _put_lights(axes, lights, words)
    bottom = top + _ROW * len(reports)
    put_rule(axes, (1, WIDTH - 2), (bottom + 2, bottom + 2))
    bottom += 4
    for label, of in (("low risk", "low"), ("no information", NO_INFORMATION)):
        put_text(axes, (_LEFT - 4, bottom + 6), f"Reports: {label}", size=SMALL, ha="right")
        for j, n in enumerate(counts(judged, tool)[of]):
            put_text(axes, (_LEFT + width * (j + 0.5), bottom + 6), str(n), size=SMALL)
        bottom += 11
    note = how_much_was_read(judged, tool)
    if dagger.any():
        note += f" † called randomised, and judged with {TOOL_NAMES[tool]} all the same."
    if by_record.any():
        note += " § not called so in what was read, but randomised by its trial's record."
    bottom = put_note(axes, bottom + 2, note)
    table = counts(judged, tool)
    listed = "; ".join(
        f"{word_of(domain)}: " + ", ".join(f"{word_of(word)} {n}" for word, n in row.items() if n)
        for domain, row in table.iterrows()
    )
    alt = f"Traffic lights, {len(reports)} reports by {len(domains)} domains. {title}. {listed}. {note}"
    return Figure(finished(axes, bottom), name, title, alt, own, hints)


def _put_key(axes: plt.Axes, top: float, words: list[str], *, people: bool) -> float:
    """What the lights mean; returns where it ends."""
    x = 7.0
    for word in words:
        _put_markers(axes, [x], [top + 6], _LIGHTS[word], f"key-{word}")
        text = word_of(word)
        put_text(axes, (x + 8, top + 6), text, size=SMALL, ha="left")
        x += 24 + width_of(text, size=SMALL)
    if people:
        _put_ring(axes, [x], [top + 6], "key-ring")
        put_text(axes, (x + 8, top + 6), "by a person", size=SMALL, ha="left")
    return top + 14


def _put_heads(axes: plt.Axes, top: float, domains: list[str], width: float) -> float:
    """The names of the domains above their columns, upright; returns where they end."""
    heads = [wrapped(word_of(domain).capitalize(), 62, size=SMALL) for domain in domains]
    height = max(width_of(line, size=SMALL) for head in heads for line in head) + 4
    for j, (domain, head) in enumerate(zip(domains, heads)):
        for i, line in enumerate(head):
            x = _LEFT + width * (j + 0.5) + 10 * (i - (len(head) - 1) / 2)
            y = top + height - 3 - width_of(line, size=SMALL, bold=domain == "overall") / 2
            put_text(axes, (x, y), line, size=SMALL, bold=domain == "overall", rotation=90)
    return top + height


def _put_lights(axes: plt.Axes, lights: pd.DataFrame, words: list[str]) -> dict[str, list[str]]:
    """The lights; returns the reasons of each kind in the order in which its lights are drawn."""
    hints = {}
    for word in words:
        own = lights[lights.judgement == word]
        if len(own):
            gid = f"light-{word}"
            _put_markers(axes, own.x, own.y, _LIGHTS[word], gid)
            hints[gid] = [
                f"{row.study}, {word_of(row.domain)}: {word_of(word)}. "
                f"{'' if pd.isna(row.reason) else row.reason} ({row.judged_by}: {row.how_settled})"
                for row in own.itertuples()
            ]
    by_people = lights[lights.judged_by != MACHINE]
    if len(by_people):
        _put_ring(axes, by_people.x, by_people.y, "ring")
    return hints


def _put_markers(axes: plt.Axes, x: list[float], y: list[float], light: _Light, gid: str) -> None:
    axes.plot(x, y, "o", color=light.face, ms=_WIDE, mew=0, ls="", gid=gid)
    edge = {"mew": 1.5} if light.sign in "+_x" else {"mew": 0.3}
    axes.plot(x, y, marker=light.sign, color=light.ink, ms=light.size, ls="", gid=f"{UPON}{gid}", **edge)


def _put_ring(axes: plt.Axes, x: list[float], y: list[float], gid: str) -> None:
    axes.plot(x, y, "o", mfc="none", mec=INK, ms=_WIDE, mew=1.4, ls="", gid=f"{UPON}{gid}")
