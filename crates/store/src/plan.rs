//! Plans, their approvals, and the states that were saved before they ran.

use jiff::Timestamp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::StoreError;
use crate::incident::{read_json, read_time};
use crate::open::Store;
use crate::record::{Approval, IncidentId, PlanRecord, PreState};
use crate::seal::{sha256, time};

fn plan(row: &SqliteRow) -> Result<PlanRecord, StoreError> {
    Ok(PlanRecord {
        id: row.try_get("id")?,
        incident: IncidentId(row.try_get("incident")?),
        kind: row.try_get("kind")?,
        hash: row.try_get("hash")?,
        created_at: read_time(row.try_get("created_at")?, "a plan")?,
        body: read_json(row.try_get("body")?, "a plan")?,
    })
}

fn approval(row: &SqliteRow) -> Result<Approval, StoreError> {
    Ok(Approval {
        plan: row.try_get("plan")?,
        scope: row.try_get("scope")?,
        hash: row.try_get("hash")?,
        who: row.try_get("who")?,
        at: read_time(row.try_get("at")?, "an approval")?,
    })
}

impl Store {
    /// Stores a plan. Storing the same one again does nothing.
    ///
    /// Errors: [`StoreError::PlanExists`] when another plan has its id.
    pub async fn add_plan(&self, new: &PlanRecord) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        let stored: Option<(String, i64)> =
            sqlx::query_as("select hash, incident from plan where id = ?")
                .bind(&new.id)
                .fetch_optional(&mut *transaction)
                .await?;
        match stored {
            Some((hash, incident)) if hash == new.hash && incident == new.incident.0 => {}
            Some(_) => return Err(StoreError::PlanExists(new.id.clone())),
            None => {
                sqlx::query(
                    "insert into plan (id, incident, kind, hash, created_at, body)
                     values (?, ?, ?, ?, ?, ?)",
                )
                .bind(&new.id)
                .bind(new.incident.0)
                .bind(&new.kind)
                .bind(&new.hash)
                .bind(time(new.created_at))
                .bind(new.body.to_string())
                .execute(&mut *transaction)
                .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The plan. Errors: [`StoreError::NoPlan`].
    pub async fn plan(&self, id: &str) -> Result<PlanRecord, StoreError> {
        let row = sqlx::query("select * from plan where id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?
            .ok_or_else(|| StoreError::NoPlan(id.to_owned()))?;
        plan(&row)
    }

    /// The incident's plans, oldest first.
    pub async fn plans(&self, incident: IncidentId) -> Result<Vec<PlanRecord>, StoreError> {
        sqlx::query("select * from plan where incident = ? order by rowid")
            .bind(incident.0)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(plan)
            .collect()
    }

    /// Writes an approval down. The same hash approved again is the first approval still.
    ///
    /// Errors: [`StoreError::AlreadyApproved`] when another hash was approved in its place.
    pub async fn approve(&self, new: &Approval) -> Result<Approval, StoreError> {
        let mut transaction = self.pool.begin_with("begin immediate").await?;
        let stored = sqlx::query("select * from approval where plan = ? and scope = ?")
            .bind(&new.plan)
            .bind(&new.scope)
            .fetch_optional(&mut *transaction)
            .await?;
        if let Some(row) = stored {
            let first = approval(&row)?;
            if first.hash == new.hash {
                return Ok(first);
            }
            return Err(StoreError::AlreadyApproved {
                plan: first.plan,
                scope: first.scope,
                who: first.who,
            });
        }
        sqlx::query("insert into approval (plan, scope, hash, who, at) values (?, ?, ?, ?, ?)")
            .bind(&new.plan)
            .bind(&new.scope)
            .bind(&new.hash)
            .bind(&new.who)
            .bind(time(new.at))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(new.clone())
    }

    /// The plan's approvals, oldest first.
    pub async fn approvals(&self, plan: &str) -> Result<Vec<Approval>, StoreError> {
        sqlx::query("select * from approval where plan = ? order by rowid")
            .bind(plan)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(approval)
            .collect()
    }

    /// Saves a state as it was before a plan ran, and answers its SHA-256.
    pub async fn save_pre_state(
        &self,
        incident: IncidentId,
        plan: &str,
        name: &str,
        body: &Value,
        at: Timestamp,
    ) -> Result<String, StoreError> {
        let text = body.to_string();
        let hash = sha256(text.as_bytes());
        sqlx::query(
            "insert into pre_state (incident, plan, name, saved_at, body, sha256)
             values (?, ?, ?, ?, ?, ?)",
        )
        .bind(incident.0)
        .bind(plan)
        .bind(name)
        .bind(time(at))
        .bind(text)
        .bind(&hash)
        .execute(&self.pool)
        .await?;
        Ok(hash)
    }

    /// The incident's saved states, oldest first.
    ///
    /// Errors: [`StoreError::PreStateAltered`] when one does not have its hash any more.
    pub async fn pre_states(&self, incident: IncidentId) -> Result<Vec<PreState>, StoreError> {
        let rows = sqlx::query("select * from pre_state where incident = ? order by number")
            .bind(incident.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let (name, text): (String, &str) = (row.try_get("name")?, row.try_get("body")?);
                let stored: String = row.try_get("sha256")?;
                if sha256(text.as_bytes()) != stored {
                    return Err(StoreError::PreStateAltered(name));
                }
                Ok(PreState {
                    plan: row.try_get("plan")?,
                    name,
                    saved_at: read_time(row.try_get("saved_at")?, "a saved state")?,
                    body: read_json(text, "a saved state")?,
                    sha256: stored,
                })
            })
            .collect()
    }
}
