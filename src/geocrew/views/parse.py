"""A query's text as PostgreSQL's grammar reads it, and back again."""

from typing import Any

from pglast import ast, parse_sql, scan
from pglast.parser import ParseError
from pglast.stream import RawStream

# The C parser's stack grows with the query: 200,000 letters of "1+1+…" end the process (measured), and
# nesting cannot be deeper than there are words.
MAX_LENGTH = 20_000
MAX_WORDS = 4_000
_UNWANTED = {
    "SQL_COMMENT": "comments are not kept in a view; leave them out",
    "C_COMMENT": "comments are not kept in a view; leave them out",
    "UIDENT": 'Unicode escapes (U&"…") hide names; write the letters themselves',
    "USCONST": "Unicode escapes (U&'…') hide text; write the letters themselves",
    "PARAM": "parameters such as $1 have no value in a view",
}
# Where a node stood, and how a call was spelled: no part of what it means.
_SPELLING = {"location", "funcformat", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"}


class Refused(Exception):
    """A query that no view may have; the message says what and where."""


def parse(query: str) -> ast.SelectStmt:
    """Return the one SELECT that `query` is; raises Refused."""
    if len(query) > MAX_LENGTH:
        raise Refused(f"is {len(query)} characters long; at most {MAX_LENGTH} are read")
    if "\0" in query or any(0xD800 <= ord(letter) < 0xE000 for letter in query):
        raise Refused("holds characters that are no text")
    try:
        _check_words(query)
        statements = parse_sql(query)
    except (ParseError, RecursionError) as error:
        raise Refused(f"is not SQL: {_first_line(error)}") from error
    if len(statements) != 1:
        raise Refused(f"holds {len(statements)} statements; a view is one SELECT")
    statement = statements[0].stmt
    if not isinstance(statement, ast.SelectStmt):
        raise Refused(f"is no SELECT but {_spoken(statement)}; a view is one SELECT")
    return statement


def write(statement: ast.SelectStmt) -> str:
    """Return SQL that parses to `statement` again, to the node; raises Refused where none was found."""
    try:
        text: str = RawStream()(statement)
        again = parse_sql(text)
    except (ParseError, NotImplementedError, RecursionError) as error:
        raise Refused("uses a form of SQL that views do not know") from error
    if len(again) != 1 or _meaning(again[0].stmt) != _meaning(statement):
        raise Refused("uses a form of SQL that views do not know")
    return text


def _check_words(query: str) -> None:
    words = scan(query)
    if len(words) > MAX_WORDS:
        raise Refused(f"has {len(words)} words and signs; at most {MAX_WORDS} are read")
    for word in words:
        if word.name in _UNWANTED:
            raise Refused(f"{_UNWANTED[word.name]} (at character {word.start + 1})")


def _meaning(node: Any) -> Any:
    """Return nested tuples of all that the grammar found, but for the spelling."""
    if isinstance(node, ast.Node):
        parts = [(each, _meaning(getattr(node, each))) for each in node if each not in _SPELLING]
        return type(node).__name__, *((name, part) for name, part in parts if part is not None)
    return tuple(_meaning(each) for each in node) if isinstance(node, tuple | list) else node


def _spoken(statement: object) -> str:
    """Name a statement: DropStmt is DROP."""
    name = type(statement).__name__.removesuffix("Stmt")
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip().upper()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it nests too deep"])[0]
