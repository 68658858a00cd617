//! The simulator, asked without the wire.

use serde_json::{Value, json};

use super::super::bench::{ACCOUNT, ALL, Cloud};

const A: &str = "arn:aws:s3:::bucket/a";
const B: &str = "arn:aws:s3:::bucket/b";

fn statement(effect: &str, action: &str, resource: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]})
        .to_string()
}

fn custom(input: Value) -> Value {
    let mut all = json!({"PolicyInputList": [ALL], "ActionNames": ["s3:GetObject"]});
    let given = input.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(given);
    let answer = Cloud::new().iam("SimulateCustomPolicy", all).unwrap();
    answer["EvaluationResults"][0].clone()
}

fn refused(input: Value) -> String {
    let mut all = json!({"PolicyInputList": [ALL], "ActionNames": ["s3:GetObject"]});
    let given = input.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(given);
    let (code, message) = Cloud::new().refused("SimulateCustomPolicy", all);
    assert_eq!(code, "InvalidInput");
    message
}

#[test]
fn an_action_has_one_result_and_each_resource_its_own() {
    let allow = statement("Allow", "s3:GetObject", A);
    let result = custom(json!({"PolicyInputList": [allow], "ResourceArns": [A, B]}));
    let matched = json!([{
        "SourcePolicyId": "PolicyInputList.1", "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 1, "Column": 15}, "EndPosition": {"Line": 1, "Column": allow.find("}]").unwrap() + 2},
    }]);
    // `serde_json` sorts members: the list of statements comes first.
    assert!(allow.starts_with(r#"{"Statement":[{"#), "{allow}");
    assert_eq!(
        result,
        json!({
            "EvalActionName": "s3:GetObject",
            "EvalResourceName": "arn:aws:s3:::${BucketName}/${KeyName}",
            "EvalDecision": "implicitDeny",
            "MatchedStatements": matched,
            "MissingContextValues": [],
            "EvalDecisionDetails": {},
            "ResourceSpecificResults": [
                {"EvalResourceName": A, "EvalResourceDecision": "allowed", "MatchedStatements": matched},
                {"EvalResourceName": B, "EvalResourceDecision": "implicitDeny"},
            ],
        })
    );
    let result = custom(json!({}));
    assert_eq!(result["EvalResourceName"], "*");
    for absent in [
        "EvalDecisionDetails",
        "ResourceSpecificResults",
        "OrganizationsDecisionDetail",
    ] {
        assert_eq!(result.get(absent), None, "{absent}");
    }
    let denied = statement("Deny", "s3:GetObject", B);
    let result = custom(json!({"PolicyInputList": [ALL, denied], "ResourceArns": [A, B]}));
    assert_eq!(result["EvalDecision"], "explicitDeny");
    let ids: Vec<_> = result["MatchedStatements"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0]["SourcePolicyId"], "PolicyInputList.2");
}

#[test]
fn a_boundary_limits_and_is_told_where_it_denies() {
    let put = statement("Allow", "s3:PutObject", "*");
    let deny = statement("Deny", "s3:GetObject", "*");
    let result = custom(json!({"PermissionsBoundaryPolicyInputList": [put], "ResourceArns": [A]}));
    assert_eq!(result["EvalDecision"], "implicitDeny");
    assert_eq!(result["MatchedStatements"], json!([]));
    let no = json!({"AllowedByPermissionsBoundary": false});
    assert_eq!(result["PermissionsBoundaryDecisionDetail"], no);
    assert_eq!(
        result["ResourceSpecificResults"][0]["PermissionsBoundaryDecisionDetail"],
        no
    );
    let result = custom(json!({"PermissionsBoundaryPolicyInputList": [deny]}));
    assert_eq!(result["EvalDecision"], "explicitDeny");
    let matched = &result["MatchedStatements"][0];
    assert_eq!(matched["SourcePolicyType"], "Permissions Boundary Policy");
    assert_eq!(
        matched["SourcePolicyId"],
        "PermissionsBoundaryPolicyInputList.1"
    );
    assert_eq!(
        refused(json!({"PermissionsBoundaryPolicyInputList": [ALL, ALL]})),
        "The list of Permissions Boundary policies cannot exceed 1 items."
    );
}

