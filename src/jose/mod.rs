//! PROOF: signed tokens and the keys that verify them (RFC 7515, 7517, 7518, 7519, 9068). Pure:
//! bytes and keys in, a proof or a reason out.

pub mod alg;
pub mod jwk;
pub mod jws;
pub mod key;
pub mod verify;
