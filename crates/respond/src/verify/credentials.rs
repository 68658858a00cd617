//! Layer two: do the credentials still work? Their statuses, and a canary where one is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};

use super::{Layer, VerifyOptions};
use crate::aws::{Aws, BoxFuture, Call, CallError, Fault, Reach, pages};
use crate::lineage::Lineage;
use crate::triage::UserFacts;

/// What became of a canary's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempted {
    /// It was refused, with this code.
    Refused(String),
    /// It was let through.
    Succeeded,
    /// It did not arrive.
    NotReached(String),
}

/// A canary's call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// As in `s3:ListBuckets`.
    pub call: String,
    /// What became of it.
    pub outcome: Attempted,
}

/// Credentials that must not work any more, to be tried.
pub trait Canary: Send + Sync {
    /// Which credentials, in a word or two; never a secret.
    fn name(&self) -> String;

    /// Tries them with calls that change nothing.
    fn attempt(&self) -> BoxFuture<'_, Vec<Attempt>>;
}

/// A canary that makes calls with a client.
pub struct AwsCanary {
    name: String,
    aws: Arc<dyn Aws>,
    calls: Vec<Call>,
}

impl AwsCanary {
    /// Tries to read: who the user is, the users, the buckets. GetCallerIdentity would prove
    /// nothing, for no policy can deny it.
    pub fn new(name: &str, aws: Arc<dyn Aws>) -> Self {
        let calls = vec![
            Call::new("iam", "GetUser", json!({})),
            Call::new("iam", "ListUsers", json!({})),
            Call::new("s3", "ListBuckets", json!({})),
        ];
        Self::with_calls(name, aws, calls)
    }

    /// Tries these calls. They must change nothing.
    pub fn with_calls(name: &str, aws: Arc<dyn Aws>, calls: Vec<Call>) -> Self {
        Self {
            name: name.to_owned(),
            aws,
            calls,
        }
    }
}

/// Codes of a key or session that AWS does not take.
const NOT_TAKEN: [&str; 9] = [
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
];

fn attempted(answer: Result<crate::aws::Object, CallError>) -> Attempted {
    match answer {
        Ok(_) => Attempted::Succeeded,
        Err(error) => match error.fault {
            Fault::Denied => Attempted::Refused(error.code),
            Fault::NotReached | Fault::OutcomeUnknown | Fault::NotImplemented => {
                Attempted::NotReached(error.message)
            }
            _ if NOT_TAKEN.contains(&error.code.as_str()) => Attempted::Refused(error.code),
            // Any other answer means that it was let in.
            Fault::NotFound | Fault::Refused => Attempted::Succeeded,
        },
    }
}

impl Canary for AwsCanary {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn attempt(&self) -> BoxFuture<'_, Vec<Attempt>> {
        Box::pin(async move {
            let mut attempts = Vec::new();
            for call in &self.calls {
                attempts.push(Attempt {
                    call: call.to_string(),
                    outcome: attempted(self.aws.call(call).await),
                });
            }
            attempts
        })
    }
}

pub(super) async fn layer(
    reach: &Reach,
    facts: &UserFacts,
    lineage: &Lineage,
    options: &VerifyOptions<'_>,
) -> Layer {
    let mut layer = Layer::new("credentials");
    for ((account, user), watched) in users(facts, lineage) {
        let keys = statuses(reach, &account, &user, &KEYS).await;
        judge(&mut layer, &user, "key", keys, watched.as_deref());
    }
    for (listing, noun) in [
        (&SERVICE, "service-specific credential"),
        (&SSH, "SSH key"),
        (&CERTIFICATES, "signing certificate"),
    ] {
        let found = statuses(reach, &facts.account, &facts.name, listing).await;
        judge(&mut layer, &facts.name, noun, found, None);
    }
    for canary in options.canaries {
        for Attempt { call, outcome } in canary.attempt().await {
            let name = canary.name();
            match outcome {
                Attempted::Refused(code) => layer
                    .proved
                    .push(format!("canary {name}: {call} refused ({code})")),
                Attempted::Succeeded => layer
                    .evidence
                    .push(format!("canary {name}: {call} was let through")),
                Attempted::NotReached(why) => layer
                    .missing
                    .push(format!("canary {name}: {call} did not arrive: {why}")),
            }
        }
    }
    if options.canaries.is_empty() {
        let note = "no credentials of the attacker's were given to be tried: their statuses were read instead";
        layer.remarks.push(note.to_owned());
    }
    layer.judged()
}

