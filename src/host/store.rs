//! The gateway's shared data, used only where it is known to be there.
//!
//! Kong's host traps on every shared-data call while no zone is declared, on a value that the zone
//! cannot hold, and on a full zone that evicts nothing. So the zone's declaration is read first.

use super::gateway::{Kind, SharedZone};
use super::raw::{self, Status};
use crate::cache::shared::{SharedStore, Slot, Version, Written};
use crate::policy::SharedData;
use crate::report::{Level, Report};

/// Kong's declaration of the zone for keys without a prefix, as its operator wrote it.
const ZONE: &[&str] = &["kong", "configuration", "nginx_wasm_shm_kv"];

/// Shared data that can be used, or none.
#[derive(Clone, Copy)]
pub(super) struct Store {
    /// The longest entry that is written; 0 where nothing may be read or written.
    longest_entry: usize,
}

impl Store {
    /// Finds out what the gateway has, once for a configuration, and says what an operator should
    /// know. Only in callbacks of a request.
    pub(super) fn detect(kind: Kind, wanted: SharedData, report: &mut Report) -> Store {
        let zone = match (wanted, kind) {
            (SharedData::Off, _) => return Store { longest_entry: 0 },
            (_, Kind::Envoy) => SharedZone::Unbounded,
            (_, Kind::Kong) => SharedZone::of_declaration(raw::property(ZONE).ok().as_deref()),
        };
        if let Some(why) = zone.unusable() {
            let level = if wanted == SharedData::On { Level::Error } else { Level::Warn };
            report.add(level, format!("workers share no tokens: {why}"));
        }
        Store { longest_entry: zone.longest_entry() }
    }
}

impl SharedStore for Store {
    fn get(&mut self, slot: Slot) -> (Option<Vec<u8>>, Version) {
        if self.longest_entry == 0 {
            return (None, Version(0));
        }
        match raw::shared_data(&slot.name()) {
            Ok((bytes, version)) => (Some(bytes), Version(version)),
            Err(_) => (None, Version(0)),
        }
    }

    fn put(&mut self, slot: Slot, version: Version, entry: &[u8]) -> Written {
        if entry.len() > self.longest_entry {
            return Written::Refused;
        }
        match raw::set_shared_data(&slot.name(), entry, version.0) {
            Ok(()) => Written::Done,
            Err(Status::CAS_MISMATCH) => Written::Lost,
            Err(_) => Written::Refused,
        }
    }
}
