//! What is known of a request's body, as plain data.

/// How much of a request's body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes, and more may follow.
    Coming(usize),
    /// All of it: so many bytes, to be read now.
    Whole(usize),
    /// All of it, and the gateway hands it over no more.
    Gone,
}

impl Default for Body {
    fn default() -> Self {
        Body::Coming(0)
    }
}

impl Body {
    /// After a callback that sees `size` bytes, all that have come and were held back.
    pub(super) fn after(self, size: usize, is_end: bool) -> Body {
        match self {
            Body::Coming(_) if is_end => Body::Whole(size),
            Body::Coming(_) => Body::Coming(size),
            Body::Whole(_) | Body::Gone => self,
        }
    }

    /// After trailers, which end it.
    pub(super) fn ended(self) -> Body {
        match self {
            Body::Coming(size) => Body::Whole(size),
            Body::Whole(_) | Body::Gone => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_end_a_body_and_nothing_begins_it_again() {
        let body = Body::default().after(3, false).after(7, false);
        assert_eq!(body, Body::Coming(7));
        assert_eq!(body.ended(), Body::Whole(7));
        assert_eq!(body.after(9, true), Body::Whole(9));
        assert_eq!(body.ended().after(1, false), Body::Whole(7));
        assert_eq!(Body::Gone.after(1, true).ended(), Body::Gone);
    }
}
