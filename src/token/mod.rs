//! TOKEN: what a token's claims are and must say (RFC 7519, 7662, 9068), whatever proves them.

pub mod access_token;
pub mod audience;
pub mod claim_rules;
pub mod claims;
pub mod confirmation;
pub mod format;
pub mod introspection_response;
pub mod jwt;
pub mod kind;
