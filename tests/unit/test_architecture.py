"""Rules of the tree that no other tool reads."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import geocrew

ROOT = Path(geocrew.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
# The environment is read into Settings alone, but for what systemd says there; the others write to it
# what C libraries read at start-up, or hand it on to a process.
ENVIRONMENT = {
    "settings.py",
    "worker/preload.py",
    "worker/notify.py",
    "ops/journal.py",
    "datasets/gdal.py",
}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _functions() -> Iterator[tuple[str, int]]:
    """Yield each function with the number of its lines, docstring left out."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                first = body[0].lineno
                yield f"{_name(path)}:{node.name}", (node.end_lineno or first) - first + 1


def test_files_stay_short() -> None:
    lengths = {_name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
    assert median(lengths.values()) <= 100


def test_functions_stay_short() -> None:
    lengths = dict(_functions())
    assert {name: length for name, length in lengths.items() if length > 50} == {}
    assert median(lengths.values()) <= 8


def test_every_module_says_what_it_is() -> None:
    assert [_name(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_names_say_something() -> None:
    empty = re.compile(r"\b(utils?|helpers?|common|core|misc|Manager|Helper)\b")
    assert [_name(path) for path in SOURCES if empty.search(path.stem)] == []
    classes = [
        node.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name in classes if name.endswith(("Manager", "Helper", "Util"))] == []


def test_environment_is_read_in_one_place() -> None:
    readers = {_name(path) for path in SOURCES if re.search(r"os\.environ|getenv", path.read_text())}
    assert readers <= ENVIRONMENT


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    assert [_name(path) for path in SOURCES if later.search(path.read_text())] == []


def test_exceptions_from_rules_have_reasons() -> None:
    bare = re.compile(r"#\s*(noqa|type:\s*ignore)(\[[^\]]*\]|:\s*[A-Z0-9, ]+)?\s*$", re.MULTILINE)
    tests = Path(__file__).parents[1].rglob("*.py")
    assert [path.name for path in [*SOURCES, *tests] if bare.search(path.read_text())] == []
