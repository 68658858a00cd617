//! A unified diff of two states, for people to read before anything changes.

use serde_json::Value;

/// Lines beyond which the two are shown whole, one after the other.
const MOST: usize = 2_000;
/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// The difference between two JSON values as unified text; empty when they are equal.
pub fn json(before: &Value, after: &Value) -> String {
    if before == after {
        return String::new();
    }
    lines(&pretty(before), &pretty(after))
}

fn pretty(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        _ => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Edit {
    Keep,
    Take,
    Add,
}

/// The difference between two texts, a line each: ` ` kept, `-` taken out, `+` added, `…` for
/// kept lines that are left out.
pub fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let edits = if old.len() > MOST || new.len() > MOST {
        let take = old.iter().map(|line| (Edit::Take, *line));
        take.chain(new.iter().map(|line| (Edit::Add, *line)))
            .collect()
    } else {
        edits(&old, &new)
    };
    let near = |place: usize| {
        let from = place.saturating_sub(CONTEXT);
        edits
            .iter()
            .skip(from)
            .take(place - from + CONTEXT + 1)
            .any(|(edit, _)| *edit != Edit::Keep)
    };
    let mut text = String::new();
    let mut left_out = false;
    for (place, (edit, line)) in edits.iter().enumerate() {
        if *edit == Edit::Keep && !near(place) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            text.push_str("…\n");
        }
        text.push(match edit {
            Edit::Keep => ' ',
            Edit::Take => '-',
            Edit::Add => '+',
        });
        text.push_str(line);
        text.push('\n');
    }
    if left_out {
        text.push_str("…\n");
    }
    text
}

/// The shortest edit by the longest common subsequence.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Edit, &'a str)> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |table: &[u32], row: usize, column: usize| {
        table.get(row * width + column).copied().unwrap_or_default()
    };
    for (row, left) in old.iter().enumerate().rev() {
        for (column, right) in new.iter().enumerate().rev() {
            let best = if left == right {
                at(&common, row + 1, column + 1) + 1
            } else {
                at(&common, row + 1, column).max(at(&common, row, column + 1))
            };
            if let Some(cell) = common.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let mut edits = Vec::with_capacity(old.len() + new.len());
    let (mut row, mut column) = (0, 0);
    loop {
        match (old.get(row), new.get(column)) {
            (Some(left), Some(right)) if left == right => {
                edits.push((Edit::Keep, *left));
                row += 1;
                column += 1;
            }
            (Some(left), Some(_))
                if at(&common, row + 1, column) >= at(&common, row, column + 1) =>
            {
                edits.push((Edit::Take, *left));
                row += 1;
            }
            (_, Some(right)) => {
                edits.push((Edit::Add, *right));
                column += 1;
            }
            (Some(left), None) => {
                edits.push((Edit::Take, *left));
                row += 1;
            }
            (None, None) => return edits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shows_what_changes_and_little_else() {
        let before = json!({"a": 1, "b": [1, 2, 3, 4, 5, 6, 7, 8, 9], "z": "same"});
        let after = json!({"a": 2, "b": [1, 2, 3, 4, 5, 6, 7, 8, 9], "z": "same"});
        let text = super::json(&before, &after);
        assert!(text.contains("-  \"a\": 1,\n+  \"a\": 2,\n"), "{text}");
        assert!(text.contains('…') && !text.contains("same"), "{text}");
        assert_eq!(super::json(&before, &before), "");
    }

    #[test]
    fn a_new_thing_is_all_added_and_a_lost_one_all_taken() {
        assert_eq!(super::json(&Value::Null, &json!("x")), "+\"x\"\n");
        assert_eq!(super::json(&json!("x"), &Value::Null), "-\"x\"\n");
    }

    proptest::proptest! {
        #[test]
        fn both_texts_can_be_read_from_the_edits(old in "[ab\n]{0,40}", new in "[ab\n]{0,40}") {
            let (left, right): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
            let edits = edits(&left, &right);
            let side = |not: Edit| -> Vec<&str> {
                edits.iter().filter(|(e, _)| *e != not).map(|(_, l)| *l).collect()
            };
            proptest::prop_assert_eq!(side(Edit::Add), left);
            proptest::prop_assert_eq!(side(Edit::Take), right);
        }
    }
}
