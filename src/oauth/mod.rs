//! WORDS: what the OAuth RFCs put on the wire, one file for each artefact. Nothing here decides
//! what happens next, and nothing here makes a call.

pub mod bearer;
pub mod challenge;
pub mod client_auth;
pub mod endpoint;
pub mod error_response;
pub mod form;
pub mod introspection;
pub mod metadata;
pub mod query;
pub mod server_metadata;
pub mod token_exchange;
pub mod token_type;