#[test]
fn what_is_missing_is_told_of_what_is_not_allowed() {
    let with = |effect: &str, action: &str| {
        json!({"Version": "2012-10-17", "Statement": {"Effect": effect, "Action": action, "Resource": "arn:aws:s3:::b/${aws:username}",
            "Condition": {"StringEquals": {"stack:key": "yes"}}}})
        .to_string()
    };
    // Whether the statement speaks of the action is not asked.
    for policy in [with("Allow", "s3:GetObject"), with("Deny", "s3:PutObject")] {
        let result = custom(json!({"PolicyInputList": [policy.clone()], "ResourceArns": [A]}));
        assert_eq!(result["EvalDecision"], "implicitDeny");
        let keys = json!(["aws:username", "stack:key"]);
        assert_eq!(result["MissingContextValues"], keys);
        assert_eq!(
            result["ResourceSpecificResults"][0]["MissingContextValues"],
            keys
        );
        let allowed = custom(json!({"PolicyInputList": [policy, ALL]}));
        assert_eq!(allowed["MissingContextValues"], json!([]));
    }
    let entry = |name: &str| json!({"ContextKeyName": name, "ContextKeyValues": ["b"], "ContextKeyType": "string"});
    let result = custom(json!({"PolicyInputList": [with("Allow", "s3:GetObject")],
        "ContextEntries": [entry("STACK:key")]}));
    assert_eq!(result["MissingContextValues"], json!(["aws:username"]));
}

#[test]
fn a_resources_policy_within_the_account_and_across_accounts() {
    let caller = format!("arn:aws:iam::{ACCOUNT}:user/anna");
    let policy = |principal: &str, effect: &str| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Principal": {"AWS": principal}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}]})
            .to_string()
    };
    let ask = |identity: Value, policy: String, owner: Option<&str>, boundary: Value| {
        let owner = owner.map(|account| format!("arn:aws:iam::{account}:root"));
        let mut input = json!({"PolicyInputList": identity, "ResourceArns": [A], "CallerArn": caller, "ResourcePolicy": policy,
            "PermissionsBoundaryPolicyInputList": boundary});
        if let Some(owner) = owner {
            input["ResourceOwner"] = json!(owner);
        }
        custom(input)
    };
    let none = json!([]);
    let implicit = json!([statement("Allow", "s3:PutObject", "*")]);
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for principal in [&caller, &root] {
        let result = ask(
            none.clone(),
            policy(principal, "Allow"),
            None,
            implicit.clone(),
        );
        assert_eq!(result["EvalDecision"], "allowed");
        assert_eq!(
            result["MatchedStatements"][0]["SourcePolicyId"],
            "ResourcePolicy"
        );
        assert_eq!(
            result["MatchedStatements"][0]["SourcePolicyType"],
            "Resource Policy"
        );
        assert_eq!(result["EvalDecisionDetails"], json!({}));
    }
    let denied = ask(json!([ALL]), policy(&caller, "Deny"), None, none.clone());
    assert_eq!(denied["EvalDecision"], "explicitDeny");
    let abroad = ask(
        none.clone(),
        policy(&caller, "Allow"),
        Some("999999999999"),
        none.clone(),
    );
    assert_eq!(abroad["EvalDecision"], "implicitDeny");
    let details = json!({"IAM Policy": "implicitDeny", "Resource Policy": "allowed"});
    assert_eq!(abroad["EvalDecisionDetails"], details);
    assert_eq!(
        abroad["ResourceSpecificResults"][0]["EvalDecisionDetails"],
        details
    );
    let abroad = ask(
        json!([ALL]),
        policy(&caller, "Allow"),
        Some("999999999999"),
        implicit,
    );
    assert_eq!(abroad["EvalDecision"], "implicitDeny");
    assert_eq!(
        abroad["EvalDecisionDetails"]["Permissions Boundary Policy"],
        "implicitDeny"
    );
    let abroad = ask(
        json!([ALL]),
        policy(&caller, "Allow"),
        Some("999999999999"),
        none,
    );
    assert_eq!(abroad["EvalDecision"], "allowed");
}

