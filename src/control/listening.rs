//! Addresses and workers as the last load wants them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use crate::config::{Code, Settings};
use crate::diag::Diagnostic;
use crate::serve::tcp::Limits;
use crate::serve::{ListenError, Transports, Wanted};

use super::{Control, Loaded};

/// What these settings want of the transports.
pub fn wanted(settings: &Settings) -> Wanted {
    let workers = settings.workers.or_else(|| available_parallelism().ok());
    let workers = workers.map_or(1, NonZeroUsize::get);
    // A hand-over has a copy of each for a moment.
    let sockets = 2 * settings.listen.len() * (workers + 2);
    Wanted {
        listen: settings.listen.clone(),
        workers,
        reserved: sockets + settings.outstanding_probes + OTHER_FILES,
        limits: Limits {
            idle: settings.tcp.idle,
            lifetime: settings.tcp.lifetime,
            connections: settings.tcp.connections,
            per_client: settings.tcp.per_client,
        },
        rate_limit: settings.rate_limit.clone(),
    }
}

/// Descriptors for files that are read and saved, the control socket and its clients, and the runtime.
const OTHER_FILES: usize = 128;

impl Control {
    /// Takes the transports, which were opened by the first load; there may have been others since.
    pub(super) fn serve(&mut self, transports: Arc<Mutex<Transports>>) {
        self.transports = Some(transports);
        let loaded = self.loaded.clone();
        for fault in self.listen(&loaded) {
            tracing::error!("{}", fault.message);
        }
    }

    /// Has the transports be what `loaded` wants. What they can't be is told, and then all of them
    /// stay as they were.
    pub(super) fn listen(&mut self, loaded: &Loaded) -> Vec<Diagnostic> {
        let Some(transports) = &self.transports else { return vec![] };
        let mut transports = transports.lock().unwrap_or_else(PoisonError::into_inner);
        let errors = transports.change(&wanted(loaded.settings())).err().unwrap_or_default();
        errors.iter().map(|error| cannot_listen(error, loaded)).collect()
    }
}

fn cannot_listen(error: &ListenError, loaded: &Loaded) -> Diagnostic {
    let message = error.to_string();
    let fault = match loaded.listen_span() {
        Some(span) => Code::CannotListen.at(span, message).label("not all of these can be had"),
        None => Code::CannotListen.fault(message),
    };
    fault.remedy("`listen`, `workers` and `[server.tcp]` stay as they were until a reload succeeds")
}
