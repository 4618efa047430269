"""The user's mistakes with dissolve: what each message says."""

from typing import Any

import pytest
from tests.integration.analyses.layers import add_table
from tests.integration.analyses.test_dissolve import dissolve, towns

from geocrew.analyses.dissolve import ANALYSIS
from geocrew.db import Connection
from geocrew.errors import InvalidParameters, UserError

MISTAKES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ['dissolve_field is required for dissolve_mode "field"; fields of dataset', "state, people"]),
    (
        {"dissolve_field": "stat"},
        ['dissolve_field "stat" is not in', '(did you mean "state"?)', "founded"],
    ),
    (
        {"dissolve_field": "doc"},
        ['dissolve_field "doc" is json, whose values cannot be compared', "state,"],
    ),
    ({"dissolve_mode": "some"}, ["dissolve_mode", "'all', 'field' or 'custom'", '"some"']),
    (
        {"dissolve_mode": "all", "aggregation_fields": {"people": "total"}},
        ["aggregation_fields.people.0", "'sum', 'avg', 'min', 'max', 'count'", '"total"'],
    ),
    (
        {"dissolve_mode": "all", "aggregation_fields": {"people": []}},
        ["aggregation_fields.people", "at least 1"],
    ),
    (
        {"dissolve_mode": "all", "aggregation_fields": {"state": "sum", "poeple": "sum"}},
        [
            'aggregation_fields "state" is text, not numeric',
            'aggregation_fields "poeple" is not in dataset',
            '(did you mean "people"?)',
            "numeric fields: people, area",
        ],
    ),
    (
        {"dissolve_mode": "all", "aggregation_fields": {"tags": "first"}},
        ['aggregation_fields "tags" is other, of which there is no first', "state, people"],
    ),
    (
        {"dissolve_mode": "all", "aggregation_fields": {"doc": "max"}},
        ['aggregation_fields "doc" is json, of which there is no max', "state, people, area, founded"],
    ),
    ({"dissolve_mode": "custom"}, ['custom_groups is required for dissolve_mode "custom"', '"West"']),
    (
        {"dissolve_mode": "custom", "custom_groups": [{"name": "x", "values": [1]}]},
        ['custom_field is required for dissolve_mode "custom"; fields of dataset', "state, people"],
    ),
    (
        {
            "dissolve_mode": "custom",
            "custom_field": "state",
            "custom_groups": [{"name": "x", "values": [1, "A"]}, {"name": "y", "values": ["B", "1"]}],
        },
        ['custom_groups has the value "1" in two groups, "x" and "y"'],
    ),
    (
        {
            "dissolve_mode": "custom",
            "custom_field": "state",
            "custom_groups": [{"name": "x", "values": [1]}, {"name": "x", "values": [2]}],
        },
        ['custom_groups has two groups named "x"'],
    ),
    (
        {"dissolve_mode": "custom", "custom_field": "state", "custom_groups": []},
        ["custom_groups", "at least 1"],
    ),
    (
        {
            "dissolve_mode": "custom",
            "custom_field": "state",
            "custom_groups": [{"name": "x", "values": []}],
        },
        ["custom_groups.0.values", "at least 1"],
    ),
    (
        {
            "dissolve_mode": "custom",
            "custom_field": "state",
            "custom_groups": [{"name": "x", "values": [None]}],
        },
        ["custom_groups.0.values.0", "valid string", "null"],
    ),
    ({"dissolve_mode": "all", "unmatched": "lose"}, ["unmatched", "'drop' or 'keep'", '"lose"']),
    ({"dissolve_mode": "all", "multipart": "many"}, ["multipart", "valid boolean", '"many"']),
]


@pytest.mark.parametrize(("params", "words"), MISTAKES)
def test_mistakes(connection: Connection, params: dict[str, Any], words: list[str]) -> None:
    dataset_id = towns(connection)
    connection.execute("ALTER TABLE towns ADD doc json, ADD tags text[]")
    with pytest.raises(InvalidParameters) as caught:
        dissolve(connection, dataset_id, **params)
    for each in words:
        assert each in str(caught.value)


@pytest.mark.parametrize("mode", ["static", "view", "materialized_view"])
def test_values_too_large_to_be_summed_up(connection: Connection, mode: str) -> None:
    rows = [(key, value, "POINT(1 1)") for key, value in enumerate((1e200, 3e200, 2e200, None))]
    params: dict[str, Any] = {"dissolve_mode": "all", "output_mode": mode}
    dataset_id = add_table(connection, rows)
    run = dissolve(
        connection, dataset_id, aggregation_fields={"value": ["avg", "sum", "median"]}, **params
    )
    assert run.column("value_avg") == [pytest.approx(2e200)]
    assert run.column("value_sum") == [pytest.approx(6e200)]
    with pytest.raises(UserError, match=r"aggregation_fields: values of value_stddev .* choose median"):
        dissolve(connection, dataset_id, aggregation_fields={"value": ["max", "stddev"]}, **params)
    rows = [(key, value, "POINT(1 1)") for key, value in enumerate((1e308, 1.5e308))]
    with pytest.raises(UserError, match=r"values of value_sum, value_avg are too large"):
        dissolve(
            connection,
            add_table(connection, rows),
            aggregation_fields={"value": ["sum", "avg"]},
            **params,
        )


def test_a_mistake_in_an_item_is_told_once_and_in_words_of_json() -> None:
    given = {"source_dataset_id": 1, "dissolve_mode": "custom", "custom_field": "state"}
    for groups, said in (
        (
            [{"name": "x", "values": [None]}],
            "custom_groups.0.values.0 should be a valid string, not null",
        ),
        ([{"name": "x"}], "custom_groups.0.values is required"),
        ([], "custom_groups should have at least 1 item, not []"),
        ({"x": ["A"]}, 'custom_groups should be an array, not {"x": ["A"]}'),
    ):
        with pytest.raises(InvalidParameters) as caught:
            ANALYSIS.parse(given | {"custom_groups": groups})
        assert caught.value.problems == [said]


def test_a_field_of_a_type_without_an_order(connection: Connection) -> None:
    """As box3d of PostGIS, of which no list of PostgreSQL's own types knows."""
    source = towns(connection)
    connection.execute("ALTER TABLE towns ADD box box3d, ADD boxes box3d[], ADD other box3d")
    for name, kind in (("box", "box3d"), ("boxes", "box3d[]")):
        params = {"source_dataset_id": source, "dissolve_field": name}
        with pytest.raises(InvalidParameters) as caught:
            ANALYSIS.check(ANALYSIS.parse(params), connection, 1)
        (problem,) = caught.value.problems
        assert f'dissolve_field "{name}" is {kind}, whose values cannot be compared' in problem
        assert "; fields that can: id, state, people, area, founded" in problem
        assert not problem.endswith("other") or name == "boxes"
