//! The engine over real rules and real logs.

mod rules;
