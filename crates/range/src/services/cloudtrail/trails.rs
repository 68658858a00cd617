//! Trails: made, changed, shown, deleted.
//!
//! Owns their settings. Starting and stopping is `status.rs`; what they want is `selectors.rs`.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::AccountId;
use stockade_wire::AwsError;

use super::naming::{self, TrailId};
use super::selectors::Selectors;
use super::state::{Settings, Trail};
use super::tags::{self, Tag};
use super::{delivery, digests, errors};
use crate::call::{Call, Reply};
use crate::state::State;

const TRAILS_PER_REGION: usize = 5;

/// The account that manages an account's organisation, and the organisation's id.
pub(super) fn organization<'a>(
    state: &'a State,
    account: &AccountId,
) -> Option<(&'a AccountId, &'a str)> {
    let organization = state.organizations.read().of(account)?;
    Some((&organization.management, &organization.id))
}

/// The trail with this id, if the caller's account may see it: its own, or its organisation's.
fn visible<'a>(state: &'a State, call: &Call<'_>, id: &TrailId) -> Option<&'a Trail> {
    let find = |account: &AccountId| {
        let trails = &state.accounts.get(account)?.cloudtrail.trails;
        trails.get(&(id.home.clone(), id.name.clone()))
    };
    let mine = id.account == *call.account();
    if let Some(trail) = find(call.account()).filter(|_| mine) {
        return Some(trail);
    }
    let (management, _) = organization(state, call.account())?;
    find(management)
        .filter(|trail| trail.settings.organization && (mine || id.account == *management))
}

/// The trail that a call names, to look at.
pub(super) fn seen<'a>(
    state: &'a State,
    call: &Call<'_>,
    text: &str,
) -> Result<&'a Trail, AwsError> {
    let id = naming::read(call, text)?;
    visible(state, call, &id).ok_or_else(|| errors::unknown_trail(&id.arn(), call.account()))
}

/// The trail that a call names, to change: the caller's own, in its home region.
pub(super) fn own_mut<'a>(
    state: &'a mut State,
    call: &Call<'_>,
    text: &str,
) -> Result<&'a mut Trail, AwsError> {
    let id = checked_own(state, call, text)?;
    state
        .account_mut(call.account())?
        .cloudtrail
        .trails
        .get_mut(&(id.home.clone(), id.name.clone()))
        .ok_or_else(|| errors::unknown_trail(&id.arn(), call.account()))
}

