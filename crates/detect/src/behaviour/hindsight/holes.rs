//! What cannot be seen: a region that fell silent, hours for which nothing was delivered, data events that
//! stopped coming.
//!
//! An hour counts as usual where the hours of the same account around it have events. What never was is not
//! missed: that a trail has no data events at all the summary says.

use std::collections::{BTreeMap, BTreeSet};

use stockade_model::{Severity, Tactic};

use super::super::{About, length};
use super::{Hindsight, Past, Say, at};
use crate::profile::{Hour, Moment};
use crate::rule::Meta;
use crate::world::Str;

/// An account, or a region, is steady if so many hours of its days …
const HOURS: usize = 48;
/// … in a hundred have events.
const BUSY: usize = 90;
/// A hole in a steady account has so many hours at least.
const HOLE: i64 = 3;
/// A region is silent after so many hours without an event, while others have some.
const SILENT: i64 = 12;
const HOUR: i64 = 3_600_000_000;

pub(in crate::behaviour) const REGION_SILENT: Hindsight = Hindsight {
    meta: silent_meta,
    look: silent,
};

pub(in crate::behaviour) const DELIVERY_GAP: Hindsight = Hindsight {
    meta: gap_meta,
    look: gaps,
};

pub(in crate::behaviour) const DATA_STOPPED: Hindsight = Hindsight {
    meta: data_meta,
    look: data_stopped,
};

fn silent_meta() -> Meta {
    About {
        id: "region-silent",
        title: "A region fell silent while others go on",
        description: "A region of the account that had events in nearly every hour has none to the end of these logs, while other regions go on. Either nothing runs there any more, or nothing is recorded there any more.",
        severity: Severity::Low,
        tactic: Tactic::DefenseEvasion,
        techniques: &["T1562.008"],
        guardduty: None,
        falsepositives: &["The region's last workload was moved", "The logs of that region were not given to this hunt"],
        next: "Is the trail still one of all regions, and does the region's event history have what the trail lacks?",
        playbook: "blind-spot",
    }
    .meta()
}

fn gap_meta() -> Meta {
    About {
        id: "delivery-gap",
        title: "Hours without a single event in a steady account",
        description: "An account with events in nearly every hour has none for hours on end. Nothing was delivered, files are missing, or the trail was off.",
        severity: Severity::Low,
        tactic: Tactic::DefenseEvasion,
        techniques: &["T1562.008"],
        guardduty: None,
        falsepositives: &["Files that were not copied for this hunt", "A failure of delivery on AWS's side, which it makes up for later"],
        next: "Check the digest files of those hours: do they name files that are not there? What was done just before the hole, and by whom?",
        playbook: "blind-spot",
    }
    .meta()
}

fn data_meta() -> Meta {
    About {
        id: "data-events-stopped",
        title: "Data events stopped coming, while others go on",
        description: "The account's log had data events (objects read, functions invoked) in nearly every hour and has none any more to its end, while events of management go on. What is read from then on cannot be seen.",
        severity: Severity::Medium,
        tactic: Tactic::DefenseEvasion,
        techniques: &["T1562.008"],
        guardduty: None,
        falsepositives: &["Data events were switched off on purpose, for their price"],
        next: "Who changed the trail's selectors? Switch the data events on again; what was read in between only the service's own access logs tell",
        playbook: "blind-spot",
    }
    .meta()
}

/// The hours with events, of management and of data, by account and region.
type Seen<'a> = BTreeMap<Str, BTreeMap<Str, &'a BTreeMap<i64, Hour>>>;

fn seen<'a>(past: &Past<'a>) -> Seen<'a> {
    let mut all: Seen<'a> = BTreeMap::new();
    for (account, region, hours) in past.profile.hours() {
        if account != 0 && region != 0 {
            all.entry(account).or_default().insert(region, hours);
        }
    }
    all
}

/// Whether nearly all hours from the first to this one have something.
fn is_steady(hours: &BTreeSet<i64>, until: i64) -> bool {
    let Some(first) = hours.first() else {
        return false;
    };
    let had = hours.range(..=until).count();
    let all = usize::try_from(until - first + 1).unwrap_or(usize::MAX);
    had >= HOURS && had * 100 >= all.saturating_mul(BUSY)
}

fn silent(past: &Past<'_>) -> Vec<Say> {
    let mut found = Vec::new();
    for (account, regions) in seen(past) {
        let end = regions
            .values()
            .filter_map(|hours| hours.last_key_value())
            .map(|(hour, _)| *hour)
            .max()
            .unwrap_or(0);
        for (region, hours) in &regions {
            let own: BTreeSet<i64> = hours.keys().copied().collect();
            let Some(last) = own.last().copied() else {
                continue;
            };
            if end - last >= SILENT && is_steady(&own, last) {
                let what = format!(
                    "Silent: {} has no event of {} after {}, for {}; before it had some in {} of {} hours",
                    past.text(*region),
                    past.text(account),
                    at(last * HOUR),
                    length((end - last) * 3_600),
                    own.len(),
                    last - own.first().copied().unwrap_or(last) + 1,
                );
                found.extend(said(past, what, account, Some(*region), last));
            }
        }
    }
    found
}

