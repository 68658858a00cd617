//! What the simulator answers: the decision of one action on all resources together and on each, with the statements that
//! decided and what was missing.
//!
//! Owns how layers make the simulator's decision, which is not in all the service's: where a resource's policy lets in the
//! caller's account it is enough. What matches is the policy crate's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use stockade_policy::{Effect, Named, Request, Statement, actions, matching, spans};

use super::question::Question;
use super::sources::Source;

/// The outcome, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }

    /// Of statements that match.
    fn of(found: &[(&Named, &Statement)]) -> Self {
        let has = |effect| {
            found
                .iter()
                .any(|(_, statement)| statement.effect() == effect)
        };
        if has(Effect::Deny) {
            Self::ExplicitDeny
        } else if has(Effect::Allow) {
            Self::Allowed
        } else {
            Self::ImplicitDeny
        }
    }
}

/// The kinds of policies, as answers call them.
const IDENTITY: &str = "IAM Policy";
const RESOURCE: &str = "Resource Policy";
const BOUNDARY: &str = "Permissions Boundary Policy";

/// A statement that decided: of which policy, of which kind, its place there.
#[derive(Debug, Clone, Copy)]
struct Match<'a> {
    source: &'a Source,
    kind: &'static str,
    index: usize,
    effect: Effect,
}

impl Match<'_> {
    fn told(&self) -> Value {
        let mut told = json!({
            "SourcePolicyId": self.source.named.name,
            "SourcePolicyType": self.kind,
        });
        if let (Some(span), Value::Object(told)) =
            (spans(&self.source.text).get(self.index), &mut told)
        {
            for (name, at) in [("StartPosition", span.start), ("EndPosition", span.end)] {
                told.insert(
                    name.to_owned(),
                    json!({"Line": at.line, "Column": at.column}),
                );
            }
        }
        told
    }

    fn key(&self) -> (&str, usize) {
        (&self.source.named.name, self.index)
    }
}

/// The decision of one action on one resource.
#[derive(Debug)]
struct Decision<'a> {
    outcome: Outcome,
    matches: Vec<Match<'a>>,
    missing: BTreeSet<&'a str>,
    by_boundary: Option<bool>,
    by_organization: Option<bool>,
    /// By kind of policy, where the resource is another account's.
    details: BTreeMap<&'static str, Outcome>,
}

/// What one layer says, and its statements.
struct Layer<'a> {
    outcome: Outcome,
    matches: Vec<Match<'a>>,
}

fn layer<'a>(
    request: &Request<'_>,
    sources: impl IntoIterator<Item = &'a Source>,
    kind: &'static str,
    bounded: bool,
) -> Layer<'a> {
    let mut outcome = Outcome::ImplicitDeny;
    let mut matches = Vec::new();
    for source in sources {
        let found = matching(request, std::slice::from_ref(&source.named), bounded);
        outcome = match (outcome, Outcome::of(&found)) {
            (_, Outcome::ImplicitDeny) => outcome,
            (Outcome::ExplicitDeny, _) => outcome,
            (_, new) => new,
        };
        matches.extend(found.iter().map(|(_, statement)| Match {
            source,
            kind,
            index: statement.index(),
            effect: statement.effect(),
        }));
    }
    Layer { outcome, matches }
}

/// Whether an action can be on a resource at all. What the tables do not know is taken as it is.
fn fits(action: &str, resource: &str) -> bool {
    let Some((prefix, name)) = action.split_once(':') else {
        return true;
    };
    let service = actions::service(&prefix.to_ascii_lowercase());
    let Some((service, known)) = service.and_then(|s| Some((s, s.action(name)?))) else {
        return true;
    };
    // A bucket and its objects are one to the simulator.
    let of_buckets = known
        .on
        .keys()
        .any(|kind| kind == "bucket" || kind == "object");
    let is_classic = prefix.eq_ignore_ascii_case("s3") && of_buckets;
    resource == "*"
        || service.takes(known, resource)
        || (is_classic && resource.split(':').nth(2) == Some("s3") && resource.contains(":::"))
}