#[test]
fn levels_of_an_organisation_that_stand_in_the_call() {
    let deny = statement("Deny", "s3:GetObject", "*");
    let put = statement("Allow", "s3:PutObject", "*");
    let ask = |levels: Vec<Vec<&str>>| {
        let levels: Vec<_> = levels
            .iter()
            .map(|level| json!({"ServiceControlPolicyInputList": level}))
            .collect();
        custom(json!({"OrderedOrganizationPolicyInputList": levels}))
    };
    for (levels, decision) in [
        (vec![vec![ALL], vec![ALL]], "allowed"),
        (vec![vec![ALL], vec![&deny]], "explicitDeny"),
        (vec![vec![ALL], vec![&put]], "implicitDeny"),
        (vec![vec![&deny, ALL], vec![ALL]], "explicitDeny"),
    ] {
        let result = ask(levels);
        assert_eq!(result["EvalDecision"], decision);
        let allowed = json!({"AllowedByOrganizations": decision == "allowed"});
        assert_eq!(result["OrganizationsDecisionDetail"], allowed);
        let matched = result["MatchedStatements"].as_array().unwrap();
        assert_eq!(matched.is_empty(), decision != "allowed");
    }
    assert_eq!(
        refused(
            json!({"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": []}]})
        ),
        "Organization policy at index 1 must contain at least one service control policy"
    );
}

#[test]
fn actions_and_resources_that_do_not_go_together() {
    let user = "arn:aws:iam::123456789012:user/anna";
    assert_eq!(
        custom(json!({"ResourceArns": [user]}))["EvalDecision"],
        "implicitDeny"
    );
    for (action, decision) in [
        ("s3:*", "allowed"),
        ("made:Up", "allowed"),
        ("S3:gEtObJeCt", "allowed"),
    ] {
        assert_eq!(
            custom(json!({"ActionNames": [action]}))["EvalDecision"],
            decision
        );
    }
    for (input, message) in [
        (
            json!({"ActionNames": ["GetObject"]}),
            "The action is invalid since it is missing names",
        ),
        (
            json!({"ActionNames": ["s3:GetObject", "made:Up"], "ResourceArns": [A]}),
            "Invalid Input Actions: [s3:GetObject] and [made:Up] require different authorization information.",
        ),
        (
            json!({"ResourceArns": ["not-an-arn"]}),
            "ResourceNames are not in a valid ARN format: not-an-arn.",
        ),
        (
            json!({"ResourceArns": [A, "*"]}),
            "ResourceNames are not in a valid ARN format: *.",
        ),
        (
            json!({"ResourceArns": [A], "ResourceHandlingOption": "EC2-VPC-EBS"}),
            "Invalid input resource handling options. Action does not support resource handling options: s3:GetObject.",
        ),
        (
            json!({"PolicyInputList": [ALL, "{"]}),
            "Policy input list item 2 has invalid content",
        ),
        (
            json!({"ResourceOwner": "123456789012"}),
            "'123456789012' is not a valid as a Resource Owner.",
        ),
        (
            json!({"ResourceArns": [A], "ResourcePolicy": ALL}),
            "Invalid caller - Caller cannot be null or empty.",
        ),
        (
            json!({"CallerArn": "arn:aws:iam::123456789012:root"}),
            "Invalid caller - Caller must be an IAM user, role or group in this context.",
        ),
        (json!({"Marker": "!!!"}), "Invalid marker for pagination."),
    ] {
        assert_eq!(refused(input), message);
    }
    let instance = "arn:aws:ec2:us-east-1:123456789012:instance/i-1";
    let run = json!({"ActionNames": ["ec2:RunInstances"], "ResourceArns": [instance], "ResourceHandlingOption": "EC2-VPC-EBS"});
    assert_eq!(custom(run)["EvalDecision"], "allowed");
}

