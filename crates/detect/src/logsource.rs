//! Which log a rule is for, and whether that is one that is read.
//!
//! Owns the mapping of Sigma's log sources to kinds of event.

use rsigma_parser::LogSource;
use stockade_model::LogKind;

/// The kinds of log that rules for this log source are run over; none where it is a log that is not
/// read. A category that other products have too is AWS's log of that sort.
pub(crate) fn kinds(source: &LogSource) -> Vec<LogKind> {
    use LogKind::{
        AlbAccess, ClbAccess, CloudTrail, GuardDuty, NlbAccess, ResolverQuery, S3Access,
        SecurityHub, VpcFlow, Waf,
    };
    let lower = |text: &Option<String>| text.as_deref().map(str::to_ascii_lowercase);
    let (product, category) = (lower(&source.product), lower(&source.category));
    let service = lower(&source.service).map(|service| service.replace(['_', '-', ' '], ""));
    if !matches!(product.as_deref(), None | Some("aws")) {
        return Vec::new();
    }
    let of_service = match service.as_deref() {
        None => None,
        Some("cloudtrail") => Some(vec![CloudTrail]),
        Some("vpcflow" | "vpcflowlogs" | "flowlogs" | "vpc" | "vpcflowlog") => Some(vec![VpcFlow]),
        Some("s3" | "s3access" | "s3accesslogs" | "s3serveraccess") => Some(vec![S3Access]),
        Some("route53" | "route53resolver" | "resolverquery" | "route53resolverquery" | "dns") => {
            Some(vec![ResolverQuery])
        }
        Some("waf" | "wafv2") => Some(vec![Waf]),
        Some("elb" | "elbaccess" | "elasticloadbalancing" | "loadbalancer") => {
            Some(vec![AlbAccess, NlbAccess, ClbAccess])
        }
        Some("alb" | "albaccess") => Some(vec![AlbAccess]),
        Some("nlb" | "nlbaccess") => Some(vec![NlbAccess]),
        Some("clb" | "clbaccess") => Some(vec![ClbAccess]),
        Some("guardduty") => Some(vec![GuardDuty]),
        Some("securityhub") => Some(vec![SecurityHub]),
        Some(_) => Some(Vec::new()),
    };
    let of_category = match category.as_deref() {
        None => None,
        Some("dns") => Some(vec![ResolverQuery]),
        Some("firewall") => Some(vec![VpcFlow]),
        Some("webserver") => Some(vec![AlbAccess, ClbAccess, Waf]),
        Some(_) => Some(Vec::new()),
    };
    match (of_service, of_category) {
        (Some(service), Some(category)) => service
            .into_iter()
            .filter(|kind| category.contains(kind))
            .collect(),
        (Some(kinds), None) if product.is_some() => kinds,
        (None, Some(kinds)) => kinds,
        (None, None) if product.is_some() => vec![CloudTrail],
        _ => Vec::new(),
    }
}

/// The name that a kind's records have for a field of rules that are for all products of a category.
pub(crate) fn generic(source: &LogSource, kind: LogKind, name: &str) -> Option<&'static str> {
    source.category.as_ref()?;
    let lower = name.to_ascii_lowercase();
    let names: &[(&str, &'static str)] = match kind {
        LogKind::ResolverQuery => &[
            ("query", "query_name"),
            ("queryname", "query_name"),
            ("record_type", "query_type"),
            ("querytype", "query_type"),
            ("answer", "answers.Rdata"),
            ("queryresults", "answers.Rdata"),
            ("response_code", "rcode"),
            ("src_ip", "srcaddr"),
        ],
        LogKind::VpcFlow => &[
            ("src_ip", "srcaddr"),
            ("dst_ip", "dstaddr"),
            ("src_port", "srcport"),
            ("dst_port", "dstport"),
            ("sourceip", "srcaddr"),
            ("destinationip", "dstaddr"),
            ("sourceport", "srcport"),
            ("destinationport", "dstport"),
        ],
        LogKind::AlbAccess | LogKind::ClbAccess => &[
            ("cs-method", "request_verb"),
            ("c-uri", "request_url"),
            ("cs-uri-query", "request_url"),
            ("cs-uri-stem", "request_url"),
            ("cs-user-agent", "user_agent"),
            ("c-useragent", "user_agent"),
            ("sc-status", "elb_status_code"),
            ("c-ip", "client_ip"),
            ("src_ip", "client_ip"),
        ],
        LogKind::Waf => &[
            ("cs-method", "httpRequest.httpMethod"),
            ("c-uri", "httpRequest.uri"),
            ("cs-uri-stem", "httpRequest.uri"),
            ("cs-uri-query", "httpRequest.args"),
            ("c-ip", "httpRequest.clientIp"),
            ("src_ip", "httpRequest.clientIp"),
            ("sc-status", "responseCodeSent"),
        ],
        _ => &[],
    };
    names
        .iter()
        .find(|(generic, _)| *generic == lower)
        .map(|(_, own)| *own)
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
