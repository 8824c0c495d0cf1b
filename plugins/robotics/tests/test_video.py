"""Films and recordings of episodes."""

import numpy as np
import pytest
from PIL import Image

from labloom_robotics.evaluation.episodes import EpisodeBatch, play
from labloom_robotics.evaluation.recorder import (
    MOST_PICTURES,
    SUCCESS,
    TIME_OVER,
    Recording,
    record,
)
from labloom_robotics.evaluation.video import write_film
from labloom_robotics.worlds.make import make_world

ROAD = {"lanes": 2, "cars": 4, "road_length": 60.0}


class Expert:
    def __call__(self, observations, world):
        return world.expert()

    def counts(self):
        return {}


@pytest.fixture(scope="module")
def recordings():
    world = make_world("drive", 3, ROAD)
    return record(world, [5, 6, 7], Expert(), filmed=[0, 2], scenes=[1])


def test_a_recording_is_the_episode_that_play_plays(recordings):
    episodes = play(EpisodeBatch(make_world("drive", 3, ROAD), [5, 6, 7]), Expert())
    assert [r.length for r in recordings] == episodes.lengths.tolist()
    assert [r.returns[-1] for r in recordings] == pytest.approx(episodes.returns.tolist())
    assert [r.outcome == SUCCESS for r in recordings] == episodes.facts["success"].tolist()


def test_only_what_is_asked_for_is_drawn(recordings):
    assert [bool(r.pictures) for r in recordings] == [True, False, True]
    assert recordings[0].path.shape == (recordings[0].length, 2)
    # The picture of a road goes along with the car, so it is no map of a way.
    assert recordings[1].scene is None


def test_a_long_episode_has_pictures_evenly_apart_and_not_too_many():
    pytest.importorskip("pygame")
    world = make_world(
        "Pendulum-v1", 1, {"env_options": {"max_episode_steps": 1000}}, pictures=True
    )
    idle = type("Idle", (Expert,), {"__call__": lambda *_: np.zeros((1, 1), dtype=np.float32)})
    [recording] = record(world, [0], idle(), filmed=[0])
    steps = np.diff(list(recording.pictures))
    assert len(recording.pictures) <= MOST_PICTURES
    assert len(set(steps.tolist())) == 1
    assert recording.outcome == TIME_OVER


def film(recordings, path, frames_per_second=10.0, **options):
    write_film(path, recordings, ["one"] * len(recordings), frames_per_second, **options)
    return Image.open(path)


def milliseconds(image):
    total = 0
    for page in range(image.n_frames):
        image.seek(page)
        total += image.info["duration"]
    return total


def made(length=50, size=(60, 80)):
    pictures = {s: np.full((*size, 3), s % 256, dtype=np.uint8) for s in range(0, length, 2)}
    return Recording(seed=1, returns=[1.0] * length, outcome=SUCCESS, pictures=pictures)


def test_a_film_runs_in_real_time_and_holds_its_end(tmp_path):
    assert milliseconds(film([made(50)], tmp_path / "a.gif")) == 5_000 + 2_000


def test_a_long_film_runs_faster(tmp_path):
    assert milliseconds(film([made(300)], tmp_path / "a.gif")) == 15_000 + 2_000


def test_narrow_pictures_stand_side_by_side_and_wide_ones_above_each_other(tmp_path):
    beside = film([made(), made()], tmp_path / "a.gif")
    above = film([made(size=(30, 90)), made(size=(30, 90))], tmp_path / "b.gif")
    assert beside.width > beside.height
    assert above.width == 720
    assert above.height == 2 * (240 + 42) + 8


def test_a_film_that_is_too_large_is_written_smaller(tmp_path):
    noise = np.random.default_rng(0)
    pictures = {s: noise.integers(0, 255, (200, 200, 3), dtype=np.uint8) for s in range(30)}
    noisy = Recording(seed=1, returns=[0.0] * 30, pictures=pictures)
    path = tmp_path / "a.gif"
    image = film([noisy], path, most_bytes=200_000)
    assert path.stat().st_size <= 200_000
    assert image.width < 288


def test_a_film_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected filmed episodes"):
        film([Recording(seed=1)], tmp_path / "a.gif")
