//! The triage of an IAM user.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Event, Origin, Region};

use super::{
    AccessKey, Group, LastUsed, OtherCredential, PolicyDocument, Suspects, TriageOptions,
    UserFacts, callers, organization, policies, related, usage,
};
use crate::aws::{Aws, Call, CallError, Fault, Reach, find, pages};
use crate::events::{self, Coverage, Wanted};
use crate::fact::Fact;
use crate::inline::Holder;
use crate::lineage::Lineage;
use crate::pace::Pace;
use crate::persistence;

/// How far back LookupEvents is asked.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often the lineage is followed further: a chain has one more key each time.
const ROUNDS: usize = 6;

/// Why there is no triage.
#[derive(Debug, thiserror::Error)]
pub enum TriageError {
    /// No such user.
    #[error("account {account} has no user `{name}`{}", did_you_mean(.near))]
    NoUser {
        /// The account.
        account: AccountId,
        /// The name.
        name: String,
        /// Names that are near.
        near: Vec<String>,
    },
    /// The account is not reached.
    #[error(
        "account {account} is not reached: {error}. Give credentials of that account, or a role in it that these credentials may assume"
    )]
    NotReached {
        /// The account.
        account: AccountId,
        /// Why.
        error: CallError,
    },
    /// The user cannot be read.
    #[error("user `{name}` cannot be read: {error}{}", who_may_read(error))]
    Unreadable {
        /// The name.
        name: String,
        /// Why.
        error: CallError,
    },
    /// Not the ARN of a user.
    #[error(
        "`{0}` is not a user: give its name, or an ARN like arn:aws:iam::111122223333:user/anna"
    )]
    NotAUser(String),
}

fn who_may_read(error: &CallError) -> &'static str {
    if error.fault == Fault::Denied {
        ". Give credentials that may read IAM, and change it if you are to respond"
    } else {
        ""
    }
}

fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => "; list its users to see which there are, or name another account with --account"
            .to_owned(),
        names => format!("; did you mean {}?", names.join(", ")),
    }
}

