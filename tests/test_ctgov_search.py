"""The live search against a server of our own that misbehaves: a whole search is kept, anything else adds nothing."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import ROOT, ingest, study

from evlib.base.errors import InputError
from evlib.base.files import named_day
from evlib.ingest.ctgov_search import fetch

QUICK = {"page_size": 2, "pause": 0.0, "backoff": 0.01, "timeout": 0.5}


class Registry(ThreadingHTTPServer):
    """Pages of seven studies, in the published form of the API v2; ``trouble`` maps (page, times asked) to a misdeed."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.studies = [study(f"NCT{number:08d}") for number in range(1, 8)]
        self.timestamp = "2026-11-20T09:00:00"
        self.trouble = {}
        self.refuses, self.refused = "no client", 0  # what the name of a client begins with that is answered with 403
        self.asked = []
        self.waiting = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/api/v2"

    def pages_asked(self):
        return [page for page, size in self.asked if size == 2]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def give(self, content, status=200, headers=(), cut=0):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - cut])

    def do_GET(self):
        address, registry = urlsplit(self.path), self.server
        if self.headers["User-Agent"].startswith(registry.refuses):
            registry.refused += 1
            return self.give({"error": "Forbidden"}, status=403)
        if address.path == "/api/v2/version":
            return self.give({"apiVersion": "2.0.5", "dataTimestamp": registry.timestamp})
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        assert address.path == "/api/v2/studies"
        assert "RANGE[MIN,2024-02-17]" in asked["filter.advanced"]
        assert "centralContacts" not in asked["fields"]
        page, size = int(asked.get("pageToken", "p1")[1:]), int(asked["pageSize"])
        registry.asked.append((page, size))
        trouble = registry.trouble.get(page if size == 2 else "recount")
        if isinstance(trouble, list):
            trouble = trouble.pop(0) if trouble else None
        start = (page - 1) * size
        answer = {"studies": registry.studies[start : start + size]}
        if start + size < len(registry.studies):
            answer["nextPageToken"] = f"p{page + 1}"
        if page == 1:
            answer["totalCount"] = len(registry.studies)
        if callable(trouble):
            trouble(registry, answer)
        elif trouble == "cut off":
            return self.give(answer, cut=20)
        elif trouble == "half":
            return self.give(json.dumps(answer).encode()[:-20])
        elif trouble == "late":
            time.sleep(1.0)
        elif trouble == "wait":
            registry.waiting.set()
            time.sleep(30)
        elif trouble == "moved":
            return self.give(b"", status=302, headers=[("Location", self.path.replace("studies", "version"))])
        elif isinstance(trouble, int):
            return self.give({"error": "no"}, status=trouble, headers=[("Retry-After", "0")])
        return self.give(answer)


@pytest.fixture
def registry():
    server = Registry()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetched(registry, folder, query="MSCs AND exosomes", **more):
    told = []
    options = QUICK | {"base_url": registry.url, "say": told.append} | more
    target = fetch(query, "2024-02-17", raw_dir=folder / "raw", staging_dir=folder / "staging", **options)
    return target, told


def added(folder):
    return sorted(path.name for path in folder.glob("raw/**/*"))


@pytest.mark.parametrize(
    "trouble",
    [
        {},
        {1: [429, 503], 3: [500]},
        {2: ["cut off"], 4: ["half", "half"]},
        {1: ["late"], "recount": [502]},
    ],
)
def test_a_search_is_whole_whatever_passes_by(registry, tmp_path, trouble):
    registry.trouble = trouble
    target, _ = fetched(registry, tmp_path)
    request = json.loads((target / "request.json").read_text())
    assert request["studies"] == 7
    assert [page["studies"] for page in request["pages"]] == [2, 2, 2, 1]
    assert request["parameters"]["query.term"] == "MSCs AND exosomes"
    assert all(name in request["parameters"]["fields"] for name in ("briefSummary", "eligibilityCriteria"))
    assert request["version"]["dataTimestamp"] == registry.timestamp
    first = json.loads(gzip.decompress((target / "page-0001.json.gz").read_bytes()))
    assert first == {"studies": registry.studies[:2], "nextPageToken": "p2", "totalCount": 7}
    records, rejects, _ = ingest(sorted(target.glob("page-*")), retrieved=target.name, registries=[])
    assert records.trn.tolist() == [f"NCT{number:08d}" for number in range(1, 8)]
    assert rejects.empty
    with pytest.raises(InputError, match="The same search was fetched today"):
        fetched(registry, tmp_path)


def loops(registry, answer):
    answer["nextPageToken"] = "p2"


def doubles(registry, answer):
    answer["studies"][1] = registry.studies[0]


def grows(registry, answer):
    answer["totalCount"] = 8


