//! Uploads in parts: begun, filled, completed or aborted.
//!
//! Owns what becomes of the parts. A completed upload is an object like any other. Lists of uploads and of their
//! parts are `list_uploads`.

use bytes::Bytes;
use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::access::{self, bucket, bucket_mut, key, text};
use super::attributes;
use super::body::Body;
use super::checksums::{self, Algorithm, Checksum, Coverage};
use super::conditions;
use super::copy::{self, Source};
use super::objects::{self, quoted, whole_second};
use super::state::{ObjectData, Part, PartExtent, Upload};
use super::{errors, names};
use crate::call::{Call, Reply};
use crate::state::State;

/// The least size of a part that is not the last.
const LEAST_PART: u64 = 5 * 1024 * 1024;

/// The highest part number.
const MOST_PARTS: i64 = 10_000;

/// `CreateMultipartUpload`.
pub fn create(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let bucket = bucket(state, call)?;
    let key = key(call)?;
    let attributes = attributes::read(call)?;
    attributes::check_acl(bucket, call)?;
    let checksum = wanted_checksum(call)?;
    let id = names::upload_id(&state.ids.hex(names::UPLOAD_BYTES * 2));
    let bucket = bucket_mut(state, call)?;
    bucket.begin_upload(
        key,
        &id,
        Upload {
            initiated: whole_second(call.now),
            initiator: call.caller.arn.clone(),
            account: call.account().clone(),
            attributes,
            checksum,
            parts: crate::table::Table::new(),
        },
    );
    let mut output = Object::new();
    output.insert("Bucket".to_owned(), json!(bucket.name));
    output.insert("Key".to_owned(), json!(key));
    output.insert("UploadId".to_owned(), json!(id));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    if let Some((algorithm, coverage)) = checksum {
        output.insert("ChecksumAlgorithm".to_owned(), json!(algorithm.name()));
        output.insert("ChecksumType".to_owned(), json!(coverage.name()));
    }
    Ok(Reply::from(output))
}

