//! Incidents, their findings and their verdicts.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use stockade_model::Finding;

use crate::error::StoreError;
use crate::open::Store;
use crate::record::{Incident, IncidentId, NewIncident, VerdictRecord};
use crate::seal::{START, time};

/// A stored time.
pub(crate) fn read_time(text: &str, what: &'static str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|error| StoreError::Unreadable {
        what,
        why: format!("time `{text}`: {error}"),
    })
}

/// A stored JSON body.
pub(crate) fn read_json(text: &str, what: &'static str) -> Result<Value, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable {
        what,
        why: error.to_string(),
    })
}

fn incident(row: &SqliteRow) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: IncidentId(row.try_get("number")?),
        kind: row.try_get("kind")?,
        subject: row.try_get("subject")?,
        title: row.try_get("title")?,
        status: row.try_get("status")?,
        opened_at: read_time(row.try_get("opened_at")?, "an incident")?,
        updated_at: read_time(row.try_get("updated_at")?, "an incident")?,
        body: read_json(row.try_get("body")?, "an incident")?,
    })
}

impl Store {
    /// Opens an incident and names it. Its status is `open`.
    pub async fn open_incident(&self, new: &NewIncident) -> Result<Incident, StoreError> {
        let number = sqlx::query(
            "insert into incident (kind, subject, title, status, opened_at, updated_at, body, head)
             values (?1, ?2, ?3, 'open', ?4, ?4, ?5, ?6)",
        )
        .bind(&new.kind)
        .bind(&new.subject)
        .bind(&new.title)
        .bind(time(new.at))
        .bind(new.body.to_string())
        .bind(START)
        .execute(&self.pool)
        .await?
        .last_insert_rowid();
        self.incident(IncidentId(number)).await
    }

    /// The incident. Errors: [`StoreError::NoIncident`].
    pub async fn incident(&self, id: IncidentId) -> Result<Incident, StoreError> {
        let row = sqlx::query("select * from incident where number = ?")
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await?
            .ok_or(StoreError::NoIncident(id))?;
        incident(&row)
    }

    /// All incidents, oldest first.
    pub async fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        sqlx::query("select * from incident order by number")
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(incident)
            .collect()
    }

    /// Changes where the incident stands. Errors: [`StoreError::NoIncident`].
    pub async fn set_status(
        &self,
        id: IncidentId,
        status: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("update incident set status = ?, updated_at = ? where number = ?")
            .bind(status)
            .bind(time(at))
            .bind(id.0)
            .execute(&self.pool)
            .await?;
        match done.rows_affected() {
            0 => Err(StoreError::NoIncident(id)),
            _ => Ok(()),
        }
    }

    /// Changes what the caller keeps with the incident. Errors: [`StoreError::NoIncident`].
    pub async fn set_body(
        &self,
        id: IncidentId,
        body: &Value,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = sqlx::query("update incident set body = ?, updated_at = ? where number = ?")
            .bind(body.to_string())
            .bind(time(at))
            .bind(id.0)
            .execute(&self.pool)
            .await?;
        match done.rows_affected() {
            0 => Err(StoreError::NoIncident(id)),
            _ => Ok(()),
        }
    }

    /// Adds findings to the incident, after those that it has.
    pub async fn add_findings(
        &self,
        id: IncidentId,
        findings: &[Finding],
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        for finding in findings {
            let body = serde_json::to_string(finding).map_err(|error| StoreError::Unreadable {
                what: "a finding",
                why: error.to_string(),
            })?;
            sqlx::query(
                "insert into finding (incident, number, body) values
                 (?1, (select coalesce(max(number), 0) + 1 from finding where incident = ?1), ?2)",
            )
            .bind(id.0)
            .bind(body)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The incident's findings, in the order in which they were added.
    pub async fn findings(&self, id: IncidentId) -> Result<Vec<Finding>, StoreError> {
        let rows = sqlx::query("select body from finding where incident = ? order by number")
            .bind(id.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                serde_json::from_str(row.try_get("body")?).map_err(|error| StoreError::Unreadable {
                    what: "a finding",
                    why: error.to_string(),
                })
            })
            .collect()
    }

    /// Adds a verdict.
    pub async fn add_verdict(
        &self,
        id: IncidentId,
        verdict: &VerdictRecord,
    ) -> Result<(), StoreError> {
        sqlx::query("insert into verdict (incident, at, outcome, body) values (?, ?, ?, ?)")
            .bind(id.0)
            .bind(time(verdict.at))
            .bind(&verdict.outcome)
            .bind(verdict.body.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The incident's verdicts, oldest first.
    pub async fn verdicts(&self, id: IncidentId) -> Result<Vec<VerdictRecord>, StoreError> {
        let rows = sqlx::query("select * from verdict where incident = ? order by number")
            .bind(id.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(VerdictRecord {
                    at: read_time(row.try_get("at")?, "a verdict")?,
                    outcome: row.try_get("outcome")?,
                    body: read_json(row.try_get("body")?, "a verdict")?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn an_incident_is_kept_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.db");
        let store = Store::open(&path).await.unwrap();
        let new = NewIncident {
            kind: "compromised-user".into(),
            subject: "arn:aws:iam::111122223333:user/anna".into(),
            title: "leaked key".into(),
            at: "2026-11-23T10:00:00Z".parse().unwrap(),
            body: json!({"facts": 1}),
        };
        let made = store.open_incident(&new).await.unwrap();
        assert_eq!(
            (made.id.to_string().as_str(), made.status.as_str()),
            ("INC-1", "open")
        );
        let later = "2026-11-23T11:00:00.25Z".parse().unwrap();
        store.set_status(made.id, "contained", later).await.unwrap();
        store
            .set_body(made.id, &json!({"facts": 2}), later)
            .await
            .unwrap();
        store
            .add_verdict(
                made.id,
                &VerdictRecord {
                    at: later,
                    outcome: "unknown".into(),
                    body: json!({"why": "no log"}),
                },
            )
            .await
            .unwrap();
        store.close().await;

        let again = Store::open(&path).await.unwrap();
        let read = again.incident(made.id).await.unwrap();
        assert_eq!(read.status, "contained");
        assert_eq!(
            (read.opened_at, read.updated_at, read.body),
            (new.at, later, json!({"facts": 2}))
        );
        assert_eq!(again.verdicts(made.id).await.unwrap()[0].outcome, "unknown");
        assert_eq!(again.incidents().await.unwrap().len(), 1);
        let none = "INC-2".parse().unwrap();
        for error in [
            again.incident(none).await.unwrap_err(),
            again.set_status(none, "x", later).await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::NoIncident(_)), "{error}");
        }
    }

    #[test]
    fn incident_names() {
        assert_eq!("7".parse::<IncidentId>().unwrap(), IncidentId(7));
        assert_eq!("inc-7".parse::<IncidentId>().unwrap(), IncidentId(7));
        for bad in ["", "INC-", "INC-0", "INC--1", "-1", "+3", "INC-x", "ünc-1"] {
            assert!(bad.parse::<IncidentId>().is_err(), "{bad}");
        }
    }
}
