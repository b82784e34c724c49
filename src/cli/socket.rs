//! Finding the configuration, and through it the running server.

use std::path::{Path, PathBuf};

use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::client::{self, ClientError};
use crate::config::{self, Environment};

use super::Config;
use super::output::Failure;

/// Where a configuration is looked for when none is named.
const PLACES: [&str; 2] = ["meridian.toml", "/etc/meridian/meridian.toml"];
/// Where systemd's RuntimeDirectory puts the socket of a server whose configuration names none.
const SYSTEM_SOCKET: &str = "/run/meridian/control.sock";

impl Config {
    /// The configuration's path.
    pub(super) fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = &self.config {
            return Ok(path.clone());
        }
        let found = PLACES.iter().map(Path::new).find(|path| path.exists());
        found.map(Into::into).ok_or_else(|| {
            Failure::new(
                "no ./meridian.toml and no /etc/meridian/meridian.toml: name one by --config",
            )
        })
    }

    /// Asks the server that runs with this configuration.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        also: Option<StatusCode>,
    ) -> Result<T, Failure> {
        self.asked(method, path, also)?.map_err(|error| Failure::of_client(&error))
    }

    /// As [`Self::ask`], for who tells refusals apart.
    pub(super) fn asked<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        also: Option<StatusCode>,
    ) -> Result<Result<T, ClientError>, Failure> {
        let socket = self.socket()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(client::ask(&socket, method, path, also)))
    }

    /// As [`Self::ask`], with a body.
    pub(super) fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let socket = self.socket()?;
        let body = serde_json::to_vec(body)?.into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sent = runtime.block_on(client::send(&socket, method, path, body, None));
        sent.map_err(|error| Failure::of_client(&error))
    }

    /// The control socket. It is found even while the configuration has errors.
    pub(super) fn socket(&self) -> Result<PathBuf, Failure> {
        let path = self.path()?;
        let socket = config::control_socket(&path, &environment())
            .map_err(|error| Failure::new(format!("can't read {}: {error}", path.display())))?;
        let system = Path::new(SYSTEM_SOCKET);
        // Where this user may not look, it may well be.
        let may_exist = !matches!(system.try_exists(), Ok(false));
        let is_elsewhere = !socket.is_named && !socket.path.exists() && may_exist;
        Ok(if is_elsewhere { system.into() } else { socket.path })
    }
}

/// What systemd tells by environment variables, where this system keeps databases, and its name.
#[allow(clippy::disallowed_methods, reason = "the command line reads the environment")]
pub(super) fn environment() -> Environment {
    let directory = |name| std::env::var(name).ok().filter(|path| !path.is_empty());
    Environment {
        state_directory: directory("STATE_DIRECTORY").map(Into::into),
        runtime_directory: directory("RUNTIME_DIRECTORY").map(Into::into),
        database_directories: config::DATABASE_DIRECTORIES.map(Into::into).to_vec(),
        host_name: nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()),
    }
}

/// Which stream leads to the journal, as systemd tells the processes that it starts.
#[allow(clippy::disallowed_methods, reason = "the command line reads the environment")]
pub(super) fn journal_stream() -> Option<String> {
    std::env::var("JOURNAL_STREAM").ok()
}
