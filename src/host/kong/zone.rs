//! Kong's declaration of the zone of shared data (K6, Q1, S6).

use crate::host::note::ZoneFault;

/// What the operator has declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) struct Zone {
    bytes: u64,
    /// Whether its name stands before its size, as before Kong 3.7.
    is_named: bool,
}

/// What a zone should have for each entry: half as much again as the page that an entry takes (S13). Of that, nginx
/// keeps 24 bytes beside each page; the rest is for other filters. A zone that is full drops entries.
const BYTES_PER_SLOT: u64 = 6144;
/// A zone has room for sixteen entries and what nginx keeps, so that no single entry empties it, and what is being
/// read does not have to go before many others (S13).
const MIN_ZONE_BYTES: u64 = 131_072;

impl Zone {
    /// Reads the value of `nginx_wasm_shm_kv`: a size with an optional unit, then options. Before Kong
    /// 3.7 the zone's name, `*`, stands first.
    ///
    /// # Errors
    /// Why no call for shared data may be made.
    pub(in crate::host) fn parse(text: Option<&[u8]>) -> Result<Zone, ZoneFault> {
        let text = std::str::from_utf8(text.ok_or(ZoneFault::Absent)?).map_err(|_| ZoneFault::Unreadable)?;
        let is_named = text.trim_ascii_start().starts_with('*');
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
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        let bytes = number.ok_or(ZoneFault::Unreadable)?;
        if bytes < MIN_ZONE_BYTES { Err(ZoneFault::TooSmall) } else { Ok(Zone { bytes, is_named }) }
    }

    /// What to declare for so many entries, where this zone is smaller.
    pub(in crate::host) fn too_small_for(self, slots: u32) -> Option<String> {
        let needed = u64::from(slots).saturating_mul(BYTES_PER_SLOT).max(MIN_ZONE_BYTES);
        let name = if self.is_named { "* " } else { "" };
        (self.bytes < needed).then(|| format!("{name}{}m", needed.div_ceil(1024 * 1024)))
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
            (Some("24m"), Ok(24 * 1024 * 1024)),
            (Some("* 24M"), Ok(24 * 1024 * 1024)),
            (Some("128k"), Ok(128 * 1024)),
            (Some("131072"), Ok(131_072)),
            (Some("131071"), Err(TooSmall)),
            (Some("127k"), Err(TooSmall)),
            (Some("64k"), Err(TooSmall)),
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
    fn a_zone_should_hold_every_slot() {
        for (declared, slots, expected) in [
            ("24m", 4096, None),
            ("25165824", 4096, None),
            ("25165823", 4096, Some("24m")),
            ("* 12m", 4096, Some("* 24m")),
            (" * 24M eviction=lru", 4096, None),
            ("* 24575k", 4096, Some("* 24m")),
            ("24576K", 4096, None),
            ("12m", 2048, None),
            ("12m", 2049, Some("13m")),
            ("128k", 2, None),
            ("128k", 21, None),
            ("128k", 22, Some("1m")),
            ("24m", 1_048_576, Some("6144m")),
        ] {
            let zone = Zone::parse(Some(declared.as_bytes())).unwrap();
            assert_eq!(zone.too_small_for(slots).as_deref(), expected, "{declared} for {slots}");
        }
    }

    /// The sizes of ngx_wasm_module's node and of the slots' names on a machine of 64 bits.
    #[test]
    fn an_entry_takes_one_page() {
        const PAGE_BYTES: u64 = 4096;
        const NODE_BYTES: u64 = 96;
        let name = "token_exchange.3840.1048575".len();
        let entry = NODE_BYTES + u64::try_from(name + crate::cache::entry::ENTRY_BYTES).unwrap();
        assert!((PAGE_BYTES / 2..=PAGE_BYTES).contains(&entry), "{entry}");
        const { assert!(BYTES_PER_SLOT > PAGE_BYTES && MIN_ZONE_BYTES >= 16 * BYTES_PER_SLOT) };
    }
}
