//! All rules as one program: what they share is asked once for an event.
//!
//! Owns the sharing of conditions, the narrowing of rules to those that a call can still meet, and
//! the memory of what was asked already. Must not know what becomes of a match.
//!
//! A condition is a tree of operations over *leaves*, the lines of detections. Equal leaves are one,
//! and so are equal trees. For each pair of source and name that occurs, every rule is worked out as far
//! as these two decide: most are settled, and what is left is all that events of that pair are held to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::look::{Look, Names};
use crate::sigma::Node;
use crate::sigma::field::Scope;

/// An operation's number.
pub(crate) type Op = u32;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Code {
    Constant(bool),
    And(Box<[Op]>),
    Or(Box<[Op]>),
    Not(Op),
    AtLeast(usize, Box<[Op]>),
    Leaf(u32),
}

/// On what the outcome of a leaf rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rests {
    /// The name and source of the event alone.
    Call,
    /// The caller's identity alone.
    Identity(u32),
    /// Anything.
    Event,
}

#[derive(Debug)]
struct Leaf {
    node: Node,
    rests: Rests,
}

/// The rules' conditions, shared.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    leaves: Arc<[Leaf]>,
    codes: Codes,
    /// How many leaves rest on the identity alone.
    identities: usize,
}

#[derive(Debug, Clone, Default)]
struct Codes {
    list: Vec<Code>,
    numbers: HashMap<Code, Op>,
}

/// Makes a program of rules, one after another.
#[derive(Debug)]
pub(crate) struct Builder {
    names: Names,
    leaves: Vec<Leaf>,
    known: HashMap<String, u32>,
    codes: Codes,
    identities: u32,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::new(),
            leaves: Vec::new(),
            known: HashMap::new(),
            codes: Codes::default(),
            identities: 0,
        }
    }

    /// The names of members that somebody asks for.
    pub(crate) fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Takes a condition in.
    pub(crate) fn add(&mut self, node: &Node) -> Op {
        let each = |builder: &mut Self, nodes: &[Node]| -> Vec<Op> {
            nodes.iter().map(|node| builder.add(node)).collect()
        };
        match node {
            Node::And(nodes) => {
                let parts = each(self, nodes);
                self.codes.and(parts)
            }
            Node::Or(nodes) => {
                let parts = each(self, nodes);
                self.codes.or(parts)
            }
            Node::AtLeast(count, nodes) => {
                let parts = each(self, nodes);
                self.codes.at_least(*count, parts)
            }
            Node::Not(node) => {
                let inner = self.add(node);
                self.codes.not(inner)
            }
            Node::Shared(node) => self.add(node),
            Node::Item(_) | Node::Elements { .. } => self.leaf(node),
        }
    }

    fn leaf(&mut self, node: &Node) -> Op {
        let mut key = String::new();
        let _ = write!(key, "{node:?}");
        let next = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX);
        let number = match self.known.get(&key) {
            Some(number) => *number,
            None => {
                let mut node = node.clone();
                let rests = self.rests(&node);
                node.link(&mut self.names);
                self.leaves.push(Leaf { node, rests });
                self.known.insert(key, next);
                next
            }
        };
        self.codes.number(Code::Leaf(number))
    }

    fn rests(&mut self, node: &Node) -> Rests {
        let Node::Item(item) = node else {
            return Rests::Event;
        };
        let Some(begins) = item.begins() else {
            return Rests::Event;
        };
        if begins
            .iter()
            .all(|name| matches!(*name, "eventName" | "eventSource"))
        {
            return Rests::Call;
        }
        if begins.iter().all(|name| *name == "userIdentity") {
            self.identities += 1;
            return Rests::Identity(self.identities - 1);
        }
        Rests::Event
    }

    /// The program, and the names of members that it asks for.
    pub(crate) fn finish(self) -> (Program, Names) {
        let program = Program {
            leaves: self.leaves.into(),
            codes: self.codes,
            identities: self.identities as usize,
        };
        (program, self.names)
    }
}

impl Codes {
    fn number(&mut self, code: Code) -> Op {
        if let Some(number) = self.numbers.get(&code) {
            return *number;
        }
        let number = Op::try_from(self.list.len()).unwrap_or(Op::MAX);
        self.list.push(code.clone());
        self.numbers.insert(code, number);
        number
    }

    fn constant_of(&self, op: Op) -> Option<bool> {
        match self.list.get(op as usize) {
            Some(Code::Constant(truth)) => Some(*truth),
            _ => None,
        }
    }

    fn and(&mut self, parts: Vec<Op>) -> Op {
        self.many(parts, true, Code::And)
    }

    fn or(&mut self, parts: Vec<Op>) -> Op {
        self.many(parts, false, Code::Or)
    }

    /// `idle` is the constant that changes nothing; the other one decides.
    fn many(&mut self, parts: Vec<Op>, idle: bool, code: fn(Box<[Op]>) -> Code) -> Op {
        let mut kept: Vec<Op> = Vec::new();
        for part in parts {
            match self.constant_of(part) {
                Some(truth) if truth == idle => {}
                Some(_) => return self.number(Code::Constant(!idle)),
                None if kept.contains(&part) => {}
                None => kept.push(part),
            }
        }
        match kept.as_slice() {
            [] => self.number(Code::Constant(idle)),
            [one] => *one,
            _ => self.number(code(kept.into())),
        }
    }

