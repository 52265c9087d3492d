"""The figures of doses as registries state them: kinds of unit by route, and the doses stated in particles."""

import textwrap

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from evlib.base.figure import STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.words import several
from evlib.doses.stated_doses import WITHOUT_UNIT, in_particles, of_records, span_of


def dose_units(doses: pd.DataFrame, n_trials: int, *, labels: dict[str, str]) -> Figure:
    """How many trials state a dose in which kind of unit, by route group; a dose that only a review tells does not count.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "unit_kind": ["particles", "mass"], "route_group": "nebulised"})
    >>> doses = doses.assign(low=[2e8, 50], high=[2e8, 50], particles_low=[2e8, None], particles_high=[2e8, None])
    >>> drawn = dose_units(doses, 5, labels={"nebulised": "Nebulised"})
    >>> drawn.data
    route_group  unit_kind  Nebulised
    0                 mass          1
    1            particles          1
    >>> drawn.title
    'Doses are stated in 2 kinds of unit: 1 of 2 trials that show one counts particles'
    >>> plt.close(drawn.drawing)
    """
    doses = of_records(doses)
    if doses.empty:
        return nothing("dose_units", f"None of {n_trials} trials states a dose")
    per_trial = doses.assign(route_group=doses.route_group.map(labels).fillna("Not reported"))
    per_trial = per_trial.drop_duplicates(["trn", "unit_kind"])
    data = pd.crosstab(per_trial.unit_kind, per_trial.route_group)
    data = data.loc[data.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    kinds = [kind for kind in data.index if kind not in WITHOUT_UNIT]
    counted = len(in_particles(doses))
    title = (
        f"Doses are stated in {several(len(kinds), 'kind')} of unit: "
        f"{counted} of {several(doses.trn.nunique(), 'trial')} that show one {'counts' if counted == 1 else 'count'} particles"
    )
    shown = data.loc[kinds]
    if len(data) > len(kinds):  # in one row, so that the rows above it are the kinds that the title counts
        shown.loc["no unit, or another"] = data.drop(kinds).sum()
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(figsize=(WIDTH_INCHES, 1.6 + 0.36 * len(shown)), layout="constrained")
        import seaborn as sns  # here, as it takes a second to load

        look = {"annot": True, "fmt": "d", "cmap": "Blues", "cbar": False, "linewidths": 1}
        sns.heatmap(shown, **look, vmin=0, vmax=shown.to_numpy().max() * 1.6, ax=axes)
        axes.set(xlabel=f"Route (cells: trials; {doses.trn.nunique()} of {n_trials} show a dose)", ylabel="")
        axes.tick_params(axis="x", rotation=30)
        axes.tick_params(axis="y", rotation=0)
        plt.setp(axes.get_xticklabels(), ha="right")
    return Figure(
        drawing, "dose_units", title, f"Table of trials by kind of dose unit and route. {title}.", data.reset_index()
    )


def particles_by_route(doses: pd.DataFrame, *, labels: dict[str, str], about: pd.Series | None = None) -> Figure:
    """Particles per administration, for doses stated in particles, on a log axis by route group.

    A number with a ``caveat`` is hollow, and its caveat stands where a mouse rests on it, below the drawing and in the data.

    Parameters
    ----------
    about
        What a reader should know of a trial beside its number, such as disease and product; by trial.

    Examples
    --------
    >>> doses = pd.DataFrame({"trn": ["NCT1", "NCT2"], "route_group": ["nebulised", "local"], "arm": None})
    >>> doses = doses.assign(particles_low=[2e8, 1e10], particles_high=[1.6e9, 2e10], as_stated="…", caveat=None)
    >>> drawn = particles_by_route(doses, labels={"nebulised": "Nebulised", "local": "Local"})
    >>> drawn.data[["trn", "route", "particles_low", "particles_high"]]
        trn      route  particles_low  particles_high
    0  NCT2      Local   1.000000e+10    2.000000e+10
    1  NCT1  Nebulised   2.000000e+08    1.600000e+09
    >>> drawn.title
    'Stated particles per administration span a factor of 100'
    >>> plt.close(drawn.drawing)
    """
    counted = doses.dropna(subset=["particles_low", "particles_high"]).copy()
    if counted.empty:
        return nothing("particles_by_route", "No trial of this search states its dose in particles")
    counted["route"] = counted.route_group.map(labels).fillna("Route not reported")
    counted = counted.sort_values(["route", "particles_high", "trn"]).reset_index(drop=True)
    spans = counted.groupby("route").agg(
        low=("particles_low", "min"), high=("particles_high", "max"), n=("trn", "nunique")
    )
    fold = counted.particles_high.max() / counted.particles_low.min()
    title = f"Stated particles per administration span a factor of {fold:,.0f}"
    by_route = "; ".join(
        f"{row.Index} {span_of(row.low, row.high)} ({several(row.n, 'trial')})" for row in spans.itertuples()
    )
    told = "; ".join((counted.trn + ": " + counted.caveat).dropna())
    note = f"Hollow, to be read with a caveat: {told}." if told else ""
    with matplotlib.rc_context(STYLE):
        drawing, axes = plt.subplots(
            figsize=(WIDTH_INCHES, 1.9 + 0.27 * len(counted) + len(note) / 450), layout="constrained"
        )
        import seaborn as sns  # here, as it takes a second to load

        palette = dict(zip(spans.index, sns.color_palette("colorblind", len(spans))))
        markers = dict(zip(spans.index, "osD^vP"))
        for y, row in counted.iterrows():
            ends, colour = [row.particles_low, row.particles_high], palette[row.route]
            axes.plot(ends, [y, y], color=colour, lw=3, solid_capstyle="round")
            inside = colour if pd.isna(row.caveat) else "white"
            axes.plot(ends, [y, y], markers[row.route], color=colour, mfc=inside, ms=5, gid=f"dose-{y}")
        arms = counted.arm.dropna().map(lambda arm: f", {textwrap.shorten(arm, 18, placeholder='…')}")
        named = counted.trn + arms.reindex(counted.index, fill_value="")
        if about is not None:
            words = counted.trn.map(about).fillna("").map(lambda text: textwrap.shorten(text, 38, placeholder="…"))
            named = (words + "\n" + named).str.strip()
        axes.set_yticks(range(len(counted)), named, fontsize=7 if about is not None else 8, linespacing=1.0)
        axes.set(xscale="log", xlabel="Particles per administration (log scale)", ylabel="")
        axes.margins(y=0.7 / len(counted))
        axes.invert_yaxis()
        axes.grid(axis="x", alpha=0.4)
        handles = [plt.Line2D([], [], color=palette[r], marker=markers[r], lw=3, label=r) for r in spans.index]
        look = {"frameon": False, "fontsize": 9, "ncols": 3, "title_fontsize": 8, "alignment": "left"}
        drawing.legend(handles=handles, loc="outside lower left", title=" " if note else None, **look)
    data = counted[["trn", "arm", "route", "particles_low", "particles_high", "as_stated", "caveat"]]
    caveats = ("" if pd.isna(caveat) else f". {caveat}" for caveat in counted.caveat)
    hints = {
        f"dose-{y}": [f"{row.trn}{'' if pd.isna(row.arm) else ', ' + row.arm}: {row.as_stated}{caveat}"] * 2
        for (y, row), caveat in zip(counted.iterrows(), caveats, strict=True)
    }
    alt = f"Range plot on a log axis. {title}: {by_route}."
    return Figure(drawing, "particles_by_route", title, f"{alt} {note}".strip(), data, hints, note=note)
