"""One function per figure. Each returns its drawing with a title that states the finding, alt text and its data."""

import base64
import html
import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.dom import minidom

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure as Drawing
from matplotlib.transforms import Bbox

from evlib.canvas import BLUE, GREY, INK, ORANGE, canvas, finished
from evlib.dose import WITHOUT_UNIT
from evlib.extract import value_counts
from evlib.files import write_text
from evlib.schema import write_csv

NOT_REPORTED = "not reported"
_INCLUDED, _PENDING, _GREY = BLUE, ORANGE, GREY
_WIDTH = 5.0  # inches: at a phone's width the 10 pt text is still legible
_RC = {
    "svg.hashsalt": "evtrials",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 150,
    "text.hinting": "no_hinting",  # letters as in the SVG; hinted ones take longer and are no clearer at this size
    "hatch.linewidth": 0.8,
}
_PNG = {"pil_kwargs": {"compress_level": 3}}  # a third of the time that level 6 takes, for files a tenth larger


class Figure(NamedTuple):
    """A drawing, its file name without ending, the finding, a description for those who cannot see it, its data."""

    drawing: Drawing
    name: str
    title: str
    alt: str
    data: pd.DataFrame


def show(figure: Figure, out_dir: str | Path, *, page: str = "") -> HTML:
    """Save a figure in ``out_dir/figures`` and return it for display, with links to its files.

    Written are its drawing (SVG, PNG), its data (CSV), its title and its alt text (TXT, for the
    pages of the book).

    Parameters
    ----------
    page
        The page of the book that shows the figure (``02_screen.html``), where its boxes are links: the drawing becomes part
        of the page, links to places on it lead there (``#place``), others to the pages beside it.
    """
    folder = Path(out_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_RC):
        vector, box = io.StringIO(), _drawn(figure.drawing)
        figure.drawing.savefig(vector, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=box)
        figure.drawing.savefig(folder / f"{figure.name}.png", metadata={"Software": None}, bbox_inches=box, **_PNG)
    plt.close(figure.drawing)
    # Matplotlib writes millionths of a point; hundredths make a file a third smaller.
    svg = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\d\.\d\d)\d+", r"\1", path[0]), vector.getvalue())
    write_text(folder / f"{figure.name}.svg", svg)
    write_csv(figure.data, folder / f"{figure.name}.csv")
    write_text(folder / f"{figure.name}.txt", figure.alt + "\n")
    write_text(folder / f"{figure.name}.title.txt", figure.title + "\n")
    if page:
        picture = _inlined(svg, figure, page)
    else:
        image = base64.b64encode(svg.encode()).decode()
        picture = f'<img alt="{html.escape(figure.alt, quote=True)}" src="data:image/svg+xml;base64,{image}">'
    links = ", ".join(
        f'<a href="figures/{figure.name}.{ending}" download>{text}</a>'
        for ending, text in (("csv", "its data (CSV)"), ("svg", "SVG"), ("png", "PNG"))
    )
    return HTML(f'<figure class="finding">{picture}<figcaption>Download: {links}</figcaption></figure>')


def _drawn(drawing: Drawing) -> Bbox:
    """Lay a drawing out for good, and the box that holds all of it, in inches.

    To save it as SVG and as PNG with ``bbox_inches="tight"`` would do both twice. A drawing of ``evlib.canvas`` is laid out
    from the start, and holds all that it shows.
    """
    if drawing.get_layout_engine() is None and [axes.get_position().bounds for axes in drawing.axes] == [(0, 0, 1, 1)]:
        box = Bbox([(0, 0), drawing.get_size_inches()])
    else:
        drawing.get_layout_engine().execute(drawing)
        drawing.set_layout_engine(None)  # with "none", each format would be laid out once more
        box = drawing.get_tightbbox()
    return box.padded(matplotlib.rcParams["savefig.pad_inches"])


