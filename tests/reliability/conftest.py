"""Options of the long run, which ``pytest tests/reliability -m reliability -s`` starts."""


def pytest_addoption(parser):
    group = parser.getgroup("reliability", "the long run (pytest tests/reliability -m reliability)")
    group.addoption("--kills", type=int, default=100, help="random kills to make")
    group.addoption("--fuzz-seconds", type=float, default=600, help="seconds of damaged files")
    group.addoption("--weights", default="none", help="folder of MobileNet's weights, or none")
    group.addoption("--seed", type=int, default=0, help="of the kills and the damaged files")
