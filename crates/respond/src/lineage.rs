//! What came out of a compromised identity: keys, sessions, users, roles, over all accounts.
//!
//! `stockade-detect` tells which key issued which; here the users and roles that the lineage made
//! join it, for containment must reach each. Must not judge who of its callers is honest.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_detect as detect;
use stockade_detect::lineage::{Graph, How, Session};
use stockade_model::{Arn, Event};

/// A key of the lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageKey {
    /// `AKIA…` or `ASIA…`.
    pub id: String,
    /// Whose it is: an ARN of a user, a role's session or a federated user.
    pub principal: String,
    /// The account of that identity.
    pub account: String,
    /// The role, where it is a role's session.
    pub role: Option<String>,
    /// The key that asked for it; none for the subject's own keys.
    pub issued_by: Option<String>,
    /// The call that handed it out, as in `AssumeRole`.
    pub issued_how: Option<String>,
    /// When.
    pub issued_at: Option<Timestamp>,
}

impl LineageKey {
    /// Whether it lives until somebody makes it inactive.
    pub fn is_long_term(&self) -> bool {
        self.id.starts_with("AKIA")
    }
}

/// A role whose sessions are in the lineage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageRole {
    /// The role.
    pub arn: String,
    /// Its account.
    pub account: String,
    /// The keys of its sessions.
    pub sessions: Vec<String>,
    /// When the first was issued.
    pub first: Option<Timestamp>,
    /// When the last was issued.
    pub last: Option<Timestamp>,
    /// Whether the lineage made the role itself.
    pub made: bool,
}

/// What came out of an identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// The identity: an ARN.
    pub subject: String,
    /// Every key, the subject's own first.
    pub keys: Vec<LineageKey>,
    /// Every role.
    pub roles: Vec<LineageRole>,
    /// Federated users (GetFederationToken): ARNs.
    pub federated: Vec<String>,
    /// Users that the lineage made: ARNs.
    pub users: Vec<String>,
}

impl Lineage {
    /// Follows the subject and its keys through the events, whatever their order.
    pub fn trace(subject: &str, keys: &[String], events: &[Event]) -> Self {
        let graph = Graph::new(events);
        let mut lineage = Self {
            subject: subject.to_owned(),
            ..Self::default()
        };
        let own: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        // What it made has a lineage of its own, so once more until nothing is added.
        loop {
            lineage.keys.clear();
            lineage.add(graph.of_user(subject), None);
            for key in &own {
                lineage.add(graph.of_key(key), Some(subject));
            }
            for user in lineage.users.clone() {
                lineage.add(graph.of_user(&user), None);
            }
            let index = Index::of(&lineage);
            for event in events {
                if let (true, Some(key)) = (index.is_made_role(event), event.access_key()) {
                    lineage.add(graph.of_key(key), None);
                }
            }
            if !lineage.take_made(events) {
                break;
            }
        }
        lineage.gather_roles();
        let renames = Renames::of(events);
        for key in &mut lineage.keys {
            if let (true, Some(at)) = (key.is_long_term(), key.issued_at) {
                key.principal = renames.now(&key.principal, at);
            }
        }
        lineage
    }

    /// Adds the keys of a part of the graph.
    fn add(&mut self, part: detect::Lineage, owner: Option<&str>) {
        let mut waiting: Vec<(&Session, Option<&str>)> =
            part.roots.iter().rev().map(|root| (root, None)).collect();
        while let Some((session, issuer)) = waiting.pop() {
            let children = session.children.iter().rev();
            waiting.extend(children.map(|child| (child, Some(session.key.as_str()))));
            if self.key(&session.key).is_none() {
                self.keys.push(key(session, issuer, owner));
            }
        }
    }

    /// Adds the users and roles that the lineage made; whether there were new ones.
    fn take_made(&mut self, events: &[Event]) -> bool {
        let index = Index::of(self);
        let mut more = false;
        for event in events {
            if event.error_code().is_some() {
                continue;
            }
            if let Some(arn) = self.renamed(event, events, &index) {
                self.users.push(arn);
                more = true;
            }
            if !index.owns(event) {
                continue;
            }
            if let ("CreateUser", Some(arn)) = (
                event.name(),
                event.text(&["responseElements", "user", "arn"]),
            ) && !self.users.iter().any(|known| known == arn)
            {
                self.users.push(arn.to_owned());
                more = true;
            }
            if let ("CreateRole", Some(arn)) = (
                event.name(),
                event.text(&["responseElements", "role", "arn"]),
            ) && !self.roles.iter().any(|known| known.arn == arn)
            {
                self.roles.push(role(arn, true));
                more = true;
            }
        }
        more
    }