def _inlined(svg: str, figure: Figure, page: str) -> str:
    """The drawing as an element of a page: it describes itself, and its ids and styles do not reach other elements.

    A box may hold several links to one place, one for its frame and one for each line of text: to the keyboard and to
    screen readers they are one.
    """
    root = minidom.parseString(svg).documentElement
    for part in (*root.getElementsByTagName("metadata"), *root.getElementsByTagName("style")):
        part.parentNode.removeChild(part)
    elements = [root, *root.getElementsByTagName("*")]
    ids = {element.getAttribute("id") for element in elements} - {""}
    first: dict[str, minidom.Element] = {}
    for element in elements:
        if element.tagName == "a":
            _anchored(element, first, page)
        for name, value in list(element.attributes.items()):
            own = re.sub(
                r"(?<=^#)[^#]+$|(?<=url\(#)[^)]+",
                lambda match: f"{figure.name}-{match[0]}" if match[0] in ids else match[0],
                value,
            )
            element.setAttribute(name, f"{figure.name}-{value}" if name == "id" else own)
        for comment in [node for node in element.childNodes if node.nodeType == minidom.Node.COMMENT_NODE]:
            element.removeChild(comment)
    for name in ("width", "height"):
        root.removeAttribute(name)
    root.setAttribute("role", "group" if first else "img")
    root.setAttribute("aria-label", figure.alt)
    root.setAttribute("stroke-linejoin", "round")  # what the removed style said, of this drawing only
    root.setAttribute("stroke-linecap", "butt")
    root.setAttribute("style", "width: 100%; height: auto; max-width: 44rem; background: #fff")
    return root.toxml()


def _anchored(link: minidom.Element, first: dict[str, minidom.Element], page: str) -> None:
    """Let a link lead on from the page that shows it, and name the first one to a place by the texts of all to it."""
    target = link.getAttribute("xlink:href").removeprefix("../").removeprefix(page)
    link.setAttribute("xlink:href", target)
    link.setAttribute("role", "link")
    if not target.startswith("https://") and link.hasAttribute("target"):
        link.removeAttribute("target")  # Matplotlib opens links in a new window
    text = " ".join(node.data.strip() for node in _below(link) if node.nodeType == minidom.Node.COMMENT_NODE)
    if target in first:
        link.setAttribute("tabindex", "-1")
        link.setAttribute("aria-hidden", "true")
        text = f"{first[target].getAttribute('aria-label')} {text}".strip()
    first.setdefault(target, link).setAttribute("aria-label", html.unescape(text))


def _below(node: minidom.Node) -> Iterator[minidom.Node]:
    for child in node.childNodes:
        yield child
        yield from _below(child)


def records_by_year(records: pd.DataFrame) -> Figure:
    """Registrations by year: dates observed and dates estimated told apart, undated records counted in the title."""
    dated = records.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    data = dated.groupby(["year", "registered_basis"]).size().unstack(fill_value=0)
    data = data.reindex(columns=["observed", "estimated"], fill_value=0)
    data = data.reindex(range(data.index.min(), data.index.max() + 1), fill_value=0)
    totals = data.sum(axis=1)
    undated = int(records.registered.isna().sum())
    title = (
        f"{totals.idxmax()} has the most records ({totals.max()} of {len(dated)} with a date); "
        f"{int(data.estimated.sum())} dates are estimated, {undated} records have none"
    )
    return _stacked_years(
        data, "records_by_year", title, "Registry records", {"observed": _INCLUDED, "estimated": _PENDING}
    )


def records_by_registry(records: pd.DataFrame) -> Figure:
    """Records of the search by registry."""
    counts = records.registry.value_counts().rename("n").reset_index()
    first = counts.iloc[0]
    title = f"{first.registry} holds {first.n} of the {len(records)} records found"
    return _bars(
        counts.set_index("registry")[["n"]], "records_by_registry", title, "Registry records", {"n": _INCLUDED}
    )


def completeness(shares: pd.DataFrame) -> Figure:
    """How many records say anything, field by field (``field, n, of``)."""
    ordered = shares.sort_values("n", ascending=False).set_index("field")[["n"]]
    n = shares.set_index("field").n
    title = (
        f"Of {shares.of.iloc[0]} records, {n.dose_text} show a dose, {n.countries} a country and {n.route_text} a route"
    )
    figure = _bars(
        ordered, "completeness", title, f"Records that show the field (of {shares.of.iloc[0]})", {"n": _INCLUDED}
    )
    return figure._replace(data=shares)


def trials_by_year(described: pd.DataFrame) -> Figure:
    """Trials by year of registration; included and pending trials told apart."""
    dated = described.dropna(subset="registered").assign(year=lambda frame: frame.registered.dt.year)
    if dated.empty:
        return nothing("trials_by_year", "No trial of this search has a registration date")
    data = dated.groupby(["year", "screening"]).size().unstack(fill_value=0)
    data = data.reindex(columns=["included", "pending"], fill_value=0)
    data = data.reindex(range(data.index.min(), data.index.max() + 1), fill_value=0)
    counts = data.included
    before, since = int(counts[counts.index < 2020].sum()), int(counts[counts.index >= 2020].sum())
    undated = int((described.registered.isna() & (described.screening == "included")).sum())
    title = (
        f"{since} included trials were registered in 2020 or later, {before} before; the date of {undated} is not known"
    )
    if before + since + undated == 0:
        late = int(data.pending[data.index >= 2020].sum())
        said = f"{late} of these registered in 2020 or later, {data.pending.sum() - late} before"
        title = none_included(described, proposed=f": {said}")
    shown = dated.screening.value_counts()
    unit = f"Trials with a date\n({shown.get('included', 0)} included, {shown.get('pending', 0)} pending)"
    return _stacked_years(data, "trials_by_year", title, unit, {"included": _INCLUDED, "pending": _PENDING})


