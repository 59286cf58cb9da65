//! Signed tokens, row by row, on a virtual clock: which are accepted, which are refused, and which proof
//! each needs. The gateway suite runs a few of these on every gateway.

mod accepted;
mod forgery;
mod issuer;
mod kinds;
mod minting;
mod proofs;
mod refused;
mod secrets;
