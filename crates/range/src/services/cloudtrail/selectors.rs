//! Event selectors, basic and advanced: which records a trail wants.
//!
//! Owns the reading of selectors and the match of a record against them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::trails;
use crate::call::{Call, Reply};
use crate::state::State;

const MOST_SELECTORS: usize = 5;
const MOST_DATA_RESOURCES: usize = 250;

/// What a trail wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selectors {
    /// By read and write, and by data resources.
    Basic(Vec<Basic>),
    /// By any field.
    Advanced(Vec<Advanced>),
}

impl Default for Selectors {
    /// All management events, as a new trail has it.
    fn default() -> Self {
        Self::Basic(vec![Basic::default()])
    }
}

/// A basic selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Basic {
    /// Which of reads and writes.
    pub read_write_type: ReadWrite,
    /// Whether it wants management events.
    pub include_management_events: bool,
    /// The objects, functions and tables whose data events it wants.
    pub data_resources: Vec<DataResources>,
    /// Services whose management events it does not want.
    pub exclude_management_event_sources: Vec<String>,
}

impl Default for Basic {
    fn default() -> Self {
        Self {
            read_write_type: ReadWrite::All,
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

/// Which of reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWrite {
    /// What only looks.
    ReadOnly,
    /// What changes something.
    WriteOnly,
    /// Both.
    All,
}

/// Resources whose data events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataResources {
    /// As in `AWS::S3::Object`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// ARNs or their beginnings; `arn:aws:s3` stands for all.
    #[serde(default)]
    pub values: Vec<String>,
}

/// An advanced selector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Advanced {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All of them must match.
    pub field_selectors: Vec<Field>,
}

/// A condition on a field. Within an operator one value is enough; the operators must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Field {
    /// As in `eventCategory`.
    pub field: String,
    /// Any of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    /// A beginning of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starts_with: Vec<String>,
    /// An end of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ends_with: Vec<String>,
    /// None of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_equals: Vec<String>,
    /// No beginning of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_starts_with: Vec<String>,
    /// No end of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_ends_with: Vec<String>,
}

impl Selectors {
    /// Whether a record is wanted.
    pub fn want(&self, record: &Value) -> bool {
        match self {
            Self::Basic(selectors) => selectors.iter().any(|selector| selector.wants(record)),
            Self::Advanced(selectors) => selectors.iter().any(|selector| {
                selector
                    .field_selectors
                    .iter()
                    .all(|field| field.holds(record))
            }),
        }
    }

    /// Whether they are other than a new trail's.
    pub fn are_custom(&self) -> bool {
        *self != Self::default()
    }
}

fn text<'a>(record: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(record, |value, name| value.get(name))?
        .as_str()
}

fn is_management(record: &Value) -> bool {
    record.get("managementEvent") == Some(&Value::Bool(true))
}

fn is_read(record: &Value) -> bool {
    record.get("readOnly") == Some(&Value::Bool(true))
}

/// The resources of a record that have this type, by ARN, or by the beginning of one for listings.
fn resources<'a>(record: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a str> {
    record
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(move |resource| text(resource, &["type"]) == Some(kind))
        .filter_map(|resource| text(resource, &["ARN"]).or_else(|| text(resource, &["ARNPrefix"])))
}

impl Basic {
    fn wants(&self, record: &Value) -> bool {
        let right_kind = match self.read_write_type {
            ReadWrite::All => true,
            ReadWrite::ReadOnly => is_read(record),
            ReadWrite::WriteOnly => !is_read(record),
        };
        if !right_kind {
            return false;
        }
        if is_management(record) {
            let source = text(record, &["eventSource"]).unwrap_or_default();
            return self.include_management_events
                && !self
                    .exclude_management_event_sources
                    .iter()
                    .any(|excluded| excluded == source);
        }
        self.data_resources.iter().any(|wanted| {
            resources(record, &wanted.kind).any(|arn| {
                wanted
                    .values
                    .iter()
                    .any(|value| arn.starts_with(value.as_str()))
            })
        })
    }
}

