//! What all events come to, events that match nothing included: who called, from where, with what,
//! how often; and which keys were handed out.
//!
//! Owns the counting. Its size goes with the number of callers, addresses and sessions, and not with
//! that of events. Must not judge.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use stockade_model::{Event, LogKind, Timestamp};
use stockade_scan::Raw;

use crate::fields::Outcome;
use crate::lineage::How;
use crate::look::{self, Look};

/// A text's number; 0 is no text.
pub(crate) type Str = u32;

/// Texts, each once, one after another in one stretch of memory.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    texts: String,
    /// Where each ends; each begins where the one before ends.
    ends: Vec<usize>,
    numbers: HashTable<Str>,
    state: RandomState,
}

impl Strings {
    /// The number of a text.
    pub(crate) fn add(&mut self, text: &str) -> Str {
        if text.is_empty() {
            return 0;
        }
        let hash = self.state.hash_one(text);
        let Self {
            texts,
            ends,
            numbers,
            state,
        } = self;
        let known = numbers.entry(
            hash,
            |number| text_at(texts, ends, *number) == text,
            |number| state.hash_one(text_at(texts, ends, *number)),
        );
        match known {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(room) => {
                // 0 is no text, so that the first is 1.
                let number = Str::try_from(ends.len() + 1).unwrap_or(0);
                room.insert(number);
                texts.push_str(text);
                ends.push(texts.len());
                number
            }
        }
    }

    fn add_some(&mut self, text: Option<impl AsRef<str>>) -> Str {
        text.map_or(0, |text| self.add(text.as_ref()))
    }

    /// A text by its number.
    #[inline]
    pub(crate) fn text(&self, number: Str) -> &str {
        text_at(&self.texts, &self.ends, number)
    }

    /// The number of a text that is known.
    pub(crate) fn find(&self, text: &str) -> Option<Str> {
        let hash = self.state.hash_one(text);
        self.numbers
            .find(hash, |number| self.text(*number) == text)
            .copied()
    }

    /// How many there are.
    fn len(&self) -> Str {
        Str::try_from(self.ends.len()).unwrap_or(Str::MAX)
    }

    /// A text by its number; none for no text.
    pub(crate) fn some(&self, number: Str) -> Option<&str> {
        (number != 0).then(|| self.text(number))
    }
}

#[inline]
fn text_at<'a>(texts: &'a str, ends: &[usize], number: Str) -> &'a str {
    let Some(place) = (number as usize).checked_sub(1) else {
        return "";
    };
    let start = place
        .checked_sub(1)
        .and_then(|before| ends.get(before))
        .copied()
        .unwrap_or(0);
    let end = ends.get(place).copied().unwrap_or(start);
    texts.get(start..end).unwrap_or_default()
}

/// A caller: an identity as records have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    /// See [`Event::principal`].
    pub(crate) principal: Str,
    /// The key that signs.
    pub(crate) key: Str,
    /// The user's name, for a user.
    pub(crate) user: Str,
    /// The role, for a role's session.
    pub(crate) role: Str,
    /// The account of the identity.
    pub(crate) account: Str,
    /// `userIdentity.type`.
    pub(crate) kind: Str,
    /// Whether it is an AWS service, on its own or for somebody.
    pub(crate) service: bool,
}

/// Calls that have all this in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    pub(crate) actor: u32,
    pub(crate) address: Str,
    pub(crate) agent: Str,
    pub(crate) region: Str,
    /// The account in which it was recorded.
    pub(crate) account: Str,
}

/// How often, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) calls: u64,
    pub(crate) refused: u64,
    /// Microseconds since 1970.
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// A key that was handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issue {
    pub(crate) key: Str,
    /// The key that signed the call, and the id by which the other account's record tells of it.
    pub(crate) by: Str,
    pub(crate) shared: Str,
    pub(crate) how: How,
    pub(crate) principal: Str,
    pub(crate) user: Str,
    pub(crate) role: Str,
    pub(crate) account: Str,
    pub(crate) time: i64,
}

/// A call that names the key that signed and an id that another record shares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) shared: Str,
    pub(crate) key: Str,
}

/// What all events come to.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) strings: Strings,
    pub(crate) actors: Vec<Actor>,
    pub(crate) ways: Vec<(Way, Count)>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) shared: Vec<Shared>,
    way_numbers: HashMap<Way, u32, RandomState>,
    actor_numbers: HashMap<Actor, u32, RandomState>,
    /// By actor, the way that it went last.
    last: Vec<u32>,
}

