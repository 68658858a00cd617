//! That the responder does not lock themselves out: told before anything runs.

use serde_json::{Value, json};
use stockade_model::Arn;
use stockade_policy::{Context, Named, Policies, Policy, Principal, Request, evaluate};

use crate::aws::Identity;

/// What an undo needs to do in an account.
const UNDO: [&str; 6] = [
    "iam:DeleteUserPolicy",
    "iam:PutUserPolicy",
    "iam:UpdateAccessKey",
    "iam:DeleteRolePolicy",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
];

/// Whether the ARN of a user or a role is who the responder is.
pub(crate) fn is_same(arn: &str, identity: &Identity) -> bool {
    let Ok(arn) = arn.parse::<Arn>() else {
        return false;
    };
    if arn.account != identity.account.as_str() {
        return false;
    }
    match identity.role_name() {
        Some(name) => arn.resource_type() == "role" && arn.resource_name() == name,
        None => arn == identity.arn,
    }
}

/// The responder as the policy engine has it.
fn principal(identity: &Identity) -> Principal {
    match identity.role_name() {
        Some(name) => Principal::Role {
            role_arn: Arn {
                partition: identity.arn.partition.clone(),
                service: "iam".to_owned(),
                region: String::new(),
                account: identity.account.to_string(),
                resource: format!("role/{name}"),
            },
            session_arn: identity.arn.clone(),
            role_id: identity
                .user_id
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned(),
            provider: None,
        },
        None if identity.arn.resource == "root" => Principal::Root {
            account: identity.account.clone(),
        },
        None => Principal::User {
            arn: identity.arn.clone(),
            user_id: identity.user_id.clone(),
        },
    }
}

/// Evaluates whether the responder, allowed everything by their own policies, could still undo
/// under the quarantine. The error says what they could not.
pub(crate) fn simulate(
    quarantine: &Value,
    identity: &Identity,
    resources: &[String],
) -> Result<String, String> {
    let parse = |name: &str, document: &Value| {
        Policy::parse(&document.to_string())
            .map(|policy| Named::new(name, policy))
            .map_err(|error| format!("{name} is no valid policy: {error}"))
    };
    let all = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let identity_policies = [parse("everything", &all)?];
    let levels = [vec![
        parse("FullAWSAccess", &all)?,
        parse("the quarantine", quarantine)?,
    ]];
    let principal = principal(identity);
    // A fresh session, as the responder would have it for an undo.
    let mut context = Context::new().with("aws:TokenIssueTime", "9999-12-30T00:00:00Z");
    if let Some(arn) = principal.principal_arn() {
        context.set("aws:PrincipalArn", arn);
    }
    for resource in resources {
        for action in UNDO {
            let request = Request {
                principal: &principal,
                action,
                resource,
                resource_account: Some(identity.account.as_str()),
                context: &context,
            };
            let policies = Policies {
                identity: &identity_policies,
                scps: &levels,
                ..Policies::default()
            };
            let decision = evaluate(&request, &policies);
            if !decision.is_allowed() {
                return Err(format!(
                    "{} could not {action} on {resource} under the quarantine: {}",
                    identity.arn, decision.reason
                ));
            }
        }
    }
    Ok(format!(
        "{} can still undo in account {} under the quarantine (evaluated: {})",
        identity.arn,
        identity.account,
        UNDO.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::quarantine::{Version, Whom, document};

    fn identity() -> Identity {
        Identity {
            account: "111122223333".parse().unwrap(),
            arn: "arn:aws:sts::111122223333:assumed-role/Responder/ines"
                .parse()
                .unwrap(),
            user_id: "AROA1:ines".into(),
        }
    }

    #[test]
    fn a_role_is_known_by_its_name_whatever_its_path() {
        let is = |arn| is_same(arn, &identity());
        assert!(is("arn:aws:iam::111122223333:role/Responder"));
        assert!(is("arn:aws:iam::111122223333:role/team/Responder"));
        assert!(!is("arn:aws:iam::444455556666:role/Responder"));
        assert!(!is("arn:aws:iam::111122223333:user/Responder"));
    }

    #[test]
    fn a_quarantine_that_forgets_the_responder_is_found_out() {
        let user = "arn:aws:iam::111122223333:user/anna".to_owned();
        let mut whom = Whom {
            denied: vec![user.clone()],
            revoked: Vec::new(),
            exempt: identity().principal_patterns(),
        };
        let resources = [user];
        let good = simulate(
            &document(&whom, Version::First { seconds: 15 }),
            &identity(),
            &resources,
        );
        assert!(good.is_ok(), "{good:?}");
        whom.exempt = vec!["arn:aws:iam::111122223333:role/BreakGlass".into()];
        let bad = simulate(
            &document(&whom, Version::First { seconds: 15 }),
            &identity(),
            &resources,
        )
        .unwrap_err();
        assert!(bad.contains("could not iam:DeleteUserPolicy"), "{bad}");
    }
}
