"""How much one trial with two doses and a placebo can say of a dose-response curve: a small Bayesian Emax model.

The log odds of the outcome at dose d are E0 + Emax · d / (ED50 + d) (MacDougall, in: Ting, Dose Finding in Drug Development,
2006): E0 without vesicles, Emax more at a very high dose, half of that at ED50. Three numbers from three groups: whatever the data do not
say, the prior does. The model is here to show how much that is. All integrals are sums over a fixed grid: the same numbers on every machine.
"""

from collections.abc import Iterable
from typing import NamedTuple

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from scipy import interpolate, special, stats

from evlib.base.errors import InputError
from evlib.base.figure import INCLUDED, PENDING, STYLE, WIDTH_INCHES, Figure, nothing
from evlib.base.schema import checked, columns
from evlib.doses.effect_sizes import p_values, printed_p, proportion

PARAMETERS = ("E0", "Emax", "ED50")
HARDLY = 0.9  # a spread above this share of the prior's has hardly moved

_POINTS, _REACH = 61, 5.0  # of the grid of each parameter, and how far it reaches in SDs of the prior
_BAND = (0.025, 0.5, 0.975)


class Priors(NamedTuple):
    """Standard deviations of the normal priors of E0 (log odds), Emax (log odds ratio) and the logarithm of ED50."""

    e0: float
    emax: float
    log_ed50: float


SETTINGS = {
    "as set": Priors(1.0, 1.0, float(np.log(10)) / 1.96),
    "sceptical of an effect": Priors(1.0, 0.5, float(np.log(10)) / 1.96),
    "wide": Priors(2.0, 2.0, float(np.log(100)) / 1.96),
}
_REASONS = {
    "E0": "of people who were ill enough for such a trial, anything from few to nearly all may have the outcome without vesicles",
    "Emax": "it may harm as well as help; an odds ratio beyond these would be a very large effect",
    "ED50": "centred between the doses tried, which somebody thought worth trying; tenfold lower or higher would not surprise",
}


class Posterior(NamedTuple):
    """A grid of the three parameters (E0, Emax, logarithm of ED50) with their weights: axes, and an array that sums to 1."""

    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    weights: np.ndarray
    priors: Priors
    middle: float  # of the prior of the logarithm of ED50

    def marginal(self, place: int) -> np.ndarray:
        """The weights of one parameter's axis."""
        return self.weights.sum(axis=tuple(i for i in range(3) if i != place))