/// Gathers what is known of a user, given by name or ARN. Changes nothing.
pub async fn user(
    reach: &Reach,
    pace: &dyn Pace,
    name: &str,
    options: &TriageOptions,
) -> Result<UserFacts, TriageError> {
    let (account, name) = subject(reach, name, options)?;
    let entered = async {
        let aws = reach.account(&account).await?;
        Ok((aws, reach.identity_in(&account).await?))
    };
    let (aws, responder) = entered.await.map_err(|error| TriageError::NotReached {
        account: account.clone(),
        error,
    })?;
    let aws = aws.as_ref();
    let found = read_user(aws, &account, &name).await?;
    // As AWS spells it: it takes another case for the same user, and reports and ARNs do not.
    let name = match found.get("UserName").and_then(Value::as_str) {
        Some(spelt) => spelt.to_owned(),
        None => name,
    };
    let text = |member: &str| {
        found
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let arn: Arn = text("Arn").parse().unwrap_or_else(|_| {
        let partition = &reach.identity().arn.partition;
        Arn {
            partition: partition.clone(),
            service: "iam".to_owned(),
            region: String::new(),
            account: account.to_string(),
            resource: format!("user/{name}"),
        }
    });
    let holder = Holder::user(&name);
    let attached: Fact<Vec<PolicyDocument>> = policies::attached(aws, &holder).await.into();
    let boundary = match found
        .get("PermissionsBoundary")
        .and_then(|b| b.get("PermissionsBoundaryArn")?.as_str())
    {
        Some(arn) => policies::managed(aws, arn).await.map(Some).into(),
        None => Fact::Known(None),
    };
    let login = find(
        aws,
        &Call::new("iam", "GetLoginProfile", json!({"UserName": name})),
    )
    .await;
    let keys: Fact<Vec<AccessKey>> = keys(aws, &name).await.into();
    let organization = organization(reach).await;
    let mut facts = UserFacts {
        at: pace.now(),
        responder,
        home: reach.identity().clone(),
        id: text("UserId").to_owned(),
        path: text("Path").to_owned(),
        created: time(found.get("CreateDate")),
        tags: tags(aws, &name).await.into(),
        groups: groups(aws, &name).await,
        aws_quarantine: quarantine(aws, &holder).await.into(),
        inline: policies::inline(aws, &holder).await.into(),
        login_profile: Fact::from(login).map(|found| {
            found.map(|answer| time(answer.get("LoginProfile").and_then(|p| p.get("CreateDate"))))
        }),
        mfa: mfa(aws, &name).await.into(),
        service_credentials: others(aws, &name, &SERVICE).await.into(),
        ssh_keys: others(aws, &name, &SSH).await.into(),
        certificates: others(aws, &name, &CERTIFICATES).await.into(),
        service_access: usage::service_access(aws, pace, &arn).await,
        credential_report: usage::credential_report(aws, pace, &name).await,
        lineage: Fact::unknown("no events"),
        callers: Vec::new(),
        role_callers: Vec::new(),
        roles: Vec::new(),
        other_users: Vec::new(),
        coverage: Vec::new(),
        events: 0,
        persistence: Vec::new(),
        secrets_read: Vec::new(),
        findings: Vec::new(),
        account,
        name,
        arn,
        attached,
        boundary,
        keys,
        organization,
    };
    let (events, coverage) = trail(reach, &facts, options).await;
    facts.coverage = coverage;
    follow(&mut facts, &events, options);
    facts.roles = related::roles(reach, &facts).await;
    facts.other_users = related::users(reach, &facts).await;
    Ok(facts)
}

fn subject(
    reach: &Reach,
    name: &str,
    options: &TriageOptions,
) -> Result<(AccountId, String), TriageError> {
    let given = options.account.clone();
    let home = || given.unwrap_or_else(|| reach.identity().account.clone());
    if !name.starts_with("arn:") {
        return Ok((home(), name.to_owned()));
    }
    let wrong = || TriageError::NotAUser(name.chars().take(200).collect());
    let arn: Arn = name.parse().map_err(|_| wrong())?;
    let account = arn.account.parse().map_err(|_| wrong())?;
    if arn.service != "iam" || arn.resource_type() != "user" {
        return Err(wrong());
    }
    Ok((account, arn.resource_name().to_owned()))
}

async fn read_user(aws: &dyn Aws, account: &AccountId, name: &str) -> Result<Value, TriageError> {
    let call = Call::new("iam", "GetUser", json!({ "UserName": name }));
    match aws.call(&call).await {
        Ok(mut answer) => Ok(answer.remove("User").unwrap_or_default()),
        Err(error) if error.is_not_found() => Err(TriageError::NoUser {
            account: account.clone(),
            name: name.to_owned(),
            near: near_names(aws, name).await,
        }),
        Err(error) => Err(TriageError::Unreadable {
            name: name.to_owned(),
            error,
        }),
    }
}

async fn near_names(aws: &dyn Aws, name: &str) -> Vec<String> {
    let list = Call::new("iam", "ListUsers", json!({}));
    let users = pages(aws, &list, "Users").await.unwrap_or_default();
    let mut names: Vec<(usize, String)> = users
        .iter()
        .filter_map(|user| user.get("UserName")?.as_str())
        .map(|known| (distance(name, known), known.to_owned()))
        .filter(|(far, known)| *far <= (name.len() / 2).clamp(1, 3) || known.contains(name))
        .collect();
    names.sort();
    names.into_iter().take(5).map(|(_, name)| name).collect()
}

/// How many letters must be changed, without regard to case.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, letter) in left.to_lowercase().chars().enumerate() {
        let mut diagonal = place;
        let mut last = place + 1;
        let mut next = vec![last];
        for (other, above) in right.iter().zip(row.iter().skip(1)) {
            let change = diagonal + usize::from(*other != letter);
            diagonal = *above;
            last = change.min(last + 1).min(above + 1);
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// A time of an answer.
pub(super) fn time(value: Option<&Value>) -> Option<Timestamp> {
    value?.as_str()?.parse().ok()
}

pub(super) async fn keys(aws: &dyn Aws, name: &str) -> Result<Vec<AccessKey>, CallError> {
    let call = Call::new("iam", "ListAccessKeys", json!({ "UserName": name }));
    let mut keys = Vec::new();
    for item in pages(aws, &call, "AccessKeyMetadata").await? {
        let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
        let id = text("AccessKeyId").to_owned();
        let call = Call::new("iam", "GetAccessKeyLastUsed", json!({ "AccessKeyId": id }));
        keys.push(AccessKey {
            status: text("Status").to_owned(),
            created: time(item.get("CreateDate")),
            last_used: aws
                .call(&call)
                .await
                .map(|answer| last_used(&answer))
                .into(),
            id,
        });
    }
    Ok(keys)
}

fn last_used(answer: &crate::aws::Object) -> LastUsed {
    let used = answer.get("AccessKeyLastUsed");
    // AWS says `N/A` for a key that was never used.
    let text = |member: &str| {
        let text = used.and_then(|u| u.get(member)?.as_str())?;
        Some(text.to_owned()).filter(|text| text != "N/A")
    };
    LastUsed {
        at: time(used.and_then(|u| u.get("LastUsedDate"))),
        service: text("ServiceName"),
        region: text("Region"),
    }
}

async fn tags(aws: &dyn Aws, name: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = Call::new("iam", "ListUserTags", json!({ "UserName": name }));
    let tags = pages(aws, &call, "Tags").await?;
    let text = |tag: &Value, member: &str| Some(tag.get(member)?.as_str()?.to_owned());
    Ok(tags
        .iter()
        .filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
        .collect())
}

async fn mfa(aws: &dyn Aws, name: &str) -> Result<Vec<String>, CallError> {
    let call = Call::new("iam", "ListMFADevices", json!({ "UserName": name }));
    let devices = pages(aws, &call, "MFADevices").await?;
    Ok(devices
        .iter()
        .filter_map(|device| Some(device.get("SerialNumber")?.as_str()?.to_owned()))
        .collect())
}

async fn groups(aws: &dyn Aws, name: &str) -> Fact<Vec<Group>> {
    let call = Call::new("iam", "ListGroupsForUser", json!({ "UserName": name }));
    let items = match pages(aws, &call, "Groups").await {
        Ok(items) => items,
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let mut groups = Vec::new();
    for item in items {
        let name = item.get("GroupName").and_then(Value::as_str);
        let holder = Holder::group(name.unwrap_or_default());
        let policies = policies::of_holder(aws, &holder).await;
        groups.push(Group {
            name: holder.name,
            policies: policies
                .map(|(attached, inline)| attached.into_iter().chain(inline).collect())
                .into(),
        });
    }
    Fact::Known(groups)
}

async fn quarantine(aws: &dyn Aws, holder: &Holder) -> Result<Vec<String>, CallError> {
    let attached = pages(aws, &holder.list_attached(), "AttachedPolicies").await?;
    Ok(attached
        .iter()
        .filter_map(|policy| policy.get("PolicyName")?.as_str())
        .filter(|name| name.starts_with("AWSCompromisedKeyQuarantine"))
        .map(str::to_owned)
        .collect())
}

/// A listing of credentials: operation, list, id, what to note.
struct Listing(&'static str, &'static str, &'static str, &'static str);

const SERVICE: Listing = Listing(
    "ListServiceSpecificCredentials",
    "ServiceSpecificCredentials",
    "ServiceSpecificCredentialId",
    "ServiceName",
);
const SSH: Listing = Listing(
    "ListSSHPublicKeys",
    "SSHPublicKeys",
    "SSHPublicKeyId",
    "UploadDate",
);
const CERTIFICATES: Listing = Listing(
    "ListSigningCertificates",
    "Certificates",
    "CertificateId",
    "UploadDate",
);

async fn others(
    aws: &dyn Aws,
    name: &str,
    listing: &Listing,
) -> Result<Vec<OtherCredential>, CallError> {
    let Listing(operation, list, id, note) = listing;
    let call = Call::new("iam", operation, json!({ "UserName": name }));
    let items = pages(aws, &call, list).await?;
    Ok(items
        .iter()
        .map(|item| {
            let text = |member: &str| item.get(member).and_then(Value::as_str).unwrap_or_default();
            OtherCredential {
                id: text(id).to_owned(),
                status: text("Status").to_owned(),
                note: text(note).to_owned(),
            }
        })
        .collect())
}

/// The events of the files, and those of LookupEvents for every key as the lineage shows it.
async fn trail(
    reach: &Reach,
    facts: &UserFacts,
    options: &TriageOptions,
) -> (Vec<Event>, Vec<Coverage>) {
    let mut gathered = events::merge(options.events.clone());
    let Some(more) = &options.lookup else {
        return (gathered, Vec::new());
    };
    let mut regions: BTreeSet<Region> = more.iter().cloned().collect();
    regions.insert(Region::us_east_1());
    let from = facts.at.checked_sub(BACK).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut places: BTreeMap<(AccountId, Region), Coverage> = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for _ in 0..ROUNDS {
        let lineage = Lineage::trace(&facts.arn.to_string(), &own_keys(facts), &gathered);
        let mut wanted: Vec<(Wanted<'_>, BTreeSet<AccountId>)> = Vec::new();
        let home = BTreeSet::from([facts.account.clone()]);
        if asked.insert(facts.name.clone()) {
            wanted.push((Wanted::Username(&facts.name), home.clone()));
        }
        for key in &lineage.keys {
            if asked.insert(key.id.clone()) {
                let mut accounts = home.clone();
                accounts.extend(key.account.parse());
                wanted.push((Wanted::AccessKey(&key.id), accounts));
            }
        }
        for role in &lineage.roles {
            if asked.insert(role.arn.clone()) {
                let accounts = role.account.parse().into_iter().collect();
                wanted.push((Wanted::Resource(&role.arn), accounts));
            }
        }
        if wanted.is_empty() {
            break;
        }
        for (wanted, accounts) in &wanted {
            let (found, coverage) =
                events::gather(reach, accounts, &regions, wanted, from, facts.at).await;
            gathered.extend(found);
            for place in coverage {
                let id = (place.account.clone(), place.region.clone());
                let known = places.entry(id).or_insert_with(|| place.clone());
                known.newest = known.newest.max(place.newest);
                known.failed = known.failed.take().or(place.failed);
            }
        }
        gathered = events::merge(gathered);
    }
    (gathered, places.into_values().collect())
}

fn own_keys(facts: &UserFacts) -> Vec<String> {
    let keys = facts.keys.known().into_iter().flatten();
    keys.map(|key| key.id.clone()).collect()
}

/// What the events tell.
fn follow(facts: &mut UserFacts, events: &[Event], options: &TriageOptions) {
    facts.events = events.len();
    let mut findings = options.findings.clone();
    for finding in options.detect.iter().flat_map(|detect| detect(events)) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    let suspects = Suspects::new(&findings, events, &options.suspect_addresses);
    let lineage = Lineage::trace(&facts.arn.to_string(), &own_keys(facts), events);
    let owned = lineage.events(events);
    let told: BTreeSet<&Origin> = owned.iter().map(|event| event.origin()).collect();
    findings.retain(|finding| finding.proof.iter().any(|seen| told.contains(&seen.origin)));
    facts.findings = findings;
    facts.callers = callers::group(owned, &suspects, true);
    let others = events.iter().filter(|event| {
        let role = event
            .text(&["userIdentity", "sessionContext", "sessionIssuer", "arn"])
            .or_else(|| event.text(&["requestParameters", "roleArn"]));
        // The role's account has its own record of a session that the lineage took.
        let taken = event
            .issued_access_key()
            .is_some_and(|key| lineage.key(key).is_some());
        role.is_some_and(|arn| lineage.roles.iter().any(|known| known.arn == arn))
            && !taken
            && !lineage.owns(event)
    });
    facts.role_callers = callers::group(others, &suspects, false);
    facts.persistence = persistence::find(&lineage, events, &suspects);
    facts.secrets_read = persistence::secrets(&lineage, events);
    // A trail that was read and has nothing tells that nothing was done.
    let read = options.lookup.is_some() && facts.coverage.iter().all(|c| c.failed.is_none());
    facts.lineage = if events.is_empty() && !read {
        Fact::unknown(
            "no event of the user was read: give log files, or let LookupEvents be asked; sessions and what they did are not known",
        )
    } else {
        Fact::Known(lineage)
    };
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn letters_that_differ() {
        assert_eq!(distance("anna", "Anna"), 0);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
