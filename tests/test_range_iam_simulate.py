"""IAM's policy simulator in the range, by boto3 and by the AWS CLI."""

import json

import pytest

from conftest import eventually
from iam_clients import ALL, account, group, iam, low_client, numbers, refused, role, user

A, B = "arn:aws:s3:::bucket/a", "arn:aws:s3:::bucket/b"


def policy(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more}, separators=(",", ":"))


def statement(action="s3:GetObject", resource="*", effect="Allow", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


ALLOW, DENY = policy(statement()), policy(statement(effect="Deny"))


def custom(iam, **input):
    """The result of the first action."""
    input = {"PolicyInputList": [ALLOW], "ActionNames": ["s3:GetObject"], **input}
    return iam.simulate_custom_policy(**input)["EvaluationResults"][0]


def bad(iam, message, code="InvalidInput", **input):
    input = {"PolicyInputList": [ALLOW], "ActionNames": ["s3:GetObject"], **input}
    refused(iam.simulate_custom_policy, code, message, 400, **input)


def matched(start, end, source="PolicyInputList.1", kind="IAM Policy"):
    (line, column), (last, after) = start, end
    return {
        "SourcePolicyId": source,
        "SourcePolicyType": kind,
        "StartPosition": {"Line": line, "Column": column},
        "EndPosition": {"Line": last, "Column": after},
    }


def test_one_result_an_action_and_one_for_each_resource(iam):
    assert custom(iam) == {
        "EvalActionName": "s3:GetObject",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MatchedStatements": [matched((1, 38), (1, 95))],
        "MissingContextValues": [],
    }
    only_a = custom(iam, PolicyInputList=[policy(statement(resource=A))], ResourceArns=[A, B])
    assert only_a["EvalDecision"] == "implicitDeny"
    assert only_a["EvalResourceName"] == "arn:aws:s3:::${BucketName}/${KeyName}"
    assert only_a["EvalDecisionDetails"] == {}
    first, second = only_a["ResourceSpecificResults"]
    assert (first["EvalResourceName"], first["EvalResourceDecision"]) == (A, "allowed")
    assert first["MatchedStatements"] == only_a["MatchedStatements"]
    assert second == {"EvalResourceName": B, "EvalResourceDecision": "implicitDeny"}
    one = custom(iam, ResourceArns=[A])
    assert one["EvalResourceName"] == A and len(one["ResourceSpecificResults"]) == 1
    answer = iam.simulate_custom_policy(PolicyInputList=[ALLOW], ActionNames=["s3:GetObject", "s3:GetObject", "s3:PutObject"])
    assert [r["EvalDecision"] for r in answer["EvaluationResults"]] == ["allowed", "allowed", "implicitDeny"]
    assert answer["IsTruncated"] is False


def test_statements_are_told_by_their_place_in_the_document(iam):
    two = policy(statement(Sid="First"), statement(effect="Deny", Sid="Second"))
    end_of_first = two.index("},{") + 2
    denied = custom(iam, PolicyInputList=[two])
    assert denied["MatchedStatements"] == [matched((1, end_of_first), (1, two.index("}]") + 2))]
    lines = json.dumps({"Version": "2012-10-17", "Statement": [statement()]}, indent=2)
    for text in (lines, lines.replace("\n", "\r\n")):
        assert custom(iam, PolicyInputList=[ALLOW, text])["MatchedStatements"][1] == matched((3, 17), (8, 6), "PolicyInputList.2")
    alone = json.dumps({"Version": "2012-10-17", "Statement": statement()}, separators=(",", ":"))
    assert custom(iam, PolicyInputList=[alone])["MatchedStatements"] == [matched((1, 38), (1, 94))]


def test_the_same_by_the_cli(range):
    done = range.cli(
        *("iam", "simulate-custom-policy", "--action-names", "dynamodb:CreateBackup", "--policy-input-list"),
        policy(statement("dynamodb:*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2018-08-16T12:00:00Z"}})),
        *("--context-entries", "ContextKeyName='aws:CurrentTime',ContextKeyValues='2019-04-25T11:00:00Z',ContextKeyType=date"),
    )
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["EvaluationResults"]
    assert (result["EvalDecision"], result["EvalResourceName"]) == ("allowed", "*")
    wrong = range.cli("iam", "simulate-custom-policy", "--action-names", "GetObject", "--policy-input-list", ALLOW)
    assert wrong.returncode != 0
    assert "(InvalidInput) when calling the SimulateCustomPolicy operation: The action is invalid since it is missing names" in wrong.stderr


