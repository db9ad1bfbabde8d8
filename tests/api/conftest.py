import pytest


@pytest.fixture(scope="session", autouse=True)
def searches_write_no_report(no_report):
    """It takes seconds."""
