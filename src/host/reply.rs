//! Answering a request in the upstream's place.

use super::note::HostNote;
use super::status::Status;
use super::{log, outgoing, pairs, raw};
use crate::http::LocalReply;
use crate::rejection;

/// Sends a reply, without its body unless the gateway takes one; its length is the gateway's to write
/// (S7). At most once for each request: a host traps on a second (D4).
///
/// # Errors
/// The gateway refuses. The request must be held.
pub(super) fn send(reply: &LocalReply, takes_body: bool) -> Result<(), Status> {
    let fallback = rejection::internal_error();
    let (reply, header) = match outgoing::response_header(reply) {
        Some(header) => (reply, header),
        None => {
            log::note(&HostNote::MalformedReply);
            let header = outgoing::response_header(&fallback).or_else(|| pairs::serialize(&[]));
            (&fallback, header.unwrap_or_default())
        }
    };
    let body: &[u8] = if takes_body { reply.body.as_bytes() } else { b"" };
    raw::send_local_response(reply.status, &header, body)
}