def test_boundaries(iam):
    for boundary, decision in ((ALLOW, "allowed"), (policy(statement("s3:PutObject")), "implicitDeny"), (DENY, "explicitDeny")):
        result = custom(iam, PermissionsBoundaryPolicyInputList=[boundary], ResourceArns=[A, B])
        detail = {"AllowedByPermissionsBoundary": decision == "allowed"}
        assert (result["EvalDecision"], result["PermissionsBoundaryDecisionDetail"]) == (decision, detail)
        assert [r["PermissionsBoundaryDecisionDetail"] for r in result["ResourceSpecificResults"]] == [detail, detail]
    kind, source = "Permissions Boundary Policy", "PermissionsBoundaryPolicyInputList.1"
    assert result["MatchedStatements"] == [matched((1, 38), (1, 94), source, kind)]
    bad(iam, "The list of Permissions Boundary policies cannot exceed 1 items.", PermissionsBoundaryPolicyInputList=[ALLOW, ALLOW])


def test_missing_context_values(iam):
    condition = {"StringEquals": {"stack:key": "yes"}}
    for one in (statement(Condition=condition), statement("s3:PutObject", Condition=condition), statement(effect="Deny", Condition=condition)):
        result = custom(iam, PolicyInputList=[policy(one)], ResourceArns=[A])
        assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["stack:key"])
        assert result["ResourceSpecificResults"][0]["MissingContextValues"] == ["stack:key"]
    assert custom(iam, PolicyInputList=[ALLOW, policy(one)])["MissingContextValues"] == []
    variable = policy(statement(resource="arn:aws:s3:::bucket/${aws:username}"))
    assert custom(iam, PolicyInputList=[variable], ResourceArns=[A])["MissingContextValues"] == ["aws:username"]
    caller = {"CallerArn": "arn:aws:iam::123456789012:user/team/a"}
    assert custom(iam, PolicyInputList=[variable], ResourceArns=[A], **caller)["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    "kind, values, operator, value",
    [
        ("string", ["x"], "StringEquals", "x"),
        ("stringList", ["x", "y"], "ForAllValues:StringEquals", ["x", "y", "z"]),
        ("numeric", ["1e2"], "NumericEquals", "100"),
        ("numericList", ["1", "2"], "ForAnyValue:NumericEquals", "2"),
        ("boolean", ["TRUE"], "Bool", "true"),
        ("booleanList", ["yes", "true"], "ForAnyValue:Bool", "true"),
        ("ip", ["192.0.2.7"], "IpAddress", "192.0.2.0/24"),
        ("ipList", ["2001:db8::1"], "ForAllValues:IpAddress", "2001:db8::/32"),
        ("binary", ["aGk="], "BinaryEquals", "aGk="),
        ("binaryList", ["aGk=", "eW8="], "ForAnyValue:BinaryEquals", "eW8="),
        ("date", ["2035-01-01"], "DateGreaterThan", "2034-12-31T00:00:00Z"),
        ("dateList", ["2035-01-01", "2036-01-01"], "ForAllValues:DateGreaterThan", "2034-12-31T00:00:00Z"),
    ],
)
def test_context_of_every_type(iam, kind, values, operator, value):
    entry = {"ContextKeyName": "stack:key", "ContextKeyType": kind, "ContextKeyValues": values}
    document = policy(statement(Condition={operator: {"stack:key": value}}))
    assert custom(iam, PolicyInputList=[document], ContextEntries=[entry])["EvalDecision"] == "allowed"