    /// The ARN that the event gives to a user of the lineage, if it is new. Whoever renames a user that the lineage
    /// made, it is the same user; the subject is known under its name, unless the lineage itself has changed that.
    fn renamed(&self, event: &Event, events: &[Event], index: &Index) -> Option<String> {
        let rename = Rename::read(event)?;
        let of_made = self.users.iter().find(|arn| {
            let made = events.iter().find(|event| {
                event.name() == "CreateUser"
                    && event.text(&["responseElements", "user", "arn"]) == Some(arn.as_str())
            });
            let before = made.is_some_and(|made| made.time() > rename.at);
            !before && rename.is_of(arn)
        });
        let of_subject =
            || Some(&self.subject).filter(|arn| rename.is_of(arn) && index.owns(event));
        let new = rename.applied(of_made.or_else(of_subject)?)?;
        (new != self.subject && !self.users.contains(&new)).then_some(new)
    }

    /// The roles of the keys, and the federated users.
    fn gather_roles(&mut self) {
        for key in &self.keys {
            if key.issued_how.as_deref() == Some("GetFederationToken")
                && !self.federated.contains(&key.principal)
            {
                self.federated.push(key.principal.clone());
            }
            let Some(arn) = &key.role else { continue };
            if !self.roles.iter().any(|known| known.arn == *arn) {
                self.roles.push(role(arn, false));
            }
            if let Some(role) = self.roles.iter_mut().find(|known| known.arn == *arn) {
                role.sessions.push(key.id.clone());
                let at = key.issued_at;
                role.first = role.first.into_iter().chain(at).min();
                role.last = role.last.max(at);
            }
        }
    }

    /// Whether the call was made by somebody of the lineage.
    pub fn owns(&self, event: &Event) -> bool {
        Index::of(self).owns(event)
    }

    /// The calls of the lineage.
    pub fn events<'e>(&self, events: &'e [Event]) -> Vec<&'e Event> {
        let index = Index::of(self);
        events.iter().filter(|event| index.owns(event)).collect()
    }

    /// The accounts that it reaches.
    pub fn accounts(&self) -> BTreeSet<String> {
        self.keys
            .iter()
            .map(|key| key.account.clone())
            .chain(self.roles.iter().map(|role| role.account.clone()))
            .filter(|account| !account.is_empty())
            .collect()
    }

    /// The key of this id.
    pub fn key(&self, id: &str) -> Option<&LineageKey> {
        self.keys.iter().find(|key| key.id == id)
    }
}

fn role(arn: &str, made: bool) -> LineageRole {
    LineageRole {
        arn: arn.to_owned(),
        account: account(arn),
        sessions: Vec::new(),
        first: None,
        last: None,
        made,
    }
}

fn account(arn: &str) -> String {
    arn.parse::<Arn>()
        .map(|arn| arn.account)
        .unwrap_or_default()
}

fn key(session: &Session, issuer: Option<&str>, owner: Option<&str>) -> LineageKey {
    let how = match session.how {
        How::Used => None,
        How::AssumedRole => Some("AssumeRole"),
        How::AssumedRoot => Some("AssumeRoot"),
        How::SessionToken => Some("GetSessionToken"),
        How::FederationToken => Some("GetFederationToken"),
        How::CreatedKey => Some("CreateAccessKey"),
    };
    // A key of the subject that was never used stands in no event.
    let principal = session.principal.as_deref().or(owner).unwrap_or_default();
    LineageKey {
        id: session.key.clone(),
        principal: principal.to_owned(),
        account: session
            .account
            .clone()
            .unwrap_or_else(|| account(principal)),
        role: session.role.clone(),
        issued_by: issuer.map(str::to_owned),
        issued_how: how.map(str::to_owned),
        issued_at: session.issued,
    }
}

/// A user who was given another name or path.
struct Rename {
    at: Timestamp,
    account: String,
    old: String,
    name: Option<String>,
    path: Option<String>,
}

impl Rename {
    fn read(event: &Event) -> Option<Self> {
        if event.name() != "UpdateUser" || event.error_code().is_some() {
            return None;
        }
        let asked = |name: &str| event.text(&["requestParameters", name]).map(str::to_owned);
        Some(Self {
            at: event.time(),
            account: event.account()?.to_owned(),
            old: asked("userName")?,
            name: asked("newUserName"),
            path: asked("newPath"),
        })
    }

