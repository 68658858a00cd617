//! From the parser's syntax tree to a [`Node`].
//!
//! Owns what each modifier means and which combinations make no sense. Must not match anything.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex::RegexBuilder;
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, Modifier, Quantifier, SelectorPattern,
    SigmaString, SigmaValue, SpecialChar, StringPart,
};

use super::encode;
use super::field::FieldPath;
use super::item::{Bound, Item, Order, Part, Subject, Test};
use super::node::Node;
use super::pattern::{Anchor, Pattern};

/// What `%name%` stands for in values with `|expand`.
pub(crate) type Placeholders = BTreeMap<String, Vec<String>>;

/// A regular expression may grow to this many bytes when compiled.
const REGEX_SIZE: usize = 1 << 20;

/// Compiles the detection section of a rule.
pub(crate) fn compile(
    detections: &Detections,
    placeholders: &Placeholders,
) -> Result<Node, CompileError> {
    let named = detections_of(&detections.named, placeholders, false)?;
    let mut conditions = detections
        .conditions
        .iter()
        .map(|expression| condition(expression, &named))
        .collect::<Result<Vec<_>, _>>()?;
    match conditions.len() {
        0 => Err(CompileError::new("the rule has no condition", "condition")),
        1 => Ok(conditions.remove(0)),
        _ => Ok(Node::Or(conditions)),
    }
}

/// Why a rule cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompileError {
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// A text that stands in the line at fault.
    pub(crate) near: String,
}

impl CompileError {
    fn new(message: impl Into<String>, near: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            near: near.into(),
        }
    }
}

type Named = BTreeMap<String, Arc<Node>>;

fn detections_of(
    named: &HashMap<String, Detection>,
    placeholders: &Placeholders,
    in_array: bool,
) -> Result<Named, CompileError> {
    named
        .iter()
        .map(|(name, body)| {
            let node = detection(body, placeholders, in_array)?;
            Ok((name.clone(), Arc::new(node)))
        })
        .collect()
}

fn condition(expression: &ConditionExpr, named: &Named) -> Result<Node, CompileError> {
    let all = |list: &[ConditionExpr]| -> Result<Vec<Node>, CompileError> {
        list.iter().map(|one| condition(one, named)).collect()
    };
    Ok(match expression {
        ConditionExpr::And(list) => Node::And(all(list)?),
        ConditionExpr::Or(list) => Node::Or(all(list)?),
        ConditionExpr::Not(one) => Node::Not(Box::new(condition(one, named)?)),
        ConditionExpr::Identifier(name) => {
            Node::Shared(Arc::clone(named.get(name).ok_or_else(|| {
                CompileError::new(
                    format!("the condition names `{name}`, which the detection does not have"),
                    "condition",
                )
            })?))
        }
        ConditionExpr::Selector {
            quantifier,
            pattern,
        } => {
            let chosen: Vec<Node> = named
                .iter()
                .filter(|(name, _)| pattern.matches_detection_name(name))
                .map(|(_, node)| Node::Shared(Arc::clone(node)))
                .collect();
            if chosen.is_empty() {
                let name = match pattern {
                    SelectorPattern::Them => "them".to_owned(),
                    SelectorPattern::Pattern(name) => name.clone(),
                };
                return Err(CompileError::new(
                    format!(
                        "`{expression}` in the condition chooses nothing: no detection is named `{name}`"
                    ),
                    "condition",
                ));
            }
            match quantifier {
                Quantifier::All => Node::And(chosen),
                Quantifier::Any => Node::Or(chosen),
                Quantifier::Count(1) => Node::Or(chosen),
                Quantifier::Count(count) => {
                    Node::AtLeast(usize::try_from(*count).unwrap_or(usize::MAX), chosen)
                }
            }
        }
    })
}