def test_context_that_is_wrong(iam):
    def entry(**more):
        return {"ContextKeyName": "stack:key", "ContextKeyType": "string", "ContextKeyValues": ["x"], **more}

    form = "Invalid context value for key stack:key: expected {}."
    for wrong, message in (
        (entry(ContextKeyValues=["x", "y"]), "Context key string expected a single value, but received 2."),
        (entry(ContextKeyType="numeric"), form.format("numeric format")),
        (entry(ContextKeyType="date"), form.format("DateTime format")),
        (entry(ContextKeyType="ip"), form.format("IP address")),
        (entry(ContextKeyType="binary", ContextKeyValues=["!"]), form.format("base-64 encoded binary format")),
        ({"ContextKeyName": "stack:key", "ContextKeyValues": ["x"]}, "Context key stack:key has invalid type null."),
        ({"ContextKeyName": "stack:key", "ContextKeyType": "string"}, "Context values for context key stack:key cannot be null or empty."),
        ({"ContextKeyType": "string", "ContextKeyValues": ["x"]}, "ContextKeyName cannot be null or empty."),
    ):
        bad(iam, message, ContextEntries=[wrong])
    bad(iam, "Duplicate context key: STACK:KEY.", ContextEntries=[entry(), entry(ContextKeyName="STACK:KEY")])
    kinds = "[binary, ipList, booleanList, ip, boolean, numericList, dateList, numeric, date, stringList, string, binaryList]"
    told = refused(iam.simulate_custom_policy, "ValidationError", status=400, PolicyInputList=[ALLOW], ActionNames=["s3:GetObject"],
                   ContextEntries=[entry(ContextKeyType="unknown")])
    assert "failed to satisfy constraint: Member must satisfy enum value set: [" in told
    assert set(told.split("set: ")[1][1:-1].split(", ")) == set(kinds[1:-1].split(", "))


def test_policies_actions_and_resources_that_are_wrong(iam):
    bad(iam, "Policy input list item 1 has invalid content", PolicyInputList=["{"])
    bad(iam, "Policy input list item 2 has invalid content", PolicyInputList=[ALLOW, '{"Version":"2099-01-01","Statement":[]}'])
    bad(iam, "ResourceNames are not in a valid ARN format: not-an-arn.", ResourceArns=["not-an-arn"])
    bad(iam, "ResourceNames are not in a valid ARN format: *.", ResourceArns=[A, "*"])
    different = "Invalid Input Actions: [s3:GetObject] and [made:Up] require different authorization information."
    bad(iam, different, ActionNames=["s3:GetObject", "made:Up"], ResourceArns=[A])
    bad(iam, "Invalid marker for pagination.", Marker="not-a-marker")
    told = "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"
    bad(iam, told, "ValidationError", MaxItems=1001)
    # What there is not is no error, and neither is an empty list.
    for action in ("s3:*", "made:Up", "s3:MadeUp", "s3:"):
        assert custom(iam, ActionNames=[action])["EvalDecision"] == "implicitDeny"
    assert custom(iam, PolicyInputList=[])["EvalDecision"] == "implicitDeny"
    assert custom(iam, ResourceArns=["arn:aws:iam::123456789012:user/a"])["EvalDecision"] == "implicitDeny"


def test_scenarios(iam):
    instance = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
    run = {"PolicyInputList": [ALL], "ActionNames": ["ec2:RunInstances"], "ResourceArns": [instance]}
    assert custom(iam, **run, ResourceHandlingOption="EC2-VPC-EBS-Subnet")["EvalDecision"] == "allowed"
    told = "Invalid input resource handling options. Action does not support resource handling options: {}."
    bad(iam, told.format("ec2:RunInstances"), **run, ResourceHandlingOption="fictional")
    bad(iam, told.format("s3:GetObject"), ResourceArns=[A], ResourceHandlingOption="EC2-VPC-EBS")


