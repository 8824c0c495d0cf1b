"""Every format, written and read again; and files that are not what they should be."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from gymnasium import spaces

from labloom.errors import ConfigError, DataError
from labloom_robotics.demos.episode import each_array, named_arrays
from labloom_robotics.demos.experts import roll_out
from labloom_robotics.demos.formats import read_demonstrations
from labloom_robotics.demos.lerobot_v21 import write_lerobot_v21
from labloom_robotics.demos.lerobot_v30 import write_lerobot_v30
from labloom_robotics.demos.minari import read_minari
from labloom_robotics.demos.minari_writing import write_minari
from labloom_robotics.demos.robomimic import write_robomimic

WRITERS = {
    "minari": write_minari,
    "lerobot_v21": write_lerobot_v21,
    "lerobot_v30": write_lerobot_v30,
    "robomimic": write_robomimic,
}
KEEPS_THE_END = ("minari", "robomimic")  # of LeRobot's formats neither has a final observation


@pytest.fixture(params=WRITERS)
def written(request, demonstrations, tmp_path):
    path = tmp_path / ("demos.hdf5" if request.param == "robomimic" else "demos-v0")
    WRITERS[request.param](demonstrations, path)
    return request.param, path


def assert_same(read, wrote, *, final: bool):
    assert len(read) == len(wrote)
    for got, want in zip(read.episodes, wrote.episodes, strict=True):
        rows = want.observations if final else want.chosen_from()
        assert got.has_final_observation == final
        observed = dict(named_arrays(got.observations))
        assert observed.keys() == dict(named_arrays(rows)).keys()
        for name, b in named_arrays(rows):
            a = observed[name]
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
        np.testing.assert_allclose(got.actions, want.actions, atol=1e-6)
        np.testing.assert_array_equal(got.rewards, want.rewards)
        np.testing.assert_array_equal(got.costs, want.costs)
        assert (got.terminated, got.truncated) == (want.terminated, want.truncated)
        assert bool(got.info["success"]) == bool(want.info["success"])


def test_what_was_written_is_read(written, demonstrations):
    name, path = written
    read = read_demonstrations(path)
    assert_same(read, demonstrations, final=name in KEEPS_THE_END)
    assert read.cost_names == ("effort",)
    assert read.frames_per_second == 10.0
    assert read.environment == "Reach"
    if name in KEEPS_THE_END:
        assert [e.seed for e in read.episodes] == list(range(3, 15))


def test_the_action_space_comes_back_where_the_format_has_one(written, demonstrations):
    name, path = written
    space = read_demonstrations(path).action_space
    bounded = name in KEEPS_THE_END
    assert space == (
        demonstrations.action_space if bounded else spaces.Box(-np.inf, np.inf, (2,), np.float32)
    )


@pytest.mark.parametrize("name", WRITERS)
def test_pictures_and_states_come_back_by_key(name, keyed_demonstrations, tmp_path):
    path = tmp_path / "demos.hdf5"
    WRITERS[name](keyed_demonstrations, path)
    read = read_demonstrations(path)
    assert_same(read, keyed_demonstrations, final=name in KEEPS_THE_END)
    assert read.observation_space["camera"].dtype == np.uint8
    only = read_demonstrations(path, keys=["state"]).observation_space
    assert only.shape == (4,) if name.startswith("lerobot") else list(only) == ["state"]
    with pytest.raises(DataError, match="'stat'"):
        read_demonstrations(path, keys=["stat"])


@pytest.mark.parametrize("name", ["minari", "lerobot_v21", "lerobot_v30"])
def test_choices_come_back(name, reach, tmp_path):
    wrote = roll_out(reach(4, choices=True), 6, first_seed=0)
    WRITERS[name](wrote, tmp_path / "demos")
    read = read_demonstrations(tmp_path / "demos")
    assert read.action_space == spaces.Discrete(4)
    assert_same(read, wrote, final=name in KEEPS_THE_END)


@pytest.mark.parametrize("name", ["lerobot_v21", "lerobot_v30", "minari"])
@pytest.mark.parametrize("wrong", [-1, 4])
def test_choices_outside_their_space_are_refused(name, wrong, reach, tmp_path):
    wrote = roll_out(reach(2, choices=True), 3, first_seed=0)
    wrote.episodes[1].actions[2] = wrong
    WRITERS[name](wrote, tmp_path / "demos")
    if wrong > 0 and name != "minari":  # LeRobot does not tell how many there are
        assert read_demonstrations(tmp_path / "demos").action_space == spaces.Discrete(5)
        return
    with pytest.raises(DataError, match="episode 1 has choices that do not fit") as error:
        read_demonstrations(tmp_path / "demos")
    assert error.value.got == str(wrong)


@pytest.mark.parametrize("name", WRITERS)
def test_costs_keep_the_order_of_their_names(name, demonstrations, tmp_path):
    wrote = with_three_costs(demonstrations)
    WRITERS[name](wrote, tmp_path / "demos.hdf5")
    read = read_demonstrations(tmp_path / "demos.hdf5")
    assert read.cost_names == ("collision", "offroad", "headway")
    assert read.episodes[0].costs[0].tolist() == [1, 2, 3]


def test_costs_of_minari_without_names_in_the_metadata_come_by_alphabet(demonstrations, tmp_path):
    write_minari(with_three_costs(demonstrations), tmp_path / "a")
    file = tmp_path / "a/data/metadata.json"
    told = json.loads(file.read_text())
    del told["cost_names"]
    file.write_text(json.dumps(told))
    read = read_demonstrations(tmp_path / "a")
    assert read.cost_names == ("collision", "headway", "offroad")
    assert read.episodes[0].costs[0].tolist() == [1, 3, 2]
    with h5py.File(tmp_path / "a/data/main_data.hdf5", "a") as opened:
        del opened["episode_3/infos/costs/headway"]
    with pytest.raises(DataError, match="episode_3/infos/costs has no 'headway'"):
        read_demonstrations(tmp_path / "a")


def with_three_costs(demonstrations):
    episodes = [
        dataclasses.replace(e, costs=np.tile(np.float32([1, 2, 3]), (len(e), 1)))
        for e in demonstrations.episodes
    ]
    names = ("collision", "offroad", "headway")
    return dataclasses.replace(demonstrations, episodes=episodes, cost_names=names)


def test_a_group_of_minari_that_is_no_episode_is_refused(demonstrations, tmp_path):
    write_minari(demonstrations, tmp_path / "a")
    with h5py.File(tmp_path / "a/data/main_data.hdf5", "a") as opened:
        opened.create_group("statistics")
    with pytest.raises(DataError, match=r"main_data\.hdf5 holds 'statistics'") as error:
        read_demonstrations(tmp_path / "a")
    assert "episode_0" in error.value.expected


def test_robomimic_refuses_choices_and_actions_of_unknown_scale(reach, demonstrations, tmp_path):
    with pytest.raises(DataError, match="choices"):
        write_robomimic(roll_out(reach(2, choices=True), 2, first_seed=0), tmp_path / "a.hdf5")
    unbounded = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    changed = type(demonstrations)(
        episodes=demonstrations.episodes,
        observation_space=demonstrations.observation_space,
        action_space=unbounded,
    )
    with pytest.raises(DataError, match=r"\[-1, 1\] only"):
        write_robomimic(changed, tmp_path / "a.hdf5")


def test_robomimic_actions_lie_between_minus_one_and_one(demonstrations, tmp_path):
    write_robomimic(demonstrations, tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        actions = file["data/demo_0/actions"][()]
        args = json.loads(file["data"].attrs["env_args"])
    np.testing.assert_allclose(actions, demonstrations.episodes[0].actions / 2, atol=1e-6)
    assert args == {"env_name": "Reach", "type": 2, "env_kwargs": {}}


def test_robomimic_masks_are_read(demonstrations, tmp_path):
    masked = type(demonstrations)(
        episodes=demonstrations.episodes,
        observation_space=demonstrations.observation_space,
        action_space=demonstrations.action_space,
        masks={"train": [0, 2, 3], "val": [1]},
    )
    write_robomimic(masked, tmp_path / "a.hdf5")
    with h5py.File(tmp_path / "a.hdf5") as file:
        assert list(file["mask/valid"][()]) == [b"demo_1"]
    assert read_demonstrations(tmp_path / "a.hdf5").masks == masked.masks
    with h5py.File(tmp_path / "a.hdf5", "a") as file:
        file["mask/valid"][0] = b"demo_x"
    with pytest.raises(DataError, match="'demo_x'"):
        read_demonstrations(tmp_path / "a.hdf5")


def test_minari_itself_reads_what_we_wrote(demonstrations, tmp_path):
    minari = pytest.importorskip("minari", reason="checks our files with Minari's own reader")
    write_minari(demonstrations, tmp_path / "demos-v0", name="reach/demos-v0")
    theirs = minari.MinariDataset(tmp_path / "demos-v0" / "data")
    assert (theirs.total_episodes, theirs.total_steps) == (
        12,
        sum(map(len, demonstrations.episodes)),
    )
    assert theirs.action_space == demonstrations.action_space
    for got, want in zip(theirs.iterate_episodes(), demonstrations.episodes, strict=True):
        np.testing.assert_array_equal(got.observations, want.observations)
        np.testing.assert_array_equal(got.actions, want.actions)
        assert got.terminations[-1] == want.terminated
        assert got.infos["success"][-1] == want.info["success"]


@pytest.mark.parametrize("jpeg", [False, True])
def test_we_read_what_minari_wrote(jpeg, keyed_demonstrations, tmp_path):
    pytest.importorskip("minari", reason="writes files with Minari's own writer")
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    wrote = keyed_demonstrations
    storage = MinariStorage.new(
        tmp_path, wrote.observation_space, wrote.action_space, jpeg_encoding=jpeg
    )
    storage.update_episodes(
        EpisodeBuffer(
            observations=episode.observations,
            actions=episode.actions,
            rewards=list(episode.rewards),
            terminations=list(np.arange(len(episode)) == len(episode) - 1),
            truncations=[False] * len(episode),
            seed=episode.seed,
        )
        for episode in wrote.episodes
    )
    read = read_minari(tmp_path)
    assert [len(e) for e in read.episodes] == [len(e) for e in wrote.episodes]
    assert [e.seed for e in read.episodes] == [3, 4, 5, 6]
    for got, want in zip(read.episodes, wrote.episodes, strict=True):
        np.testing.assert_array_equal(got.observations["state"], want.observations["state"])
        difference = got.observations["camera"].astype(int) - want.observations["camera"]
        assert got.observations["camera"].shape == want.observations["camera"].shape
        assert np.abs(difference).mean() < 3 if jpeg else (difference == 0).all()


def test_version_3_puts_many_episodes_into_a_file_and_says_where(demonstrations, tmp_path):
    write_lerobot_v30(demonstrations, tmp_path / "demos", frames_in_a_file=60)
    files = sorted((tmp_path / "demos" / "data").glob("*/*.parquet"))
    assert 1 < len(files) < len(demonstrations)
    read = read_demonstrations(tmp_path / "demos")
    assert_same(read, demonstrations, final=False)
    meta = pq.read_table(tmp_path / "demos/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    lengths = [len(e) for e in demonstrations.episodes]
    assert [row["dataset_to_index"] for row in meta] == np.cumsum(lengths).tolist()
    assert len(meta[0]["stats/action/mean"]) == 2


def test_tasks_are_a_data_frame_by_task(demonstrations, tmp_path):
    write_lerobot_v30(demonstrations, tmp_path / "demos")
    tasks = pd.read_parquet(tmp_path / "demos/meta/tasks.parquet")
    assert tasks.index.tolist() == ["demonstrated"]
    assert tasks["task_index"].tolist() == [0]


def test_a_video_is_decoded_where_the_camera_was_stored_as_one(keyed_demonstrations, tmp_path):
    av = pytest.importorskip("av", reason="decodes mp4, an extra")
    path = tmp_path / "demos"
    write_lerobot_v21(keyed_demonstrations, path)
    info = json.loads((path / "meta/info.json").read_text())
    info["features"]["observation.camera"]["dtype"] = "video"
    (path / "meta/info.json").write_text(json.dumps(info))
    pictures = [e.chosen_from()["camera"] for e in keyed_demonstrations.episodes]
    for i, frames in enumerate(pictures):
        file = path / f"videos/chunk-000/observation.camera/episode_{i:06d}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_mp4(av, file, np.kron(frames, np.ones((1, 2, 2, 1), np.uint8)))
    read = read_demonstrations(path)
    for episode, frames in zip(read.episodes, pictures, strict=True):
        assert episode.observations["camera"].shape == (len(frames), 64, 64, 3)
        assert episode.observations["camera"].max() > 100
    low = read_demonstrations(path, keys=["state"])
    assert low.observation_space.shape == (4,)
    file.unlink()
    with pytest.raises(DataError, match=re.escape(file.name)):
        read_demonstrations(path)


def test_version_3_finds_an_episode_in_the_middle_of_a_video(keyed_demonstrations, tmp_path):
    av = pytest.importorskip("av", reason="decodes mp4, an extra")
    path, name = tmp_path / "demos", "observation.camera"
    write_lerobot_v30(keyed_demonstrations, path)
    info = json.loads((path / "meta/info.json").read_text())
    info["features"][name]["dtype"] = "video"
    (path / "meta/info.json").write_text(json.dumps(info))
    lengths = [len(e) for e in keyed_demonstrations.episodes]
    shades = np.repeat(np.arange(len(lengths)) * 60, lengths)  # one grey for each episode
    file = path / f"videos/{name}/chunk-000/file-000.mp4"
    file.parent.mkdir(parents=True)
    write_mp4(av, file, np.broadcast_to(shades[:, None, None, None], (sum(lengths), 64, 64, 3)))
    table = path / "meta/episodes/chunk-000/file-000.parquet"
    rows = pd.read_parquet(table)
    rows[f"videos/{name}/chunk_index"] = rows[f"videos/{name}/file_index"] = 0
    rows[f"videos/{name}/from_timestamp"] = rows["dataset_from_index"] / 10
    rows.to_parquet(table)
    for i, episode in enumerate(read_demonstrations(path).episodes):
        assert np.abs(episode.observations["camera"].astype(int) - 60 * i).max() < 12


def write_mp4(av, file, frames):
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in frames.astype(np.uint8):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def test_a_video_without_av_is_refused_with_a_fix(monkeypatch, tmp_path):
    from labloom_robotics.demos.video import read_frames

    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(DataError, match=re.escape("pip install 'labloom-robotics[video]'")):
        read_frames(tmp_path / "a.mp4")


def test_a_missing_path_says_what_to_put_where(tmp_path):
    with pytest.raises(DataError, match="is not there") as error:
        read_demonstrations(tmp_path / "nothing")
    assert "meta/info.json" in str(error.value)
    assert "data.path" in str(error.value)
    with pytest.raises(DataError, match=re.escape("main_data.hdf5")):
        read_demonstrations(tmp_path / "nothing", "minari")


def test_an_unknown_format_is_told_with_what_was_found(tmp_path):
    (tmp_path / "letters.txt").write_text("a")
    with pytest.raises(DataError, match=re.escape("letters.txt")):
        read_demonstrations(tmp_path)
    with pytest.raises(ConfigError, match=re.escape("data.source=lerobot")):
        read_demonstrations(tmp_path, "lerobott")


def test_nothing_is_overwritten(written, demonstrations):
    name, path = written
    with pytest.raises(DataError, match="is there already"):
        WRITERS[name](demonstrations, path)


def test_minari_demands_final_observations(demonstrations, tmp_path):
    write_lerobot_v21(demonstrations, tmp_path / "a")
    with pytest.raises(DataError, match="no final observation"):
        write_minari(read_demonstrations(tmp_path / "a"), tmp_path / "b")


@pytest.mark.parametrize("name", KEEPS_THE_END)
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda g: g.__delitem__("actions"), "has no 'actions'"),
        (lambda g: replace(g, "rewards", g["rewards"][:-1]), "rewards that do not fit"),
        (lambda g: replace(g, "actions", g["actions"][()] * np.nan), "NaN"),
        (lambda g: replace(g, "actions", g["actions"][()][:, :1]), "another kind|do not fit"),
    ],
    ids=["missing", "short", "nan", "narrow"],
)
def test_a_broken_episode_is_named(name, damage, words, demonstrations, tmp_path):
    path = tmp_path / "demos.hdf5"
    WRITERS[name](demonstrations, path)
    file = path / "data/main_data.hdf5" if name == "minari" else path
    with h5py.File(file, "a") as opened:
        damage(opened["episode_1" if name == "minari" else "data/demo_1"])
    with pytest.raises(DataError, match=words) as error:
        read_demonstrations(path)
    assert "1" in error.value.problem
    assert file.name in error.value.problem


def replace(group, key, rows):
    del group[key]
    group[key] = rows


@pytest.mark.parametrize("cut", [2, 5])
def test_observations_of_other_lengths_are_refused(cut, demonstrations, tmp_path):
    write_minari(demonstrations, tmp_path / "a")
    with h5py.File(tmp_path / "a/data/main_data.hdf5", "a") as file:
        replace(file["episode_0"], "observations", file["episode_0/observations"][:-cut])
    with pytest.raises(DataError, match="observations that do not fit its"):
        read_demonstrations(tmp_path / "a")


@pytest.mark.parametrize("name", ["minari", "robomimic", "lerobot_v21", "lerobot_v30"])
def test_a_file_that_is_cut_off_is_named(name, demonstrations, tmp_path):
    path = tmp_path / "demos.hdf5"
    WRITERS[name](demonstrations, path)
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    file = next(f for f in files if f.suffix in (".hdf5", ".parquet"))
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be read") as error:
        read_demonstrations(path)
    assert file.name in error.value.problem


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("meta/info.json", "{", "cannot be read"),
        ("meta/info.json", "[]", "not what it should be"),
        ("meta/info.json", '{"codebase_version": "v1.6"}', "version v1.6"),
        ("meta/info.json", '{"codebase_version": "v2.1"}', "no 'features'"),
        ("meta/episodes.jsonl", "{}", "no 'episode_index'"),
        ("meta/episodes.jsonl", "{", "cannot be read"),
        ("meta/episodes.jsonl", '{"episode_index": 0}', "not hold all of its episodes"),
    ],
)
def test_broken_metadata_are_named(file, text, words, demonstrations, tmp_path):
    write_lerobot_v21(demonstrations, tmp_path / "a")
    (tmp_path / "a" / file).write_text(text)
    with pytest.raises(DataError, match=words):
        read_demonstrations(tmp_path / "a")


def change_table(file, change):
    rows = pd.read_parquet(file)
    pq.write_table(
        __import__("pyarrow").Table.from_pandas(change(rows), preserve_index=False), file
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.drop(columns="action"), "no 'action'"),
        (lambda rows: rows.drop(index=3), "not in order"),
        (lambda rows: rows.assign(action=[[0.0]] * len(rows)), "does not fit meta/info.json"),
    ],
)
def test_broken_tables_are_named(change, words, demonstrations, tmp_path):
    write_lerobot_v21(demonstrations, tmp_path / "a")
    file = tmp_path / "a/data/chunk-000/episode_000002.parquet"
    change_table(file, change)
    with pytest.raises(DataError, match=words) as error:
        read_demonstrations(tmp_path / "a")
    assert file.name in error.value.problem


def test_an_episode_that_is_not_whole_in_version_3_is_told(demonstrations, tmp_path):
    write_lerobot_v30(demonstrations, tmp_path / "a")
    change_table(tmp_path / "a/data/chunk-000/file-000.parquet", lambda rows: rows.iloc[:-1])
    with pytest.raises(DataError, match="episode 11 is not whole"):
        read_demonstrations(tmp_path / "a")
    shutil.rmtree(tmp_path / "a/meta/episodes")
    with pytest.raises(DataError, match="no table of episodes"):
        read_demonstrations(tmp_path / "a")


def test_other_spaces_and_storage_of_minari_are_refused(demonstrations, tmp_path):
    write_minari(demonstrations, tmp_path / "a")
    file = tmp_path / "a/data/metadata.json"
    good = json.loads(file.read_text())
    file.write_text(json.dumps(good | {"data_format": "arrow"}))
    with pytest.raises(DataError, match="stored as arrow"):
        read_demonstrations(tmp_path / "a")
    file.write_text(json.dumps(good | {"action_space": '{"type": "MultiBinary", "n": 3}'}))
    with pytest.raises(DataError, match="action_space cannot be used"):
        read_demonstrations(tmp_path / "a")
    del good["action_space"], good["observation_space"]
    file.write_text(json.dumps(good))
    assert read_demonstrations(tmp_path / "a").observation_space.shape == (4,)


def test_a_space_that_contradicts_its_rows_is_refused(demonstrations, tmp_path):
    write_minari(demonstrations, tmp_path / "a")
    file = tmp_path / "a/data/metadata.json"
    told = json.loads(file.read_text())
    box = json.loads(told["observation_space"]) | {"shape": [3], "low": [-1] * 3, "high": [1] * 3}
    file.write_text(json.dumps(told | {"observation_space": json.dumps(box)}))
    with pytest.raises(DataError, match="do not fit their space"):
        read_demonstrations(tmp_path / "a")


def test_a_file_without_episodes_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_group("data")
    with pytest.raises(DataError, match="holds no demonstrations"):
        read_demonstrations(tmp_path / "a.hdf5")


def test_each_array_keeps_keys(keyed_demonstrations):
    observations = keyed_demonstrations.episodes[0].observations
    assert each_array(observations, len) == dict.fromkeys(
        observations, len(keyed_demonstrations.episodes[0]) + 1
    )
