//! A caller raises itself: the known ways to an administrator's rights, told from the sequence of calls.
//!
//! Owns the table of those ways ([`PATHS`]). One call of a way is a rule's business; here each way has two
//! calls or more that speak of the same thing, by the same caller, within [`SECONDS`]. Tools that build things
//! go the same ways, so that a way with a passed role counts only for a caller that was refused something just
//! before: who builds knows what it may do.

use std::borrow::Cow;

use stockade_model::{Severity, Tactic};

use super::{About, Detector, Seen, by_caller, length};
use crate::access::Access;
use crate::fields::Outcome;
use crate::look::Look;
use crate::rule::Meta;
use crate::timeline::Timeline;
use crate::world::Actor;

/// From the first call of a way to its last.
const SECONDS: i64 = 3_600;
/// A refusal counts for so many seconds.
const REFUSED: i64 = 86_400;

pub(super) const DETECTOR: Detector = Detector {
    meta,
    call: |_, name| step_of(name).is_some(),
    note,
    detect,
};

fn meta() -> Meta {
    About {
        id: "privilege-escalation-chain",
        title: "A caller raised itself to more rights, by a known way",
        description: "Calls that each may be honest make together one of the known ways to more rights: rights given to what the caller then becomes, or code run with a role that the caller passed. Ways that builders go too count only after the caller was refused something.",
        severity: Severity::Medium,
        tactic: Tactic::PrivilegeEscalation,
        techniques: &["T1098.003", "T1078.004", "T1548.005"],
        guardduty: Some("PrivilegeEscalation:IAMUser/AnomalousBehavior"),
        falsepositives: &["An administrator's tool that makes a role and tries it out at once", "A developer who finds out, by refusals, which role a function needs"],
        next: "What did the caller do with the new rights? Take them back, and contain the caller and what it became",
        playbook: "compromised-user",
    }
    .meta()
}

/// A way: its name, its calls in order, and whether builders go it too.
struct Path {
    name: &'static str,
    steps: &'static [&'static [&'static str]],
    built: bool,
}

const fn path(name: &'static str, steps: &'static [&'static [&'static str]]) -> Path {
    Path {
        name,
        steps,
        built: false,
    }
}

const fn built(name: &'static str, steps: &'static [&'static [&'static str]]) -> Path {
    Path {
        name,
        steps,
        built: true,
    }
}

