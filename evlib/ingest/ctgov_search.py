"""A live search of ClinicalTrials.gov: every page of the API v2, kept as it came, or nothing."""

import gzip
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import httpx
from filelock import FileLock, Timeout
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm

from evlib.base.errors import InputError
from evlib.base.files import matching, sha256, today, write_bytes, write_text
from evlib.base.identifiers import registration_numbers
from evlib.base.paths import command_ending, place_of
from evlib.base.query import api_expression
from evlib.ingest.registries.ctgov import PIECES

BASE_URL = "https://clinicaltrials.gov/api/v2"
REQUEST_FILE = "request.json"
_STATE_FILE = "state.json"
_ATTEMPTS = 5
_LONGEST_WAIT = 60.0  # seconds
_AGAIN = "Nothing was added. Run the same command again."
_BY_EXPORT = (
    "The way on by export: search on clinicaltrials.gov in a browser, on another machine if need be, download the studies "
    "(JSON or CSV, all columns), put the file into {exports}/, and run make book{review} with the same SEARCH_DATE."
)
_PLAIN = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "evtrials"}

_Way = Callable[[str, dict[str, str]], httpx.Response]


class _UnusableError(InputError):
    """What was fetched so far is of no use and is deleted."""


class _PassingError(Exception):
    """A failure that a repetition may mend: too many requests, a server's error, a truncated answer."""

    wait: float | None = None  # seconds that the registry asks for


def fetch(
    query: str,
    search_date: str,
    *,
    raw_dir: Path,
    staging_dir: Path,
    base_url: str = BASE_URL,
    page_size: int = 1000,
    pause: float = 1.2,
    backoff: float = 1.0,
    timeout: float = 60.0,
    say: Callable[[str], None] = print,
) -> Path:
    """Fetch all studies that the query finds and that were first posted by the search date.

    Parameters
    ----------
    query, search_date
        As in the protocol; the day as YYYY-MM-DD.
    raw_dir
        Gets the folder ``registries/<today>`` (``<today>-2`` for a second search on one day) once the search is whole.
    staging_dir
        Where pages lie until then. An interrupted search resumes, as long as the registry's data are the same.
    base_url, page_size, pause, backoff, timeout
        The API's address; studies per page; seconds between requests (the registry allows about 50 a minute), before the
        first repetition of a failed request (doubled each time), and before an answer counts as failed.

    Returns
    -------
    pathlib.Path
        The new folder: ``page-0001.json.gz`` and so on, each the answer as it came, and ``request.json`` with the
        request, times, versions, counts and checksums.

    Raises
    ------
    InputError
        Without a network, and where the registry refuses the request, gives no study, an unreadable page or a page
        twice, or changed while it was read. Nothing is added then.

    Notes
    -----
    The site refuses some programs by their fingerprint (status 403). Then the same request is made once more by Python's own
    client, and where that gets an answer, so are all that follow.
    """
    day = today()
    if search_date > day:
        raise InputError(f"The search date {search_date} is still to come. Use a date up to {day}.")
    posted = f"AREA[StudyFirstPostDate]RANGE[MIN,{search_date}]"
    parameters = {"query.term": api_expression(query), "filter.advanced": posted, "fields": ",".join(PIECES)}
    parameters |= {"pageSize": str(page_size), "countTotal": "true"}
    key = hashlib.sha256(json.dumps([base_url, parameters], sort_keys=True).encode()).hexdigest()[:16]
    staging = staging_dir / key
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with (
            FileLock(staging_dir / f"{key}.lock", timeout=0),
            httpx.Client(timeout=timeout, headers={"Accept": "application/json"}) as client,
        ):
            _new_folder(raw_dir / "registries", day, parameters)
            say(f"Asking {base_url} for {parameters['query.term']}")
            by_export = _BY_EXPORT.format(exports=place_of(raw_dir / "exports"), review=command_ending(raw_dir))
            ways = [lambda url, asked: client.get(url, params=asked), partial(_by_urllib, timeout=timeout)]
            ask = partial(_asked, ways, base_url.rstrip("/"), backoff=backoff, by_export=by_export)
            _, version = ask("version", {})
            state = _resumed(staging, version, say)
            _fetch_pages(state, staging, parameters, ask, pause=pause)
            time.sleep(pause)
            _check_whole(state, staging, parameters, ask)
            request = {
                "source": "ClinicalTrials.gov API v2", "url": f"{base_url.rstrip('/')}/studies", "parameters": parameters,
                "query": query, "search_date": search_date, "started": state["started"], "finished": _now(),
                "version": version, "studies": state["total"],
                "pages": [{name: page[name] for name in ("file", "sha256", "studies")} for page in state["pages"]],
            }  # fmt: skip
            with FileLock(staging_dir / "adding.lock", timeout=60):  # another search may end at the same moment
                target = _new_folder(raw_dir / "registries", day, parameters)
                _add(staging, target, request)
    except Timeout:
        raise InputError("The same search is being fetched by another process. Wait for it to end.") from None
    except _UnusableError:
        shutil.rmtree(staging)
        raise
    say(f"{state['total']} studies first posted by {search_date} are in {target}.")
    return target


