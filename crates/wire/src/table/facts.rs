//! The tables' text as `cargo xtask shapes` writes it.
//!
//! Owns the form of the text alone; what it means is `load`'s matter.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::XmlNamespace;

#[derive(Deserialize)]
pub(super) struct Table<'a> {
    pub(super) generated_from: String,
    pub(super) metadata: Metadata,
    #[serde(borrow)]
    pub(super) operations: BTreeMap<&'a str, Operation<'a>>,
    #[serde(borrow)]
    pub(super) shapes: BTreeMap<&'a str, Shape<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) api_version: String,
    pub(super) endpoint_prefix: String,
    #[serde(default)]
    pub(super) global: bool,
    pub(super) json_version: Option<String>,
    pub(super) protocol: String,
    #[serde(default)]
    pub(super) protocols: Vec<String>,
    #[serde(default)]
    pub(super) service_id: String,
    pub(super) signing_name: Option<String>,
    pub(super) target_prefix: Option<String>,
    pub(super) xml_namespace: Option<String>,
    pub(super) aws_query_compatible: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation<'a> {
    #[serde(default)]
    pub(super) http: Http,
    #[serde(borrow)]
    pub(super) input: Option<Message<'a>>,
    #[serde(borrow)]
    pub(super) output: Option<Message<'a>>,
    #[serde(borrow, default)]
    pub(super) errors: Vec<&'a str>,
    pub(super) paging: Option<Paging>,
    #[serde(default)]
    pub(super) http_checksum_required: bool,
    pub(super) authtype: Option<&'a str>,
    #[serde(default)]
    pub(super) unsigned_payload: bool,
    #[serde(default)]
    pub(super) compression: Vec<String>,
    pub(super) host_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub(super) method: String,
    pub(super) request_uri: String,
    pub(super) response_code: Option<u16>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            request_uri: "/".to_owned(),
            response_code: None,
        }
    }
}

/// An operation's input or output.
#[derive(Default)]
pub(super) struct Message<'a> {
    pub(super) shape: &'a str,
    pub(super) location_name: Option<String>,
    pub(super) xml_namespace: Option<XmlNamespace>,
    pub(super) result_wrapper: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageFacts<'a> {
    shape: &'a str,
    location_name: Option<String>,
    #[serde(default, deserialize_with = "namespace")]
    xml_namespace: Option<XmlNamespace>,
    result_wrapper: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Paging {
    #[serde(default, deserialize_with = "texts")]
    pub(super) input_token: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) output_token: Vec<String>,
    pub(super) limit_key: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) result_key: Vec<String>,
    pub(super) more_results: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shape<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(borrow, default)]
    pub(super) members: Members<'a>,
    #[serde(borrow, default)]
    pub(super) required: Vec<&'a str>,
    pub(super) payload: Option<&'a str>,
    #[serde(borrow)]
    pub(super) member: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) key: Option<Member<'a>>,
    #[serde(borrow)]
    pub(super) value: Option<Member<'a>>,
    #[serde(default)]
    pub(super) flattened: bool,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) pattern: Option<String>,
    #[serde(default, rename = "enum")]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(default)]
    pub(super) streaming: bool,
    #[serde(default, rename = "eventstream")]
    pub(super) event_stream: bool,
    pub(super) timestamp_format: Option<&'a str>,
    pub(super) location_name: Option<String>,
    #[serde(default, deserialize_with = "namespace")]
    pub(super) xml_namespace: Option<XmlNamespace>,
    #[serde(default)]
    pub(super) exception: bool,
    pub(super) error: Option<ErrorFacts>,
    #[serde(default)]
    pub(super) fault: bool,
    #[serde(default)]
    pub(super) union: bool,
    #[serde(default)]
    pub(super) document: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorFacts {
    pub(super) code: Option<String>,
    pub(super) http_status_code: Option<u16>,
}

/// A member: in the text its shape's name, or its facts.
#[derive(Default)]
pub(super) struct Member<'a> {
    pub(super) shape: &'a str,
    pub(super) more: Option<Box<MemberFacts<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberFacts<'a> {
    shape: &'a str,
    pub(super) location: Option<&'a str>,
    pub(super) location_name: Option<String>,
    pub(super) query_name: Option<String>,
    #[serde(default)]
    pub(super) flattened: bool,
    #[serde(default)]
    pub(super) xml_attribute: bool,
    #[serde(default, deserialize_with = "namespace")]
    pub(super) xml_namespace: Option<XmlNamespace>,
    pub(super) timestamp_format: Option<&'a str>,
    #[serde(default)]
    pub(super) jsonvalue: bool,
    #[serde(default)]
    pub(super) idempotency_token: bool,
    #[serde(default)]
    pub(super) streaming: bool,
    #[serde(default)]
    pub(super) host_label: bool,
}

/// Reads either a bare name or an object.
macro_rules! name_or_facts {
    ($whole:ident, $facts:ident, $name:ident => $from_name:expr, $read:ident => $from_facts:expr) => {
        impl<'de: 'a, 'a> Deserialize<'de> for $whole<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $whole<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a shape's name, or facts")
                    }

                    fn visit_borrowed_str<E: Error>(
                        self,
                        $name: &'de str,
                    ) -> Result<Self::Value, E> {
                        Ok($from_name)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                        let $read = $facts::deserialize(MapAccessDeserializer::new(map))?;
                        Ok($from_facts)
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    };
}

name_or_facts!(Member, MemberFacts, shape => Member { shape, more: None }, facts => Member {
    shape: facts.shape,
    more: Some(Box::new(facts)),
});
name_or_facts!(Message, MessageFacts, shape => Message { shape, ..Message::default() }, facts => Message {
    shape: facts.shape,
    location_name: facts.location_name,
    xml_namespace: facts.xml_namespace,
    result_wrapper: facts.result_wrapper,
});

/// A structure's members, in the text's order.
#[derive(Default)]
pub(super) struct Members<'a>(pub(super) Vec<(&'a str, Member<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("members by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// An XML namespace: an address, or an address with a prefix.
fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<XmlNamespace>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form<'a> {
        Address(#[serde(borrow)] Cow<'a, str>),
        Prefixed { prefix: Option<String>, uri: String },
    }
    Ok(Some(match Form::deserialize(deserializer)? {
        Form::Address(uri) => XmlNamespace {
            prefix: None,
            uri: uri.into_owned(),
        },
        Form::Prefixed { prefix, uri } => XmlNamespace { prefix, uri },
    }))
}

/// A text or a list of texts.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(String),
        All(Vec<String>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::One(text) => vec![text],
        Form::All(texts) => texts,
    })
}