impl Field {
    fn holds(&self, record: &Value) -> bool {
        let values: Vec<String> = match self.field.as_str() {
            "eventCategory" => vec![
                if is_management(record) {
                    "Management"
                } else {
                    "Data"
                }
                .to_owned(),
            ],
            "readOnly" => vec![is_read(record).to_string()],
            "resources.type" => record
                .get("resources")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|resource| text(resource, &["type"]).map(str::to_owned))
                .collect(),
            "resources.ARN" => record
                .get("resources")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|r| {
                    text(r, &["ARN"])
                        .or_else(|| text(r, &["ARNPrefix"]))
                        .map(str::to_owned)
                })
                .collect(),
            dotted => {
                let path: Vec<&str> = dotted.split('.').collect();
                text(record, &path).map(str::to_owned).into_iter().collect()
            }
        };
        let any = |holds: &dyn Fn(&str) -> bool| values.iter().any(|value| holds(value));
        let some = |wanted: &[String], holds: fn(&str, &str) -> bool| {
            wanted.is_empty() || any(&|value| wanted.iter().any(|w| holds(value, w)))
        };
        let none = |unwanted: &[String], holds: fn(&str, &str) -> bool| {
            !any(&|value| unwanted.iter().any(|u| holds(value, u)))
        };
        let equals = |value: &str, other: &str| value == other;
        some(&self.equals, equals)
            && some(&self.starts_with, |value, start| value.starts_with(start))
            && some(&self.ends_with, |value, end| value.ends_with(end))
            && none(&self.not_equals, equals)
            && none(&self.not_starts_with, |value, start| {
                value.starts_with(start)
            })
            && none(&self.not_ends_with, |value, end| value.ends_with(end))
    }

    fn is_empty(&self) -> bool {
        self.equals.is_empty()
            && self.starts_with.is_empty()
            && self.ends_with.is_empty()
            && self.not_equals.is_empty()
            && self.not_starts_with.is_empty()
            && self.not_ends_with.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    trail_name: String,
    event_selectors: Option<Vec<Basic>>,
    advanced_event_selectors: Option<Vec<Advanced>>,
}

/// `PutEventSelectors`.
pub(super) fn put(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Put = call.read()?;
    let selectors = match (input.event_selectors, input.advanced_event_selectors) {
        (Some(_), Some(_)) => {
            return Err(errors::selectors(
                "You can use either event selectors or advanced event selectors, but not both.",
            ));
        }
        (Some(basic), None) => Selectors::Basic(checked_basic(basic)?),
        (None, Some(advanced)) => Selectors::Advanced(checked_advanced(advanced)?),
        (None, None) => {
            return Err(errors::selectors(
                "You must specify either event selectors or advanced event selectors.",
            ));
        }
    };
    let trail = trails::own_mut(state, call, &input.trail_name)?;
    trail.selectors = selectors;
    Ok(Reply::of_value(shown(trail)))
}

/// `GetEventSelectors`.
pub(super) fn get(state: &State, call: &Call<'_>) -> Result<Reply, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Get {
        trail_name: String,
    }
    let input: Get = call.read()?;
    Ok(Reply::of_value(shown(trails::seen(
        state,
        call,
        &input.trail_name,
    )?)))
}

fn shown(trail: &super::state::Trail) -> Value {
    let arn = trail.arn().to_string();
    match &trail.selectors {
        Selectors::Basic(selectors) => json!({"TrailARN": arn, "EventSelectors": selectors}),
        Selectors::Advanced(selectors) => {
            json!({"TrailARN": arn, "AdvancedEventSelectors": selectors})
        }
    }
}

fn checked_basic(selectors: Vec<Basic>) -> Result<Vec<Basic>, AwsError> {
    if selectors.is_empty() || selectors.len() > MOST_SELECTORS {
        return Err(errors::selectors(format!(
            "The number of event selectors must be between 1 and {MOST_SELECTORS}."
        )));
    }
    let resources = selectors
        .iter()
        .flat_map(|selector| &selector.data_resources);
    if resources
        .clone()
        .map(|resource| resource.values.len())
        .sum::<usize>()
        > MOST_DATA_RESOURCES
    {
        return Err(errors::selectors(format!(
            "The number of data resources must not exceed {MOST_DATA_RESOURCES}."
        )));
    }
    for resource in resources {
        let namespace = match resource.kind.as_str() {
            "AWS::S3::Object" => "arn:aws:s3",
            "AWS::Lambda::Function" => "arn:aws:lambda",
            "AWS::DynamoDB::Table" => "arn:aws:dynamodb",
            kind => {
                return Err(errors::selectors(format!(
                    "Value {kind} for DataResources.Type is invalid."
                )));
            }
        };
        if let Some(value) = resource
            .values
            .iter()
            .find(|value| !value.starts_with(namespace))
        {
            return Err(errors::selectors(format!(
                "Value {value} for DataResources.Values is invalid."
            )));
        }
    }
    for selector in &selectors {
        if !selector.include_management_events && selector.data_resources.is_empty() {
            return Err(errors::selectors(
                "An event selector must include management events or data resources.",
            ));
        }
    }
    Ok(selectors)
}