fn wanted_checksum(call: &Call<'_>) -> Result<Option<(Algorithm, Coverage)>, AwsError> {
    let Some(name) = text(call, "ChecksumAlgorithm") else {
        return match text(call, "ChecksumType") {
            None => Ok(None),
            Some(_) => Err(errors::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = Algorithm::named(name).ok_or_else(|| {
        errors::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    })?;
    let coverage = match (text(call, "ChecksumType"), algorithm) {
        (None, Algorithm::Crc64Nvme) | (Some("FULL_OBJECT"), _) => Coverage::FullObject,
        _ => Coverage::Composite,
    };
    let fits = match coverage {
        Coverage::FullObject => algorithm.allows_full_object(),
        Coverage::Composite => algorithm != Algorithm::Crc64Nvme,
    };
    if !fits {
        return Err(errors::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            coverage.name(),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok(Some((algorithm, coverage)))
}

fn part_number(call: &Call<'_>) -> Result<i64, AwsError> {
    let number = call.input.get("PartNumber").and_then(Value::as_i64);
    number
        .filter(|number| (1..=MOST_PARTS).contains(number))
        .ok_or_else(|| {
            errors::invalid_argument(
                "Part number must be an integer between 1 and 10000, inclusive",
                "partNumber",
                &number.map(|number| number.to_string()).unwrap_or_default(),
            )
        })
}

/// The upload that a request names.
pub fn upload_id<'a>(call: &'a Call<'_>) -> &'a str {
    text(call, "UploadId").unwrap_or_default()
}

/// The same, as it stands.
///
/// # Errors
/// `NoSuchUpload`.
pub fn upload<'a>(state: &'a State, call: &Call<'_>) -> Result<&'a Upload, AwsError> {
    let id = upload_id(call);
    bucket(state, call)?
        .upload(key(call)?, id)
        .ok_or_else(|| errors::no_such_upload(id))
}

/// `UploadPart`.
pub fn upload_part(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let number = part_number(call)?;
    let wanted = upload(state, call)?.checksum;
    let bytes = call.body.cloned().unwrap_or_default();
    let claimed = checksums::verify(
        call.input,
        access::header(call.headers, "x-amz-trailer"),
        &bytes,
    )?;
    if let (Some((wanted, _)), Some(claimed)) = (wanted, &claimed)
        && wanted != claimed.algorithm
    {
        return Err(errors::invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            wanted.name().to_ascii_lowercase(),
            claimed.algorithm.name().to_ascii_lowercase()
        )));
    }
    let part = keep_part(state, call, number, bytes, claimed)?;
    let mut output = Object::new();
    output.insert("ETag".to_owned(), quoted(&part.etag));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    if let Some(checksum) = &part.checksum {
        checksum.write_value(&mut output);
    }
    Ok(Reply::from(output))
}

/// `UploadPartCopy`.
pub fn upload_part_copy(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let number = part_number(call)?;
    upload(state, call)?;
    let source = Source::of(call)?;
    let (from, version, object) = source.open(state, call)?;
    let size = object.body.len();
    let range = match text(call, "CopySourceRange") {
        None => 0..size,
        Some(header) => match conditions::range(header, size) {
            Ok(Some(range)) => range,
            _ => {
                return Err(errors::invalid_argument(
                    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                    "x-amz-copy-source-range",
                    header,
                ));
            }
        },
    };
    let mut output = Object::new();
    copy::write_source_version(from, version, &mut output);
    let read = object.body.part(range);
    let bytes = read.map_err(|error| errors::disk(&error))?;
    let part = keep_part(state, call, number, bytes, None)?;
    let mut result = Object::new();
    result.insert("ETag".to_owned(), quoted(&part.etag));
    result.insert("LastModified".to_owned(), json!(part.modified.to_string()));
    if let Some(checksum) = &part.checksum {
        checksum.write_value(&mut result);
    }
    output.insert("CopyPartResult".to_owned(), Value::Object(result));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    Ok(Reply::from(output))
}

fn keep_part(
    state: &mut State,
    call: &Call<'_>,
    number: i64,
    bytes: Bytes,
    claimed: Option<Checksum>,
) -> Result<Part, AwsError> {
    let wanted = upload(state, call)?.checksum;
    let part = Part {
        etag: checksums::etag(&bytes),
        checksum: claimed.or_else(|| wanted.map(|(algorithm, _)| Checksum::of(algorithm, &bytes))),
        modified: whole_second(call.now),
        body: state.s3.keep(bytes)?,
    };
    let key = key(call)?;
    if let Some(upload) = bucket_mut(state, call)?.upload_mut(key, upload_id(call)) {
        upload.parts.insert(number, part.clone());
    }
    Ok(part)
}

/// `CompleteMultipartUpload`.
pub fn complete(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = key(call)?;
    let there = bucket(state, call)?;
    let upload = upload(state, call)?;
    let parts = chosen_parts(call, upload)?;
    objects::check_write(there, key, call)?;

    let read = Body::join(parts.iter().map(|(_, part)| &part.body));
    let bytes = read.map_err(|error| errors::disk(&error))?;
    let checksum = match upload.checksum {
        None => Checksum::of(Algorithm::Crc64Nvme, &bytes),
        Some((algorithm, Coverage::FullObject)) => Checksum::of(algorithm, &bytes),
        Some((algorithm, Coverage::Composite)) => Checksum::of_parts(
            algorithm,
            parts
                .iter()
                .map(|(_, part)| part.checksum.as_ref().map_or("", |c| c.value.as_str())),
        ),
    };
    check_claims(
        call,
        &checksum,
        u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    )?;
    let body = state.s3.keep(bytes)?;
    let mut offset = 0;
    let extents = parts
        .iter()
        .map(|(number, part)| {
            let extent = PartExtent {
                number: *number,
                offset,
                size: part.body.len(),
            };
            offset += extent.size;
            extent
        })
        .collect();
    let object = ObjectData {
        etag: checksums::etag_of_parts(parts.iter().map(|(_, part)| part.etag.as_str())),
        checksum: checksum.clone(),
        attributes: upload.attributes.clone(),
        parts: extents,
        owner: there.owner.clone(),
        body,
    };

    let mut output = Object::new();
    output.insert(
        "Location".to_owned(),
        json!(format!("http://{}.s3.amazonaws.com/{key}", there.name)),
    );
    output.insert("Bucket".to_owned(), json!(there.name));
    output.insert("Key".to_owned(), json!(key));
    output.insert("ETag".to_owned(), quoted(&object.etag));
    output.insert("ServerSideEncryption".to_owned(), json!("AES256"));
    checksum.write(&mut output);
    bucket_mut(state, call)?.end_upload(key, upload_id(call));
    objects::store(state, call, key, object, &mut output)?;
    Ok(Reply::from(output))
}

/// The parts that the request names, each as it was uploaded.
fn chosen_parts<'a>(call: &Call<'_>, upload: &'a Upload) -> Result<Vec<(i64, &'a Part)>, AwsError> {
    let wanted = call
        .input
        .get("MultipartUpload")
        .and_then(|upload| upload.get("Parts"))
        .and_then(Value::as_array)
        .filter(|parts| !parts.is_empty())
        .ok_or_else(errors::malformed_xml)?;
    let mut parts: Vec<(i64, &Part)> = Vec::with_capacity(wanted.len());
    for one in wanted {
        let number = one
            .get("PartNumber")
            .and_then(Value::as_i64)
            .ok_or_else(errors::malformed_xml)?;
        let etag = one.get("ETag").and_then(Value::as_str).unwrap_or_default();
        if parts.last().is_some_and(|(last, _)| *last >= number) {
            return Err(AwsError::new(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number.",
            )
            .with("UploadId", upload_id(call)));
        }
        let claims = one
            .as_object()
            .map(checksums::claimed)
            .transpose()?
            .flatten();
        let part = upload.parts.get(&number).filter(|part| {
            let same_checksum = claims.as_ref().is_none_or(|claim| {
                part.checksum
                    .as_ref()
                    .is_none_or(|c| c.algorithm != claim.algorithm || c.value == claim.value)
            });
            part.etag == etag.trim_matches('"') && same_checksum
        });
        let part = part.ok_or_else(|| {
            AwsError::new(
                400,
                "InvalidPart",
                "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
            )
            .with("UploadId", upload_id(call))
            .with("PartNumber", number.to_string())
            .with("ETag", etag.trim_matches('"'))
        })?;
        parts.push((number, part));
    }
    let all_but_last = parts.len().saturating_sub(1);
    match parts
        .iter()
        .take(all_but_last)
        .find(|(_, part)| part.body.len() < LEAST_PART)
    {
        None => Ok(parts),
        Some((number, part)) => Err(AwsError::new(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", part.body.len().to_string())
        .with("MinSizeAllowed", LEAST_PART.to_string())
        .with("PartNumber", number.to_string())
        .with("ETag", part.etag.as_str())),
    }
}

/// What the request claims of the whole object.
fn check_claims(call: &Call<'_>, checksum: &Checksum, size: u64) -> Result<(), AwsError> {
    // A composite checksum is claimed with or without its number of parts, and so is no checksum of its kind alone.
    for algorithm in Algorithm::ALL {
        let Some(claim) = text(call, algorithm.member()) else {
            continue;
        };
        let bare = checksum.value.split('-').next().unwrap_or_default();
        if algorithm != checksum.algorithm || (claim != checksum.value && claim != bare) {
            return Err(AwsError::new(
                400,
                "BadDigest",
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.name()
                ),
            ));
        }
    }
    let claimed = call.input.get("MpuObjectSize").and_then(|size| match size {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    if claimed.is_some_and(|claimed| claimed != size) {
        return Err(errors::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {} does not match what was computed: {size}",
            claimed.unwrap_or_default()
        )));
    }
    Ok(())
}

/// `AbortMultipartUpload`.
pub fn abort(state: &mut State, call: &Call<'_>) -> Result<Reply, AwsError> {
    let key = key(call)?;
    upload(state, call)?;
    bucket_mut(state, call)?.end_upload(key, upload_id(call));
    Ok(Reply::empty())
}
