//! A caller is in two places, further apart than anybody travels in the time between.
//!
//! Needs a database of places (`--geo`). What comes by way of AWS's own addresses, and roles that many
//! machines share, say nothing of a person.

use std::collections::BTreeMap;

use stockade_model::{Severity, Tactic};

use super::super::{About, length};
use super::{Hindsight, Past, Say};
use crate::geo::Place;
use crate::profile::Moment;
use crate::rule::Meta;
use crate::world::Str;

/// Kilometres that the database's errors may make up.
const FAR: f64 = 800.0;
/// Kilometres an hour that an aircraft makes.
const SPEED: f64 = 1_000.0;

pub(in crate::behaviour) const TRAVEL: Hindsight = Hindsight { meta, look };

fn meta() -> Meta {
    About {
        id: "impossible-travel",
        title: "One caller in two places, further apart than anybody travels",
        description: "A user's key, or a user at the console, came from two places within a time in which nobody gets from one to the other. Two people use it, or one of them goes by a proxy.",
        severity: Severity::Medium,
        tactic: Tactic::InitialAccess,
        techniques: &["T1078.004"],
        guardduty: Some("UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B"),
        falsepositives: &["A VPN or a telephone network that comes out in another country", "A key that several machines in different places share"],
        next: "Ask the owner which of the two places is theirs. Neither, or only one: triage the key, and contain it",
        playbook: "compromised-user",
    }
    .meta()
}

fn look(past: &Past<'_>) -> Vec<Say> {
    let Some(places) = past.places else {
        return Vec::new();
    };
    let mut known: BTreeMap<Str, Option<Place>> = BTreeMap::new();
    let mut trips: BTreeMap<Str, Vec<(&Moment, Str)>> = BTreeMap::new();
    for (number, gone) in (0u32..).zip(&past.profile.ways) {
        let Some((way, actor)) = past.world.caller(number) else {
            continue;
        };
        let person = matches!(
            past.text(actor.kind),
            "IAMUser" | "Root" | "IdentityCenterUser"
        );
        if !person || actor.service {
            continue;
        }
        known
            .entry(way.address)
            .or_insert_with(|| places.of(past.text(way.address)));
        let moments = [&gone.first, &gone.last_done].into_iter().flatten();
        trips
            .entry(actor.principal)
            .or_default()
            .extend(moments.map(|moment| (moment, way.address)));
    }
    let mut found = Vec::new();
    for (who, mut trip) in trips {
        trip.sort_by_key(|(moment, _)| (moment.time, moment.index));
        let leg = trip.windows(2).find_map(|pair| {
            let [(a, from), (b, to)] = pair else {
                return None;
            };
            let (from_place, to_place) = (known.get(from)?.as_ref()?, known.get(to)?.as_ref()?);
            let distance = from_place.distance(to_place)?;
            #[expect(clippy::cast_precision_loss, reason = "a time between events of one log")]
            let hours = (b.time - a.time) as f64 / 3_600_000_000.0;
            (distance > FAR && distance > hours * SPEED).then(|| {
                let what = format!(
                    "Impossible travel: {} was in {} ({}) and {} later in {} ({}), {distance:.0} km away",
                    past.text(who).rsplit(':').next().unwrap_or_default(),
                    from_place.said(),
                    past.text(*from),
                    length((b.time - a.time) / 1_000_000),
                    to_place.said(),
                    past.text(*to),
                );
                (what, vec![**a, **b])
            })
        });
        if let Some((what, moments)) = leg {
            found.push(Say {
                what,
                moments,
                of: None,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::hindsight_in;
    use super::*;
    use crate::geo::testing::places;
    use crate::testing::event;
    use serde_json::json;
    use stockade_model::Event;

    fn call(minute: i64, address: &str) -> Event {
        let time: stockade_model::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let time = time + jiff::SignedDuration::from_secs(minute * 60);
        event(
            json!({"eventTime": time.to_string(), "sourceIPAddress": address,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a", "accessKeyId": "AKIA1"}}),
        )
    }

    #[test]
    fn two_places_at_once_are_seen_and_a_flight_is_not() {
        let all = [
            (198, "DE", 52.5, 13.4),
            (203, "AU", -33.9, 151.2),
            (192, "DE", 48.1, 11.6),
        ];
        let seen = |events: &[Event]| hindsight_in(&TRAVEL, events, places(&all));
        assert_eq!(
            seen(&[call(0, "198.51.100.7"), call(60, "203.0.113.9")]),
            [
                "Impossible travel: user/a was in DE (198.51.100.7) and 60 min later in AU (203.0.113.9), 16097 km away"
            ]
        );
        assert!(seen(&[call(0, "198.51.100.7"), call(24 * 60, "203.0.113.9")]).is_empty());
        // Berlin and Munich: within what the database may be wrong by.
        assert!(seen(&[call(0, "198.51.100.7"), call(1, "192.0.2.1")]).is_empty());
        assert!(
            seen(&[
                call(0, "198.51.100.7"),
                call(1, "cloudformation.amazonaws.com")
            ])
            .is_empty()
        );
    }
}
