//! Where the metadata of one issuer says its keys are, and which of its URLs it is looked for at.
//!
//! Several requests may try the same URL at a time. What it brings to one of them counts once: the others
//! take what was found, or the turn that follows.

use crate::http::Endpoint;
use crate::time::UnixTime;

/// What is known of one issuer's metadata.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    /// Where the metadata says the set is, and until when that holds.
    found: Option<(Endpoint, UnixTime)>,
    turn: Turn,
}

/// Which try it is to fetch the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    url: usize,
    /// How often in a row the URL did not answer.
    tries: u32,
}

impl Turn {
    /// Which of so many URLs is asked.
    pub(super) fn url(self, urls: usize) -> usize {
        self.url.checked_rem(urls).unwrap_or_default()
    }
}

impl Discovery {
    /// Where the metadata says the set is, while that holds.
    pub(super) fn endpoint(&self, now: UnixTime) -> Option<&Endpoint> {
        self.found.as_ref().filter(|(_, until)| now < *until).map(|(endpoint, _)| endpoint)
    }

    /// The metadata was found.
    pub(super) fn discover(&mut self, endpoint: Endpoint, until: UnixTime) {
        self.found = Some((endpoint, until));
        self.turn.tries = 0;
    }

    /// The set is not where the metadata said, so that the metadata is asked for again.
    pub(super) fn lose_endpoint(&mut self) {
        self.found = None;
    }

    /// The try that is due.
    pub(super) fn turn(&self) -> Turn {
        self.turn
    }

    /// The metadata is not at the URL of this try: the next URL is due.
    pub(super) fn next_url(&mut self, tried: Turn) {
        if tried == self.turn {
            self.turn = Turn { url: tried.url.wrapping_add(1), tries: 0 };
        }
    }

    /// The URL of this try did not answer: it is tried again, so many times in a row.
    pub(super) fn retry_same_url(&mut self, tried: Turn, max_tries: u32) {
        let tries = tried.tries.saturating_add(1);
        if tries >= max_tries {
            self.next_url(tried);
        } else if tried == self.turn {
            self.turn.tries = tries;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_tried_at_each_url_in_turn() {
        let mut discovery = Discovery::default();
        let urls = |discovery: &Discovery| discovery.turn().url(2);
        assert_eq!(urls(&discovery), 0);
        discovery.next_url(discovery.turn());
        assert_eq!(urls(&discovery), 1);
        discovery.retry_same_url(discovery.turn(), 3);
        discovery.retry_same_url(discovery.turn(), 3);
        assert_eq!(urls(&discovery), 1);
        discovery.retry_same_url(discovery.turn(), 3);
        assert_eq!(urls(&discovery), 0);
    }

    #[test]
    fn requests_that_try_the_same_at_a_time_count_once() {
        let mut discovery = Discovery::default();
        let tried = discovery.turn();
        for _ in 0..50 {
            discovery.next_url(tried);
        }
        assert_eq!(discovery.turn().url(2), 1);
        let tried = discovery.turn();
        for _ in 0..50 {
            discovery.retry_same_url(tried, 3);
        }
        assert_eq!(discovery.turn(), Turn { url: 1, tries: 1 });
        for _ in 0..50 {
            discovery.retry_same_url(tried, 1);
        }
        assert_eq!(discovery.turn(), Turn { url: 1, tries: 1 }, "it is another's turn by now");
    }
}
