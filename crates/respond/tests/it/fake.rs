//! A small AWS: flat facts by path, so that two states are compared at a glance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stockade_model::{Arn, Region};
use stockade_respond::aws::{Aws, BoxFuture, Call, CallError, Fault, Object};
use tokio::sync::Notify;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// The process dies before the n-th write is sent.
    DiesBefore(usize),
    /// The process dies after the n-th write has landed.
    DiesAfter(usize),
    /// The answer to the n-th write is lost; it has landed.
    LostAnswer(usize),
    /// The n-th write is lost on the way.
    LostRequest(usize),
}

#[derive(Default)]
pub struct State {
    /// `111122223333/user/anna/key/AKIA1` → status, and so on.
    pub facts: BTreeMap<String, Value>,
    /// Records of the trail, by account.
    pub trail: Option<Vec<Value>>,
    pub trouble: Option<Trouble>,
    pub denied: BTreeSet<String>,
    pub writes: usize,
    pub calls: Vec<String>,
}

/// The world that all clients share.
#[derive(Clone, Default)]
pub struct World {
    pub state: Arc<Mutex<State>>,
    /// Told when the process dies.
    pub death: Arc<Notify>,
}

impl World {
    pub fn facts(&self) -> BTreeMap<String, Value> {
        self.state.lock().unwrap().facts.clone()
    }

    pub fn set(&self, path: &str, value: Value) {
        let mut state = self.state.lock().unwrap();
        state.facts.insert(path.to_owned(), value);
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().unwrap().facts.get(path).cloned()
    }

    pub fn remove(&self, path: &str) {
        self.state.lock().unwrap().facts.remove(path);
    }

    pub fn trouble(&self, trouble: Option<Trouble>) {
        let mut state = self.state.lock().unwrap();
        state.trouble = trouble;
        state.writes = 0;
    }

    pub fn deny(&self, calls: &[&str]) {
        let mut state = self.state.lock().unwrap();
        state.denied = calls.iter().map(|call| (*call).to_owned()).collect();
    }

    pub fn client(&self, arn: &str) -> Arc<dyn Aws> {
        Arc::new(FakeAws {
            world: self.clone(),
            arn: arn.parse().unwrap(),
        })
    }
}

pub struct FakeAws {
    world: World,
    arn: Arn,
}

impl Aws for FakeAws {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Object, CallError>> {
        Box::pin(async move {
            let write = is_write(&call.operation);
            let (trouble, number) = {
                let mut state = self.world.state.lock().unwrap();
                state.writes += usize::from(write);
                state.calls.push(call.to_string());
                (state.trouble.filter(|_| write), state.writes)
            };
            if self
                .world
                .state
                .lock()
                .unwrap()
                .denied
                .contains(&call.to_string())
            {
                return Err(CallError::new(
                    call,
                    Fault::Denied,
                    "AccessDenied",
                    "not allowed",
                ));
            }
            let lost = || CallError::new(call, Fault::OutcomeUnknown, "", "no answer came");
            match trouble {
                Some(Trouble::DiesBefore(n)) if n == number => self.die().await,
                Some(Trouble::LostRequest(n)) if n == number => return Err(lost()),
                _ => {}
            }
            let answer = {
                let mut state = self.world.state.lock().unwrap();
                answer(&mut state, &self.arn, call)
            };
            match trouble {
                Some(Trouble::DiesAfter(n)) if n == number => self.die().await,
                Some(Trouble::LostAnswer(n)) if n == number => return Err(lost()),
                _ => {}
            }
            answer.map(|value| value.as_object().cloned().unwrap_or_default())
        })
    }

    fn in_region(&self, _region: &Region) -> Arc<dyn Aws> {
        self.world.client(&self.arn.to_string())
    }

    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session_name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Aws>, CallError>> {
        Box::pin(async move {
            let role: Arn = role_arn.parse().unwrap();
            let session = format!(
                "arn:aws:sts::{}:assumed-role/{}/{session_name}",
                role.account,
                role.resource_name()
            );
            Ok(self.world.client(&session))
        })
    }
}

impl FakeAws {
    /// Nothing happens after death.
    async fn die(&self) {
        self.world.death.notify_one();
        std::future::pending::<()>().await;
    }
}

fn is_write(operation: &str) -> bool {
    !["Get", "List", "Describe", "Lookup", "Generate"]
        .iter()
        .any(|start| operation.starts_with(start))
}

