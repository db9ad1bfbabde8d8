import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import Weights, check_weights, download_lock, read_weights

NARROW = Network(backbone="MobileNet", alpha=0.25)
WIDE = Network(backbone="MobileNet", alpha=0.75)
V2 = Network(backbone="MobileNetV2", alpha=0.35)
SCRATCH = Network(backbone="SmallCNN")
UNTRAINED = Network(backbone="VGG16", pretrained=False)
SIZE = (100, 100)  # px, of which no download is: Keras takes those of 224
DOWNLOADS = {
    "MobileNet-0.25": "mobilenet_2_5_224_tf_no_top.h5",
    "MobileNet-0.75": "mobilenet_7_5_224_tf_no_top.h5",
    "MobileNetV2-0.35": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5",
}


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """Keras' folder, with an empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def offline(monkeypatch):
    """Counts the attempts to reach the network, which all fail."""
    tried = []

    def refuse(address, timeout):
        tried.append((address, timeout))
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


@pytest.fixture
def online(monkeypatch):
    """The connections that were made; all succeed."""
    made = []

    def connect(*_args, **_kwargs):
        made.append(socket.socket())
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", connect)
    return made


@pytest.mark.parametrize("source", ["imagenet", "none"])
def test_a_source_that_is_a_word_is_no_folder(source):
    assert read_weights(source) == Weights(source)
    assert Weights(source).folder is None
    assert Weights(source).file(NARROW) is None


def test_a_folder_is_kept_as_an_absolute_path(tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_weights("weights").folder == (tmp_path / "weights").resolve()


@pytest.mark.parametrize("source", ["", "missing", "file.h5", "Imagenet"])
def test_what_is_neither_word_nor_folder_is_refused(source, tmp_path, monkeypatch, refused):
    (tmp_path / "file.h5").touch()
    monkeypatch.chdir(tmp_path)
    with refused(f"^--weights must be imagenet, none or a folder of weights, got '{source}'$"):
        read_weights(source)


@pytest.mark.parametrize(
    ("source", "network", "pretrains"),
    [
        ("imagenet", NARROW, True),
        ("imagenet", SCRATCH, False),
        ("none", NARROW, False),
        ("/somewhere", NARROW, True),
        ("imagenet", UNTRAINED, False),
        ("/somewhere", UNTRAINED, False),
        ("/somewhere", SCRATCH, False),
    ],
)
def test_a_network_starts_pretrained_where_it_can_and_may(source, network, pretrains):
    assert Weights(source).pretrains(network) is pretrains


def test_a_folder_names_its_file_only_for_what_is_pretrained(tmp_path):
    weights = Weights(str(tmp_path))
    assert weights.file(NARROW) == tmp_path / "mobilenet_0.25.weights.h5"
    assert weights.file(SCRATCH) is None


def test_a_folder_with_every_file_will_do_without_a_network(tmp_path, offline):
    for file in ("mobilenet_0.25.weights.h5", "mobilenetv2_0.35.weights.h5"):
        (tmp_path / file).touch()
    check_weights(Weights(str(tmp_path)), [NARROW, V2, NARROW, SCRATCH], SIZE)
    assert offline == []


def test_every_file_that_a_folder_lacks_is_named_once(tmp_path, refused):
    (tmp_path / "mobilenet_0.25.weights.h5").touch()
    lacks = "mobilenet_0.75.weights.h5, mobilenetv2_0.35.weights.h5"
    folder = re.escape(str(tmp_path))
    with refused(f"^--weights {folder} lacks {lacks}, which the space asks for$"):
        check_weights(Weights(str(tmp_path)), [NARROW, WIDE, V2, WIDE], SIZE)


def test_a_folder_is_not_made_up_for_by_the_network(tmp_path, online, refused):
    with refused("lacks mobilenet_0.25"):
        check_weights(Weights(str(tmp_path)), [NARROW], SIZE)
    assert online == []


def test_the_real_folder_has_what_the_small_space_asks_for(real_weights):
    check_weights(read_weights(str(real_weights)), [NARROW, WIDE, V2], SIZE)


def test_no_weights_need_no_network(keras_home, offline):
    check_weights(Weights("none"), [NARROW, V2], SIZE)
    assert offline == []


def test_networks_that_train_from_scratch_need_no_network(keras_home, offline):
    check_weights(Weights("imagenet"), [SCRATCH, UNTRAINED], SIZE)
    assert offline == []


def test_what_is_in_keras_cache_needs_no_network(keras_home, offline):
    for file in DOWNLOADS.values():
        (keras_home / "models" / file).touch()
    check_weights(Weights("imagenet"), [NARROW, WIDE, V2], SIZE)
    assert offline == []


def test_what_is_in_the_cache_for_another_size_is_not_there(keras_home, offline, refused):
    for file in DOWNLOADS.values():
        (keras_home / "models" / file).touch()
    with refused("^ImageNet weights of MobileNetV2-0.35 cannot be downloaded"):
        check_weights(Weights("imagenet"), [NARROW, V2], (96, 96))
    check_weights(Weights("imagenet"), [V2.model_copy(update={"image_side": 224})], (96, 96))


def test_offline_what_is_not_in_the_cache_is_named_with_what_can_be_done(
    keras_home, offline, refused
):
    (keras_home / "models" / DOWNLOADS["MobileNet-0.25"]).touch()
    cannot = "^ImageNet weights of MobileNet-0.75, MobileNetV2-0.35 cannot be downloaded"
    ways = "--weights DIR .* --weights none .* search the space quick"
    with refused(rf"{cannot} \(storage.googleapis.com cannot be reached\): give {ways}"):
        check_weights(Weights("imagenet"), [NARROW, WIDE, V2], SIZE)
    ((host, port), patience) = offline[0]
    assert (len(offline), host, port) == (1, "storage.googleapis.com", 443)
    assert 0 < patience < 10


def test_a_cache_that_does_not_exist_is_empty(keras_home, offline, refused):
    (keras_home / "models").rmdir()
    with refused("ImageNet weights of MobileNet-0.25 cannot be downloaded"):
        check_weights(Weights("imagenet"), [NARROW], SIZE)


def test_without_keras_home_the_cache_is_in_the_home_folder(tmp_path, monkeypatch, offline):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras" / "models").mkdir(parents=True)
    (tmp_path / ".keras" / "models" / DOWNLOADS["MobileNet-0.25"]).touch()
    check_weights(Weights("imagenet"), [NARROW], SIZE)
    assert offline == []


def test_online_what_is_missing_will_be_downloaded_and_the_probe_is_closed(keras_home, online):
    check_weights(Weights("imagenet"), [NARROW, V2], SIZE)
    assert [connection.fileno() for connection in online] == [-1]


@pytest.fixture
def download(keras_home):
    """A download as Keras does it: to where it looks, from the start where the file is not whole.

    ``half_done()`` is called half way. It returns whether anything was downloaded.
    """
    file = keras_home / "models" / DOWNLOADS["MobileNet-0.25"]

    def fetch(half_done=lambda: None):
        with download_lock(NARROW, (96, 96)):
            if file.exists() and file.read_text() == "whole":
                return False
            file.write_text("wh")
            half_done()
            assert file.read_text() == "wh"  # nobody else wrote to it
            file.write_text("whole")
            return True

    fetch.file = file
    return fetch


def test_of_two_that_would_download_one_file_the_second_waits_and_finds_it(download):
    begun, go_on = threading.Event(), threading.Event()

    def half_done():
        begun.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(download, half_done)
        assert begun.wait(60)
        second = pool.submit(download)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        go_on.set()
        assert (first.result(60), second.result(60)) == (True, False)


def test_those_that_find_the_file_do_not_wait_for_each_other(download):
    download.file.write_text("whole")
    with download_lock(NARROW, (96, 96)), ThreadPoolExecutor() as pool:
        assert pool.submit(download).result(60) is False


def test_downloads_of_different_files_do_not_wait_for_each_other(download):
    with (
        download_lock(WIDE, (96, 96)),
        download_lock(NARROW, (128, 128)),
        ThreadPoolExecutor() as pool,
    ):
        assert pool.submit(download).result(60) is True


DIES = """
import os, pathlib, signal, sys
from bcauto.recipe.network import Network
from bcauto.recipe.pretrained import download_lock
with download_lock(Network(backbone="MobileNet", alpha=0.25), (96, 96)):
    pathlib.Path(sys.argv[1]).write_text("wh")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_half_a_file_of_a_process_that_was_killed_is_no_download(download):
    killed = subprocess.run([sys.executable, "-c", DIES, str(download.file)], check=False)
    assert (killed.returncode, download.file.read_text()) == (-signal.SIGKILL, "wh")
    with download_lock(NARROW, (96, 96)):
        assert not download.file.exists()