#[test]
fn typed_context() {
    let entry = |kind: Value, values: Value| json!({"ContextEntries": [{"ContextKeyName": "stack:key", "ContextKeyType": kind, "ContextKeyValues": values}]});
    for (kind, values, message) in [
        (
            json!("string"),
            json!(["a", "b"]),
            "Context key string expected a single value, but received 2.",
        ),
        (
            json!("numeric"),
            json!(["abc"]),
            "Invalid context value for key stack:key: expected numeric format.",
        ),
        (
            json!("date"),
            json!(["tomorrow"]),
            "Invalid context value for key stack:key: expected DateTime format.",
        ),
        (
            json!("ipList"),
            json!(["10.0.0.1", "999.0.0.1"]),
            "Invalid context value for key stack:key: expected IP address.",
        ),
        (
            json!("binary"),
            json!(["!base64"]),
            "Invalid context value for key stack:key: expected base-64 encoded binary format.",
        ),
        (
            json!("string"),
            json!([]),
            "Context values for context key stack:key cannot be null or empty.",
        ),
        (
            Value::Null,
            json!(["a"]),
            "Context key stack:key has invalid type null.",
        ),
    ] {
        assert_eq!(refused(entry(kind, values)), message);
    }
    let twice = json!({"ContextKeyName": "stack:key", "ContextKeyType": "string", "ContextKeyValues": ["a"]});
    let again = json!({"ContextKeyName": "STACK:KEY", "ContextKeyType": "string", "ContextKeyValues": ["a"]});
    assert_eq!(
        refused(json!({"ContextEntries": [twice, again]})),
        "Duplicate context key: STACK:KEY."
    );
    assert_eq!(
        refused(json!({"ContextEntries": [{"ContextKeyType": "string"}]})),
        "ContextKeyName cannot be null or empty."
    );
    let condition = |operator: &str, value: &str| {
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {operator: {"stack:key": value}}}})
            .to_string()
    };
    for (kind, values, operator, value) in [
        ("boolean", json!(["TRUE"]), "Bool", "true"),
        ("boolean", json!(["yes"]), "Bool", "false"),
        ("numeric", json!(["1e2"]), "NumericEquals", "100"),
        (
            "date",
            json!(["2035-01-01T00:00:00Z"]),
            "DateGreaterThan",
            "2034-12-31T23:59:59Z",
        ),
        ("ip", json!(["10.1.2.3"]), "IpAddress", "10.0.0.0/8"),
        (
            "stringList",
            json!(["a", "b"]),
            "ForAnyValue:StringEquals",
            "b",
        ),
        ("binary", json!(["aGk="]), "BinaryEquals", "aGk="),
    ] {
        let mut input = entry(json!(kind), values);
        input["PolicyInputList"] = json!([condition(operator, value)]);
        assert_eq!(
            custom(input)["EvalDecision"],
            "allowed",
            "{kind} {operator}"
        );
    }
}

#[test]
fn who_calls_is_known_to_policies() {
    let caller = format!("arn:aws:iam::{ACCOUNT}:user/team/anna");
    let policy = |key: &str, value: &str| {
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {key: value}}}})
            .to_string()
    };
    for (key, value) in [
        ("aws:PrincipalArn", caller.as_str()),
        ("aws:PrincipalAccount", ACCOUNT),
        ("aws:username", "anna"),
        ("aws:userid", caller.as_str()),
    ] {
        let result = custom(json!({"PolicyInputList": [policy(key, value)], "CallerArn": caller}));
        assert_eq!(result["EvalDecision"], "allowed", "{key}");
    }
    let nobody = policy("aws:userid", "STUB_PRINCIPAL_FOR_POLICY_SIMULATOR");
    assert_eq!(
        custom(json!({"PolicyInputList": [nobody]}))["EvalDecision"],
        "allowed"
    );
    let given = json!({"ContextKeyName": "aws:username", "ContextKeyType": "string", "ContextKeyValues": ["bob"]});
    let result = custom(
        json!({"PolicyInputList": [policy("aws:username", "bob")], "CallerArn": caller, "ContextEntries": [given]}),
    );
    assert_eq!(result["EvalDecision"], "allowed");
}

/// A cloud with a user who has an inline policy, a group with one, and a managed policy by both.
fn granted() -> Cloud {
    let mut cloud = Cloud::new();
    let mut call = |operation: &str, input: Value| cloud.iam(operation, input).unwrap();
    call("CreateUser", json!({"UserName": "anna", "Path": "/team/"}));
    call("CreateGroup", json!({"GroupName": "readers"}));
    let get = statement("Allow", "s3:GetObject", A);
    call(
        "PutUserPolicy",
        json!({"UserName": "anna", "PolicyName": "own", "PolicyDocument": get}),
    );
    let put = statement("Allow", "s3:PutObject", B);
    call(
        "PutGroupPolicy",
        json!({"GroupName": "readers", "PolicyName": "shared", "PolicyDocument": put}),
    );
    let delete = statement("Allow", "s3:DeleteObject", "*");
    let policy = call(
        "CreatePolicy",
        json!({"PolicyName": "deleters", "Path": "/team/", "PolicyDocument": delete}),
    );
    let arn = &policy["Policy"]["Arn"];
    call(
        "AttachUserPolicy",
        json!({"UserName": "anna", "PolicyArn": arn}),
    );
    call(
        "AttachGroupPolicy",
        json!({"GroupName": "readers", "PolicyArn": arn}),
    );
    call(
        "AddUserToGroup",
        json!({"GroupName": "readers", "UserName": "anna"}),
    );
    cloud
}

