"""The main job, as a user runs it."""

import json
import re

from conftest import clean_env, run


def test_compromised_user_meets_every_criterion(tmp_path):
    page = tmp_path / "drill.html"
    played = run("drill", "compromised-user", "--json", "--html", page, env=clean_env(tmp_path), timeout=600)
    assert played.returncode == 0, played.stderr
    outcome = json.loads(played.stdout)
    assert [c for c in outcome["score"] if c["met"] != "met"] == []
    assert outcome["verdict"]["outcome"] == "contained"
    assert outcome["attacker"]["won_after"] == []
    assert outcome["attacker"]["before"]["done"] > 0, "an attack that does nothing proves nothing"

    text = page.read_text()
    references = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"'\s>)]*)""", text)
    assert references and all(reference.startswith("#") for reference in references), references
    assert "AdministratorAccess" in text and "deploy-bot" in text


def test_the_account_is_told_and_nothing_is_left_behind(tmp_path):
    played = run("drill", "compromised-user", "--seed", "7", env=clean_env(tmp_path), cwd=tmp_path, timeout=600)
    assert played.returncode == 0, played.stderr
    for phase in ["The attack", "Detection, from the delivered logs alone", "The verdict", "Recovery"]:
        assert phase in played.stdout
    assert "NOT MET" not in played.stdout and "unknown  " not in played.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_drill_that_is_not_there_is_named(tmp_path):
    played = run("drill", "leaked-lunch", env=clean_env(tmp_path))
    assert played.returncode == 2
    assert "compromised-user" in played.stderr and "panicked" not in played.stderr