fn detection(
    body: &Detection,
    placeholders: &Placeholders,
    in_array: bool,
) -> Result<Node, CompileError> {
    let each = |list: &[Detection]| -> Result<Vec<Node>, CompileError> {
        list.iter()
            .map(|one| detection(one, placeholders, in_array))
            .collect()
    };
    Ok(match body {
        Detection::AllOf(items) => Node::And(
            items
                .iter()
                .map(|one| Ok(Node::Item(item(one, placeholders, in_array)?)))
                .collect::<Result<_, CompileError>>()?,
        ),
        Detection::AnyOf(list) => Node::Or(each(list)?),
        Detection::And(list) => Node::And(each(list)?),
        Detection::Keywords(values) => Node::Item(Item {
            subject: subject(None, in_array),
            tests: values
                .iter()
                .map(|value| vec![plain_value(value, keyword_anchor(in_array), false)])
                .collect(),
            all: false,
            negated: false,
        }),
        Detection::ArrayMatch {
            field,
            quantifier,
            body,
        } => Node::Elements {
            field: FieldPath::new(field),
            quantifier: *quantifier,
            body: Box::new(detection(body, placeholders, true)?),
        },
        Detection::Conditional {
            named,
            condition: expression,
        } => condition(expression, &detections_of(named, placeholders, in_array)?)?,
    })
}

fn subject(name: Option<&str>, in_array: bool) -> Subject {
    match name {
        Some(name) => Subject::Field(FieldPath::new(name)),
        None if in_array => Subject::Element,
        None => Subject::Anything,
    }
}

/// A keyword may stand anywhere in a value; an array's element is held to the whole of it.
fn keyword_anchor(in_array: bool) -> Anchor {
    if in_array {
        Anchor::Whole
    } else {
        Anchor::Anywhere
    }
}

fn item(
    line: &DetectionItem,
    placeholders: &Placeholders,
    in_array: bool,
) -> Result<Item, CompileError> {
    let modifiers = Modifiers::read(line, in_array)?;
    let mut tests = Vec::new();
    for value in &line.values {
        for value in modifiers.expanded(value, placeholders)? {
            tests.push(modifiers.tests(&value)?);
        }
    }
    if tests.is_empty() {
        return Err(CompileError::new(
            format!("`{}` has no values: give it one, or `null`", modifiers.name),
            &modifiers.name,
        ));
    }
    Ok(Item {
        subject: subject(line.field.name.as_deref(), in_array),
        tests,
        all: line.field.has_modifier(Modifier::All),
        negated: line.field.has_modifier(Modifier::Neq),
    })
}

/// What the modifiers of a line ask for.
struct Modifiers<'a> {
    name: String,
    encoders: Vec<Modifier>,
    anchor: Anchor,
    how: How,
    cased: bool,
    expand: bool,
    line: &'a DetectionItem,
}

enum How {
    Value,
    Regex,
    Cidr,
    Exists,
    Field,
    Compare(Order),
    Part(Part),
}

impl<'a> Modifiers<'a> {
    fn read(line: &'a DetectionItem, in_array: bool) -> Result<Self, CompileError> {
        let name = line.field.name.clone().unwrap_or_default();
        let anchor = match &line.field.name {
            None => keyword_anchor(in_array),
            Some(_) => Anchor::Whole,
        };
        let mut read = Self {
            name,
            encoders: Vec::new(),
            anchor,
            how: How::Value,
            cased: false,
            expand: false,
            line,
        };
        for modifier in &line.field.modifiers {
            let how = match modifier {
                Modifier::Contains => {
                    read.anchor = Anchor::Anywhere;
                    continue;
                }
                Modifier::StartsWith => {
                    read.anchor = Anchor::Start;
                    continue;
                }
                Modifier::EndsWith => {
                    read.anchor = Anchor::End;
                    continue;
                }
                Modifier::Base64
                | Modifier::Base64Offset
                | Modifier::Wide
                | Modifier::Utf16be
                | Modifier::Utf16
                | Modifier::WindAsh => {
                    read.encoders.push(*modifier);
                    continue;
                }
                Modifier::Cased => {
                    read.cased = true;
                    continue;
                }
                Modifier::Expand => {
                    read.expand = true;
                    continue;
                }
                Modifier::All
                | Modifier::Neq
                | Modifier::IgnoreCase
                | Modifier::Multiline
                | Modifier::DotAll => continue,
                Modifier::Re => How::Regex,
                Modifier::Cidr => How::Cidr,
                Modifier::Exists => How::Exists,
                Modifier::FieldRef => How::Field,
                Modifier::Gt => How::Compare(Order::Greater),
                Modifier::Gte => How::Compare(Order::GreaterOrEqual),
                Modifier::Lt => How::Compare(Order::Less),
                Modifier::Lte => How::Compare(Order::LessOrEqual),
                Modifier::Minute => How::Part(Part::Minute),
                Modifier::Hour => How::Part(Part::Hour),
                Modifier::Day => How::Part(Part::Day),
                Modifier::Week => How::Part(Part::Week),
                Modifier::Month => How::Part(Part::Month),
                Modifier::Year => How::Part(Part::Year),
            };
            if !matches!(read.how, How::Value) {
                return Err(read.wrong("two modifiers that exclude each other; keep one"));
            }
            read.how = how;
        }
        let flags = [Modifier::IgnoreCase, Modifier::Multiline, Modifier::DotAll];
        let flagged = flags.iter().any(|flag| line.field.has_modifier(*flag));
        if flagged && !matches!(read.how, How::Regex) {
            return Err(read.wrong("a flag of `re` without `re`; write `|re|i`"));
        }
        if !read.encoders.is_empty() && !matches!(read.how, How::Value) {
            return Err(read.wrong("an encoding together with a comparison of another kind"));
        }
        Ok(read)
    }

