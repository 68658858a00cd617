//! What one layer of policies says of a request, the other layers aside: what IAM's simulator tells.
//!
//! Owns the look at a single layer. How layers make a decision is `evaluate.rs`.

use crate::arn_pattern::Split;
use crate::entry::Reach;
use crate::evaluate::{Named, Request};
use crate::question::{Lower, Question, Resource, Sieve};
use crate::statement::Statement;

/// The statements of `policies` that match a request, in the order of the policies and of their documents. A statement
/// with principals must name the caller, be it by its account. `bounded`: whether the caller has a permissions boundary.
pub fn matching<'a>(
    request: &Request<'_>,
    policies: &'a [Named],
    bounded: bool,
) -> Vec<(&'a Named, &'a Statement)> {
    let lower = Lower::new(request.action);
    let question = Question {
        action: lower.as_str(),
        resource: Resource::One(Split::new(request.resource)),
        context: request.context,
        sieve: Sieve::of_action(lower.as_str()),
    };
    let reached = |statement: &Statement| {
        statement.principals.is_none()
            || statement.reach(request.principal, request.context, bounded) != Reach::None
    };
    let mut found = Vec::new();
    for named in policies {
        let candidates = named.policy.candidates(&question);
        found.extend(
            candidates
                .filter(|statement| statement.matches(&question) && reached(statement))
                .map(|statement| (named, statement)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Policy, Principal};

    #[test]
    fn a_layer_is_asked_by_itself() {
        let identity = Policy::parse(
            r#"{"Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}"#,
        );
        let resource = Policy::parse_resource(
            r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:*","Resource":"*"},{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:*","Resource":"*"}]}"#,
        );
        let policies = [
            Named::new("identity", identity.unwrap()),
            Named::new("resource", resource.unwrap()),
        ];
        let principal: Principal = "arn:aws:iam::111122223333:user/anna".parse().unwrap();
        let context = Context::new();
        let asked = |action, resource| {
            let request = Request {
                principal: &principal,
                action,
                resource,
                resource_account: None,
                context: &context,
            };
            matching(&request, &policies, false)
                .into_iter()
                .map(|(named, statement)| (named.name.as_str(), statement.index()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            asked("s3:GetObject", "arn:aws:s3:::b/k"),
            [("identity", 0), ("identity", 1), ("resource", 0)]
        );
        assert_eq!(asked("s3:PutObject", "arn:aws:s3:::b/k"), [("resource", 0)]);
        assert!(asked("sqs:SendMessage", "*").is_empty());
    }
}
