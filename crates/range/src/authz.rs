//! What a caller may do: gathers every policy that has a say and the context of the request, and asks the engine.
//!
//! Owns authorisation in the range. The rules of evaluation are `stockade-policy`'s.

use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use stockade_policy::{
    Context, Decision, Named, Policies, Policy, Principal, Request, ResourceRule, Verdict, actions,
    decide, evaluate, evaluate_some, rcp_binds,
};
use stockade_wire::AwsError;
use stockade_wire::table::{Operation, Service};

use crate::authn::issuing_user;
use crate::call::Call;
use crate::row::{Need, Needs, Row};
use crate::services;
use crate::services::sts::authorization_message;
use crate::state::State;
use crate::trail;

/// Refuses a call that is not allowed all that it needs.
pub fn authorise(
    state: &State,
    service: &Service,
    row: &Row,
    call: &Call<'_>,
) -> Result<(), AwsError> {
    refuse_weak_session(service, call)?;
    let needs = match row.needs {
        Needs::Nothing => return Ok(()),
        Needs::Action { action, on } => on(state, call)
            .into_iter()
            .map(|on| Need::new(action, on))
            .collect(),
        Needs::These(needs) => needs(state, call),
        Needs::Checked(needs) => needs(state, call)?,
    };
    for need in &needs {
        refuse_closed(state, service, call, need)?;
    }
    let standing = Standing::of(state, call.caller, call.now);
    let common = common_context(state, call, &standing);
    for need in &needs {
        let refused = standing.ask(state, call, need, &common, |request, policies| {
            refused_words(state, request, policies, need, call)
        });
        if let Some(words) = refused {
            return Err(AwsError::access_denied(service, words));
        }
    }
    Ok(())
}

/// Refuses a call to an operation that the range does not have, where AWS would: of one who is allowed its action on
/// no resource at all. On which resource it would be, only a row knows.
pub fn authorise_unknown(
    state: &State,
    service: &Service,
    operation: &Operation,
    call: &Call<'_>,
) -> Result<(), AwsError> {
    if operation.unauthenticated {
        return Ok(());
    }
    refuse_weak_session(service, call)?;
    let standing = Standing::of(state, call.caller, call.now);
    let common = common_context(state, call, &standing);
    for action in actions::of_operation(&service.name, &service.signing_name, call.operation) {
        let need = Need::new(&action, "*");
        let refused = standing.ask(state, call, &need, &common, |request, policies| {
            let decision = evaluate_some(request, policies);
            (!decision.is_allowed())
                .then(|| words(state, &decision, request, policies, &need, call))
        });
        if let Some(words) = refused {
            return Err(AwsError::access_denied(service, words));
        }
    }
    Ok(())
}

/// Whether a caller would be allowed an action: for handlers whose answer depends on a second permission.
pub fn allowed(state: &State, call: &Call<'_>, need: &Need) -> bool {
    let standing = Standing::of(state, call.caller, call.now);
    let common = common_context(state, call, &standing);
    standing.ask(state, call, need, &common, |request, policies| {
        is_allowed(request, policies, need)
    })
}

/// Whether the policy of a resource would let the caller, whatever the caller's own policies say.
pub fn admits(state: &State, call: &Call<'_>, need: &Need) -> bool {
    let standing = Standing::of(state, call.caller, call.now);
    let common = common_context(state, call, &standing);
    standing.ask(state, call, need, &common, |request, policies| {
        let everything = Named::new("everything", EVERYTHING.clone());
        let policies = Policies {
            identity: std::slice::from_ref(&everything),
            resource: policies.resource,
            ..Policies::default()
        };
        decide(request, &policies).is_allowed()
    })
}

/// A policy of somebody who may do everything.
static EVERYTHING: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let document =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    Arc::new(Policy::parse(document).unwrap_or_else(|_| Policy::empty()))
});

