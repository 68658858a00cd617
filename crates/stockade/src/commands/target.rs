//! Which AWS a command works on, as whom, and where it keeps its incidents: the options of every command of a response.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use jiff::SignedDuration;
use stockade_cloud::{Client, Config, Environment, Overrides};
use stockade_model::{AccountId, Clock, Region, SystemClock};
use stockade_respond::Engine;
use stockade_respond::aws::Reach;
use stockade_store::Store;

use super::pace::ToldPace;
use crate::out::{self, Status};

/// A clock that is further off than this is told to the user.
const CLOCK_OFF: SignedDuration = SignedDuration::from_secs(60);

/// Options that say which AWS, as whom, and where incidents are kept.
#[derive(Args, Clone)]
pub struct Target {
    /// The profile of the AWS configuration; without it the environment's credentials
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The region to work in
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Another endpoint than AWS's own, as in http://127.0.0.1:4566
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// The role to take in other accounts of the organisation
    #[arg(
        long,
        value_name = "NAME",
        default_value = "OrganizationAccountAccessRole"
    )]
    role_name: String,
    /// Look up events in this region too, beside us-east-1; may be given more than once
    #[arg(long, value_name = "REGION")]
    lookup_region: Vec<Region>,
    /// The file that incidents are kept in
    #[arg(long, value_name = "FILE", env = "STOCKADE_STORE")]
    store: Option<PathBuf>,
}

/// What a command of a response works with.
pub struct Session {
    pub store: Store,
    pub reach: Reach,
    pub pace: ToldPace,
    /// Where to ask LookupEvents, beside `us-east-1`.
    pub regions: Vec<Region>,
}

impl Session {
    /// The engine that runs and undoes plans.
    pub fn engine(&self) -> Engine<'_> {
        Engine {
            store: &self.store,
            reach: &self.reach,
            pace: &self.pace,
        }
    }
}

impl Target {
    /// The options that were given, to be shown in a command to copy.
    pub fn typed(&self) -> String {
        let store = self.store.as_ref().map(|path| path.display().to_string());
        let usual = "OrganizationAccountAccessRole";
        let role = Some(self.role_name.clone()).filter(|name| name != usual);
        let given = [
            ("--profile", self.profile.clone()),
            ("--region", self.region.clone()),
            ("--endpoint-url", self.endpoint_url.clone()),
            ("--role-name", role),
            ("--store", store),
        ];
        let shown = given
            .into_iter()
            .filter_map(|(name, value)| Some(format!(" {name} {}", quoted(&value?))));
        shown.collect()
    }

    /// Opens the store, finds credentials and asks AWS who they are.
    pub async fn session(&self) -> Result<Session, Status> {
        let store = self.store().await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let overrides = Overrides {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint_url.clone(),
        };
        let config = Config::load(&Environment::of_process(), &overrides, Arc::clone(&clock))
            .await
            .map_err(|error| out::fail(&error))?;
        let mut regions = self.lookup_region.clone();
        if !regions.contains(&config.region) {
            regions.push(config.region.clone());
        }
        let client = Client::new(config).map_err(|error| out::fail(&error))?;
        let reach = Reach::new(Arc::new(client.clone()))
            .await
            .map_err(|error| out::fail(&error))?;
        if client.ahead().abs() > CLOCK_OFF {
            out::note(&format!(
                "stockade: this machine's clock is {:#} off; times are those of the endpoint's clock",
                client.ahead().abs()
            ));
        }
        Ok(Session {
            store,
            reach: reach.with_role_name(&self.role_name),
            // What is written by the time, and asked by it, goes by the service's.
            pace: ToldPace::new(Arc::new(client.service_clock())),
            regions,
        })
    }

    /// Opens the store alone: for what needs no AWS.
    pub async fn store(&self) -> Result<Store, Status> {
        let path = match &self.store {
            Some(path) => path.clone(),
            None => usual_store().ok_or_else(|| {
                out::fail(&"there is no home folder to keep incidents in: give --store FILE")
            })?,
        };
        Store::open(&path).await.map_err(|error| out::fail(&error))
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@=+-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// `stockade/stockade.db` below the folder for a user's data.
fn usual_store() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data =
        set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("stockade").join("stockade.db"))
}

/// Who is said to have approved a plan: the user of this machine, unless another name is given.
pub fn approver(given: Option<&str>) -> String {
    let user = || {
        std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .ok()
    };
    given
        .map(str::to_owned)
        .or_else(user)
        .unwrap_or_else(|| "unknown".to_owned())
}

/// An account's id from the command line.
pub fn account(text: &str) -> Result<AccountId, String> {
    text.parse()
        .map_err(|error: stockade_model::IdError| error.to_string())
}
