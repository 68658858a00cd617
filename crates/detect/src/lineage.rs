//! Session lineage: which credentials came of which, as the trail tells it.
//!
//! Owns the graph key → issued keys (AssumeRole in all its forms, GetSessionToken,
//! GetFederationToken, AssumeRoot, CreateAccessKey), across accounts by `sharedEventID`. Must not judge: an
//! honest user has a lineage too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use stockade_model::{Event, Timestamp};

use crate::world::{self, Str, World, account_of, moment};

/// Sessions nest no deeper than this in the tree; deeper ones hang at this depth.
const DEPTH: usize = 32;

/// How a key came into the lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was in use, and nothing tells who issued it.
    Used,
    /// AssumeRole, AssumeRoleWithSAML, AssumeRoleWithWebIdentity.
    AssumedRole,
    /// AssumeRoot: a session as a member account's root.
    AssumedRoot,
    /// GetSessionToken.
    SessionToken,
    /// GetFederationToken.
    FederationToken,
    /// CreateAccessKey: a long-term key, perhaps of another user.
    CreatedKey,
}

/// A key with what it issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `AKIA…` or `ASIA…`.
    pub key: String,
    /// How it came to be.
    pub how: How,
    /// Whose it is: a user, a role session, a federated user.
    pub principal: Option<String>,
    /// The role, for a role's session.
    pub role: Option<String>,
    /// The account in which it acts.
    pub account: Option<String>,
    /// When it was issued, where the trail tells.
    pub issued: Option<Timestamp>,
    /// Its first use.
    pub first_use: Option<Timestamp>,
    /// Its last use.
    pub last_use: Option<Timestamp>,
    /// How many calls it signed.
    pub calls: u64,
    /// The keys that it issued, in the order of time.
    pub children: Vec<Session>,
}

/// All that came of a user or a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The keys that nothing in the lineage issued, with their descendants.
    pub roots: Vec<Session>,
    /// Every key.
    pub keys: BTreeSet<String>,
    /// Every principal: users, role sessions, federated users.
    pub principals: BTreeSet<String>,
    /// The ARNs of the roles that were taken.
    pub roles: BTreeSet<String>,
    /// The accounts in which the keys act.
    pub accounts: BTreeSet<String>,
}

impl Lineage {
    /// All that came of a user, named by ARN or by user name, and of every key of that user. A
    /// name alone means the users of that name in every account. Sessions of the console count.
    pub fn of_user<'a>(events: impl IntoIterator<Item = &'a Event>, user: &str) -> Self {
        Graph::new(events).of_user(user)
    }

    /// All that came of a key.
    pub fn of_key<'a>(events: impl IntoIterator<Item = &'a Event>, key: &str) -> Self {
        Graph::new(events).of_key(key)
    }

    /// Whether the lineage did this: one of its keys signed it or, where nothing was signed with a
    /// key, one of its principals stands in it.
    pub fn covers(&self, event: &Event) -> bool {
        match event.access_key() {
            Some(key) => self.keys.contains(key),
            None => self.principals.contains(&event.principal()),
        }
    }

    /// Every session, parents before their children.
    pub fn sessions(&self) -> Vec<&Session> {
        let mut found = Vec::new();
        let mut waiting: Vec<&Session> = self.roots.iter().rev().collect();
        while let Some(session) = waiting.pop() {
            found.push(session);
            waiting.extend(session.children.iter().rev());
        }
        found
    }
}

/// Who issued what, read once from a pile of events; lineages are cut from it.
#[derive(Debug, Default)]
pub struct Graph {
    /// By the key that was issued.
    issued: BTreeMap<String, Issue>,
    /// Issued keys by the key that issued them.
    children: HashMap<String, Vec<String>>,
    uses: BTreeMap<String, Use>,
    /// Callers without a key, by ARN: console logins.
    keyless: BTreeSet<(String, Option<String>)>,
}

#[derive(Debug, Clone)]
struct Issue {
    by: Option<String>,
    how: How,
    principal: Option<String>,
    /// The user's name, for a created key.
    user: Option<String>,
    role: Option<String>,
    account: Option<String>,
    time: Timestamp,
}

