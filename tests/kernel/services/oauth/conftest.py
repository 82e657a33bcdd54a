"""A tenant with a program that wants to act for its people."""

import pytest

from tests.house import House
from tests.kernel.services.oauth.browsing import Scene, scene_of


@pytest.fixture
async def scene(house: House) -> Scene:
    return await scene_of(house)


@pytest.fixture
async def inside(scene: Scene) -> Scene:
    """The same, with the person's browser signed in."""
    scene.browser = await scene.signed_in(scene.email)
    return scene
