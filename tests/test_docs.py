"""The documentation does not rot: its links lead somewhere, and its commands are ones that the program knows."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, binary, run, start_range, stop

NOT_OURS = {"target", ".venv", ".git", ".cache", "node_modules", ".pytest_cache"}
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages():
    found = [page for page in ROOT.rglob("*.md") if not NOT_OURS & set(page.relative_to(ROOT).parts)]
    return sorted(found)


def named(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """The text without code: what stands in code is no link."""
    return INLINE.sub("", FENCE.sub("", page.read_text()))


def anchors(page):
    """The names that headings have as targets of links."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(page):
    """The links of a page that lead nowhere."""
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists():
            yield f"{target}: no such file"
        elif anchor and (there.suffix != ".md" or anchor not in anchors(there)):
            yield f"{target}: no such heading"


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_link_leads_somewhere(page):
    assert list(broken(page)) == []


def test_a_broken_link_is_noticed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](#none) [c](none.md) [d](https://example.com) `[e](none.md)`\n")
    assert list(broken(page)) == ["#none: no such heading", "none.md: no such file"]


def words(line):
    """The words of a shell line without its comment; none where it is no shell."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split = True
        return list(lexer)
    except ValueError:
        return []


def arguments(line):
    """The program's arguments in a shell line, for each time that it is called there."""
    call = []
    for word in [*words(line), ";"]:
        if not re.fullmatch(r"[|&;<>()]+", word):
            call.append(word)
            continue
        if call[:1] == ["stockade"]:
            yield call[1:]
        elif call[:2] == ["cargo", "run"] and "--" in call:
            yield call[call.index("--") + 1 :]
        call = []


def commands():
    """Every call of the program that a page shows, in code blocks and in running text, once."""
    found = {}
    for page in pages():
        # What was true of an old version may stay in the change log.
        if page.name == "CHANGELOG.md":
            continue
        text = page.read_text()
        blocks = [body.replace("\\\n", " ") for language, body in FENCE.findall(text) if language == "sh"]
        spans = [span for span in INLINE.findall(FENCE.sub("", text)) if "<" not in span]
        for line in [*"\n".join(blocks).splitlines(), *spans]:
            for call in arguments(line):
                if call:
                    name = f"{named(page)}: {shlex.join(call)}"
                    found[name] = pytest.param(call, id=name)
    return list(found.values())


def refused(call):
    """Why the program does not take these arguments; none if it does. With `--help` at the end it reads them and does nothing."""
    answer = run(*call, "--help", timeout=30)
    if answer.returncode == 0:
        return None
    # A word in capitals stands for a value that the reader has.
    if re.search(r"invalid value '[A-Z][A-Z-]*…?'", answer.stderr):
        return None
    return answer.stderr


@pytest.mark.parametrize("call", commands())
def test_every_command_is_one_that_the_program_takes(call):
    assert refused(call) is None


def test_a_command_that_there_is_not_is_noticed():
    assert refused(["hunt", "PATH"]) is None
    for wrong in (["haunt", "PATH"], ["hunt", "--no-such-option", "PATH"], ["hunt", "--format", "prose", "PATH"]):
        assert refused(wrong), wrong


def test_calls_are_found_in_shell_lines():
    assert list(arguments("aws x | stockade hunt - && stockade range  # stockade no")) == [["hunt", "-"], ["range"]]
    assert list(arguments("cargo run --release -- drill compromised-user   # all")) == [["drill", "compromised-user"]]
    assert list(arguments("see stockade hunt")) == []


def test_there_are_pages_with_links_and_commands():
    assert Path(ROOT / "README.md") in pages()
    assert len(commands()) > 10


# The guide of the range, followed to the letter


def shell_of(page, *, but):
    """The shell blocks of a page as one script, without those that start what is running already."""
    blocks = [body for language, body in FENCE.findall(page.read_text()) if language == "sh"]
    return "\n".join(block for block in blocks if not block.startswith(but))


def test_the_range_guide_does_what_it_says(tmp_path):
    guide = ROOT / "docs" / "guides" / "range.md"
    cloud = start_range(tmp_path, "--trail-delay", "1s")
    try:
        script = shell_of(guide, but=("stockade range", "export AWS_"))
        # The port is another, and nobody waits ten seconds.
        script = script.replace("http://127.0.0.1:4566", cloud.endpoint).replace("sleep 15", "sleep 4")
        env = cloud.env()
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), str(binary().parent), env["PATH"]])
        home = tmp_path / "work"
        home.mkdir()
        done = subprocess.run(["bash", "-c", script], env=env, cwd=home, capture_output=True, text=True, timeout=120)
        said, complained = done.stdout, done.stderr
        shown = " ".join(guide.read_text().split("An error occurred", 1)[1].split("```", 1)[0].split())
        assert f"An error occurred {shown}" in " ".join(complained.split()), complained
        # Nothing else that the guide shows is refused or misspelt.
        assert complained.count("An error occurred") == 2, complained
        assert "command not found" not in complained and "usage:" not in complained, complained
        record = next(line for line in said.splitlines() if '"errorCode"' in line)
        assert json.loads(record)["userIdentity"]["userName"] == "anna"
        assert "mallory" in said or "CreateUser" in said, said
        assert list((home / "logs").rglob("*.json.gz"))
        assert '"status":"running"' in said.replace(" ", "") or '"now"' in said
        assert "data@example.com" in said
    finally:
        stop(cloud.process)