    fn is_of(&self, arn: &str) -> bool {
        arn.parse::<Arn>().is_ok_and(|arn| {
            arn.account == self.account
                && arn.resource_type() == "user"
                && arn.resource_name().eq_ignore_ascii_case(&self.old)
        })
    }

    /// The ARN of the user afterwards.
    fn applied(&self, arn: &str) -> Option<String> {
        let mut arn = arn.parse::<Arn>().ok()?;
        let old = arn.resource_name().to_owned();
        let path = arn.resource.strip_prefix("user")?.strip_suffix(&old)?;
        let path = self.path.as_deref().unwrap_or(path);
        let name = self.name.as_deref().unwrap_or(&old);
        arn.resource = format!("user{path}{name}");
        Some(arn.to_string())
    }
}

/// Who users are now who were renamed: a rename must not hide them from a response.
pub(crate) struct Renames(Vec<Rename>);

impl Renames {
    /// In the order in which they happened.
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut renames: Vec<Rename> = events.iter().filter_map(Rename::read).collect();
        renames.sort_by_key(|rename| rename.at);
        Self(renames)
    }

    /// The ARN now of the user who had this one then.
    fn now(&self, arn: &str, then: Timestamp) -> String {
        let later = self.0.iter().filter(|rename| rename.at >= then);
        later.fold(arn.to_owned(), |arn, rename| {
            let new = rename.is_of(&arn).then(|| rename.applied(&arn)).flatten();
            new.unwrap_or(arn)
        })
    }

    /// The name now of the user of this account who had this name then.
    pub(crate) fn name_now(&self, account: &str, name: &str, then: Timestamp) -> String {
        let later = self.0.iter().filter(|rename| rename.at >= then);
        later.fold(name.to_owned(), |name, rename| {
            let same = rename.account == account && rename.old.eq_ignore_ascii_case(&name);
            rename.name.clone().filter(|_| same).unwrap_or(name)
        })
    }
}

/// What tells an event of the lineage.
struct Index {
    keys: BTreeSet<String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
}

impl Index {
    fn of(lineage: &Lineage) -> Self {
        let mut users: BTreeSet<String> = lineage.users.iter().cloned().collect();
        users.insert(lineage.subject.clone());
        let made = lineage.roles.iter().filter(|role| role.made);
        Self {
            keys: lineage.keys.iter().map(|key| key.id.clone()).collect(),
            users,
            roles: made.map(|role| role.arn.clone()).collect(),
        }
    }

    fn owns(&self, event: &Event) -> bool {
        let user = event.text(&["userIdentity", "arn"]);
        event
            .access_key()
            .is_some_and(|key| self.keys.contains(key))
            || user.is_some_and(|arn| self.users.contains(arn))
            || self.is_made_role(event)
    }