/// Users by account and name, with the keys that must be inactive; none: all of them.
fn users(
    facts: &UserFacts,
    lineage: &Lineage,
) -> BTreeMap<(AccountId, String), Option<Vec<String>>> {
    let mut users = BTreeMap::new();
    for key in lineage.keys.iter().filter(|key| key.is_long_term()) {
        let Ok(arn) = key.principal.parse::<Arn>() else {
            continue;
        };
        let Ok(account) = arn.account.parse() else {
            continue;
        };
        if arn.resource_type() == "user" {
            let entry = (account, arn.resource_name().to_owned());
            let keys = users.entry(entry).or_insert_with(|| Some(Vec::new()));
            keys.get_or_insert_default().push(key.id.clone());
        }
    }
    for arn in &lineage.users {
        if let Ok(arn) = arn.parse::<Arn>()
            && let Ok(account) = arn.account.parse()
        {
            users.insert((account, arn.resource_name().to_owned()), None);
        }
    }
    users.insert((facts.account.clone(), facts.name.clone()), None);
    users
}

/// A listing: operation, list, id.
type Listing = (&'static str, &'static str, &'static str);

const KEYS: Listing = ("ListAccessKeys", "AccessKeyMetadata", "AccessKeyId");
const SERVICE: Listing = (
    "ListServiceSpecificCredentials",
    "ServiceSpecificCredentials",
    "ServiceSpecificCredentialId",
);
const SSH: Listing = ("ListSSHPublicKeys", "SSHPublicKeys", "SSHPublicKeyId");
const CERTIFICATES: Listing = ("ListSigningCertificates", "Certificates", "CertificateId");

/// Ids with their statuses; none when the user is gone.
async fn statuses(
    reach: &Reach,
    account: &AccountId,
    user: &str,
    (operation, list, id): &Listing,
) -> Result<Option<Vec<(String, String)>>, CallError> {
    let aws = reach.account(account).await?;
    let call = Call::new("iam", operation, json!({ "UserName": user }));
    let items = match pages(aws.as_ref(), &call, list).await {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let text = |item: &Value, name: &str| {
        let text = item.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Ok(Some(
        items
            .iter()
            .map(|item| (text(item, id), text(item, "Status")))
            .collect(),
    ))
}

fn judge(
    layer: &mut Layer,
    user: &str,
    noun: &str,
    found: Result<Option<Vec<(String, String)>>, CallError>,
    watched: Option<&[String]>,
) {
    let found = match found {
        Ok(Some(found)) => found,
        Ok(None) => return layer.proved.push(format!("user {user} is gone")),
        Err(error) => {
            let what = format!("{noun}s of user {user} could not be read: {error}");
            return layer.missing.push(what);
        }
    };
    let found = found
        .iter()
        .filter(|(id, _)| watched.is_none_or(|ids| ids.contains(id)));
    let (mut active, mut inactive) = (Vec::new(), Vec::new());
    for (id, status) in found {
        if status == "Inactive" {
            inactive.push(id.as_str());
        } else {
            active.push(id.as_str());
        }
    }
    if !active.is_empty() {
        let list = active.join(", ");
        layer
            .evidence
            .push(format!("{noun} {list} of user {user} is active"));
    } else if !inactive.is_empty() {
        let list = inactive.join(", ");
        layer
            .proved
            .push(format!("inactive: {noun} {list} of user {user}"));
    } else {
        layer
            .proved
            .push(format!("user {user} has no {noun} that could work"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_success_unless_the_caller_was_refused() {
        let call = Call::new("iam", "GetUser", json!({}));
        let failed = |fault, code| attempted(Err(CallError::new(&call, fault, code, "")));
        assert_eq!(
            attempted(Ok(crate::aws::Object::new())),
            Attempted::Succeeded
        );
        assert_eq!(
            failed(Fault::NotFound, "NoSuchEntity"),
            Attempted::Succeeded
        );
        assert_eq!(
            failed(Fault::Refused, "ValidationError"),
            Attempted::Succeeded
        );
        assert!(matches!(
            failed(Fault::Denied, "AccessDenied"),
            Attempted::Refused(_)
        ));
        assert!(matches!(
            failed(Fault::Refused, "InvalidClientTokenId"),
            Attempted::Refused(_)
        ));
        assert!(matches!(
            failed(Fault::NotReached, ""),
            Attempted::NotReached(_)
        ));
    }
}
