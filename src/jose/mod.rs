//! JOSE: signatures and the keys that verify them (RFC 7515, 7517, 7518, 8037). Pure: bytes and keys in,
//! a proof or a reason out.

pub mod alg;
pub mod compact;
pub mod cost;
pub mod jwk;
pub mod jws;
pub mod key;
pub mod verify;
