//! Where the API is served: a Unix socket that its group may use, and TCP.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use axum::Router;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// The control socket, removed when dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: Option<UnixListener>,
}

/// Owner and group may ask and act.
const MODE: u32 = 0o660;

impl ControlSocket {
    /// Opens the socket at `path`. One that no process listens on is left over, and replaced.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not a socket"));
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another server listens on it",
                ));
            }
            Ok(_) => std::fs::remove_file(path)?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self { path: path.into(), listener: Some(listener) })
    }

    /// Serves until `stop` turns true.
    pub async fn serve(mut self, routes: Router, stop: watch::Receiver<bool>) -> io::Result<()> {
        match self.listener.take() {
            Some(listener) => {
                axum::serve(listener, routes).with_graceful_shutdown(stopped(stop)).await
            }
            None => Ok(()),
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Serves on TCP until `stop` turns true.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    axum::serve(listener, routes).with_graceful_shutdown(stopped(stop)).await
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // A sender that is gone means stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}
