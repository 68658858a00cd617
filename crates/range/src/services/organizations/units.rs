//! Organizational units, and the tree that they make with the accounts.
//!
//! Owns the shape of the tree: names unique under a parent, five levels deep.

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_wire::AwsError;

use super::errors;
use super::scope::{changed, managed, page};
use super::state::{Organization, Unit};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::services::iam::output::reply;
use crate::state::State as Range;

const DEPTH: usize = 5;
const UNITS: usize = 2000;

fn shown(organization: &Organization, id: &str, unit: &Unit) -> Value {
    json!({
        "Id": id,
        "Arn": organization.target_arn(id),
        "Name": unit.name,
        "Path": organization.full_path_of(id),
    })
}

/// The unit that has this name under this parent.
fn is_taken(organization: &Organization, parent: &str, name: &str, but: &str) -> bool {
    let same =
        |(id, unit): (&String, &Unit)| unit.parent == parent && unit.name == name && id != but;
    organization.units.iter().any(same)
}

fn duplicate() -> AwsError {
    errors::of(
        "DuplicateOrganizationalUnitException",
        "An OU with the same name already exists.",
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    parent_id: String,
    name: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let organization = managed(range, call)?;
    if !organization.is_parent(&input.parent_id) {
        return Err(errors::no_parent());
    }
    if is_taken(organization, &input.parent_id, &input.name, "") {
        return Err(duplicate());
    }
    // The root counts as a level of the line, but not of the depth.
    if organization.ancestry(&input.parent_id).len() > DEPTH {
        return Err(errors::constraint(
            "OU_DEPTH_LIMIT_EXCEEDED",
            "You have exceeded the number of levels that an OU tree can have.",
        ));
    }
    if organization.units.len() >= UNITS {
        return Err(errors::constraint(
            "OU_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the number of OUs that you can have in an organization.",
        ));
    }
    let tags = tags::merged(&[], input.tags)?;
    let root = organization.root.trim_start_matches("r-").to_owned();
    let id = format!("ou-{root}-{}", range.ids.lower(8));
    let unit = Unit {
        name: input.name,
        parent: input.parent_id,
        tags,
    };
    let organization = changed(range, call)?;
    organization.units.insert(id.clone(), unit.clone());
    organization.attach_defaults(&id);
    Ok(reply(
        json!({"OrganizationalUnit": shown(organization, &id, &unit)}),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfUnit {
    organizational_unit_id: String,
    name: Option<String>,
}

fn named<'a>(organization: &'a Organization, id: &str) -> Result<&'a Unit, AwsError> {
    organization.units.get(id).ok_or_else(errors::no_unit)
}

pub(super) fn describe(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfUnit {
        organizational_unit_id: id,
        ..
    } = call.read()?;
    let organization = managed(range, call)?;
    let unit = named(organization, &id)?;
    Ok(reply(
        json!({"OrganizationalUnit": shown(organization, &id, unit)}),
    ))
}

pub(super) fn update(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfUnit {
        organizational_unit_id: id,
        name,
    } = call.read()?;
    let organization = managed(range, call)?;
    let mut unit = named(organization, &id)?.clone();
    if let Some(name) = name {
        if is_taken(organization, &unit.parent, &name, &id) {
            return Err(duplicate());
        }
        unit.name = name;
    }
    let organization = changed(range, call)?;
    organization.units.insert(id.clone(), unit.clone());
    Ok(reply(
        json!({"OrganizationalUnit": shown(organization, &id, &unit)}),
    ))
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfUnit {
        organizational_unit_id: id,
        ..
    } = call.read()?;
    let organization = managed(range, call)?;
    named(organization, &id)?;
    let units = organization.units.values().map(|unit| &unit.parent);
    let accounts = organization.members.values().map(|member| &member.parent);
    if units.chain(accounts).any(|parent| *parent == id) {
        return Err(errors::of(
            "OrganizationalUnitNotEmptyException",
            "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.",
        ));
    }
    let organization = changed(range, call)?;
    organization.units.remove(&id);
    organization.attachments.remove(&id);
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfParent {
    parent_id: String,
    child_type: Option<String>,
}

pub(super) fn parent(organization: &Organization, call: &Call<'_>) -> Result<String, AwsError> {
    let OfParent { parent_id, .. } = call.read()?;
    match organization.is_parent(&parent_id) {
        true => Ok(parent_id),
        false => Err(errors::no_parent()),
    }
}

pub(super) fn list_for_parent(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let organization = managed(range, call)?;
    let parent = parent(organization, call)?;
    let units = organization
        .units
        .iter()
        .filter(|(_, unit)| unit.parent == parent)
        .map(|(id, unit)| (id.clone(), shown(organization, id, unit)));
    page(call, "OrganizationalUnits", units)
}

pub(super) fn children(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfParent { child_type, .. } = call.read()?;
    let kind = child_type.unwrap_or_default();
    let organization = managed(range, call)?;
    let parent = parent(organization, call)?;
    let units = organization
        .units
        .iter()
        .filter(|(_, unit)| unit.parent == parent);
    let units = units
        .map(|(id, _)| id.clone())
        .filter(|_| kind == "ORGANIZATIONAL_UNIT");
    let accounts = organization
        .members
        .iter()
        .filter(|(_, member)| member.parent == parent);
    let accounts = accounts
        .map(|(id, _)| id.to_string())
        .filter(|_| kind == "ACCOUNT");
    let shown = |id: String| (id.clone(), json!({"Id": id, "Type": kind}));
    page(call, "Children", units.chain(accounts).map(shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfChild {
    child_id: String,
}

pub(super) fn parents(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfChild { child_id } = call.read()?;
    let organization = managed(range, call)?;
    let parent = organization.parent_of(&child_id).ok_or_else(|| {
        errors::of(
            "ChildNotFoundException",
            "We can't find an organizational unit (OU) or AWS account with the ChildId that you specified.",
        )
    })?;
    let kind = match parent == organization.root {
        true => "ROOT",
        false => "ORGANIZATIONAL_UNIT",
    };
    page(
        call,
        "Parents",
        [(parent.to_owned(), json!({"Id": parent, "Type": kind}))],
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::services::iam::bench::Cloud;

    #[test]
    fn the_tree_is_five_deep_and_names_are_unique_among_siblings() {
        let mut cloud = Cloud::new();
        cloud
            .organizations("CreateOrganization", json!({}))
            .unwrap();
        let root = cloud.organizations("ListRoots", json!({})).unwrap()["Roots"][0]["Id"].clone();
        let mut parent = root.clone();
        let mut line = Vec::new();
        for depth in 1..=5 {
            let input = json!({"ParentId": parent, "Name": format!("level {depth}")});
            parent = cloud
                .organizations("CreateOrganizationalUnit", input)
                .unwrap()["OrganizationalUnit"]["Id"]
                .clone();
            line.push(parent.clone());
        }
        let deep = cloud
            .organizations(
                "CreateOrganizationalUnit",
                json!({"ParentId": parent, "Name": "level 6"}),
            )
            .unwrap_err();
        assert_eq!(
            (deep.code.as_str(), &deep.fields["Reason"]),
            (
                "ConstraintViolationException",
                &json!("OU_DEPTH_LIMIT_EXCEEDED")
            )
        );
        let twin = cloud
            .organizations(
                "CreateOrganizationalUnit",
                json!({"ParentId": root, "Name": "level 1"}),
            )
            .unwrap_err();
        assert_eq!(twin.code, "DuplicateOrganizationalUnitException");
        let full = cloud
            .organizations(
                "DeleteOrganizationalUnit",
                json!({"OrganizationalUnitId": line[0]}),
            )
            .unwrap_err();
        assert_eq!(full.code, "OrganizationalUnitNotEmptyException");
        let parents = cloud
            .organizations("ListParents", json!({"ChildId": line[1]}))
            .unwrap();
        assert_eq!(
            parents["Parents"][0],
            json!({"Id": line[0], "Type": "ORGANIZATIONAL_UNIT"})
        );
        let children = json!({"ParentId": root, "ChildType": "ORGANIZATIONAL_UNIT"});
        let children = cloud.organizations("ListChildren", children).unwrap();
        assert_eq!(
            children["Children"],
            json!([{"Id": line[0], "Type": "ORGANIZATIONAL_UNIT"}])
        );
        cloud
            .organizations(
                "DeleteOrganizationalUnit",
                json!({"OrganizationalUnitId": line[4]}),
            )
            .unwrap();
        let gone = cloud
            .organizations(
                "DescribeOrganizationalUnit",
                json!({"OrganizationalUnitId": line[4]}),
            )
            .unwrap_err();
        assert_eq!(gone.code, "OrganizationalUnitNotFoundException");
    }
}
