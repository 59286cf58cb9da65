//! What verifying refused tokens may take of a worker, so that the tokens of a stranger do not keep it
//! from the requests of others.
//!
//! Costs are counted by the table of [`crate::jose::cost`], as a gateway's clock may stand still within
//! a callback. Only the pauses between them are measured.

use crate::jose::cost::Cost;
use crate::time::UnixTime;
use std::time::Duration;

/// What the budget is refilled with is a share of the time that passes, and it holds that of so long. It
/// is also what a flood can take at a stroke, while other requests wait: were it a second, that would be a
/// quarter of one.
const HOLDS: Duration = Duration::from_millis(100);

/// How long no other note says that it is spent.
const SILENCE: Duration = Duration::from_secs(60);

/// The budget of one worker for one configuration. A clock that is set back refills nothing, and
/// lengthens no wait.
#[derive(Debug)]
pub(super) struct VerificationBudget {
    percent: u32,
    /// The microseconds that were spent and have not been refilled. They may be more than the budget
    /// holds, as the cost of a verification is known at its end.
    spent: u64,
    /// The latest time that was seen.
    latest: Option<UnixTime>,
    /// When a note last said that the budget is spent.
    noted: Option<UnixTime>,
}

impl VerificationBudget {
    /// A full budget, refilled at so many per cent of the time that passes.
    pub(super) fn new(percent: u32) -> VerificationBudget {
        VerificationBudget { percent, spent: 0, latest: None, noted: None }
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&mut self, now: UnixTime) -> bool {
        self.refill(now);
        self.spent >= self.share_of(HOLDS)
    }

    /// Takes the cost of trying keys on a token that was refused.
    pub(super) fn spend(&mut self, cost: Cost, now: UnixTime) {
        self.refill(now);
        self.spent = self.spent.saturating_add(cost.as_microseconds());
    }

    /// Whether it is worth a note that the budget is spent: for one request in a while.
    pub(super) fn is_worth_a_note(&mut self, now: UnixTime) -> bool {
        let is_fresh = self.noted.is_some_and(|noted| noted <= now && now < noted.saturating_add(SILENCE));
        if !is_fresh {
            self.noted = Some(now);
        }
        !is_fresh
    }

    fn refill(&mut self, now: UnixTime) {
        let passed = self.latest.map_or(Duration::ZERO, |latest| latest.until(now));
        self.latest = Some(now);
        self.spent = self.spent.saturating_sub(self.share_of(passed));
    }

    /// In microseconds, of which a per cent of a millisecond has ten.
    fn share_of(&self, time: Duration) -> u64 {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        milliseconds.saturating_mul(10).saturating_mul(u64::from(self.percent))
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: u64) -> UnixTime {
        UnixTime::from_milliseconds(milliseconds)
    }

    fn spend(budget: &mut VerificationBudget, milliseconds: u64, cost: u64) {
        budget.spend(Cost::from_microseconds(1000 * cost), at(milliseconds));
    }

    #[test]
    fn it_holds_the_share_of_a_tenth_of_a_second_and_is_refilled_by_time() {
        let mut budget = VerificationBudget::new(25);
        spend(&mut budget, 5000, 24);
        assert!(!budget.is_spent(at(5000)));
        spend(&mut budget, 5000, 1);
        assert!(budget.is_spent(at(5000)));
        assert!(budget.is_spent(at(5000)), "as long as the clock stands still");
        assert!(!budget.is_spent(at(5001)));
        spend(&mut budget, 5001, 100);
        assert!(budget.is_spent(at(5399)), "what was spent beyond it is refilled first");
        assert!(!budget.is_spent(at(5401)));
        assert!(!budget.is_spent(at(1_000_000)));
        spend(&mut budget, 1_000_000, 25);
        assert!(budget.is_spent(at(1_000_000)), "a long pause saves up no more");
    }

    #[test]
    fn a_clock_that_is_set_back_refills_nothing_and_lengthens_no_wait() {
        let mut budget = VerificationBudget::new(10);
        spend(&mut budget, 3_600_000, 110);
        assert!(budget.is_spent(at(0)));
        assert!(budget.is_spent(at(1000)));
        assert!(!budget.is_spent(at(1001)), "the wait is as long as it was");
        spend(&mut budget, 1001, 10);
        assert!(!budget.is_spent(at(u64::MAX)));
        assert!(!budget.is_spent(at(0)), "nothing was spent meanwhile");
    }

    #[test]
    fn one_request_in_a_minute_is_worth_a_note() {
        let mut budget = VerificationBudget::new(25);
        let mut noted = |seconds| budget.is_worth_a_note(UnixTime::from_seconds(seconds));
        assert_eq!([100, 100, 159, 160, 219, 220].map(&mut noted), [true, false, false, true, false, true]);
        assert_eq!([10, 11, 69, 70].map(&mut noted), [true, false, false, true], "the clock was set back");
    }

    proptest! {
        /// However often and whenever it is asked, no more is spent than was held and refilled, but for the
        /// last verification of each time.
        #[test]
        fn what_is_spent_is_bounded_by_time(
            percent in 1_u32..=100,
            steps in prop::collection::vec((0_u64..500, 0_u64..200), 1..100),
        ) {
            let mut budget = VerificationBudget::new(percent);
            let (mut now, mut spent, mut dearest) = (0, 0, 0);
            for (pause, cost) in steps {
                now += pause;
                if !budget.is_spent(at(now)) {
                    spend(&mut budget, now, cost);
                    spent += cost;
                    dearest = dearest.max(cost);
                }
                prop_assert!(spent <= (now + 100) * u64::from(percent) / 100 + dearest + 1);
            }
        }
    }
}