/// Whether a need is met: by the policies, or by a grant that nothing denies. A grant asks neither for a policy of the caller
/// nor for one of the key; what bounds the caller bounds it too.
fn is_allowed(request: &Request<'_>, policies: &Policies<'_>, need: &Need) -> bool {
    let outcome = decide(request, policies);
    let Some(grant) = &need.grant else {
        return outcome.is_allowed();
    };
    let by_grant = || {
        let policies = Policies {
            identity: std::slice::from_ref(grant),
            resource: Some((grant, ResourceRule::Ordinary)),
            ..*policies
        };
        decide(request, &policies).is_allowed()
    };
    match outcome.verdict {
        Verdict::Allowed => true,
        Verdict::ExplicitlyDenied => false,
        Verdict::ImplicitlyDenied => by_grant(),
    }
}

/// The refusal that a caller gets who is not allowed an action; none for one who is.
pub fn refusal(state: &State, call: &Call<'_>, need: &Need) -> Option<String> {
    let standing = Standing::of(state, call.caller, call.now);
    let common = common_context(state, call, &standing);
    standing.ask(state, call, need, &common, |request, policies| {
        refused_words(state, request, policies, need, call)
    })
}

/// What a caller is told who is not allowed a request. The reasons are gathered for those alone.
fn refused_words(
    state: &State,
    request: &Request<'_>,
    policies: &Policies<'_>,
    need: &Need,
    call: &Call<'_>,
) -> Option<String> {
    if is_allowed(request, policies, need) {
        return None;
    }
    let decision = evaluate(request, policies);
    Some(words(state, &decision, request, policies, need, call))
}

/// The refusal in the words of the engine, which are AWS's.
fn words(
    state: &State,
    decision: &Decision,
    request: &Request<'_>,
    policies: &Policies<'_>,
    need: &Need,
    call: &Call<'_>,
) -> String {
    // Strangers are told what they may not do, and nothing more.
    if let Principal::Federated { .. } = call.caller.principal {
        return format!("Not authorized to perform {}", need.action);
    }
    // STS does not say why somebody may not be a member's root.
    if need.action == "sts:AssumeRoot" {
        return format!(
            "User: {} is not authorized to perform: {} on resource: {}",
            request.principal.name(),
            need.action,
            need.resource
        );
    }
    let message = decision.refusal(request);
    if call.service == "kms" {
        return services::kms::refusal_words(call, need, decision, message);
    }
    if call.service == "ec2" {
        return authorization_message::refusal(state, call, decision, request, policies, &message);
    }
    if call.service != "s3" {
        return message;
    }
    // S3 tells strangers nothing more, and puts the resource in quotes.
    let own = need
        .owner
        .as_ref()
        .is_none_or(|owner| *owner == call.caller.account);
    if !own || matches!(call.caller.principal, Principal::Anonymous) {
        return "Access Denied".to_owned();
    }
    let plain = format!(" on resource: {}", need.resource);
    message.replacen(&plain, &format!(" on resource: \"{}\"", need.resource), 1)
}

/// Nothing of a closed account can be had, whoever asks.
fn refuse_closed(
    state: &State,
    service: &Service,
    call: &Call<'_>,
    need: &Need,
) -> Result<(), AwsError> {
    let owner = need
        .owner
        .as_ref()
        .and_then(|owner| state.accounts.get(owner));
    if !owner.is_some_and(|owner| owner.is_closed(call.now)) {
        return Ok(());
    }
    if service.name == "s3" {
        let message = "All access to this object has been disabled";
        return Err(AwsError::new(403, "AllAccessDisabled", message));
    }
    let message = format!(
        "User: {} is not authorized to perform: {} on resource: {}",
        call.caller.arn, need.action, need.resource
    );
    Err(AwsError::access_denied(service, message))
}