/// The ways. A step is one of the calls that it lists, and speaks of the same thing as the others.
const PATHS: &[Path] = &[
    // Of one's own policies.
    path(
        "a policy's new version, then made the one that counts",
        &[&["CreatePolicyVersion"], &["SetDefaultPolicyVersion"]],
    ),
    path(
        "rights for a group, then a member of it",
        &[
            &["AttachGroupPolicy!", "PutGroupPolicy!"],
            &["AddUserToGroup"],
        ],
    ),
    path(
        "a member of a group, then rights for it",
        &[
            &["AddUserToGroup"],
            &["AttachGroupPolicy!", "PutGroupPolicy!"],
        ],
    ),
    path(
        "a boundary taken off, then rights",
        &[
            &[
                "DeleteUserPermissionsBoundary",
                "DeleteRolePermissionsBoundary",
            ],
            &[
                "AttachUserPolicy!",
                "PutUserPolicy!",
                "AttachRolePolicy!",
                "PutRolePolicy!",
            ],
        ],
    ),
    path(
        "a denial taken off, then rights",
        &[
            &["DeleteUserPolicy", "DetachUserPolicy"],
            &["AttachUserPolicy!", "PutUserPolicy!"],
        ],
    ),
    // Of another identity, which the caller becomes.
    path(
        "a role's trust changed, then the role taken",
        &[&["UpdateAssumeRolePolicy"], &["AssumeRole"]],
    ),
    built(
        "rights for a role, then the role taken",
        &[&["AttachRolePolicy!", "PutRolePolicy!"], &["AssumeRole"]],
    ),
    built(
        "a role made with rights, then taken",
        &[
            &["CreateRole"],
            &["AttachRolePolicy!", "PutRolePolicy!"],
            &["AssumeRole"],
        ],
    ),
    built(
        "another user's key made, then rights for that user",
        &[
            &["CreateAccessKey"],
            &["AttachUserPolicy!", "PutUserPolicy!"],
        ],
    ),
    built(
        "another user made with a password and rights",
        &[
            &["CreateUser"],
            &["CreateLoginProfile"],
            &["AttachUserPolicy!", "PutUserPolicy!"],
        ],
    ),
    built(
        "another user made with a key and rights",
        &[
            &["CreateUser"],
            &["AttachUserPolicy!", "PutUserPolicy!", "AddUserToGroup"],
            &["CreateAccessKey"],
        ],
    ),
    built(
        "an identity provider changed, then a role taken by it",
        &[
            &[
                "UpdateSAMLProvider",
                "CreateSAMLProvider",
                "CreateOpenIDConnectProvider",
                "AddClientIDToOpenIDConnectProvider",
            ],
            &["UpdateAssumeRolePolicy", "CreateRole"],
        ],
    ),
    path(
        "a user's second factor taken off, then its password changed",
        &[
            &["DeactivateMFADevice"],
            &["UpdateLoginProfile", "CreateLoginProfile"],
        ],
    ),
    // Code run with a role that is passed.
    built(
        "a function made with a role, then run",
        &[
            &["CreateFunction"],
            &[
                "Invoke",
                "CreateEventSourceMapping",
                "AddPermission",
                "CreateFunctionUrlConfig",
            ],
        ],
    ),
    built(
        "a function's role changed, then run",
        &[
            &["UpdateFunctionConfiguration"],
            &["Invoke", "CreateFunctionUrlConfig"],
        ],
    ),
    built(
        "a function's code replaced, then run",
        &[
            &["UpdateFunctionCode"],
            &["Invoke", "CreateFunctionUrlConfig"],
        ],
    ),
    built(
        "an instance's user data replaced while it was stopped",
        &[
            &["StopInstances"],
            &["ModifyInstanceAttribute"],
            &["StartInstances"],
        ],
    ),
    built(
        "an instance's profile swapped, then a command run on it",
        &[
            &[
                "AssociateIamInstanceProfile",
                "ReplaceIamInstanceProfileAssociation",
            ],
            &["SendCommand", "StartSession", "SendSSHPublicKey"],
        ],
    ),
    built(
        "a role put into an instance profile, then given to an instance",
        &[
            &["AddRoleToInstanceProfile"],
            &[
                "RunInstances",
                "AssociateIamInstanceProfile",
                "ReplaceIamInstanceProfileAssociation",
            ],
        ],
    ),
    built(
        "an instance launched with a role, then entered",
        &[
            &["RunInstances"],
            &["SendCommand", "StartSession", "SendSSHPublicKey"],
        ],
    ),
    built(
        "a notebook made with a role, then opened",
        &[
            &["CreateNotebookInstance"],
            &["CreatePresignedNotebookInstanceUrl"],
        ],
    ),
    built(
        "a notebook's start-up script changed, then started",
        &[&["UpdateNotebookInstance"], &["StartNotebookInstance"]],
    ),
    built(
        "a development endpoint's key changed",
        &[
            &["CreateDevEndpoint"],
            &["UpdateDevEndpoint", "GetDevEndpoint"],
        ],
    ),
    built(
        "a Glue job made or changed, then run",
        &[
            &["CreateJob", "UpdateJob"],
            &["StartJobRun", "CreateTrigger"],
        ],
    ),
    built(
        "a build made or changed, then run",
        &[
            &["CreateProject", "UpdateProject"],
            &["StartBuild", "StartBuildBatch"],
        ],
    ),
    built(
        "a stack's change set made with a role, then executed",
        &[&["CreateChangeSet"], &["ExecuteChangeSet"]],
    ),
    built(
        "a stack set made with a role, then rolled out",
        &[
            &["CreateStackSet", "UpdateStackSet"],
            &["CreateStackInstances"],
        ],
    ),
    built(
        "a task defined with a role, then run",
        &[
            &["RegisterTaskDefinition"],
            &["RunTask", "CreateService", "StartTask"],
        ],
    ),
    built(
        "a job defined with a role, then run",
        &[&["RegisterJobDefinition"], &["SubmitJob"]],
    ),
    built(
        "a state machine made or changed with a role, then run",
        &[
            &["CreateStateMachine", "UpdateStateMachine"],
            &["StartExecution"],
        ],
    ),
    built(
        "a pipeline defined, then activated",
        &[
            &["CreatePipeline"],
            &["PutPipelineDefinition"],
            &["ActivatePipeline"],
        ],
    ),
    built(
        "a schedule or rule made with a role and a target",
        &[&["PutRule"], &["PutTargets"]],
    ),
    built(
        "an automation document made, then run",
        &[
            &["CreateDocument"],
            &["StartAutomationExecution", "CreateAssociation"],
        ],
    ),
    built(
        "a pool's roles set, then its credentials taken",
        &[&["SetIdentityPoolRoles"], &["GetCredentialsForIdentity"]],
    ),
];

