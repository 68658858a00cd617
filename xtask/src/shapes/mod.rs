//! `cargo xtask shapes`: the tables of AWS's services, from the models that the PyPI package `botocore` ships.
//!
//! Owns the list of services and the files that are written. What a model says is `model`'s matter, what is kept of it
//! `facts`'s.

mod facts;
mod model;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::Package;

/// The services that have a table. To serve another, add its name (as botocore spells it) and run this.
const SERVICES: &[&str] = &[
    "accessanalyzer",
    "account",
    "acm",
    "acm-pca",
    "artifact",
    "autoscaling",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "cognito-identity",
    "cognito-idp",
    "config",
    "dynamodb",
    "ebs",
    "ec2",
    "elbv2",
    "events",
    "fms",
    "guardduty",
    "health",
    "iam",
    "identitystore",
    "inspector2",
    "kms",
    "lambda",
    "logs",
    "macie2",
    "organizations",
    "rds",
    "resourcegroupstaggingapi",
    "route53",
    "s3",
    "s3control",
    "secretsmanager",
    "securityhub",
    "shield",
    "sns",
    "sqs",
    "ssm",
    "sso-admin",
    "sts",
    "support",
    "wafv2",
];

/// How to make the tables.
#[derive(clap::Args)]
pub struct ShapesArgs {
    /// The folder of the installed package; without it, that of .venv or of python3
    #[arg(long)]
    botocore: Option<PathBuf>,
    /// Write nothing: fail if a table is not what the package says
    #[arg(long)]
    check: bool,
}

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ShapesError {
    /// The package is not installed.
    #[error("botocore was not found: run ./test once (it makes .venv), or give --botocore DIR")]
    NoBotocore,
    /// A model is not where it should be, or a table cannot be written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A model is not what a model is.
    #[error("{path} is not a service model: {why}")]
    Model {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// `--check` found a difference.
    #[error("{0} is not what botocore says: run cargo xtask shapes")]
    Stale(PathBuf),
}

/// Makes every table, or checks them.
pub fn run(arguments: &ShapesArgs) -> Result<(), ShapesError> {
    let package = Package::find(arguments.botocore.as_deref())?;
    let folder = crate::root().join("crates/wire/tables");
    let mut list = String::from(LIST_HEAD);
    for service in SERVICES {
        let model = package.model(service)?;
        list += &facts::index_line(service, &model)?;
        keep(
            &folder.join(format!("{service}.json")),
            &facts::table(&model, &package.version)?,
            arguments.check,
        )?;
    }
    keep(&folder.join("list.rs"), &(list + ");\n"), arguments.check)
}

/// How the list of tables begins: `wire` includes it.
const LIST_HEAD: &str = "// Made by `cargo xtask shapes`: each table, and what tells its service by a request, so that no table need be
// read to find one.
tables!(
";

/// Writes a file, or holds it against what is there.
fn keep(path: &Path, text: &str, check: bool) -> Result<(), ShapesError> {
    let file = |source| ShapesError::File {
        path: path.to_owned(),
        source,
    };
    if check {
        if fs::read_to_string(path).map_err(file)? == text {
            return Ok(());
        }
        return Err(ShapesError::Stale(path.to_owned()));
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(file)?;
    println!("{}", path.display());
    Ok(())
}