def dose_groups(
    effects: pd.DataFrame, arms: pd.DataFrame, *, randomised: Iterable[str], not_randomised: Iterable[str] = ()
) -> pd.DataFrame:
    """The randomised trials that compare two doses or more in one unit with a control, and report one outcome of people in each group.

    Parameters
    ----------
    effects
        As ``evlib.doses.effect_sizes.effects`` returns it; its shares within one arm are taken.
    arms
        ``arm_id, role, dose_low, dose_high, dose_unit``.
    randomised
        Reports (``study_id``) whose people were allotted by chance.
    not_randomised
        Arms of these that were not randomised to be compared with the others of their report; they are left out.

    Returns
    -------
    pandas.DataFrame
        One row per group, lowest dose first: ``comparison`` (1, 2 …: an outcome of a trial), ``study, source_url, outcome, arm_id,
        arm, dose`` (0: control), ``dose_unit, events, n, basis, as_stated``.

    Examples
    --------
    >>> arms = pd.DataFrame({"arm_id": ["a", "b", "c"], "role": ["control", "ev", "ev"], "dose_low": [None, 10, 15]})
    >>> arms = arms.assign(dose_high=arms.dose_low, dose_unit="mL")
    >>> shares = pd.DataFrame({"arm_id": ["a", "b", "c"], "arm": ["saline", "low", "high"], "events": [4, 5, 8]})
    >>> shares = shares.assign(n=10, study_id="x", outcome="survival", timepoint="day 60", measure="proportion")
    >>> shares[["study", "source_url", "basis", "as_stated"]] = None
    >>> groups = dose_groups(shares, arms, randomised=["x"])
    >>> groups[["comparison", "outcome", "arm", "dose", "dose_unit", "events", "n"]]
       comparison   outcome     arm  dose dose_unit  events   n
    0           1  survival  saline   0.0        mL       4  10
    1           1  survival     low  10.0        mL       5  10
    2           1  survival    high  15.0        mL       8  10
    """
    by_chance = effects.study_id.isin(list(randomised)) & ~effects.arm_id.isin(list(not_randomised))
    shares = effects[(effects.measure == "proportion") & by_chance]
    rows = shares.merge(arms[["arm_id", "role", "dose_low", "dose_high", "dose_unit"]], on="arm_id")
    low, high = (pd.to_numeric(rows[name], errors="coerce") for name in ("dose_low", "dose_high"))
    control = rows.role == "control"
    rows = rows.assign(dose=low.where(low == high).mask(control, 0.0))[control | ((rows.role == "ev") & (low == high))]
    kept = [
        group.assign(dose_unit=group.dose_unit.dropna().iloc[0]).sort_values("dose")
        for _, group in rows.groupby(["study_id", "outcome", "timepoint"], dropna=False)
        if (group.dose == 0).sum() == 1
        and group.dose.is_unique
        and len(group) > 2
        and group.dose_unit.dropna().nunique() == 1
    ]
    kept = [group.assign(comparison=place) for place, group in enumerate(kept, start=1)]
    names = ["comparison", "study", "source_url", "outcome", "arm_id", "arm", "dose", "dose_unit"]
    names += ["events", "n", "basis", "as_stated"]
    return pd.concat(kept, ignore_index=True)[names] if kept else pd.DataFrame(columns=names)


def emax_posterior(groups: pd.DataFrame, priors: Priors = SETTINGS["as set"]) -> Posterior:
    """The posterior of the Emax model of one trial, on a grid that is laid where the posterior is.

    ``groups`` has ``dose, events, n``: one control (dose 0) and two doses or more; else it is an ``InputError``. The prior of ED50
    is centred at the geometric mean of the doses.
    """
    rows = groups.sort_values("dose").astype({"dose": float, "events": float, "n": float})
    doses = rows.dose.to_numpy()
    if (
        len(doses) < 3
        or doses[0] != 0
        or len(set(doses)) < len(doses)
        or not ((rows.events >= 0) & (rows.events <= rows.n)).all()
    ):
        raise InputError(
            f"doses {doses.tolist()} with {rows.events.tolist()} of {rows.n.tolist()} people: an Emax model needs one control "
            "(dose 0), two doses or more, and events within the people of each group."
        )
    middle = float(np.log(doses[1:]).mean())
    limits = [(mean - _REACH * sd, mean + _REACH * sd) for mean, sd in zip((0.0, 0.0, middle), priors)]
    for _ in range(3):
        found = _on_grid(rows, limits, priors, middle)
        limits = [_where(axis, found.marginal(i)) for i, axis in enumerate(found.axes)]
    return found


def prior_grid(groups: pd.DataFrame, priors: Priors = SETTINGS["as set"]) -> Posterior:
    """The prior of the model on a grid: what ``emax_posterior`` returns before any person was seen."""
    rows = groups.sort_values("dose").assign(events=0.0, n=0.0)
    middle = float(np.log(rows.dose.astype(float)[rows.dose > 0]).mean())
    limits = [(mean - _REACH * sd, mean + _REACH * sd) for mean, sd in zip((0.0, 0.0, middle), priors)]
    return _on_grid(rows, limits, priors, middle)


