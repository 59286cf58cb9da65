//! Instants as plain data. There is no clock here: the time is an argument.

use std::time::{Duration, UNIX_EPOCH};

/// The largest NumericDate that counts as a date: 2^53, past which a JSON number no longer holds
/// whole seconds exactly.
const MAX_NUMERIC_DATE: u64 = 1 << 53;

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Every operation saturates, so no date that an authorization server or a client chose can
/// overflow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The instant `milliseconds` after the epoch.
    pub const fn from_milliseconds(milliseconds: u64) -> UnixTime {
        UnixTime(milliseconds)
    }

    /// The instant `seconds` after the epoch.
    pub const fn from_seconds(seconds: u64) -> UnixTime {
        UnixTime(seconds.saturating_mul(1000))
    }

    /// Reads a NumericDate (RFC 7519 section 2): whole or fractional seconds, as a JSON number.
    ///
    /// `None` for what is not a date: not a number, negative, or above 2^53. A fraction of a
    /// millisecond is dropped.
    pub fn from_numeric_date(value: &serde_json::Value) -> Option<UnixTime> {
        if let Some(seconds) = value.as_u64() {
            return (seconds <= MAX_NUMERIC_DATE).then(|| UnixTime::from_seconds(seconds));
        }
        let seconds = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
        if seconds.as_secs() > MAX_NUMERIC_DATE {
            return None;
        }
        Some(UnixTime(u64::try_from(seconds.as_millis()).ok()?))
    }

    /// Reads an HTTP-date, in any of its three forms (RFC 9110 section 5.6.7); `None` for what is none.
    pub fn from_http_date(text: &str) -> Option<UnixTime> {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime(whole_milliseconds(since_epoch)))
    }

    /// Milliseconds since the epoch.
    pub const fn as_milliseconds(self) -> u64 {
        self.0
    }

    /// The instant `duration` later, or the last one there is.
    pub fn saturating_add(self, duration: Duration) -> UnixTime {
        UnixTime(self.0.saturating_add(whole_milliseconds(duration)))
    }

    /// The instant `duration` earlier, or the epoch.
    pub fn saturating_sub(self, duration: Duration) -> UnixTime {
        UnixTime(self.0.saturating_sub(whole_milliseconds(duration)))
    }

    /// How long it is from `self` until `later`; zero when `later` has passed.
    pub fn until(self, later: UnixTime) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numeric_dates_are_json_numbers_up_to_two_to_the_53() {
        for (value, expected) in [
            (json!(1_800_000_000_u64), Some(1_800_000_000_000)),
            (json!(1_800_000_000.5), Some(1_800_000_000_500)),
            (json!(0), Some(0)),
            (json!(9_007_199_254_740_992_u64), Some(9_007_199_254_740_992_000)),
            (json!(9_007_199_254_740_993_u64), None),
            (json!(u64::MAX), None),
            (json!(1e64), None),
            (json!(-1), None),
            (json!(-0.5), None),
            (json!("1800000000"), None),
            (json!(null), None),
            (json!(true), None),
            (json!([1_800_000_000]), None),
        ] {
            let read = UnixTime::from_numeric_date(&value).map(UnixTime::as_milliseconds);
            assert_eq!(read, expected, "{value}");
        }
    }

    #[test]
    fn http_dates_are_read_to_the_edges_of_their_calendar() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Tue, 29 Feb 2028 12:00:00 GMT", Some(1_835_438_400)),
            ("Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("Tuesday, 31-Dec-69 23:59:59 GMT", Some(3_155_759_999)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sat, 01 Jan 0000 00:00:00 GMT", None),
            ("Mon, 29 Feb 2027 12:00:00 GMT", None),
            ("Fri, 31 Nov 9999 23:59:59 GMT", None),
            ("Sat, 32 Dec 9999 23:59:59 GMT", None),
            ("Fri, 00 Dec 9999 23:59:59 GMT", None),
            ("Fri, 31 Dec 9999 23:59:60 GMT", None),
            ("Fri, 31 Dec 9999 24:00:00 GMT", None),
            ("Fri, 31 Dec 9999 23:59:59 gmt", None),
            ("Fri, 31 D\u{e9}c 9999 23:59:59 GMT", None),
            ("", None),
        ] {
            let seconds = UnixTime::from_http_date(text).map(|it| it.as_milliseconds() / 1000);
            assert_eq!(seconds, expected, "{text}");
        }
        let mut dates = 0;
        for day in 0..=99 {
            for month in ["Jan", "Feb", "Apr", "Dec", "Dez"] {
                for year in ["0000", "1969", "1970", "2000", "9999"] {
                    for weekday in ["Mon", "Sun", "Thu"] {
                        let text = format!("{weekday}, {day:02} {month} {year} 23:59:59 GMT");
                        dates += u32::from(UnixTime::from_http_date(&text).is_some());
                    }
                }
            }
        }
        assert!(dates > 100, "{dates}");
    }

    #[test]
    fn arithmetic_saturates() {
        let last = UnixTime::from_milliseconds(u64::MAX);
        assert_eq!(last.saturating_add(Duration::MAX), last);
        let first = UnixTime::from_seconds(0);
        assert_eq!(first.saturating_sub(Duration::from_secs(1)), first);
        assert_eq!(last.until(first), Duration::ZERO);
    }
}
