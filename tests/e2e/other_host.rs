//! Another host, whose addresses and cable come and go.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::daemon::eventually;
use super::namespace::{output, run};

/// A host of its own, joined to this one by cables.
#[derive(Debug)]
pub struct OtherHost {
    /// Has the namespace for as long as it waits.
    holder: Child,
}

impl OtherHost {
    /// It has no address yet but its own loopback.
    pub fn new() -> Self {
        let mut holder = Command::new("unshare");
        holder.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let host = Self { holder: holder.spawn().unwrap() };
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
        let (own, other) = (network("self").unwrap(), host.holder.id().to_string());
        eventually("its network", || network(&other).is_ok_and(|of| of != own).then_some(()));
        host.ip("link set lo up");
        host
    }

    /// Joins it by one more cable: `near` is the end here, `far` the other.
    pub fn join(&self, near: &str, far: &str) {
        let id = self.holder.id().to_string();
        run("ip", &["link", "add", near, "type", "veth", "peer", "name", far, "netns", &id]);
        run("ip", &["link", "set", near, "up"]);
        self.ip(&format!("link set {far} up"));
    }

    /// Has `ip` do something there.
    #[track_caller]
    pub fn ip(&self, arguments: &str) -> String {
        let mut ip = Command::new("ip");
        ip.args(arguments.split(' '));
        output(&mut self.there(&ip))
    }

    /// The same command, to be run there.
    pub fn there(&self, command: &Command) -> Command {
        let mut there = Command::new("nsenter");
        there.arg(format!("--net=/proc/{}/ns/net", self.holder.id()));
        there.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => there.env(name, value),
                None => there.env_remove(name),
            };
        }
        there.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
        there
    }

    /// Sets a parameter of its kernel.
    #[track_caller]
    pub fn set(&self, parameter: &str, value: u32) {
        let mut echo = Command::new("sh");
        echo.args(["-c", &format!("echo {value} > /proc/sys/{parameter}")]);
        output(&mut self.there(&echo));
    }
}

impl Drop for OtherHost {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
