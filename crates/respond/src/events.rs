//! Events of the trail by LookupEvents, and how far they reach.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{AccountId, Event, Origin, Region};

use crate::aws::{Aws, Call, CallError, Reach, pages};

/// What LookupEvents is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Everything.
    All,
    /// The calls that a key signed.
    AccessKey(&'a str),
    /// The calls of a user, or of sessions of this name.
    Username(&'a str),
    /// The calls about a resource.
    Resource(&'a str),
}

/// Where events were asked for, and the newest that was seen there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The newest event; none where there was none.
    pub newest: Option<Timestamp>,
    /// Why nothing could be read.
    pub failed: Option<String>,
}

/// The events of one account and region between two times, oldest first.
pub async fn lookup(
    aws: &dyn Aws,
    wanted: &Wanted<'_>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Event>, CallError> {
    let mut input = json!({
        "StartTime": from.to_string(), "EndTime": to.to_string(), "MaxResults": 50
    });
    let attribute = match wanted {
        Wanted::All => None,
        Wanted::AccessKey(key) => Some(("AccessKeyId", key)),
        Wanted::Username(name) => Some(("Username", name)),
        Wanted::Resource(name) => Some(("ResourceName", name)),
    };
    if let (Some((key, value)), Some(members)) = (attribute, input.as_object_mut()) {
        members.insert(
            "LookupAttributes".to_owned(),
            json!([{"AttributeKey": key, "AttributeValue": value}]),
        );
    }
    let call = Call::new("cloudtrail", "LookupEvents", input);
    let items = pages(aws, &call, "Events").await?;
    let mut events: Vec<Event> = items
        .iter()
        .zip(0..)
        .filter_map(|(item, index)| event(item, index))
        .collect();
    events.sort_by_key(Event::time);
    Ok(events)
}

fn event(item: &Value, index: u64) -> Option<Event> {
    let record: Value = serde_json::from_str(item.get("CloudTrailEvent")?.as_str()?).ok()?;
    // Findings point to events by their origin: it must tell the answers of several calls apart.
    let id = record.get("eventID").and_then(Value::as_str);
    let source = format!("cloudtrail:LookupEvents:{}", id.unwrap_or_default());
    let origin = Origin {
        source: source.into(),
        index,
    };
    Event::new(record, origin).ok()
}

/// The events of several accounts and regions, each once, oldest first, with the coverage.
pub async fn gather(
    reach: &Reach,
    accounts: &BTreeSet<AccountId>,
    regions: &BTreeSet<Region>,
    wanted: &Wanted<'_>,
    from: Timestamp,
    to: Timestamp,
) -> (Vec<Event>, Vec<Coverage>) {
    let (mut events, mut coverage) = (Vec::new(), Vec::new());
    for account in accounts {
        let client = reach.account(account).await;
        for region in regions {
            let found = match &client {
                Ok(client) => lookup(client.in_region(region).as_ref(), wanted, from, to).await,
                Err(error) => Err(error.clone()),
            };
            let (newest, failed) = match &found {
                Ok(found) => (found.last().map(Event::time), None),
                Err(error) => (None, Some(error.to_string())),
            };
            coverage.push(Coverage {
                account: account.clone(),
                region: region.clone(),
                newest,
                failed,
            });
            events.extend(found.unwrap_or_default());
        }
    }
    (merge(events), coverage)
}

/// Each event once (by `eventID`), oldest first.
pub fn merge(mut events: Vec<Event>) -> Vec<Event> {
    let mut seen = BTreeSet::new();
    events.retain(|event| event.id().is_none_or(|id| seen.insert(id.to_owned())));
    events.sort_by_key(Event::time);
    events
}
