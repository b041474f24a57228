"""What several test files need: the pocket network and a small photo, loaded once."""

import pytest

from nstlib import data, images
from nstlib.features import load_network


@pytest.fixture(scope="session")
def network():
    return load_network(device="cpu")


@pytest.fixture(scope="session")
def photo():
    return images.load_image(data.path("chelsea"), size=64)