def trials_by(described: pd.DataFrame, field: str, *, noun: str, labels: dict[str, str] | None = None) -> Figure:
    """Trials by one coded field, the most frequent first and "not reported" last.

    Parameters
    ----------
    described
        Table ``described``.
    field, noun
        A coded column, and how the title calls it: "country", "cell source".
    labels
        What a reader sees for each code.
    """
    name = f"trials_by_{field}"
    if described.empty:
        return nothing(name, f"No trial in this search, so no {noun} to show")
    data = value_counts(described, field, by="screening").pivot(index=field, columns="screening", values="n")
    data = data.reindex(columns=["included", "pending"]).fillna(0).astype(int)
    order = data.reset_index().sort_values(["included", "pending", field], ascending=[False, False, True])[field]
    data = data.loc[[code for code in order if code != NOT_REPORTED] + [code for code in order if code == NOT_REPORTED]]
    data = data.rename(index={**(labels or {}), NOT_REPORTED: "Not reported"})
    title = _leader_title(data.included, noun)
    if not data.included.sum():
        title = none_included(described, proposed=f". {_leader_title(data.pending, noun, of='proposed')}")
    return _bars(data, name, title, _unit(described), {"included": _INCLUDED, "pending": _PENDING})


def field_by_date(table: pd.DataFrame) -> Figure:
    """Records found, trials included and records that await a decision, search date by search date.

    Parameters
    ----------
    table
        As ``evlib.sweep.rows_at`` gives it, in the order of days.
    """
    last = table.iloc[-1]
    half = table[(table.n_included >= last.n_included / 2).to_numpy(dtype=bool)].iloc[0]
    title = (
        f"Half of the {_trials(last.n_included)} included on {last.search_date} could be included by {half.search_date}, when "
        f"{half.n_records} of its {last.n_records} records were registered"
    )
    styles = {
        "n_records": ("records found", INK, "--"),
        "n_pending": ("awaiting a decision", _PENDING, ":"),
        "n_included": ("trials included", _INCLUDED, "-"),
    }
    shown = {name: style for name, style in styles.items() if table[name].any()}
    days = pd.to_datetime(table.search_date)
    with matplotlib.rc_context(_RC):
        drawing, axes = plt.subplots(figsize=(_WIDTH, 3.4), layout="constrained")
        for name, (words, colour, line) in shown.items():
            axes.step(days, table[name].astype("float64"), line, where="post", color=colour, lw=2, label=words)
            axes.annotate(
                str(last[name]), (days.iloc[-1], last[name]), xytext=(4, 0), textcoords="offset points", va="center"
            )
        axes.set(xlabel=f"Last day of the search ({len(table)} dates)", ylabel="Records or trials (n)", ylim=(0, None))
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.figure.legend(frameon=False, fontsize=9, ncols=3, loc="outside lower left")
        _set_title(axes, title)
    years = table[~days.dt.year.duplicated(keep="last")]
    listed = ", ".join(f"{row.search_date} {row.n_records} and {row.n_included}" for row in years.itertuples())
    alt = f"Step plot by last day of the search. {title}. Records found and trials included: {listed}."
    data = table[["search_date", "n_undated", *styles]]
    return Figure(drawing, "field_by_date", title, alt, data)