def curve_band(found: Posterior, doses: Iterable[float]) -> pd.DataFrame:
    """The share with the outcome by dose: ``dose, low, median, high`` (95 % band, point by point)."""
    e0, emax, log_ed50 = np.meshgrid(*found.axes, indexing="ij")
    weights = found.weights.ravel()
    heavy = weights > weights.max() * 1e-7  # the rest holds less than a millionth
    rows = []
    for dose in doses:
        share = special.expit(e0 + emax * dose / (np.exp(log_ed50) + dose)).ravel()[heavy]
        order = np.argsort(share, kind="stable")
        total = np.cumsum(weights[heavy][order])
        rows.append((float(dose), *share[order][np.searchsorted(total, np.multiply(_BAND, total[-1]))]))
    return pd.DataFrame(rows, columns=["dose", "low", "median", "high"])


def prior_beside_posterior(groups: pd.DataFrame, settings: dict[str, Priors] = SETTINGS) -> pd.DataFrame:
    """What the data of one trial add to the prior of each parameter, under each setting of the priors.

    Returns
    -------
    pandas.DataFrame
        Table ``dose_response``, one row per setting and parameter: ``prior_low, prior_median, prior_high`` and ``low, median, high``
        (95 %, equal tails); ``spread``: the posterior's SD over the prior's (of ED50: of its logarithm); ``overlap``: the area
        that both densities share, 1 where nothing was learnt; ``bits``: the Kullback-Leibler divergence of the posterior from
        the prior, 0 where nothing was learnt (a fair coin seen once is 1); ``above_zero``: the posterior probability that Emax is positive.

    Examples
    --------
    >>> groups = pd.DataFrame({"dose": [0, 10, 15], "dose_unit": "mL", "events": [4, 5, 8], "n": 10})
    >>> groups = groups.assign(study="Report A", outcome="survival", basis="counts", source_url=None)
    >>> table = prior_beside_posterior(groups, {"as set": SETTINGS["as set"]})
    >>> table[["parameter", "prior_low", "prior_high", "low", "high", "spread"]].round(1)
      parameter  prior_low  prior_high  low   high  spread
    0        E0       -2.0         2.0 -0.8    0.9     0.4
    1      Emax       -2.0         2.0 -1.1    2.2     0.8
    2      ED50        1.2       122.5  1.3  115.3     1.0
    """
    unit = groups.dose_unit.iloc[0]
    rows = []
    for setting, priors in settings.items():
        found = emax_posterior(groups, priors)
        for place, (name, of) in enumerate(zip(PARAMETERS, ("log odds", "log odds ratio", unit))):
            axis, weights = found.axes[place], found.marginal(place)
            prior = stats.norm(found.middle if name == "ED50" else 0.0, priors[place])
            before = prior.pdf(axis) * (axis[1] - axis[0])
            fine, density, total = _smooth(axis, weights)
            shown = [*prior.ppf(_BAND), *np.interp(_BAND, total, fine)]
            numbers = [*(np.exp(shown) if name == "ED50" else shown)]
            mean = float(weights @ axis)
            numbers += [
                np.sqrt(weights @ (axis - mean) ** 2) / priors[place],
                np.trapezoid(np.minimum(density, prior.pdf(fine)), fine),
            ]
            numbers += [special.rel_entr(weights, before).sum() / np.log(2)]
            numbers += [1 - np.interp(0.0, fine, total) if name == "Emax" else np.nan]
            rows.append([setting, name, of, *(float(f"{number:.4g}") for number in numbers)])
    table = pd.DataFrame(rows, columns=columns("dose_response")[: len(rows[0])])
    facts = {name: groups[name].iloc[0] for name in ("study", "outcome", "basis", "source_url")}
    return checked(table.assign(**facts), "dose_response")


