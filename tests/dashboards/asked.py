"""Calls a callback of the dashboard, as an open page does."""

from collections.abc import Mapping
from typing import Any


def asked(client: Any, output: str, changed: str, values: Mapping[str, Any]) -> Any:
    """Return the answer of the callback that has `output`, after `changed`; `values` are by id."""
    dependencies = client.get("/_dash-dependencies").get_json()
    found = next(each for each in dependencies if output in each["output"])
    names = [name.split(".") for name in found["output"].strip(".").split("...")]
    answer = client.post(
        "/_dash-update-component",
        json={
            "output": found["output"],
            "outputs": [{"id": name, "property": what} for name, what in names],
            "changedPropIds": [changed],
            "inputs": [{**each, "value": values[each["id"]]} for each in found["inputs"]],
            "state": [{**each, "value": values[each["id"]]} for each in found["state"]],
        },
    )
    assert answer.status_code == 200
    return answer
