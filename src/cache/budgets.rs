//! How a worker's own memory is divided.

/// The parts of `cache.max_bytes`, in bytes. Each is a budget of its own, so that none drives another out: not the
/// claims of a client with many tokens the tokens issued to others, and not a flood of bad tokens anything good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// Issued tokens and what goes with them: a half.
    pub issued: usize,
    /// Claims: what the other two leave, 35 %.
    pub claims: usize,
    /// Refusals: 15 %.
    pub refusals: usize,
}

impl Budgets {
    /// Divides `max_bytes`.
    pub fn of(max_bytes: usize) -> Budgets {
        let (issued, refusals) = (max_bytes / 2, (max_bytes / 20).saturating_mul(3));
        Budgets { issued, claims: max_bytes.saturating_sub(issued).saturating_sub(refusals), refusals }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_there_is() {
        assert_eq!(Budgets::of(1000), Budgets { issued: 500, claims: 350, refusals: 150 });
        for max_bytes in [0, 1, 19, 65_536, 65_537, 8_388_608, 1_073_741_824, usize::MAX] {
            let Budgets { issued, claims, refusals } = Budgets::of(max_bytes);
            assert_eq!(issued.checked_add(claims).and_then(|it| it.checked_add(refusals)), Some(max_bytes));
        }
    }
}