def dose_units(doses: pd.DataFrame, n_trials: int, *, labels: dict[str, str]) -> Figure:
    """How many trials state a dose in which kind of unit, by route group."""
    if doses.empty:
        return nothing("dose_units", f"None of {n_trials} trials states a dose")
    per_trial = doses.assign(route_group=doses.route_group.map(labels).fillna("Not reported"))
    per_trial = per_trial.drop_duplicates(["trn", "unit_kind"])
    data = pd.crosstab(per_trial.unit_kind, per_trial.route_group)
    data = data.loc[data.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    kinds = [kind for kind in data.index if kind not in WITHOUT_UNIT]
    title = (
        f"{doses.trn.nunique()} of {n_trials} included trials show a dose, in {len(kinds)} kinds of unit; "
        f"{per_trial[per_trial.unit_kind == 'particles'].trn.nunique()} count particles"
    )
    with matplotlib.rc_context(_RC):
        drawing, axes = plt.subplots(figsize=(_WIDTH, 1.6 + 0.36 * len(data)), layout="constrained")
        import seaborn as sns  # here, as it takes a second to load

        sns.heatmap(
            data,
            annot=True,
            fmt="d",
            cmap="Blues",
            cbar=False,
            linewidths=1,
            vmin=0,
            vmax=data.to_numpy().max() * 1.6,
            ax=axes,
        )
        axes.set(xlabel="Route (cells: trials)", ylabel="")
        axes.tick_params(axis="x", rotation=30)
        axes.tick_params(axis="y", rotation=0)
        plt.setp(axes.get_xticklabels(), ha="right")
        _set_title(axes, title)
    return Figure(
        drawing, "dose_units", title, f"Table of trials by kind of dose unit and route. {title}.", data.reset_index()
    )


def particles_by_route(doses: pd.DataFrame, *, labels: dict[str, str]) -> Figure:
    """Particles per administration, for doses stated in particles, on a log axis by route group."""
    counted = doses.dropna(subset=["particles_low", "particles_high"]).copy()
    if counted.empty:
        return nothing("particles_by_route", "No trial of this search states its dose in particles")
    counted["route"] = counted.route_group.map(labels).fillna("Route not reported")
    counted = counted.sort_values(["route", "particles_high", "trn"]).reset_index(drop=True)
    spans = counted.groupby("route").agg(
        low=("particles_low", "min"), high=("particles_high", "max"), n=("trn", "nunique")
    )
    fold = counted.particles_high.max() / counted.particles_low.min()
    title = f"Stated particles per administration span a factor of {fold:,.0f}: " + "; ".join(
        f"{row.Index.lower()} {span_of(row.low, row.high)} ({_trials(row.n)})" for row in spans.itertuples()
    )
    with matplotlib.rc_context(_RC):
        drawing, axes = plt.subplots(figsize=(_WIDTH, 1.9 + 0.27 * len(counted)), layout="constrained")
        import seaborn as sns  # here, as it takes a second to load

        palette = dict(zip(spans.index, sns.color_palette("colorblind", len(spans))))
        markers = dict(zip(spans.index, "osD^vP"))
        for y, row in counted.iterrows():
            axes.plot(
                [row.particles_low, row.particles_high], [y, y], color=palette[row.route], lw=3, solid_capstyle="round"
            )
            axes.plot(
                [row.particles_low, row.particles_high], [y, y], markers[row.route], color=palette[row.route], ms=5
            )
        arms = counted.arm.map(
            lambda arm: f", {textwrap.shorten(arm, 18, placeholder='…')}" if isinstance(arm, str) else ""
        )
        axes.set_yticks(range(len(counted)), counted.trn + arms, fontsize=8)
        axes.set(xscale="log", xlabel="Particles per administration (log scale)", ylabel="")
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.4)
        handles = [plt.Line2D([], [], color=palette[r], marker=markers[r], lw=3, label=r) for r in spans.index]
        drawing.legend(handles=handles, frameon=False, fontsize=9, ncols=3, loc="outside lower left")
        _set_title(axes, title)
    data = counted[["trn", "arm", "route", "particles_low", "particles_high", "as_stated"]]
    return Figure(drawing, "particles_by_route", title, f"Range plot on a log axis. {title}.", data)


def none_included(described: pd.DataFrame, *, proposed: str = "") -> str:
    """The title of a figure where no trial is included: how many the rules propose, so that bars of these are understood.

    Parameters
    ----------
    described
        Table ``described``, without an included trial.
    proposed
        What to say of the proposed trials, from its punctuation mark on; without it, that the figure leaves them out.
    """
    n = int((described.screening == "pending").sum())
    if not n:
        return "No trial is included, and none is proposed"
    return f"None included yet, {n} proposed{proposed or ', which this figure does not count'}"


def _leader_title(counts: pd.Series, noun: str, *, of: str = "included") -> str:
    """The finding of a bar chart: which code leads among the included trials, and how many trials state none."""
    stated = counts.drop(index="Not reported", errors="ignore")
    missing = int(counts.get("Not reported", 0))
    if not stated.sum():
        return f"No {of} trial reports its {noun}"
    leaders = list(stated.index[stated == stated.max()])
    names = f"{', '.join(leaders[:-1])} and {leaders[-1]}" if len(leaders) > 1 else leaders[0]
    verb, each = ("lead", " each") if len(leaders) > 1 else ("leads", "")
    title = f"{noun.capitalize()}: {names} {verb} with {_trials(stated.max())}{each}"
    return f"{title}; not reported for {missing} of {counts.sum()}" if missing else title