#[derive(Debug, Clone)]
struct Use {
    principal: String,
    user: Option<String>,
    role: Option<String>,
    account: Option<String>,
    first: Timestamp,
    last: Timestamp,
    calls: u64,
}

impl Graph {
    /// Reads the events, in whatever order.
    pub fn new<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        Self::of(&World::of(events))
    }

    /// Reads what events came to.
    pub(crate) fn of(world: &World) -> Self {
        let mut graph = Self::default();
        let some = |number: Str| world.strings.some(number).map(str::to_owned);
        for (way, count) in &world.ways {
            let Some(actor) = world.actors.get(way.actor as usize) else {
                continue;
            };
            let principal = world.strings.text(actor.principal);
            let Some(key) = world.strings.some(actor.key) else {
                if matches!(world.strings.text(actor.kind), "IAMUser" | "Root") {
                    graph
                        .keyless
                        .insert((principal.to_owned(), some(actor.user)));
                }
                continue;
            };
            let (first, last) = (moment(count.first), moment(count.last));
            let seen = graph.uses.entry(key.to_owned()).or_insert_with(|| Use {
                principal: principal.to_owned(),
                user: some(actor.user),
                role: some(actor.role),
                account: some(actor.account),
                first,
                last,
                calls: 0,
            });
            // Identities that share a key are told apart by which came first.
            if first < seen.first {
                seen.principal = principal.to_owned();
                seen.user = some(actor.user);
                seen.role = some(actor.role);
                seen.account = some(actor.account);
            }
            seen.first = seen.first.min(first);
            seen.last = seen.last.max(last);
            seen.calls += count.calls;
        }
        // The caller's key stands in the record of the caller's account; the record of the role's
        // account tells of the same call by the same sharedEventID.
        let callers: HashMap<Str, Str> = world
            .shared
            .iter()
            .map(|shared| (shared.shared, shared.key))
            .collect();
        let mut issues: Vec<&world::Issue> = world.issues.iter().collect();
        issues.sort_by_key(|issue| (issue.time, world.strings.text(issue.key)));
        for noted in issues {
            let by = if noted.by == 0 && noted.shared != 0 {
                callers.get(&noted.shared).copied().unwrap_or(0)
            } else {
                noted.by
            };
            let key = world.strings.text(noted.key);
            let issue = Issue {
                by: some(by).filter(|by| by != key),
                how: noted.how,
                principal: some(noted.principal),
                user: some(noted.user),
                role: some(noted.role),
                account: some(noted.account),
                time: moment(noted.time),
            };
            // Two accounts record the same call; the record that knows the caller is kept.
            match graph.issued.get_mut(key) {
                Some(known) if known.by.is_none() && issue.by.is_some() => *known = issue,
                Some(_) => {}
                None => {
                    graph.issued.insert(key.to_owned(), issue);
                }
            }
        }
        for (key, issue) in &graph.issued {
            if let Some(by) = &issue.by {
                graph
                    .children
                    .entry(by.clone())
                    .or_default()
                    .push(key.clone());
            }
        }
        let issued = &graph.issued;
        for keys in graph.children.values_mut() {
            keys.sort_by_key(|key| issued.get(key).map(|issue| issue.time));
        }
        graph
    }

    /// See [`Lineage::of_user`].
    pub fn of_user(&self, user: &str) -> Lineage {
        let is = |principal: Option<&str>, name: Option<&str>| {
            principal == Some(user) || name == Some(user)
        };
        let used = self
            .uses
            .iter()
            .filter(|(_, seen)| is(Some(&seen.principal), seen.user.as_deref()));
        let made = self.issued.iter().filter(|(_, issue)| {
            issue.how == How::CreatedKey && is(issue.principal.as_deref(), issue.user.as_deref())
        });
        let seeds: BTreeSet<&str> = used
            .map(|(key, _)| key.as_str())
            .chain(made.map(|(key, _)| key.as_str()))
            .collect();
        let mut lineage = self.from(seeds);
        for (arn, name) in &self.keyless {
            if is(Some(arn), name.as_deref()) {
                lineage.principals.insert(arn.clone());
                lineage.accounts.extend(account_of(arn));
            }
        }
        lineage
    }

    /// See [`Lineage::of_key`].
    pub fn of_key(&self, key: &str) -> Lineage {
        self.from(BTreeSet::from([key]))
    }

    /// The principal at the head of the sessions that led to this key: a role session that a user
    /// took is the user's. Keys made for another user start anew, as they may be that user's own.
    pub fn origin(&self, key: &str) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut key = key;
        while seen.insert(key) {
            match self.issued.get(key) {
                Some(issue) if issue.how != How::CreatedKey => match &issue.by {
                    Some(by) => key = by,
                    None => break,
                },
                _ => break,
            }
        }
        self.principal(key)
    }

    fn principal(&self, key: &str) -> Option<&str> {
        let used = self.uses.get(key).map(|seen| seen.principal.as_str());
        used.or_else(|| self.issued.get(key)?.principal.as_deref())
    }

    fn from(&self, seeds: BTreeSet<&str>) -> Lineage {
        let mut reached: BTreeSet<&str> = seeds.clone();
        let mut waiting: Vec<&str> = seeds.into_iter().collect();
        while let Some(key) = waiting.pop() {
            for child in self.children.get(key).into_iter().flatten() {
                if reached.insert(child) {
                    waiting.push(child);
                }
            }
        }
        let mut lineage = Lineage::default();
        for key in &reached {
            let session = self.session(key);
            lineage.keys.insert((*key).to_owned());
            lineage.principals.extend(session.principal);
            lineage.roles.extend(session.role);
            lineage.accounts.extend(session.account);
        }
        let issuer = |key: &str| self.issued.get(key).and_then(|issue| issue.by.as_deref());
        let mut placed = HashSet::new();
        let heads: Vec<&str> = reached
            .iter()
            .copied()
            .filter(|key| issuer(key).is_none_or(|by| !reached.contains(by)))
            .collect();
        for key in heads {
            lineage.roots.push(self.tree(key, 0, &mut placed));
        }
        // Keys that issue one another in a ring have no head: the first of them serves.
        for key in reached {
            if !placed.contains(key) {
                lineage.roots.push(self.tree(key, 0, &mut placed));
            }
        }
        lineage
            .roots
            .sort_by_key(|root| (root.issued.or(root.first_use), root.key.clone()));
        lineage
    }

    fn tree<'a>(&'a self, key: &'a str, depth: usize, placed: &mut HashSet<&'a str>) -> Session {
        let mut session = self.session(key);
        placed.insert(key);
        if depth < DEPTH {
            for child in self.children.get(key).into_iter().flatten() {
                if !placed.contains(child.as_str()) {
                    session.children.push(self.tree(child, depth + 1, placed));
                }
            }
            return session;
        }
        let mut waiting = vec![key];
        while let Some(key) = waiting.pop() {
            for child in self.children.get(key).into_iter().flatten() {
                if placed.insert(child) {
                    session.children.push(self.session(child));
                    waiting.push(child);
                }
            }
        }
        session
    }

    fn session(&self, key: &str) -> Session {
        let seen = self.uses.get(key);
        let issue = self.issued.get(key);
        Session {
            key: key.to_owned(),
            how: issue.map_or(How::Used, |issue| issue.how),
            principal: self.principal(key).map(str::to_owned),
            role: issue
                .and_then(|issue| issue.role.clone())
                .or_else(|| seen.and_then(|seen| seen.role.clone())),
            account: issue
                .and_then(|issue| issue.account.clone())
                .or_else(|| seen.and_then(|seen| seen.account.clone())),
            issued: issue.map(|issue| issue.time),
            first_use: seen.map(|seen| seen.first),
            last_use: seen.map(|seen| seen.last),
            calls: seen.map_or(0, |seen| seen.calls),
            children: Vec::new(),
        }
    }
}

