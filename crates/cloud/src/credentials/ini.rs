//! The format of the AWS tools' files: sections, settings, comments, nested settings that nobody here needs.
//!
//! Owns the syntax alone. Tolerant as those tools are: a line that is nothing is passed over.

use std::collections::BTreeMap;

/// Section names with their settings; setting names in lower case.
pub(super) type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// Reads a file's text. A section that stands twice is one; of a setting that stands twice the last counts.
pub(super) fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section: Option<String> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = bare.strip_prefix('[') {
            section = rest.split_once(']').map(|(name, _)| {
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                sections.entry(name.clone()).or_default();
                name
            });
            continue;
        }
        // Indented lines belong to the setting above (`s3 =` and what follows it).
        if line.starts_with([' ', '\t']) {
            continue;
        }
        if let (Some(section), Some((name, value))) = (&section, bare.split_once('=')) {
            let value = value
                .split_once(" #")
                .or_else(|| value.split_once(" ;"))
                .map_or(value, |(value, _)| value);
            sections
                .entry(section.clone())
                .or_default()
                .insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_tools_write() {
        let sections = parse(
            "\u{feff}# comment\n[default]\nregion = eu-west-1 # here\nAWS_Access_Key_Id=AKIA=x\n\n[profile  work]\ns3 =\n  \
             region = nested\nrole_arn = a#b\n[broken\nlost = 1\nnothing\n[default]\nregion = eu-west-2\n",
        );
        assert_eq!(sections["default"]["region"], "eu-west-2");
        assert_eq!(sections["default"]["aws_access_key_id"], "AKIA=x");
        assert_eq!(sections["profile work"]["role_arn"], "a#b");
        assert!(!sections["profile work"].contains_key("region"));
        assert_eq!(sections.len(), 2);
    }
}
