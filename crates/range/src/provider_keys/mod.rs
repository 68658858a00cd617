//! The keys of OpenID Connect providers: fetched before a call is answered, and kept as long as the provider says.
//!
//! Owns when the range asks a provider, and what it remembers of the answer. Only providers that an account has
//! registered are asked, and AWS's built-in ones. How it is asked is `fetch.rs`, whose certificates are believed
//! `certificates.rs`, and whose addresses `reach.rs`. What the keys prove is `sts/web_identity.rs`.

mod certificates;
mod fetch;
mod reach;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stockade_federation::discovery::Discovery;
use stockade_federation::jwk::KeySet;
use tokio::sync::Mutex as AsyncMutex;

pub use certificates::VerifiedBy;
pub use reach::Reach;

use fetch::{Document, Fetcher};

/// How long all questions to a provider may take together.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long keys are kept: at least, so that a provider is not asked for each token; unless it says; and at most.
const KEPT: (Duration, Duration, Duration) = (
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(24 * 3_600),
);
/// A token with a key that is not known has the provider asked again, but not more often than this.
const PAUSE: Duration = Duration::from_secs(2);
/// How many providers are remembered.
const MOST: usize = 1_000;

/// Which provider, and whose word its certificate is taken on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// `https://server.example.com/path`, without a slash at the end.
    pub issuer: String,
    /// SHA-1 digests of certificates that are believed beside the machine's own roots, in lower-case hexadecimal.
    pub thumbprints: Vec<String>,
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name that it gives itself.
    pub issuer: String,
    /// Its keys.
    pub keys: KeySet,
    /// Why its certificate was believed.
    pub verified_by: VerifiedBy,
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoKeys {
    /// Nobody asked, nobody answered, or not in time.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// Neither the machine's roots nor a thumbprint speak for its certificate.
    #[error("the provider's certificate is not believed")]
    Certificate,
    /// Its answer is not what it must be.
    #[error("the provider's answer is not what it must be: {0}")]
    Document(String),
}

#[derive(Debug, Clone)]
struct Kept {
    answer: Result<Answer, NoKeys>,
    asked: Instant,
    until: Instant,
}

/// The keys that are known.
#[derive(Debug)]
pub struct ProviderKeys {
    fetcher: Fetcher,
    kept: Mutex<HashMap<Question, Kept>>,
    /// One question at a time to each provider.
    asking: Mutex<HashMap<Question, Arc<AsyncMutex<()>>>>,
}

impl ProviderKeys {
    /// No keys yet; providers are asked within this reach.
    pub fn new(reach: Reach) -> Self {
        Self {
            fetcher: Fetcher::new(reach),
            kept: Mutex::new(HashMap::new()),
            asking: Mutex::new(HashMap::new()),
        }
    }

    /// What is known of a provider.
    pub fn known(&self, question: &Question) -> Result<Answer, NoKeys> {
        lock(&self.kept).get(question).map_or_else(
            || Err(NoKeys::Unreachable("it was not asked".into())),
            |kept| kept.answer.clone(),
        )
    }

    /// Asks a provider, unless what is known is fresh and good enough. `enough` tells whether a set of keys is.
    pub async fn ask(&self, question: &Question, enough: impl Fn(&KeySet) -> bool) {
        if self.is_settled(question, &enough) {
            return;
        }
        let turn = Arc::clone(lock(&self.asking).entry(question.clone()).or_default());
        let held = turn.lock().await;
        // Somebody may have asked in the meantime.
        if !self.is_settled(question, &enough) {
            let kept = self.fetch(question).await;
            let mut all = lock(&self.kept);
            if all.len() >= MOST {
                all.clear();
            }
            all.insert(question.clone(), kept);
        }
        drop(held);
        lock(&self.asking).remove(question);
    }

    fn is_settled(&self, question: &Question, enough: impl Fn(&KeySet) -> bool) -> bool {
        let now = Instant::now();
        lock(&self.kept)
            .get(question)
            .is_some_and(|kept| match &kept.answer {
                Ok(answer) if enough(&answer.keys) => now < kept.until,
                Ok(_) => now.duration_since(kept.asked) < PAUSE,
                Err(_) => false,
            })
    }

    async fn fetch(&self, question: &Question) -> Kept {
        let answered = tokio::time::timeout(PATIENCE, self.answer(question)).await;
        let asked = Instant::now();
        let (answer, kept) = match answered {
            Ok(Ok((answer, kept))) => (Ok(answer), kept),
            Ok(Err(error)) => (Err(error), Duration::ZERO),
            Err(_) => (
                Err(NoKeys::Unreachable("it took too long".into())),
                Duration::ZERO,
            ),
        };
        if let Err(error) = &answer {
            tracing::info!(issuer = question.issuer, %error, "an identity provider gave no keys");
        }
        Kept {
            answer,
            asked,
            until: asked + kept,
        }
    }

    async fn answer(&self, question: &Question) -> Result<(Answer, Duration), NoKeys> {
        let address = format!("{}/.well-known/openid-configuration", question.issuer);
        let Document {
            text, verified_by, ..
        } = self.fetcher.get(&address, &question.thumbprints).await?;
        let discovery = Discovery::read(&text)
            .ok_or_else(|| NoKeys::Document("the discovery document lacks a member".into()))?;
        if discovery.issuer.trim_end_matches('/') != question.issuer {
            return Err(NoKeys::Document(
                "the discovery document names another issuer".into(),
            ));
        }
        let document = self
            .fetcher
            .get(&discovery.jwks_uri, &question.thumbprints)
            .await?;
        let keys =
            KeySet::read(&document.text).map_err(|error| NoKeys::Document(error.to_string()))?;
        let (least, usual, most) = KEPT;
        let kept = document.max_age.unwrap_or(usual).clamp(least, most);
        // Both answers must be believed; the weaker reason is the one that counts.
        let verified_by = verified_by.min(document.verified_by);
        let answer = Answer {
            issuer: discovery.issuer,
            keys,
            verified_by,
        };
        Ok((answer, kept))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