def _unit(described: pd.DataFrame) -> str:
    pending = int((described.screening == "pending").sum())
    return f"Trials ({len(described) - pending} included" + (f", {pending} pending)" if pending else ")")


def _trials(n: int) -> str:
    return f"{n} trial" if n == 1 else f"{n} trials"


def _bars(data: pd.DataFrame, name: str, title: str, xlabel: str, colours: dict[str, str]) -> Figure:
    """Horizontal stacked bars, one per row of ``data``, each with its number."""
    used = [column for column in data.columns if data[column].sum() or len(data.columns) == 1]
    with matplotlib.rc_context(_RC):
        drawing, axes = plt.subplots(figsize=(_WIDTH, 1.4 + 0.3 * len(data)), layout="constrained")
        rows = [textwrap.fill(str(label), 26) for label in data.index]
        left = pd.Series(0, index=data.index)
        for column in used:
            tints = [_GREY if label == "Not reported" else colours[column] for label in data.index]
            axes.barh(
                rows,
                data[column],
                left=left,
                color=tints,
                hatch="///" if column == "pending" else None,
                edgecolor="white",
            )
            left = left + data[column]
        for y, (total, parts) in enumerate(zip(left, data[used].to_numpy())):
            label = " + ".join(str(part) for part in parts) if parts[1:].any() else str(total)
            axes.annotate(label, (total, y), xytext=(4, 0), textcoords="offset points", va="center")
        axes.margins(x=0.18, y=0.02)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        _legend(axes, used, colours)
        _set_title(axes, title)
    listed = ", ".join(f"{label} {int(total)}" for label, total in left.items())
    return Figure(drawing, name, title, f"Bar chart. {title}. {xlabel}: {listed}.", data.reset_index())


def _stacked_years(data: pd.DataFrame, name: str, title: str, ylabel: str, colours: dict[str, str]) -> Figure:
    used = [column for column in data.columns if data[column].sum()]
    with matplotlib.rc_context(_RC):
        drawing, axes = plt.subplots(figsize=(_WIDTH, 3.4), layout="constrained")
        bottom = pd.Series(0, index=data.index)
        for column in used:
            hatch = "///" if column in ("pending", "estimated") else None
            axes.bar(data.index, data[column], bottom=bottom, color=colours[column], hatch=hatch, edgecolor="white")
            bottom = bottom + data[column]
        for year, total in bottom[bottom > 0].items():
            axes.annotate(str(total), (year, total), xytext=(0, 2), textcoords="offset points", ha="center")
        axes.margins(y=0.12)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="Year of registration", ylabel=ylabel, xticks=data.index[:: 1 if len(data) < 9 else 2])
        _legend(axes, used, colours)
        _set_title(axes, title)
    listed = ", ".join(f"{year} {int(total)}" for year, total in bottom.items())
    return Figure(
        drawing, name, title, f"Bar chart by year. {title}. {ylabel}: {listed}.".replace("\n", " "), data.reset_index()
    )


def _legend(axes: plt.Axes, used: list[str], colours: dict[str, str]) -> None:
    if len(used) < 2:
        return
    hatches = {"pending": "///", "estimated": "///"}
    words = {
        "pending": "pending: proposed by the rules",
        "included": "included",
        "observed": "date observed",
        "estimated": "date estimated",
    }
    handles = [
        plt.Rectangle((0, 0), 1, 1, facecolor=colours[c], hatch=hatches.get(c), edgecolor="white", label=words[c])
        for c in used
    ]
    axes.figure.legend(handles=handles, frameon=False, fontsize=9, ncols=2, loc="outside lower left")


def nothing(name: str, title: str) -> Figure:
    """A figure of its title alone."""
    axes, bottom = canvas(title)
    return Figure(finished(axes, bottom), name, title, f"Empty figure. {title}.", pd.DataFrame({"n": []}))


def _set_title(axes: plt.Axes, title: str) -> None:
    """A wrapped title that begins at the left edge of the whole figure."""
    axes.figure.suptitle(textwrap.fill(title, 54), x=0.01, ha="left", fontsize=11, fontweight="bold")


def span_of(low: float, high: float) -> str:
    """A range of counts of particles: 2×10⁸ to 2×10¹⁰."""
    return power(low) if low == high else f"{power(low)} to {power(high)}"


def power(value: float) -> str:
    """A count of particles as a reader writes it: 2×10⁸."""
    mantissa, exponent = f"{value:.2e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    return f"{float(mantissa):g}×10{digits}"
