"""The long run: its options, and that it runs only where ``-m reliability`` asks for it."""


def pytest_addoption(parser):
    group = parser.getgroup("reliability", "the long run (pytest tests/reliability -m reliability)")
    group.addoption("--kills", type=int, default=100, help="random kills to make")
    group.addoption("--fuzz-seconds", type=float, default=600, help="seconds of damaged files")
    group.addoption("--weights", default="none", help="folder of MobileNet's weights, or none")
    group.addoption("--seed", type=int, default=0, help="of the kills and the damaged files")


def pytest_collection_modifyitems(config, items):
    """Deselects it here, since a ``-m`` on the command line replaces that of pyproject.toml."""
    if config.option.markexpr != "reliability":
        long = [item for item in items if item.get_closest_marker("reliability")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
