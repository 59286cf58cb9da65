//! Kong's declaration of the zone of shared data (K6, Q1, S6).

use crate::host::note::ZoneFault;

/// What the operator has declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) struct Zone {
    bytes: usize,
}

/// A zone has room for this many of its longest entries, so that no single one empties it.
const MIN_ENTRIES: usize = 16;
/// In bytes.
const MIN_ZONE_BYTES: usize = 65_536;

impl Zone {
    /// Reads the value of `nginx_wasm_shm_kv`: a size with an optional unit, then options. Before Kong
    /// 3.7 the zone's name, `*`, stands first.
    ///
    /// # Errors
    /// Why no call for shared data may be made.
    pub(in crate::host) fn parse(text: Option<&[u8]>) -> Result<Zone, ZoneFault> {
        let text = std::str::from_utf8(text.ok_or(ZoneFault::Absent)?).map_err(|_| ZoneFault::Unreadable)?;
        let mut words = text.split_ascii_whitespace().skip_while(|word| *word == "*");
        let size = words.next().unwrap_or_default();
        if words.any(|option| option == "eviction=none") {
            return Err(ZoneFault::NeverEvicts);
        }
        let (digits, unit) = match size.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1024),
            None => match size.strip_suffix(['m', 'M']) {
                Some(digits) => (digits, 1024 * 1024),
                None => (size, 1),
            },
        };
        let number = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
        let bytes = number.ok_or(ZoneFault::Unreadable)?;
        if bytes < MIN_ZONE_BYTES { Err(ZoneFault::TooSmall) } else { Ok(Zone { bytes }) }
    }

    /// The longest entry to write, in bytes.
    pub(in crate::host) fn max_entry_bytes(self) -> usize {
        self.bytes / MIN_ENTRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_used_only_where_it_is_declared_and_evicts() {
        use ZoneFault::{Absent, NeverEvicts, TooSmall, Unreadable};
        for (declared, expected) in [
            (None, Err(Absent)),
            (Some("12m"), Ok(12 * 1024 * 1024)),
            (Some("* 12m"), Ok(12 * 1024 * 1024)),
            (Some("1M"), Ok(1024 * 1024)),
            (Some("128k"), Ok(128 * 1024)),
            (Some("65536"), Ok(65_536)),
            (Some("16k"), Err(TooSmall)),
            (Some("12m eviction=lru"), Ok(12 * 1024 * 1024)),
            (Some("12m  eviction=none"), Err(NeverEvicts)),
            (Some("lots"), Err(Unreadable)),
            (Some(""), Err(Unreadable)),
            (Some("99999999999999999999m"), Err(Unreadable)),
        ] {
            let read = Zone::parse(declared.map(str::as_bytes));
            assert_eq!(read.map(|zone| zone.bytes), expected, "{declared:?}");
        }
    }

    #[test]
    fn no_entry_empties_the_zone() {
        assert_eq!(Zone::parse(Some(b"64k")).unwrap().max_entry_bytes(), 4096);
    }
}
