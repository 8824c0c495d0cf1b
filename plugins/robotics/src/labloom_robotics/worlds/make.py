"""Worlds by name: the built-in ones, or any environment of Gymnasium."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

import gymnasium

from labloom.arguments import require_known, require_whole
from labloom.errors import ConfigError, listing, nearest
from labloom_robotics.worlds.base import World
from labloom_robotics.worlds.gym_env import no_such_env

BUILT_IN = {  # name -> where its class is; imported when it is asked for
    "navigate": "labloom_robotics.worlds.navigate:Navigate",
    "drive": "labloom_robotics.worlds.drive:Drive",
    "arm": "labloom_robotics.worlds.arm:Arm",
}
VECTORIZATIONS = {  # how environments of Gymnasium are stepped
    "sync": "labloom_robotics.worlds.gym:GymWorld",
    "async": "labloom_robotics.worlds.gym_async:AsyncGymWorld",
}


def make_world(
    name: str,
    num_agents: int,
    options: Mapping[str, Any] | None = None,
    *,
    pictures: bool = False,
) -> World:
    """A world with ``num_agents`` agents.

    Args:
        name: ``navigate``, ``drive`` or ``arm``, or an id of Gymnasium.
        num_agents: at least 1.
        options: of the world. For an environment of Gymnasium: ``env_options`` (arguments of
            ``gymnasium.make``), ``costs`` (keys of its info) and ``vectorization`` (sync or async).
        pictures: whether ``picture`` will be asked for; environments of Gymnasium need to know.

    Raises:
        ConfigError: there is no such world, or it has no such option.
        DataError: no network here reads its spaces.
    """
    require_whole("data.num_agents", num_agents, at_least=1, fix="data.num_agents=8")
    given = dict(options or {})
    if name in BUILT_IN:
        world = _located(BUILT_IN[name])
        _refuse_unknown(world, given)
        return world(num_agents, **given)
    if not _known_to_gymnasium(name):
        raise _no_such_world(name)
    way = given.pop("vectorization", "sync")
    if way not in VECTORIZATIONS:
        raise ConfigError(
            f"environments cannot be stepped the way '{way}'",
            expected="sync (one after the other) or async (each in a process of its own)",
            fix="data.vectorization=sync",
        )
    world = _located(VECTORIZATIONS[way])
    _refuse_unknown(world, given)
    return world(num_agents, env=name, pictures=pictures, **given)


def _located(place: str) -> type[World]:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def _known_to_gymnasium(name: str) -> bool:
    if ":" in name:  # the package registers its ids when it is imported
        return True
    try:
        gymnasium.spec(name)
    except gymnasium.error.Error:
        return False
    return True


def _no_such_world(name: str) -> ConfigError:
    near = nearest(name, [*BUILT_IN, *gymnasium.registry])
    if near in gymnasium.registry:
        return no_such_env(name)
    return ConfigError(
        f"there is no world '{name}'",
        expected=f"{listing(BUILT_IN)}, or an id of Gymnasium, such as CartPole-v1",
        fix=f"data.world={near}, or data=robotics_{near} with its options"
        if near
        else "python -c 'import gymnasium; gymnasium.pprint_registry()' prints Gymnasium's",
    )


def _refuse_unknown(world: type[World], given: Mapping[str, Any]) -> None:
    """Refuse options that the constructor does not name; one with ``**`` checks them itself."""
    parameters = inspect.signature(world).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    require_known("data.options", given, [p.name for p in parameters if p.kind is p.KEYWORD_ONLY])