/// The resource of an answer for several: the form of its ARN.
fn form(action: &str) -> String {
    let (prefix, name) = action.split_once(':').unwrap_or((action, ""));
    let prefix = prefix.to_ascii_lowercase();
    let service = actions::service(&prefix);
    let Some(known) = service.and_then(|service| service.action(name)) else {
        return "*".to_owned();
    };
    match prefix.as_str() {
        "s3" => "arn:aws:s3:::${BucketName}/${KeyName}".to_owned(),
        "iam" => "arn:aws:iam::${Account}:${ResourceType}/${ResourceName}".to_owned(),
        "sts" => "arn:aws:iam::${Account}:${RelativeId}".to_owned(),
        "sqs" => "arn:aws:sqs:${Region}:${Account}:${QueueName}".to_owned(),
        "kms" => "arn:aws:kms:${Region}:${Account}:${ResourceType}/${Id}".to_owned(),
        "lambda" => "arn:aws:lambda:${Region}:${Account}:${ResourceType}:${ResourceId}".to_owned(),
        "ec2" => "arn:aws:ec2:${Region}:${Account}:${ResourceType}/${ResourcePath}".to_owned(),
        _ => {
            let kind = known.on.keys().next();
            kind.and_then(|kind| service?.resources.get(kind))
                .map_or_else(|| "*".to_owned(), |kind| kind.arn.clone())
        }
    }
}

fn decide<'a>(question: &'a Question, action: &str, resource: &str) -> Decision<'a> {
    let request = Request {
        principal: &question.principal,
        action,
        resource,
        resource_account: question.owner.as_deref(),
        context: &question.context,
    };
    let mut decision = Decision {
        outcome: Outcome::Allowed,
        matches: Vec::new(),
        missing: BTreeSet::new(),
        by_boundary: None,
        by_organization: None,
        details: BTreeMap::new(),
    };
    if let Some(levels) = &question.organization {
        let said = levels
            .iter()
            .map(|level| Outcome::of(&matching(&request, level, false)))
            .max()
            .unwrap_or(Outcome::Allowed);
        decision.by_organization = Some(said == Outcome::Allowed);
        // What an organisation stops is not looked at further.
        if said != Outcome::Allowed {
            decision.outcome = said;
            return decision;
        }
    }
    let bounded = question.boundary.is_some();
    let fitting = fits(action, resource);
    let ask = |sources: Vec<&'a Source>, kind, bounded| match fitting {
        true => layer(&request, sources, kind, bounded),
        false => layer(&request, [], kind, bounded),
    };
    let identity = ask(question.identity.iter().collect(), IDENTITY, false);
    let boundary = ask(question.boundary.iter().collect(), BOUNDARY, false);
    let own = ask(question.resource_policy.iter().collect(), RESOURCE, bounded);
    let limit = match bounded {
        true => boundary.outcome,
        false => Outcome::Allowed,
    };
    decision.by_boundary = bounded.then_some(limit == Outcome::Allowed);
    let owner = question
        .owner
        .as_deref()
        .or_else(|| resource.split(':').nth(4))
        .filter(|owner| !owner.is_empty());
    let abroad =
        question.resource_policy.is_some() && owner.is_some_and(|owner| owner != question.account);
    if abroad {
        decision.details.insert(IDENTITY, identity.outcome);
        decision.details.insert(RESOURCE, own.outcome);
        if bounded {
            decision.details.insert(BOUNDARY, limit);
        }
    }
    let all = [identity.outcome, own.outcome, limit];
    decision.outcome = if all.contains(&Outcome::ExplicitDeny) {
        Outcome::ExplicitDeny
    } else if abroad {
        all.into_iter().max().unwrap_or(Outcome::ImplicitDeny)
    } else if own.outcome == Outcome::Allowed {
        Outcome::Allowed
    } else {
        identity.outcome.max(limit)
    };
    let wanted = match decision.outcome {
        Outcome::ImplicitDeny => {
            decision.missing = missing(question);
            return decision;
        }
        Outcome::Allowed => Effect::Allow,
        Outcome::ExplicitDeny => Effect::Deny,
    };
    // What a boundary lets through is not told: it grants nothing.
    let limits = boundary
        .matches
        .into_iter()
        .filter(|_| wanted == Effect::Deny);
    let matches = identity
        .matches
        .into_iter()
        .chain(own.matches)
        .chain(limits);
    decision.matches = matches.filter(|m| m.effect == wanted).collect();
    decision
}

