// Made by `cargo xtask shapes`: each table, and the name that its service is signed for under.
tables!(
    "cloudtrail" signed "cloudtrail",
    "iam" signed "iam",
    "organizations" signed "organizations",
    "s3" signed "s3",
    "sts" signed "sts",
);
