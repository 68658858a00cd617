//! The engine over real rules and real logs.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod render;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sigma;
#[cfg(test)]
mod story;
#[cfg(test)]
mod variants;