/// Sessions of GetSessionToken and GetFederationToken may not call IAM (but with MFA, for the former), nor
/// most of STS.
fn refuse_weak_session(service: &Service, call: &Call<'_>) -> Result<(), AwsError> {
    let Some(session) = &call.caller.session else {
        return Ok(());
    };
    if call.operation == "GetCallerIdentity" {
        return Ok(());
    }
    // One task of a root is its session's own; and what is delegated is a partner's, not the user's.
    if session.assumed_root || session.delegate.is_some() {
        return Ok(());
    }
    let refused = match (&call.caller.principal, service.name.as_str()) {
        (Principal::User { .. } | Principal::Root { .. }, "iam") => !session.mfa,
        (Principal::User { .. } | Principal::Root { .. }, "sts") => call.operation != "AssumeRole",
        (Principal::FederatedUser { .. }, "iam" | "sts") => true,
        (Principal::Role { .. }, "sts") => {
            matches!(call.operation, "GetSessionToken" | "GetFederationToken")
        }
        _ => false,
    };
    if !refused {
        return Ok(());
    }
    if matches!(call.operation, "GetSessionToken" | "GetFederationToken") {
        let message = format!("Cannot call {} with session credentials", call.operation);
        return Err(AwsError::access_denied(service, message));
    }
    Err(AwsError::unknown_access_key(service))
}

/// The tags of the caller: those of the user or role, and those of the session in their place.
pub fn principal_tags(state: &State, call: &Call<'_>) -> Vec<(String, String)> {
    Standing::of(state, call.caller, call.now).tags
}

/// Every policy that comes with the caller.
struct Standing {
    identity: Vec<Named>,
    boundary: Option<Named>,
    scps: Vec<Vec<Named>>,
    tags: Vec<(String, String)>,
    name: Option<String>,
}

impl Standing {
    fn of(state: &State, caller: &crate::call::Caller, now: Timestamp) -> Self {
        let mut standing = Self {
            identity: Vec::new(),
            boundary: None,
            scps: Vec::new(),
            tags: Vec::new(),
            name: None,
        };
        let delay = state.config.iam_delay;
        let Some(account) = state.accounts.get(&caller.account) else {
            return standing;
        };
        let iam = account.iam.effective(now, delay);
        let mut exempt = false;
        match &caller.principal {
            Principal::User { arn, user_id } => {
                // By name, which is quick; by id only for one who was renamed since.
                let user = iam
                    .user(arn.resource_name())
                    .filter(|user| user.id == *user_id)
                    .or_else(|| iam.user_by_id(user_id));
                if let Some(user) = user {
                    standing.identity = iam.policies_of_user(&user.name);
                    standing.boundary = iam.boundary_of_user(&user.name);
                    standing.tags = user
                        .tags
                        .iter()
                        .map(|tag| (tag.key.clone(), tag.value.clone()))
                        .collect();
                    standing.name = Some(user.name.clone());
                }
            }
            Principal::Role {
                role_arn, role_id, ..
            } => {
                let role = iam
                    .role(role_arn.resource_name())
                    .filter(|role| role.id == *role_id);
                if let Some(role) = role {
                    standing.identity = iam.policies_of_role(&role.name);
                    standing.boundary = iam.boundary_of_role(&role.name);
                    standing.tags = role
                        .tags
                        .iter()
                        .map(|tag| (tag.key.clone(), tag.value.clone()))
                        .collect();
                    exempt = role.is_service_linked();
                }
            }
            Principal::FederatedUser { .. } => {
                if let Some(user) = issuing_user(iam, caller) {
                    standing.identity = iam.policies_of_user(&user.name);
                    standing.boundary = iam.boundary_of_user(&user.name);
                }
            }
            Principal::Root { .. } if caller.session.as_ref().is_some_and(|s| s.assumed_root) => {
                let session = caller.session.as_ref();
                standing.identity = session.map(|s| s.policies.clone()).unwrap_or_default();
            }
            Principal::Root { .. } | Principal::Federated { .. } | Principal::Service { .. } => {}
            Principal::Anonymous => return standing,
        }
        if let Some(session) = &caller.session {
            for (key, value) in &session.tags {
                standing.tags.retain(|(there, _)| there != key);
                standing.tags.push((key.clone(), value.clone()));
            }
        }
        if !exempt {
            standing.scps = state
                .organizations
                .effective(now, delay)
                .scp_levels(&caller.account);
        }
        standing
    }

