//! Who used which key, service and action, and when: what *last used* and Access Advisor tell.
//!
//! Owns the record of use in one account. Every call writes it, a read too: so it stands beside the versions of the
//! state, which all share it, and not in them. A use of what a failed change would have made is of nobody, and harms nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stockade_model::Region;

use crate::rows::{Row, RowError, Rows, Writer};

/// The last use of a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// The region that was asked.
    pub region: Region,
    /// The service's namespace, as in `iam`.
    pub service: String,
}

/// Who used what, in one account.
#[derive(Debug, Clone, Default)]
pub struct Usage(Arc<Mutex<Uses>>);

#[derive(Debug, Clone, Default)]
struct Uses {
    /// By access key id.
    keys: BTreeMap<String, Kept>,
    /// By the service's namespace, whoever used it, also those who are gone.
    services: BTreeMap<String, Kept>,
    /// By the unique id of the user or role, or root's, then by action (`iam:ListUsers`).
    actions: BTreeMap<String, BTreeMap<String, Kept>>,
    /// What no store has yet, each once: the parts of its place.
    news: Vec<[String; 3]>,
}

/// A use, and whether it is among the news.
#[derive(Debug, Clone)]
struct Kept {
    last: LastUse,
    is_news: bool,
}

const KEYS: &str = "keys";
const SERVICES: &str = "services";
const ACTIONS: &str = "actions";

/// Notes a use in a map, and makes nothing anew of what is there. Answers whether it is news of which nothing is said yet.
fn note(
    uses: &mut BTreeMap<String, Kept>,
    name: &str,
    (at, region, service): (Timestamp, &Region, &str),
) -> bool {
    let Some(kept) = uses.get_mut(name) else {
        let last = LastUse {
            at,
            region: region.clone(),
            service: service.to_owned(),
        };
        let is_news = true;
        uses.insert(name.to_owned(), Kept { last, is_news });
        return true;
    };
    kept.last.at = at;
    if kept.last.region != *region {
        kept.last.region = region.clone();
    }
    if kept.last.service != service {
        service.clone_into(&mut kept.last.service);
    }
    !std::mem::replace(&mut kept.is_news, true)
}

impl Usage {
    fn uses(&self) -> MutexGuard<'_, Uses> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key signed a call.
    pub fn record_key(&self, key: &str, at: Timestamp, region: &Region, service: &str) {
        let uses = &mut *self.uses();
        if note(&mut uses.keys, key, (at, region, service)) {
            uses.news.push([KEYS, key, ""].map(str::to_owned));
        }
    }

    /// A user, a role or root, known by the unique id, did an action.
    pub fn record_action(&self, principal: &str, action: &str, at: Timestamp, region: &Region) {
        let service = action.split(':').next().unwrap_or_default();
        let uses = &mut *self.uses();
        if note(&mut uses.services, service, (at, region, service)) {
            uses.news.push([SERVICES, service, ""].map(str::to_owned));
        }
        if !uses.actions.contains_key(principal) {
            uses.actions.insert(principal.to_owned(), BTreeMap::new());
        }
        if let Some(actions) = uses.actions.get_mut(principal)
            && note(actions, action, (at, region, service))
        {
            uses.news
                .push([ACTIONS, principal, action].map(str::to_owned));
        }
    }

    /// When a key was last used; none: never.
    pub fn key(&self, key: &str) -> Option<LastUse> {
        self.uses().keys.get(key).map(|kept| kept.last.clone())
    }

    /// The services that anybody of the account used, each with its last time.
    pub fn services(&self) -> Vec<(String, LastUse)> {
        let uses = self.uses();
        let services = uses.services.iter();
        services
            .map(|(s, kept)| (s.clone(), kept.last.clone()))
            .collect()
    }

    /// What a user or role did, by action, each with its last time. It is known by its unique id: one that is made again
    /// under the same name did nothing yet.
    pub fn actions(&self, principal: &str) -> Vec<(String, LastUse)> {
        let uses = self.uses();
        let actions = uses.actions.get(principal).into_iter().flatten();
        actions
            .map(|(a, kept)| (a.clone(), kept.last.clone()))
            .collect()
    }

    /// A record of its own that begins as this one is.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self(Arc::new(Mutex::new(self.uses().clone())))
    }

    /// Forgets the actions of those who are gone.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.uses()
            .actions
            .retain(|principal, _| is_there(principal));
    }

    /// Writes what came since the last time.
    ///
    /// # Errors
    /// [`RowError::Unwritable`].
    pub fn write_news(&self, writer: &mut Writer<'_>) -> Result<(), RowError> {
        let uses = &mut *self.uses();
        for [kind, name, action] in std::mem::take(&mut uses.news) {
            let (map, last_part) = match kind.as_str() {
                KEYS => (Some(&mut uses.keys), name.as_str()),
                SERVICES => (Some(&mut uses.services), name.as_str()),
                _ => (uses.actions.get_mut(&name), action.as_str()),
            };
            let Some(kept) = map.and_then(|map| map.get_mut(last_part)) else {
                continue;
            };
            kept.is_news = false;
            writer.within(kind.as_bytes(), |writer| {
                writer.within(name.as_bytes(), |writer| {
                    if action.is_empty() {
                        return writer.put(&kept.last);
                    }
                    writer.within(action.as_bytes(), |writer| writer.put(&kept.last))
                })
            })?;
        }
        Ok(())
    }

    /// That what was written by [`Usage::write_news`] was not kept: all of it is news again.
    pub fn was_not_kept(&self) {
        let uses = &mut *self.uses();
        let mut news = Vec::new();
        for (kind, map) in [(KEYS, &mut uses.keys), (SERVICES, &mut uses.services)] {
            for (name, kept) in map {
                kept.is_news = true;
                news.push([kind, name.as_str(), ""].map(str::to_owned));
            }
        }
        for (principal, actions) in &mut uses.actions {
            for (action, kept) in actions {
                kept.is_news = true;
                news.push([ACTIONS, principal.as_str(), action.as_str()].map(str::to_owned));
            }
        }
        uses.news = news;
    }
}

