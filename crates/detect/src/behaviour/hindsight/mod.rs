//! What shows only once all is read: what was never done before, what goes on though it was stopped, what
//! is missing.
//!
//! Owns what these detectors are given ([`Past`]) and what they say ([`Say`]). Each is a file.

mod address;
mod contained;
mod first_use;
mod holes;
mod listed;
mod travel;

use crate::baseline::Baseline;
use crate::hunt::Given;
use crate::intel::Intel;
use crate::profile::{Moment, Profile};
use crate::rule::Meta;
use crate::timeline::Row;
use crate::world::{Str, World};

pub(super) use address::ADDRESS;
pub(super) use contained::{CONTAINED, SWITCHES};
pub(crate) use first_use::habits;
pub(super) use first_use::{FIRST_USE, STRANGE_USE};
pub(super) use holes::{DATA_STOPPED, DELIVERY_GAP, REGION_SILENT};
pub(super) use listed::{LISTED, in_record};
pub(super) use travel::TRAVEL;

/// A detector that looks back.
pub(super) struct Hindsight {
    pub(super) meta: fn() -> Meta,
    pub(super) look: fn(&Past<'_>) -> Vec<Say>,
}

/// What there is to look back on.
pub(crate) struct Past<'a> {
    pub(crate) world: &'a World,
    pub(crate) profile: &'a Profile,
    /// Events of which something took note.
    pub(crate) rows: &'a [Row],
    pub(crate) baseline: &'a Baseline,
    pub(crate) places: Option<&'a crate::geo::Places>,
    pub(crate) intel: &'a Intel,
}

impl<'a> Past<'a> {
    fn text(&self, number: Str) -> &'a str {
        self.world.strings.text(number)
    }
}

/// What a detector says.
pub(super) struct Say {
    /// What was seen and what was usual.
    pub(super) what: String,
    /// The events that prove it.
    pub(super) moments: Vec<Moment>,
    /// Who it is said of, where that is nobody who called: name, account, region.
    pub(super) of: Option<(String, Str, Str)>,
}

/// Events that hindsight notes, with what it says of them.
pub(crate) fn rows(profile: &Profile, world: &mut World, rows: &[Row], given: &Given) -> Vec<Row> {
    let mut said: Vec<(u8, Say)> = Vec::new();
    for (number, detector) in (0u8..).zip(super::HINDSIGHTS) {
        let past = Past {
            world,
            profile,
            rows,
            baseline: &given.baseline,
            places: given.places.as_ref(),
            intel: &given.intel,
        };
        let says = (detector.look)(&past);
        said.extend(
            says.into_iter()
                .map(|say| (super::number_of_hindsight(number), say)),
        );
    }
    let mut found = Vec::new();
    for (number, say) in said {
        let note = world.strings.add(&say.what);
        let way = say
            .of
            .map(|(name, account, region)| world.stand_in(&name, account, region));
        found.extend(say.moments.iter().map(|moment| {
            let row = moment.row(number, note);
            Row {
                way: way.unwrap_or(row.way),
                ..row
            }
        }));
    }
    found
}

/// A time as a person writes it.
fn at(micros: i64) -> String {
    let text = crate::world::moment(micros).to_string();
    text.get(..16).map_or_else(
        || text.clone(),
        |text| format!("{} UTC", text.replace('T', " ")),
    )
}
