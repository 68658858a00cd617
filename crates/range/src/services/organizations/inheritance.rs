//! How management policies are inherited: the documents from the root down to an account become one.
//!
//! Owns the operators (`@@assign`, `@@append`, `@@remove`, and what a policy lets its children use). Knows no type of
//! policy, and no tree: it is given the documents level by level.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The key by which a policy says what its children may do.
pub(super) const CHILD_CONTROL: &str = "@@operators_allowed_for_child_policies";

/// A set of operators that set values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operators {
    assign: bool,
    append: bool,
    remove: bool,
}

impl Operators {
    const ALL: Self = Self {
        assign: true,
        append: true,
        remove: true,
    };
    const NONE: Self = Self {
        assign: false,
        append: false,
        remove: false,
    };

    /// What a policy lets its children use; none if it says nothing that means anything.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let names = value.as_array()?;
        let mut operators = Self::NONE;
        for name in names {
            match name.as_str()? {
                "@@all" => operators = Self::ALL,
                "@@none" if names.len() == 1 => {}
                "@@assign" => operators.assign = true,
                "@@append" => operators.append = true,
                "@@remove" => operators.remove = true,
                _ => return None,
            }
        }
        Some(operators)
    }

    fn and(self, other: Self) -> Self {
        Self {
            assign: self.assign && other.assign,
            append: self.append && other.append,
            remove: self.remove && other.remove,
        }
    }
}

/// A policy on a level: its id, and what it says.
pub(super) type Said<'a> = (&'a str, &'a Map<String, Value>);

/// A setting of the effective policy, or a group of settings.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    value: Option<Value>,
    children: BTreeMap<String, Self>,
    /// What the policies of the next levels may do to it.
    allowed: Operators,
    /// The policies that had a part in it.
    from: BTreeSet<String>,
    /// Whether a policy of the level at hand assigned it: where two do, the one attached first has it.
    taken: bool,
}

impl Setting {
    fn new() -> Self {
        Self {
            value: None,
            children: BTreeMap::new(),
            allowed: Operators::ALL,
            from: BTreeSet::new(),
            taken: false,
        }
    }

    fn release(&mut self) {
        self.taken = false;
        self.children.values_mut().for_each(Self::release);
    }

    /// What it comes to: its value, or its members that come to something.
    pub(super) fn result(&self) -> Option<Value> {
        if let Some(value) = &self.value {
            let is_empty = value.as_array().is_some_and(Vec::is_empty);
            return (!is_empty).then(|| value.clone());
        }
        let members: Map<String, Value> = self
            .children
            .iter()
            .filter_map(|(key, child)| Some((key.clone(), child.result()?)))
            .collect();
        (!members.is_empty()).then_some(Value::Object(members))
    }

    /// The policies that had a part in it or in anything below it.
    pub(super) fn contributors(&self) -> BTreeSet<String> {
        let below = self.children.values().flat_map(Self::contributors);
        self.from.iter().cloned().chain(below).collect()
    }

    /// The setting at a path.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |setting, key| setting.children.get(*key))
    }

    /// The settings below, by key.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.children
            .iter()
            .map(|(key, child)| (key.as_str(), child))
    }
}

