"""Who may import whom: read from the source, so that a forbidden import fails without running."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bcauto

ROOT = Path(bcauto.__file__).parent

ROOMS = [
    "bcauto.order",
    "bcauto.errors",
    "bcauto.interrupts",
    "bcauto.progress",
    "bcauto.seeds",
    "bcauto.hardware",
    "bcauto.io",
    "bcauto.augment",
    "bcauto.recipe",
    "bcauto.proxy",
    "bcauto.space",
    "bcauto.data",
    "bcauto.trial",
    "bcauto.models",
    "bcauto.training",
    "bcauto.storage",
    "bcauto.study",
    "bcauto.results",
    "bcauto.study_data",
    "bcauto.execute",
    "bcauto.hypermodels",
    "bcauto.plots",
    "bcauto.page",
    "bcauto.inspection",
    "bcauto.ensemble",
    "bcauto.export",
    "bcauto.prediction",
    "bcauto.driver",
    "bcauto.display",
    "bcauto.report",
    "bcauto.callbacks",
    "bcauto.api",
    "bcauto.cli",
]
"""From the ground up: a room knows those before it, and none behind it."""

OWNERS = {
    "ray": ["bcauto.execute.ray_tune"],
    "keras": [
        "bcauto.models",
        "bcauto.training",
        "bcauto.hypermodels",
        "bcauto.ensemble",
        "bcauto.export",
    ],
    "keras_tuner": ["bcauto.training.hypermodel", "bcauto.hypermodels"],
    "keras_cv": ["bcauto.training.keras_cv"],
    "tensorflow": ["bcauto.training.keras_cv", "bcauto.export.formats"],
    "onnxruntime": ["bcauto.export.formats.onnx"],
    "tf2onnx": ["bcauto.export.formats.onnx"],
    "ai_edge_litert": ["bcauto.export.formats.litert"],
    "jax": [],
    "torch": [],
    "scipy": ["bcauto.results", "bcauto.data.near_duplicates", "bcauto.export.calibration"],
    "optuna": [
        "bcauto.storage",
        "bcauto.study",
        "bcauto.results",
        "bcauto.driver",
        "bcauto.display",
        "bcauto.report",
        "bcauto.callbacks",
        "bcauto.api",
        "bcauto.cli",
    ],
    "optuna_dashboard": ["bcauto.cli", "bcauto.study.attributes"],
    "jinja2": ["bcauto.page"],
    "typer": ["bcauto.cli"],
    "mlflow": ["bcauto.callbacks"],
    "tensorboardX": ["bcauto.callbacks"],
    "pandas": ["bcauto.results.frame", "bcauto.api"],
    "rich": ["bcauto.display", "bcauto.api", "bcauto.cli"],
}
FRAMEWORKS = ["keras", "tensorflow", "ray", "optuna"]
STUDIES = ["bcauto.storage", "bcauto.study", "bcauto.results"]
FORBIDDEN = {  # even by way of another module
    "bcauto.io": [*FRAMEWORKS, "bcauto.seeds"],
    "bcauto.recipe": FRAMEWORKS,
    "bcauto.space": [*FRAMEWORKS, "bcauto.data"],
    "bcauto.data": [*FRAMEWORKS, "bcauto.recipe", "bcauto.space", "bcauto.proxy"],
    "bcauto.augment": FRAMEWORKS,
    "bcauto.proxy": [*FRAMEWORKS, "bcauto.recipe"],
    "bcauto.models": ["ray", "optuna", "bcauto.data"],
    "bcauto.training": ["ray", "optuna", *STUDIES],
    "bcauto.storage": ["keras", "tensorflow", "ray", "bcauto.recipe"],
    "bcauto.study": ["keras", "tensorflow", "ray", "bcauto.data", "bcauto.training"],
    "bcauto.results": ["keras", "tensorflow", "ray", "bcauto.data", "bcauto.training"],
    "bcauto.execute": [
        "keras",
        "bcauto.results",
        "bcauto.training",
        "bcauto.models",
        "bcauto.data",
    ],
    "bcauto.plots": FRAMEWORKS,
    "bcauto.page": FRAMEWORKS,
    "bcauto.inspection": ["ray", "optuna", *STUDIES],
    "bcauto.ensemble.choose": FRAMEWORKS,
}


def lies_in(module, place):
    return module == place or module.startswith(f"{place}.")


@cache
def sources():
    """Every module's parsed source by its dotted name."""
    files = {path: path.relative_to(ROOT.parent).with_suffix("") for path in ROOT.rglob("*.py")}
    names = {path: ".".join(file.parts).removesuffix(".__init__") for path, file in files.items()}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for path, name in names.items()}


