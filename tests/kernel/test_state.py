import multiprocessing
import os
import resource
import signal
import stat

import pytest

from ollm.errors import OllmError
from ollm.state import file_lock, write_atomically


def test_a_new_file_is_private_and_its_folder_is_made(tmp_path):
    path = tmp_path / "a" / "b.json"
    write_atomically(path, "x")
    assert path.read_text() == "x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_existing_file_keeps_its_mode(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    write_atomically(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o644)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def _write_too_much(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_atomically(path, "x" * 5000)
    except OllmError as error:
        os._exit(7 if "untouched" in str(error) else 8)
    os._exit(0)


def test_a_full_disk_leaves_the_old_content_and_no_litter(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")
    process = multiprocessing.get_context("fork").Process(target=_write_too_much, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == 7
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


def test_a_folder_in_the_way_is_an_error_in_words(tmp_path):
    (tmp_path / "f").mkdir()
    with pytest.raises(OllmError, match="could not be written"):
        write_atomically(tmp_path / "f", "x")
    assert [each.name for each in tmp_path.iterdir()] == ["f"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("through", ["itself", "a link"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, through):
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "pipe"
    if through == "a link":
        path = tmp_path / "link"
        path.symlink_to("pipe")
    with pytest.raises(OllmError, match="could not be written: it is a folder or a device, not a file"):
        write_atomically(path, "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert {each.name for each in tmp_path.iterdir()} <= {"pipe", "link"}


def _count_up(path):
    for _ in range(50):
        with file_lock(path):
            write_atomically(path, str(int(path.read_text()) + 1))


def test_processes_that_lock_lose_nothing(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count_up, args=(path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text() == "200"


def test_a_lock_that_is_held_is_an_error_in_words(tmp_path):
    with file_lock(tmp_path / "f"), pytest.raises(OllmError, match="locked by another process"):
        _hold(tmp_path / "f")


def _hold(path):
    with file_lock(path, timeout=0.05):
        raise AssertionError("the lock was given twice")


def test_a_lock_that_cannot_be_made_is_an_error_in_words(tmp_path):
    (tmp_path / "f.lock").mkdir()
    with pytest.raises(OllmError, match="f could not be locked: Is a directory") as caught:
        _hold(tmp_path / "f")
    assert not isinstance(caught.value.__cause__, TimeoutError)


def test_an_error_of_what_is_done_under_a_lock_is_not_the_lock_s(tmp_path):
    with pytest.raises(OSError, match="of the work"), file_lock(tmp_path / "f"):
        raise OSError("of the work")
    with file_lock(tmp_path / "f", timeout=0):
        pass


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_is_refused_where_strangers_may_have_put_it(tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("old")
    path = tmp_path / "inside" / "f"
    if link == "folder":
        path.parent.symlink_to(outside)
    else:
        path.parent.mkdir()
        path.symlink_to(outside / "f")
    with pytest.raises(OllmError, match="is a link"):
        write_atomically(path, "new", follow=False)
    assert (outside / "f").read_text() == "old"
    assert [each.name for each in outside.iterdir()] == ["f"]


def test_without_links_nothing_is_different(tmp_path):
    path = tmp_path / "a" / "f"
    for text in ("one", "two"):
        write_atomically(path, text, follow=False)
        assert path.read_text() == text


def test_a_file_that_cannot_be_used_is_kept_aside_and_said(tmp_path):
    from ollm.state import set_aside

    said, path = [], tmp_path / "facts.json"
    for number, name in enumerate(("facts.json.unreadable", "facts.json.unreadable-2")):
        path.write_text(str(number))
        aside = set_aside(path, "it is \x1bdamaged", "facts are made anew", said.append, "facts-lost")
        assert aside == tmp_path / name
        assert (tmp_path / name).read_text() == str(number)
        assert said[-1].code == "facts-lost"
        assert (
            said[-1].text == f"{path} cannot be used (it is ␛damaged); it is kept as {name}, and facts are made anew."
        )
    assert set_aside(path, "gone", "nothing follows", said.append, "facts-lost") is None
    assert len(said) == 2, "another process was faster"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_renamed_is_said(tmp_path):
    from ollm.state import set_aside

    said, path = [], tmp_path / "facts.json"
    path.write_text("x")
    tmp_path.chmod(0o500)
    aside = set_aside(path, "it is damaged", "it is ignored", said.append, "facts-lost")
    tmp_path.chmod(0o700)
    assert aside is None
    assert "nor renamed (Permission denied): it is ignored." in said[0].text