/// Merges the policies of every level, the root's first and an account's own last; those of one level in the order in
/// which they were attached.
pub(super) fn merge(levels: &[Vec<Said<'_>>]) -> Setting {
    let mut merged = Setting::new();
    for level in levels {
        let inherited = merged.clone();
        for pass in [Pass::Assign, Pass::Append, Pass::Remove] {
            for (id, said) in level {
                apply(
                    &mut merged,
                    Some(&inherited),
                    Operators::ALL,
                    said,
                    pass,
                    id,
                );
            }
        }
        // Policies of one level do not bind each other: together they bind the next.
        for (_, said) in level {
            restrict(&mut merged, said);
        }
        merged.release();
    }
    merged
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Assign,
    Append,
    Remove,
}

fn apply(
    setting: &mut Setting,
    inherited: Option<&Setting>,
    above: Operators,
    said: &Map<String, Value>,
    pass: Pass,
    id: &str,
) {
    // A setting that is not inherited is new to its group, and the group's rule is its own.
    let allowed = inherited.map_or(above, |inherited| inherited.allowed);
    match pass {
        Pass::Assign => {
            let value = said.get("@@assign");
            if let Some(value) = value.filter(|_| allowed.assign && !setting.taken) {
                setting.value = Some(value.clone());
                setting.from = BTreeSet::from([id.to_owned()]);
                setting.taken = true;
            }
        }
        Pass::Append => {
            let more = said.get("@@append").and_then(Value::as_array);
            if let Some(more) = more.filter(|_| allowed.append) {
                append(setting, more, id);
            }
        }
        Pass::Remove => {
            let less = said.get("@@remove").and_then(Value::as_array);
            if let (Some(less), Some(Value::Array(items))) = (less, &mut setting.value)
                && allowed.remove
            {
                items.retain(|item| !less.contains(item));
                setting.from.insert(id.to_owned());
            }
        }
    }
    for (key, value) in said.iter().filter(|(key, _)| !key.starts_with("@@")) {
        let Some(said) = value.as_object() else {
            continue;
        };
        let child = setting
            .children
            .entry(key.clone())
            .or_insert_with(Setting::new);
        let inherited = inherited.and_then(|inherited| inherited.children.get(key));
        apply(child, inherited, allowed, said, pass, id);
    }
}

fn append(setting: &mut Setting, more: &[Value], id: &str) {
    let items = match setting
        .value
        .get_or_insert_with(|| Value::Array(Vec::new()))
    {
        Value::Array(items) => items,
        _ => return,
    };
    for item in more {
        if !items.contains(item) {
            items.push(item.clone());
        }
    }
    setting.from.insert(id.to_owned());
}

fn restrict(setting: &mut Setting, said: &Map<String, Value>) {
    if let Some(operators) = said.get(CHILD_CONTROL).and_then(Operators::read) {
        setting.allowed = setting.allowed.and(operators);
    }
    for (key, value) in said {
        if let (Some(child), Some(said)) = (setting.children.get_mut(key), value.as_object()) {
            restrict(child, said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn effective(levels: &[&[(&str, Value)]]) -> Option<Value> {
        let levels: Vec<Vec<Said<'_>>> = levels
            .iter()
            .map(|level| {
                level
                    .iter()
                    .map(|(id, said)| (*id, said.as_object().unwrap()))
                    .collect()
            })
            .collect();
        merge(&levels).result()
    }

    fn tag(key: Value, value: Value) -> Value {
        json!({"tags": {"cc": {"tag_key": key, "tag_value": value}}})
    }

    #[test]
    fn a_child_overwrites_appends_and_removes() {
        let root = tag(
            json!({"@@assign": "CC"}),
            json!({"@@assign": ["dev", "ops"]}),
        );
        let with = |value: Value| {
            let child = json!({"tags": {"cc": {"tag_value": value, "enforced_for": {"@@append": ["s3:*"]}}}});
            effective(&[&[("p-a", root.clone())], &[("p-b", child)]]).unwrap()["tags"]["cc"].clone()
        };
        assert_eq!(
            with(json!({"@@assign": ["box"]}))["tag_value"],
            json!(["box"])
        );
        assert_eq!(
            with(json!({"@@append": ["ops", "law"]}))["tag_value"],
            json!(["dev", "ops", "law"])
        );
        let less = with(json!({"@@remove": ["dev", "none"]}));
        assert_eq!(
            less,
            json!({"tag_key": "CC", "tag_value": ["ops"], "enforced_for": ["s3:*"]})
        );
        assert!(
            with(json!({"@@remove": ["dev", "ops"]}))
                .get("tag_value")
                .is_none()
        );
    }

    #[test]
    fn a_parent_binds_its_children_and_no_child_unbinds() {
        let root = tag(
            json!({"@@assign": "CC", "@@operators_allowed_for_child_policies": ["@@none"]}),
            json!({"@@assign": ["dev"], "@@operators_allowed_for_child_policies": ["@@append"]}),
        );
        let unit = tag(
            json!({"@@assign": "cc", "@@operators_allowed_for_child_policies": ["@@all"]}),
            json!({"@@append": ["ops"], "@@remove": ["dev"]}),
        );
        let account = tag(
            json!({"@@assign": "cC"}),
            json!({"@@assign": ["mine"], "@@append": ["law"]}),
        );
        let shown = effective(&[&[("p-a", root)], &[("p-b", unit)], &[("p-c", account)]]).unwrap();
        assert_eq!(
            shown["tags"]["cc"],
            json!({"tag_key": "CC", "tag_value": ["dev", "ops", "law"]})
        );
    }

    #[test]
    fn a_closed_group_takes_no_new_member() {
        let root = json!({"services": {"@@operators_allowed_for_child_policies": ["@@none"],
            "default": {"opt_out_policy": {"@@assign": "optOut"}}}});
        let child = json!({"services": {"lex": {"opt_out_policy": {"@@assign": "optIn"}},
            "default": {"opt_out_policy": {"@@assign": "optIn"}}}});
        let shown = effective(&[&[("p-a", root)], &[("p-b", child)]]).unwrap();
        // The group is closed, its member is not.
        assert_eq!(
            shown,
            json!({"services": {"default": {"opt_out_policy": "optIn"}}})
        );
    }

    #[test]
    fn policies_of_one_level_go_by_the_order_of_their_attachment() {
        let first = tag(
            json!({"@@assign": "CC"}),
            json!({"@@append": ["dev"],
            "@@operators_allowed_for_child_policies": ["@@append"]}),
        );
        let second = tag(
            json!({"@@assign": "cc"}),
            json!({"@@append": ["ops"],
            "@@operators_allowed_for_child_policies": ["@@append", "@@remove"]}),
        );
        let child = tag(json!({}), json!({"@@append": ["law"], "@@remove": ["dev"]}));
        let shown = effective(&[&[("p-a", first), ("p-b", second)], &[("p-c", child)]]).unwrap();
        assert_eq!(
            shown["tags"]["cc"],
            json!({"tag_key": "CC", "tag_value": ["dev", "ops", "law"]})
        );
    }

    #[test]
    fn a_setting_knows_whose_it_is() {
        let root = tag(json!({"@@assign": "CC"}), json!({"@@assign": ["dev"]}));
        let child = tag(json!({}), json!({"@@append": ["ops"]}));
        let levels = [root, child];
        let levels: Vec<Vec<Said<'_>>> = ["p-a", "p-b"]
            .into_iter()
            .zip(&levels)
            .map(|(id, said)| vec![(id, said.as_object().unwrap())])
            .collect();
        let merged = merge(&levels);
        let from = |path: &[&str]| {
            merged
                .at(path)
                .unwrap()
                .contributors()
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(from(&["tags", "cc", "tag_key"]), ["p-a"]);
        assert_eq!(from(&["tags", "cc", "tag_value"]), ["p-a", "p-b"]);
    }
}
