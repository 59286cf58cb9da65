//! What it costs to try a key on a token: counted by this table and not measured, as a gateway's clock
//! may stand still while the filter works.

use super::alg::KeyType;
use super::key::VerificationKey;

/// What hashing costs beside the operation itself, in microseconds for each KiB.
const HASH_MICROSECONDS: u64 = 3;

/// A number of microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

impl Cost {
    /// What nothing costs.
    pub const ZERO: Cost = Cost(0);

    /// A cost of so many microseconds.
    pub const fn from_microseconds(microseconds: u64) -> Cost {
        Cost(microseconds)
    }

    /// The cost in microseconds.
    pub const fn as_microseconds(self) -> u64 {
        self.0
    }

    /// Both together, or the most there is.
    #[must_use]
    pub const fn saturating_add(self, other: Cost) -> Cost {
        Cost(self.0.saturating_add(other.0))
    }
}

/// A failure to verify a token, and what trying keys has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unverified<E> {
    /// Why it failed.
    pub error: E,
    /// What was spent all the same.
    pub cost: Cost,
}

impl<E> Unverified<E> {
    /// The same with the error in other words.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Unverified<F> {
        Unverified { error: change(self.error), cost: self.cost }
    }
}

/// What it costs to try `key` on a message of so many bytes.
pub fn of_trying(key: &VerificationKey, message_bytes: usize) -> Cost {
    let bytes = u64::try_from(message_bytes).unwrap_or(u64::MAX);
    let hashing = bytes.saturating_mul(HASH_MICROSECONDS) / 1024;
    Cost(of_operation(key).saturating_add(hashing))
}

/// One operation in microseconds, in Wasm with simd128: the slower of V8 and wasmtime. RSA with 3072 and
/// 8192 bits is calculated from 2048 and 4096.
pub(super) fn of_operation(key: &VerificationKey) -> u64 {
    match key.key_type() {
        KeyType::Rsa => match key.modulus_bytes() {
            0..=256 => 412,
            257..=384 => 970,
            385..=512 => 1784,
            _ => 7800,
        },
        KeyType::P256 => 778,
        KeyType::P384 => 3362,
        KeyType::P521 => 4138,
        KeyType::Ed25519 => 151,
        KeyType::Secret => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_costs_what_its_modulus_asks_for() {
        for (bytes, expected) in
            [(256, 412), (257, 970), (384, 970), (385, 1784), (512, 1784), (513, 7800), (1024, 7800)]
        {
            let key = VerificationKey::rsa(&vec![0xff; bytes], &[1, 0, 1]).unwrap();
            assert_eq!(of_trying(&key, 0).as_microseconds(), expected, "{bytes}");
        }
    }

    #[test]
    fn a_longer_token_costs_more() {
        let secret = VerificationKey::shared_secret(&[b'x'; 32]).unwrap();
        assert_eq!([0, 1434, 16 * 1024].map(|bytes| of_trying(&secret, bytes)), [1, 5, 49].map(Cost));
        assert!(of_trying(&secret, usize::MAX) > Cost(1_000_000));
    }
}
