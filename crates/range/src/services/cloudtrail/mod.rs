//! CloudTrail: trails, what they deliver, and the history of events. One row an operation.
//!
//! Owns trails and look-ups. The records themselves are made by the request path (`trail.rs`).

pub mod delivery;
pub mod digests;
mod errors;
mod lookup;
mod naming;
mod public_keys;
mod resources;
pub mod selectors;
pub mod state;
mod status;
mod tags;
mod trails;

pub use state::State;

use crate::call::Call;
use crate::row::Access::{Read, Write};
use crate::row::{Access, EventKind, Handler, Needs, Row};
use crate::state::State as Range;

const fn row(
    operation: &'static str,
    action: &'static str,
    on: fn(&Range, &Call<'_>) -> Vec<String>,
    access: Access,
    handler: Handler,
) -> Row {
    Row {
        operation,
        needs: Needs::Action { action, on },
        access,
        event: EventKind::Management,
        handler,
    }
}

/// The operations that the range has.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("AddTags", "cloudtrail:AddTags", naming::on_resource, Write, Handler::Write(tags::add)),
    row("CreateTrail", "cloudtrail:CreateTrail", naming::on_trail, Write, Handler::Write(trails::create)),
    row("DeleteTrail", "cloudtrail:DeleteTrail", naming::on_trail, Write, Handler::Write(trails::delete)),
    row("DescribeTrails", "cloudtrail:DescribeTrails", naming::on_nothing, Read, Handler::Read(trails::describe)),
    row("GetEventSelectors", "cloudtrail:GetEventSelectors", naming::on_trail, Read, Handler::Read(selectors::get)),
    row("GetTrail", "cloudtrail:GetTrail", naming::on_trail, Read, Handler::Read(trails::get)),
    row("GetTrailStatus", "cloudtrail:GetTrailStatus", naming::on_trail, Read, Handler::Read(status::get)),
    row("ListPublicKeys", "cloudtrail:ListPublicKeys", naming::on_nothing, Read, Handler::Write(public_keys::list)),
    row("ListTags", "cloudtrail:ListTags", naming::on_resources, Read, Handler::Read(tags::list)),
    row("ListTrails", "cloudtrail:ListTrails", naming::on_nothing, Read, Handler::Read(trails::list)),
    row("LookupEvents", "cloudtrail:LookupEvents", naming::on_nothing, Read, Handler::Read(lookup::lookup)),
    row("PutEventSelectors", "cloudtrail:PutEventSelectors", naming::on_trail, Write, Handler::Write(selectors::put)),
    row("RemoveTags", "cloudtrail:RemoveTags", naming::on_resource, Write, Handler::Write(tags::remove)),
    row("StartLogging", "cloudtrail:StartLogging", naming::on_trail, Write, Handler::Write(status::start)),
    row("StopLogging", "cloudtrail:StopLogging", naming::on_trail, Write, Handler::Write(status::stop)),
    row("UpdateTrail", "cloudtrail:UpdateTrail", naming::on_trail, Write, Handler::Write(trails::update)),
];
