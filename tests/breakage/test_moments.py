"""Pulling the plug: whatever happens at whatever moment, the last good result is whole and the next command completes."""

import threading
from pathlib import Path

import pytest
from harness import BREAKS, Scene, Verb, acted, moments
from test_ctgov_search import Registry
from verbs import DECISIONS, LATER, SNAPSHOT, TODAY, small_project, typed, verbs

from evlib.base import files
from evlib.book.history import updates

VERBS = ("update", "run", "fetch", "sweep", "judge")  # the longest first, so that at the end no process waits


@pytest.fixture(scope="session")
def address():
    server = Registry()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory, address: str):
    made: dict[str, Scene] = {}
    folder: Path = tmp_path_factory.mktemp("breakage")

    def scene(name: str) -> Scene:
        if name not in made:
            made[name] = Scene(verbs(address)[name], folder / name)
        return made[name]

    return scene


@pytest.mark.parametrize("how", BREAKS, ids=lambda how: how.name.replace(" ", "-"))
@pytest.mark.parametrize("verb", VERBS)
def test_nothing_good_is_lost_and_the_next_command_completes(scenes, verb, how):
    scene = scenes(verb)
    operations = scene.operations(how)
    assert operations
    struck = moments(len(operations), way=BREAKS.index(how))
    wrong = [text for moment in struck for text in scene.failures(how, moment)]
    assert not wrong, "\n".join(wrong)


def test_an_update_adds_its_row_once_and_compares_with_the_same_search_when_it_is_typed_again(tmp_path):
    update = Verb("update", typed("update"), small_project, ())

    def told():
        done = acted(update, tmp_path)
        assert done.status == 0, done.said
        return updates(tmp_path), (tmp_path / "data/processed/whats_new.md").read_text(encoding="utf-8")

    small_project(tmp_path)
    first, words = told()
    assert first[["search_date", "snapshot", "included"]].values.tolist() == [[LATER, SNAPSHOT, 1]]
    assert f"in {LATER}, after NCT00000001,2024-02-17" in words  # the replication date
    assert told()[0].equals(first) and told()[1] == words
    protocol = (tmp_path / "protocol.yml").read_text(encoding="utf-8")
    files.write_text(tmp_path / "protocol.yml", protocol + "# edited\n")  # another input, which changes no result
    assert told()[0].equals(first)
    files.write_text(tmp_path / DECISIONS / "chen.csv", "trn,decision\nNCT00000001,include\n")
    more, same_words = told()
    assert len(more) == 2 and same_words == words and more.new[1] == 1
    files.write_text(tmp_path / f"data/raw/registries/{TODAY}/page-0001.json.gz", "{}\n")
    newer, words = told()
    assert newer.snapshot.tolist() == [SNAPSHOT, SNAPSHOT, TODAY]
    assert f"in {TODAY}, after NCT00000001,{LATER}" in words  # the search before this one, not the replication date
    assert told()[0].equals(newer) and told()[1] == words