impl World {
    /// What these events come to, with nothing held against them.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let rules = crate::hunt::RuleSet::nothing();
        let mut hunter = crate::hunter::Hunter::new(&rules);
        for event in events {
            hunter.event(event);
        }
        hunter.into_world()
    }

    /// The caller of an event.
    pub(crate) fn actor(&mut self, look: &Look<'_>) -> u32 {
        let principal = self.strings.add(&look.principal());
        let mut actor = Actor {
            principal,
            key: 0,
            user: 0,
            role: 0,
            account: 0,
            kind: 0,
            service: false,
        };
        if look.kind == LogKind::CloudTrail
            && let Some(identity) = look.top(look::IDENTITY)
        {
            let of = |path: &[&str]| identity.at(path).and_then(Raw::text);
            let kind = of(&["type"]);
            let invoked = of(&["invokedBy"]).is_some();
            actor.service = invoked
                || kind.as_deref() == Some("AWSService")
                || self
                    .strings
                    .text(principal)
                    .contains(":assumed-role/AWSServiceRoleFor");
            if kind.as_deref() == Some("IAMUser") {
                actor.user = self.strings.add_some(of(&["userName"]));
            }
            actor.kind = self.strings.add_some(kind);
            actor.key = self.strings.add_some(of(&["accessKeyId"]));
            actor.role = self
                .strings
                .add_some(of(&["sessionContext", "sessionIssuer", "arn"]));
            actor.account = self.strings.add_some(of(&["accountId"]));
        }
        self.add_actor(actor)
    }

    /// A way that nobody went, for what is said of something else than a caller.
    pub(crate) fn stand_in(&mut self, name: &str, account: Str, region: Str) -> u32 {
        let actor = Actor {
            principal: self.strings.add(name),
            key: 0,
            user: 0,
            role: 0,
            account,
            kind: 0,
            service: false,
        };
        let actor = self.add_actor(actor);
        self.add_way(Way {
            actor,
            address: 0,
            agent: 0,
            region,
            account,
        })
    }

    fn add_actor(&mut self, actor: Actor) -> u32 {
        let next = u32::try_from(self.actors.len()).unwrap_or(u32::MAX);
        let number = *self.actor_numbers.entry(actor).or_insert(next);
        if number == next {
            self.actors.push(actor);
            self.last.push(u32::MAX);
        }
        number
    }

    /// By which way an event came.
    #[inline]
    pub(crate) fn way(&mut self, actor: u32, look: &Look<'_>) -> u32 {
        let last = self.last.get(actor as usize).copied().unwrap_or(u32::MAX);
        if look.kind == LogKind::CloudTrail
            && let Some((way, _)) = self.ways.get(last as usize)
        {
            // A text with escapes is not written as it reads, and goes the long way.
            let same = |slot: look::Slot, number: Str| match look.top(slot) {
                Some(value) => match value.bytes() {
                    [b'"', text @ .., b'"'] => text == self.strings.text(number).as_bytes(),
                    _ => number == 0,
                },
                None => number == 0,
            };
            if same(look::ADDRESS, way.address)
                && same(look::AGENT, way.agent)
                && same(look::REGION, way.region)
                && same(look::ACCOUNT, way.account)
            {
                return last;
            }
        }
        let facts = look.kind.facts();
        let way = Way {
            actor,
            address: self.strings.add_some(look.fact(facts.address)),
            agent: self.strings.add_some(look.fact(facts.agent)),
            region: self.strings.add_some(look.fact(facts.region)),
            account: self.strings.add_some(look.fact(facts.account)),
        };
        let number = self.add_way(way);
        if let Some(last) = self.last.get_mut(actor as usize) {
            *last = number;
        }
        number
    }

    fn add_way(&mut self, way: Way) -> u32 {
        let next = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
        let number = *self.way_numbers.entry(way).or_insert(next);
        if number == next {
            self.ways.push((
                way,
                Count {
                    calls: 0,
                    refused: 0,
                    first: i64::MAX,
                    last: i64::MIN,
                },
            ));
        }
        number
    }

    /// Counts an event.
    #[inline]
    pub(crate) fn count(&mut self, way: u32, time: i64, refused: bool) {
        if let Some((_, count)) = self.ways.get_mut(way as usize) {
            count.calls += 1;
            count.refused += u64::from(refused);
            count.first = count.first.min(time);
            count.last = count.last.max(time);
        }
    }

    /// Notes the key that a call handed out, if it did.
    pub(crate) fn note_issue(&mut self, look: &Look<'_>, time: i64) {
        let caller = look.access_key();
        let shared = look.text(&["sharedEventID"]);
        if let (Some(shared), Some(key)) = (&shared, &caller) {
            let noted = Shared {
                shared: self.strings.add(shared),
                key: self.strings.add(key),
            };
            self.shared.push(noted);
        }
        let Some(key) = look.issued_access_key() else {
            return;
        };
        let how = match &*look.name() {
            "CreateAccessKey" => How::CreatedKey,
            "GetSessionToken" => How::SessionToken,
            "GetFederationToken" => How::FederationToken,
            "AssumeRoot" => How::AssumedRoot,
            _ => How::AssumedRole,
        };
        let answer = |name: &str, inner: &str| look.text(&["responseElements", name, inner]);
        let user = answer("accessKey", "userName");
        let principal = match how {
            How::CreatedKey => user.as_deref().map(|user| user_arn(look, user)),
            How::SessionToken => Some(look.principal()),
            How::FederationToken => answer("federatedUser", "arn").map(|arn| arn.into_owned()),
            _ => answer("assumedRoleUser", "arn").map(|arn| arn.into_owned()),
        };
        let role = (how == How::AssumedRole)
            .then(|| look.text(&["requestParameters", "roleArn"]))
            .flatten();
        let account = principal
            .as_deref()
            .and_then(account_of)
            .or_else(|| role.as_deref().and_then(account_of))
            .or_else(|| look.account().map(|account| account.into_owned()));
        let issue = Issue {
            key: self.strings.add(&key),
            by: self.strings.add_some(caller),
            shared: self.strings.add_some(shared),
            how,
            principal: self.strings.add_some(principal),
            user: self.strings.add_some(user),
            role: self.strings.add_some(role),
            account: self.strings.add_some(account),
            time,
        };
        self.issues.push(issue);
    }

    /// Takes another part of the same world in. Answers what the other's texts and ways are here.
    pub(crate) fn merge(&mut self, other: Self) -> Moved {
        let texts: Vec<Str> = (0..=other.strings.len())
            .map(|number| self.strings.add(other.strings.text(number)))
            .collect();
        let text = |number: Str| texts.get(number as usize).copied().unwrap_or(0);
        let actors: Vec<u32> = other
            .actors
            .iter()
            .map(|actor| {
                self.add_actor(Actor {
                    principal: text(actor.principal),
                    key: text(actor.key),
                    user: text(actor.user),
                    role: text(actor.role),
                    account: text(actor.account),
                    kind: text(actor.kind),
                    service: actor.service,
                })
            })
            .collect();
        let ways = other
            .ways
            .iter()
            .map(|(way, count)| {
                let number = self.add_way(Way {
                    actor: actors.get(way.actor as usize).copied().unwrap_or(0),
                    address: text(way.address),
                    agent: text(way.agent),
                    region: text(way.region),
                    account: text(way.account),
                });
                if let Some((_, own)) = self.ways.get_mut(number as usize) {
                    own.calls += count.calls;
                    own.refused += count.refused;
                    own.first = own.first.min(count.first);
                    own.last = own.last.max(count.last);
                }
                number
            })
            .collect();
        self.issues.extend(other.issues.iter().map(|issue| Issue {
            key: text(issue.key),
            by: text(issue.by),
            shared: text(issue.shared),
            principal: text(issue.principal),
            user: text(issue.user),
            role: text(issue.role),
            account: text(issue.account),
            ..*issue
        }));
        self.shared.extend(other.shared.iter().map(|shared| Shared {
            shared: text(shared.shared),
            key: text(shared.key),
        }));
        Moved { texts, ways }
    }

    /// The caller of a way.
    pub(crate) fn caller(&self, way: u32) -> Option<(&Way, &Actor)> {
        let (way, _) = self.ways.get(way as usize)?;
        Some((way, self.actors.get(way.actor as usize)?))
    }
}

