//! The trailers of a request, which Envoy brings to the filter.

use super::note::HostNote;
use super::plugin::Plugin;
use super::raw::{self, Map};
use crate::flow::Credentials;
use crate::http::Headers;

/// Takes off what the trailers of a request with these credentials may not carry. Only in the callback of the
/// trailers.
///
/// # Errors
/// What went wrong. The trailers must not go on.
pub(super) fn strip(plugin: &Plugin, credentials: &Credentials) -> Result<(), HostNote> {
    let trailers = raw::header_pairs(Map::RequestTrailers).map_err(HostNote::TrailersNotEdited)?;
    for name in plugin.trailers_to_remove(credentials, &Headers::from_pairs(trailers))? {
        raw::remove_header(Map::RequestTrailers, &name).map_err(HostNote::TrailersNotEdited)?;
    }
    Ok(())
}