def run_by_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(tree, deferred):
    """The nodes that run: when the module is imported, or with ``deferred`` at any time."""
    for node in ast.iter_child_nodes(tree):
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if run_by_type_checkers(node) or (function and not deferred):
            continue
        yield node
        yield from statements(node, deferred)


def imported(tree, modules, deferred=True):
    """Dotted names of what a module imports; of ours, the module that is meant."""
    for node in statements(tree, deferred):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports would go unseen"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in modules else node.module


@cache
def graph(deferred=True):
    modules = sources()
    return {name: set(imported(tree, modules, deferred)) for name, tree in modules.items()}


def reached(module):
    """What a module imports, itself or by way of another module of ours."""
    found, ahead = set(), [module]
    while ahead:
        new = graph().get(ahead.pop(), set()) - found
        found |= new
        ahead += new
    return found


def cycle(imports):
    """The modules of an import cycle, or nothing."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_the_reader_sees_every_form_of_import():
    text = """
import a.b
from c import d
from bcauto.proxy import blur, score
if TYPE_CHECKING:
    import unseen
try:
    import e
except ImportError:
    pass
class C:
    import f
    def method(self):
        import g
def function():
    if True:
        from h import i
"""
    modules = {"bcauto.proxy.blur": None}
    at_once = ["a.b", "c", "bcauto.proxy.blur", "bcauto.proxy", "e", "f"]
    assert list(imported(ast.parse(text), modules, deferred=False)) == at_once
    assert list(imported(ast.parse(text), modules)) == [*at_once, "g", "h"]


def test_a_cycle_is_seen():
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_every_module_is_read():
    assert {"bcauto", "bcauto.recipe.recipe", "bcauto.execute.ray_tune.hooks"} <= sources().keys()
    assert len(sources()) == len(list(ROOT.rglob("*.py")))


@pytest.mark.parametrize("deferred", [False, True])
def test_no_module_imports_itself_by_way_of_others(deferred):
    ours = {name: {i for i in to if i in sources()} for name, to in graph(deferred).items()}
    assert cycle(ours) == []


@pytest.mark.parametrize(("library", "owners"), OWNERS.items())
def test_a_library_is_imported_only_by_its_owners(library, owners):
    users = {name for name, to in graph().items() if any(lies_in(i, library) for i in to)}
    assert [u for u in users if not any(lies_in(u, owner) for owner in owners)] == []
    assert bool(users) == bool(owners)


@pytest.mark.parametrize(("place", "forbidden"), FORBIDDEN.items())
def test_a_part_reaches_nothing_that_it_must_not_know(place, forbidden):
    members = [name for name in sources() if lies_in(name, place)]
    assert members
    reaches = {name: reached(name) for name in members}
    broken = [(n, i) for n, to in reaches.items() for i in to for f in forbidden if lies_in(i, f)]
    assert broken == []


def room_of(module):
    return next((room for room in ROOMS if lies_in(module, room)), None)


def test_every_module_lies_in_a_room():
    outside = {name for name in sources() if room_of(name) is None}
    assert outside == {"bcauto", "bcauto.__main__"}


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_upwards(room):
    above = ROOMS[ROOMS.index(room) + 1 :]
    members = [name for name in sources() if lies_in(name, room)]
    assert members
    upwards = [(n, i) for n in members for i in graph()[n] if room_of(i) in above]
    assert upwards == []


def defined(tree):
    """Names that a module makes itself at its top level."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))


def test_a_name_is_imported_from_the_module_that_defines_it():
    modules = sources()
    borrowed = [
        (name, f"{node.module}.{alias.name}")
        for name, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in modules
        for alias in node.names
        if f"{node.module}.{alias.name}" not in modules
        if alias.name not in set(defined(modules[node.module]))
    ]
    assert borrowed == []


def test_packages_hold_no_code_of_their_own():
    packages = {p.parent for p in ROOT.rglob("__init__.py")} - {ROOT}
    code = {p.name for p in packages if len(ast.parse((p / "__init__.py").read_text()).body) > 1}
    assert code == set()


def test_what_is_stored_of_a_trial_is_read_and_written_in_one_place():
    touching = {
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("user_attrs", "set_user_attr")
    }
    assert touching == {"bcauto.study.attributes"}


def test_only_the_command_line_prints():
    calls = [
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "print"
    ]
    assert [name for name in calls if not lies_in(name, "bcauto.cli")] == []


def test_command_line_study_space_and_recipe_wait_for_no_framework():
    heavy = ["tensorflow", "keras", "ray"]
    code = (
        "import sys, bcauto.cli.app, bcauto.study, bcauto.space, bcauto.recipe.recipe\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