def prior_table(groups: pd.DataFrame, settings: dict[str, Priors] = SETTINGS) -> pd.DataFrame:
    """The priors in words: ``parameter, meaning, prior, middle_95``, a column for each other setting, and ``reason``.

    Examples
    --------
    >>> groups = pd.DataFrame({"dose": [0, 10, 15], "dose_unit": "mL"})
    >>> prior_table(groups)[["parameter", "middle 95 %", "sceptical of an effect"]]
      parameter               middle 95 %     sceptical of an effect
    0        E0                12% to 88%                 12% to 88%
    1      Emax  0.14 to 7.1 (odds ratio)  0.38 to 2.66 (odds ratio)
    2      ED50             1.2 to 122 mL              1.2 to 122 mL
    """
    first, *others = settings
    unit, grids = groups.dose_unit.iloc[0], {name: prior_grid(groups, priors) for name, priors in settings.items()}
    meanings = ("the outcome without vesicles", "how much more at a very high dose", "the dose of half the effect")
    kinds = ("normal, of the log odds", "normal, of the log odds ratio", "log-normal")

    def middle_95(setting: str, place: int) -> str:
        mean, sd = (grids[setting].middle if place == 2 else 0.0), settings[setting][place]
        low, high = mean - 1.96 * sd, mean + 1.96 * sd
        if place == 0:
            return f"{special.expit(low):.0%} to {special.expit(high):.0%}"
        return f"{np.exp(low):.2g} to {np.exp(high):.3g}" + (f" {unit}" if place == 2 else " (odds ratio)")

    return pd.DataFrame(
        [
            {
                **{"parameter": name, "meaning": meanings[place], "prior": kinds[place]},
                **{"middle 95 %": middle_95(first, place)},
                **{other: middle_95(other, place) for other in others},
                **{"reason": _REASONS[name]},
            }
            for place, name in enumerate(PARAMETERS)
        ]
    )


def answer(table: pd.DataFrame) -> str:
    """A sentence that says how far the trial's data move the prior of each parameter, and what another prior would say.

    Examples
    --------
    >>> groups = pd.DataFrame({"dose": [0, 10, 15], "dose_unit": "mL", "events": [4, 5, 8], "n": 10})
    >>> groups = groups.assign(study="Report A", outcome="survival", basis="counts", source_url=None)
    >>> print(answer(prior_beside_posterior(groups, {"as set": SETTINGS["as set"]})))  # doctest: +NORMALIZE_WHITESPACE
    **Report A leaves the dose of half the effect as unknown as it was: 1.3 to 115 mL, before it 1.2 to 122** (95 %;
    0.00 bits learnt, overlap 98%). The effect at a very high dose keeps 83% of its prior's spread (0.33 bits), and
    its sign rests on the prior, too: the probability that it is positive is 0.78 (as set).
    """
    own = table[table.setting == table.setting.iloc[0]].set_index("parameter")
    ed50, emax, moved = own.loc["ED50"], own.loc["Emax"], table[table.parameter == "Emax"]
    if ed50.spread >= HARDLY:
        says = f"leaves the dose of half the effect as unknown as it was: {ed50.low:.2g} to {ed50.high:.3g} {ed50.unit}, before it "
        says += f"{ed50.prior_low:.2g} to {ed50.prior_high:.3g}"
    else:
        says = f"narrows the dose of half the effect to {ed50.low:.2g} to {ed50.high:.3g} {ed50.unit}"
    return (
        f"**{ed50.study} {says}** (95 %; {ed50.bits:.2f} bits learnt, overlap {ed50.overlap:.0%}). The effect at a very high dose keeps "
        f"{emax.spread:.0%} of its prior's spread ({emax.bits:.2f} bits), and its sign rests on the prior, too: the probability that it is "
        f"positive is {', '.join(f'{row.above_zero:.2f} ({row.setting})' for row in moved.itertuples())}."
    )