def test_what_is_put_there_after_a_download_that_failed_is_kept(download):
    with pytest.raises(OSError, match="no network"), download_lock(NARROW, (96, 96)):
        raise OSError("no network")
    download.file.write_text("whole")
    assert download() is False


@pytest.mark.parametrize("obstacle", ["a file for its folder", "a folder for its lock"])
def test_where_nothing_can_be_locked_nobody_waits(obstacle, download):
    lock = download.file.with_name(f"{download.file.name}.lock")
    if obstacle == "a folder for its lock":
        lock.mkdir()
    else:
        download.file.parent.rmdir()
        download.file.parent.touch()
    entered = []
    with download_lock(NARROW, (96, 96)), download_lock(NARROW, (96, 96)):
        entered.append("both")
    assert entered == ["both"]


def test_a_file_system_without_locks_is_done_without(download, monkeypatch):
    def refuse(*_):
        raise OSError("No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    assert download() is True


def test_weights_are_known_by_their_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder / "mobilenet_0.25.weights.h5").write_bytes(b"same")
        (tmp_path / folder / "mobilenetv2_0.35.weights.h5").write_bytes(folder.encode())
    one, two = (Weights(str(tmp_path / folder)) for folder in ("a", "b"))
    assert one.fingerprint([NARROW]) == two.fingerprint([NARROW, NARROW, SCRATCH])
    assert len(one.fingerprint([NARROW])) == 64
    assert one.fingerprint([NARROW, V2]) != two.fingerprint([NARROW, V2])
    assert Weights("imagenet").fingerprint([NARROW]) == "imagenet"
    assert Weights("none").fingerprint([NARROW]) == "none"
