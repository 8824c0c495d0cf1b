"""Making environments of Gymnasium by name, and reading their spaces as the networks here do."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import load_env_creator
from numpy.typing import NDArray

from labloom.errors import ConfigError, DataError, listing, nearest
from labloom_robotics.spaces import plain_space
from labloom_robotics.worlds.base import Observations
from labloom_robotics.worlds.finite import require_finite
from labloom_robotics.worlds.velocity_cost import COST, VelocityCost

RGB = "rgb_array"
SUCCESS_KEYS = ("is_success", "success")  # of the info at an episode's end
COLLISION_KEYS = ("crashed",)


def make_env(
    env: str,
    options: Mapping[str, Any] | None = None,
    *,
    costs: Sequence[str] = (),
    pictures: bool = False,
) -> gymnasium.Env:
    """One environment, as ``gymnasium.make`` builds it.

    Args:
        env: id, such as ``CartPole-v1``, or ``package:Name-v0``, which imports the package first.
        options: for ``gymnasium.make``: of the environment, or e.g. ``max_episode_steps``.
        costs: names of costs; ``velocity`` adds the wrapper that counts it.
        pictures: make it so that it can be drawn, if it can be drawn at all.

    Raises:
        ConfigError: there is no such environment, a package that it needs is missing, it takes
            no such option, or its ``reset`` takes no seed.
    """
    given = dict(options or {})
    # The checker looks at the first step and reset only, and warns of what is its author's to mend.
    given.setdefault("disable_env_checker", True)
    if pictures and "render_mode" not in given and _draws(env):
        given["render_mode"] = RGB
        # pygame draws into arrays here; without this SDL looks for a screen and says it has none.
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    try:
        made = gymnasium.make(env, **given)
    except gymnasium.error.DependencyNotInstalled as error:
        raise _missing_package(env, error) from error
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        raise no_such_env(env, error) from error
    except TypeError as error:
        raise ConfigError(
            f"{env} cannot be made with these options",
            got=str(error),
            fix=f"data.env_options takes what gymnasium.make('{env}') takes",
        ) from error
    _require_seeds(made, env)
    if pictures:
        _draw_without_a_screen()
    return VelocityCost(made) if COST in costs else made


def no_such_env(env: str, error: Exception | None = None) -> ConfigError:
    """The error for an id that Gymnasium does not know."""
    near = nearest(env, gymnasium.registry) if ":" not in env else None
    return ConfigError(
        f"there is no environment '{env}'",
        expected="an id of Gymnasium, or package:Id for one that an installed package registers",
        got=str(error).splitlines()[0] if error is not None else None,
        fix=f"data.env={near}" if near else "gymnasium.pprint_registry() lists what there is",
    )


def readable(space: spaces.Space) -> spaces.Space:
    """The space as observations are handed out: numbers with a point become float32.

    Raises:
        DataError: no network here reads such a space.
    """
    plain_space(space)
    if isinstance(space, spaces.Dict):
        return spaces.Dict({name: readable(part) for name, part in space.spaces.items()})
    if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
        return spaces.Box(
            space.low.astype(np.float32), space.high.astype(np.float32), dtype=np.float32
        )
    return space


def stacker(space: spaces.Space) -> Callable[[Sequence[Any]], Observations]:
    """A function that makes one array [n, ...] of n observations, or one for each key."""
    if isinstance(space, spaces.Dict):
        parts = {name: stacker(part) for name, part in space.spaces.items()}
        return lambda rows: {name: part([r[name] for r in rows]) for name, part in parts.items()}
    dtype = np.dtype(np.int64) if isinstance(space, spaces.Discrete) else space.dtype
    return lambda rows: np.array(rows, dtype=dtype)


def takes(space: spaces.Space, env: str) -> Callable[[NDArray], Sequence[Any]]:
    """A function that turns actions of n agents into what each ``step`` takes, within the space.

    The function refuses actions of a Box that are not finite, as built-in worlds do.

    Args:
        space: of one agent's actions.
        env: id, for messages.

    Raises:
        DataError: the space is neither Discrete from 0 nor a Box.
    """
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return lambda actions: actions.tolist()
    if isinstance(space, spaces.Box):
        return partial(_within_box, space, env)
    raise DataError(
        f"{type(space).__name__} is an action space that no policy here acts in",
        expected="Discrete from 0, or Box",
        got=str(space),
        fix="wrap the environment so that it has one of these",
    )


def ending_facts(infos: Sequence[Mapping[str, Any]], ended: NDArray) -> dict[str, NDArray]:
    """``success`` and ``collision`` where an episode ended, bool [n]; only what is told.

    Args:
        infos: what each environment told about its step, n of them.
        ended: bool [n].
    """
    facts = {}
    for name, keys in (("success", SUCCESS_KEYS), ("collision", COLLISION_KEYS)):
        for key in keys:
            if any(key in info for info, end in zip(infos, ended, strict=True) if end):
                facts[name] = np.array([bool(info.get(key, False)) for info in infos]) & ended
                break
    return facts


def missing_cost(name: str, info: Mapping[str, Any]) -> DataError:
    """The error for a cost that the environment does not tell."""
    return DataError(
        f"the environment tells no cost '{name}'",
        expected=f"info['{name}'] at every step",
        got=f"info with {listing(info)}",
        fix=f"data.costs=[{nearest(name, info) or 'KEY'}], a key of the info, or leave it out",
    )


def _within_box(space: spaces.Box, env: str, actions: NDArray) -> NDArray:
    require_finite(actions, (len(actions), *space.shape), env)
    return actions.clip(space.low, space.high).astype(space.dtype, copy=False)


def _require_seeds(made: gymnasium.Env, env: str) -> None:
    """Refuse an environment, or a wrapper of it, whose ``reset`` is not Gymnasium's."""
    layer = made
    while True:
        told = inspect.signature(layer.reset)
        try:
            told.bind(seed=0, options=None)
        except TypeError as error:
            raise ConfigError(
                f"{env}: reset(seed=...) is needed, so that episodes can be repeated",
                expected="reset(self, *, seed=None, options=None), as gymnasium.Env has it",
                got=f"{type(layer).__name__}.reset({', '.join(told.parameters)})",
                fix="give it these arguments, and call super().reset(seed=seed) first",
            ) from error
        if not isinstance(layer, gymnasium.Wrapper):
            return
        layer = layer.env


def _draws(env: str) -> bool:
    """Whether an environment has pictures, asked of its class."""
    try:
        maker = gymnasium.spec(env).entry_point
        if isinstance(maker, str):
            maker = load_env_creator(maker)
        return RGB in getattr(maker, "metadata", {}).get("render_modes", ())
    except (gymnasium.error.Error, ImportError, AttributeError):
        return False  # making it tells what is wrong


def _draw_without_a_screen() -> None:
    """Let MuJoCo draw by EGL where there is no screen.

    Left alone it draws by GLFW, which without a screen fails at first, and at the second attempt
    ends the process. It is asked for only once MuJoCo is there, which would otherwise not be
    imported on a machine that lacks EGL as well.
    """
    screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform == "linux" and not screen and "mujoco" in sys.modules:
        os.environ.setdefault("MUJOCO_GL", "egl")


def _missing_package(env: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{env} needs a package that is not installed",
        got=str(error).splitlines()[0],
        fix="pip install 'labloom-robotics[classic,mujoco]', or what the message above says",
    )
