//! Cases as data (`cases/*.json`), run by the engine and by the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::reference::{Question, answer};
use crate::{
    Context, Decision, Named, Outcome, Policies, Policy, PolicyKind, Principal, Request,
    ResourceRule, decide, evaluate,
};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) request: Asked,
    #[serde(default)]
    pub(crate) identity_policies: Vec<Value>,
    pub(crate) resource_policy: Option<Value>,
    /// `roleTrust` or `kmsKey`.
    pub(crate) resource_rule: Option<String>,
    #[serde(default)]
    pub(crate) permission_boundaries: Vec<Value>,
    #[serde(default)]
    pub(crate) session_policies: Vec<Value>,
    #[serde(default)]
    pub(crate) service_control_policies: Vec<Vec<Value>>,
    #[serde(default)]
    pub(crate) resource_control_policies: Vec<Vec<Value>>,
    #[serde(default)]
    pub(crate) endpoint_policies: Vec<Value>,
    /// The decision, and which kind of policy made it (none: nobody).
    pub(crate) expect: Option<(String, Option<String>)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) principal: String,
    pub(crate) action: String,
    #[serde(default = "anything")]
    pub(crate) resource: String,
    #[serde(default)]
    pub(crate) account: String,
    #[serde(default)]
    pub(crate) context: BTreeMap<String, Value>,
}

fn anything() -> String {
    "*".to_owned()
}

impl Case {
    fn context(&self) -> BTreeMap<String, Vec<String>> {
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        self.request
            .context
            .iter()
            .map(|(key, value)| {
                let values = match value {
                    Value::Array(items) => items.iter().map(text).collect(),
                    one => vec![text(one)],
                };
                (key.to_lowercase(), values)
            })
            .filter(|(_, values): &(_, Vec<_>)| !values.is_empty())
            .collect()
    }

    pub(crate) fn by_reference(&self) -> (String, Option<String>) {
        let (decision, by) = answer(&Question {
            principal: &self.request.principal,
            action: &self.request.action,
            resource: &self.request.resource,
            account: &self.request.account,
            context: &self.context(),
            identity: &self.identity_policies,
            resource_policy: self.resource_policy.as_ref(),
            must_be_allowed_by_resource: self.resource_rule.is_some(),
            boundary: &self.permission_boundaries,
            session: &self.session_policies,
            scps: &self.service_control_policies,
            rcps: &self.resource_control_policies,
            endpoint: &self.endpoint_policies,
        });
        (decision.to_owned(), by.map(str::to_owned))
    }

    /// What the engine says with its reasons, and what it says in a hurry.
    pub(crate) fn by_engine(&self) -> (Decision, Outcome) {
        let named = |value: &Value| {
            let policy = Policy::parse(&value.to_string()).unwrap_or_else(|error| {
                panic!("{}: {error}: {value}", self.name);
            });
            Named::new("policy", policy)
        };
        let all = |values: &[Value]| values.iter().map(named).collect::<Vec<_>>();
        let with_principal = |value: &Value| {
            let text = value.to_string();
            let policy = match self.resource_rule.as_deref() {
                Some("roleTrust") => Policy::parse_trust(&text),
                _ => Policy::parse_resource(&text),
            };
            Named::new(
                "resource",
                policy.unwrap_or_else(|error| panic!("{}: {error}", self.name)),
            )
        };
        let rule = match self.resource_rule.as_deref() {
            None => ResourceRule::Ordinary,
            Some("roleTrust") => ResourceRule::RoleTrust,
            Some("kmsKey") => ResourceRule::KmsKey,
            Some(other) => panic!("{other}"),
        };
        let mut context = Context::new();
        for (key, values) in self.context() {
            context.insert(&key, values);
        }
        let principal: Principal = self.request.principal.parse().unwrap();
        let resource = self.resource_policy.as_ref().map(with_principal);
        let boundary = all(&self.permission_boundaries);
        let endpoint: Vec<Named> = self.endpoint_policies.iter().map(with_principal).collect();
        let levels = |levels: &[Vec<Value>]| levels.iter().map(|l| all(l)).collect::<Vec<_>>();
        let rcps: Vec<Vec<Named>> = self
            .resource_control_policies
            .iter()
            .map(|level| level.iter().map(with_principal).collect())
            .collect();
        let (identity, session) = (all(&self.identity_policies), all(&self.session_policies));
        let scps = levels(&self.service_control_policies);
        let request = Request {
            principal: &principal,
            action: &self.request.action,
            resource: &self.request.resource,
            resource_account: Some(self.request.account.as_str()).filter(|a| !a.is_empty()),
            context: &context,
        };
        let policies = Policies {
            identity: &identity,
            resource: resource.as_ref().map(|named| (named, rule)),
            boundary: &boundary,
            session: &session,
            scps: &scps,
            rcps: &rcps,
            endpoint: &endpoint,
        };
        (evaluate(&request, &policies), decide(&request, &policies))
    }
}

pub(crate) fn short(decision: &Outcome) -> (String, Option<String>) {
    let by = decision.decided_by.map(|kind| match kind {
        PolicyKind::Identity => "identity",
        PolicyKind::Resource | PolicyKind::Trust => "resource",
        PolicyKind::Boundary => "boundary",
        PolicyKind::Session => "session",
        PolicyKind::Scp => "scp",
        PolicyKind::Rcp => "rcp",
        PolicyKind::Endpoint => "endpoint",
    });
    (format!("{:?}", decision.verdict), by.map(str::to_owned))
}

#[test]
fn every_case_of_the_folder() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let cases: Vec<Case> = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in cases {
            let expected = case
                .expect
                .clone()
                .unwrap_or_else(|| panic!("{}", case.name));
            assert_eq!(case.by_reference(), expected, "reference: {}", case.name);
            let (decision, outcome) = case.by_engine();
            assert_eq!(short(&outcome), expected, "engine: {}", case.name);
            assert_eq!(decision.outcome(), outcome, "in a hurry: {}", case.name);
            assert_eq!(
                decision.statements.is_empty(),
                expected.0 == "ImplicitlyDenied" || expected.1.is_none(),
                "{}: {:?}",
                case.name,
                decision.statements
            );
            assert!(names.insert(case.name.clone()), "twice: {}", case.name);
        }
    }
    assert!(names.len() >= 60, "only {} cases", names.len());
}