    fn is_made_role(&self, event: &Event) -> bool {
        event
            .text(&["userIdentity", "sessionContext", "sessionIssuer", "arn"])
            .is_some_and(|arn| self.roles.contains(arn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use stockade_model::Origin;

    fn event(second: i64, name: &str, key: &str, more: Value) -> Event {
        let mut record = json!({
            "eventTime": Timestamp::from_second(1_790_000_000 + second).unwrap().to_string(),
            "eventSource": "sts.amazonaws.com", "eventName": name,
            "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "accessKeyId": key,
                "arn": format!("arn:aws:iam::111122223333:user/of-{key}")}
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let origin = Origin {
            source: "test".into(),
            index: 0,
        };
        Event::new(record, origin).unwrap()
    }

    fn assume(second: i64, key: &str, role: &str, issued: &str) -> Event {
        event(
            second,
            "AssumeRole",
            key,
            json!({"requestParameters": {"roleArn": role},
                "responseElements": {"credentials": {"accessKeyId": issued},
                    "assumedRoleUser": {"arn": format!("{role}/s").replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")}}}),
        )
    }

    #[test]
    fn follows_chains_over_accounts_whatever_the_order() {
        let (one, two) = (
            "arn:aws:iam::111122223333:role/one",
            "arn:aws:iam::444455556666:role/two",
        );
        let mut events = vec![
            assume(1, "AKIA1", one, "ASIA1"),
            assume(2, "ASIA1", two, "ASIA2"),
            event(
                3,
                "CreateAccessKey",
                "ASIA2",
                json!({"eventSource": "iam.amazonaws.com", "recipientAccountId": "444455556666",
                    "responseElements": {"accessKey": {"accessKeyId": "AKIA3", "userName": "bo"}}}),
            ),
            assume(4, "AKIA9", one, "ASIA9"),
            event(
                5,
                "AssumeRole",
                "AKIA1",
                json!({"errorCode": "AccessDenied",
                "responseElements": null, "requestParameters": {"roleArn": "arn:aws:iam::1:role/no"}}),
            ),
        ];
        for _ in 0..2 {
            let lineage = Lineage::trace(
                "arn:aws:iam::111122223333:user/of-AKIA1",
                &["AKIA1".into()],
                &events,
            );
            let keys: BTreeSet<&str> = lineage.keys.iter().map(|k| k.id.as_str()).collect();
            assert_eq!(keys, ["AKIA1", "ASIA1", "ASIA2", "AKIA3"].into());
            assert_eq!(lineage.roles.len(), 2);
            assert_eq!(
                lineage.key("AKIA3").unwrap().principal,
                "arn:aws:iam::444455556666:user/bo"
            );
            assert_eq!(
                lineage.key("ASIA2").unwrap().issued_by.as_deref(),
                Some("ASIA1")
            );
            assert_eq!(lineage.accounts().len(), 2);
            assert_eq!(lineage.events(&events).len(), 4);
            events.reverse();
        }
    }

    #[test]
    fn what_it_made_belongs_to_it() {
        let made = json!({"responseElements": {"user": {"arn": "arn:aws:iam::111122223333:user/of-AKIA5"}}});
        let events = [
            event(1, "CreateUser", "AKIA1", made),
            event(2, "ListBuckets", "AKIA5", json!({})),
            event(3, "ListBuckets", "AKIA6", json!({})),
        ];
        let subject = "arn:aws:iam::111122223333:user/of-AKIA1";
        let lineage = Lineage::trace(subject, &["AKIA1".into()], &events);
        assert_eq!(lineage.users, ["arn:aws:iam::111122223333:user/of-AKIA5"]);
        assert_eq!(lineage.events(&events).len(), 2);
    }

    fn renamed(second: i64, key: &str, old: &str, more: &Value) -> Event {
        let mut asked = json!({ "userName": old });
        let members = asked.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        event(
            second,
            "UpdateUser",
            key,
            json!({ "requestParameters": asked }),
        )
    }

    #[test]
    fn a_user_does_not_leave_the_lineage_by_another_name() {
        let user = |name: &str| format!("arn:aws:iam::111122223333:user{name}");
        let events = [
            // Somebody else had the name before.
            renamed(0, "AKIA9", "x", &json!({"newUserName": "honest"})),
            event(
                1,
                "CreateUser",
                "AKIA1",
                json!({"responseElements": {"user": {"arn": user("/x")}}}),
            ),
            event(
                2,
                "CreateAccessKey",
                "AKIA1",
                json!({"requestParameters": {"userName": "x"},
                    "responseElements": {"accessKey": {"accessKeyId": "AKIA2", "userName": "x"}}}),
            ),
            renamed(3, "AKIA1", "X", &json!({"newUserName": "y"})),
            renamed(4, "AKIA8", "y", &json!({"newPath": "/deep/"})),
            renamed(5, "AKIA1", "of-AKIA1", &json!({"newUserName": "z"})),
            renamed(6, "AKIA1", "other", &json!({"newUserName": "else"})),
        ];
        let lineage = Lineage::trace(&user("/of-AKIA1"), &["AKIA1".into()], &events);
        let known: BTreeSet<&str> = lineage.users.iter().map(String::as_str).collect();
        let expected = [user("/x"), user("/y"), user("/deep/y"), user("/z")];
        assert_eq!(known, expected.iter().map(String::as_str).collect());
        assert_eq!(lineage.key("AKIA2").unwrap().principal, user("/deep/y"));
        // An administrator who names the subject otherwise makes nobody suspect.
        let honest = [renamed(
            1,
            "AKIA9",
            "of-AKIA1",
            &json!({"newUserName": "z"}),
        )];
        let lineage = Lineage::trace(&user("/of-AKIA1"), &["AKIA1".into()], &honest);
        assert!(lineage.users.is_empty());
    }
}
