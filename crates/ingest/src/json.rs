//! Reading JSON documents, one after another, record by record.
//!
//! Owns the shapes that records come in: lists under a known name, arrays, single ones. A document
//! is never held as a whole.

use stockade_scan::{Fault, Next, Scanner, Step};

use crate::output::Output;
use crate::summary::Position;
use crate::unpack::explain;
use crate::window::{LIMIT, More, Window};

/// Arrays whose elements are records.
fn is_list(key: &[u8]) -> bool {
    matches!(
        key,
        b"Records" | b"Events" | b"logEvents" | b"Findings" | b"QueryResultRows"
    )
}

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between documents.
    Between,
    /// Before an element of an array; `first` of all, where the array may end at once.
    Element { first: bool, within: bool },
    /// After an element of an array.
    Next { within: bool },
    /// After a list within an object.
    After,
    /// Within an object whose list was read, before a key.
    Member,
}

/// How one step of the reader ended.
enum Turn {
    /// Go on from here.
    On(usize, State),
    /// All is read.
    End,
}

/// Reads to the end, or to the first fault: what comes after a fault in a document cannot be told
/// from its inside.
pub(crate) fn read(window: &mut Window<'_>, output: &mut Output<'_>) {
    let mut state = State::Between;
    loop {
        match stretch(window.bytes(), window.start(), state, None, output) {
            (_, now, Ok(())) => {
                // Nothing but white space is left.
                window.pass(usize::MAX);
                state = now;
                match window.more() {
                    More::Some | More::TooLong => {}
                    More::End => return,
                    More::Fault(error) => {
                        let at = window.position(window.bytes().len());
                        return output.skip(Position::Byte(at), explain(&error));
                    }
                }
            }
            (place, now, Err(Fault::Cut)) => {
                window.pass(place);
                state = now;
                let end = window.position(window.bytes().len());
                let reason = match window.more() {
                    More::Some => continue,
                    More::End => "the file ends in the middle of a record".to_owned(),
                    More::TooLong => format!("a record is longer than {} MiB", LIMIT >> 20),
                    More::Fault(error) => explain(&error),
                };
                return output.skip(Position::Byte(end), reason);
            }
            (_, _, Err(Fault::Wrong { at, wanted })) => {
                let at = window.position(at);
                return output.skip(
                    Position::Byte(at),
                    format!(
                        "is not JSON from here on (it should be {wanted}); what follows was not read"
                    ),
                );
            }
        }
    }
}

/// Reads the documents of one line, which ends where the bytes end.
pub(crate) fn line(bytes: &[u8], from: usize, at: Position, output: &mut Output<'_>) {
    match stretch(bytes, from, State::Between, Some(at), output) {
        (_, _, Ok(())) => {}
        (_, _, Err(Fault::Cut)) => output.skip(at, "is not JSON: it ends too early"),
        (_, _, Err(Fault::Wrong { at: byte, wanted })) => output.skip(
            at,
            format!(
                "is not JSON: at its byte {} should be {wanted}",
                byte.saturating_sub(from)
            ),
        ),
    }
}

/// Reads as far as the bytes go: answers where what is not read begins, and in which state.
fn stretch(
    bytes: &[u8],
    from: usize,
    state: State,
    at: Option<Position>,
    output: &mut Output<'_>,
) -> (usize, State, Result<(), Fault>) {
    let mut scanner = Scanner::new(bytes, from);
    let (mut place, mut state) = (from, state);
    loop {
        match turn(&mut scanner, place, state, at, output) {
            Ok(Turn::On(next, now)) => (place, state) = (next, now),
            Ok(Turn::End) => return (place, state, Ok(())),
            Err(fault) => return (place, state, Err(fault)),
        }
    }
}

fn turn(
    scanner: &mut Scanner<'_>,
    place: usize,
    state: State,
    at: Option<Position>,
    output: &mut Output<'_>,
) -> Result<Turn, Fault> {
    let bytes = scanner.bytes();
    match state {
        State::Between => match scanner.visible(place) {
            Err(_) => Ok(Turn::End),
            Ok((b'[', open)) => Ok(Turn::On(
                open + 1,
                State::Element {
                    first: true,
                    within: false,
                },
            )),
            Ok((b'{', open)) => {
                let step = scanner.object(open, &mut output.members, is_list)?;
                match step {
                    Step::Done(end) => {
                        output.record(bytes, open, end, at);
                        Ok(Turn::On(end, State::Between))
                    }
                    Step::List(list) => Ok(Turn::On(
                        list + 1,
                        State::Element {
                            first: true,
                            within: true,
                        },
                    )),
                }
            }
            Ok((_, wrong)) => Err(Fault::Wrong {
                at: wrong,
                wanted: "a record, or a list of them",
            }),
        },
        State::Element { first, within } => {
            let (byte, open) = scanner.visible(place)?;
            let end = match byte {
                b']' if first => return Ok(Turn::On(open + 1, after_list(within))),
                b'{' => {
                    let step = scanner.object(open, &mut output.members, |_| false)?;
                    let (Step::Done(end) | Step::List(end)) = step;
                    output.record(bytes, open, end, at);
                    end
                }
                _ => {
                    let end = scanner.value(open)?;
                    output.other(bytes.get(open..end).unwrap_or_default(), at);
                    end
                }
            };
            Ok(Turn::On(end, State::Next { within }))
        }
        State::Next { within } => Ok(match scanner.next(place, b']')? {
            Next::More(next) => Turn::On(
                next,
                State::Element {
                    first: false,
                    within,
                },
            ),
            Next::End(next) => Turn::On(next, after_list(within)),
        }),
        State::After => Ok(match scanner.next(place, b'}')? {
            Next::More(next) => Turn::On(next, State::Member),
            Next::End(next) => Turn::On(next, State::Between),
        }),
        State::Member => match scanner.members(place, &mut output.members, is_list)? {
            Step::Done(end) => Ok(Turn::On(end, State::Between)),
            Step::List(list) => Ok(Turn::On(
                list + 1,
                State::Element {
                    first: true,
                    within: true,
                },
            )),
        },
    }
}

fn after_list(within: bool) -> State {
    if within { State::After } else { State::Between }
}
