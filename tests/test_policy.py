"""`stockade policy simulate`: the command as a user meets it."""

import copy
import json

import pytest

from conftest import run

ANNA = "arn:aws:iam::111122223333:user/anna"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def policy(effect="Allow", action="*", resource="*", **more):
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


def case(principal=ANNA, action="s3:GetObject", resource="arn:aws:s3:::b/k", account="111122223333", context=None, **more):
    request = {"principal": principal, "action": action, "resource": {"resource": resource, "accountId": account}}
    if context is not None:
        request["context"] = context
    return {"name": "asked", "request": request, **more}


def simulate(cases, status=0):
    answer = run("policy", "simulate", "-", input=cases if isinstance(cases, str) else json.dumps(cases))
    assert answer.returncode == status, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


def decision(asked):
    (answer,) = simulate(asked)
    assert set(answer) == {"name", "decision", "decidedBy", "statements", "explanation"}
    return answer["decision"], answer["decidedBy"]


def test_a_file_of_cases_is_answered_a_line_each(tmp_path):
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([case(identityPolicies=[ALL]), {**case(), "name": None}]))
    answer = run("policy", "simulate", file)
    assert answer.returncode == 0, answer.stderr
    first, second = map(json.loads, answer.stdout.splitlines())
    assert first == {
        "name": "asked",
        "decision": "Allowed",
        "decidedBy": "identity-based policy",
        "statements": [{"policy": "identityPolicies[0]", "type": "identity-based policy", "sid": None, "index": 0}],
        "explanation": "allowed by identity-based policy identityPolicies[0]",
    }
    assert (second["name"], second["decision"], second["statements"]) == (None, "ImplicitlyDenied", [])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (case(), ("ImplicitlyDenied", "identity-based policy")),
        (case(identityPolicies=[ALL, policy("Deny", "s3:*")]), ("ExplicitlyDenied", "identity-based policy")),
        (case(identityPolicies=[{"name": "n", "policy": ALL}]), ("Allowed", "identity-based policy")),
        (case(identityPolicies=[ALL], permissionBoundaries=[policy(action="ec2:*")]), ("ImplicitlyDenied", "permissions boundary")),
        (case(identityPolicies=[ALL], permissionBoundaries=[]), ("Allowed", "identity-based policy")),
        (case(identityPolicies=[ALL], serviceControlPolicies=[{"orgIdentifier": "r", "policies": []}]), ("ImplicitlyDenied", "service control policy")),
        (case(identityPolicies=[ALL], serviceControlPolicies=[]), ("Allowed", "identity-based policy")),
        (case(identityPolicies=[ALL], resourceControlPolicies=[{"orgIdentifier": "r", "policies": []}]), ("Allowed", "identity-based policy")),
        (
            case(identityPolicies=[ALL], resourceControlPolicies=[{"orgIdentifier": "r", "policies": [policy("Deny", Principal="*")]}]),
            ("ExplicitlyDenied", "resource control policy"),
        ),
        (case(identityPolicies=[ALL], endpointPolicies=[policy(action="ec2:*")]), ("ImplicitlyDenied", "VPC endpoint policy")),
        (
            case("arn:aws:sts::111122223333:assumed-role/app/i-1", identityPolicies=[ALL], sessionPolicy=policy(action="ec2:*")),
            ("ImplicitlyDenied", "session policy"),
        ),
        (case(account="444455556666", identityPolicies=[ALL]), ("ImplicitlyDenied", "resource-based policy")),
        (case({"type": "Anonymous"}, resourcePolicy=policy(Principal="*")), ("Allowed", "resource-based policy")),
        (case("lambda.amazonaws.com", resourcePolicy=policy(Principal={"Service": "lambda.amazonaws.com"})), ("Allowed", "resource-based policy")),
        (case(identityPolicies=[policy(Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "b"}})], context={"aws:TagKeys": ["a", "b"]}), ("Allowed", "identity-based policy")),
        (case(identityPolicies=[policy(Condition={"NumericLessThan": {"s3:max-keys": 10}})], context={"s3:max-keys": 5}), ("Allowed", "identity-based policy")),
        (case(action="kms:Decrypt", resource="arn:aws:kms:eu-west-1:111122223333:key/1", identityPolicies=[ALL]), ("ImplicitlyDenied", "resource-based policy")),
        (case(action="sts:AssumeRole", resource="arn:aws:iam::111122223333:role/app", identityPolicies=[ALL]), ("ImplicitlyDenied", "role trust policy")),
        (case(action="sts:GetCallerIdentity", resource="*", identityPolicies=[policy("Deny")]), ("Allowed", None)),
        (case("arn:aws:iam::111122223333:root"), ("Allowed", None)),
        (case(identityPolicies=[ALL], expected={"response": "Denied"}, simulation={"mode": "x"}), ("Allowed", "identity-based policy")),
    ],
)
def test_every_kind_of_policy_has_its_say(asked, expected):
    assert decision(asked) == expected


