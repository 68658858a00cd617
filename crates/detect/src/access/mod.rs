//! Whom a call lets in, and what it makes of whom: the answer to "public, foreign or administrator?" for
//! whatever document, list or share an event carries.
//!
//! Owns the list of answers ([`Access`]). Policy documents are judged by the policy engine
//! (`documents.rs`); what opens a resource without a document is `shares.rs`; AWS's own policies, which an
//! event only names, are `managed.rs`. Must not decide whether any of it is bad: rules do.

mod documents;
mod managed;
mod shares;

use std::collections::BTreeSet;

use stockade_scan::Raw;

use crate::look::{Look, REQUEST};

/// Whom a call lets in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Access {
    /// Accounts other than the event's own.
    pub(crate) foreign: BTreeSet<String>,
    /// Everybody, and nothing narrows it.
    pub(crate) everybody: bool,
    /// Whoever holds the policy may do everything everywhere.
    pub(crate) administrator: bool,
    /// Actions by which whoever holds the policy can make an administrator of itself.
    pub(crate) escalation: BTreeSet<String>,
    /// Identity providers that many share, let in without a word on whom of theirs.
    pub(crate) providers: BTreeSet<String>,
}

impl Access {
    /// Reads the event's request.
    pub(crate) fn of(look: &Look<'_>) -> Self {
        let mut access = Self::default();
        let Some(request) = look.top(REQUEST).and_then(Raw::tree) else {
            return access;
        };
        let account = look.account();
        let call = Call {
            source: look.source(),
            name: look.name(),
            account: account.as_deref(),
        };
        documents::read(&call, &request, &mut access);
        managed::read(&request, &mut access);
        shares::read(&call, &request, &mut access);
        access
    }

    /// Notes an account, if it is not the event's own.
    fn let_in(&mut self, account: &str, call: &Call<'_>) {
        if call.account.is_some_and(|own| own != account) {
            self.foreign.insert(account.to_owned());
        }
    }
}

/// The call that a request is of.
struct Call<'a> {
    source: std::borrow::Cow<'a, str>,
    name: std::borrow::Cow<'a, str>,
    /// The account whose resource it is.
    account: Option<&'a str>,
}

impl Call<'_> {
    fn is_of(&self, service: &str) -> bool {
        self.source
            .split('.')
            .next()
            .is_some_and(|own| own.eq_ignore_ascii_case(service))
    }
}

/// The account of `123456789012` or `arn:aws:iam::123456789012:root`.
fn account_of(name: &str) -> Option<&str> {
    let account = match name.strip_prefix("arn:") {
        Some(_) => name.split(':').nth(4)?,
        None => name,
    };
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some(account)
}

#[cfg(test)]
mod testing {
    use super::Access;
    use crate::look::Names;
    use crate::testing::{event, looked};
    use serde_json::{Value, json};

    /// What a call of account 111122223333 gives.
    pub(super) fn access(source: &str, name: &str, request: &Value) -> Access {
        let event = event(json!({
            "eventSource": format!("{source}.amazonaws.com"),
            "eventName": name,
            "recipientAccountId": "111122223333",
            "requestParameters": request,
        }));
        looked(&event, Names::new(), Access::of)
    }

    pub(super) fn foreign(source: &str, name: &str, request: &Value) -> Vec<String> {
        access(source, name, request).foreign.into_iter().collect()
    }
}