def counts_beside_printed_p(groups: pd.DataFrame, outcomes: pd.DataFrame) -> str:
    """Whether the counts of the highest dose and the control give the p that the report prints of its primary outcome, in sentences.

    ``outcomes`` has ``arm_id, name, p, primary, comparison``. Empty where the report prints no such p.

    Examples
    --------
    >>> groups = pd.DataFrame({"arm_id": ["a", "b", "c"], "dose": [0, 10, 15], "events": [4, 5, 8], "n": 10, "basis": "counts"})
    >>> outcome = {"arm_id": "c", "name": "survival", "p": "0.07", "primary": "True", "comparison": "between arms"}
    >>> print(counts_beside_printed_p(groups, pd.DataFrame([outcome])))  # doctest: +NORMALIZE_WHITESPACE
    8 of 10 v 4 of 10 give p = 0.0679 by the chi-square test, as the report prints 0.07 for its primary outcome
    (survival).
    """
    control, highest = (groups.sort_values("dose").iloc[end] for end in (0, -1))
    rows = outcomes[
        (outcomes.arm_id == highest.arm_id) & (outcomes.primary == "True") & (outcomes.comparison == "between arms")
    ]
    rows = rows[[printed_p(text) is not None for text in rows.p]]
    if rows.empty:
        return ""
    p = p_values(int(highest.events), int(highest.n), int(control.events), int(control.n))["p_chi_square"]
    elsewhere = rows.get("p_from", pd.Series(dtype="str")).dropna()
    prints = f"{elsewhere.iloc[0]} (not what was read of the report)" if len(elsewhere) else "the report"
    fits = "as" if printed_p(rows.p.iloc[0]).holds(p) else "while"
    said = (
        f"{highest.events} of {highest.n} v {control.events} of {control.n} give p = {p:.4f} by the chi-square test, {fits} "
        f"{prints} prints {rows.p.iloc[0]} for its primary outcome ({rows.name.iloc[0]})."
    )
    if (groups.basis == "counts").all():
        return said
    return (
        "The counts are worked out from printed percentages, which may be of fewer people or of time to event: then still less is learnt "
        f"than shown. {said} This p holds the counts worked out against the report; it is no test of an effect."
    )