    fn not(&mut self, inner: Op) -> Op {
        match self.constant_of(inner) {
            Some(truth) => self.number(Code::Constant(!truth)),
            None => self.number(Code::Not(inner)),
        }
    }

    fn at_least(&mut self, count: usize, parts: Vec<Op>) -> Op {
        let mut count = count;
        let mut kept = Vec::new();
        for part in parts {
            match self.constant_of(part) {
                Some(true) => count = count.saturating_sub(1),
                Some(false) => {}
                None => kept.push(part),
            }
        }
        if count == 0 {
            return self.number(Code::Constant(true));
        }
        if count > kept.len() {
            return self.number(Code::Constant(false));
        }
        self.number(Code::AtLeast(count, kept.into()))
    }
}

/// What was asked of an event already.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// By operation: the event's number, doubled, and the answer.
    asked: Vec<u64>,
    event: u64,
}

impl Memo {
    /// Forgets all: the next event is at hand.
    #[inline]
    pub(crate) fn next(&mut self) {
        self.event += 1;
    }

    #[inline]
    fn of(&self, op: Op) -> Option<bool> {
        let asked = *self.asked.get(op as usize)?;
        (asked >> 1 == self.event).then_some(asked & 1 == 1)
    }

    #[inline]
    fn note(&mut self, op: Op, truth: bool) {
        let place = op as usize;
        if place >= self.asked.len() {
            self.asked.resize(place + 64, 0);
        }
        if let Some(asked) = self.asked.get_mut(place) {
            *asked = self.event << 1 | u64::from(truth);
        }
    }
}

/// What was asked of an identity already: 0 nothing, 1 no, 2 yes, by leaf.
pub(crate) type IdentityMemo = Box<[u8]>;

impl Program {
    /// A memory for an identity that was not seen before.
    pub(crate) fn identity_memo(&self) -> IdentityMemo {
        vec![0; self.identities].into()
    }

    /// What is left of a condition, once the call's name and source are known: `look` is any event with
    /// these. `Some(false)` in place of an operation never matches.
    pub(crate) fn narrowed(&mut self, op: Op, look: &Look<'_>) -> Op {
        let Some(code) = self.codes.list.get(op as usize).cloned() else {
            return op;
        };
        match code {
            Code::Constant(_) => op,
            Code::And(parts) => {
                let parts = self.each(&parts, look);
                self.codes.and(parts)
            }
            Code::Or(parts) => {
                let parts = self.each(&parts, look);
                self.codes.or(parts)
            }
            Code::AtLeast(count, parts) => {
                let parts = self.each(&parts, look);
                self.codes.at_least(count, parts)
            }
            Code::Not(inner) => {
                let inner = self.narrowed(inner, look);
                self.codes.not(inner)
            }
            Code::Leaf(number) => match self.leaves.get(number as usize) {
                Some(leaf) if leaf.rests == Rests::Call => {
                    let truth = leaf.node.matches(Scope::of(look));
                    self.codes.number(Code::Constant(truth))
                }
                _ => op,
            },
        }
    }

    fn each(&mut self, parts: &[Op], look: &Look<'_>) -> Vec<Op> {
        parts
            .iter()
            .map(|part| self.narrowed(*part, look))
            .collect()
    }

    /// Whether the operation is settled.
    pub(crate) fn settled(&self, op: Op) -> Option<bool> {
        self.codes.constant_of(op)
    }

    /// Whether a condition holds of an event.
    pub(crate) fn holds(
        &self,
        op: Op,
        look: &Look<'_>,
        memo: &mut Memo,
        identity: &mut [u8],
    ) -> bool {
        if let Some(known) = memo.of(op) {
            return known;
        }
        let truth = match self.codes.list.get(op as usize) {
            None => false,
            Some(Code::Constant(truth)) => return *truth,
            Some(Code::And(parts)) => parts
                .iter()
                .all(|part| self.holds(*part, look, memo, identity)),
            Some(Code::Or(parts)) => parts
                .iter()
                .any(|part| self.holds(*part, look, memo, identity)),
            Some(Code::Not(inner)) => !self.holds(*inner, look, memo, identity),
            Some(Code::AtLeast(count, parts)) => {
                let mut met = 0;
                for part in parts {
                    met += usize::from(self.holds(*part, look, memo, identity));
                }
                met >= *count
            }
            Some(Code::Leaf(number)) => self.leaf(*number, look, identity),
        };
        memo.note(op, truth);
        truth
    }

    fn leaf(&self, number: u32, look: &Look<'_>, identity: &mut [u8]) -> bool {
        let Some(leaf) = self.leaves.get(number as usize) else {
            return false;
        };
        if let Rests::Identity(place) = leaf.rests
            && let Some(asked) = identity.get_mut(place as usize)
        {
            if *asked == 0 {
                *asked = 1 + u8::from(leaf.node.matches(Scope::of(look)));
            }
            return *asked == 2;
        }
        leaf.node.matches(Scope::of(look))
    }
}