const FIELDS: [&str; 9] = [
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.ARN",
    "resources.type",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
];

fn checked_advanced(selectors: Vec<Advanced>) -> Result<Vec<Advanced>, AwsError> {
    if selectors.is_empty() {
        return Err(errors::selectors(
            "There must be an advanced event selector.",
        ));
    }
    for selector in &selectors {
        let fields = &selector.field_selectors;
        for field in fields {
            if !FIELDS.contains(&field.field.as_str()) {
                return Err(errors::selectors(format!(
                    "The field {} is not supported.",
                    field.field
                )));
            }
            if field.is_empty() {
                return Err(errors::selectors(format!(
                    "The field {} has no operator.",
                    field.field
                )));
            }
        }
        let of = |name: &str| fields.iter().find(|field| field.field == name);
        let category = of("eventCategory").map(|field| field.equals.as_slice());
        match category {
            Some([category]) if category == "Management" => {}
            Some([category]) if category == "Data" => {
                if of("resources.type").is_none_or(|field| field.equals.len() != 1) {
                    return Err(errors::selectors(
                        "A selector for data events must have the field resources.type, equal to one value.",
                    ));
                }
            }
            _ => {
                return Err(errors::selectors(
                    "A selector must have the field eventCategory, equal to Management or Data.",
                ));
            }
        }
    }
    Ok(selectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Vec<Basic> {
        serde_json::from_value(value).unwrap()
    }

    fn object(key: &str, read_only: bool) -> Value {
        json!({
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "readOnly": read_only, "managementEvent": false,
            "resources": [
                {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{key}")},
                {"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b", "accountId": "123456789012"},
            ],
        })
    }

    #[test]
    fn a_new_trail_wants_management_events_alone() {
        let selectors = Selectors::default();
        assert!(selectors.want(&json!({"managementEvent": true, "readOnly": true})));
        assert!(!selectors.want(&object("b/key", true)));
        assert!(!selectors.are_custom());
    }

    #[test]
    fn basic_selectors_choose_by_prefix_and_by_reads() {
        let selectors = Selectors::Basic(read(json!([{
            "ReadWriteType": "WriteOnly", "IncludeManagementEvents": false,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/secret/"]}],
        }])));
        assert!(selectors.want(&object("b/secret/x", false)));
        assert!(!selectors.want(&object("b/secret/x", true)));
        assert!(!selectors.want(&object("b/open/x", false)));
        assert!(!selectors.want(&json!({"managementEvent": true, "readOnly": false})));
        let all = Selectors::Basic(read(
            json!([{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]),
        ));
        assert!(all.want(&object("any/key", true)));
    }

    #[test]
    fn advanced_selectors_need_every_field() {
        let selectors: Vec<Advanced> = serde_json::from_value(json!([{"FieldSelectors": [
            {"Field": "eventCategory", "Equals": ["Data"]},
            {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
            {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3:::b/"], "NotEndsWith": [".log"]},
            {"Field": "eventName", "NotEquals": ["PutObject"]},
        ]}]))
        .unwrap();
        let selectors = Selectors::Advanced(checked_advanced(selectors).unwrap());
        assert!(selectors.want(&object("b/key", true)));
        assert!(!selectors.want(&object("b/a.log", true)));
        assert!(!selectors.want(&object("c/key", true)));
        assert!(
            !selectors.want(
                &json!({"managementEvent": true, "readOnly": true, "eventName": "ListUsers"})
            )
        );
    }

    #[test]
    fn selectors_that_mean_nothing_are_refused() {
        for bad in [
            json!([]),
            json!([{"IncludeManagementEvents": false}]),
            json!([{"DataResources": [{"Type": "AWS::Mars::Rock", "Values": ["arn:aws:mars"]}]}]),
            json!([{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["bucket"]}]}]),
        ] {
            assert!(checked_basic(read(bad.clone())).is_err(), "{bad}");
        }
        for bad in [
            json!([]),
            json!([{"FieldSelectors": [{"Field": "eventName", "Equals": ["x"]}]}]),
            json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]),
            json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "colour", "Equals": ["red"]}]}]),
            json!([{"FieldSelectors": [{"Field": "eventCategory"}]}]),
        ] {
            assert!(
                checked_advanced(serde_json::from_value(bad.clone()).unwrap()).is_err(),
                "{bad}"
            );
        }
    }
}