/// All versions of a state share one record: so nothing differs between them. What comes is written by
/// [`Usage::write_news`].
impl Rows for Usage {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        if let (Some(new), Some(old)) = (new, old)
            && Arc::ptr_eq(&new.0, &old.0)
        {
            return Ok(());
        }
        let walk = |usage: &Self, writer: &mut Writer<'_>, put: bool| {
            let uses = usage.uses();
            let row = |writer: &mut Writer<'_>, name: &str, last: &LastUse| {
                writer.within(name.as_bytes(), |writer| {
                    if put {
                        return writer.put(last);
                    }
                    writer.take_out();
                    Ok(())
                })
            };
            writer.within(KEYS.as_bytes(), |writer| {
                uses.keys
                    .iter()
                    .try_for_each(|(key, kept)| row(writer, key, &kept.last))
            })?;
            writer.within(SERVICES.as_bytes(), |writer| {
                uses.services
                    .iter()
                    .try_for_each(|(s, kept)| row(writer, s, &kept.last))
            })?;
            writer.within(ACTIONS.as_bytes(), |writer| {
                uses.actions.iter().try_for_each(|(principal, actions)| {
                    writer.within(principal.as_bytes(), |writer| {
                        actions
                            .iter()
                            .try_for_each(|(a, kept)| row(writer, a, &kept.last))
                    })
                })
            })
        };
        if let Some(old) = old {
            walk(old, writer, false)?;
        }
        new.map_or(Ok(()), |new| walk(new, writer, true))
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let this = this.get_or_insert_default();
        let mut uses = this.uses();
        let name = |part: &[u8]| String::from_utf8(part.to_vec()).map_err(|_| row.unknown());
        let (kind, below) = row.next().ok_or_else(|| row.unknown())?;
        let kind = name(kind)?;
        let (first, below) = below.next().ok_or_else(|| row.unknown())?;
        let first = name(first)?;
        let (map, name, at) = match (kind.as_str(), below.next()) {
            (KEYS, None) => (&mut uses.keys, first, below),
            (SERVICES, None) => (&mut uses.services, first, below),
            (ACTIONS, Some((action, below))) => {
                (uses.actions.entry(first).or_default(), name(action)?, below)
            }
            _ => return Err(row.unknown()),
        };
        if at.goes() {
            map.remove(&name);
        } else {
            let last = at.read()?;
            let is_news = false;
            map.insert(name, Kept { last, is_news });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{self, Changes};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn load(rows: &Changes) -> Usage {
        let mut usage = None;
        for (place, value) in rows {
            rows::take(&mut usage, place, value.as_deref()).unwrap();
        }
        usage.unwrap_or_default()
    }

    #[test]
    fn news_are_written_once_and_again_where_they_were_not_kept() {
        let region = Region::us_east_1();
        let usage = Usage::default();
        let news = || {
            let mut rows = Changes::new();
            usage.write_news(&mut Writer::new(&mut rows)).unwrap();
            rows
        };
        assert!(news().is_empty());
        usage.record_key("AKIA1", at(1), &region, "iam");
        usage.record_action("AIDA1", "iam:ListUsers", at(2), &region);
        usage.record_action("AIDA1", "iam:ListUsers", at(3), &region);
        let first = news();
        assert_eq!(first.len(), 3);
        assert!(news().is_empty());
        let again = load(&first);
        assert_eq!(again.key("AKIA1").unwrap().at, at(1));
        assert_eq!(again.actions("AIDA1"), usage.actions("AIDA1"));
        assert_eq!(again.services(), usage.services());
        usage.was_not_kept();
        let places = |rows: Changes| rows.into_iter().collect::<BTreeMap<_, _>>();
        assert_eq!(places(news()), places(first.clone()));
        assert_eq!(places(rows::all(&usage).unwrap()), places(first));
    }

    #[test]
    fn versions_share_a_record_and_a_copy_has_its_own() {
        let usage = Usage::default();
        let (version, copy) = (usage.clone(), usage.apart());
        usage.record_key("AKIA1", at(1), &Region::us_east_1(), "iam");
        assert!(version.key("AKIA1").is_some());
        assert!(copy.key("AKIA1").is_none());
        assert!(
            rows::between(Some(&version), Some(&usage))
                .unwrap()
                .is_empty()
        );
    }
}