def prior_and_posterior(groups: pd.DataFrame, priors: Priors = SETTINGS["as set"]) -> Figure:
    """Prior beside posterior: densities of Emax and ED50, and the curve's 95 % band with the trial's groups.

    The figure's data are the bands by dose. Without a trial that fits, the figure is only its title.

    Examples
    --------
    >>> groups = pd.DataFrame({"dose": [0, 10, 15], "dose_unit": "mL", "events": [4, 5, 8], "n": 10})
    >>> groups = groups.assign(study="Report A", outcome="survival", basis="counts", source_url=None)
    >>> figure = prior_and_posterior(groups)
    >>> print(figure.title)  # doctest: +NORMALIZE_WHITESPACE
    Report A (n = 30) learns next to nothing on the dose of half the effect: it keeps 97% of the prior's spread,
    0.00 bits are learnt
    >>> plt.close(figure.drawing)
    """
    name = "dose_response"
    if groups.empty:
        return nothing(name, "No trial on file compares two doses with a control and counts one outcome in all groups")
    before, after = prior_grid(groups, priors), emax_posterior(groups, priors)
    table = prior_beside_posterior(groups, {"as set": priors}).set_index("parameter")
    ed50, unit, n = table.loc["ED50"], groups.dose_unit.iloc[0], int(groups.n.sum())
    says = (
        "learns next to nothing on the dose of half the effect"
        if ed50.spread >= HARDLY
        else "narrows the dose of half the effect"
    )
    title = f"{groups.study.iloc[0]} (n = {n}) {says}: it keeps {ed50.spread:.0%} of the prior's spread, {ed50.bits:.2f} bits are learnt"
    doses = np.linspace(0, 2 * groups.dose.max(), 13)
    bands = {"prior": curve_band(before, doses), "posterior": curve_band(after, doses)}
    looks = {"prior": ("#7F7F7F", "--", 0.18), "posterior": (INCLUDED, "-", 0.25)}
    with matplotlib.rc_context(STYLE):
        drawing = plt.figure(figsize=(WIDTH_INCHES, 6.2), layout="constrained")
        places = drawing.subplot_mosaic([["Emax", "ED50"], ["curve", "curve"]], height_ratios=[1, 1.7])
        for place, parameter in ((1, "Emax"), (2, "ED50")):
            for kind, found in (("prior", before), ("posterior", after)):
                fine, density, _ = _smooth(found.axes[place], found.marginal(place))
                colour, line, _ = looks[kind]
                x = np.exp(fine) if parameter == "ED50" else fine
                sns.lineplot(x=x, y=density, color=colour, ls=line, lw=2, ax=places[parameter])
            places[parameter].set(ylabel="", yticks=[])
        places["Emax"].set(
            xlabel="Emax (log odds ratio)", ylabel="Density", xlim=(-3.5 * priors.emax, 3.5 * priors.emax)
        )
        places["ED50"].set(xscale="log", xlabel=f"ED50 ({unit}, log scale)")
        curve = places["curve"]
        for kind, band in bands.items():
            colour, line, alpha = looks[kind]
            curve.fill_between(band.dose, band.low, band.high, color=colour, alpha=alpha, lw=0)
            curve.plot(band.dose, band["median"], line, color=colour, lw=2, label=f"{kind}, with 95 % band")
        ends = [proportion(int(row.events), int(row.n)) for row in groups.itertuples()]
        shares = np.array([end.estimate for end in ends])
        bars = [shares - [end.low for end in ends], [end.high for end in ends] - shares]
        counts = "" if (groups.basis == "counts").all() else f"; {groups.basis[groups.basis != 'counts'].iloc[0]}"
        label = f"groups, exact 95 % intervals{counts}"
        curve.errorbar(groups.dose, shares, bars, fmt="o", color=PENDING, ms=7, capsize=3, label=label)
        curve.set(xlabel=f"Dose ({unit})", ylabel=f"Share: {groups.outcome.iloc[0].split(' (')[0]}", ylim=(0, 1))
        for row, share in zip(groups.itertuples(), shares):
            curve.annotate(f"n = {row.n}", (row.dose, share), xytext=(6, -12), textcoords="offset points", fontsize=8)
        drawing.legend(*curve.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower left")
    listed = "; ".join(f"{row.dose:g} {unit}: {row.events} of {row.n}" for row in groups.itertuples())
    alt = f"Densities of two parameters, prior and posterior, and the curve by dose. {title}. {groups.outcome.iloc[0]}: {listed}{counts}."
    data = pd.concat([band.assign(of=kind) for kind, band in bands.items()], ignore_index=True).round(3)
    return Figure(drawing, name, title, alt, data)


def _on_grid(rows: pd.DataFrame, limits: list[tuple[float, float]], priors: Priors, middle: float) -> Posterior:
    axes = tuple(np.linspace(low, high, _POINTS) for low, high in limits)
    e0, emax, log_ed50 = np.meshgrid(*axes, indexing="ij", sparse=True)
    log_weights = -0.5 * (
        (e0 / priors.e0) ** 2 + (emax / priors.emax) ** 2 + ((log_ed50 - middle) / priors.log_ed50) ** 2
    )
    for row in rows.itertuples():
        log_odds = e0 + emax * (row.dose / (np.exp(log_ed50) + row.dose))
        log_weights = log_weights + row.events * log_odds - row.n * np.logaddexp(0, log_odds)
    weights = np.exp(log_weights - log_weights.max())
    return Posterior(axes, weights / weights.sum(), priors, middle)


def _where(axis: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """The part of an axis that holds all but a millionth of a millionth of the highest weight, a step wider on each side."""
    inside = np.flatnonzero(weights > weights.max() * 1e-12)
    return float(axis[max(inside[0] - 1, 0)]), float(axis[min(inside[-1] + 1, len(axis) - 1)])


def _smooth(axis: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A density between the points of its grid: a fine axis, the density, and the cumulative probability."""
    density = interpolate.CubicSpline(axis, weights / (axis[1] - axis[0]))
    fine = np.linspace(axis[0], axis[-1], 40 * len(axis) + 1)
    total = density.antiderivative()(fine)
    return fine, np.maximum(density(fine), 0) / total[-1], total / total[-1]