def _new_folder(folder: Path, day: str, parameters: dict[str, str]) -> Path:
    """Today's folder, or where there is one from another search, ``<today>-2`` and so on."""
    for name in (day, *(f"{day}-{number}" for number in range(2, 100))):
        target = folder / name
        if not target.exists():
            return target
        try:
            earlier = json.loads((target / REQUEST_FILE).read_text(encoding="utf-8"))["parameters"]
        except (OSError, ValueError, KeyError):
            continue
        if earlier == parameters:
            raise _UnusableError(f"The same search was fetched today: {target}. Use it, or fetch again tomorrow.")
    raise InputError(f"{folder} holds a hundred searches of today. Fetch again tomorrow.")


def _add(staging: Path, target: Path, request: dict[str, Any]) -> None:
    """Move the fetched pages to the raw data, whole or not at all."""
    write_text(staging / REQUEST_FILE, json.dumps(request, indent=1, ensure_ascii=False) + "\n")
    for left in matching(target.parent, ".*.new"):  # by a search that was killed
        shutil.rmtree(left, ignore_errors=True)
    new = target.with_name(f".{target.name}.new")
    for path in sorted(staging.iterdir()):
        if path.name != _STATE_FILE:
            write_bytes(new / path.name, path.read_bytes(), lasting=True)
    os.rename(new, target)
    shutil.rmtree(staging, ignore_errors=True)


def _fetch_pages(
    state: dict[str, Any], staging: Path, parameters: dict[str, str], ask: Callable, *, pause: float
) -> None:
    pages, show = state["pages"], {"desc": "ClinicalTrials.gov", "unit": " studies", "disable": not sys.stderr.isatty()}
    with tqdm(initial=sum(page["studies"] for page in pages), total=state["total"], **show) as progress:
        while not pages or pages[-1]["next"]:
            time.sleep(pause)
            token = {"pageToken": pages[-1]["next"]} if pages else {}
            body, answer = ask("studies", parameters | token)
            studies, following = answer.get("studies"), answer.get("nextPageToken")
            if not isinstance(studies, list):
                raise InputError(f"The registry's answer for page {len(pages) + 1} holds no list of studies.")
            if following and following in [page["next"] for page in pages]:
                back = "the registry points back to an earlier page, so that the search would never end"
                raise _UnusableError(f"After page {len(pages) + 1} {back}. {_AGAIN}")
            total = answer.get("totalCount", state["total"])
            if state["total"] is not None and total != state["total"]:
                raise _UnusableError(_changed(state["total"], total))
            if total is None:
                raise InputError("The registry does not say how many studies it finds; its API may have changed.")
            name = f"page-{len(pages) + 1:04d}.json.gz"
            write_bytes(staging / name, gzip.compress(body, mtime=0))
            pages.append({"file": name, "sha256": sha256(staging / name), "studies": len(studies), "next": following})
            state["total"] = progress.total = total
            write_text(staging / _STATE_FILE, json.dumps(state))
            progress.update(len(studies))
    if not state["total"]:
        raise InputError("The registry finds no study by this query and date. Look at 'search' in protocol.yml.")


def _check_whole(state: dict[str, Any], staging: Path, parameters: dict[str, str], ask: Callable) -> None:
    _, again = ask("studies", parameters | {"pageSize": "1", "fields": PIECES[0]})
    if again.get("totalCount") != state["total"]:
        raise _UnusableError(_changed(state["total"], again.get("totalCount")))
    if ask("version", {})[1] != state["version"]:
        raise _UnusableError(f"The registry renewed its data during the search. {_AGAIN}")
    numbers = _numbers(staging, state)
    if len(numbers) != len(set(numbers)) or len(numbers) != state["total"]:
        held = f"The pages hold {len(numbers)} studies, {len(set(numbers))} of them different"
        raise _UnusableError(
            f"{held}, where the registry counts {state['total']}: it changed while it was read. {_AGAIN}"
        )


def _changed(before: int, after: int | None) -> str:
    return f"The registry's count of studies changed during the search, from {before} to {after}. {_AGAIN}"