def test_resource_policies(iam, account):
    caller = f"arn:aws:iam::{account}:user/anna"

    def ask(principal, effect="Allow", **more):
        own = policy(statement(resource="arn:aws:s3:::bucket/*", effect=effect, Principal={"AWS": principal}))
        return custom(iam, **{"PolicyInputList": [], "ResourceArns": [A], "CallerArn": caller, "ResourcePolicy": own, **more})

    for principal in (caller, f"arn:aws:iam::{account}:root"):
        allowed = ask(principal)
        assert (allowed["EvalDecision"], allowed["EvalDecisionDetails"]) == ("allowed", {})
        assert [(m["SourcePolicyId"], m["SourcePolicyType"]) for m in allowed["MatchedStatements"]] == [("ResourcePolicy", "Resource Policy")]
    assert ask("arn:aws:iam::999999999999:root")["EvalDecision"] == "implicitDeny"
    assert ask(caller, "Deny", PolicyInputList=[ALLOW])["EvalDecision"] == "explicitDeny"
    other = {"ResourceOwner": "arn:aws:iam::999999999999:root"}
    for identity, decision in (([], "implicitDeny"), ([ALLOW], "allowed")):
        result = ask(caller, PolicyInputList=identity, **other)
        assert result["EvalDecision"] == decision
        assert result["EvalDecisionDetails"] == {"IAM Policy": decision, "Resource Policy": "allowed"}
        assert result["ResourceSpecificResults"][0]["EvalDecisionDetails"] == result["EvalDecisionDetails"]
    limited = ask(caller, PolicyInputList=[ALLOW], PermissionsBoundaryPolicyInputList=[DENY], **other)
    assert limited["EvalDecisionDetails"]["Permissions Boundary Policy"] == "explicitDeny"

    own = policy(statement(resource="arn:aws:s3:::bucket/*", Principal={"AWS": caller}))
    bad(iam, "Invalid caller - Caller cannot be null or empty.", ResourceArns=[A], ResourcePolicy=own)
    bad(iam, "Invalid Entity Arn: * does not clearly define entity type and name.", CallerArn=caller, ResourcePolicy=own)
    wide = policy(statement(Principal={"AWS": caller}))
    bad(iam, "ResourceNames are not in a valid ARN format: *.", CallerArn=caller, ResourceArns=[A], ResourcePolicy=wide)
    bad(iam, "'123456789012' is not a valid as a Resource Owner.", ResourceOwner="123456789012")
    for wrong in (f"arn:aws:sts::{account}:assumed-role/app/s", f"arn:aws:iam::{account}:root"):
        bad(iam, "Invalid caller - Caller must be an IAM user, role or group in this context.", CallerArn=wrong)


def test_organizations_given_with_the_call(iam):
    def ask(*levels):
        return custom(iam, OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": level} for level in levels])

    for levels, decision in (
        (([ALL], [ALL]), "allowed"),
        (([ALL], [DENY]), "explicitDeny"),
        (([ALL], [policy(statement("s3:PutObject"))]), "implicitDeny"),
    ):
        result = ask(*levels)
        assert result["EvalDecision"] == decision
        assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": decision == "allowed"}
    told = "Organization policy at index 2 must contain at least one service control policy"
    bad(iam, told, OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [ALL]}, {"ServiceControlPolicyInputList": []}])


def test_pages_hold_actions(range, iam):
    input = {"PolicyInputList": [ALL], "ActionNames": ["s3:PutObject", "iam:GetUser", "s3:GetObject"], "ResourceArns": [A, B]}
    first = iam.simulate_custom_policy(**input, MaxItems=1)
    assert [len(r["ResourceSpecificResults"]) for r in first["EvaluationResults"]] == [2] and first["IsTruncated"]
    pages = iam.get_paginator("simulate_custom_policy").paginate(**input, PaginationConfig={"PageSize": 1})
    assert [r["EvalActionName"] for page in pages for r in page["EvaluationResults"]] == input["ActionNames"]