fn checked_own(state: &State, call: &Call<'_>, text: &str) -> Result<TrailId, AwsError> {
    let id = naming::read(call, text)?;
    let trail = visible(state, call, &id)
        .ok_or_else(|| errors::unknown_trail(&id.arn(), call.account()))?;
    if trail.account != *call.account() {
        return Err(errors::not_management());
    }
    if id.home != *call.region {
        return Err(errors::not_home(&id.arn(), &id.home));
    }
    Ok(id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    name: String,
    s3_bucket_name: Option<String>,
    s3_key_prefix: Option<String>,
    sns_topic_name: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    cloud_watch_logs_log_group_arn: Option<String>,
    kms_key_id: Option<String>,
    is_organization_trail: Option<bool>,
    #[serde(default)]
    tags_list: Vec<Tag>,
}

impl Change {
    /// The settings that this change leads to, from those before.
    fn settings(&self, before: Settings) -> Result<Settings, AwsError> {
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        // The range has no topics, keys and log groups: what a trail names is not there.
        if given(&self.sns_topic_name) {
            return Err(errors::no_topic());
        }
        if let Some(id) = self.kms_key_id.as_ref().filter(|id| !id.is_empty()) {
            return Err(errors::no_key(id));
        }
        if given(&self.cloud_watch_logs_log_group_arn) {
            return Err(errors::no_log_group());
        }
        let settings = Settings {
            bucket: self.s3_bucket_name.clone().unwrap_or(before.bucket),
            prefix: match &self.s3_key_prefix {
                Some(prefix) if prefix.is_empty() => None,
                Some(prefix) => Some(prefix.trim_end_matches('/').to_owned()),
                None => before.prefix,
            },
            global_events: self
                .include_global_service_events
                .unwrap_or(before.global_events),
            multi_region: self.is_multi_region_trail.unwrap_or(before.multi_region),
            validation: self.enable_log_file_validation.unwrap_or(before.validation),
            organization: self.is_organization_trail.unwrap_or(before.organization),
        };
        if settings.multi_region && !settings.global_events {
            return Err(errors::combination(
                "Multi-Region trail must include global service events.",
            ));
        }
        Ok(settings)
    }
}

fn check(state: &State, call: &Call<'_>, name: &str, settings: &Settings) -> Result<(), AwsError> {
    if settings.organization {
        let (management, _) =
            organization(state, call.account()).ok_or_else(errors::no_organization)?;
        if management != call.account() {
            return Err(errors::not_management());
        }
        let organizations = state.organizations.read();
        if !organizations.trusts(management, "cloudtrail.amazonaws.com") {
            return Err(errors::not_trusted());
        }
    }
    delivery::check_bucket(state, call.account(), call.region, name, settings)
}

/// `CreateTrail`.
pub(super) fn create(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Change = call.read()?;
    naming::check_name(&input.name)?;
    let account = call.account();
    let trails = &state.account(account)?.cloudtrail.trails;
    let place = (call.region.clone(), input.name.clone());
    if trails.contains_key(&place) {
        return Err(errors::trail_exists(&input.name, account));
    }
    if trails
        .keys()
        .filter(|(home, _)| home == call.region)
        .count()
        >= TRAILS_PER_REGION
    {
        return Err(errors::too_many_trails(
            account,
            TRAILS_PER_REGION,
            call.region,
        ));
    }
    let settings = input.settings(Settings {
        global_events: true,
        ..Settings::default()
    })?;
    let mut kept = Vec::new();
    tags::merge(&mut kept, &input.tags_list)?;
    check(state, call, &input.name, &settings)?;
    let trail = Trail {
        account: account.clone(),
        name: input.name,
        home: call.region.clone(),
        settings,
        selectors: Selectors::default(),
        tags: kept,
        logging: false,
        started: None,
        stopped: None,
        delivered: None,
        attempted: None,
        error: None,
        digested: None,
        digest_error: None,
        serial: state.ids.hex(16),
    };
    let answer = answer(&trail);
    state
        .account_mut(account)?
        .cloudtrail
        .trails
        .insert(place, trail);
    Ok(Reply::of_value(answer))
}

/// `UpdateTrail`.
pub(super) fn update(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Change = call.read()?;
    let id = checked_own(state, call, &input.name)?;
    let settings = input.settings(seen(state, call, &input.name)?.settings.clone())?;
    check(state, call, &id.name, &settings)?;
    let trail = own_mut(state, call, &input.name)?;
    let logging = trail.logging;
    let before = std::mem::replace(&mut trail.settings, settings).validation && logging;
    let after = trail.settings.validation && logging;
    let (answer, serial) = (answer(trail), trail.serial.clone());
    match (before, after) {
        (false, true) => {
            digests::begin(state, call.account(), &(id.home, id.name), call.now);
        }
        (true, false) => digests::close_with_the_hour(state, &serial),
        _ => {}
    }
    Ok(Reply::of_value(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

/// `DeleteTrail`. What it has taken is delivered first.
pub(super) fn delete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let id = checked_own(state, call, &input.name)?;
    let place = (id.home, id.name);
    let serial = own_mut(state, call, &input.name)?.serial.clone();
    delivery::deliver(state, call.account(), &place, call.now);
    digests::finish(state, &serial, call.now);
    state
        .account_mut(call.account())?
        .cloudtrail
        .trails
        .remove(&place);
    Ok(Reply::empty())
}

/// `GetTrail`.
pub(super) fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Named = call.read()?;
    let trail = seen(state, call, &input.name)?;
    Ok(Reply::of_value(json!({"Trail": shown(trail)})))
}

/// The trails of the caller's account, and those of its organisation.
fn all<'a>(state: &'a State, call: &Call<'_>) -> Vec<&'a Trail> {
    let account = call.account();
    let of = |account: &AccountId| {
        let account = state.accounts.get(account);
        account
            .into_iter()
            .flat_map(|a| a.cloudtrail.trails.values())
    };
    let management = organization(state, account)
        .map(|(management, _)| management)
        .filter(|management| *management != account);
    let theirs = management
        .into_iter()
        .flat_map(of)
        .filter(|trail| trail.settings.organization);
    of(account).chain(theirs).collect()
}

/// `DescribeTrails`.
pub(super) fn describe(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Describe {
        #[serde(default)]
        trail_name_list: Vec<String>,
        include_shadow_trails: Option<bool>,
    }
    let input: Describe = call.read()?;
    let shadows = input.include_shadow_trails.unwrap_or(true);
    let wanted: Vec<TrailId> = input
        .trail_name_list
        .iter()
        .map(|text| naming::read(call, text))
        .collect::<Result<_, _>>()?;
    let is_wanted = |trail: &Trail| {
        wanted.is_empty()
            || wanted.iter().any(|id| {
                id.name == trail.name && (id.home == trail.home || id.home == *call.region)
            })
    };
    let trails: Vec<Value> = all(state, call)
        .into_iter()
        .filter(|trail| trail.home == *call.region || (trail.settings.multi_region && shadows))
        .filter(|trail| is_wanted(trail))
        .map(shown)
        .collect();
    Ok(Reply::of_value(json!({"trailList": trails})))
}

/// `ListTrails`: of every region, on one page.
pub(super) fn list(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    if call.input.contains_key("NextToken") {
        return Err(errors::token());
    }
    let trails: Vec<Value> = all(state, call)
        .into_iter()
        .map(|trail| {
            json!({
                "TrailARN": trail.arn().to_string(),
                "Name": trail.name,
                "HomeRegion": trail.home.as_str(),
            })
        })
        .collect();
    Ok(Reply::of_value(json!({"Trails": trails})))
}

/// As `CreateTrail` and `UpdateTrail` answer it.
fn answer(trail: &Trail) -> Value {
    let settings = &trail.settings;
    let mut value = json!({
        "Name": trail.name,
        "S3BucketName": settings.bucket,
        "IncludeGlobalServiceEvents": settings.global_events,
        "IsMultiRegionTrail": settings.multi_region,
        "TrailARN": trail.arn().to_string(),
        "LogFileValidationEnabled": settings.validation,
        "IsOrganizationTrail": settings.organization,
    });
    if let (Some(members), Some(prefix)) = (value.as_object_mut(), &settings.prefix) {
        members.insert("S3KeyPrefix".into(), prefix.as_str().into());
    }
    value
}

/// As `GetTrail` and `DescribeTrails` show it.
fn shown(trail: &Trail) -> Value {
    let mut value = answer(trail);
    if let Some(members) = value.as_object_mut() {
        members.insert("HomeRegion".into(), trail.home.as_str().into());
        members.insert(
            "HasCustomEventSelectors".into(),
            trail.selectors.are_custom().into(),
        );
        members.insert("HasInsightSelectors".into(), false.into());
    }
    value
}
