//! `stockade policy`: what IAM policies allow.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Deserializer, Value};
use stockade_policy::simulation::simulate;

use crate::out::{self, Status};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Decide requests against policies: JSON in, a line of JSON for each case out
    ///
    /// A case is {"name", "request": {"principal", "action", "resource": {"resource", "accountId"}, "context"},
    /// "identityPolicies": […], "resourcePolicy", "permissionBoundaries": […], "sessionPolicy",
    /// "serviceControlPolicies": [{"orgIdentifier", "policies": […]}], "resourceControlPolicies", "endpointPolicies"}.
    /// The exit status is 0 where every case was decided, whatever the decisions, and 3 where one could not be.
    Simulate {
        /// A file with a case or a list of cases; - for standard input
        file: PathBuf,
    },
}

pub fn run(arguments: &Arguments) -> Status {
    match &arguments.what {
        What::Simulate { file } => simulate_file(file),
    }
}

fn simulate_file(file: &Path) -> Status {
    let text = match read(file) {
        Ok(text) => text,
        Err(why) => return out::fail(&format!("{}: {why}", file.display())),
    };
    // Cases may also come one after the other, a line each.
    let mut cases = Vec::new();
    for value in Deserializer::from_str(&text).into_iter::<Value>() {
        match value {
            Ok(Value::Array(list)) => cases.extend(list),
            Ok(one) => cases.push(one),
            Err(why) => {
                return out::fail(&format!(
                    "{}: this is not JSON: {why}; give a case, or a list of cases",
                    file.display()
                ));
            }
        }
    }
    if cases.is_empty() {
        return out::fail(&format!("{}: there is no case in it", file.display()));
    }
    let mut status = Status::Fine;
    for case in &cases {
        let (answer, decided) = simulate(case);
        out::print(&format!("{answer}\n"));
        if !decided {
            status = Status::Incomplete;
        }
    }
    status
}

fn read(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let done = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes).map(drop))
    };
    done.map_err(|why| why.to_string())?;
    // Some editors put a mark before the text.
    let text = String::from_utf8(bytes).map_err(|_| "this is not UTF-8 text".to_owned())?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}