@pytest.fixture
def anna(iam, user, group, account):
    """A user with an inline policy, one of a group, and one of AWS's; hands back its ARN."""
    iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy(statement(resource=A)))
    iam.put_group_policy(GroupName=group, PolicyName="shared", PolicyDocument=policy(statement("s3:PutObject", B)))
    iam.add_user_to_group(UserName=user, GroupName=group)
    iam.attach_user_policy(UserName=user, PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    return f"arn:aws:iam::{account}:user/{user}"


def test_the_policies_of_a_user_and_what_is_left_out(iam, user, group, anna):
    queue = "arn:aws:sqs:us-east-1:123456789012:queue"

    def ask(**more):
        resources = {"s3:GetObject": A, "s3:PutObject": B, "sqs:GetQueueUrl": queue}
        told = []
        for action, resource in resources.items():
            answer = iam.simulate_principal_policy(PolicySourceArn=anna, ActionNames=[action], ResourceArns=[resource], **more)
            result = answer["EvaluationResults"][0]
            assert (result["EvalDecision"] == "allowed") == bool(result["MatchedStatements"])
            told.append([m["SourcePolicyId"] for m in result["MatchedStatements"]])
        return told

    own, shared, managed = [f"user_{user}_own"], [f"group_{group}_shared"], ["AmazonSQSReadOnlyAccess"]
    assert ask() == [own, shared, managed]
    assert ask(PolicyExclusionList=[{"PolicyType": "inline"}]) == [[], [], managed]
    assert ask(PolicyExclusionList=[{"PolicyType": "aws-managed"}, {"PolicyType": "rcp"}]) == [own, shared, []]
    assert ask(PolicyExclusionList=[{"PolicyArn": "arn:aws:iam::aws:policy/AmazonSQS*"}]) == [own, shared, []]
    inline = {"PolicyName": "shared", "AttachmentType": "group", "AttachmentName": group[:-1] + "?"}
    assert ask(PolicyExclusionList=[{"InlinePolicyIdentifier": inline}]) == [own, [], managed]
    more = ask(PolicyInputList=[policy(statement("s3:*"))], PolicyExclusionList=[{"PolicyType": "inline"}])
    assert more == [["PolicyInputList.1"], ["PolicyInputList.1"], managed]
    for wrong in ({"PolicyArn": "arn:aws:iam::*:policy/x"}, {"PolicyArn": "arn:aws:iam::aws:policy/*x*"},
                  {"PolicyType": "inline", "PolicyArn": "arn:aws:iam::aws:policy/x"}):
        refused(iam.simulate_principal_policy, "InvalidInput", status=400, PolicySourceArn=anna, ActionNames=["s3:GetObject"],
                PolicyExclusionList=[wrong])


def test_another_caller_with_a_users_policies(iam, anna, account):
    named = policy(statement("s3:DeleteObject", Condition={"StringEquals": {"aws:username": "bob"}}))
    input = {"PolicySourceArn": anna, "PolicyInputList": [named], "ActionNames": ["s3:DeleteObject"]}
    as_anna = iam.simulate_principal_policy(**input)["EvaluationResults"][0]
    as_bob = iam.simulate_principal_policy(**input, CallerArn=f"arn:aws:iam::{account}:user/bob")["EvaluationResults"][0]
    assert (as_anna["EvalDecision"], as_bob["EvalDecision"]) == ("implicitDeny", "allowed")


def test_the_boundary_of_a_user(iam, user, anna):
    name = f"limit-{next(numbers)}"
    limit = iam.create_policy(PolicyName=name, PolicyDocument=policy(statement("s3:PutObject")))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=limit)

    def ask(**more):
        answer = iam.simulate_principal_policy(PolicySourceArn=anna, ActionNames=["s3:GetObject"], ResourceArns=[A], **more)
        return answer["EvaluationResults"][0]

    assert ask()["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert ask(PermissionsBoundaryPolicyInputList=[ALLOW])["EvalDecision"] == "allowed"
    without = ask(PolicyExclusionList=[{"PolicyType": "permission-boundary"}])
    assert without["EvalDecision"] == "allowed" and "PermissionsBoundaryDecisionDetail" not in without


def test_groups_and_roles(iam, group, role, account):
    iam.put_group_policy(GroupName=group, PolicyName="shared", PolicyDocument=ALLOW)
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=ALLOW)
    for kind, name, own in (("group", group, "shared"), ("role", role, "own")):
        source = f"arn:aws:iam::{account}:{kind}/whatever/path/{name}"
        (result,) = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["s3:GetObject"])["EvaluationResults"]
        assert [m["SourcePolicyId"] for m in result["MatchedStatements"]] == [f"{kind}_{name}_{own}"]


def test_sources_that_are_none(iam, account):
    def ask(code, message, status, source):
        refused(iam.simulate_principal_policy, code, message, status, PolicySourceArn=source, ActionNames=["s3:GetObject"])

    for kind in ("user", "group", "role"):
        ask("NoSuchEntity", "Unable to retrieve specified IAM entity.", 404, f"arn:aws:iam::{account}:{kind}/nobody")
    for wrong in (f"arn:aws:iam::{account}:root", f"arn:aws:sts::{account}:assumed-role/app/session", "not-an-arn-but-long-enough"):
        ask("InvalidInput", f"Invalid ARN provided in the request: {wrong}", 400, wrong)
    told = f"Invalid Policy Source Arn: caller's account {account} does not have access to policies in account 999999999999."
    ask("InvalidInput", told, 400, "arn:aws:iam::999999999999:user/anna")
    missing = refused(iam.simulate_principal_policy, "ValidationError", status=400, PolicySourceArn=f"arn:aws:iam::{account}:user/a")
    assert "actionNames" in missing


