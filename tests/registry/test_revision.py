"""Git revisions, from a real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from splitmile.registry import git_revision
from splitmile.settings import load_settings


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    """A committed folder inside a repository."""
    folder = tmp_path / "project" / "experiments"
    folder.mkdir(parents=True)
    git(folder.parent, "init", "--quiet")
    (folder / "a.yaml").write_text("id: a\n")
    git(folder.parent, "add", "--all")
    git(folder.parent, "commit", "--quiet", "--message", "first")
    return folder


def test_a_clean_folder_has_the_short_hash(experiments: Path) -> None:
    assert git_revision(experiments) == git(experiments, "rev-parse", "--short", "HEAD")


def test_a_change_in_the_folder_is_marked(experiments: Path) -> None:
    clean = git_revision(experiments)
    (experiments.parent / "elsewhere.txt").write_text("not in the folder")
    assert git_revision(experiments) == clean
    (experiments / "a.yaml").write_text("id: b\n")
    assert git_revision(experiments) == f"{clean}+"
    git(experiments, "checkout", "--quiet", "a.yaml")
    (experiments / "new.yaml").write_text("id: new\n")
    assert git_revision(experiments) == f"{clean}+"


def test_a_git_hooks_variables_do_not_mislead(experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = git_revision(experiments)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert git_revision(experiments) == clean


def test_without_repository_commit_folder_or_git_it_is_unknown(experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_revision(tmp_path) == "unknown"
    assert git_revision(tmp_path / "nowhere") == "unknown"
    (tmp_path / "fresh").mkdir()
    git(tmp_path / "fresh", "init", "--quiet")
    assert git_revision(tmp_path / "fresh") == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision(experiments) == "unknown"


def test_an_image_without_git_says_what_it_was_built_of(experiments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLITMILE_REVISION", "abc1234")
    assert git_revision(tmp_path) == "abc1234"
    assert git_revision(experiments) != "abc1234"
    assert load_settings()
