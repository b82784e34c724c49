//! What keeps a server from starting, and what does not.

use std::fs;
use std::process::Command;

use crate::server::Server;

#[tokio::test]
async fn a_state_directory_that_can_not_be_made_does_not_keep_a_server_from_starting() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("state"), "no directory").unwrap();
    let server = Server::start(&files);
    server.socket().await;
}

#[tokio::test]
async fn a_server_may_open_as_many_files_as_its_hard_limit_allows() {
    let files = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    let limited = "ulimit -Sn 64 && exec \"$0\" \"$@\"";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_meridian")]);
    let server = Server::start_by(command, &files);
    server.socket().await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let open_files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard, _] = open_files.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{open_files:?}")
    };
    assert_eq!(soft, hard);
}
