"""`geocrew systemd …`: the units of the workers."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated

import typer

from geocrew.cli.options import AsJson
from geocrew.cli.output import emit, notice, say

app = typer.Typer(no_args_is_help=True, help="Units of systemd for the workers: render, install, check.")

# Without a value each stays as it is in installed units; docs/systemd.md has the defaults.
_CHOICES: dict[str, tuple[type, str, str]] = {
    "program": (str, "PATH", "The geocrew of the venv to run."),
    "data_directory": (str, "PATH", "Where workers work and write."),
    "environment_file": (str, "PATH", "File with GEOCREW_DATABASE_URL."),
    "user": (str, "NAME", "User that the workers run as."),
    "group": (str, "NAME", "Their group."),
    "concurrency": (int, "N", "Jobs at once in one worker."),
    "memory_mb": (int, "N", "Memory of one worker with its jobs, MiB."),
    "cpu_percent": (int, "N", "Processor time of one worker; 100 is one core."),
    "total_memory_percent": (int, "N", "Memory of all workers, percent of the machine's."),
}
_PREFIX = Path("/etc/systemd/system")
Prefix = Annotated[Path, typer.Option(metavar="PATH", help="Where systemd looks for units.")]
Where = Annotated[Path, typer.Option(metavar="PATH", help="Where to write the files.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite units changed by hand.")]


def _with_choices(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, which takes them as keywords, one option for each choice about the units."""
    own = [each for each in signature(command).parameters.values() if each.kind is not each.VAR_KEYWORD]
    chosen = [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, typer.Option(metavar=metavar, help=text)],
        )
        for name, (kind, metavar, text) in _CHOICES.items()
    ]
    vars(command)["__signature__"] = Signature([*own, *chosen])
    return command


@app.command()
@_with_choices
def render(directory: Where = Path("systemd"), **chosen: str | int | None) -> None:
    """Write the unit files to a directory, whatever is there."""
    from geocrew.ops.systemd.install import write_unit
    from geocrew.ops.systemd.options import UnitOptions
    from geocrew.ops.systemd.render import render as render_units

    directory.mkdir(parents=True, exist_ok=True)
    for name, text in render_units(UnitOptions.chosen(chosen)).items():
        write_unit(directory / name, text)
        say(str(directory / name))


@app.command()
@_with_choices
def install(prefix: Prefix = _PREFIX, force: Force = False, **chosen: str | int | None) -> None:
    """Write the unit files to where systemd finds them.

    Options that are not given stay as installed units have them.
    """
    from geocrew.ops.systemd.install import install as install_units

    for name, done in install_units(prefix, chosen, force=force).items():
        say(f"{done:<9}  {prefix / name}")
    notice("next: geocrew systemd check")
    notice("      systemctl daemon-reload")
    notice("      systemctl enable --now geocrew.target")


@app.command()
def check(prefix: Prefix = _PREFIX, as_json: AsJson = False) -> None:
    """Tell what is wrong with the installed units; exits with 1 when there is a problem."""
    from geocrew.ops.finding import Finding
    from geocrew.ops.systemd.check import find_problems

    findings = find_problems(prefix) or [
        Finding("units", "problem", f"none of geocrew's are in {prefix}", "geocrew systemd install")
    ]
    healthy = all(each.state != "problem" for each in findings)
    if as_json:
        emit({"healthy": healthy, "checks": findings})
    else:
        for each in findings:
            advice = f" → {each.advice}" if each.advice else ""
            say(f"{each.state:<7}  {each.name}: {each.message}{advice}")
    raise typer.Exit(0 if healthy else 1)