    fn wrong(&self, what: &str) -> CompileError {
        CompileError::new(
            format!("`{}` has {what}", self.name),
            format!("{}|", self.name),
        )
    }

    fn expanded(
        &self,
        value: &SigmaValue,
        placeholders: &Placeholders,
    ) -> Result<Vec<SigmaValue>, CompileError> {
        let SigmaValue::String(text) = value else {
            return Ok(vec![value.clone()]);
        };
        if !self.expand {
            return Ok(vec![value.clone()]);
        }
        let name = text
            .original
            .strip_prefix('%')
            .and_then(|rest| rest.strip_suffix('%'))
            .filter(|name| !name.is_empty() && !name.contains('%'))
            .ok_or_else(|| {
                CompileError::new(
                    format!(
                        "`{}` with `|expand` must be one `%name%`, found `{}`",
                        self.name, text.original
                    ),
                    &text.original,
                )
            })?;
        let values = placeholders.get(name).ok_or_else(|| {
            CompileError::new(
                format!("nothing is known of the placeholder `%{name}%`: give its values, or write them into the rule"),
                &text.original,
            )
        })?;
        Ok(values
            .iter()
            .map(|value| SigmaValue::String(SigmaString::new(value)))
            .collect())
    }

    /// The alternatives that stand for one value.
    fn tests(&self, value: &SigmaValue) -> Result<Vec<Test>, CompileError> {
        let test = match &self.how {
            How::Value => return self.value_tests(value),
            How::Regex => Test::Regex(self.regex(value)?),
            How::Cidr => {
                let text = written(value);
                let net = text
                    .parse()
                    .or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from))
                    .map_err(|_| {
                        CompileError::new(
                            format!("`{text}` is not a network: write it like 10.0.0.0/8"),
                            &text,
                        )
                    })?;
                Test::Cidr(net)
            }
            How::Exists => match value {
                SigmaValue::Bool(wanted) => Test::Exists(*wanted),
                other => {
                    let text = written(other);
                    match text.to_ascii_lowercase().as_str() {
                        "true" | "yes" => Test::Exists(true),
                        "false" | "no" => Test::Exists(false),
                        _ => {
                            return Err(
                                self.wrong("`exists` with a value that is neither true nor false")
                            );
                        }
                    }
                }
            },
            How::Field => Test::Field(FieldPath::new(&written(value)), self.anchor, self.cased),
            How::Compare(order) => Test::Compare(*order, self.bound(value)?),
            How::Part(part) => Test::Part(
                *part,
                written(value).trim().parse().map_err(|_| {
                    self.wrong("a part of a time with a value that is not a whole number")
                })?,
            ),
        };
        Ok(vec![test])
    }

    fn value_tests(&self, value: &SigmaValue) -> Result<Vec<Test>, CompileError> {
        if self.encoders.is_empty() {
            return Ok(vec![plain_value(value, self.anchor, self.cased)]);
        }
        let SigmaValue::String(text) = value else {
            return Err(self.wrong("an encoding on a value that is not text"));
        };
        let only_windash = self.encoders.iter().all(|e| *e == Modifier::WindAsh);
        if text.contains_wildcards() && !only_windash {
            return Err(self.wrong("wildcards in a value that is to be encoded; use `|contains`"));
        }
        if only_windash {
            return Ok(dashed(text)
                .iter()
                .map(|text| Test::Text(Pattern::new(text, self.anchor, self.cased)))
                .collect());
        }
        let mut variants: Vec<Vec<u8>> = vec![text.as_plain().unwrap_or_default().into_bytes()];
        for encoder in &self.encoders {
            variants = variants
                .iter()
                .flat_map(|bytes| {
                    let text = String::from_utf8_lossy(bytes);
                    match encoder {
                        Modifier::Base64 => vec![encode::base64(bytes).into_bytes()],
                        Modifier::Base64Offset => encode::base64_offsets(bytes)
                            .into_iter()
                            .map(String::into_bytes)
                            .collect(),
                        Modifier::Wide => vec![encode::utf16le(&text)],
                        Modifier::Utf16be => vec![encode::utf16be(&text)],
                        Modifier::Utf16 => vec![encode::utf16(&text)],
                        Modifier::WindAsh => encode::windash(&text)
                            .into_iter()
                            .map(String::into_bytes)
                            .collect(),
                        _ => vec![bytes.clone()],
                    }
                })
                .collect();
        }
        Ok(variants
            .iter()
            .map(|bytes| {
                let text = String::from_utf8_lossy(bytes);
                Test::Text(Pattern::plain(&text, self.anchor, self.cased))
            })
            .collect())
    }

    fn regex(&self, value: &SigmaValue) -> Result<regex::Regex, CompileError> {
        let text = written(value);
        // The flags stand in the expression, so that expressions with different ones differ.
        let flags: String = [
            (Modifier::IgnoreCase, 'i'),
            (Modifier::Multiline, 'm'),
            (Modifier::DotAll, 's'),
        ]
        .iter()
        .filter(|(flag, _)| self.line.field.has_modifier(*flag))
        .map(|(_, letter)| *letter)
        .collect();
        let flagged = if flags.is_empty() {
            text.clone()
        } else {
            format!("(?{flags}:{text})")
        };
        RegexBuilder::new(&flagged)
            .size_limit(REGEX_SIZE)
            .build()
            .map_err(|error| {
                let reason = match &error {
                    regex::Error::CompiledTooBig(_) => "it grows too big".to_owned(),
                    other => other
                        .to_string()
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .to_owned(),
                };
                CompileError::new(
                    format!("`{text}` is not a regular expression that can be run: {reason}"),
                    &text,
                )
            })
    }

    fn bound(&self, value: &SigmaValue) -> Result<Bound, CompileError> {
        let text = written(value);
        let text = text.trim();
        text.parse()
            .map(Bound::Number)
            .or_else(|_| text.parse().map(Bound::Time))
            .map_err(|_| self.wrong("a comparison with what is neither a number nor a time"))
    }
}