def test_the_simulator_needs_its_permission(range, iam, anna):
    low = low_client(range, iam, f"low-{next(numbers)}")
    told = refused(low.simulate_principal_policy, "AccessDenied", status=403, PolicySourceArn=anna, ActionNames=["s3:GetObject"])
    assert f"is not authorized to perform: iam:SimulatePrincipalPolicy on resource: {anna}" in told
    refused(low.simulate_custom_policy, "AccessDenied", status=403, PolicyInputList=[ALLOW], ActionNames=["s3:GetObject"])
    refused(low.get_context_keys_for_custom_policy, "AccessDenied", status=403, PolicyInputList=[ALLOW])
    only = low_client(range, iam, f"low-{next(numbers)}", "iam", statement("iam:SimulatePrincipalPolicy", anna))
    assert only.simulate_principal_policy(PolicySourceArn=anna, ActionNames=["s3:GetObject"], ResourceArns=[A])["EvaluationResults"]
    other = anna.replace("user/", "user/not-")
    refused(only.simulate_principal_policy, "AccessDenied", status=403, PolicySourceArn=other, ActionNames=["s3:GetObject"])


def test_context_keys(range, iam, user, anna):
    keyed = policy(statement(resource="arn:aws:s3:::${aws:PrincipalTag/team, 'x'}/*", Condition={"Bool": {"aws:SecureTransport": "true"}}))
    iam.put_user_policy(UserName=user, PolicyName="keyed", PolicyDocument=keyed)
    keys = ["aws:PrincipalTag/team", "aws:SecureTransport"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[keyed])["ContextKeyNames"] == keys
    assert iam.get_context_keys_for_principal_policy(PolicySourceArn=anna)["ContextKeyNames"] == keys
    more = policy(statement(Condition={"StringEquals": {"s3:prefix": "x"}}))
    told = iam.get_context_keys_for_principal_policy(PolicySourceArn=anna, PolicyInputList=[more])["ContextKeyNames"]
    assert told == [*keys, "s3:prefix"]
    refused(iam.get_context_keys_for_custom_policy, "InvalidInput", "Policy input list item 1 has invalid content", 400, PolicyInputList=["{"])
    refused(iam.get_context_keys_for_principal_policy, "NoSuchEntity", status=404, PolicySourceArn=anna + "x")
    done = range.cli("iam", "get-context-keys-for-custom-policy", "--policy-input-list", keyed)
    assert done.returncode == 0 and json.loads(done.stdout)["ContextKeyNames"] == keys, done.stderr


def test_what_an_organisation_stops(range):
    """Last: it makes an organisation of the range's account."""
    organizations = range.client("organizations")
    organizations.create_organization()
    request = organizations.create_account(AccountName="member", Email="member@example.com")["CreateAccountStatus"]["Id"]
    member = eventually(
        lambda: organizations.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"].get("AccountId")
    )
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    scp = organizations.create_policy(Name="no-reading", Description="", Type="SERVICE_CONTROL_POLICY", Content=DENY)
    organizations.attach_policy(PolicyId=scp["Policy"]["PolicySummary"]["Id"], TargetId=member)
    session = range.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole", RoleSessionName="audit"
    )["Credentials"]
    iam = range.client("iam", session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    source = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"

    def ask(**more):
        input = {"PolicySourceArn": source, "ActionNames": ["s3:GetObject", "s3:PutObject"], **more}
        results = iam.simulate_principal_policy(**input)["EvaluationResults"]
        return [(r["EvalDecision"], r.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations")) for r in results]

    assert ask() == [("explicitDeny", False), ("allowed", True)]
    assert ask(PolicyExclusionList=[{"PolicyType": "scp"}]) == [("allowed", None), ("allowed", None)]
