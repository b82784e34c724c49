//! What the single writer publishes, frees and saves.

use std::net::TcpListener;
use std::sync::Arc;

use meridian::answer::Generation;

use crate::running::{Running, UNCHECKED, until};

#[tokio::test]
async fn the_first_generation_is_1() {
    let control = Running::start(UNCHECKED);
    control.handle.ready().await.unwrap();
    assert_eq!(control.handle.snapshot().generation, Generation(1));
}

#[tokio::test]
async fn a_replaced_generation_is_freed_while_results_keep_coming() {
    let control = Running::start(&refusing("10ms"));
    control.handle.ready().await.unwrap();
    let replaced = Arc::downgrade(&control.handle.snapshot());
    assert!(control.handle.reload().await.unwrap().clean);
    until("the replaced generation is freed", || replaced.strong_count() == 0).await;
}

/// A pool of one az, whose endpoint refuses a probe every `interval`.
fn refusing(interval: &str) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!(
        r#"
        [names]
        www = "web"

        [check.web]
        type = "tcp"
        port = {port}
        interval = "{interval}"
        fast_interval = "{interval}"

        [pool.web]
        check = "web"
        endpoints.mumbai = ["127.0.0.1"]
        "#
    )
}