def test_a_star_means_some_resource_unless_the_action_has_none():
    asked = case(resource="*", identityPolicies=[policy(resource="arn:aws:s3:::b/*")])
    assert decision(asked)[0] == "Allowed"
    asked["request"]["wildcardOnlyAction"] = True
    assert decision(asked)[0] == "ImplicitlyDenied"


def test_what_is_wrong_with_a_case_is_told_and_the_others_are_decided():
    good = case(identityPolicies=[ALL])
    bad = [
        ([], "a case must be an object"),
        ({"name": "asked"}, "request is missing"),
        (case(principal="anna"), "request.principal"),
        (case(principal={"type": "User"}), "request.principal"),
        (case(action="GetObject"), "request.action"),
        (case(resource="bucket"), "request.resource.resource"),
        (case(context={"k": {"a": 1}}), "request.context.k"),
        (case(identityPolicies=ALL), "identityPolicies must be a list"),
        (case(identityPolicies=[{"Statement": [{"Effect": "Allow"}]}]), "Policy statement must contain actions."),
        (case(identityPolicies=[policy(Extra=1)]), "identityPolicies[0]: Syntax errors in policy. (statement 1: there is no element Extra"),
        (case(identityPolicies=[policy(Condition={"StringSame": {"a": "b"}})]), "there is no condition operator StringSame"),
        (case(resourcePolicy="x"), "resourcePolicy: Syntax errors in policy."),
        (case(serviceControlPolicies=[ALL]), "serviceControlPolicies[0]: a level must be"),
    ]
    answers = simulate([good, *(asked for asked, _ in bad), good], status=3)
    assert len(answers) == len(bad) + 2
    assert answers[0]["decision"] == answers[-1]["decision"] == "Allowed"
    for (asked, error), answer in zip(bad, answers[1:]):
        assert error in answer["error"], asked
        assert "decision" not in answer


@pytest.mark.parametrize("text", ["", "   ", "[]", "{", "x", '{"name": 1} trailing', "\x00"])
def test_input_without_cases_is_refused(text):
    answer = run("policy", "simulate", "-", input=text)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith("stockade: -: ")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    answer = run("policy", "simulate", tmp_path / "none.json")
    assert answer.returncode == 2
    assert "none.json: No such file" in answer.stderr


def test_cases_may_come_one_after_the_other():
    one = json.dumps(case(identityPolicies=[ALL]))
    assert [answer["decision"] for answer in simulate(f"\ufeff{one}\n{one}\n")] == ["Allowed", "Allowed"]


def test_hostile_cases_end_soon():
    wild = "arn:aws:s3:::" + "*a" * 500 + "b"
    asked = case(resource="arn:aws:s3:::" + "a" * 3000, identityPolicies=[policy(resource=wild)] * 5)
    pattern = copy.deepcopy(asked)
    pattern["request"]["resource"]["resource"] = "arn:aws:s3:::" + "a*" * 500
    deep = "[" * 100_000
    assert [answer["decision"] for answer in simulate([asked, pattern])] == ["ImplicitlyDenied", "Allowed"]
    assert run("policy", "simulate", "-", input=deep).returncode == 2
