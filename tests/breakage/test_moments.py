"""Pulling the plug: whatever happens at whatever moment, the last good result is whole and the next command completes."""

import threading
from pathlib import Path

import pytest
from harness import BREAKS, Scene, moments
from test_ctgov_search import Registry
from verbs import verbs

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
