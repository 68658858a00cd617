//! The journal: append-only, each entry chained by a hash to the one before.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::StoreError;
use crate::incident::{read_json, read_time};
use crate::open::Store;
use crate::record::{Entry, IncidentId, NewEntry, RunId};
use crate::seal::{self, START, time};

/// An entry, with its body as stored, for the hash is over that text.
fn entry(row: &SqliteRow) -> Result<(Entry, String), StoreError> {
    let body: String = row.try_get("body")?;
    let run: Option<i64> = row.try_get("run")?;
    let entry = Entry {
        incident: IncidentId(row.try_get("incident")?),
        number: row.try_get("number")?,
        run: run.map(RunId),
        at: read_time(row.try_get("at")?, "a journal entry")?,
        kind: row.try_get("kind")?,
        step: row.try_get("step")?,
        body: read_json(&body, "a journal entry")?,
        previous: row.try_get("previous")?,
        hash: row.try_get("hash")?,
    };
    Ok((entry, body))
}

impl Store {
    /// Appends an entry. It is on the disk when this answers.
    ///
    /// Errors: [`StoreError::NoIncident`].
    pub async fn append(&self, incident: IncidentId, new: &NewEntry) -> Result<Entry, StoreError> {
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        let previous: String = sqlx::query_scalar("select head from incident where number = ?")
            .bind(incident.0)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(StoreError::NoIncident(incident))?;
        let number: i64 = sqlx::query_scalar(
            "select coalesce(max(number), 0) + 1 from journal where incident = ?",
        )
        .bind(incident.0)
        .fetch_one(&mut *transaction)
        .await?;
        let body = new.body.to_string();
        let hash = seal::entry(incident.0, number, new, &body, &previous);
        sqlx::query(
            "insert into journal (incident, number, run, at, kind, step, body, previous, hash)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(incident.0)
        .bind(number)
        .bind(new.run.map(|run| run.0))
        .bind(time(new.at))
        .bind(&new.kind)
        .bind(new.step.as_deref())
        .bind(&body)
        .bind(&previous)
        .bind(&hash)
        .execute(&mut *transaction)
        .await?;
        // The head beside the journal shows when entries were cut off its end.
        sqlx::query("update incident set head = ?, updated_at = ? where number = ?")
            .bind(&hash)
            .bind(time(new.at))
            .bind(incident.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Entry {
            incident,
            number,
            run: new.run,
            at: new.at,
            kind: new.kind.clone(),
            step: new.step.clone(),
            body: new.body.clone(),
            previous,
            hash,
        })
    }

    /// The incident's journal from its beginning, its chain checked.
    ///
    /// Errors: [`StoreError::NoIncident`], and [`StoreError::Altered`] with the first entry that
    /// does not fit.
    pub async fn journal(&self, incident: IncidentId) -> Result<Vec<Entry>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let head: String = sqlx::query_scalar("select head from incident where number = ?")
            .bind(incident.0)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(StoreError::NoIncident(incident))?;
        let rows = sqlx::query("select * from journal where incident = ? order by number")
            .bind(incident.0)
            .fetch_all(&mut *transaction)
            .await?;
        drop(transaction);
        let altered = |number, why| StoreError::Altered {
            incident,
            number,
            why,
        };
        let mut entries: Vec<Entry> = Vec::with_capacity(rows.len());
        for (row, expected) in rows.iter().zip(1..) {
            let (entry, body) = entry(row)?;
            let previous = entries.last().map_or(START, |last| last.hash.as_str());
            if entry.number != expected {
                return Err(altered(expected, "it is missing"));
            }
            if entry.previous != previous {
                return Err(altered(
                    expected,
                    "it does not follow from the entry before",
                ));
            }
            let new = NewEntry {
                run: entry.run,
                at: entry.at,
                kind: entry.kind.clone(),
                step: entry.step.clone(),
                body: serde_json::Value::Null,
            };
            if seal::entry(incident.0, expected, &new, &body, previous) != entry.hash {
                return Err(altered(expected, "its content does not have its hash"));
            }
            entries.push(entry);
        }
        let last = entries.last().map_or(START, |last| last.hash.as_str());
        if last != head {
            let next = i64::try_from(entries.len()).unwrap_or(i64::MAX);
            return Err(altered(
                next.saturating_add(1),
                "entries were cut off the end",
            ));
        }
        Ok(entries)
    }
}