/// The name of a call without its version, if it is a step of a way.
fn step_of(name: &str) -> Option<&str> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    let plain = match plain.rfind("20") {
        // `CreateFunction20150331v2`
        Some(at) if plain.ends_with('v') && at > 0 => plain.get(..at).unwrap_or(plain),
        _ => plain,
    };
    let is_step = PATHS
        .iter()
        .flat_map(|path| path.steps.iter().copied().flatten())
        .any(|step| step.trim_end_matches('!') == plain);
    is_step.then_some(plain)
}

/// The call, whether it gives an administrator's rights, how it ended, and what it speaks of.
fn note(look: &Look<'_>, actor: &Actor) -> Option<Cow<'static, str>> {
    // A stack's own calls are those of its owner's template.
    if actor.service {
        return None;
    }
    let name = look.name();
    let step = step_of(&name)?;
    let ended = match Outcome::of(look) {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Failed => return None,
    };
    let access = Access::of(look);
    let strong = access.administrator || !access.escalation.is_empty();
    let of = things(look);
    // A key of one's own is honest.
    let own = look.text(&["userIdentity", "userName"]);
    if step == "CreateAccessKey" && of.iter().any(|thing| own.as_deref() == Some(thing)) {
        return None;
    }
    Some(Cow::Owned(format!(
        "{step}\n{}\n{ended}\n{}",
        if strong { "!" } else { "" },
        of.join("\n")
    )))
}

/// Everything by which a request or its answer names what it speaks of: the last part of ARNs, so that a role
/// is the same by name and by ARN.
fn things(look: &Look<'_>) -> Vec<String> {
    const NAMES: &[&str] = &[
        "userName",
        "groupName",
        "roleName",
        "roleArn",
        "policyArn",
        "functionName",
        "instanceProfileName",
        "notebookInstanceName",
        "endpointName",
        "jobName",
        "name",
        "projectName",
        "stackName",
        "changeSetName",
        "stackSetName",
        "taskDefinition",
        "family",
        "jobDefinition",
        "jobDefinitionName",
        "stateMachineArn",
        "pipelineId",
        "ruleName",
        "rule",
        "documentName",
        "identityPoolId",
        "instanceId",
        "resource",
        "sAMLProviderArn",
        "role",
        "target",
    ];
    let mut found = Vec::new();
    let mut add = |text: &str| {
        let end = text.rsplit('/').next().unwrap_or(text);
        let end = if text.starts_with("arn:") && !text.contains('/') {
            text.rsplit(':').next().unwrap_or(text)
        } else {
            end
        };
        // `family:3`
        let end = end.split(':').next().unwrap_or(end);
        if !end.is_empty() && !found.iter().any(|known| known == end) {
            found.push(end.to_owned());
        }
    };
    for name in NAMES {
        if let Some(text) = look.text(&["requestParameters", name]) {
            add(&text);
        }
    }
    for path in [
        &["requestParameters", "iamInstanceProfile", "name"][..],
        &["requestParameters", "iamInstanceProfile", "arn"],
        &["responseElements", "functionName"],
        &["responseElements", "stateMachineArn"],
        &["responseElements", "pipelineId"],
    ] {
        if let Some(text) = look.text(path) {
            add(&text);
        }
    }
    for list in ["requestParameters", "responseElements"] {
        let items = look.at(&[list, "instancesSet", "items"]);
        for item in items.into_iter().flat_map(|items| items.elements()) {
            if let Some(id) = item.get("instanceId").and_then(|id| id.text()) {
                add(&id);
            }
        }
    }
    let items = look.at(&["requestParameters", "instanceIds"]);
    for item in items.into_iter().flat_map(|items| items.elements()) {
        if let Some(id) = item.text() {
            add(&id);
        }
    }
    found
}

/// A noted call.
struct Step<'a> {
    place: usize,
    time: i64,
    name: &'a str,
    strong: bool,
    done: bool,
    things: Vec<&'a str>,
}