fn decisions(cloud: &mut Cloud, more: Value) -> Vec<(String, String)> {
    let mut input = json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:user/anna"),
        "ActionNames": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]});
    let given = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(given);
    let answer = cloud.iam("SimulatePrincipalPolicy", input).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = answer["EvaluationResults"].as_array().unwrap();
    results
        .iter()
        .map(|result| {
            let specific = &result["ResourceSpecificResults"];
            let ids: Vec<_> = specific
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|one| {
                    one["MatchedStatements"]
                        .as_array()
                        .cloned()
                        .unwrap_or_default()
                })
                .map(|one| text(&one["SourcePolicyId"]))
                .collect();
            (text(&result["EvalDecision"]), ids.join(" "))
        })
        .collect()
}

#[test]
fn the_policies_of_a_principal_and_those_left_out() {
    let mut cloud = granted();
    let told = |cloud: &mut Cloud, exclusions: Value| {
        let input = json!({"ResourceArns": [A, B], "PolicyExclusionList": exclusions});
        let ids: Vec<_> = decisions(cloud, input)
            .into_iter()
            .map(|(_, ids)| ids)
            .collect();
        ids
    };
    let all = ["user_anna_own", "group_readers_shared", "deleters deleters"];
    assert_eq!(told(&mut cloud, json!([])), all);
    for (exclusion, left) in [
        (json!({"PolicyType": "inline"}), ["", "", all[2]]),
        (json!({"PolicyType": "user-managed"}), [all[0], all[1], ""]),
        (json!({"PolicyType": "aws-managed"}), all),
        (json!({"PolicyType": "rcp"}), all),
        (
            json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/team/deleters")}),
            [all[0], all[1], ""],
        ),
        (
            json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/del*")}),
            [all[0], all[1], ""],
        ),
        (
            json!({"PolicyArn": "arn:aws:iam::aws:policy/deleters"}),
            all,
        ),
        (
            json!({"InlinePolicyIdentifier": {"PolicyName": "shared", "AttachmentType": "group", "AttachmentName": "r*"}}),
            [all[0], "", all[2]],
        ),
        (
            json!({"InlinePolicyIdentifier": {"PolicyName": "shared", "AttachmentType": "user", "AttachmentName": "r*"}}),
            all,
        ),
    ] {
        assert_eq!(
            told(&mut cloud, json!([exclusion.clone()])),
            left,
            "{exclusion}"
        );
    }
    for bad in [
        json!({}),
        json!({"PolicyType": "inline", "PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/p")}),
        json!({"PolicyArn": "arn:aws:iam::*:policy/p"}),
        json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:policy/*p*")}),
        json!({"PolicyArn": format!("arn:aws:iam::{ACCOUNT}:user/p")}),
        json!({"InlinePolicyIdentifier": {"PolicyName": "sha*", "AttachmentType": "group", "AttachmentName": "r"}}),
    ] {
        let input = json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:user/anna"), "ActionNames": ["s3:GetObject"], "PolicyExclusionList": [bad]});
        assert_eq!(
            cloud.refused("SimulatePrincipalPolicy", input).0,
            "InvalidInput"
        );
    }
}

#[test]
fn an_attached_boundary_is_used_replaced_and_left_out() {
    let mut cloud = granted();
    let policy =
        json!({"PolicyName": "limit", "PolicyDocument": statement("Allow", "s3:PutObject", "*")});
    let arn = cloud.iam("CreatePolicy", policy).unwrap()["Policy"]["Arn"].clone();
    let bound = json!({"UserName": "anna", "PermissionsBoundary": arn});
    cloud.iam("PutUserPermissionsBoundary", bound).unwrap();
    let told = |cloud: &mut Cloud, more: Value| {
        let mut input = json!({"ResourceArns": [B]});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let all: Vec<_> = decisions(cloud, input)
            .into_iter()
            .map(|(decision, _)| decision)
            .collect();
        all
    };
    let no = "implicitDeny".to_owned();
    let yes = "allowed".to_owned();
    assert_eq!(
        told(&mut cloud, json!({})),
        [no.clone(), yes.clone(), no.clone()]
    );
    let other =
        json!({"PermissionsBoundaryPolicyInputList": [statement("Allow", "s3:DeleteObject", "*")]});
    assert_eq!(
        told(&mut cloud, other),
        [no.clone(), no.clone(), yes.clone()]
    );
    let without = json!({"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]});
    assert_eq!(
        told(&mut cloud, without),
        [no.clone(), yes.clone(), yes.clone()]
    );
    // An ARN leaves out what is attached, not what bounds.
    let by_arn = json!({"PolicyExclusionList": [{"PolicyArn": arn}]});
    assert_eq!(told(&mut cloud, by_arn), [no.clone(), yes, no]);
}

#[test]
fn sources_that_are_none() {
    let mut cloud = granted();
    let mut refused = |arn: &str| {
        let input = json!({"PolicySourceArn": arn, "ActionNames": ["s3:GetObject"]});
        cloud.refused("SimulatePrincipalPolicy", input)
    };
    let invalid = |arn: &str| format!("Invalid ARN provided in the request: {arn}");
    for arn in [
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:assumed-role/app/session",
        "not-an-arn-but-long-enough",
        "arn:aws:iam::123456789012:policy/p",
    ] {
        assert_eq!(refused(arn), ("InvalidInput".to_owned(), invalid(arn)));
    }
    assert_eq!(
        refused("arn:aws:iam::999999999999:user/anna").1,
        "Invalid Policy Source Arn: caller's account 123456789012 does not have access to policies in account 999999999999."
    );
    let none = (
        "NoSuchEntity".to_owned(),
        "Unable to retrieve specified IAM entity.".to_owned(),
    );
    for kind in ["user", "group", "role"] {
        assert_eq!(
            refused(&format!("arn:aws:iam::{ACCOUNT}:{kind}/nobody")),
            none
        );
    }
}

#[test]
fn an_organisations_policies_bind_the_simulated() {
    let mut cloud = granted();
    cloud
        .organizations("CreateOrganization", json!({}))
        .unwrap();
    let source = format!("arn:aws:iam::{ACCOUNT}:user/anna");
    let input =
        json!({"PolicySourceArn": source, "ActionNames": ["s3:GetObject"], "ResourceArns": [A]});
    let result = cloud.iam("SimulatePrincipalPolicy", input.clone()).unwrap()["EvaluationResults"]
        [0]
    .clone();
    // The management account is in the organisation, and bound by nothing.
    assert_eq!(
        result["OrganizationsDecisionDetail"],
        json!({"AllowedByOrganizations": true})
    );
    let mut without = input;
    without["PolicyExclusionList"] = json!([{"PolicyType": "scp"}]);
    let result =
        cloud.iam("SimulatePrincipalPolicy", without).unwrap()["EvaluationResults"][0].clone();
    assert_eq!(result.get("OrganizationsDecisionDetail"), None);
}

#[test]
fn pages_are_of_actions() {
    let actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
    let mut cloud = Cloud::new();
    let mut input = json!({"PolicyInputList": [ALL], "ActionNames": actions, "ResourceArns": [A, B], "MaxItems": 2});
    let first = cloud.iam("SimulateCustomPolicy", input.clone()).unwrap();
    assert_eq!(first["IsTruncated"], true);
    assert_eq!(first["EvaluationResults"].as_array().unwrap().len(), 2);
    input["Marker"] = first["Marker"].clone();
    let last = cloud.iam("SimulateCustomPolicy", input).unwrap();
    assert_eq!(last["IsTruncated"], false);
    assert_eq!(last.get("Marker"), None);
    assert_eq!(
        last["EvaluationResults"][0]["EvalActionName"],
        "s3:DeleteObject"
    );
}

#[test]
fn context_keys_of_policies_and_principals() {
    let mut cloud = granted();
    let text = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:username}", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}).to_string();
    let put = json!({"GroupName": "readers", "PolicyName": "keys", "PolicyDocument": text});
    cloud.iam("PutGroupPolicy", put).unwrap();
    let keys = json!(["aws:SecureTransport", "aws:username"]);
    let custom = cloud
        .iam(
            "GetContextKeysForCustomPolicy",
            json!({"PolicyInputList": [text]}),
        )
        .unwrap();
    assert_eq!(custom["ContextKeyNames"], keys);
    let source = json!({"PolicySourceArn": format!("arn:aws:iam::{ACCOUNT}:user/anna")});
    let own = cloud
        .iam("GetContextKeysForPrincipalPolicy", source)
        .unwrap();
    assert_eq!(own["ContextKeyNames"], keys);
    let bad = cloud.refused(
        "GetContextKeysForCustomPolicy",
        json!({"PolicyInputList": ["{"]}),
    );
    assert_eq!(
        bad,
        (
            "InvalidInput".to_owned(),
            "Policy input list item 1 has invalid content".to_owned()
        )
    );
}