fn plain_value(value: &SigmaValue, anchor: Anchor, cased: bool) -> Test {
    match value {
        SigmaValue::String(text) => Test::Text(Pattern::new(text, anchor, cased)),
        SigmaValue::Null => Test::Absent,
        other if anchor != Anchor::Whole => {
            Test::Text(Pattern::plain(&written(other), anchor, cased))
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "an event's number goes through the same loss before it is compared"
        )]
        SigmaValue::Integer(number) => Test::Number(*number as f64),
        SigmaValue::Float(number) => Test::Number(*number),
        SigmaValue::Bool(truth) => Test::Bool(*truth),
    }
}

/// A value as the rule has it.
fn written(value: &SigmaValue) -> String {
    value.to_string()
}

/// `windash` keeps wildcards: only the plain stretches are varied, each on its own.
fn dashed(text: &SigmaString) -> Vec<SigmaString> {
    text.parts
        .iter()
        .fold(vec![Vec::new()], |variants: Vec<Vec<StringPart>>, part| {
            let choices: Vec<StringPart> = match part {
                StringPart::Plain(plain) => encode::windash(plain)
                    .into_iter()
                    .map(StringPart::Plain)
                    .collect(),
                StringPart::Special(SpecialChar::WildcardMulti) => {
                    vec![StringPart::Special(SpecialChar::WildcardMulti)]
                }
                StringPart::Special(SpecialChar::WildcardSingle) => {
                    vec![StringPart::Special(SpecialChar::WildcardSingle)]
                }
            };
            variants
                .iter()
                .flat_map(|variant| {
                    choices.iter().map(|choice| {
                        let mut longer = variant.clone();
                        longer.push(choice.clone());
                        longer
                    })
                })
                .collect()
        })
        .into_iter()
        .map(|parts| SigmaString {
            parts,
            original: text.original.clone(),
        })
        .collect()
}
