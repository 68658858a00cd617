//! An event as the rules see it: its members by slot, its values in their bytes.
//!
//! Owns the slots, and the questions of [`stockade_model::Event`] answered without a tree. Must not
//! judge.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use stockade_model::LogKind;
use stockade_model::log::Path;
use stockade_scan::{Kind, Member, Raw};

/// The place of a member of a record in the look-up of members.
pub(crate) type Slot = u16;

/// The members whose slots are known from the start.
const KNOWN: [&str; 12] = [
    "eventName",
    "eventSource",
    "eventTime",
    "userIdentity",
    "sourceIPAddress",
    "userAgent",
    "awsRegion",
    "errorCode",
    "recipientAccountId",
    "eventID",
    "requestParameters",
    "managementEvent",
];
pub(crate) const NAME: Slot = 0;
pub(crate) const SOURCE: Slot = 1;
pub(crate) const TIME: Slot = 2;
pub(crate) const IDENTITY: Slot = 3;
pub(crate) const ADDRESS: Slot = 4;
pub(crate) const AGENT: Slot = 5;
pub(crate) const REGION: Slot = 6;
pub(crate) const ERROR: Slot = 7;
pub(crate) const ACCOUNT: Slot = 8;
pub(crate) const ID: Slot = 9;
pub(crate) const REQUEST: Slot = 10;
pub(crate) const MANAGEMENT: Slot = 11;

/// A member that nobody asks for.
const NOBODYS: Slot = Slot::MAX;

/// The names of members that somebody asks for, each with its slot.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    slots: HashMap<Vec<u8>, Slot, RandomState>,
}

impl Names {
    /// Those that everybody asks for, of every kind of log.
    pub(crate) fn new() -> Self {
        let mut names = Self {
            slots: HashMap::default(),
        };
        for name in KNOWN {
            names.slot(name);
        }
        for name in [
            "responseElements",
            "additionalEventData",
            "eventType",
            "sessionCredentialFromConsole",
            "readOnly",
            "errorMessage",
            "sharedEventID",
            // Flow logs and DNS.
            "dstaddr",
            "dstport",
            "srcport",
            "protocol",
            "bytes",
            "pkt-srcaddr",
            "pkt-dstaddr",
            "pkt-dst-aws-service",
            "query_name",
            "rcode",
            "srcids",
        ] {
            names.slot(name);
        }
        for kind in LogKind::ALL {
            let facts = kind.facts();
            for paths in [
                facts.time,
                facts.name,
                facts.id,
                facts.region,
                facts.address,
                facts.agent,
                facts.error,
                facts.account,
                facts.principal,
            ] {
                for name in paths.iter().filter_map(|path| path.first()) {
                    names.slot(name);
                }
            }
        }
        names
    }

    /// The slot of a name, a new one if need be.
    pub(crate) fn slot(&mut self, name: &str) -> Slot {
        let next = Slot::try_from(self.slots.len())
            .unwrap_or(NOBODYS)
            .min(NOBODYS - 1);
        *self.slots.entry(name.as_bytes().to_vec()).or_insert(next)
    }

    /// The slot of a name, if it has one.
    pub(crate) fn find(&self, name: &str) -> Option<Slot> {
        self.slots.get(name.as_bytes()).copied()
    }
}

/// Puts the members of one record after another into their slots.
#[derive(Debug)]
pub(crate) struct Slots {
    names: Names,
    /// The keys of the record before, with their slots: most records have the same ones in the same
    /// order.
    before: Vec<(Vec<u8>, Slot)>,
    places: Vec<(u32, u32)>,
}

impl Slots {
    pub(crate) fn new(names: Names) -> Self {
        let count = names.slots.len();
        Self {
            names,
            before: Vec::new(),
            places: vec![(0, 0); count],
        }
    }

    /// The slot of a name, if anybody asks for it.
    pub(crate) fn find(&self, name: &str) -> Option<Slot> {
        self.names.find(name)
    }

    /// Reads the members of a record.
    #[inline]
    pub(crate) fn fill(&mut self, base: &[u8], members: &[Member]) {
        self.places.fill((0, 0));
        let mut ahead = 0;
        for member in members {
            let key = member.key(base);
            let slot = match self.before.get(ahead) {
                Some((known, slot)) if known.as_slice() == key => {
                    ahead += 1;
                    *slot
                }
                _ => {
                    let slot = self.look_up(key, ahead);
                    ahead += 1;
                    slot
                }
            };
            if let Some(place) = self.places.get_mut(usize::from(slot)) {
                *place = (member.value, member.value_end);
            }
        }
    }

    #[cold]
    fn look_up(&mut self, key: &[u8], ahead: usize) -> Slot {
        // A member that only some records have: the ones after it are in the usual order.
        let slot = if key.contains(&b'\\') {
            let quoted = [b"\"", key, b"\""].concat();
            let name = Raw::new(&quoted).text().unwrap_or_default();
            self.names.slots.get(name.as_bytes())
        } else {
            self.names.slots.get(key)
        };
        let slot = slot.copied().unwrap_or(NOBODYS);
        self.before.truncate(64);
        let place = ahead.min(self.before.len());
        let known = self
            .before
            .get(place..)
            .unwrap_or_default()
            .iter()
            .position(|(known, _)| known.as_slice() == key);
        match known {
            Some(skip) => {
                self.before.drain(place..place + skip);
            }
            None => self.before.insert(place, (key.to_vec(), slot)),
        }
        slot
    }

