//! Access logs of load balancers: application, network (TLS) and classic.
//!
//! Owns the order of their fields. AWS adds fields at the end: what comes after those that are known is
//! passed over.

use stockade_model::LogKind;

use super::build::Builder;
use super::{Line, fields};

const ALB: &[&str] = &[
    "type",
    "time",
    "elb",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
];

const NLB: &[&str] = &[
    "type",
    "version",
    "time",
    "elb",
    "listener",
    "client",
    "destination",
    "connection_time",
    "tls_handshake_time",
    "received_bytes",
    "sent_bytes",
    "incoming_tls_alert",
    "chosen_cert_arn",
    "chosen_cert_serial",
    "tls_cipher",
    "tls_protocol_version",
    "tls_named_group",
    "domain_name",
    "alpn_fe_protocol",
    "alpn_be_protocol",
    "alpn_client_preference_list",
    "tls_connection_creation_time",
];

const CLB: &[&str] = &[
    "time",
    "elb",
    "client",
    "backend",
    "request_processing_time",
    "backend_processing_time",
    "response_processing_time",
    "elb_status_code",
    "backend_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
];

pub(super) fn is_alb(line: &str) -> bool {
    let mut parts = line.split(' ');
    let kind = parts.next().unwrap_or_default();
    matches!(kind, "http" | "https" | "h2" | "grpcs" | "ws" | "wss")
        && parts.next().is_some_and(is_time)
}

pub(super) fn is_nlb(line: &str) -> bool {
    let mut parts = line.split(' ');
    parts.next() == Some("tls")
        && parts.next().is_some_and(|version| version.contains('.'))
        && parts.next().is_some_and(is_time)
}

pub(super) fn is_clb(line: &str) -> bool {
    let values = fields(line);
    values.len() >= 12
        && values.first().is_some_and(|time| is_time(time))
        && values.get(2).is_some_and(|client| client.contains(':'))
        && values
            .get(11)
            .is_some_and(|request| request.matches(' ').count() >= 2)
}

fn is_time(text: &str) -> bool {
    text.len() >= 19 && text.as_bytes().get(10) == Some(&b'T')
}

pub(super) fn read_alb(line: &str, builder: &mut Builder) -> Result<Line, &'static str> {
    read(line, ALB, 12, builder)?;
    Ok(Line::Record(LogKind::AlbAccess))
}

pub(super) fn read_nlb(line: &str, builder: &mut Builder) -> Result<Line, &'static str> {
    read(line, NLB, 11, builder)?;
    Ok(Line::Record(LogKind::NlbAccess))
}

pub(super) fn read_clb(line: &str, builder: &mut Builder) -> Result<Line, &'static str> {
    read(line, CLB, 12, builder)?;
    Ok(Line::Record(LogKind::ClbAccess))
}

fn read(
    line: &str,
    names: &[&str],
    least: usize,
    builder: &mut Builder,
) -> Result<(), &'static str> {
    let values = fields(line);
    if values.len() < least {
        return Err("has fewer fields than a line of this load balancer's access log");
    }
    for (name, value) in names.iter().zip(&values) {
        match *name {
            "time" if !is_time(value) => return Err("has no time where one should be"),
            // A network load balancer leaves out the zone, which is UTC.
            "time" if !value.ends_with('Z') => builder.text(name, &format!("{value}Z")),
            "client" | "target" | "backend" | "destination" => {
                builder.text(name, value);
                if let Some((address, port)) = value.rsplit_once(':') {
                    let address = address.trim_start_matches('[').trim_end_matches(']');
                    builder.text(&format!("{name}_ip"), address);
                    builder.value(&format!("{name}_port"), port);
                }
            }
            "request" => {
                builder.text(name, value);
                let mut parts = value.split(' ');
                for part in ["request_verb", "request_url", "request_protocol"] {
                    builder.text(part, parts.next().unwrap_or_default().trim());
                }
            }
            "elb_status_code"
            | "target_status_code"
            | "backend_status_code"
            | "received_bytes"
            | "sent_bytes" => builder.value(name, value),
            _ => builder.text(name, value),
        }
    }
    Ok(())
}
