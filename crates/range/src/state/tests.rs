//! What the state is kept as is what it is: whatever is done, the rows make the same state again.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rows::{self, Changes, Place};
use crate::services::iam::bench::{ALL, Cloud};

type Stored = BTreeMap<Place, Vec<u8>>;

fn apply(stored: &mut Stored, changes: Changes) {
    for (place, value) in changes {
        match value {
            Some(value) => stored.insert(place, value),
            None => stored.remove(&place),
        };
    }
}

fn kept(state: &State) -> Stored {
    let mut stored = Stored::new();
    apply(&mut stored, rows::all(state).unwrap());
    stored
}

fn load(stored: &Stored) -> State {
    let mut state = None;
    for (place, value) in stored {
        rows::take(&mut state, place, Some(value)).unwrap();
    }
    state.unwrap()
}

/// For people: where two sets of rows differ.
fn difference(one: &Stored, other: &Stored) -> Vec<String> {
    let places: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let text = |rows: &Stored, place| {
        let value = rows
            .get(place)
            .map(|v| String::from_utf8_lossy(v).into_owned());
        value.unwrap_or_else(|| "-".into())
    };
    places
        .into_iter()
        .filter(|place| one.get(place) != other.get(place))
        .map(|place| {
            format!(
                "{}: {} / {}",
                place.shown(),
                text(one, place),
                text(other, place)
            )
        })
        .collect()
}

/// An operation of IAM or Organizations on one of a few names, so that they meet.
fn operation() -> impl Strategy<Value = (&'static str, &'static str, Value)> {
    let names = (0..3_u8, 0..3_u8, any::<bool>());
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/u0"}, "Action": "sts:AssumeRole",
    }]});
    (0..32_usize, names).prop_map(move |(which, (a, b, yes))| {
        let (user, other) = (format!("u{a}"), format!("u{b}"));
        let (group, role, policy) = (format!("g{b}"), format!("r{b}"), format!("p{b}"));
        let own = format!("arn:aws:iam::123456789012:policy/{policy}");
        let aws = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let tags = json!([{"Key": format!("k{b}"), "Value": "v\u{0}é"}]);
        match which {
            0..=3 => ("iam", "CreateUser", json!({"UserName": user, "Tags": tags})),
            4 => ("iam", "DeleteUser", json!({"UserName": user})),
            5 => ("iam", "UpdateUser", json!({"UserName": user, "NewUserName": other, "NewPath": "/x/"})),
            6 | 7 => ("iam", "CreateAccessKey", json!({"UserName": user})),
            8 => ("iam", "PutUserPolicy", json!({"UserName": user, "PolicyName": policy, "PolicyDocument": ALL})),
            9 => ("iam", "DeleteUserPolicy", json!({"UserName": user, "PolicyName": policy})),
            10 => ("iam", "AttachUserPolicy", json!({"UserName": user, "PolicyArn": if yes { aws } else { &own }})),
            11 => ("iam", "DetachUserPolicy", json!({"UserName": user, "PolicyArn": if yes { aws } else { &own }})),
            12 => ("iam", "CreateGroup", json!({"GroupName": group})),
            13 => ("iam", "AddUserToGroup", json!({"UserName": user, "GroupName": group})),
            14 => ("iam", "UpdateGroup", json!({"GroupName": group, "NewGroupName": format!("g{a}")})),
            15 => ("iam", "CreateRole", json!({"RoleName": role, "AssumeRolePolicyDocument": trust.to_string(), "Tags": tags})),
            16 => ("iam", "DeleteRole", json!({"RoleName": role})),
            17 => ("iam", "CreatePolicy", json!({"PolicyName": policy, "PolicyDocument": ALL})),
            18 => ("iam", "CreatePolicyVersion", json!({"PolicyArn": own, "PolicyDocument": ALL, "SetAsDefault": yes})),
            19 => ("iam", "DeletePolicy", json!({"PolicyArn": own})),
            20 => ("iam", "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": user})),
            21 => ("iam", "CreateLoginProfile", json!({"UserName": user, "Password": "long-enough-1"})),
            22 => ("iam", "CreateInstanceProfile", json!({"InstanceProfileName": role})),
            23 => ("iam", "AddRoleToInstanceProfile", json!({"InstanceProfileName": role, "RoleName": role})),
            24 => ("iam", "GenerateCredentialReport", json!({})),
            25 => ("iam", "GenerateServiceLastAccessedDetails", json!({"Arn": format!("arn:aws:iam::123456789012:user/{user}")})),
            26 => ("iam", "CreateAccountAlias", json!({"AccountAlias": format!("alias-{b}")})),
            27 => ("iam", "UpdateAccountPasswordPolicy", json!({"MinimumPasswordLength": 8 + u32::from(a)})),
            28 => ("iam", "CreateServiceSpecificCredential", json!({"UserName": user, "ServiceName": "codecommit.amazonaws.com"})),
            29 => ("organizations", "CreateOrganization", json!({"FeatureSet": "ALL"})),
            30 => ("organizations", "CreateAccount", json!({"AccountName": user, "Email": format!("{user}@x.example")})),
            _ => ("organizations", "CreatePolicy", json!({"Name": policy, "Description": "", "Content": ALL, "Type": "SERVICE_CONTROL_POLICY"})),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_done_the_rows_make_the_same_state_again(
        operations in prop::collection::vec((operation(), 0..4_i64), 1..120)
    ) {
        let mut cloud = Cloud::new();
        cloud.range.config.iam_delay = SignedDuration::from_secs(4);
        let root = Cloud::root("123456789012");
        let mut stored = kept(&cloud.range);
        for ((service, operation, input), pause) in operations {
            cloud.now = cloud.now.checked_add(SignedDuration::from_secs(pause)).unwrap();
            let before = cloud.range.clone();
            // One that is refused has changed nothing to be seen, or what it changed is rolled back by whoever called it.
            if cloud.call(&root, service, operation, input).is_err() {
                cloud.range = before;
                continue;
            }
            apply(&mut stored, rows::between(Some(&cloud.range), Some(&before)).unwrap());
        }
        let anew = kept(&cloud.range);
        prop_assert_eq!(difference(&stored, &anew), Vec::<String>::new());
        let again = load(&stored);
        prop_assert_eq!(difference(&kept(&again), &stored), Vec::<String>::new());
        for (id, account) in &cloud.range.accounts {
            let now = cloud.now;
            for wait in [-3, -2, -1, 0, 1, 2, 3] {
                let at = now.checked_add(SignedDuration::from_secs(wait)).unwrap();
                let delay = cloud.range.config.iam_delay;
                let one = account.iam.effective(at, delay);
                let other = again.account(id).unwrap().iam.effective(at, delay);
                prop_assert_eq!(rows::all(one).unwrap(), rows::all(other).unwrap());
            }
        }
    }
}
