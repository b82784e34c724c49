//! The files that an operator edits: TOML to core types, every fault with its place and remedy.
//!
//! Three steps, so that a zone at fault hurts no other. `server` and `policy` read one file each
//! and know nothing of the others; `include` makes one file of several, `readings` keeps what was
//! read for as long as its text is the same. [`load()`] finds the files, reads them all, and checks
//! each zone with its policy against `meridian.toml`; [`Survey`] notes what it looked at, and
//! `accident` has wait what nobody may have meant. [`Load::build`] combines what is whole into a
//! [`Config`]; in place of a zone at fault it puts what the last `Config` has of it, whose policy
//! names azs, pools and checks by name and so fits any `meridian.toml`. No core module may know
//! this one.

mod accident;
mod authorities;
mod build;
mod capacity;
mod check;
mod clients;
mod cname;
mod code;
mod content;
mod cookie_secrets;
mod country;
mod damping;
mod database_file;
mod demand;
mod failback;
mod fence;
mod files;
mod fingerprint;
mod guard;
mod include;
pub mod key;
mod load;
mod load_path;
mod load_sources;
mod max_move;
mod policy;
mod pool;
mod reader;
mod readiness;
mod readings;
mod safety;
mod server;
mod settings;
mod shared;
pub(crate) mod suggestion;
mod survey;
mod topology;
mod weights;

use std::path::PathBuf;

pub use build::{Config, ConfiguredZone};
pub use code::Code;
pub use database_file::{DATABASE_DIRECTORIES, DatabaseFile};
pub use demand::{DemandFile, demand};
pub use files::{is_of_a_zone, list, open};
pub use fingerprint::{Fingerprint, PathKind};
pub use load::{ControlSocket, Hold, Load, control_socket, load, reload, reload_still};
pub use settings::{LogFormat, LogLevel, LogSettings, Settings, TcpSettings};
pub use survey::{Looked, Still, Stillness, Survey};

/// What the host has prepared; it is looked up by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `STATE_DIRECTORY`, as systemd sets it.
    pub state_directory: Option<PathBuf>,
    /// `RUNTIME_DIRECTORY`, as systemd sets it.
    pub runtime_directory: Option<PathBuf>,
    /// Where databases are found that are not beside the configuration.
    pub database_directories: Vec<PathBuf>,
    /// The name of the host.
    pub host_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::{any, prop, proptest};
    use proptest::sample::Index;

    use super::policy::{check_azs, policy};
    use super::server::{ServerFile, server};
    use super::shared::Scope;
    use super::*;
    use crate::diag::{Diagnostic, Sources, Style, render};
    use crate::route::ViewSpec;
    use crate::span::FileId;
    use crate::wire::Name;

    const SERVER: &[u8] = include_bytes!("../../meridian.toml");
    const POLICY: &[u8] = include_bytes!("../../zones/app.example.toml");

    /// Every text yields a topology or at least one error, and every fault can be shown.
    fn check(server_text: &[u8], policy_text: &[u8]) {
        let mut sources = Sources::new();
        let [first, second] = [server_text, policy_text].map(|text| sources.add("a.toml", text));
        let directory = Path::new("");
        let origin = Name::from_text(b"app.example", &Name::root()).unwrap();
        let (server, mut faults) = server(server_text, first, directory, &Environment::default());
        let (policy, of_policy) = policy(policy_text, second, &origin, directory);
        faults.extend(of_policy);
        faults.extend(check_azs(policy.pools.iter(), &server.azs));
        faults.extend(server.groups.check(policy.pools.iter()));
        if server.is_whole && policy.is_whole {
            faults.extend(Scope::of_zone(&policy, &server.shared).check_names());
        }
        for fault in &faults {
            render(fault, &sources, Style::Plain);
        }
        if !faults.iter().any(Diagnostic::is_error) {
            let ServerFile { azs, shared, groups, .. } = &server;
            assert!(topology::topology(azs, shared, groups, &[&policy]).is_ok());
        }
    }

    /// `text` with some bytes replaced by others, from within or from anywhere.
    fn mutated(text: &[u8], edits: &[(Index, u8, Index, Index, Vec<u8>)]) -> Vec<u8> {
        let mut text = text.to_vec();
        for (at, length, from, source, bytes) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + usize::from(*length)).min(text.len());
            let copied = &text[from.index(text.len() + 1)..];
            let copied = copied[..copied.len().min(usize::from(*length))].to_vec();
            let new = if source.index(2) == 0 { copied } else { bytes.clone() };
            text.splice(start..end, new);
        }
        text
    }

    #[test]
    fn more_rules_than_a_view_can_hold_are_refused() {
        let rule = "[[pool.web.rules]]\nclients = [\"asn:64500\"]\nprefer = [\"mumbai\"]\n";
        let origin = Name::from_text(b"app.example", &Name::root()).unwrap();
        let refuses = |rules: usize| {
            let text =
                format!("pool.web.endpoints.mumbai = [\"203.0.113.10\"]\n{}", rule.repeat(rules));
            let (_, faults) = policy(text.as_bytes(), FileId(0), &origin, Path::new(""));
            faults.iter().any(|fault| fault.code == Code::TooManyRules.text())
        };
        assert!(!refuses(ViewSpec::MAX_RULES));
        assert!(refuses(ViewSpec::MAX_RULES + 1));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(
            server in prop::collection::vec(any::<u8>(), 0..200),
            policy in "[\\[\\]a-z.=\"{}, 0-9\n]{0,200}",
        ) {
            check(&server, policy.as_bytes());
            check(policy.as_bytes(), &server);
        }

        #[test]
        fn no_edit_of_a_whole_file_is_a_panic_or_a_false_topology(
            edits in prop::collection::vec(any::<(Index, u8, Index, Index, Vec<u8>)>(), 0..4),
        ) {
            check(&mutated(SERVER, &edits), POLICY);
            check(SERVER, &mutated(POLICY, &edits));
        }
    }
}
