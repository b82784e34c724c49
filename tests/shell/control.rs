//! What the single writer publishes, frees and saves.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use meridian::answer::Generation;
use meridian::health::HealthState;
use meridian::route::Saved;
use meridian::store::Store;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::time::timeout;

use crate::running::{Running, UNCHECKED, until};

#[tokio::test]
async fn the_first_generation_is_1() {
    let control = Running::start(UNCHECKED);
    control.handle.ready().await.unwrap();
    assert_eq!(control.handle.snapshot().generation, Generation(1));
}

#[tokio::test]
async fn the_end_of_the_control_task_is_told_and_nothing_before_it() {
    let control = Running::start(UNCHECKED);
    control.handle.ready().await.unwrap();
    tokio::select! {
        biased;
        () = control.handle.ended() => panic!("it runs"),
        status = control.handle.status() => assert!(status.is_ok()),
    }
    control.handle.stop().await.unwrap();
    timeout(Duration::from_secs(30), control.handle.ended()).await.unwrap();
}

#[tokio::test]
async fn a_replaced_generation_is_freed_while_results_keep_coming() {
    let control = Running::start(&refusing("10ms"));
    control.handle.ready().await.unwrap();
    let replaced = Arc::downgrade(&control.handle.snapshot());
    assert!(control.handle.reload().await.unwrap().clean);
    until("the replaced generation is freed", || replaced.strong_count() == 0).await;
}

#[tokio::test]
async fn generations_that_follow_each_other_fast_are_freed_meanwhile() {
    let control = Running::start(UNCHECKED);
    control.handle.ready().await.unwrap();
    let mut replaced = vec![];
    for _ in 0..200 {
        replaced.push(Arc::downgrade(&control.handle.snapshot()));
        assert!(control.handle.reload().await.unwrap().clean);
    }
    let left = replaced.iter().filter(|snapshot| snapshot.strong_count() > 0).count();
    assert!(left < 100, "{left} generations are left");
}

#[tokio::test]
async fn a_change_of_health_is_saved() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let _control = Running::start_from(&refusing("10ms"), Some(store));
    let state = directory.path().join("state.json");
    let is_down = || std::fs::read_to_string(&state).is_ok_and(|text| text.contains("down"));
    until("the refusing endpoint is saved as down", is_down).await;
}

#[tokio::test]
async fn what_a_stop_saves_is_there_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let control = Running::start_from(&refusing("10ms"), Some(store));
    control.handle.ready().await.unwrap();
    control.handle.stop().await.unwrap();
    let saved: Saved = Store::open(directory.path()).unwrap().load().unwrap().unwrap();
    let states: Vec<_> = saved.monitors.values().map(|monitor| monitor.state).collect();
    assert_eq!(states, [HealthState::Down]);
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_keep_control_from_ending() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    // What is opened to be written to waits for a reader that never comes.
    mkfifo(&directory.path().join("state.json.new"), Mode::S_IRWXU).unwrap();
    let control = Running::start_from(&refusing("10ms"), Some(store));
    control.handle.ready().await.unwrap();
    let stopped = timeout(Duration::from_secs(30), control.handle.stop()).await;
    assert_eq!(stopped, Ok(Ok(())));
}

#[tokio::test]
async fn a_reload_waits_while_loads_are_held() {
    let control = Running::start(UNCHECKED);
    assert!(control.handle.hold_loads().await.unwrap().clean);
    let (reload, look) = (control.handle.reload(), async {
        // It is asked after the reload, and answered before it.
        let status = control.handle.status().await.unwrap();
        assert_eq!(status.load.succeeded, 1);
        control.handle.resume_loads().await.unwrap();
    });
    let (report, ()) = tokio::join!(biased; reload, look);
    assert!(report.unwrap().clean);
    assert_eq!(control.handle.status().await.unwrap().load.succeeded, 2);
}

#[tokio::test]
async fn loads_are_held_once_the_one_under_way_has_ended() {
    let control = Running::start(UNCHECKED);
    let (report, load) = tokio::join!(biased; control.handle.reload(), control.handle.hold_loads());
    assert!(report.unwrap().clean);
    assert_eq!(load.unwrap().succeeded, 2);
}

#[tokio::test]
async fn who_waits_for_a_reload_is_told_when_there_will_be_none() {
    let control = Running::start(UNCHECKED);
    control.handle.hold_loads().await.unwrap();
    let (report, ended) = tokio::join!(biased; control.handle.reload(), control.handle.end_loads());
    ended.unwrap();
    assert!(report.is_err());
    assert!(control.handle.reload().await.is_err());
    assert_eq!(control.handle.status().await.unwrap().load.succeeded, 1);
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