/// Who is at the head of the sessions, for all callers of a world: [`Graph::origin`] by numbers.
#[derive(Debug)]
pub(crate) struct Heads {
    /// By a key that was issued: the key that issued it, unless it was made for a user.
    issuers: HashMap<Str, Str>,
    /// By key, whose it is.
    principals: HashMap<Str, Str>,
}

impl Heads {
    pub(crate) fn of(world: &World) -> Self {
        let callers: HashMap<Str, Str> = world
            .shared
            .iter()
            .map(|shared| (shared.shared, shared.key))
            .collect();
        let mut issues: Vec<&world::Issue> = world.issues.iter().collect();
        issues.sort_by_key(|issue| issue.time);
        let mut issuers: HashMap<Str, Str> = HashMap::with_capacity(issues.len());
        let mut principals: HashMap<Str, Str> = HashMap::new();
        for issue in issues {
            principals.entry(issue.key).or_insert(issue.principal);
            if issue.how == How::CreatedKey {
                continue;
            }
            let by = match (issue.by, issue.shared) {
                (0, 0) => 0,
                (0, shared) => callers.get(&shared).copied().unwrap_or(0),
                (by, _) => by,
            };
            if by != 0 && by != issue.key {
                issuers.entry(issue.key).or_insert(by);
            }
        }
        // Who uses a key is better known than for whom it was made; the first to use it counts.
        let mut first: HashMap<Str, i64> = HashMap::new();
        for (way, count) in &world.ways {
            let Some(actor) = world.actors.get(way.actor as usize) else {
                continue;
            };
            if actor.key == 0 {
                continue;
            }
            let known = first.entry(actor.key).or_insert(i64::MAX);
            if count.first < *known {
                *known = count.first;
                principals.insert(actor.key, actor.principal);
            }
        }
        Self {
            issuers,
            principals,
        }
    }