/// What texts and ways of a part are in the whole.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) texts: Vec<Str>,
    pub(crate) ways: Vec<u32>,
}

impl Moved {
    pub(crate) fn text(&self, number: Str) -> Str {
        self.texts.get(number as usize).copied().unwrap_or(0)
    }

    pub(crate) fn way(&self, number: u32) -> u32 {
        self.ways.get(number as usize).copied().unwrap_or(0)
    }
}

/// Hashes by which bytes are known without being kept. Their seed is of the run, so that nobody can
/// write a log in which two things are taken for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fingerprints(RandomState);

impl Fingerprints {
    #[inline]
    pub(crate) fn of(&self, value: impl Hash) -> u64 {
        self.0.hash_one(value)
    }
}

pub(crate) fn account_of(arn: &str) -> Option<String> {
    let account = arn.split(':').nth(4).unwrap_or_default();
    (!account.is_empty()).then(|| account.to_owned())
}

/// The user for whom a key was made. The trail gives the name alone; the path, if there is one, is
/// not known before the key is used.
fn user_arn(look: &Look<'_>, user: &str) -> String {
    let caller = look.principal();
    let partition = caller.split(':').nth(1).unwrap_or("aws");
    format!(
        "arn:{partition}:iam::{}:user/{user}",
        look.account().unwrap_or_default()
    )
}

/// A moment from microseconds since 1970.
pub(crate) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}

/// Whether AWS refused the event's call.
#[inline]
pub(crate) fn is_refused(look: &Look<'_>) -> bool {
    look.top(look::ERROR).is_some() && Outcome::of(look) == Outcome::Refused
}
