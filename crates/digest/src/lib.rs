//! CloudTrail's digest files: whether log files are what CloudTrail delivered.
//!
//! Owns the form of digests, their signatures, the chain from one to the next, and the verdict on each file. Must do no I/O and
//! know no service: digests and log files are handed in, wherever they lie.

mod chain;
mod form;
mod keys;
mod names;
mod packed;
mod report;

pub use chain::{Log, Logs, Seen, validate};
pub use form::{Digest, FormError, ListedLog};
pub use keys::{KeysError, PublicKeys};
pub use names::{DigestName, LogName, base};
pub use packed::{PackedError, sha256, unpack};
pub use report::{Gap, Report, Verdict, VerdictOn};