fn answer(state: &mut State, caller: &Arn, call: &Call) -> Result<Value, CallError> {
    let text = |name: &str| {
        let text = call.input.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let account = &caller.account;
    let no = |code: &str| {
        Err(CallError::new(
            call,
            Fault::NotFound,
            code,
            "it is not there",
        ))
    };
    let user = format!("{account}/user/{}", text("UserName"));
    let role = format!("{account}/role/{}", text("RoleName"));
    let document = |name: &str| serde_json::from_str::<Value>(&text(name)).unwrap();
    let children = |state: &State, below: &str| -> Vec<(String, Value)> {
        let below = format!("{below}/");
        let found = state.facts.iter().filter_map(|(path, value)| {
            let name = path.strip_prefix(&below)?;
            (!name.contains('/')).then(|| (name.to_owned(), value.clone()))
        });
        found.collect()
    };
    let facts = &mut state.facts;
    match (call.service.as_str(), call.operation.as_str()) {
        ("sts", "GetCallerIdentity") => Ok(json!({
            "Account": account, "Arn": caller.to_string(), "UserId": "AROAEXAMPLE:ines"
        })),
        ("iam", "GetUser") => match facts.get(&user) {
            Some(found) => Ok(json!({ "User": found })),
            None => no("NoSuchEntity"),
        },
        ("iam", "GetRole") => match facts.get(&role) {
            Some(found) => {
                let trust = facts.get(&format!("{role}/trust")).unwrap().to_string();
                let mut found = found.clone();
                found["AssumeRolePolicyDocument"] = json!(trust);
                Ok(json!({ "Role": found }))
            }
            None => no("NoSuchEntity"),
        },
        ("iam", "UpdateAssumeRolePolicy") => {
            facts.insert(format!("{role}/trust"), document("PolicyDocument"));
            Ok(json!({}))
        }
        ("iam", "ListUsers") => {
            let users = children(state, &format!("{account}/user"));
            let users: Vec<Value> = users.into_iter().map(|(_, user)| user).collect();
            Ok(json!({ "Users": users, "IsTruncated": false }))
        }
        ("iam", "ListAccessKeys") if !facts.contains_key(&user) => no("NoSuchEntity"),
        ("iam", "ListAccessKeys") => {
            let keys = children(state, &format!("{user}/key"));
            let keys: Vec<Value> = keys
                .into_iter()
                .map(|(id, status)| json!({"AccessKeyId": id, "Status": status}))
                .collect();
            Ok(json!({ "AccessKeyMetadata": keys }))
        }
        ("iam", "UpdateAccessKey") => {
            facts.insert(
                format!("{user}/key/{}", text("AccessKeyId")),
                json!(text("Status")),
            );
            Ok(json!({}))
        }
        ("iam", "CreateRole") => {
            facts.insert(
                role.clone(),
                json!({"RoleName": text("RoleName"), "RoleId": "AROANEW"}),
            );
            facts.insert(
                format!("{role}/trust"),
                document("AssumeRolePolicyDocument"),
            );
            Ok(json!({}))
        }
        ("iam", "CreateUser") => {
            facts.insert(
                user,
                json!({"UserName": text("UserName"), "UserId": "AIDANEW"}),
            );
            Ok(json!({}))
        }
        ("iam", "DeleteAccessKey") => {
            facts.remove(&format!("{user}/key/{}", text("AccessKeyId")));
            Ok(json!({}))
        }
        ("iam", "DeleteUser") => {
            let holds = facts
                .keys()
                .any(|path| path.starts_with(&format!("{user}/")));
            if holds {
                return Err(CallError::new(
                    call,
                    Fault::Refused,
                    "DeleteConflict",
                    "it holds things",
                ));
            }
            facts.remove(&user);
            Ok(json!({}))
        }
        ("iam", "GetAccessKeyLastUsed") => {
            Ok(json!({"AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}))
        }
        ("iam", "GetLoginProfile") => no("NoSuchEntity"),
        (
            "iam",
            operation @ ("PutUserPolicy" | "PutRolePolicy" | "DeleteUserPolicy"
            | "DeleteRolePolicy" | "GetUserPolicy" | "GetRolePolicy"),
        ) => {
            let holder = if operation.contains("User") {
                user
            } else {
                role
            };
            let path = format!("{holder}/inline/{}", text("PolicyName"));
            if !facts.contains_key(&holder) {
                return no("NoSuchEntity");
            }
            match operation.get(..3) {
                Some("Put") => {
                    facts.insert(path, document("PolicyDocument"));
                    Ok(json!({}))
                }
                Some("Del") => match facts.remove(&path) {
                    Some(_) => Ok(json!({})),
                    None => no("NoSuchEntity"),
                },
                _ => match facts.get(&path) {
                    Some(found) => Ok(json!({ "PolicyDocument": found.to_string() })),
                    None => no("NoSuchEntity"),
                },
            }
        }
        ("iam", operation @ ("ListUserPolicies" | "ListRolePolicies")) => {
            let holder = if operation.contains("User") {
                user
            } else {
                role
            };
            let names: Vec<String> = children(state, &format!("{holder}/inline"))
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            Ok(json!({ "PolicyNames": names }))
        }
        ("iam", operation @ ("ListAttachedUserPolicies" | "ListAttachedRolePolicies")) => {
            let holder = if operation.contains("User") {
                user
            } else {
                role
            };
            let admin = facts.contains_key(&format!("{holder}/admin"));
            let admin: Vec<Value> = admin
                .then(|| json!({"PolicyName": "AdministratorAccess", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}))
                .into_iter()
                .collect();
            Ok(json!({ "AttachedPolicies": admin }))
        }
        ("iam", "DetachUserPolicy") => {
            facts.remove(&format!("{user}/admin"));
            Ok(json!({}))
        }
        ("iam", "AttachUserPolicy") => {
            facts.insert(format!("{user}/admin"), json!(true));
            Ok(json!({}))
        }
        ("iam", "GetPolicy") => Ok(json!({"Policy": {"DefaultVersionId": "v1"}})),
        ("iam", "GetPolicyVersion") => Ok(json!({"PolicyVersion": {"Document": json!({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        }).to_string()}})),
        (
            "iam",
            "ListGroupsForUser"
            | "ListMFADevices"
            | "ListServiceSpecificCredentials"
            | "ListSSHPublicKeys"
            | "ListSigningCertificates"
            | "ListUserTags"
            | "ListInstanceProfilesForRole"
            | "ListRoles",
        ) => Ok(json!({})),
        ("organizations", _) => organizations(facts, call, &text, &document),
        ("cloudtrail", "LookupEvents") if state.trail.is_some() => {
            let wanted = call.input["LookupAttributes"][0]["AttributeValue"].as_str();
            let start: stockade_model::Timestamp = text("StartTime").parse().unwrap();
            let events: Vec<Value> = state
                .trail
                .iter()
                .flatten()
                .filter(|record| record["recipientAccountId"] == account.as_str())
                .filter(|record| {
                    record["eventTime"]
                        .as_str()
                        .unwrap()
                        .parse::<stockade_model::Timestamp>()
                        .unwrap()
                        >= start
                })
                .filter(|record| wanted.is_none_or(|wanted| record.to_string().contains(wanted)))
                .map(|record| json!({"CloudTrailEvent": record.to_string()}))
                .collect();
            Ok(json!({ "Events": events }))
        }
        _ => Err(CallError::new(
            call,
            Fault::NotImplemented,
            "NotImplemented",
            "not here",
        )),
    }
}

fn organizations(
    facts: &mut BTreeMap<String, Value>,
    call: &Call,
    text: &dyn Fn(&str) -> String,
    document: &dyn Fn(&str) -> Value,
) -> Result<Value, CallError> {
    if !facts.contains_key("organization") {
        let code = "AWSOrganizationsNotInUseException";
        return Err(CallError::new(
            call,
            Fault::Refused,
            code,
            "no organisation",
        ));
    }
    // A policy's id is its name here.
    let policy = format!("scp/{}", text("PolicyId"));
    let target = format!("attached/{}/{}", text("PolicyId"), text("TargetId"));
    Ok(match call.operation.as_str() {
        "DescribeOrganization" => {
            json!({"Organization": {"Id": "o-1", "MasterAccountId": "999999999999", "FeatureSet": "ALL"}})
        }
        "ListRoots" => {
            json!({"Roots": [{"Id": "r-1", "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]}]})
        }
        "ListAccounts" => {
            json!({"Accounts": [{"Id": "111122223333"}, {"Id": "444455556666"}, {"Id": "999999999999"}]})
        }
        "ListPolicies" => {
            let names = facts.keys().filter_map(|path| path.strip_prefix("scp/"));
            json!({"Policies": names.map(|name| json!({"Id": name, "Name": name})).collect::<Vec<_>>()})
        }
        "DescribePolicy" => json!({"Policy": {"Content": facts[&policy].to_string()}}),
        "CreatePolicy" => {
            facts.insert(format!("scp/{}", text("Name")), document("Content"));
            json!({})
        }
        "UpdatePolicy" => {
            facts.insert(policy, document("Content"));
            json!({})
        }
        "DeletePolicy" => {
            facts.remove(&policy);
            json!({})
        }
        "AttachPolicy" => {
            facts.insert(target, json!(true));
            json!({})
        }
        "DetachPolicy" => {
            facts.remove(&target);
            json!({})
        }
        "ListTargetsForPolicy" => {
            let below = format!("attached/{}/", text("PolicyId"));
            let ids = facts.keys().filter_map(|path| path.strip_prefix(&below));
            json!({"Targets": ids.map(|id| json!({"TargetId": id})).collect::<Vec<_>>()})
        }
        "ListParents" => json!({"Parents": [{"Id": "r-1"}]}),
        "ListPoliciesForTarget" => {
            let end = format!("/{}", text("TargetId"));
            let names = facts
                .keys()
                .filter_map(|path| path.strip_prefix("attached/")?.strip_suffix(&end));
            json!({"Policies": names.map(|name| json!({"Id": name, "Name": name})).collect::<Vec<_>>()})
        }
        _ => {
            return Err(CallError::new(
                call,
                Fault::NotImplemented,
                "NotImplemented",
                "not here",
            ));
        }
    })
}
