"""A light client that asks a dashboard for what an open page asks for, without a browser.

The requests of a real page are recorded once. A client repeats its poll, with the headers and at
the interval of the page, and after news the requests that follow it; values that the server sends
back are part of the next request, as in the page.
"""

import copy
import gzip
import http.client
import json
import random
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from nas.dashboards.layout import POLL_MILLISECONDS

_UPDATE = "/_dash-update-component"
_OWN = ("state", "look", "near", "cards", "url", "order", "list-order")  # known without an answer
_SKIPPED = ("host", "content-length", "connection")


@dataclass
class Recorded:
    """The requests of a page by what they update, with their headers and values by property.

    `late` are those that the page sent after it was drawn: cards out of sight are drawn once.
    """

    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], Any] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)

    @property
    def poll(self) -> dict[str, Any]:
        """The request of a poll."""
        return next(body for output, body in self.bodies.items() if "seen.data" in output)

    @property
    def followers(self) -> list[dict[str, Any]]:
        """The requests that follow news."""
        found = []
        for output, body in self.bodies.items():
            if output not in self.late or "seen.data" in output:
                continue
            ids = {each["id"] for each in body["inputs"] if isinstance(each, dict)}
            if any(name == "seen" or str(name).endswith("-seen") for name in map(str, ids)):
                found.append(body)
        return found


def record(browser: Browser, address: str, seconds: float) -> Recorded:
    """Keep a page open for so long, and return what it asked for."""
    found, page = Recorded(), browser.new_page(viewport={"width": 1400, "height": 900})

    def keep(request: Any) -> None:
        if _UPDATE not in request.url:
            return
        body = request.post_data_json
        found.bodies[body["output"]] = body
        found.late.add(body["output"])
        found.headers = dict(request.headers)
        found.values |= _values(body)

    page.on("request", keep)
    page.goto(address, timeout=180_000)
    page.wait_for_selector("#front .main-svg", timeout=60_000)
    page.wait_for_timeout(1000 * seconds / 3)
    found.late.clear()
    page.wait_for_timeout(2000 * seconds / 3)
    page.close()
    updated = {output["id"] for body in found.bodies.values() for output in _outputs(body)}
    for name in found.values:
        if name[0] in updated - set(_OWN) and name[1] == "data":
            found.values[name] = None
    return found


def _outputs(body: dict[str, Any]) -> list[dict[str, Any]]:
    outputs = body["outputs"]
    return outputs if isinstance(outputs, list) else [outputs]


def _values(body: dict[str, Any]) -> dict[tuple[str, str], Any]:
    given = [each for each in (*body["inputs"], *body.get("state", ())) if isinstance(each, dict)]
    return {
        (each["id"], each["property"]): each.get("value")
        for each in given
        if isinstance(each["id"], str)
    }


class ReplayedPage(threading.Thread):
    """One open page; it begins at a random part of the interval, and ends with `stop`."""

    def __init__(self, recorded: Recorded, address: str) -> None:
        super().__init__(daemon=True)
        self.polls, self.requests, self.problem = 0, 0, ""
        self._recorded = copy.deepcopy(recorded)
        self._host = urlsplit(address).netloc
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        self._stop_asked.set()
        self.join()

    def run(self) -> None:
        interval = POLL_MILLISECONDS / 1000
        server = http.client.HTTPConnection(self._host, timeout=60)
        wait = interval * random.random()
        while not self._stop_asked.wait(wait):
            try:
                self._poll(server)
            except (OSError, http.client.HTTPException):
                server.close()  # it does not serve yet, or the search has ended
            wait = interval
        server.close()

    def _poll(self, server: http.client.HTTPConnection) -> None:
        values = self._recorded.values
        self.polls += 1
        values["beat", "data"] = self.polls
        if "seen" not in self._send(server, self._recorded.poll):
            return
        for body in self._recorded.followers:
            for each in body["inputs"]:
                if isinstance(each, dict) and str(each["id"]).endswith("-seen"):
                    values[each["id"], each["property"]] = values["seen", "data"]
            self._send(server, body)

    def _send(self, server: http.client.HTTPConnection, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request with the current values; keep and return what it updates."""
        values = self._recorded.values
        for each in (*body["inputs"], *body.get("state", ())):
            if isinstance(each, dict) and (each["id"], each["property"]) in values:
                each["value"] = values[each["id"], each["property"]]
        headers = {k: v for k, v in self._recorded.headers.items() if k not in _SKIPPED}
        headers |= {"accept-encoding": "gzip", "origin": f"http://{self._host}"}
        server.request("POST", _UPDATE, json.dumps(body), headers)
        answer = server.getresponse()
        content = answer.read()
        self.requests += 1
        if answer.status == 204:  # nothing changed
            return {}
        if answer.status != 200:
            self.problem = f"the server answered {answer.status} to {body['output']}"
            return {}
        if answer.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        updated: dict[str, Any] = json.loads(content)["response"]
        for name, properties in updated.items():
            for one, value in properties.items():
                if (name, one) in values:
                    values[name, one] = value
        return updated