fn detect(number: u8, timeline: &Timeline<'_>) -> Vec<Seen> {
    let mut found = Vec::new();
    for rows in by_caller(number, timeline).into_values() {
        let steps: Vec<Step<'_>> = rows
            .iter()
            .filter_map(|(place, row, note)| {
                let mut parts = note.split('\n');
                Some(Step {
                    place: *place,
                    time: timeline.time(row).as_second(),
                    name: parts.next()?,
                    strong: parts.next()? == "!",
                    done: parts.next()? == "done",
                    things: parts.collect(),
                })
            })
            .collect();
        found.extend(PATHS.iter().filter_map(|path| walked(path, &steps)));
    }
    longest(found)
}

/// A way that was gone to its end.
fn walked(path: &Path, steps: &[Step<'_>]) -> Option<(usize, Seen)> {
    for (at, first) in steps.iter().enumerate() {
        if !first.done || !is(path.steps.first()?, first) {
            continue;
        }
        for thing in &first.things {
            let mut places = vec![first.place];
            let mut last = first.time;
            let mut wanted = path.steps.iter().skip(1).peekable();
            for step in steps.get(at + 1..).unwrap_or_default() {
                if step.time - first.time > SECONDS {
                    break;
                }
                let Some(next) = wanted.peek() else { break };
                if step.done && is(next, step) && step.things.contains(thing) {
                    places.push(step.place);
                    last = step.time;
                    wanted.next();
                }
            }
            if wanted.peek().is_some() {
                continue;
            }
            let refused = steps
                .iter()
                .filter(|step| !step.done && step.time <= last && first.time - step.time <= REFUSED)
                // A role that cannot be taken is a door tried, and no sign of who builds or not.
                .filter(|step| !step.name.starts_with("AssumeRole") && step.name != "Invoke")
                .count();
            if path.built && refused == 0 {
                continue;
            }
            let after = match refused {
                0 => String::new(),
                1 => ", after 1 refusal".to_owned(),
                n => format!(", after {n} refusals"),
            };
            return Some((
                path.steps.len(),
                Seen {
                    places,
                    what: format!(
                        "Raised itself by a known way: {} ({thing}) within {}{after}",
                        path.name,
                        length(last - first.time)
                    ),
                },
            ));
        }
    }
    None
}

fn is(step: &[&str], call: &Step<'_>) -> bool {
    step.iter().any(|name| match name.strip_suffix('!') {
        Some(name) => call.strong && call.name == name,
        None => call.name == *name,
    })
}

/// A way that is part of a longer one says nothing more.
fn longest(mut all: Vec<(usize, Seen)>) -> Vec<Seen> {
    all.sort_by_key(|(steps, _)| std::cmp::Reverse(*steps));
    let mut kept: Vec<Seen> = Vec::new();
    for (_, seen) in all {
        let within = kept
            .iter()
            .any(|other| seen.places.iter().all(|place| other.places.contains(place)));
        if !within {
            kept.push(seen);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::testing::sees;
    use super::*;
    use crate::testing::event;
    use serde_json::{Value, json};
    use stockade_model::Event;

    fn call(minute: i64, source: &str, name: &str, parameters: Value) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        event(
            json!({"eventTime": time.to_string(), "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
            "requestParameters": parameters, "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory", "accessKeyId": "AKIA1", "userName": "mallory"}}),
        )
    }

    fn refused(minute: i64) -> Event {
        let mut record = call(minute, "iam", "CreateRole", json!({"roleName": "x"}))
            .record()
            .clone();
        record["errorCode"] = json!("AccessDenied");
        event(record)
    }

    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const READ: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

    fn said(events: &[Event]) -> Vec<String> {
        sees(&DETECTOR, events)
            .into_iter()
            .map(|seen| seen.what)
            .collect()
    }

    #[test]
    fn ways_of_identities_are_seen_without_more() {
        let role = |policy: &str| {
            vec![
                call(
                    0,
                    "iam",
                    "CreateRole",
                    json!({"roleName": "r", "assumeRolePolicyDocument": "{}"}),
                ),
                call(
                    1,
                    "iam",
                    "AttachRolePolicy",
                    json!({"roleName": "r", "policyArn": policy}),
                ),
                call(
                    3,
                    "sts",
                    "AssumeRole",
                    json!({"roleArn": "arn:aws:iam::111122223333:role/r", "roleSessionName": "s"}),
                ),
            ]
        };
        assert!(said(&role(ADMIN)).is_empty(), "who may, builds");
        assert_eq!(
            said(&[vec![refused(-5)], role(ADMIN)].concat()),
            [
                "Raised itself by a known way: a role made with rights, then taken (r) within 3 min, after 1 refusal"
            ]
        );
        assert!(said(&[vec![refused(-5)], role(READ)].concat()).is_empty());
        let policy = "arn:aws:iam::111122223333:policy/p";
        let version = [
            call(
                0,
                "iam",
                "CreatePolicyVersion",
                json!({"policyArn": policy, "policyDocument": "{}"}),
            ),
            call(
                1,
                "iam",
                "SetDefaultPolicyVersion",
                json!({"policyArn": policy, "versionId": "v2"}),
            ),
        ];
        assert_eq!(said(&version).len(), 1);
        let other = [
            version[0].clone(),
            call(
                1,
                "iam",
                "SetDefaultPolicyVersion",
                json!({"policyArn": "arn:aws:iam::111122223333:policy/q"}),
            ),
        ];
        assert!(said(&other).is_empty(), "another policy");
        let late = [
            version[0].clone(),
            call(
                90,
                "iam",
                "SetDefaultPolicyVersion",
                json!({"policyArn": policy}),
            ),
        ];
        assert!(said(&late).is_empty(), "hours later");
    }

    #[test]
    fn ways_of_builders_need_a_refusal() {
        let function = vec![
            call(
                10,
                "lambda",
                "CreateFunction20150331",
                json!({"functionName": "f", "role": "arn:aws:iam::111122223333:role/admin"}),
            ),
            call(
                12,
                "lambda",
                "Invoke",
                json!({"functionName": "arn:aws:lambda:us-east-1:111122223333:function:f"}),
            ),
        ];
        assert!(said(&function).is_empty());
        let tried = [vec![refused(0)], function].concat();
        assert_eq!(
            said(&tried),
            [
                "Raised itself by a known way: a function made with a role, then run (f) within 2 min, after 1 refusal"
            ]
        );
        let instance = [
            refused(0),
            call(
                1,
                "ec2",
                "StopInstances",
                json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}}),
            ),
            call(
                5,
                "ec2",
                "ModifyInstanceAttribute",
                json!({"instanceId": "i-1", "userData": "<sensitiveDataRemoved>"}),
            ),
            call(
                6,
                "ec2",
                "StartInstances",
                json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}}),
            ),
        ];
        assert_eq!(said(&instance).len(), 1);
    }

    #[test]
    fn versions_of_calls_are_seen_through() {
        for (name, step) in [
            ("CreateFunction20150331", Some("CreateFunction")),
            ("UpdateFunctionCode20150331v2", Some("UpdateFunctionCode")),
            ("AddPermission20150331v2", Some("AddPermission")),
            ("AssumeRole", Some("AssumeRole")),
            ("ListUsers", None),
        ] {
            assert_eq!(step_of(name), step, "{name}");
        }
        assert!(PATHS.len() >= 30);
    }
}