    /// Puts a question about one need to the engine.
    fn ask<T>(
        &self,
        state: &State,
        call: &Call<'_>,
        need: &Need,
        common: &Context,
        question: impl FnOnce(&Request<'_>, &Policies<'_>) -> T,
    ) -> T {
        let mut context = common.clone();
        let owner = need.owner.as_ref().unwrap_or(&call.caller.account);
        context.set("aws:ResourceAccount", owner.as_str());
        let organizations = state
            .organizations
            .effective(call.now, state.config.iam_delay);
        if let Some(id) = organizations.organization_id_of(owner) {
            context.set("aws:ResourceOrgID", id);
        }
        if let Some(path) = organizations.path_of(owner) {
            context.set("aws:ResourceOrgPaths", path);
        }
        let rcps = if rcp_binds(&need.action) {
            organizations.rcp_levels(owner)
        } else {
            Vec::new()
        };
        for (key, values) in need.context.iter() {
            context.insert(key, values.iter().cloned());
        }
        let policies = Policies {
            identity: &self.identity,
            resource: need
                .policy
                .as_ref()
                .filter(|_| !need.ignore_public)
                .map(|(named, rule): &(Named, ResourceRule)| (named, *rule)),
            boundary: self.boundary.as_slice(),
            session: call
                .caller
                .session
                .as_ref()
                // What a root's session may not do stands with its own policies.
                .filter(|session| !session.assumed_root)
                .map_or(&[], |session| session.policies.as_slice()),
            scps: &self.scps,
            rcps: &rcps,
            endpoint: &[],
        };
        let request = Request {
            principal: &call.caller.principal,
            action: &need.action,
            resource: &need.resource,
            resource_account: need.owner.as_ref().map(stockade_model::AccountId::as_str),
            context: &context,
        };
        question(&request, &policies)
    }
}

/// The global condition keys of a call.
fn common_context(state: &State, call: &Call<'_>, standing: &Standing) -> Context {
    let caller = call.caller;
    let mut context = Context::new();
    context.set("aws:CurrentTime", trail::seconds(call.now).to_string());
    context.set("aws:EpochTime", call.now.as_second().to_string());
    context.set("aws:SecureTransport", call.tls.is_some().to_string());
    context.set("aws:SourceIp", call.source_ip);
    context.set("aws:UserAgent", call.user_agent);
    context.set("aws:RequestedRegion", call.region.as_str());
    if let Some(page) = call.headers.get(http::header::REFERER)
        && let Ok(page) = page.to_str()
    {
        context.set("aws:Referer", page);
    }
    context.set("aws:ViaAWSService", call.via.is_some().to_string());
    context.set("aws:PrincipalType", caller.principal.kind());
    if matches!(caller.principal, Principal::Anonymous) {
        context.set("aws:PrincipalAccount", "anonymous");
        context.set("aws:userid", "anonymous");
        return context;
    }
    context.set("aws:PrincipalIsAWSService", "false");
    context.set("aws:PrincipalAccount", caller.account.as_str());
    context.set("aws:userid", caller.user_id.as_str());
    if let Some(arn) = caller.principal.principal_arn() {
        context.set("aws:PrincipalArn", arn);
    }
    if let Some(name) = &standing.name {
        context.set("aws:username", name.as_str());
    }
    for (key, value) in &standing.tags {
        context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    let organizations = state
        .organizations
        .effective(call.now, state.config.iam_delay);
    if let Some(id) = organizations.organization_id_of(&caller.account) {
        context.set("aws:PrincipalOrgID", id);
    }
    if let Some(path) = organizations.path_of(&caller.account) {
        context.set("aws:PrincipalOrgPaths", path);
    }
    if let Some(session) = &caller.session {
        let issued = trail::seconds(session.issued);
        context.set("aws:TokenIssueTime", issued.to_string());
        context.set("aws:MultiFactorAuthPresent", session.mfa.to_string());
        if session.mfa {
            let age = call.now.as_second().saturating_sub(issued.as_second());
            context.set("aws:MultiFactorAuthAge", age.to_string());
        }
        if session.assumed_root {
            context.set("aws:AssumedRoot", "true");
        }
        if let Some(federation) = &session.federation {
            context.set("aws:FederatedProvider", federation.provider.as_str());
            for (key, values) in &federation.context {
                context.insert(key, values.iter().cloned());
            }
        }
        if let Some(identity) = &session.source_identity {
            context.set("aws:SourceIdentity", identity.as_str());
        }
    }
    context
}
