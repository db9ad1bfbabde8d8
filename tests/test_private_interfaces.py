"""What bcauto needs of libraries that they do not promise to keep, each with its reason.

A new version of a library that moves one fails here, and says what to look at.
"""

import ast
from pathlib import Path

import optuna
import pytest

import bcauto

PACKAGE = Path(bcauto.__file__).parent
PRIVATE = {  # by file, names that begin with an underscore
    ("execute/ray_tune/executor.py", "_private"),
    ("execute/ray_tune/executor.py", "_global_node"),
    ("study/attributes.py", "_trial_id"),
    ("training/hypermodel/plain_keras.py", "_flatten_layers"),
}
PUBLIC = {"_replace"}  # Python documents it, of named tuples


def private_names(file):
    """The private names of others that a file uses: attributes, and what it imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            names = [] if own else [node.attr]
        elif isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [part for alias in node.names for part in alias.name.split(".")]
        else:
            names = []
        private = {name for name in names if name.startswith("_") and not name.startswith("__")}
        yield from private - PUBLIC


def test_no_other_private_interface_is_used():
    used = {
        (file.relative_to(PACKAGE).as_posix(), name)
        for file in PACKAGE.rglob("*.py")
        for name in private_names(file)
    }
    assert used == PRIVATE


def test_optuna_a_trial_has_its_storage():
    """``sampling.py`` stores there what a sampler stored with its copy of a trial.

    Optuna's own samplers write to the storage of the study that they are given, and bcauto gives
    them a copy. Neither ``Trial`` nor ``Study`` documents a way to its storage.
    """
    study = optuna.create_study()
    trial = study.ask()
    assert isinstance(trial.storage, optuna.storages.BaseStorage), "optuna.Trial has no storage"
    study_id = trial.storage.get_study_id_from_name(study.study_name)
    trial_id = trial.storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
    assert trial.storage.get_trial_number_from_id(trial_id) == trial.number


def test_optuna_a_frozen_trial_knows_its_id():
    """``attributes.py`` makes a ``Trial`` of what a killed search left, to store why it failed.

    Optuna has no public way to do that without the storage itself.
    """
    study = optuna.create_study()
    study.ask()
    [frozen] = study.get_trials(deepcopy=False)
    trial = optuna.Trial(study, frozen._trial_id)
    trial.set_user_attr("error", "killed")
    trial.storage.set_trial_system_attr(trial._trial_id, "long", {"of": "it"})
    assert study.trials[0].user_attrs == {"error": "killed"}
    assert study.trials[0].system_attrs == {"long": {"of": "it"}}


def test_optuna_samplers_do_nothing_before_and_after_a_trial():
    """``sampling.py`` leaves these hooks out, as all that they do is to warn of constraints."""
    from bcauto.study.sampling import make_sampler

    study = optuna.create_study()
    trial = optuna.trial.create_trial(value=0.5)
    for name in ("tpe", "cmaes"):
        sampler = make_sampler(name, 0).sampler
        sampler.before_trial(study, trial)
        sampler.after_trial(study, trial, optuna.trial.TrialState.COMPLETE, [0.5])
    assert study.get_trials() == []


@pytest.mark.ray
def test_ray_the_name_of_a_job_can_be_replaced():
    """``executor.py`` replaces it: else the command line, where a storage's password may stand, is
    in Ray's list of jobs. ``ray.init`` has no parameter for it.

    ``TestOwnRay`` in ``tests/execute/test_executors.py`` shows that it works.
    """
    import ray

    name = ray._private.utils.get_entrypoint_name()
    assert "python" in name, "ray names its jobs by another function"  # its command line


@pytest.mark.ray
def test_ray_its_dead_processes_are_known():
    """``executor.py`` asks for a raylet that died: Ray ends the driver some seconds later, and
    ``ray.nodes()`` tells of it later still.
    """
    import ray
    from ray._private.node import Node

    assert hasattr(ray._private.worker, "_global_node"), "ray keeps the node it started elsewhere"
    assert callable(Node.dead_processes), "ray.Node has no list of its dead processes"


@pytest.mark.ray
def test_ray_its_folder_can_be_set():
    """``executor.py`` gives ``_temp_dir``, so that nothing of Ray's stays behind.

    It is documented, but as one of the options that may change.
    """
    import ray

    assert "``_temp_dir``" in ray.init.__doc__, "ray.init documents its folder in another way"


@pytest.mark.keras
def test_keras_an_accumulating_optimizer_shows_its_count_and_sums_as_variables():
    """``accumulation.py`` finds them by their names, to drop a step of which a part overflowed."""
    import keras

    weights = [keras.Variable([1.0, 2.0], name="kernel"), keras.Variable([3.0], name="bias")]
    optimizer = keras.optimizers.Adam(0.1, gradient_accumulation_steps=2)
    optimizer.apply([keras.ops.ones_like(weight) for weight in weights], weights)
    names = [variable.name for variable in optimizer.variables]
    assert names.count("iteration") == 1, "the count of an optimizer's parts has another name"
    sums = [v for v in optimizer.variables if v.name.endswith("_gradient_accumulator")]
    assert [v.shape for v in sums] == [(2,), (1,)], "the sums of gradients have other names"
    assert all(float(keras.ops.sum(one)) > 0 for one in sums)


@pytest.mark.keras
def test_keras_an_optimizer_has_its_schedule_as_an_attribute():
    """``accumulation.py`` looks for it among all of them, as no getter returns it."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    attributes = vars(keras.optimizers.Adam(schedule)).values()
    assert any(one is schedule for one in attributes), "the optimizer keeps its schedule elsewhere"


@pytest.mark.keras
def test_keras_a_model_lists_the_layers_inside_its_layers():
    """``plain_keras.py`` goes through them; ``Model.layers`` leaves out those in wrappers."""
    import keras

    inner = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2)])
    wrapped = keras.layers.Bidirectional(keras.layers.LSTM(2))
    model = keras.Sequential([inner, keras.layers.RepeatVector(4), wrapped])
    model.build((None, 4, 3))
    found = model._flatten_layers()
    assert {inner, *inner.layers, wrapped, wrapped.forward_layer} <= {*found}