fn gaps(past: &Past<'_>) -> Vec<Say> {
    let mut found = Vec::new();
    for (account, regions) in seen(past) {
        let hours: BTreeSet<i64> = regions
            .values()
            .flat_map(|hours| hours.keys().copied())
            .collect();
        let list: Vec<i64> = hours.iter().copied().collect();
        for pair in list.windows(2) {
            let [before, after] = pair else { continue };
            let missing = after - before - 1;
            if missing >= HOLE && is_steady(&hours, *before) {
                let what = format!(
                    "Hole: no event of {} from {} on for {}; before it had some in nearly every hour",
                    past.text(account),
                    at((before + 1) * HOUR),
                    length(missing * 3_600),
                );
                found.extend(said(past, what, account, None, *before));
            }
        }
    }
    found
}

fn data_stopped(past: &Past<'_>) -> Vec<Say> {
    let mut found = Vec::new();
    for (account, regions) in seen(past) {
        let of = |wanted: fn(&Hour) -> bool| -> BTreeSet<i64> {
            regions
                .values()
                .flat_map(|hours| hours.iter().filter(|(_, hour)| wanted(hour)))
                .map(|(hour, _)| *hour)
                .collect()
        };
        let data = of(|hour| hour.data > 0);
        let management = of(|hour| hour.management > 0);
        let (Some(last), Some(end)) = (data.last().copied(), management.last().copied()) else {
            continue;
        };
        let go_on = management.range(last + 1..).count();
        if end - last >= SILENT && go_on >= HOLE as usize && is_steady(&data, last) {
            let what = format!(
                "Data events of {} stopped after {}, while {} hours since have events of management; before they came in {} hours",
                past.text(account),
                at(last * HOUR),
                go_on,
                data.len(),
            );
            found.extend(said(past, what, account, None, last));
        }
    }
    found
}

/// With the last event that is known from before the hole.
fn said(
    past: &Past<'_>,
    what: String,
    account: Str,
    region: Option<Str>,
    hour: i64,
) -> Option<Say> {
    let until = (hour + 1) * HOUR;
    let mut last: Option<&Moment> = None;
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let Some((way, _)) = past.world.caller(number) else {
            continue;
        };
        let fits = way.account == account && region.is_none_or(|region| way.region == region);
        for moment in [&gone.first, &gone.last_done].into_iter().flatten() {
            if fits && moment.time < until && last.is_none_or(|known| known.time < moment.time) {
                last = Some(moment);
            }
        }
    }
    Some(Say {
        what,
        moments: vec![*last?],
        of: Some((
            format!("the trail of {}", past.text(account)),
            account,
            region.unwrap_or(0),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::hindsight;
    use super::*;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn call(hour: i64, region: &str, data: bool) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(hour * 3_600);
        event(
            json!({"eventTime": time.to_string(), "awsRegion": region, "recipientAccountId": "111122223333",
            "managementEvent": !data, "eventCategory": if data { "Data" } else { "Management" },
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": "AKIA1"}}),
        )
    }

    fn hours(range: std::ops::Range<i64>, region: &str, data: bool) -> Vec<Event> {
        range.map(|hour| call(hour, region, data)).collect()
    }

    #[test]
    fn a_region_that_falls_silent_is_seen() {
        let both = [
            hours(0..100, "us-east-1", false),
            hours(0..60, "eu-west-1", false),
        ]
        .concat();
        assert_eq!(
            hindsight(&REGION_SILENT, &both),
            [
                "Silent: eu-west-1 has no event of 111122223333 after 2026-01-03 11:00 UTC, for 40 h; before it had some in 60 of 60 hours"
            ]
        );
        assert!(hindsight(&DELIVERY_GAP, &both).is_empty());
        let seldom = [
            hours(0..100, "us-east-1", false),
            vec![call(3, "eu-west-1", false)],
        ]
        .concat();
        assert!(hindsight(&REGION_SILENT, &seldom).is_empty());
        let to_the_end = [
            hours(0..100, "us-east-1", false),
            hours(0..98, "eu-west-1", false),
        ]
        .concat();
        assert!(hindsight(&REGION_SILENT, &to_the_end).is_empty());
    }

    #[test]
    fn a_hole_in_a_steady_account_is_seen() {
        let holed = [
            hours(0..60, "us-east-1", false),
            hours(65..80, "us-east-1", false),
        ]
        .concat();
        assert_eq!(
            hindsight(&DELIVERY_GAP, &holed),
            [
                "Hole: no event of 111122223333 from 2026-01-03 12:00 UTC on for 5 h; before it had some in nearly every hour"
            ]
        );
        // Who works by day alone has a hole every night.
        let days: Vec<Event> = (0..10)
            .flat_map(|day| hours(day * 24 + 8..day * 24 + 18, "us-east-1", false))
            .collect();
        assert!(hindsight(&DELIVERY_GAP, &days).is_empty());
    }

    #[test]
    fn data_events_that_stop_are_seen() {
        let stopped = [
            hours(0..100, "us-east-1", false),
            hours(0..60, "us-east-1", true),
        ]
        .concat();
        assert_eq!(hindsight(&DATA_STOPPED, &stopped).len(), 1);
        let never = hours(0..100, "us-east-1", false);
        assert!(hindsight(&DATA_STOPPED, &never).is_empty());
        let go_on = [
            hours(0..100, "us-east-1", false),
            hours(0..99, "us-east-1", true),
        ]
        .concat();
        assert!(hindsight(&DATA_STOPPED, &go_on).is_empty());
    }
}
