//! PROOF: signed tokens and the keys that verify them (RFC 7515, 7517, 7518, 7519, 9068). Pure:
//! bytes and keys in, a proof or a reason out.

pub mod access_token;
pub mod alg;
pub mod claim_rules;
pub mod claims;
pub mod jwk;
pub mod jws;
pub mod key;
pub mod shape;
pub mod verify;
