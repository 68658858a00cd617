//! What must hold whoever writes, dies or forges.

use jiff::Timestamp;
use serde_json::json;
use stockade_store::{
    Approval, IncidentId, NewEntry, NewIncident, PlanRecord, Store, StoreError, sha256,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

async fn incident(store: &Store) -> IncidentId {
    let new = NewIncident {
        kind: "compromised-user".into(),
        subject: "arn:aws:iam::111122223333:user/anna".into(),
        title: "leaked key".into(),
        at: at(0),
        body: json!({}),
    };
    store.open_incident(&new).await.unwrap().id
}

fn entry(kind: &str, second: i64) -> NewEntry {
    NewEntry {
        run: None,
        at: at(second),
        kind: kind.into(),
        step: Some("1".into()),
        body: json!({"n": second, "text": "ünïcode \" \\ \n"}),
    }
}

fn plan(incident: IncidentId, hash: &str) -> PlanRecord {
    PlanRecord {
        id: "plan-1".into(),
        incident,
        kind: "contain".into(),
        hash: hash.into(),
        created_at: at(1),
        body: json!({"steps": []}),
    }
}

/// Runs SQL on the file as somebody with the `sqlite3` tool would.
async fn forge(path: &std::path::Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test]
async fn the_journal_of_two_writers_is_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.db");
    let one = Store::open(&path).await.unwrap();
    let id = incident(&one).await;
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let path = path.clone();
        tasks.push(tokio::spawn(async move {
            let store = Store::open(&path).await.unwrap();
            for n in 0..10 {
                store
                    .append(id, &entry("applying", writer * 10 + n))
                    .await
                    .unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let entries = one.journal(id).await.unwrap();
    assert_eq!(entries.len(), 40);
    assert!(
        entries
            .windows(2)
            .all(|pair| pair[1].previous == pair[0].hash)
    );
}

#[tokio::test]
async fn a_forged_journal_is_told_with_the_place() {
    let cases: [(&'static str, i64); 4] = [
        (
            "drop trigger journal_is_never_rewritten; update journal set body = '{}' where number = 2",
            2,
        ),
        (
            "drop trigger journal_is_never_rewritten; update journal set at = '2020-01-01T00:00:00Z' where number = 1",
            1,
        ),
        (
            "drop trigger journal_is_never_cut; delete from journal where number = 2",
            2,
        ),
        (
            "drop trigger journal_is_never_cut; delete from journal where number = 3",
            3,
        ),
    ];
    for (sql, place) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.db");
        let store = Store::open(&path).await.unwrap();
        let id = incident(&store).await;
        for n in 1..=3 {
            store.append(id, &entry("done", n)).await.unwrap();
        }
        forge(&path, sql).await;
        match store.journal(id).await.unwrap_err() {
            StoreError::Altered { number, .. } => assert_eq!(number, place, "{sql}"),
            other => panic!("{sql}: {other}"),
        }
    }
}

#[tokio::test]
async fn the_journal_cannot_be_rewritten_by_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.db");
    let store = Store::open(&path).await.unwrap();
    let id = incident(&store).await;
    store.append(id, &entry("done", 1)).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for sql in ["delete from journal", "update journal set kind = 'x'"] {
        let error = sqlx::raw_sql(sql).execute(&pool).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn an_approval_holds_for_one_hash_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("i.db")).await.unwrap();
    let id = incident(&store).await;
    store.add_plan(&plan(id, "aa")).await.unwrap();
    store.add_plan(&plan(id, "aa")).await.unwrap();
    let error = store.add_plan(&plan(id, "bb")).await.unwrap_err();
    assert!(matches!(error, StoreError::PlanExists(_)), "{error}");

    let approval = |hash: &str, who: &str| Approval {
        plan: "plan-1".into(),
        scope: "plan".into(),
        hash: hash.into(),
        who: who.into(),
        at: at(5),
    };
    store.approve(&approval("aa", "ines")).await.unwrap();
    let second = store.approve(&approval("aa", "otto")).await.unwrap();
    assert_eq!(second.who, "ines", "the first approval stands");
    let error = store.approve(&approval("bb", "otto")).await.unwrap_err();
    assert!(
        matches!(error, StoreError::AlreadyApproved { .. }),
        "{error}"
    );
    assert_eq!(store.approvals("plan-1").await.unwrap().len(), 1);
    assert!(store.plan("plan-2").await.is_err());
}

#[tokio::test]
async fn a_saved_state_is_checked_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.db");
    let store = Store::open(&path).await.unwrap();
    let id = incident(&store).await;
    store.add_plan(&plan(id, "aa")).await.unwrap();
    let body = json!({"UserName": "anna"});
    let hash = store
        .save_pre_state(id, "plan-1", "user anna", &body, at(3))
        .await
        .unwrap();
    assert_eq!(hash, sha256(br#"{"UserName":"anna"}"#));
    assert_eq!(store.pre_states(id).await.unwrap()[0].body, body);
    forge(
        &path,
        "drop trigger pre_state_is_never_rewritten; update pre_state set body = '{}'",
    )
    .await;
    let error = store.pre_states(id).await.unwrap_err();
    assert!(matches!(error, StoreError::PreStateAltered(_)), "{error}");
}

#[tokio::test]
async fn a_run_that_died_has_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.db");
    let store = Store::open(&path).await.unwrap();
    let id = incident(&store).await;
    store.add_plan(&plan(id, "aa")).await.unwrap();
    let lock = store.lock(id).unwrap();
    let died = store
        .begin_run(&lock, "plan-1", "run", at(1))
        .await
        .unwrap();
    drop(lock);
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    let lock = store.lock(id).unwrap();
    let next = store
        .begin_run(&lock, "plan-1", "run", at(2))
        .await
        .unwrap();
    store.end_run(next, "done", at(3)).await.unwrap();
    let runs = store.runs(id).await.unwrap();
    assert_eq!((runs[0].id, runs[0].ended_at), (died, None));
    assert_eq!(runs[1].outcome.as_deref(), Some("done"));
}
