"""`geocrew doctor`: what is wrong with this set-up."""

import typer

from geocrew.cli import exits
from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, say


def doctor(as_json: AsJson = False) -> None:
    """Tell what is wrong with this set-up.

    Checks settings, machine, database, workers and jobs; exits with 78 when there is a problem.
    """
    from geocrew.cli.session import read_settings
    from geocrew.errors import ConfigurationError
    from geocrew.ops.doctor import examine
    from geocrew.ops.finding import Finding

    try:
        findings = list(examine(read_settings()))
    except ConfigurationError as error:
        findings = [
            Finding("settings", "problem", str(error), "mend the variable, see docs/settings.md")
        ]
    healthy = all(each.state != "problem" for each in findings)
    if as_json:
        emit({"healthy": healthy, "checks": findings})
    else:
        for each in findings:
            advice = f" → {each.advice}" if each.advice else ""
            say(f"{each.state:<7}  {each.name}: {each.message}{advice}")
    raise typer.Exit(exits.OK if healthy else exits.CONFIGURATION)
