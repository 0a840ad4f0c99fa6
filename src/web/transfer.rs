//! How answers travel: `ETag` and 304 for what the caller has already, gzip for what is long.
//!
//! Only answers to `GET` of data are packed. What packs together with a secret tells its length (BREACH),
//! and an answer has no other secret than the data itself: keys, tokens and links are never in one.
//! Whoever may put text into records of a user reads that user's records anyhow, and an entry of the
//! change feed is read once, so nobody can try texts beside the same data of somebody else again and
//! again. Requests are not unpacked: see `auth.rs`.

use std::io::Write;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, ETAG, Encoding, Header, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{self, Bytes};
use actix_web::{Error, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::vault::hex;

/// Shorter bodies fit a packet or two as they are.
const WORTH_PACKING: usize = 1_024;

/// Longer bodies are packed on a thread that may block.
const QUICKLY_PACKED: usize = 64 * 1_024;

/// The middleware.
pub(super) async fn fit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_none =
        ["/oauth/", "/notifications/", "/connect/"].iter().any(|it| request.path().starts_with(it));
    let is_data = request.method() == Method::GET && !is_none;
    let has: Vec<HeaderValue> = request.headers().get_all(IF_NONE_MATCH).cloned().collect();
    let takes_gzip = takes_gzip(&request);
    let answer = next.call(request).await?.map_into_boxed_body();
    if !is_data || answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (request, answer) = answer.into_parts();
    let (mut answer, body) = answer.into_parts();
    let bytes = match body.try_into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return Ok(ServiceResponse::new(request, answer.set_body(body))),
    };
    let tag = tag(&bytes);
    if has.iter().any(|has| names(has, &tag)) {
        let mut same = HttpResponse::NotModified();
        same.insert_header((ETAG, tag)).insert_header((VARY, "Accept-Encoding"));
        return Ok(ServiceResponse::new(request, same.finish()));
    }
    let headers = answer.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    let packed =
        if takes_gzip && bytes.len() >= WORTH_PACKING { pack(bytes.clone()).await } else { None };
    let body = match packed {
        Some(packed) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            packed
        }
        None => bytes,
    };
    Ok(ServiceResponse::new(request, answer.set_body(BoxBody::new(body))))
}

/// Of the content as it is before packing, therefore a weak one (RFC 9110 §8.8.1).
fn tag(bytes: &[u8]) -> String {
    let mut digest = hex(&Sha256::digest(bytes));
    digest.truncate(32);
    format!("W/\"{digest}\"")
}

/// Whether `If-None-Match` has this tag (RFC 9110 §13.1.2: compared as weak ones).
fn names(header: &HeaderValue, tag: &str) -> bool {
    let Ok(list) = header.to_str() else { return false };
    let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    list.split(',').any(|one| one.trim() == "*" || weak(one) == weak(tag))
}

fn takes_gzip(request: &ServiceRequest) -> bool {
    if !request.headers().contains_key(ACCEPT_ENCODING) {
        return false;
    }
    let known = [Encoding::gzip(), Encoding::identity()];
    let chosen = AcceptEncoding::parse(request).ok().and_then(|all| all.negotiate(known.iter()));
    chosen == Some(Encoding::gzip())
}

async fn pack(bytes: Bytes) -> Option<Bytes> {
    let is_quick = bytes.len() <= QUICKLY_PACKED;
    let pack = move || {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&bytes).ok()?;
        packer.finish().ok().map(Bytes::from)
    };
    if is_quick { pack() } else { web::block(pack).await.ok().flatten() }
}
