"""Maps of all counties, each in the colour of what an example says of it."""

from scripts.pictures.colours import CHOSEN, DARK, DIVERGING, HOT_AND_COLD, NEW, NOTHING, OTHER, RISING
from scripts.pictures.counties import draw_counties, outline
from scripts.pictures.drawing import Drawing, Entry
from scripts.pictures.stage import Stage
from tests.run_analysis import Run


def draw_hot_spots(stage: Stage, run: Run) -> Drawing:
    """Draw the class of each county."""
    classes = {row["source_id"]: row["hotspot_class"] for row in stage.rows(run)}
    fills = {number: HOT_AND_COLD.get(each, NOTHING) for number, each in classes.items()}
    words = "Gi* of the unemployment rate of 2009, each county with its eight nearest; classes after FDR"
    drawing, _ = draw_counties("Hot and cold spots of unemployment", words, stage.counties, fills)
    counts = run.counts["classes"]
    drawing.legend = [Entry(f"{each} ({counts[each]:,})", fill) for each, fill in HOT_AND_COLD.items()]
    drawing.legend += [Entry(f"no rate ({run.counts['n_null']})", NOTHING)]
    return drawing


def draw_outliers(stage: Stage, run: Run) -> Drawing:
    """Draw scores in steps around 0, and the outliers, all of which are high, with a dark edge."""
    bounds = (-2, -1, -0.5, 0.5, 1, 2)
    steps = ("below -2", "-2 to -1", "-1 to -0.5", "-0.5 to 0.5", "0.5 to 1", "1 to 2", "above 2")
    scored = [row for row in stage.rows(run) if row["outlier_score"] is not None]
    fills = {row["source_id"]: _step(row["outlier_score"], bounds, DIVERGING) for row in scored}
    words = "Modified z-score of the unemployment rate of 2009; an outlier is beyond ±3.5"
    drawing, frame = draw_counties("Counties unlike the rest", words, stage.counties, fills)
    outliers = {row["source_id"] for row in scored if row["is_outlier"]}
    found = [shape for number, shape in stage.counties.shapes.items() if number in outliers]
    drawing.add(outline(frame, found, colour=DARK, width=16))
    mark = (
        f'<rect x="-60" y="-60" width="120" height="120" fill="{DIVERGING[-1]}" stroke="{DARK}"'
        ' stroke-width="24"/>'
    )
    drawing.legend = [
        Entry(step.replace("-", "\N{MINUS SIGN}"), fill)
        for step, fill in zip(steps, DIVERGING, strict=True)
    ]
    drawing.legend += [Entry(f"no rate ({run.counts['n_null']})", OTHER)]
    drawing.legend += [Entry(f"outlier ({run.counts['n_outliers']})", "", mark)]
    return drawing


def draw_states(stage: Stage, run: Run) -> Drawing:
    """Draw each state by the median of its counties' rates; the edges that were merged still show."""
    bounds, steps = (5, 7, 9, 11), ("below 5 %", "5 to 7 %", "7 to 9 %", "9 to 11 %", "11 % and more")
    medians = {row["state"]: row["unemployment_rate_median"] for row in stage.rows(run)}
    fills = {
        number: _step(medians[state], bounds, RISING)
        for number, state in stage.counties.state_of.items()
    }
    words = "Median of the unemployment rates of each state's counties, whose edges are the thin lines"
    drawing, _ = draw_counties("States dissolved from counties", words, stage.counties, fills, DARK)
    drawing.legend = [Entry(*each) for each in zip(steps, RISING, strict=True)]
    return drawing


def draw_view(stage: Stage, run: Run) -> Drawing:
    """Draw the counties that the view holds."""
    bounds, steps = (12, 14, 16), ("10 to 12 %", "12 to 14 %", "14 to 16 %", "16 % and more")
    rates = {row["id"]: row["unemployment_rate"] for row in stage.rows(run)}
    fills = {number: _step(rate, bounds, RISING[1:]) for number, rate in rates.items()}
    words = f"The view's {len(rates)} rows: counties with an unemployment rate over 10 % in 2009"
    drawing, _ = draw_counties("A view of counties", words, stage.counties, fills)
    drawing.legend = [Entry("not in the view", OTHER)]
    drawing.legend += [Entry(*each) for each in zip(steps, RISING[1:], strict=True)]
    return drawing


def draw_refreshed(stage: Stage, run: Run) -> Drawing:
    """Draw the counties that the view held, and those of Texas that two points more have brought in."""
    rows = stage.rows(run)
    fills = {
        row["id"]: NEW if row["state"] == "TX" and row["unemployment_rate"] - 2 <= 10 else CHOSEN
        for row in rows
    }
    words = "Counties over 10 %, before and after the rates of Texas were raised by two points"
    drawing, _ = draw_counties("A stored view is refreshed", words, stage.counties, fills)
    before = run.counts["rows_before"]
    drawing.legend = [
        Entry(f"held before the refresh ({before})", CHOSEN),
        Entry(f"come in with it ({len(rows) - before})", NEW),
        Entry("not in the view", OTHER),
    ]
    return drawing


def _step(value: float, bounds: tuple[float, ...], colours: tuple[str, ...]) -> str:
    """Return the colour of the step that a value is on; a bound belongs to the step above it."""
    return colours[sum(value >= bound for bound in bounds)]
