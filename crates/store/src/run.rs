//! Runs: when each began and how it ended.

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::StoreError;
use crate::incident::read_time;
use crate::lock::IncidentLock;
use crate::open::Store;
use crate::record::{IncidentId, Run, RunId};
use crate::seal::time;

fn run(row: &SqliteRow) -> Result<Run, StoreError> {
    let ended: Option<String> = row.try_get("ended_at")?;
    Ok(Run {
        id: RunId(row.try_get("number")?),
        incident: IncidentId(row.try_get("incident")?),
        plan: row.try_get("plan")?,
        kind: row.try_get("kind")?,
        started_at: read_time(row.try_get("started_at")?, "a run")?,
        ended_at: ended.map(|at| read_time(&at, "a run")).transpose()?,
        outcome: row.try_get("outcome")?,
    })
}

impl Store {
    /// Begins a run of a plan; the lock shows that no other is at work.
    pub async fn begin_run(
        &self,
        lock: &IncidentLock,
        plan: &str,
        kind: &str,
        at: Timestamp,
    ) -> Result<RunId, StoreError> {
        let number =
            sqlx::query("insert into run (incident, plan, kind, started_at) values (?, ?, ?, ?)")
                .bind(lock.incident().0)
                .bind(plan)
                .bind(kind)
                .bind(time(at))
                .execute(&self.pool)
                .await?
                .last_insert_rowid();
        Ok(RunId(number))
    }

    /// Ends a run. Errors: [`StoreError::NoRun`].
    pub async fn end_run(&self, id: RunId, outcome: &str, at: Timestamp) -> Result<(), StoreError> {
        let done = sqlx::query("update run set ended_at = ?, outcome = ? where number = ?")
            .bind(time(at))
            .bind(outcome)
            .bind(id.0)
            .execute(&self.pool)
            .await?;
        match done.rows_affected() {
            0 => Err(StoreError::NoRun(id)),
            _ => Ok(()),
        }
    }

    /// The incident's runs, oldest first.
    pub async fn runs(&self, incident: IncidentId) -> Result<Vec<Run>, StoreError> {
        sqlx::query("select * from run where incident = ? order by number")
            .bind(incident.0)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(run)
            .collect()
    }
}