/// The condition keys of every policy that has a say, for which the call gave no value. The organisation's are not told.
fn missing(question: &Question) -> BTreeSet<&str> {
    let sources = question
        .identity
        .iter()
        .chain(&question.boundary)
        .chain(&question.resource_policy);
    sources
        .flat_map(|source| source.named.policy.context_keys())
        .filter(|key| question.given.get(key).is_none())
        .collect()
}

fn boundary_detail(allowed: Option<bool>) -> Value {
    allowed.map_or(
        Value::Null,
        |allowed| json!({"AllowedByPermissionsBoundary": allowed}),
    )
}

fn details(details: &BTreeMap<&'static str, Outcome>) -> Value {
    let told: Map<String, Value> = details
        .iter()
        .map(|(kind, outcome)| ((*kind).to_owned(), outcome.as_str().into()))
        .collect();
    Value::Object(told)
}

/// A list, or nothing: what a single resource lacks is left out.
fn unless_empty(list: Vec<Value>) -> Value {
    match list.is_empty() {
        true => Value::Null,
        false => Value::Array(list),
    }
}

/// The answer for one action.
pub fn result(question: &Question, action: &str) -> Value {
    let decisions: Vec<(&String, Decision<'_>)> = question
        .resources
        .iter()
        .map(|resource| (resource, decide(question, action, resource)))
        .collect();
    let all = || decisions.iter().map(|(_, decision)| decision);
    let outcome = all()
        .map(|d| d.outcome)
        .max()
        .unwrap_or(Outcome::ImplicitDeny);
    let mut seen = BTreeSet::new();
    let told: Vec<Value> = all()
        .flat_map(|decision| &decision.matches)
        .filter(|m| outcome != Outcome::ExplicitDeny || m.effect == Effect::Deny)
        .filter(|m| seen.insert(m.key()))
        .map(Match::told)
        .collect();
    let missing: BTreeSet<&str> = all().flat_map(|d| d.missing.iter().copied()).collect();
    let together = |of: fn(&Decision<'_>) -> Option<bool>| {
        let known: Vec<bool> = all().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().all(|allowed| *allowed))
    };
    let mut strictest = BTreeMap::new();
    for (kind, said) in all().flat_map(|decision| &decision.details) {
        let worst = strictest.entry(*kind).or_insert(*said);
        *worst = (*worst).max(*said);
    }
    let specific = question.names_resources().then(|| {
        let results = decisions.iter().map(|(resource, decision)| {
            json!({
                "EvalResourceName": resource,
                "EvalResourceDecision": decision.outcome.as_str(),
                "MatchedStatements": unless_empty(decision.matches.iter().map(Match::told).collect()),
                "MissingContextValues": unless_empty(decision.missing.iter().map(|key| json!(key)).collect()),
                "PermissionsBoundaryDecisionDetail": boundary_detail(decision.by_boundary),
                "EvalDecisionDetails": match decision.details.is_empty() {
                    true => Value::Null,
                    false => details(&decision.details),
                },
            })
        });
        results.collect::<Vec<_>>()
    });
    let name = match question.resources.as_slice() {
        [one] => one.clone(),
        _ => form(action),
    };
    json!({
        "EvalActionName": action,
        "EvalResourceName": name,
        "EvalDecision": outcome.as_str(),
        "MatchedStatements": told,
        "MissingContextValues": missing,
        "PermissionsBoundaryDecisionDetail": boundary_detail(together(|d| d.by_boundary)),
        "OrganizationsDecisionDetail": together(|d| d.by_organization)
            .map(|allowed| json!({"AllowedByOrganizations": allowed})),
        "EvalDecisionDetails": specific.as_ref().map(|_| details(&strictest)),
        "ResourceSpecificResults": specific,
    })
}