def renews(registry, answer):
    registry.timestamp = "2026-11-21T09:00:00"


def shrinks(registry, answer):
    answer["studies"] = answer["studies"][:1]


def changes_shape(registry, answer):
    answer["studies"] = {}


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ({3: loops}, "points back"),
        ({2: doubles}, "7 studies, 6 of them different"),
        ({2: shrinks}, "6 studies, 6 of them different"),
        ({2: grows}, "from 7 to 8"),
        ({"recount": grows}, "from 7 to 8"),
        ({4: renews}, "renewed its data"),
        ({2: changes_shape}, "no list of studies"),
        ({1: 400}, "status 400"),
        ({3: 503}, "failed 5 times"),
        ({3: "half"}, "failed 5 times"),
    ],
)
def test_a_search_that_is_not_whole_adds_nothing(registry, tmp_path, trouble, reason):
    registry.trouble = trouble
    with pytest.raises(InputError, match=reason):
        fetched(registry, tmp_path)
    assert added(tmp_path) == []
    registry.trouble, registry.timestamp = {}, "2026-11-22T09:00:00"
    target, _ = fetched(registry, tmp_path)
    assert json.loads((target / "request.json").read_text())["studies"] == 7


def test_after_a_kill_the_search_resumes_where_it_stopped(registry, tmp_path):
    registry.trouble = {3: ["wait"]}
    options = QUICK | {"base_url": registry.url, "timeout": 60.0}
    code = (
        "from pathlib import Path; from evlib.ingest.ctgov_search import fetch; "
        f"fetch('MSCs AND exosomes', '2024-02-17', raw_dir=Path('raw'), staging_dir=Path('staging'), **{options!r})"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    assert registry.waiting.wait(30)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert added(tmp_path) == []
    target, told = fetched(registry, tmp_path)
    assert "page 2" in " ".join(told)
    assert registry.pages_asked() == [1, 2, 3, 3, 4]
    assert json.loads((target / "request.json").read_text())["studies"] == 7


def test_a_page_that_was_damaged_meanwhile_is_fetched_again(registry, tmp_path):
    registry.trouble = {3: 503}
    with pytest.raises(InputError, match="What was fetched is kept"):
        fetched(registry, tmp_path)
    registry.trouble = {}
    next(tmp_path.glob("staging/*/page-0001.json.gz")).write_bytes(b"x")
    target, _ = fetched(registry, tmp_path)
    assert json.loads(gzip.decompress((target / "page-0001.json.gz").read_bytes()))["totalCount"] == 7


def test_without_a_network_it_says_how_to_go_on(registry, tmp_path):
    registry.shutdown()
    registry.server_close()
    with pytest.raises(InputError, match=r"No connection to .*raw/exports/, and run make book with"):
        fetched(registry, tmp_path)
    with pytest.raises(InputError, match="still to come"):
        fetch("a", "2999-01-01", raw_dir=tmp_path, staging_dir=tmp_path / "s", **QUICK)


def test_another_search_of_the_same_day_gets_a_folder_of_its_own(registry, tmp_path):
    first, _ = fetched(registry, tmp_path)
    before = {path: path.read_bytes() for path in first.iterdir()}
    second, _ = fetched(registry, tmp_path, query="MSCs OR EVs")
    assert second.name == f"{first.name}-2"
    assert {path: path.read_bytes() for path in first.iterdir()} == before
    assert named_day(second / "page-0001.json.gz") == first.name


def test_nothing_found_is_said(registry, tmp_path):
    registry.studies = []
    with pytest.raises(InputError, match="finds no study"):
        fetched(registry, tmp_path)
    assert added(tmp_path) == []


def test_where_httpx_is_refused_the_whole_search_goes_on_by_pythons_own_client(registry, tmp_path):
    registry.refuses, registry.trouble = "python-httpx", {2: ["cut off", "late"], 3: [429]}
    target, _ = fetched(registry, tmp_path)
    assert json.loads((target / "request.json").read_text())["studies"] == 7
    assert registry.refused == 1


def test_where_both_are_refused_it_says_so_and_how_to_go_on(registry, tmp_path):
    registry.refuses = ""
    with pytest.raises(InputError, match=r"403 to httpx and to Python's own client: .*Forbidden.*exports/, and run"):
        fetched(registry, tmp_path)
    assert registry.refused == 2
    assert added(tmp_path) == []


@pytest.mark.parametrize("refuses", ["no client", "python-httpx"])
def test_no_redirect_is_followed(registry, tmp_path, refuses):
    registry.refuses, registry.trouble = refuses, {1: "moved"}
    with pytest.raises(InputError, match="status 302"):
        fetched(registry, tmp_path)
    assert added(tmp_path) == []