    /// The record, as rules see it.
    #[inline]
    pub(crate) fn look<'a>(&'a self, kind: LogKind, base: &'a [u8], record: &'a [u8]) -> Look<'a> {
        Look {
            kind,
            base,
            record: Raw::new(record),
            slots: self,
        }
    }
}

/// A record, as rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) kind: LogKind,
    base: &'a [u8],
    record: Raw<'a>,
    slots: &'a Slots,
}

impl<'a> Look<'a> {
    /// The record as a whole.
    pub(crate) fn record(&self) -> Raw<'a> {
        self.record
    }

    /// A member by its slot.
    #[inline]
    pub(crate) fn top(&self, slot: Slot) -> Option<Raw<'a>> {
        let (from, to) = *self.slots.places.get(usize::from(slot))?;
        if to == 0 {
            return None;
        }
        self.base.get(from as usize..to as usize).map(Raw::new)
    }

    /// A value by the names that lead to it. A null counts as absent. The first name must be one
    /// that somebody asked for.
    pub(crate) fn at(&self, path: &[&str]) -> Option<Raw<'a>> {
        let (first, rest) = path.split_first()?;
        self.top(self.slots.find(first)?)?
            .at(rest)
            .filter(|value| !value.is_null())
    }

    /// A text by the names that lead to it.
    pub(crate) fn text(&self, path: &[&str]) -> Option<Cow<'a, str>> {
        self.at(path)?.text()
    }

    /// The first value that one of the paths leads to.
    pub(crate) fn first(&self, paths: &[Path]) -> Option<Raw<'a>> {
        paths.iter().find_map(|path| self.at(path))
    }

    /// The first value that one of the paths leads to, as text.
    pub(crate) fn fact(&self, paths: &[Path]) -> Option<Cow<'a, str>> {
        self.first(paths)?.text()
    }

    /// A whole number by the names that lead to it, written as one or as text.
    pub(crate) fn number(&self, path: &[&str]) -> Option<u64> {
        let value = self.at(path)?;
        match value.kind()? {
            Kind::Number => std::str::from_utf8(value.bytes()).ok()?.parse().ok(),
            _ => value.text()?.parse().ok(),
        }
    }

    fn slot_text(&self, slot: Slot) -> Option<Cow<'a, str>> {
        self.top(slot)?.text()
    }

    /// See [`stockade_model::Event::name`].
    #[inline]
    pub(crate) fn name(&self) -> Cow<'a, str> {
        match self.kind {
            LogKind::CloudTrail => self.slot_text(NAME),
            kind => self.fact(kind.facts().name),
        }
        .unwrap_or_default()
    }

    /// See [`stockade_model::Event::source`].
    #[inline]
    pub(crate) fn source(&self) -> Cow<'a, str> {
        match self.kind {
            LogKind::CloudTrail => self.slot_text(SOURCE).unwrap_or_default(),
            kind => Cow::Borrowed(kind.as_str()),
        }
    }

    /// See [`stockade_model::Event::error_code`].
    pub(crate) fn error_code(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            LogKind::CloudTrail => self.slot_text(ERROR),
            kind => self.fact(kind.facts().error),
        }
        .filter(|code| !code.is_empty())
    }

    /// See [`stockade_model::Event::account`].
    pub(crate) fn account(&self) -> Option<Cow<'a, str>> {
        self.fact(self.kind.facts().account)
    }

    /// See [`stockade_model::Event::access_key`].
    pub(crate) fn access_key(&self) -> Option<Cow<'a, str>> {
        self.text(&["userIdentity", "accessKeyId"])
            .filter(|key| !key.is_empty())
    }

    /// See [`stockade_model::Event::issued_access_key`].
    pub(crate) fn issued_access_key(&self) -> Option<Cow<'a, str>> {
        self.text(&["responseElements", "credentials", "accessKeyId"])
            .or_else(|| self.text(&["responseElements", "accessKey", "accessKeyId"]))
    }

    /// See [`stockade_model::Event::principal`].
    pub(crate) fn principal(&self) -> String {
        if self.kind != LogKind::CloudTrail {
            let who = self.fact(self.kind.facts().principal);
            return who.map_or_else(|| self.kind.as_str().to_owned(), Cow::into_owned);
        }
        let of = |name: &str| self.text(&["userIdentity", name]);
        if let Some(arn) = of("arn") {
            return arn.into_owned();
        }
        if let Some(service) = of("invokedBy") {
            return service.into_owned();
        }
        let kind = of("type").unwrap_or(Cow::Borrowed("unknown"));
        match of("userName")
            .or_else(|| of("principalId"))
            .or_else(|| of("accountId"))
        {
            Some(name) => format!("{kind}:{name}"),
            None => kind.into_owned(),
        }
    }
}
