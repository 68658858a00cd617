//! Which log a rule is for, and whether that is one that is read.
//!
//! Owns the mapping of Sigma's log sources to kinds of event. One kind so far: CloudTrail records.

use rsigma_parser::LogSource;

/// Whether rules for this log source are run over CloudTrail records.
pub(crate) fn is_cloudtrail(source: &LogSource) -> bool {
    source.product.as_deref() == Some("aws")
        && source.category.is_none()
        && matches!(source.service.as_deref(), None | Some("cloudtrail"))
}

/// Whether the rule says which log it is for.
pub(crate) fn is_given(source: &LogSource) -> bool {
    source.product.is_some() || source.service.is_some() || source.category.is_some()
}

/// The log source as a reader would write it.
pub(crate) fn written(source: &LogSource) -> String {
    let parts = [
        ("product", &source.product),
        ("category", &source.category),
        ("service", &source.service),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_deref()?)))
        .collect();
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}
