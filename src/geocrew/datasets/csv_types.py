"""The type of a text column: the first of a list that every value of the file fits."""

import pyarrow as pa
import pyarrow.compute as pc

_FRACTION = r"(\.\d+)?([eE][-+]?\d{1,3})?"
_DATE = r"\d{4}-\d\d-\d\d"
_TIME = r"[T ]\d\d:\d\d:\d\d(\.\d{1,6})?"
# A leading zero means a code (FIPS, postal), not a number; 18 digits always
# fit into a bigint, and more of them are an identifier, which a float would round.
_PATTERNS: dict[pa.DataType, str] = {
    pa.int64(): r"^-?(0|[1-9]\d{0,17})$",
    pa.float64(): rf"^-?(0|[1-9]\d{{0,17}}){_FRACTION}$|^(nan|NaN|-?inf|-?Infinity)$",
    pa.bool_(): r"^(true|false|True|False|TRUE|FALSE)$",
    pa.date32(): rf"^{_DATE}$",
    pa.timestamp("us"): rf"^{_DATE}{_TIME}$",
    pa.timestamp("us", "UTC"): rf"^{_DATE}{_TIME}(Z|[-+]\d\d:?\d\d)$",
}


class Types:
    """The types that are still possible for a column, the narrowest first."""

    def __init__(self) -> None:
        self._possible = list(_PATTERNS)
        self._seen = False

    def narrow(self, texts: pa.Array) -> None:
        """Strike out the types that do not fit all of `texts`."""
        self._seen = self._seen or texts.null_count < len(texts)
        self._possible = [each for each in self._possible if _fits(texts, each)]

    @property
    def arrow(self) -> pa.DataType:
        """The narrowest type left; text when none is, or when there was no value."""
        return self._possible[0] if self._possible and self._seen else pa.string()


def convert(texts: pa.Array, arrow: pa.DataType) -> pa.Array:
    """Turn text that fits into the type."""
    if arrow == pa.bool_():
        return pc.equal(pc.utf8_lower(texts), "true")
    return texts.cast(arrow)


def _fits(texts: pa.Array, arrow: pa.DataType) -> bool:
    if pc.all(pc.match_substring_regex(texts, _PATTERNS[arrow])).as_py() is False:
        return False
    try:
        convert(texts, arrow)
    except pa.ArrowInvalid:
        return False
    return True
