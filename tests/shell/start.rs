//! What keeps a server from starting, and what does not.

use std::fs;

use crate::server::Server;

#[tokio::test]
async fn a_state_directory_that_can_not_be_made_does_not_keep_a_server_from_starting() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("state"), "no directory").unwrap();
    let server = Server::start(&files);
    server.socket().await;
}
