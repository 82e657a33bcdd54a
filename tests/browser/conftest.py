"""One browser and one server for all tests of pages; both in the tests' own loop."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright

from insula.kernel.database.cluster import Cluster
from insula.kernel.foundation.settings import Settings
from insula.kernel.plans.standard import ensure_plans
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.homes import Homes
from insula.server.platform import Platform
from tests.browser.chromium import ADVICE, ARGUMENTS, find_chromium
from tests.browser.person import Person
from tests.conftest import UNLIMITED
from tests.house import House
from tests.kernel.services.oauth.browsing import scene_of


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """Where the browser is; without one, the tests of this folder are skipped."""
    found = find_chromium()
    if found is None and request.config.getoption("--require-browser"):
        pytest.fail(ADVICE)
    return found or pytest.skip(ADVICE)


@pytest.fixture(scope="session")
def listening() -> socket.socket:
    """A port of our own, which pages and passkeys are told of beforehand."""
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    return door


@pytest.fixture(scope="session")
async def platform(
    chromium: str,
    cluster: Cluster,
    homes: Homes,
    listening: socket.socket,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Platform]:
    """A platform that knows at which port browsers find it."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("browser"),
        connections=12,
        port=listening.getsockname()[1],
        **UNLIMITED,
    )
    platform = Platform(settings, cluster, registered_apps())
    await ensure_plans(platform.control)
    yield platform
    await platform.close()


@pytest.fixture(scope="session")
async def port(the_house: House, listening: socket.socket) -> AsyncIterator[int]:
    """The port at which the house answers browsers."""
    config = uvicorn.Config(
        the_house.app, http="h11", ws="none", lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    listening.listen()  # who comes before it serves waits
    serving = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[1]
    server.should_exit = True
    await serving


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """The browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest.fixture
async def person(house: House, port: int, browser: Browser) -> AsyncIterator[Person]:
    """Somebody at a tenant's pages, in a window of their own."""
    window = await browser.new_context()
    yield Person(await scene_of(house), port, window, await window.new_page())
    await window.close()


@pytest.fixture
async def scripted(house: House, port: int, browser: Browser) -> AsyncIterator[Person]:
    """The same, where a test's scripts call the API as the console's will.

    Our own pages let no script do that, so their policy is lifted.
    """
    window = await browser.new_context(bypass_csp=True)
    yield Person(await scene_of(house), port, window, await window.new_page())
    await window.close()