def _resumed(staging: Path, version: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """The state of an interrupted search, if its pages are whole and the registry's data the same; else a fresh state."""
    try:
        state = json.loads((staging / _STATE_FILE).read_text(encoding="utf-8"))
        whole = all(sha256(staging / page["file"]) == page["sha256"] for page in state["pages"])
    except (OSError, ValueError, KeyError):
        state, whole = {}, False
    if whole and state["version"] == version:
        say(f"Resuming the interrupted search after its page {len(state['pages'])}.")
        return state
    if state:
        say("An earlier search was interrupted; the registry's data have changed since, so it starts again.")
    shutil.rmtree(staging)
    staging.mkdir(parents=True)
    return {"version": version, "started": _now(), "total": None, "pages": []}


def _asked(
    ways: list[_Way], base_url: str, place: str, parameters: dict[str, str], *, backoff: float, by_export: str
) -> tuple[bytes, dict[str, Any]]:
    """The body of an answer, and its content as JSON; requests that fail for now are repeated, with longer waits."""
    url = f"{base_url}/{place}"

    def wait(state: RetryCallState) -> float:
        asked_for = getattr(state.outcome and state.outcome.exception(), "wait", None)
        usual = wait_exponential_jitter(initial=backoff, max=_LONGEST_WAIT, jitter=backoff)(state)
        return usual if asked_for is None else min(asked_for, _LONGEST_WAIT)

    passing = retry_if_exception_type((_PassingError, httpx.TransportError))
    try:
        retrying = Retrying(stop=stop_after_attempt(_ATTEMPTS), wait=wait, retry=passing, reraise=True)
        return retrying(_once, ways, url, parameters, by_export)
    except httpx.ConnectError as error:
        raise InputError(f"No connection to {url} ({error}). {by_export}") from None
    except (httpx.TransportError, _PassingError) as error:
        failed = f"{url} failed {_ATTEMPTS} times, last with: {error or type(error).__name__}."
        kept = "What was fetched is kept; run the same command again later."
        raise InputError(f"{failed} {kept} {by_export}") from None
    except httpx.InvalidURL as error:
        raise InputError(f"'{url}' is no address ({error}). Name one with --base-url, or none.") from None


def _once(ways: list[_Way], url: str, parameters: dict[str, str], by_export: str) -> tuple[bytes, dict]:
    answer = _by_either(ways, url, parameters)
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        after, failure = answer.headers.get("Retry-After", ""), _PassingError(f"status {answer.status_code}")
        failure.wait = float(after) if after.isdigit() else None
        raise failure
    if answer.status_code == httpx.codes.FORBIDDEN:
        both = "httpx and to Python's own client" if len(ways) > 1 else "Python's own client, which it answered before"
        cause = "It may shut out programs, or this machine's network (a cloud, a VPN, too many requests)."
        raise InputError(f"{url} answers with status 403 to {both}: {_start(answer)}. {cause} {by_export}")
    if not answer.is_success:
        raise InputError(f"{url} refuses the request with status {answer.status_code}: {_start(answer)}")
    try:
        content = json.loads(answer.content)
    except ValueError as error:
        raise _PassingError(f"a truncated answer, or one that is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{url} does not answer as the API v2 does.")
    return answer.content, content


def _by_either(ways: list[_Way], url: str, parameters: dict[str, str]) -> httpx.Response:
    """The answer by the first way. Where that is refused, by the other, which is the only one once it gets through."""
    answer = ways[0](url, parameters)
    if len(ways) == 1 or answer.status_code != httpx.codes.FORBIDDEN:
        return answer
    try:
        second = ways[1](url, parameters)
    except httpx.TransportError as error:
        raise _PassingError(f"status 403 to httpx ({_start(answer)}), and to Python's own client: {error}") from None
    if second.status_code != httpx.codes.FORBIDDEN:
        del ways[0]
    return second


def _by_urllib(url: str, parameters: dict[str, str], *, timeout: float) -> httpx.Response:
    """An answer by Python's own client, by the rules of httpx: its certificates, the environment's proxies, no redirect."""
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])  # as this client does where it is not given certificates
    opener = OpenerDirector()  # an empty one, because the usual one follows redirects, also to other hosts
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(context=context)):
        opener.add_handler(handler)
    try:
        with opener.open(Request(str(httpx.URL(url, params=parameters)), headers=_PLAIN), timeout=timeout) as answer:
            return httpx.Response(answer.status, headers=answer.headers.items(), content=answer.read())
    except (OSError, HTTPException, httpx.DecodingError) as error:
        raise httpx.ReadError(str(error) or type(error).__name__) from None


def _start(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:200]


def _numbers(staging: Path, state: dict[str, Any]) -> list[str]:
    """The registration number of every study on the pages, as often as it stands there."""
    numbers = []
    for page in state["pages"]:
        studies = json.loads(gzip.decompress((staging / page["file"]).read_bytes()))["studies"]
        try:
            ids = [study["protocolSection"]["identificationModule"]["nctId"] for study in studies]
            numbers += [registration_numbers(text)[0] for text in ids]
        except (KeyError, TypeError, IndexError):
            message = f"A study on {page['file']} has no registration number; the API may have changed."
            raise InputError(message) from None
    return numbers


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