    /// The principal at the head of the sessions that led to this key; 0 where nothing is known.
    pub(crate) fn head(&self, key: Str) -> Str {
        let mut key = key;
        // Keys that issue one another in a ring have no head: any of them serves.
        for _ in 0..1_000 {
            match self.issuers.get(&key) {
                Some(by) => key = *by,
                None => break,
            }
        }
        self.principals.get(&key).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;
    use serde_json::{Value, json};

    const USER: &str = "arn:aws:iam::111111111111:user/anna";

    fn call(second: u32, key: &str, name: &str, arn: &str, extra: Value) -> Event {
        let mut fields = json!({
            "eventTime": format!("2026-01-01T00:00:{second:02}Z"),
            "eventName": name, "eventSource": "sts.amazonaws.com",
            "recipientAccountId": arn.split(':').nth(4).unwrap(),
            "userIdentity": {
                "type": if arn.contains(":user/") { "IAMUser" } else { "AssumedRole" },
                "arn": arn, "accessKeyId": key, "accountId": arn.split(':').nth(4).unwrap(),
                "userName": arn.rsplit('/').next().unwrap(),
            },
        });
        for (name, value) in extra.as_object().unwrap() {
            fields[name] = value.clone();
        }
        event(fields)
    }

    fn assume(second: u32, key: &str, arn: &str, issued: &str, role: &str) -> Event {
        let account = role.split(':').nth(4).unwrap();
        let name = role.rsplit('/').next().unwrap();
        call(
            second,
            key,
            "AssumeRole",
            arn,
            json!({
                "requestParameters": {"roleArn": role},
                "responseElements": {"credentials": {"accessKeyId": issued},
                    "assumedRoleUser": {"arn": format!("arn:aws:sts::{account}:assumed-role/{name}/s")}},
            }),
        )
    }

    #[test]
    fn follows_sessions_roles_made_keys_and_accounts() {
        let near = "arn:aws:iam::111111111111:role/near";
        let far = "arn:aws:iam::222222222222:role/far";
        let near_session = "arn:aws:sts::111111111111:assumed-role/near/s";
        // The caller's record of the cross-account call has no answer; the far account's has.
        let asked = call(
            3,
            "ASIANEAR",
            "AssumeRole",
            near_session,
            json!({
            "requestParameters": {"roleArn": far}, "responseElements": null, "sharedEventID": "shared"}),
        );
        let told = event(json!({
            "eventTime": "2026-01-01T00:00:03Z", "eventName": "AssumeRole", "eventSource": "sts.amazonaws.com",
            "userIdentity": {"type": "AWSAccount", "accountId": "111111111111", "principalId": "AROAX:s"},
            "recipientAccountId": "222222222222", "sharedEventID": "shared",
            "requestParameters": {"roleArn": far},
            "responseElements": {"credentials": {"accessKeyId": "ASIAFAR"},
                "assumedRoleUser": {"arn": "arn:aws:sts::222222222222:assumed-role/far/s"}}}));
        let made = call(
            5,
            "ASIAFAR",
            "CreateAccessKey",
            "arn:aws:sts::222222222222:assumed-role/far/s",
            json!({
            "responseElements": {"accessKey": {"accessKeyId": "AKIADOOR", "userName": "door"}}}),
        );
        let used = call(
            6,
            "AKIADOOR",
            "ListBuckets",
            "arn:aws:iam::222222222222:user/path/door",
            json!({}),
        );
        let token = call(
            7,
            "AKIAANNA",
            "GetSessionToken",
            USER,
            json!({
            "responseElements": {"credentials": {"accessKeyId": "ASIATOKEN"}}}),
        );
        let other = call(
            8,
            "AKIABOB",
            "ListBuckets",
            "arn:aws:iam::111111111111:user/bob",
            json!({}),
        );
        let mut events = vec![
            assume(2, "AKIAANNA", USER, "ASIANEAR", near),
            asked,
            told,
            made,
            used,
            token,
            other,
        ];
        for _ in 0..2 {
            for lineage in [
                Lineage::of_user(&events, "anna"),
                Lineage::of_user(&events, USER),
                Lineage::of_key(&events, "AKIAANNA"),
            ] {
                let keys: Vec<&str> = lineage.keys.iter().map(String::as_str).collect();
                assert_eq!(
                    keys,
                    ["AKIAANNA", "AKIADOOR", "ASIAFAR", "ASIANEAR", "ASIATOKEN"]
                );
                assert_eq!(
                    lineage.roles,
                    BTreeSet::from([near.to_owned(), far.to_owned()])
                );
                assert_eq!(lineage.accounts.len(), 2);
                assert!(
                    lineage
                        .principals
                        .contains("arn:aws:iam::222222222222:user/path/door")
                );
                let [root] = lineage.roots.as_slice() else {
                    panic!("{:?}", lineage.roots)
                };
                assert_eq!(
                    (root.key.as_str(), root.how, root.calls),
                    ("AKIAANNA", How::Used, 2)
                );
                assert_eq!(root.children[0].children[0].children[0].key, "AKIADOOR");
                assert_eq!(root.children[1].how, How::SessionToken);
                let covered = events.iter().filter(|event| lineage.covers(event)).count();
                assert_eq!(covered, 5);
                assert_eq!(lineage.sessions().len(), 5);
            }
            events.reverse();
        }
        let graph = Graph::new(&events);
        assert_eq!(graph.origin("ASIAFAR"), Some(USER));
        assert_eq!(
            graph.origin("AKIADOOR"),
            Some("arn:aws:iam::222222222222:user/path/door")
        );
        assert_eq!(graph.origin("AKIANOBODY"), None);
        assert!(Lineage::of_user(&events, "nobody").keys.is_empty());
    }

    #[test]
    fn rings_and_long_chains_end() {
        let role = "arn:aws:iam::111111111111:role/r";
        let ring = [
            assume(1, "ASIAA", USER, "ASIAB", role),
            assume(2, "ASIAB", USER, "ASIAC", role),
            assume(3, "ASIAC", USER, "ASIAA", role),
            assume(4, "ASIAD", USER, "ASIAD", role),
        ];
        let lineage = Lineage::of_key(&ring, "ASIAB");
        assert_eq!(lineage.keys.len(), 3);
        assert_eq!(lineage.sessions().len(), 3);
        assert!(Graph::new(&ring).origin("ASIAA").is_some());
        let chain: Vec<Event> = (0..5_000)
            .map(|n| {
                assume(
                    1,
                    &format!("ASIA{n}"),
                    USER,
                    &format!("ASIA{}", n + 1),
                    role,
                )
            })
            .collect();
        let lineage = Lineage::of_key(&chain, "ASIA0");
        assert_eq!(
            (lineage.keys.len(), lineage.sessions().len()),
            (5_001, 5_001)
        );
    }

    #[test]
    fn console_sessions_are_the_users() {
        let login = event(
            json!({"eventName": "ConsoleLogin", "userIdentity": {"type": "IAMUser", "arn": USER, "userName": "anna"}}),
        );
        let click = call(1, "ASIACONSOLE", "DescribeInstances", USER, json!({}));
        let lineage = Lineage::of_user([&login, &click], "anna");
        assert!(lineage.covers(&login) && lineage.covers(&click));
    }
}
